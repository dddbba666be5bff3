/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/algorithm.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "core/limits.h"
#include "crypto/key.h"

/* One key of each kind, and whether it is accepted. */
static const struct {
    const char *type; /* "RSA", "ED25519", or else a curve */
    size_t bits;
    bool accepted;
    const char *named; /* in the message that refuses the algorithm; NULL: the key itself is refused */
} kinds[] = {
    { "RSA", 2048, true, NULL },
    { "RSA", 1024, false, NULL },
    { "P-256", 0, true, NULL },
    { "P-384", 0, true, NULL },
    { "P-521", 0, true, NULL },
    { "P-224", 0, false, "secp224r1" },
    { "secp256k1", 0, false, "secp256k1" },
    { "ED25519", 0, false, "ED25519" },
};

static EVP_PKEY *key_of(size_t i)
{
    EVP_PKEY *key = streq(kinds[i].type, "RSA")       ? EVP_RSA_gen(kinds[i].bits)
                    : streq(kinds[i].type, "ED25519") ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                                      : EVP_EC_gen(kinds[i].type);

    g_assert_nonnull(key);
    return key;
}

/* The public half names its algorithm; keys of another type or curve are told from that alone. */
static void test_algorithm(void)
{
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        _cleanup_pkey_ EVP_PKEY *key = key_of(i);
        _cleanup_problem_ Problem problem = {};
        X509_PUBKEY *public = NULL;
        X509_ALGOR *algorithm;
        int r;

        g_assert_cmpint(X509_PUBKEY_set(&public, key), ==, 1);
        X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, public);
        r = algorithm_check(algorithm, "The key of x", &problem);
        g_assert_cmpint(r < 0, ==, kinds[i].named != NULL);
        g_assert_cmpint(problem.code, ==, r < 0 ? PROBLEM_WEAK_KEY : PROBLEM_NONE);
        if (r < 0 &&
            (!g_str_has_prefix(problem.text, "The key of x ") || !strstr(problem.text, kinds[i].named)))
            note_failure("%s: %s", kinds[i].type, problem.text);
        X509_PUBKEY_free(public);
    }
}

static void test_decoded(void)
{
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        _cleanup_pkey_ EVP_PKEY *key = key_of(i);
        _cleanup_problem_ Problem problem = {};
        int r = pkey_check(key, "It", &problem);

        if ((r >= 0) != kinds[i].accepted || problem.code != (r < 0 ? PROBLEM_WEAK_KEY : PROBLEM_NONE))
            note_failure("%s of %zu bits: %s", kinds[i].type, kinds[i].bits, strempty(problem.text));
    }
}

static EVP_PKEY *key_with_exponent(EVP_PKEY *key, unsigned exponent)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    uint8_t modulus[512];
    OSSL_PARAM params[] = { OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, modulus, sizeof(modulus)),
                            OSSL_PARAM_uint(OSSL_PKEY_PARAM_RSA_E, &exponent), OSSL_PARAM_END };
    EVP_PKEY *other = NULL;

    g_assert_cmpint(EVP_PKEY_get_params(key, (OSSL_PARAM[]){ params[0], OSSL_PARAM_END }), ==, 1);
    params[0].data_size = 256;
    g_assert_cmpint(EVP_PKEY_fromdata_init(context), ==, 1);
    g_assert_cmpint(EVP_PKEY_fromdata(context, &other, EVP_PKEY_PUBLIC_KEY, params), ==, 1);
    EVP_PKEY_CTX_free(context);
    return other;
}

/* With the exponent 1, what is signed is the signature. */
static void test_exponent(void)
{
    _cleanup_pkey_ EVP_PKEY *key = EVP_RSA_gen(2048);
    static const struct {
        unsigned exponent;
        bool sound;
    } rows[] = { { 1, false }, { 2, false }, { 65536, false }, { 3, true }, { 65537, true } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_pkey_ EVP_PKEY *other = key_with_exponent(key, rows[i].exponent);
        _cleanup_problem_ Problem problem = {};
        int r = pkey_check(other, "It", &problem);

        if ((r >= 0) != rows[i].sound)
            note_failure("exponent %u: %s", rows[i].exponent, strempty(problem.text));
    }
}

