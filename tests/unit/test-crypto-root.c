/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "core/limits.h"
#include "crypto/container.h"
#include "crypto/inspect.h"
#include "crypto/upload.h"
#include "mutation.h"
#include "util/text.h"

/* One root after the other, made here or uploaded: whoever trusts one of the former ones alone accepts what the newest
 * signs, by OpenSSL always, by GnuTLS where that library can. It counts self-issued certificates against a path length (RFC
 * 5280 section 6.1.4 (l) does not), and it goes along the chain to its end before it asks whether the last certificate, or
 * its issuer, has the name of one that is trusted: in the middle it does not stop. */

#define GENERATIONS_MAX 8
#define FORMER_MAX      3 /* former roots that a chain leads to at least, with what stands above them */

typedef struct Succession {
    Folder folder;
    int64_t now;
    unsigned n;
    Authority *authority;
    bool own;                       /* the newest was made here */
    char *anchors[GENERATIONS_MAX]; /* what clients trust, PEM */
    int64_t ends[GENERATIONS_MAX];
    unsigned gnutls_fails; /* generations, as bits, whose clients certtool speaks for refused */
} Succession;

static Succession succession_new(void)
{
    return (Succession){ .folder = folder_new(), .now = now_seconds() };
}

static void succession_done(Succession *s)
{
    authority_unref(s->authority);
    for (unsigned i = 0; i < s->n; i++)
        g_free(s->anchors[i]);
    folder_done(&s->folder);
}
#define _cleanup_succession_ _cleanup_(succession_done)

static void adopt(Succession *s, Bundle *root, bool own)
{
    Authority *a = NULL;
    _cleanup_problem_ Problem problem = {};

    if (authority_new(root, s->n + 1, s->now, &a, &problem) < 0)
        g_error("no authority: %s", problem.text);
    authority_unref(s->authority);
    s->authority = a;
    s->own = own;
    s->anchors[s->n] = g_strdup(root->anchor ? root->anchor : root->leaf);
    s->ends[s->n++] = authority_not_after(a);
    bundle_free(root);
}

/* As the lifecycle does it: the name is kept among those that were made here. */
static void follow_by_own(Succession *s)
{
    RootTemplate t = { .key_type = s->n % 2 ? KEY_TYPE_ECDSA_P384 : KEY_TYPE_ECDSA_P256,
                       .lifetime = 10 * YEAR,
                       .host = "host.example.com",
                       .now = s->now };
    _cleanup_problem_ Problem problem = {};
    Bundle *b = NULL;

    if (authority_make_root(&t, s->authority, s->own, &b, &problem) < 0)
        g_error("no root: %s", problem.text);
    adopt(s, b, true);
}

static void follow_by_upload(Succession *s, const char *pem)
{
    const UploadContext context = { .authority = true, .now = s->now };
    const ContainerInput input = { pem, strlen(pem) };
    _cleanup_upload_result_ UploadResult result = {};
    _cleanup_imported_ Imported *imported = NULL;
    _cleanup_problem_ Problem problem = {};
    Bundle *b;

    if (container_read(&input, NULL, NULL, &imported, &problem) < 0)
        g_error("not read: %s", problem.text);
    g_assert_cmpint(upload_examine(imported, &context, &result), ==, 0);
    if (!result.bundle)
        g_error("refused: %s", report_first_problem(&result.report)->text);
    b = TAKE_PTR(result.bundle);
    g_assert_cmpint(authority_bridge(b, s->authority, s->now, &problem), ==, 0);
    adopt(s, b, false);
}

/* What clients think of it. */

static bool openssl_accepts(const Succession *s, const char *anchor, bool with_chain, char **ret_said)
{
    g_autofree char *ca = folder_path(&s->folder, anchor), *leaf = folder_path(&s->folder, "leaf.pem"),
                    *issuers = folder_path(&s->folder, "issuers.pem");
    char *argv[] = { S("openssl"),
                     S("verify"),
                     S("-purpose"),
                     S("sslserver"),
                     S("-verify_hostname"),
                     S("www.example.com"),
                     S("-no-CApath"),
                     S("-no-CAstore"),
                     S("-CAfile"),
                     ca,
                     leaf,
                     NULL,
                     NULL,
                     NULL };

    if (with_chain) {
        argv[10] = S("-untrusted");
        argv[11] = issuers;
        argv[12] = leaf;
    }
    return run_program(argv, ret_said) == 0;
}

