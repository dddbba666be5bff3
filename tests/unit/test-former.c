/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "root-fixture.h"

#include <errno.h>

#include "deploy/blocked.h"
#include "deploy/former.h"
#include "util/text.h"

/* This program is the child that examines. */

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"

static Image image_with(const char *text)
{
    return (Image){ .kind = IMAGE_FILE, .data = S(text), .size = strlen(text) };
}

static void test_has_key(void)
{
    const Image with = image_with("x-----BEGIN EC PRIVATE KEY-----"), without = image_with(BEGIN),
                link = { .kind = IMAGE_LINK, .data = S("PRIVATE KEY-----"), .size = 16 };

    g_assert_true(former_has_key(&with));
    g_assert_false(former_has_key(&without));
    g_assert_false(former_has_key(&link));
    g_assert_false(former_has_key(&(Image){}));
}

/* Returns the number of certificates. */
static uint32_t examine_files(const char *full, const char *combined, const char *leaf, const char *issuers,
                              int64_t *ret_end)
{
    const char *texts[_DEPLOY_FILE_MAX] = { [DEPLOY_FULL_CHAIN] = full,
                                            [DEPLOY_COMBINED] = combined,
                                            [DEPLOY_CERTIFICATE] = leaf,
                                            [DEPLOY_CHAIN] = issuers };
    const Image *images[_DEPLOY_FILE_MAX] = {};
    Image all[_DEPLOY_FILE_MAX];
    _cleanup_problem_ Problem problem = {};
    Former found;

    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        if (texts[i]) {
            all[i] = image_with(texts[i]);
            images[i] = all + i;
        }
    if (former_examine(images, now_seconds(), &found, &problem) < 0)
        g_error("%s", problem.text);
    if (ret_end)
        *ret_end = found.not_after;
    else
        g_assert_true((found.not_after != 0) == (found.chain.n != 0));
    return found.chain.n;
}

static void test_chains(void)
{
    _cleanup_issued_ Issued issuer =
        issue(&(CertificateSpec){ .subject = "issuer", .authority = true }, NULL, NULL);
    _cleanup_issued_ Issued leaf =
        issue(&(CertificateSpec){ .subject = "leaf", .names = "DNS:a.example.com" }, &issuer, NULL);
    g_autofree char *a = pem_of(&leaf), *b = pem_of(&issuer), *key = key_pem_of(&leaf),
                    *chain = text_join(a, b, NULL), *key_last = text_join(a, b, key, NULL),
                    *key_first = text_join("# comment\n", key, a, NULL),
                    *key_between = text_join(a, key, b, NULL);

    g_assert_cmpuint(examine_files(chain, NULL, NULL, NULL, NULL), ==, 2);
    g_assert_cmpuint(examine_files(NULL, key_last, NULL, NULL, NULL), ==, 2);
    g_assert_cmpuint(examine_files(NULL, key_first, NULL, NULL, NULL), ==, 1);
    g_assert_cmpuint(examine_files(NULL, NULL, a, b, NULL), ==, 2);
    g_assert_cmpuint(examine_files(NULL, NULL, a, NULL, NULL), ==, 1);
    g_assert_cmpuint(examine_files(NULL, NULL, a, "", NULL), ==, 1);
    /* unknown, rather than wrong */
    g_assert_cmpuint(examine_files(NULL, key_between, NULL, NULL, NULL), ==, 0);
    g_assert_cmpuint(examine_files(NULL, NULL, NULL, NULL, NULL), ==, 0);
    g_assert_cmpuint(examine_files("", NULL, NULL, NULL, NULL), ==, 0);
    g_assert_cmpuint(examine_files(BEGIN, NULL, NULL, NULL, NULL), ==, 0);
    g_assert_cmpuint(examine_files(END BEGIN, NULL, NULL, NULL, NULL), ==, 0);
    g_assert_cmpuint(examine_files(BEGIN "\nAAAA\n" END, NULL, NULL, NULL, NULL), ==, 0);
}

static void test_expired(void)
{
    _cleanup_issued_ Issued leaf = issue(
        &(CertificateSpec){ .subject = "leaf", .not_before = -2 * DAY, .not_after = -DAY }, NULL, NULL);
    g_autofree char *chain = pem_of(&leaf);
    int64_t end = 0;

    g_assert_cmpuint(examine_files(chain, NULL, NULL, NULL, &end), ==, 1);
    g_assert_cmpint(end, >, 0);
    g_assert_cmpint(end, <, now_seconds());
}

static bool is_pair(const char *chain, const char *key)
{
    const Image c = image_with(strempty(chain)), k = image_with(strempty(key));
    const Image *images[_DEPLOY_FILE_MAX] = {
        [DEPLOY_FULL_CHAIN] = chain ? &c : NULL, [DEPLOY_KEY] = key ? &k : NULL
    };
    Former found;

    g_assert_cmpint(former_examine(images, now_seconds(), &found, NULL), ==, 0);
    g_assert_true(!found.mismatched || found.chain.n > 0);
    return !found.mismatched;
}