typedef int (*FromDer)(const uint8_t *der, size_t size, EVP_PKEY **ret, Problem *problem);

static ProblemCode decode(FromDer from, const uint8_t *der, size_t size, EVP_PKEY *expected)
{
    _cleanup_pkey_ EVP_PKEY *key = NULL;
    _cleanup_problem_ Problem problem = {};
    int r = from(der, size, &key, &problem);

    g_assert_cmpint(r < 0, ==, problem.code != PROBLEM_NONE);
    g_assert_cmpint(r < 0, ==, key == NULL);
    if (key)
        g_assert_cmpint(EVP_PKEY_eq(key, expected), ==, 1);
    return problem.code;
}

/* Each key in PKCS#8 and in the form of its type: whole, with a byte behind it, and cut off. */
static void test_private(void)
{
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        _cleanup_pkey_ EVP_PKEY *key = key_of(i);
        ProblemCode wanted = kinds[i].accepted ? PROBLEM_NONE : PROBLEM_WEAK_KEY;
        uint8_t *der = NULL, longer[LIMIT_KEY] = {};
        _cleanup_blob_ Blob pkcs8 = {};
        int der_size = streq(kinds[i].type, "ED25519") ? 0 : i2d_PrivateKey(key, &der);

        g_assert_cmpint(pkey_to_pkcs8(key, &pkcs8), ==, 0);
        memcpy(longer, pkcs8.data, pkcs8.size);
        g_assert_cmpint(decode(pkey_from_pkcs8, pkcs8.data, pkcs8.size, key), ==, wanted);
        g_assert_cmpint(decode(pkey_from_pkcs8, longer, pkcs8.size + 1, key), ==, PROBLEM_INVALID_BUNDLE);
        for (size_t n = 0; n < pkcs8.size; n++)
            g_assert_cmpint(decode(pkey_from_pkcs8, pkcs8.data, n, key), !=, PROBLEM_NONE);
        if (der)
            g_assert_cmpint(decode(streq(kinds[i].type, "RSA") ? pkey_from_pkcs1 : pkey_from_sec1, der,
                                   (size_t)der_size, key),
                            ==, wanted);
        OPENSSL_free(der);
    }
}

/* Larger than any accepted key, whatever is in it. */
static void test_size(void)
{
    static const FromDer all[] = { pkey_from_sec1, pkey_from_pkcs1 };
    g_autofree uint8_t *der = g_malloc0(LIMIT_KEY + 1);

    for (size_t i = 0; i < ELEMENTSOF(all); i++) {
        g_assert_cmpint(decode(all[i], der, LIMIT_KEY, NULL), ==, PROBLEM_INVALID_BUNDLE);
        g_assert_cmpint(decode(all[i], der, LIMIT_KEY + 1, NULL), ==, PROBLEM_WEAK_KEY);
    }
}