static bool gnutls_accepts(const Succession *s, const char *anchor)
{
    g_autofree char *ca = folder_path(&s->folder, anchor), *chain = folder_path(&s->folder, "fullchain.pem"),
                    *said = NULL;
    char *argv[] = {
        S("certtool"), S("--verify"), S("--load-ca-certificate"), ca, S("--infile"), chain, NULL
    };

    return run_program(argv, &said) == 0 && strstr(said, "Verified.");
}

static Bundle *make_leaf(const Succession *s)
{
    static char *names[] = { S("www.example.com"), NULL };
    LeafTemplate t = {
        .names = names, .key_type = KEY_TYPE_ECDSA_P256, .lifetime = 90 * DAY, .now = s->now
    };
    _cleanup_problem_ Problem problem = {};
    Bundle *b = NULL;

    if (authority_issue(s->authority, &t, &b, &problem) < 0)
        g_error("no leaf: %s", problem.text);
    return b;
}

static void assert_no_duplicates(const Chain *c)
{
    g_assert_cmpuint(c->n_entries, <=, LIMIT_CHAIN);
    for (unsigned i = 0; i < c->n_entries; i++)
        for (unsigned k = 0; k < i; k++)
            if (streq(c->entries[i].fingerprint, c->entries[k].fingerprint))
                note_failure("\"%s\" is in the chain twice", c->entries[i].subject);
}

/* Whether GnuTLS can see that the newest is trusted. */
static bool ends_near_newest(const Chain *c)
{
    const char *newest = chain_leaf(c)->issuer;
    const ChainEntry *last = c->entries + c->n_entries - 1;

    return streq(last->issuer, newest) || streq(last->subject, newest);
}

/* Whether GnuTLS has to accept it from the newest. */
static bool write_leaf(const Succession *s)
{
    _cleanup_bundle_ Bundle *b = make_leaf(s);
    g_autofree char *full = g_strconcat(b->leaf, b->issuers, NULL);

    assert_no_duplicates(b->chain);
    folder_write(&s->folder, "leaf.pem", b->leaf);
    folder_write(&s->folder, "issuers.pem", b->issuers);
    folder_write(&s->folder, "fullchain.pem", full);
    return ends_near_newest(b->chain);
}

/* Each of the former roots that is valid still, and at most FORMER_MAX of them, and the newest. */
static void check_clients(Succession *s)
{
    unsigned first = s->n > FORMER_MAX + 1 ? s->n - FORMER_MAX - 1 : 0;
    g_autofree char *issuers = NULL;
    bool gnutls_has_to = write_leaf(s);

    issuers = folder_read(&s->folder, "issuers.pem");
    s->gnutls_fails = 0;
    for (unsigned i = first; i < s->n; i++) {
        g_autofree char *said = NULL;

        folder_write(&s->folder, "anchor.pem", s->anchors[i]);
        if (s->ends[i] <= s->now)
            continue;
        if (!openssl_accepts(s, "anchor.pem", *issuers, &said))
            note_failure("generation %u of %u is trusted: %s", i + 1, s->n, said);
        if (program_exists("certtool") && !gnutls_accepts(s, "anchor.pem"))
            s->gnutls_fails |= 1U << i;
    }
    if (s->gnutls_fails)
        g_test_message("of %u generations, certtool does not accept the chain from those of 0x%x", s->n,
                       s->gnutls_fails);
    if (gnutls_has_to && s->gnutls_fails & 1U << (s->n - 1))
        note_failure("certtool does not accept what the newest root signs");
}

/* A stranger is not led in. */
static void check_stranger(Succession *s)
{
    Issued stranger = issue(&(CertificateSpec){ .subject = "Stranger", .authority = true }, NULL, NULL);
    _cleanup_free_ char *pem = pem_of(&stranger);

    folder_write(&s->folder, "stranger.pem", pem);
    g_assert_false(openssl_accepts(s, "stranger.pem", true, NULL));
    issued_done(&stranger);
}

/* Authorities that somebody brings. */

#define CONSTRAINTS       "critical,CA:TRUE"
#define CONSTRAINTS_OF(n) "critical,CA:TRUE,pathlen:" #n

