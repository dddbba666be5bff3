/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <openssl/x509v3.h>

#include "core/limits.h"
#include "crypto/account-key.h"
#include "crypto/key.h"
#include "crypto/request.h"

#define WHOSE "Example CA"

/* An authority's answer, before something is done to it. */
typedef struct Answer {
    Issued root, issuer, leaf;
    char *key, *leaf_pem, *issuer_pem, *root_pem;
} Answer;

static void answer_done(Answer *a)
{
    issued_done(&a->leaf);
    issued_done(&a->issuer);
    issued_done(&a->root);
    free(a->key);
    free(a->leaf_pem);
    free(a->issuer_pem);
    free(a->root_pem);
}
#define _cleanup_answer_ _cleanup_(answer_done)

static const CertificateSpec root_spec = { .subject = "Example Root", .authority = true };
static const CertificateSpec issuer_spec = { .subject = "Example Issuer", .authority = true };
static const CertificateSpec leaf_spec = { .subject = "www.example.com",
                                           .names = "DNS:www.example.com,DNS:example.com,IP:192.0.2.1",
                                           .usage = "serverAuth" };

static Answer answer_make(const CertificateSpec *root, const CertificateSpec *issuer,
                          const CertificateSpec *leaf)
{
    Answer a = { .root = issue(root ? root : &root_spec, NULL, NULL) };

    a.issuer = issue(issuer ? issuer : &issuer_spec, &a.root, NULL);
    a.leaf = issue(leaf ? leaf : &leaf_spec, &a.issuer, NULL);
    a.key = key_pem_of(&a.leaf);
    a.leaf_pem = pem_of(&a.leaf);
    a.issuer_pem = pem_of(&a.issuer);
    a.root_pem = pem_of(&a.root);
    return a;
}

static char *const wanted[] = { S("www.example.com"), S("example.com"), S("192.0.2.1"), NULL };

static ProblemCode accept_text(const Answer *a, const char *text, Bundle **ret)
{
    _cleanup_problem_ Problem problem = {};
    Bundle *b = NULL;
    int r = request_accept(WHOSE, text, a->key, wanted, now_seconds(), &b, &problem);
    ProblemCode code = problem.code;

    g_assert_true((r < 0) == (code != PROBLEM_NONE));
    g_assert_true((r < 0) == (b == NULL));
    if (r < 0) {
        g_test_message("%s", problem.text);
        g_assert_nonnull(strstr(problem.text, WHOSE));
        g_assert_true(g_str_has_suffix(problem.text, "."));
    }
    if (ret)
        *ret = b;
    else
        bundle_free(b);
    return code;
}

static void test_accept(void)
{
    _cleanup_answer_ Answer a = answer_make(NULL, NULL, NULL);
    _cleanup_free_ char *two = text_join(a.leaf_pem, a.issuer_pem, NULL);
    _cleanup_free_ char *three = text_join(a.leaf_pem, a.issuer_pem, a.root_pem, NULL);
    _cleanup_bundle_ Bundle *b = NULL, *with_root = NULL;

    g_assert_cmpint(accept_text(&a, two, &b), ==, PROBLEM_NONE);
    g_assert_cmpstr(b->leaf, ==, a.leaf_pem);
    g_assert_cmpstr(b->issuers, ==, a.issuer_pem);
    g_assert_null(b->anchor);
    g_assert_cmpstr(b->key, ==, a.key);
    g_assert_cmpuint(b->chain->n_entries, ==, 2);
    g_assert_cmpint(accept_text(&a, three, &with_root), ==, PROBLEM_NONE);
    g_assert_cmpstr(with_root->issuers, ==, a.issuer_pem);
    g_assert_cmpstr(with_root->anchor, ==, a.root_pem);
    g_assert_cmpuint(with_root->chain->n_entries, ==, 2);
}

static char *pem_with_lines(const Issued *i, size_t length)
{
    _cleanup_blob_ Blob der = {};
    GString *s = g_string_new("-----BEGIN CERTIFICATE-----\n");
    g_autofree char *base64 = NULL;

    g_assert_cmpint(asn1_to_der(i->certificate, ASN1_ITEM_rptr(X509), &der), ==, 0);
    base64 = g_base64_encode(der.data, der.size);
    for (size_t at = 0; at < strlen(base64); at += length)
        g_string_append_printf(s, "%.*s\n", (int)length, base64 + at);
    g_string_append(s, "-----END CERTIFICATE-----\n");
    return g_string_free(s, FALSE);
}

