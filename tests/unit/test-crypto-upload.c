/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/upload.h"

#include <errno.h>
#include <openssl/dsa.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "core/limits.h"
#include "crypto/container.h"
#include "crypto/inspect.h"
#include "crypto/key.h"
#include "util/text.h"

/* A public authority in small: root, intermediate, leaf; made once. */
static struct {
    Issued root, middle, lower, leaf;
    char *root_pem, *middle_pem, *lower_pem, *leaf_pem, *key_pem;
} pki;

static const CertificateSpec leaf_spec = { .subject = "www.example.com",
                                           .names = "DNS:www.example.com,DNS:example.com,IP:192.0.2.1",
                                           .usage = "serverAuth" };

static void pki_make(void)
{
    pki.root = issue(&(CertificateSpec){ .subject = "Root", .authority = true, .not_after = 10 * YEAR },
                     NULL, NULL);
    pki.middle = issue(&(CertificateSpec){ .subject = "Middle", .authority = true, .not_after = 5 * YEAR },
                       &pki.root, NULL);
    pki.lower = issue(&(CertificateSpec){ .subject = "Lower", .authority = true, .not_after = 5 * YEAR },
                      &pki.middle, NULL);
    pki.leaf = issue(&leaf_spec, &pki.lower, NULL);
    pki.root_pem = pem_of(&pki.root);
    pki.middle_pem = pem_of(&pki.middle);
    pki.lower_pem = pem_of(&pki.lower);
    pki.leaf_pem = pem_of(&pki.leaf);
    pki.key_pem = key_pem_of(&pki.leaf);
}

static void pki_done(void)
{
    issued_done(&pki.root);
    issued_done(&pki.middle);
    issued_done(&pki.lower);
    issued_done(&pki.leaf);
    free(pki.root_pem);
    free(pki.middle_pem);
    free(pki.lower_pem);
    free(pki.leaf_pem);
    free(pki.key_pem);
}

/* Both steps in one process: what the import process does, and what is thought of it. */
static int understand(const char *pem, size_t size, Bundle **ret, Problem *problem)
{
    const UploadContext context = { .now = now_seconds() };
    const ContainerInput input = { pem, size };
    _cleanup_upload_result_ UploadResult result = {};
    _cleanup_imported_ Imported *imported = NULL;
    int r;

    r = container_read(&input, NULL, NULL, &imported, problem);
    if (r < 0)
        return r;
    r = upload_examine(imported, &context, &result);
    if (r < 0)
        return r;
    if (report_first_problem(&result.report)) {
        g_assert_null(result.bundle);
        g_assert_cmpint(problem_copy(report_first_problem(&result.report), problem), ==, 0);
        return -EBADMSG;
    }
    *ret = TAKE_PTR(result.bundle);
    return 0;
}

static ProblemCode parse(const char *pem, Bundle **ret, char **ret_text)
{
    _cleanup_problem_ Problem problem = {};
    Bundle *b = NULL;
    int r = understand(pem, strlen(pem), &b, &problem);

    if (r < 0) {
        g_assert_null(b);
        g_assert_cmpint(problem.code, !=, PROBLEM_NONE);
        g_assert_nonnull(problem.text);
        g_assert_null(strstr(problem.text, "PRIVATE KEY-----"));
        g_test_message("%s", problem.text);
        if (ret_text)
            *ret_text = g_strdup(problem.text);
        return problem.code;
    }
    if (ret)
        *ret = b;
    else
        bundle_free(b);
    return PROBLEM_NONE;
}

static void assert_refused(const char *pem, ProblemCode code)
{
    ProblemCode got = parse(pem, NULL, NULL);

    if (got != code)
        g_error("it is %s and not %s", problem_code_to_string(got), problem_code_to_string(code));
}