static PartSpec authority_spec(const char *subject, unsigned key, unsigned signer, const char *constraints)
{
    return (PartSpec){ .subject = subject,
                       .key = key,
                       .signer = signer,
                       .not_before = -DAY,
                       .not_after = 3 * YEAR,
                       .constraints = constraints,
                       .usage = "critical,keyCertSign,cRLSign",
                       .subject_id = KEY_ID_RIGHT,
                       .authority_id = KEY_ID_RIGHT,
                       .digest = EVP_sha256(),
                       .serial = 1 + (long)key };
}

/* The first of the specs is the authority, the others lead up to its root. */
static char *make_upload(unsigned n, const PartSpec specs[static LINE_MAX_PARTS])
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    _cleanup_line_ Line l = line_make(random, n, specs);
    g_autoptr(GString) all = g_string_new(NULL);
    Issued first = { l.parts[0].certificate, l.parts[0].key };
    _cleanup_free_ char *key = key_pem_of(&first);

    for (unsigned i = 0; i < n; i++) {
        Issued one = { l.parts[i].certificate, l.parts[i].key };
        _cleanup_free_ char *pem = pem_of(&one);

        g_string_append(all, pem);
    }
    return g_strconcat(all->str, key, NULL);
}

static char *self_signed(const char *subject, unsigned key, const char *constraints)
{
    const PartSpec specs[LINE_MAX_PARTS] = { authority_spec(subject, key, key, constraints) };

    return make_upload(1, specs);
}

/* Two authorities above it. */
static char *intermediate(unsigned key, const char *constraints)
{
    const PartSpec specs[LINE_MAX_PARTS] = { authority_spec("Division", key, 11, constraints),
                                             authority_spec("Country", 11, 12, CONSTRAINTS),
                                             authority_spec("Company", 12, 12, CONSTRAINTS) };

    return make_upload(3, specs);
}

/* NULL: one that is made here. Takes the texts. */
static void check_succession(char *const *uploads, size_t n)
{
    _cleanup_succession_ Succession s = succession_new();

    for (size_t i = 0; i < n; i++) {
        if (uploads[i])
            follow_by_upload(&s, uploads[i]);
        else
            follow_by_own(&s);
        check_clients(&s);
    }
    check_stranger(&s);
    for (size_t i = 0; i < n; i++) {
        bool freed = false;

        for (size_t k = 0; k < i; k++)
            freed = freed || uploads[k] == uploads[i];
        if (!freed)
            g_free(uploads[i]);
    }
}

#define CHECK(...) \
    do { \
        char *_uploads[] = { __VA_ARGS__ }; \
        check_succession(_uploads, ELEMENTSOF(_uploads)); \
    } while (0)

static void test_own(void)
{
    CHECK(NULL, NULL, NULL, NULL, NULL);
}

static void test_uploaded_after_own(void)
{
    CHECK(NULL, self_signed("Corporate", 0, CONSTRAINTS));
    CHECK(NULL, self_signed("Corporate", 0, CONSTRAINTS_OF(0)));
    CHECK(NULL, NULL, self_signed("Corporate", 1, CONSTRAINTS));
}

static void test_intermediate_after_own(void)
{
    CHECK(NULL, intermediate(0, CONSTRAINTS));
    CHECK(NULL, intermediate(1, CONSTRAINTS_OF(0)));
}

static void test_own_after_uploaded(void)
{
    CHECK(self_signed("Corporate", 0, CONSTRAINTS_OF(0)), NULL);
    CHECK(self_signed("Corporate", 0, CONSTRAINTS_OF(1)), NULL);
    CHECK(self_signed("Corporate", 0, CONSTRAINTS), NULL);
    CHECK(self_signed("Corporate", 0, CONSTRAINTS_OF(0)), NULL, NULL, NULL);
    CHECK(self_signed("Corporate", 0, CONSTRAINTS_OF(1)), NULL, NULL, NULL);
}

static void test_own_after_intermediate(void)
{
    CHECK(intermediate(0, CONSTRAINTS), NULL);
    CHECK(intermediate(0, CONSTRAINTS_OF(0)), NULL);
    CHECK(intermediate(0, CONSTRAINTS_OF(0)), NULL, NULL);
}