/* A certificate with what stands behind it, and cut off; its key may have any type until that is asked for. */
static void test_certificate(void)
{
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        _cleanup_issued_ Issued one = issue(&(CertificateSpec){ .subject = "a.example" }, NULL, key_of(i));
        _cleanup_x509_ X509 *x = NULL, *none = NULL;
        _cleanup_problem_ Problem problem = {}, damaged = {};
        uint8_t *der = NULL;
        int size = i2d_X509(one.certificate, &der);
        size_t used = 0;

        der = OPENSSL_realloc(der, (size_t)size + 10);
        memset(der + size, 0, 10);
        g_assert_cmpint(x509_from_der(der, (size_t)size + 10, "Certificate 1", &x, &used, &problem), ==, 0);
        g_assert_cmpuint(used, ==, (size_t)size);
        g_assert_cmpint(X509_cmp(x, one.certificate), ==, 0);
        if ((x509_check_key(x, "Certificate 1", &problem) >= 0) != kinds[i].accepted)
            note_failure("%s of %zu bits: %s", kinds[i].type, kinds[i].bits, strempty(problem.text));
        if (!kinds[i].accepted) {
            g_assert_cmpint(problem.code, ==, PROBLEM_WEAK_KEY);
            g_assert_true(g_str_has_prefix(problem.text, "The key of certificate 1 "));
        }
        g_assert_cmpint(x509_from_der(der, (size_t)size - 1, "Certificate 1", &none, &used, &damaged), <, 0);
        g_assert_cmpint(damaged.code, ==, PROBLEM_INVALID_BUNDLE);
        g_assert_true(g_str_has_prefix(damaged.text, "Certificate 1 is damaged"));
        OPENSSL_free(der);
    }
}

static X509 *with_explicit_parameters(void)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    _cleanup_issued_ Issued one = {};

    g_assert_cmpint(EVP_PKEY_keygen_init(context), ==, 1);
    g_assert_cmpint(EVP_PKEY_CTX_set_group_name(context, "P-256"), ==, 1);
    g_assert_cmpint(EVP_PKEY_CTX_set_ec_param_enc(context, OPENSSL_EC_EXPLICIT_CURVE), ==, 1);
    g_assert_cmpint(EVP_PKEY_generate(context, &key), ==, 1);
    EVP_PKEY_CTX_free(context);
    one = issue(&(CertificateSpec){ .subject = "a.example" }, NULL, key);
    return X509_dup(one.certificate);
}

/* OpenSSL would examine the curve, which takes long if somebody means it to. */
static void test_explicit_parameters(void)
{
    _cleanup_x509_ X509 *x = with_explicit_parameters(), *none = NULL;
    _cleanup_problem_ Problem problem = {};
    uint8_t *der = NULL;
    int size = i2d_X509(x, &der);

    g_assert_cmpint(x509_from_der(der, (size_t)size, "Certificate 1", &none, NULL, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_WEAK_KEY);
    g_assert_nonnull(strstr(problem.text, "explicit curve parameters"));
    OPENSSL_free(der);
}

/* What can be served, and all that is verified quickly. */
static void test_can_verify(void)
{
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        _cleanup_pkey_ EVP_PKEY *key = key_of(i);

        g_assert_true(pkey_can_verify(key));
    }
    for (unsigned exponent = 1; exponent < 3; exponent++) {
        _cleanup_pkey_ EVP_PKEY *key = EVP_RSA_gen(2048), *other = key_with_exponent(key, exponent);

        g_assert_false(pkey_can_verify(other));
    }
}

static void test_signature(void)
{
    const struct {
        const EVP_MD *digest;
        int nid;
        bool strong;
    } rows[] = { { EVP_sha1(), NID_sha1, false },
                 { EVP_sha256(), NID_sha256, true },
                 { EVP_sha512(), NID_sha512, true } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_issued_ Issued one =
            issue(&(CertificateSpec){ .subject = "a.example", .digest = rows[i].digest }, NULL, NULL);
        int digest;

        g_assert_cmpint(x509_signature_is_strong(one.certificate, &digest), ==, rows[i].strong);
        g_assert_cmpint(digest, ==, rows[i].nid);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/algorithm/algorithm", test_algorithm);
    g_test_add_func("/algorithm/decoded", test_decoded);
    g_test_add_func("/algorithm/exponent", test_exponent);
    g_test_add_func("/algorithm/private", test_private);
    g_test_add_func("/algorithm/size", test_size);
    g_test_add_func("/algorithm/certificate", test_certificate);
    g_test_add_func("/algorithm/explicit-parameters", test_explicit_parameters);
    g_test_add_func("/algorithm/can-verify", test_can_verify);
    g_test_add_func("/algorithm/signature", test_signature);
    return g_test_run();
}