/* The chain of the PKI: leaf, lower, middle; no root. */
static void assert_taken(const char *pem)
{
    _cleanup_bundle_ Bundle *b = NULL;
    _cleanup_chain_ Chain *again = NULL;
    g_autofree char *all = NULL, *text = NULL, *issuers = g_strconcat(pki.lower_pem, pki.middle_pem, NULL);
    ProblemCode code = parse(pem, &b, &text);

    if (code != PROBLEM_NONE)
        g_error("refused: %s", text);
    g_assert_cmpstr(b->leaf, ==, pki.leaf_pem);
    g_assert_cmpstr(b->issuers, ==, issuers);
    g_assert_cmpstr(b->key, ==, pki.key_pem);
    g_assert_cmpuint(b->root, ==, 0);
    g_assert_cmpuint(b->chain->n_entries, ==, 3);
    g_assert_cmpuint(b->chain->n_names, ==, 3);
    g_assert_cmpstr(b->chain->names[2], ==, "192.0.2.1");
    all = g_strconcat(b->leaf, b->issuers, NULL);
    g_assert_cmpint(chain_from_pem(all, &again), ==, 0);
    assert_chain_equal(b->chain, again);
}

/* All 120 orders of the five parts. */
static void test_any_order(void)
{
    const char *const parts[] = { pki.leaf_pem, pki.lower_pem, pki.middle_pem, pki.root_pem, pki.key_pem };
    unsigned n = 0;

    for (int code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
        g_autoptr(GString) pem = g_string_new(NULL);
        unsigned used = 0;

        for (int i = 0, rest = code; i < 5; i++, rest /= 5) {
            used |= 1U << (rest % 5);
            g_string_append(pem, parts[rest % 5]);
        }
        if (used != 31)
            continue;
        assert_taken(pem->str);
        n++;
    }
    g_assert_cmpuint(n, ==, 120);
}

static void test_without_root(void)
{
    g_autofree char *pem = text_join(pki.leaf_pem, pki.lower_pem, pki.middle_pem, pki.key_pem, NULL);

    assert_taken(pem);
}

static void test_text_between(void)
{
    g_autofree char *pem =
        text_join("Bag Attributes\n    friendlyName: x\nsubject=/CN=www\n", pki.leaf_pem,
                  "\n\n  0 s:CN = Lower\n", pki.lower_pem, "# comment \303\274\n-- \n", pki.middle_pem,
                  "Key:\n", pki.key_pem, "trailing text without end", NULL);

    assert_taken(pem);
}

static void test_line_ends(void)
{
    g_autofree char *pem = text_join(pki.leaf_pem, pki.lower_pem, pki.middle_pem, pki.key_pem, NULL);
    g_auto(GStrv) lines = g_strsplit(pem, "\n", -1);
    g_autofree char *crlf = g_strjoinv("\r\n", lines), *blanks = g_strjoinv(" \t\n", lines);
    g_autofree char *bom = g_strconcat("\xef\xbb\xbf\n", pem, NULL);
    g_autofree char *cut = g_strndup(pem, strlen(pem) - 1);

    assert_taken(crlf);
    assert_taken(blanks);
    assert_taken(bom);
    assert_taken(cut);
}

static void test_duplicates(void)
{
    g_autofree char *pem = text_join(pki.leaf_pem, pki.leaf_pem, pki.lower_pem, pki.root_pem, pki.middle_pem,
                                     pki.lower_pem, pki.root_pem, pki.key_pem, NULL);

    assert_taken(pem);
}

static void test_labels(void)
{
    g_autofree char *traditional = traditional_key_pem_of(&pki.leaf);
    g_autofree char *sec1 = text_join(pki.leaf_pem, pki.lower_pem, pki.middle_pem, traditional, NULL);
    g_autofree char *with_parameters =
        text_join("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
                  traditional, pki.leaf_pem, pki.lower_pem, pki.middle_pem, NULL);
    g_auto(GStrv) split = g_strsplit(pki.leaf_pem, "CERTIFICATE", -1);
    g_autofree char *old = g_strjoinv("X509 CERTIFICATE", split),
                    *old_label = text_join(old, pki.lower_pem, pki.middle_pem, pki.key_pem, NULL);

    g_assert_nonnull(strstr(traditional, "BEGIN EC PRIVATE KEY"));
    assert_taken(sec1);
    assert_taken(with_parameters);
    assert_taken(old_label);
}

static EVP_PKEY *rsa(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);

    g_assert_nonnull(key);
    return key;
}