static void test_uploaded_after_uploaded(void)
{
    CHECK(self_signed("One", 0, CONSTRAINTS), self_signed("Two", 1, CONSTRAINTS));
    CHECK(intermediate(0, CONSTRAINTS), self_signed("Two", 1, CONSTRAINTS), NULL);
    CHECK(self_signed("One", 0, CONSTRAINTS), intermediate(1, CONSTRAINTS), intermediate(3, CONSTRAINTS));
    /* the same name with another key */
    CHECK(self_signed("One", 0, CONSTRAINTS), self_signed("One", 1, CONSTRAINTS));
}

static void test_three_generations(void)
{
    CHECK(NULL, NULL, self_signed("Corporate", 0, CONSTRAINTS), NULL);
    CHECK(NULL, self_signed("Corporate", 0, CONSTRAINTS_OF(0)), NULL, NULL);
    CHECK(NULL, NULL, self_signed("Corporate", 0, CONSTRAINTS_OF(1)), NULL, NULL);
}

/* What stands above an intermediate authority takes no place from the former roots. */
static void test_generations_with_intermediate(void)
{
    CHECK(NULL, intermediate(0, CONSTRAINTS), NULL, NULL);
    CHECK(NULL, NULL, intermediate(0, CONSTRAINTS), NULL);
    CHECK(intermediate(0, CONSTRAINTS), NULL, NULL, NULL);
}

static void test_same_twice(void)
{
    char *same = self_signed("Corporate", 0, CONSTRAINTS), *other = intermediate(0, CONSTRAINTS);

    CHECK(NULL, same, same);
    same = self_signed("Corporate", 0, CONSTRAINTS);
    CHECK(NULL, NULL, same, same, NULL);
    CHECK(NULL, other, other);
}

/* The same authority, once more, is no generation: it forgets none of those before. */
static void test_same_forgets_nothing(void)
{
    g_autofree char *same = self_signed("Corporate", 0, CONSTRAINTS);
    _cleanup_succession_ Succession s = succession_new();

    for (unsigned i = 0; i < FORMER_MAX; i++)
        follow_by_own(&s);
    follow_by_upload(&s, same);
    check_clients(&s);
    for (unsigned i = 0; i < 3; i++) {
        follow_by_upload(&s, same);
        s.n--;
        g_free(TAKE_PTR(s.anchors[s.n]));
        check_clients(&s);
    }
}

static void test_keys(void)
{
    EVP_PKEY *const keys[] = { EVP_EC_gen("P-521"), EVP_RSA_gen(4096), EVP_RSA_gen(2056) };

    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        _cleanup_issued_ Issued ca =
            issue(&(CertificateSpec){ .subject = "Corporate", .authority = true, .usage = "serverAuth" },
                  NULL, keys[i]);
        _cleanup_free_ char *pem = pem_of(&ca), *key = key_pem_of(&ca);

        CHECK(NULL, g_strconcat(pem, key, NULL), NULL);
    }
}

/* Neither the leaves nor the bridges can refer to a key id then. */
static void test_without_key_id(void)
{
    PartSpec specs[LINE_MAX_PARTS] = { authority_spec("Corporate", 0, 0, CONSTRAINTS) };

    specs[0].subject_id = specs[0].authority_id = KEY_ID_NONE;
    CHECK(NULL, make_upload(1, specs), NULL);
    specs[0].constraints = CONSTRAINTS_OF(1);
    CHECK(make_upload(1, specs), NULL, NULL);
}

/* Some authorities have names for key ids that are no digest of the key. */
static void test_other_key_id(void)
{
    PartSpec specs[LINE_MAX_PARTS] = { authority_spec("Corporate", 0, 0, CONSTRAINTS) };

    specs[0].subject_id = KEY_ID_WRONG;
    CHECK(NULL, make_upload(1, specs), NULL);
}

static void test_name_constraints(void)
{
    PartSpec specs[LINE_MAX_PARTS] = { authority_spec("Corporate", 0, 0, CONSTRAINTS) };

    specs[0].name_constraints = "critical,permitted;DNS:example.com";
    CHECK(NULL, make_upload(1, specs), NULL);
    CHECK(make_upload(1, specs), intermediate(1, CONSTRAINTS), NULL);
}