static void test_pair(void)
{
    _cleanup_issued_ Issued a = issue(&(CertificateSpec){ .subject = "a" }, NULL, NULL),
                            b = issue(&(CertificateSpec){ .subject = "b",
                                                          .not_before = -2 * DAY,
                                                          .not_after = -DAY },
                                      NULL, NULL);
    g_autofree char *chain = pem_of(&a), *key = key_pem_of(&a), *expired = pem_of(&b),
                    *another = key_pem_of(&b);

    g_assert_true(is_pair(chain, key));
    g_assert_true(is_pair(expired, another));
    g_assert_false(is_pair(chain, another));
    g_assert_false(is_pair(expired, key));
    g_assert_true(is_pair(chain, NULL));
    g_assert_true(is_pair(NULL, key));
    g_assert_true(is_pair(chain, "no key"));
    g_assert_true(is_pair("no chain", key));
}

#define NAME "www.example.com"

static FormerVerdict judge(const Folder *store, const char *record, const char *chain)
{
    const Image image = image_with(chain);
    const Image *images[_DEPLOY_FILE_MAX] = { [DEPLOY_COMBINED] = &image };
    _cleanup_source_ SourceStore s = { .fd = -EBADF };
    FormerVerdict verdict;
    Former found;

    if (record)
        folder_write(store, "certificates/" NAME "/record.json", record);
    g_assert_cmpint(source_open(store->path, &s, NULL), ==, 0);
    verdict = former_judge(images, &s, NAME, now_seconds(), &found);
    g_assert_cmpint(former_judge(images, &s, NAME, now_seconds(), NULL), ==, verdict);
    g_assert_nonnull(former_verdict_explain(verdict));
    return verdict;
}

static char *record_with(const Issued *leaf, const char *reason)
{
    uint8_t digest[DIGEST_SIZE];
    char fingerprint[2 * DIGEST_SIZE + 1];
    unsigned size;

    g_assert_cmpint(X509_digest(leaf->certificate, EVP_sha256(), digest, &size), ==, 1);
    hex_encode(digest, sizeof(digest), false, fingerprint);
    return g_strdup_printf(
        "{\"format\":1,\"blocked\":[{\"fingerprint\":\"%s\",\"reason\":\"%s\",\"not-after\":1}]}",
        fingerprint, reason);
}

/* Without a readable record, the former files are the better ones. */
static void test_judge(void)
{
    _cleanup_folder_ Folder store = folder_new();
    _cleanup_issued_ Issued a = issue(&(CertificateSpec){ .subject = "a" }, NULL, NULL),
                            b = issue(&(CertificateSpec){ .subject = "b" }, NULL, NULL),
                            ended = issue(&(CertificateSpec){ .subject = "c",
                                                              .not_before = -2 * DAY,
                                                              .not_after = -DAY },
                                          NULL, NULL);
    g_autofree char *chain = pem_of(&a), *other = pem_of(&b), *expired = pem_of(&ended),
                    *revoked = record_with(&a, "revoked"), *withdrawn = record_with(&a, "withdrawn");

    folder_write(&store, "certificates/" NAME "/1/fullchain.pem", "");
    g_assert_cmpint(judge(&store, NULL, chain), ==, FORMER_USABLE);
    g_assert_cmpint(judge(&store, "{\"format\":1}", chain), ==, FORMER_USABLE);
    g_assert_cmpint(judge(&store, "damaged", chain), ==, FORMER_USABLE);
    g_assert_cmpint(judge(&store, revoked, chain), ==, FORMER_REVOKED);
    g_assert_cmpint(judge(&store, revoked, other), ==, FORMER_USABLE);
    g_assert_cmpint(judge(&store, withdrawn, chain), ==, FORMER_WITHDRAWN);
    g_assert_cmpint(judge(&store, withdrawn, expired), ==, FORMER_EXPIRED);
    g_assert_cmpint(judge(&store, withdrawn, "no chain"), ==, FORMER_USABLE);
}

int main(int argc, char *argv[])
{
    if (argc > 1 && streq(argv[1], "--blocked"))
        blocked_child(argc, argv);
    if (argc > 1 && streq(argv[1], "--examine"))
        examine_child(argc, argv);
    fixture_init(&argc, &argv);
    g_test_add_func("/former/has-key", test_has_key);
    g_test_add_func("/former/chains", test_chains);
    g_test_add_func("/former/pair", test_pair);
    g_test_add_func("/former/expired", test_expired);
    g_test_add_func("/former/judge", test_judge);
    return g_test_run();
}