/* Leaf of a key that is taken, and bundle text of it. */
static char *bundle_of(const CertificateSpec *spec, EVP_PKEY *key, bool traditional)
{
    _cleanup_issued_ Issued leaf = issue(spec, &pki.lower, key);
    _cleanup_free_ char *pem = pem_of(&leaf),
                        *key_pem = traditional ? traditional_key_pem_of(&leaf) : key_pem_of(&leaf);

    return text_join(pem, pki.lower_pem, pki.middle_pem, key_pem, NULL);
}

static void assert_type(char *pem, KeyType type)
{
    _cleanup_bundle_ Bundle *b = NULL;

    g_assert_cmpint(parse(pem, &b, NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(b->chain->key_type, ==, type);
    g_free(pem);
}

static void test_key_types(void)
{
    assert_type(bundle_of(&leaf_spec, rsa(2048), false), KEY_TYPE_RSA_2048);
    assert_type(bundle_of(&leaf_spec, rsa(2048), true), KEY_TYPE_RSA_2048);
    assert_type(bundle_of(&leaf_spec, rsa(2056), false), KEY_TYPE_RSA_OTHER);
    assert_type(bundle_of(&leaf_spec, rsa(3072), false), KEY_TYPE_RSA_3072);
    assert_type(bundle_of(&leaf_spec, rsa(LIMIT_RSA_BITS_MAX), false), KEY_TYPE_RSA_4096);
    assert_type(bundle_of(&leaf_spec, EVP_EC_gen("P-256"), false), KEY_TYPE_ECDSA_P256);
    assert_type(bundle_of(&leaf_spec, EVP_EC_gen("P-384"), false), KEY_TYPE_ECDSA_P384);
    assert_type(bundle_of(&leaf_spec, EVP_EC_gen("P-521"), true), KEY_TYPE_ECDSA_P521);
}

static EVP_PKEY *dsa(void)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
    EVP_PKEY *parameters = NULL, *key = NULL;

    g_assert_cmpint(EVP_PKEY_paramgen_init(context), ==, 1);
    g_assert_cmpint(EVP_PKEY_CTX_set_dsa_paramgen_bits(context, 1024), ==, 1);
    g_assert_cmpint(EVP_PKEY_paramgen(context, &parameters), ==, 1);
    EVP_PKEY_CTX_free(context);
    context = EVP_PKEY_CTX_new(parameters, NULL);
    g_assert_cmpint(EVP_PKEY_keygen_init(context), ==, 1);
    g_assert_cmpint(EVP_PKEY_keygen(context, &key), ==, 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(parameters);
    return key;
}

static void assert_weak(char *pem)
{
    assert_refused(pem, PROBLEM_WEAK_KEY);
    g_free(pem);
}

static void test_weak_keys(void)
{
    assert_weak(bundle_of(&leaf_spec, rsa(1024), false));
    assert_weak(bundle_of(&leaf_spec, rsa(1024), true));
    assert_weak(bundle_of(&leaf_spec, rsa(LIMIT_RSA_BITS_MIN - 8), false));
    assert_weak(bundle_of(&leaf_spec, rsa(LIMIT_RSA_BITS_MAX + 8), false));
    assert_weak(bundle_of(&leaf_spec, EVP_EC_gen("secp256k1"), false));
    assert_weak(bundle_of(&leaf_spec, EVP_EC_gen("P-224"), false));
    assert_weak(bundle_of(&leaf_spec, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), false));
    assert_weak(bundle_of(&leaf_spec, dsa(), false));
    assert_weak(bundle_of(&leaf_spec, dsa(), true));
}

/* RSA of 8192 bits takes long to make: it is put together from numbers, as an attacker would do it. */
static void test_large_key(void)
{
    static const char head[] = "-----BEGIN PRIVATE KEY-----\n", tail[] = "-----END PRIVATE KEY-----\n";
    g_autofree guchar *der = g_malloc0(4700);
    g_autofree char *base64 = NULL, *pem = NULL, *key = NULL;
    g_autoptr(GString) lines = g_string_new(NULL);

    memcpy(der,
           "\x30\x82\x12\x58\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
           "\x05\x00\x04\x82\x12\x42",
           26);
    base64 = g_base64_encode(der, 4700);
    for (size_t i = 0; i < strlen(base64); i += 64)
        g_string_append_printf(lines, "%.64s\n", base64 + i);
    key = g_strconcat(head, lines->str, tail, NULL);
    pem = text_join(pki.leaf_pem, pki.lower_pem, pki.middle_pem, key, NULL);
    assert_refused(pem, PROBLEM_WEAK_KEY);
}

static void test_weak_digest(void)
{
    CertificateSpec spec = leaf_spec;
    _cleanup_issued_ Issued rsa_root =
        issue(&(CertificateSpec){ .subject = "RSA root", .authority = true }, NULL, rsa(2048));
    const EVP_MD *const digests[] = { EVP_sha1(), EVP_md5() };

    for (int pss = 0; pss < 2; pss++)
        for (size_t i = 0; i < (pss ? 1 : ELEMENTSOF(digests)); i++) { /* OpenSSL makes no PSS with MD5 */
            spec.digest = digests[i];
            spec.pss = pss;
            _cleanup_issued_ Issued leaf = issue(&spec, &rsa_root, NULL);
            _cleanup_free_ char *pem = pem_of(&leaf), *key = key_pem_of(&leaf), *root = pem_of(&rsa_root);
            g_autofree char *all = text_join(pem, key, root, NULL);

            assert_refused(all, PROBLEM_WEAK_KEY);
        }
    spec.digest = EVP_sha384();
    spec.pss = true;
    _cleanup_issued_ Issued good = issue(&spec, &rsa_root, NULL);
    _cleanup_free_ char *good_pem = pem_of(&good), *good_key = key_pem_of(&good), *root = pem_of(&rsa_root);
    g_autofree char *all = text_join(good_pem, good_key, root, NULL);

    g_assert_cmpint(parse(all, NULL, NULL), ==, PROBLEM_NONE);
}

static char *encrypted(const EVP_CIPHER *cipher, bool traditional)
{
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char passphrase[] = "secret";
    char *text = NULL;

    if (traditional)
        g_assert_cmpint(
            PEM_write_bio_PrivateKey_traditional(bio, pki.leaf.key, cipher, passphrase, 6, NULL, NULL), ==,
            1);
    else
        g_assert_cmpint(
            PEM_write_bio_PKCS8PrivateKey(bio, pki.leaf.key, cipher, (char *)passphrase, 6, NULL, NULL), ==,
            1);
    g_assert_cmpint(bio_to_text(bio, &text), ==, 0);
    BIO_free(bio);
    return text;
}

static void test_passphrase(void)
{
    for (int traditional = 0; traditional < 2; traditional++) {
        _cleanup_free_ char *key = encrypted(EVP_aes_256_cbc(), traditional);
        g_autofree char *after = text_join(pki.leaf_pem, pki.lower_pem, pki.middle_pem, key, NULL);
        g_autofree char *before = text_join(key, pki.leaf_pem, NULL);

        assert_refused(after, PROBLEM_PASSPHRASE_REQUIRED);
        assert_refused(before, PROBLEM_PASSPHRASE_REQUIRED);
    }
}

static void test_key_mismatch(void)
{
    _cleanup_issued_ Issued other = issue(&leaf_spec, &pki.lower, NULL);
    _cleanup_free_ char *key = key_pem_of(&other);
    g_autofree char *pem = text_join(pki.leaf_pem, pki.lower_pem, pki.middle_pem, key, NULL);

    assert_refused(pem, PROBLEM_KEY_MISMATCH);
}

static void test_nothing_in_it(void)
{
    _cleanup_issued_ Issued other = issue(&leaf_spec, &pki.lower, NULL);
    _cleanup_free_ char *other_key = key_pem_of(&other);
    g_autofree char *no_key = text_join(pki.leaf_pem, pki.lower_pem, NULL),
                    *twice = text_join(pki.leaf_pem, pki.lower_pem, pki.key_pem, other_key, NULL);
    g_autofree char *damaged = text_join(
        pki.leaf_pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", pki.key_pem, NULL);
    g_autofree char *no_base64 = text_join(
        pki.leaf_pem, "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", pki.key_pem, NULL);
    g_autofree char *other_end =
        text_join(pki.key_pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END X-----\n", NULL);
    g_autofree char *cut = g_strndup(pki.leaf_pem, strlen(pki.leaf_pem) / 2),
                    *cut_off = text_join(pki.key_pem, cut, NULL);
    g_autofree char *bad_key =
        text_join(pki.leaf_pem, "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", NULL);
    g_autofree char *bad_sec1 = text_join(
        pki.leaf_pem, "-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n", NULL);

    assert_refused("", PROBLEM_INVALID_BUNDLE);
    assert_refused("hello", PROBLEM_INVALID_BUNDLE);
    assert_refused(pki.key_pem, PROBLEM_INVALID_BUNDLE);
    assert_refused(no_key, PROBLEM_INVALID_BUNDLE);
    assert_refused(twice, PROBLEM_INVALID_BUNDLE);
    assert_refused(damaged, PROBLEM_INVALID_BUNDLE);
    assert_refused(no_base64, PROBLEM_INVALID_BUNDLE);
    assert_refused(other_end, PROBLEM_INVALID_BUNDLE);
    assert_refused(cut_off, PROBLEM_INVALID_BUNDLE);
    assert_refused(bad_key, PROBLEM_INVALID_BUNDLE);
    assert_refused(bad_sec1, PROBLEM_INVALID_BUNDLE);
}

static void test_trusted_certificate(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    _cleanup_free_ char *trusted = NULL;
    g_autofree char *pem = NULL;

    g_assert_cmpint(PEM_write_bio_X509_AUX(bio, pki.leaf.certificate), ==, 1);
    g_assert_cmpint(bio_to_text(bio, &trusted), ==, 0);
    BIO_free(bio);
    g_assert_nonnull(strstr(trusted, "BEGIN TRUSTED CERTIFICATE"));
    pem = text_join(trusted, pki.lower_pem, pki.middle_pem, pki.key_pem, NULL);
    assert_taken(pem);
}

static void test_missing_in_the_middle(void)
{
    g_autofree char *pem = text_join(pki.leaf_pem, pki.middle_pem, pki.key_pem, NULL), *text = NULL;
    _cleanup_issued_ Issued stranger = issue(&(CertificateSpec){ .subject = "Stranger" }, &pki.middle, NULL);
    _cleanup_free_ char *stranger_pem = pem_of(&stranger);
    g_autofree char *foreign =
        text_join(pki.leaf_pem, pki.lower_pem, pki.middle_pem, stranger_pem, pki.key_pem, NULL);

    g_assert_cmpint(parse(pem, NULL, &text), ==, PROBLEM_CHAIN_INCOMPLETE);
    g_assert_nonnull(strstr(text, "Lower"));
    assert_refused(foreign, PROBLEM_CHAIN_INCOMPLETE);
}

/* An issuer of the right name that did not sign. */
static void test_issuer_of_the_same_name(void)
{
    _cleanup_issued_ Issued twin =
        issue(&(CertificateSpec){ .subject = "Lower", .authority = true }, &pki.middle, NULL);
    _cleanup_free_ char *twin_pem = pem_of(&twin);
    g_autofree char *pem = text_join(pki.leaf_pem, twin_pem, pki.middle_pem, pki.key_pem, NULL);

    assert_refused(pem, PROBLEM_INVALID_BUNDLE);
}

static void assert_leaf_refused(const CertificateSpec *spec, ProblemCode code)
{
    g_autofree char *pem = bundle_of(spec, NULL, false);

    assert_refused(pem, code);
}

static void test_leaf(void)
{
    assert_leaf_refused(&(CertificateSpec){ .subject = "www.example.com",
                                            .names = "DNS:www.example.com",
                                            .not_before = -2 * DAY,
                                            .not_after = -60 },
                        PROBLEM_EXPIRED);
    assert_leaf_refused(
        &(CertificateSpec){ .subject = "CA", .names = "DNS:www.example.com", .authority = true },
        PROBLEM_INVALID_BUNDLE);
    assert_leaf_refused(&(CertificateSpec){ .subject = "www.example.com",
                                            .names = "DNS:www.example.com",
                                            .usage = "clientAuth" },
                        PROBLEM_INVALID_BUNDLE);
    assert_leaf_refused(&(CertificateSpec){ .subject = "A Person", .names = "email:a@example.com" },
                        PROBLEM_NAME_MISMATCH);
    assert_leaf_refused(&(CertificateSpec){ .subject = "A Person" }, PROBLEM_NAME_MISMATCH);
}

static void test_expired_issuer(void)
{
    _cleanup_issued_ Issued old = issue(
        &(CertificateSpec){ .subject = "Old", .authority = true, .not_before = -2 * DAY, .not_after = -60 },
        &pki.root, NULL);
    _cleanup_issued_ Issued leaf = issue(&leaf_spec, &old, NULL);
    _cleanup_free_ char *old_pem = pem_of(&old), *leaf_pem = pem_of(&leaf), *key = key_pem_of(&leaf);
    g_autofree char *pem = text_join(leaf_pem, old_pem, key, NULL);

    assert_refused(pem, PROBLEM_EXPIRED);
}

static void test_issuer_is_no_authority(void)
{
    _cleanup_issued_ Issued fake = issue(&(CertificateSpec){ .subject = "Fake" }, &pki.root, NULL),
                            leaf = issue(&leaf_spec, &fake, NULL);
    _cleanup_free_ char *fake_pem = pem_of(&fake), *leaf_pem = pem_of(&leaf), *key = key_pem_of(&leaf);
    g_autofree char *pem = text_join(leaf_pem, fake_pem, key, NULL);

    assert_refused(pem, PROBLEM_CHAIN_INCOMPLETE);
}

static void test_not_yet_valid(void)
{
    CertificateSpec spec = leaf_spec;
    g_autofree char *pem = NULL;

    spec.not_before = 10 * DAY;
    pem = bundle_of(&spec, NULL, false);
    g_assert_cmpint(parse(pem, NULL, NULL), ==, PROBLEM_NONE);
}

static void test_self_signed(void)
{
    _cleanup_issued_ Issued own = issue(&leaf_spec, NULL, NULL);
    _cleanup_free_ char *own_pem = pem_of(&own), *key = key_pem_of(&own);
    g_autofree char *pem = text_join(own_pem, key, NULL);
    _cleanup_bundle_ Bundle *b = NULL;

    g_assert_cmpint(parse(pem, &b, NULL), ==, PROBLEM_NONE);
    g_assert_cmpuint(b->chain->n_entries, ==, 1);
    g_assert_cmpstr(b->issuers, ==, "");
}

static void test_common_name_only(void)
{
    CertificateSpec spec = { .subject = "Old.Example.com" };
    g_autofree char *pem = bundle_of(&spec, NULL, false);
    _cleanup_bundle_ Bundle *b = NULL;

    g_assert_cmpint(parse(pem, &b, NULL), ==, PROBLEM_NONE);
    g_assert_cmpuint(b->chain->n_names, ==, 1);
    g_assert_cmpstr(b->chain->names[0], ==, "old.example.com");
}

/* LIMIT_BUNDLE, LIMIT_CHAIN, LIMIT_NAMES: at the limit and one above. */

static void test_limit_bundle(void)
{
    g_autofree char *pem = text_join(pki.leaf_pem, pki.lower_pem, pki.middle_pem, pki.key_pem, NULL);
    g_autoptr(GString) filled = g_string_new(pem);

    while (filled->len < LIMIT_BUNDLE)
        g_string_append_c(filled, filled->len % 64 == 0 ? '\n' : ' ');
    g_assert_cmpuint(filled->len, ==, LIMIT_BUNDLE);
    assert_taken(filled->str);
    g_string_append_c(filled, '\n');
    assert_refused(filled->str, PROBLEM_LIMITS_EXCEEDED);
}

static void test_limit_chain(void)
{
    g_autoptr(GString) pem = g_string_new(pki.key_pem);
    _cleanup_bundle_ Bundle *b = NULL;
    Issued above = { X509_dup(pki.root.certificate), EVP_PKEY_dup(pki.root.key) };

    for (int i = 0; i < LIMIT_CHAIN - 1; i++) {
        g_autofree char *name = g_strdup_printf("Level %d", i);
        Issued next = issue(&(CertificateSpec){ .subject = name, .authority = true }, &above, NULL);
        _cleanup_free_ char *text = pem_of(&next);

        issued_done(&above);
        above = next;
        g_string_append(pem, text);
    }
    _cleanup_issued_ Issued leaf = issue(&leaf_spec, &above, NULL);
    _cleanup_free_ char *leaf_pem = pem_of(&leaf), *key = key_pem_of(&leaf);
    g_autofree char *all = text_join(pem->str + strlen(pki.key_pem), leaf_pem, key, NULL),
                    *more = text_join(all, pki.root_pem, NULL);

    g_assert_cmpint(parse(all, &b, NULL), ==, PROBLEM_NONE);
    g_assert_cmpuint(b->chain->n_entries, ==, LIMIT_CHAIN);
    assert_refused(more, PROBLEM_LIMITS_EXCEEDED);
    issued_done(&above);
}

static void test_limit_names(void)
{
    for (int extra = 0; extra < 2; extra++) {
        g_autoptr(GString) names = g_string_new("DNS:n0.example.com");
        g_autofree char *pem = NULL;

        for (int i = 1; i < LIMIT_NAMES + extra; i++)
            g_string_append_printf(names, ",DNS:n%d.example.com", i);
        pem = bundle_of(&(CertificateSpec){ .subject = "x", .names = names->str }, NULL, false);
        g_assert_cmpint(parse(pem, NULL, NULL), ==, extra ? PROBLEM_LIMITS_EXCEEDED : PROBLEM_NONE);
    }
}

/* Any byte of a good upload changed: taken or refused, but never a crash. */
static void test_mutated(void)
{
    g_autofree char *pem = text_join(pki.leaf_pem, pki.lower_pem, pki.middle_pem, pki.key_pem, NULL);
    const Sample of = sample_of(2000);
    g_autoptr(GRand) random = g_rand_new_with_seed(of.seed);
    size_t n = strlen(pem);

    for (int i = 0; i < of.n; i++) {
        g_autofree char *copy = g_strdup(pem);
        _cleanup_problem_ Problem problem = {};
        _cleanup_bundle_ Bundle *b = NULL;

        for (int k = g_rand_int_range(random, 1, 4); k > 0; k--)
            copy[g_rand_int_range(random, 0, (gint32)n)] = (char)g_rand_int_range(random, 1, 256);
        if (understand(copy, n, &b, &problem) < 0)
            g_assert_nonnull(problem.text);
        else if (!streq(b->key, pki.key_pem))
            note_failure("round %d: a damaged key is taken", i);
    }
}

int main(int argc, char *argv[])
{
    int r;

    fixture_init(&argc, &argv);
    pki_make();
    g_test_add_func("/upload/any-order", test_any_order);
    g_test_add_func("/upload/without-root", test_without_root);
    g_test_add_func("/upload/text-between", test_text_between);
    g_test_add_func("/upload/line-ends", test_line_ends);
    g_test_add_func("/upload/duplicates", test_duplicates);
    g_test_add_func("/upload/labels", test_labels);
    g_test_add_func("/upload/key-types", test_key_types);
    g_test_add_func("/upload/weak-keys", test_weak_keys);
    g_test_add_func("/upload/large-key", test_large_key);
    g_test_add_func("/upload/weak-digest", test_weak_digest);
    g_test_add_func("/upload/passphrase", test_passphrase);
    g_test_add_func("/upload/key-mismatch", test_key_mismatch);
    g_test_add_func("/upload/nothing-in-it", test_nothing_in_it);
    g_test_add_func("/upload/trusted-certificate", test_trusted_certificate);
    g_test_add_func("/upload/missing-in-the-middle", test_missing_in_the_middle);
    g_test_add_func("/upload/issuer-of-the-same-name", test_issuer_of_the_same_name);
    g_test_add_func("/upload/leaf", test_leaf);
    g_test_add_func("/upload/expired-issuer", test_expired_issuer);
    g_test_add_func("/upload/issuer-is-no-authority", test_issuer_is_no_authority);
    g_test_add_func("/upload/not-yet-valid", test_not_yet_valid);
    g_test_add_func("/upload/self-signed", test_self_signed);
    g_test_add_func("/upload/common-name-only", test_common_name_only);
    g_test_add_func("/upload/limit/bundle", test_limit_bundle);
    g_test_add_func("/upload/limit/chain", test_limit_chain);
    g_test_add_func("/upload/limit/names", test_limit_names);
    g_test_add_func("/upload/mutated", test_mutated);
    r = g_test_run();
    pki_done();
    return r;
}