/* Names that the new one may not sign are refused, whatever the former one could. */
static void test_name_constraints_forbid(void)
{
    static char *names[] = { S("www.example.com"), NULL };
    PartSpec specs[LINE_MAX_PARTS] = { authority_spec("Division", 0, 11, CONSTRAINTS),
                                       authority_spec("Company", 11, 11, CONSTRAINTS) };
    _cleanup_succession_ Succession s = succession_new();
    LeafTemplate t = { .names = names, .key_type = KEY_TYPE_ECDSA_P256, .lifetime = DAY, .now = s.now };
    _cleanup_problem_ Problem problem = {};
    g_autofree char *pem = NULL;
    Bundle *b = NULL;

    specs[1].name_constraints = "critical,permitted;DNS:example.org"; /* of the one above it */
    pem = make_upload(2, specs);
    follow_by_own(&s);
    follow_by_upload(&s, pem);
    g_assert_cmpint(authority_issue(s.authority, &t, &b, &problem), ==, -ERANGE);
    g_assert_cmpint(problem.code, ==, PROBLEM_NAME_MISMATCH);
}

/* From one that has come to its end nothing leads on; those before it have ended with their bridges. */
static void test_predecessor_expired(void)
{
    PartSpec specs[LINE_MAX_PARTS] = { authority_spec("Corporate", 0, 0, CONSTRAINTS) };
    _cleanup_succession_ Succession s = succession_new();
    _cleanup_bundle_ Bundle *leaf = NULL;
    g_autofree char *pem = NULL;

    specs[0].not_after = 30 * DAY;
    pem = make_upload(1, specs);
    follow_by_upload(&s, pem);
    follow_by_own(&s);
    check_clients(&s);
    s.now += 31 * DAY;
    follow_by_own(&s);
    leaf = make_leaf(&s);
    g_assert_cmpuint(leaf->chain->n_entries, ==, 2); /* the bridge to the own one that is valid still */
    follow_by_upload(&s, S((g_free(pem), pem = self_signed("Next", 1, CONSTRAINTS))));
    bundle_free(leaf);
    leaf = make_leaf(&s);
    g_assert_cmpuint(leaf->chain->n_entries, ==, 3);
}

/* A chain is never longer than a chain may be, whatever stands above those that came before. */
static void test_limit_chain(void)
{
    PartSpec specs[LINE_MAX_PARTS];
    _cleanup_succession_ Succession s = succession_new();

    for (unsigned round = 0; round < 4; round++) {
        g_autofree char *pem = NULL;

        for (unsigned i = 0; i < 6; i++)
            specs[i] =
                authority_spec((const char *[]){ "A", "B", "C", "D", "E", "F" }[i], (round + 3 * i) % 17,
                               i < 5 ? (round + 3 * i + 3) % 17 : (round + 3 * i) % 17, CONSTRAINTS);
        pem = make_upload(6, specs);
        follow_by_upload(&s, pem);
        (void)write_leaf(&s);
        folder_write(&s.folder, "anchor.pem", s.anchors[s.n - 1]);
        g_assert_true(openssl_accepts(&s, "anchor.pem", true, NULL));
    }
}

int main(int argc, char *argv[])
{
    int r;

    fixture_init(&argc, &argv);
    key_ring_make();
    g_test_add_func("/root/own", test_own);
    g_test_add_func("/root/uploaded-after-own", test_uploaded_after_own);
    g_test_add_func("/root/intermediate-after-own", test_intermediate_after_own);
    g_test_add_func("/root/own-after-uploaded", test_own_after_uploaded);
    g_test_add_func("/root/own-after-intermediate", test_own_after_intermediate);
    g_test_add_func("/root/uploaded-after-uploaded", test_uploaded_after_uploaded);
    g_test_add_func("/root/three-generations", test_three_generations);
    g_test_add_func("/root/generations-with-intermediate", test_generations_with_intermediate);
    g_test_add_func("/root/same-twice", test_same_twice);
    g_test_add_func("/root/same-forgets-nothing", test_same_forgets_nothing);
    g_test_add_func("/root/keys", test_keys);
    g_test_add_func("/root/without-key-id", test_without_key_id);
    g_test_add_func("/root/other-key-id", test_other_key_id);
    g_test_add_func("/root/name-constraints", test_name_constraints);
    g_test_add_func("/root/name-constraints-forbid", test_name_constraints_forbid);
    g_test_add_func("/root/predecessor-expired", test_predecessor_expired);
    g_test_add_func("/root/limit-chain", test_limit_chain);
    r = g_test_run();
    key_ring_done();
    return r;
}