static void assert_line_lengths(const Answer *a)
{
    static const size_t lengths[] = { 4, 60, 76, 254, 255, 256, 100000 };

    for (size_t i = 0; i < ELEMENTSOF(lengths); i++) {
        g_autofree char *leaf = pem_with_lines(&a->leaf, lengths[i]),
                        *issuer = pem_with_lines(&a->issuer, lengths[i]),
                        *text = g_strconcat(leaf, issuer, NULL);
        _cleanup_bundle_ Bundle *b = NULL;

        if (accept_text(a, text, &b) != PROBLEM_NONE || b->chain->n_entries != 2)
            note_failure("lines of %zu characters", lengths[i]);
    }
}

/* PEM as RFC 7468 section 2 has it for lax parsers. */
static void test_lax(void)
{
    _cleanup_answer_ Answer a = answer_make(NULL, NULL, NULL);
    _cleanup_free_ char *two = text_join(a.leaf_pem, a.issuer_pem, NULL);
    g_auto(GStrv) lines = g_strsplit(two, "\n", -1);
    g_autofree char *crlf = g_strjoinv("\r\n", lines), *cr = g_strjoinv("\r", lines),
                    *blanks = g_strjoinv(" \t\n", lines);
    const struct {
        const char *before, *between, *after;
        bool good;
    } vectors[] = {
        { "\n\n", "\n", "\n\n", true },
        { "\r\n", "\r\n\r\n", "", true },
        { "# leaf\n", "", "", true },
        { "subject=CN = www\nissuer=CN = x\n\n", "issuer:\n - 1 -\n", "end\n", true },
        { "", a.key, "", true },
        { "", "", "\n-----BEGIN CERTIFICATE-----\n", false },
        { "", "", "\n-----BEGIN CERT", false },
        { "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "", "", false },
        { "", "-----BEGIN X509 CERTIFICATE-----\nAAAA\n-----END X509 CERTIFICATE-----\n", "", false },
        { "-----BEGIN CERTIFICATE-----\n", "", "", false },
        { "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "", "", false },
        { "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n", "", "", false },
        { "-----BEGIN CERTIFICATE-----\n====\n-----END CERTIFICATE-----\n", "", "", false },
    };

    for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
        _cleanup_free_ char *text = text_join(vectors[i].before, a.leaf_pem, vectors[i].between,
                                              a.issuer_pem, vectors[i].after, NULL);

        if ((accept_text(&a, text, NULL) == PROBLEM_NONE) != vectors[i].good)
            note_failure("vector %zu is %s", i, vectors[i].good ? "refused" : "accepted");
    }
    g_assert_cmpint(accept_text(&a, crlf, NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(accept_text(&a, cr, NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(accept_text(&a, blanks, NULL), ==, PROBLEM_NONE);
    assert_line_lengths(&a);
    two[strlen(two) - 1] = 0;
    g_assert_cmpint(accept_text(&a, two, NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(accept_text(&a, "", NULL), ==, PROBLEM_INVALID_BUNDLE);
    g_assert_cmpint(accept_text(&a, "\n\n", NULL), ==, PROBLEM_INVALID_BUNDLE);
}

/* Answers that are cut off, or changed somewhere in the leaf; who signed the last certificate is not known. */
static void test_damaged(void)
{
    _cleanup_answer_ Answer a = answer_make(NULL, NULL, NULL);
    _cleanup_free_ char *two = text_join(a.leaf_pem, a.issuer_pem, NULL);
    size_t size = strlen(two);

    for (size_t i = 0; i < size; i += 7) {
        g_autofree char *cut = g_strndup(two, i), *changed = g_strdup(two);

        if (i != strlen(a.leaf_pem) && i != strlen(a.leaf_pem) - 1)
            g_assert_cmpint(accept_text(&a, cut, NULL), !=, PROBLEM_NONE);
        changed[i] = changed[i] == 'A' ? 'w' : 'A'; /* not bits of the padding alone */
        if (accept_text(&a, changed, NULL) == PROBLEM_NONE)
            g_assert_cmpuint(i, >=, strlen(a.leaf_pem));
    }
}

static void test_order(void)
{
    _cleanup_answer_ Answer a = answer_make(NULL, NULL, NULL), other = answer_make(NULL, NULL, NULL);
    _cleanup_issued_ Issued stranger =
        issue(&(CertificateSpec){ .subject = "Stranger", .authority = true }, NULL, NULL);
    _cleanup_free_ char *stranger_pem = pem_of(&stranger);
    const struct {
        const char *parts[4];
        ProblemCode code;
    } vectors[] = {
        { { a.issuer_pem, a.leaf_pem }, PROBLEM_NONE },
        { { a.leaf_pem, a.leaf_pem }, PROBLEM_NONE },
        { { a.root_pem, a.issuer_pem, a.leaf_pem }, PROBLEM_NONE },
        { { a.leaf_pem, a.issuer_pem, a.issuer_pem }, PROBLEM_NONE },
        { { a.leaf_pem, a.issuer_pem, a.root_pem, a.root_pem }, PROBLEM_NONE },
        { { a.leaf_pem, a.issuer_pem, other.root_pem }, PROBLEM_CHAIN_INCOMPLETE },
        { { a.leaf_pem, a.root_pem }, PROBLEM_CHAIN_INCOMPLETE },
        { { a.leaf_pem, other.issuer_pem }, PROBLEM_CHAIN_INCOMPLETE }, /* of the same name */
        { { a.leaf_pem, a.issuer_pem, stranger_pem }, PROBLEM_CHAIN_INCOMPLETE },
        { { other.leaf_pem, other.issuer_pem }, PROBLEM_KEY_MISMATCH },
        { { a.root_pem }, PROBLEM_KEY_MISMATCH },
        { { a.leaf_pem }, PROBLEM_NONE },
    };

    for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
        const char *const *p = vectors[i].parts;
        _cleanup_free_ char *text = text_join(p[0], strempty(p[1]), strempty(p[2]), strempty(p[3]), NULL);
        ProblemCode code = accept_text(&a, text, NULL);

        if (code != vectors[i].code)
            note_failure("vector %zu: %s", i, problem_code_to_string(code));
    }
}

/* Needless certificates are left out, with the root. */
static void test_needless(void)
{
    const CertificateSpec expired_root = { .subject = "Example Root",
                                           .authority = true,
                                           .not_before = -20,
                                           .not_after = -10 },
                          expired_issuer = { .subject = "Example Issuer",
                                             .authority = true,
                                             .not_before = -20,
                                             .not_after = -10 };
    _cleanup_answer_ Answer a = answer_make(NULL, NULL, NULL);
    _cleanup_issued_ Issued old =
        issue(&(CertificateSpec){ .subject = "Old", .authority = true }, NULL, NULL);
    _cleanup_issued_ Issued cross = issue(&expired_root, &old, EVP_PKEY_dup(a.root.key)),
                            former = issue(&expired_issuer, &a.root, EVP_PKEY_dup(a.issuer.key));
    _cleanup_free_ char *cross_pem = pem_of(&cross), *former_pem = pem_of(&former);
    const char *const vectors[][5] = {
        { a.leaf_pem, a.issuer_pem, cross_pem },
        { cross_pem, a.root_pem, a.issuer_pem, a.leaf_pem },
        { a.leaf_pem, former_pem, a.issuer_pem, a.root_pem },
        { former_pem, a.leaf_pem, a.issuer_pem },
    };

    for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
        _cleanup_free_ char *text =
            text_join(vectors[i][0], vectors[i][1], strempty(vectors[i][2]), strempty(vectors[i][3]), NULL);
        _cleanup_bundle_ Bundle *b = NULL;

        if (accept_text(&a, text, &b) != PROBLEM_NONE || !streq(b->leaf, a.leaf_pem) ||
            !streq(b->issuers, a.issuer_pem))
            note_failure("vector %zu", i);
    }
}

static void test_contents(void)
{
    static const struct {
        const char *what;
        CertificateSpec root, issuer, leaf; /* without a subject: as it should be */
        ProblemCode code;
    } vectors[] = {
        { .what = "good" },
        { .what = "no extended key usage",
          .leaf = { .subject = "www.example.com",
                    .names = "DNS:www.example.com,DNS:example.com,IP:192.0.2.1" } },
        { .what = "a name is missing",
          .leaf = { .subject = "www.example.com", .names = "DNS:www.example.com,DNS:example.com" },
          .code = PROBLEM_NAME_MISMATCH },
        { .what = "a wildcard serves",
          .leaf = { .subject = "x", .names = "DNS:*.example.com,DNS:example.com,IP:192.0.2.1" } },
        { .what = "no server",
          .leaf = { .subject = "x",
                    .names = "DNS:*.example.com,DNS:example.com,IP:192.0.2.1",
                    .usage = "clientAuth" },
          .code = PROBLEM_INVALID_BUNDLE },
        { .what = "an authority",
          .leaf = { .subject = "x",
                    .names = "DNS:*.example.com,DNS:example.com,IP:192.0.2.1",
                    .authority = true },
          .code = PROBLEM_INVALID_BUNDLE },
        { .what = "expired",
          .leaf = { .subject = "x",
                    .names = "DNS:*.example.com,DNS:example.com,IP:192.0.2.1",
                    .not_before = -20,
                    .not_after = -10 },
          .code = PROBLEM_EXPIRED },
        { .what = "soon",
          .leaf = { .subject = "x",
                    .names = "DNS:*.example.com,DNS:example.com,IP:192.0.2.1",
                    .not_before = 3000 } },
        { .what = "not yet",
          .leaf = { .subject = "x",
                    .names = "DNS:*.example.com,DNS:example.com,IP:192.0.2.1",
                    .not_before = 4000 },
          .code = PROBLEM_INVALID_BUNDLE },
        { .what = "SHA-1",
          .leaf = { .subject = "x",
                    .names = "DNS:*.example.com,DNS:example.com,IP:192.0.2.1",
                    .digest = NULL },
          .code = PROBLEM_INVALID_BUNDLE },
        { .what = "expired issuer",
          .issuer = { .subject = "I", .authority = true, .not_before = -20, .not_after = -10 },
          .code = PROBLEM_EXPIRED },
        { .what = "expired root",
          .root = { .subject = "R", .authority = true, .not_before = -20, .not_after = -10 } },
        { .what = "an issuer that is no authority",
          .issuer = { .subject = "I" },
          .code = PROBLEM_INVALID_BUNDLE },
    };

    for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
        CertificateSpec leaf = vectors[i].leaf;
        _cleanup_answer_ Answer a = {};
        _cleanup_free_ char *text = NULL;
        ProblemCode code;

        if (streq(vectors[i].what, "SHA-1"))
            leaf.digest = EVP_sha1();
        a = answer_make(vectors[i].root.subject ? &vectors[i].root : NULL,
                        vectors[i].issuer.subject ? &vectors[i].issuer : NULL, leaf.subject ? &leaf : NULL);
        text = text_join(a.leaf_pem, a.issuer_pem, a.root_pem, NULL);
        code = accept_text(&a, text, NULL);
        if (code != vectors[i].code)
            note_failure("%s: %s", vectors[i].what, problem_code_to_string(code));
    }
}

/* Keys of other types are refused by their name, before anything is decoded. */
static void test_keys(void)
{
    EVP_PKEY *const keys[] = { EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), EVP_RSA_gen(1024),
                               EVP_EC_gen("secp256k1"), EVP_EC_gen("P-521") };

    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        bool good = i == 3;
        _cleanup_answer_ Answer a = { .root = issue(&root_spec, NULL, NULL) };
        _cleanup_free_ char *text = NULL;
        ProblemCode code;

        a.leaf = issue(&leaf_spec, &a.root, keys[i]);
        a.key = key_pem_of(&a.leaf);
        a.leaf_pem = pem_of(&a.leaf);
        a.root_pem = pem_of(&a.root);
        text = text_join(a.leaf_pem, a.root_pem, NULL);
        code = accept_text(&a, text, NULL);
        if (code != (good ? PROBLEM_NONE : PROBLEM_WEAK_KEY))
            note_failure("key %zu: %s", i, problem_code_to_string(code));
    }
}

static void test_limits(void)
{
    _cleanup_answer_ Answer a = answer_make(NULL, NULL, NULL);
    Issued chain[LIMIT_CHAIN + 1];
    g_autoptr(GString) text = g_string_new(NULL), endless = g_string_new(NULL);

    chain[LIMIT_CHAIN] = issue(&root_spec, NULL, NULL);
    for (int i = LIMIT_CHAIN - 1; i >= 0; i--) {
        g_autofree char *subject = g_strdup_printf("Authority %d", i);
        CertificateSpec spec = { .subject = subject, .authority = true };

        chain[i] = issue(i == 0 ? &leaf_spec : &spec, &chain[i + 1], NULL);
    }
    free(a.key);
    a.key = key_pem_of(&chain[0]);
    for (size_t i = 0; i <= LIMIT_CHAIN; i++) {
        _cleanup_free_ char *pem = pem_of(&chain[i]);

        if (i == LIMIT_CHAIN)
            g_assert_cmpint(accept_text(&a, text->str, NULL), ==, PROBLEM_NONE);
        g_string_append(text, pem);
        issued_done(&chain[i]);
    }
    g_assert_cmpint(accept_text(&a, text->str, NULL), ==, PROBLEM_LIMITS_EXCEEDED);
    while (endless->len <= LIMIT_ACME_CHAIN)
        g_string_append(endless, "\n");
    g_assert_cmpint(accept_text(&a, endless->str, NULL), ==, PROBLEM_LIMITS_EXCEEDED);
}

/* ---- what is known of a chain */

static void test_issuer(void)
{
    _cleanup_answer_ Answer a = answer_make(NULL, NULL, NULL);
    _cleanup_free_ char *two = text_join(a.leaf_pem, a.issuer_pem, NULL);
    static const struct {
        const char *name;
        bool whole, alone;
    } vectors[] = { { "Example Issuer", true, true },    { "Example Root", true, false },
                    { "www.example.com", false, false }, { "Example", false, false },
                    { "example root", false, false },    { "", false, false } };
    _cleanup_bundle_ Bundle *whole = NULL, *alone = NULL;

    g_assert_cmpint(accept_text(&a, two, &whole), ==, PROBLEM_NONE);
    g_assert_cmpint(accept_text(&a, a.leaf_pem, &alone), ==, PROBLEM_NONE);
    for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
        bool yes;

        g_assert_cmpint(bundle_has_issuer(whole, vectors[i].name, &yes), ==, 0);
        if (yes != vectors[i].whole)
            note_failure("\"%s\" of the whole chain", vectors[i].name);
        g_assert_cmpint(bundle_has_issuer(alone, vectors[i].name, &yes), ==, 0);
        if (yes != vectors[i].alone)
            note_failure("\"%s\" of the leaf alone", vectors[i].name);
    }
}

/* RFC 9773 appendix A. */
static void test_identifier(void)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
                              "MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt\n"
                              "cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS\n"
                              "BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu\n"
                              "7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf\n"
                              "qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B\n"
                              "yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb\n"
                              "+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK\n"
                              "-----END CERTIFICATE-----\n";
    _cleanup_issued_ Issued plain = issue(&root_spec, NULL, NULL);
    _cleanup_free_ char *id = NULL, *plain_pem = pem_of(&plain);
    char *none = NULL;

    g_assert_cmpint(certificate_identifier(pem, &id), ==, 0);
    g_assert_cmpstr(id, ==, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    if (X509_get0_authority_key_id(plain.certificate) == NULL)
        g_assert_cmpint(certificate_identifier(plain_pem, &none), ==, -ENODATA);
    g_assert_cmpint(certificate_identifier("", &none), <, 0);
    g_assert_null(none);
}

static void test_base64url(void)
{
    _cleanup_answer_ Answer a = answer_make(NULL, NULL, NULL);
    _cleanup_free_ char *two = text_join(a.leaf_pem, a.issuer_pem, NULL), *text = NULL;
    _cleanup_free_ void *der = NULL;
    _cleanup_x509_ X509 *x = NULL;
    const unsigned char *at;
    char *none = NULL;
    size_t size;

    g_assert_cmpint(certificate_to_base64url(two, &text), ==, 0);
    g_assert_cmpint(base64url_decode(text, &der, &size), ==, 0);
    at = der;
    x = d2i_X509(NULL, &at, (long)size);
    g_assert_cmpint(X509_cmp(x, a.leaf.certificate), ==, 0);
    g_assert_cmpint(certificate_to_base64url("x", &none), <, 0);
    g_assert_null(none);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/request-chain/accept", test_accept);
    g_test_add_func("/request-chain/lax", test_lax);
    g_test_add_func("/request-chain/damaged", test_damaged);
    g_test_add_func("/request-chain/order", test_order);
    g_test_add_func("/request-chain/needless", test_needless);
    g_test_add_func("/request-chain/contents", test_contents);
    g_test_add_func("/request-chain/keys", test_keys);
    g_test_add_func("/request-chain/limits", test_limits);
    g_test_add_func("/request-chain/issuer", test_issuer);
    g_test_add_func("/request-chain/identifier", test_identifier);
    g_test_add_func("/request-chain/base64url", test_base64url);
    return g_test_run();
}
