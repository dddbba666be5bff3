/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <openssl/hmac.h>
#include <openssl/pkcs12.h>

#include "collection.h"
#include "crypto/container-internal.h"
#include "crypto/key.h"

DEFINE_CLEANUP(PKCS12 *, PKCS12_free);

static Issued leaf;

static PKCS12 *pkcs12_new(const char *passphrase, int iterations, int mac_iterations)
{
    PKCS12 *p12 = PKCS12_create(passphrase, "name", leaf.key, leaf.certificate, NULL, 0, 0, iterations,
                                mac_iterations, 0);

    g_assert_nonnull(p12);
    return p12;
}

static int read_file(Collection *s, const PKCS12 *p12)
{
    _cleanup_blob_ Blob der = {};
    int r;

    g_assert_cmpint(asn1_to_der(p12, ASN1_ITEM_rptr(PKCS12), &der), ==, 0);
    r = read_pkcs12(&s->c, der.data, der.size);
    g_assert_cmpint(r < 0, ==, s->problem.code != PROBLEM_NONE);
    return r;
}

/* An absent passphrase and an empty one differ in the format; neither is a secret. */
static void test_passphrases(void)
{
    static const struct {
        const char *of, *given;
        ProblemCode code;
    } rows[] = {
        { "secret", "secret", PROBLEM_NONE },
        { "secret", NULL, PROBLEM_PASSPHRASE_REQUIRED },
        { "secret", "wrong", PROBLEM_PASSPHRASE_REQUIRED },
        { "secret", "", PROBLEM_PASSPHRASE_REQUIRED },
        { "", NULL, PROBLEM_NONE },
        { "", "", PROBLEM_NONE },
        { "", "wrong", PROBLEM_NONE },
        { NULL, NULL, PROBLEM_NONE },
        { NULL, "wrong", PROBLEM_NONE },
        { NULL, "", PROBLEM_NONE },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_(PKCS12_freep) PKCS12 *p12 = pkcs12_new(rows[i].of, 1000, 1000);
        _cleanup_collection_ Collection s = {};

        collection_init(&s, false, rows[i].given);
        (void)read_file(&s, p12);
        if (s.problem.code != rows[i].code || s.imported->key_problem.code != PROBLEM_NONE ||
            (s.imported->key.data != NULL) != (rows[i].code == PROBLEM_NONE))
            note_failure("%zu: %s %s", i, strempty(s.problem.text), strempty(s.imported->key_problem.text));
    }
}

/* Asked for by the file, and refused before any of it is computed. */
static void test_iterations(void)
{
    static const int rows[][2] = { { LIMIT_ITERATIONS + 1, 1 }, { 1, LIMIT_ITERATIONS + 1 } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_(PKCS12_freep) PKCS12 *p12 = pkcs12_new("secret", rows[i][0], rows[i][1]);
        _cleanup_collection_ Collection s = {};

        collection_init(&s, false, "secret");
        g_assert_cmpint(read_file(&s, p12), ==, -E2BIG);
        g_assert_cmpint(s.problem.code, ==, PROBLEM_LIMITS_EXCEEDED);
        g_assert_nonnull(strstr(s.problem.text, "more than 600000 times"));
    }
}

static Blob wrapped(int tag, int class, Blob inside)
{
    int size = ASN1_object_size(1, (int)inside.size, tag);
    uint8_t *data = malloc((size_t)size), *at = data;

    ASN1_put_object(&at, 1, (int)inside.size, tag, class);
    memcpy(at, inside.data, inside.size);
    blob_done(&inside);
    return (Blob){ data, (size_t)size };
}

/* A bag of bags (RFC 7292 section 4.2.6). */
static PKCS12_SAFEBAG *bag_of(STACK_OF(PKCS12_SAFEBAG) * bags)
{
    static const uint8_t type[] = { 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                    0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x06 };
    Blob inside, all;
    const uint8_t *at;
    PKCS12_SAFEBAG *bag;

    g_assert_cmpint(asn1_to_der(bags, ASN1_ITEM_rptr(PKCS12_SAFEBAGS), &inside), ==, 0);
    inside = wrapped(0, V_ASN1_CONTEXT_SPECIFIC, inside);
    all = (Blob){ malloc(sizeof(type) + inside.size), sizeof(type) + inside.size };
    memcpy(all.data, type, sizeof(type));
    memcpy(all.data + sizeof(type), inside.data, inside.size);
    blob_done(&inside);
    all = wrapped(V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, all);
    at = all.data;
    bag = d2i_PKCS12_SAFEBAG(NULL, &at, (long)all.size);
    g_assert_nonnull(bag);
    blob_done(&all);
    return bag;
}

/* The certificate in each of n bags, and these in bags of bags. */
static PKCS12 *nested(int n, int depth)
{
    STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();
    STACK_OF(PKCS7) *parts = sk_PKCS7_new_null();
    PKCS12 *p12;

    for (int i = 0; i < n; i++)
        sk_PKCS12_SAFEBAG_push(bags, PKCS12_SAFEBAG_create_cert(leaf.certificate));
    for (; depth > 0; depth--) {
        PKCS12_SAFEBAG *outer = bag_of(bags);

        sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
        bags = sk_PKCS12_SAFEBAG_new_null();
        sk_PKCS12_SAFEBAG_push(bags, outer);
    }
    sk_PKCS7_push(parts, PKCS12_pack_p7data(bags));
    p12 = PKCS12_add_safes(parts, 0);
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    sk_PKCS7_pop_free(parts, PKCS7_free);
    g_assert_nonnull(p12);
    return p12;
}

static void test_bags(void)
{
    static const struct {
        int n, depth;
        const char *words; /* NULL: it is read */
    } rows[] = { { 1, 0, NULL },
                 { LIMIT_BAGS, 0, NULL },
                 { LIMIT_BAGS + 1, 0, "more than 64 bags" },
                 { LIMIT_BAGS, 1, "more than 64 bags" },
                 { 1, 3, NULL },
                 { 1, 4, "more than 3 levels deep" } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_(PKCS12_freep) PKCS12 *p12 = nested(rows[i].n, rows[i].depth);
        _cleanup_collection_ Collection s = {};
        int r;

        collection_init(&s, false, NULL);
        r = read_file(&s, p12);
        if ((r < 0) != (rows[i].words != NULL) || !strstr(strempty(s.problem.text), strempty(rows[i].words)))
            note_failure("%d bags, %d deep: %s", rows[i].n, rows[i].depth, strempty(s.problem.text));
        g_assert_cmpuint(s.imported->n_certificates, ==, rows[i].depth < 4);
    }
}

/* As a key file, its certificates do not count. */
static void test_key_only(void)
{
    _cleanup_(PKCS12_freep) PKCS12 *p12 = pkcs12_new("secret", 1000, 1000);
    _cleanup_collection_ Collection s = {};

    collection_init(&s, true, "secret");
    g_assert_cmpint(read_file(&s, p12), ==, 0);
    g_assert_nonnull(s.imported->key.data);
    g_assert_cmpuint(s.imported->n_certificates, ==, 0);
}

/* A damaged file, and one whose MAC is that of another. */
static void test_damaged(void)
{
    _cleanup_(PKCS12_freep) PKCS12 *p12 = pkcs12_new("secret", 1000, 1000);
    _cleanup_collection_ Collection cut = {}, changed = {};
    _cleanup_blob_ Blob der = {};

    g_assert_cmpint(asn1_to_der(p12, ASN1_ITEM_rptr(PKCS12), &der), ==, 0);
    collection_init(&cut, false, "secret");
    g_assert_cmpint(read_pkcs12(&cut.c, der.data, der.size - 1), <, 0);
    g_assert_cmpint(cut.problem.code, ==, PROBLEM_INVALID_BUNDLE);
    der.data[der.size / 2] ^= 1;
    collection_init(&changed, false, "secret");
    g_assert_cmpint(read_pkcs12(&changed.c, der.data, der.size), <, 0);
    g_assert_cmpint(changed.problem.code, !=, PROBLEM_NONE);
    g_assert_cmpuint(changed.imported->n_certificates, ==, 0);
}

#define SALT "a salt of sixteen"

static void set_parameters(X509_ALGOR *algorithm, int derivation, int hmac, int64_t iterations)
{
    PBE2PARAM *parameters = PBE2PARAM_new();
    X509_ALGOR *kdf = PKCS5_pbkdf2_set(1000, (unsigned char *)S(SALT), 16, NID_hmacWithSHA256, 32);
    PBKDF2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), kdf->parameter);

    ASN1_INTEGER_set_int64(p->iter, iterations);
    parameters->keyfunc->algorithm = OBJ_nid2obj(derivation);
    g_assert_nonnull(
        ASN1_TYPE_pack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), p, &parameters->keyfunc->parameter));
    X509_ALGOR_set0(parameters->encryption, OBJ_nid2obj(hmac), V_ASN1_NULL, NULL);
    X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_pbmac1), V_ASN1_UNDEF, NULL);
    g_assert_nonnull(ASN1_TYPE_pack_sequence(ASN1_ITEM_rptr(PBE2PARAM), parameters, &algorithm->parameter));
    PBKDF2PARAM_free(p);
    X509_ALGOR_free(kdf);
    PBE2PARAM_free(parameters);
}

/* The MAC is PBMAC1 of RFC 9579, of the passphrase "secret" with 1000 iterations. */
static PKCS12 *with_pbmac1(int derivation, int hmac, int64_t iterations)
{
    PKCS12 *p12 = pkcs12_new("secret", 1000, 1);
    STACK_OF(PKCS7) *parts = PKCS12_unpack_authsafes(p12);
    const ASN1_OCTET_STRING *digest;
    const X509_ALGOR *algorithm;
    _cleanup_blob_ Blob content = {};
    uint8_t key[32], mac[EVP_MAX_MD_SIZE];
    unsigned size;

    g_assert_cmpint(asn1_to_der(parts, ASN1_ITEM_rptr(PKCS12_AUTHSAFES), &content), ==, 0);
    g_assert_cmpint(
        PKCS5_PBKDF2_HMAC("secret", -1, (const uint8_t *)SALT, 16, 1000, EVP_sha256(), sizeof(key), key), ==,
        1);
    g_assert_nonnull(HMAC(EVP_sha256(), key, sizeof(key), content.data, content.size, mac, &size));
    PKCS12_get0_mac(&digest, &algorithm, NULL, NULL, p12);
    ASN1_OCTET_STRING_set((ASN1_OCTET_STRING *)(uintptr_t)digest, mac, (int)size);
    set_parameters((X509_ALGOR *)(uintptr_t)algorithm, derivation, hmac, iterations);
    sk_PKCS7_pop_free(parts, PKCS7_free);
    return p12;
}

static void test_pbmac1(void)
{
    static const struct {
        const char *given;
        int derivation, hmac;
        int64_t iterations;
        ProblemCode code;
        const char *words;
    } rows[] = {
        { "secret", NID_id_pbkdf2, NID_hmacWithSHA256, 1000, PROBLEM_NONE, "" },
        { "wrong", NID_id_pbkdf2, NID_hmacWithSHA256, 1000, PROBLEM_PASSPHRASE_REQUIRED, "does not open" },
        { NULL, NID_id_pbkdf2, NID_hmacWithSHA256, 1000, PROBLEM_PASSPHRASE_REQUIRED,
          "give its passphrase" },
        { "secret", NID_id_scrypt, NID_hmacWithSHA256, 1000, PROBLEM_INVALID_BUNDLE, "scrypt" },
        { "secret", NID_id_pbkdf2, NID_aes_256_cbc, 1000, PROBLEM_INVALID_BUNDLE, "aes-256-cbc" },
        { "secret", NID_id_pbkdf2, NID_hmacWithSHA256, LIMIT_ITERATIONS + 1, PROBLEM_LIMITS_EXCEEDED,
          "more than 600000" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_(PKCS12_freep) PKCS12 *p12 =
            with_pbmac1(rows[i].derivation, rows[i].hmac, rows[i].iterations);
        _cleanup_collection_ Collection s = {};

        collection_init(&s, false, rows[i].given);
        (void)read_file(&s, p12);
        if (s.problem.code != rows[i].code || !strstr(strempty(s.problem.text), rows[i].words) ||
            (s.imported->key.data != NULL) != (rows[i].code == PROBLEM_NONE))
            note_failure("%zu: %s", i, strempty(s.problem.text));
    }
}

/* A digest that nobody knows is no wrong passphrase. */
static void test_unknown_mac(void)
{
    _cleanup_(PKCS12_freep) PKCS12 *p12 = pkcs12_new("secret", 1000, 1000);
    const X509_ALGOR *algorithm;
    _cleanup_collection_ Collection s = {};

    PKCS12_get0_mac(NULL, &algorithm, NULL, NULL, p12);
    X509_ALGOR_set0((X509_ALGOR *)(uintptr_t)algorithm, OBJ_txt2obj("1.2.3.4.5", 1), V_ASN1_NULL, NULL);
    collection_init(&s, false, "secret");
    (void)read_file(&s, p12);
    g_assert_cmpint(s.problem.code, ==, PROBLEM_INVALID_BUNDLE);
    g_assert_nonnull(strstr(s.problem.text, "of a kind that cannot be checked here, 1.2.3.4.5"));
}

/* Parts with a passphrase each; the MAC has that of the file, if there is one. */
static PKCS12 *with_own_key(const char *of_certificate, const char *of_key, const char *of_mac)
{
    STACK_OF(PKCS12_SAFEBAG) *certificates = NULL, *keys = NULL;
    STACK_OF(PKCS7) *parts = NULL;
    PKCS12 *p12;

    g_assert_nonnull(PKCS12_add_cert(&certificates, leaf.certificate));
    g_assert_nonnull(PKCS12_add_key(&keys, leaf.key, 0, 1000, NID_aes_256_cbc, S(of_key)));
    g_assert_cmpint(PKCS12_add_safe(&parts, keys, -1, 0, NULL), ==, 1);
    g_assert_cmpint(PKCS12_add_safe(&parts, certificates, NID_aes_256_cbc, 1000, of_certificate), ==, 1);
    p12 = PKCS12_add_safes(parts, 0);
    if (of_mac)
        g_assert_cmpint(PKCS12_set_mac(p12, of_mac, -1, NULL, 0, 1000, NULL), ==, 1);
    sk_PKCS12_SAFEBAG_pop_free(certificates, PKCS12_SAFEBAG_free);
    sk_PKCS12_SAFEBAG_pop_free(keys, PKCS12_SAFEBAG_free);
    sk_PKCS7_pop_free(parts, PKCS7_free);
    return p12;
}

static void test_own_passphrases(void)
{
    static const struct {
        const char *certificate, *key, *mac;
        ProblemCode code, key_code;
    } rows[] = {
        { "secret", "secret", NULL, PROBLEM_NONE, PROBLEM_NONE },
        { "secret", "other", "secret", PROBLEM_NONE, PROBLEM_INVALID_BUNDLE },
        { "secret", "other", NULL, PROBLEM_NONE, PROBLEM_INVALID_BUNDLE },
        { "other", "other", "secret", PROBLEM_INVALID_BUNDLE, PROBLEM_NONE },
        { "other", "secret", NULL, PROBLEM_INVALID_BUNDLE, PROBLEM_NONE },
        { "other", "other", NULL, PROBLEM_PASSPHRASE_REQUIRED, PROBLEM_NONE },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_(PKCS12_freep) PKCS12 *p12 = with_own_key(rows[i].certificate, rows[i].key, rows[i].mac);
        _cleanup_collection_ Collection s = {};
        const Problem *p;

        collection_init(&s, false, "secret");
        (void)read_file(&s, p12);
        p = s.problem.code != PROBLEM_NONE ? &s.problem : &s.imported->key_problem;
        if (s.problem.code != rows[i].code || s.imported->key_problem.code != rows[i].key_code ||
            (p->code == PROBLEM_INVALID_BUNDLE && !strstr(p->text, "a passphrase of its own")))
            note_failure("%zu: %s", i, strempty(p->text));
    }
}

/* Only what costs little is tried beside the passphrase that was given. */
static void test_one_derivation(void)
{
    static const int rows[][2] = { { LIMIT_GUESSED, PROBLEM_NONE },
                                   { LIMIT_GUESSED + 1, PROBLEM_PASSPHRASE_REQUIRED } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_(PKCS12_freep) PKCS12 *p12 = pkcs12_new("", 1, rows[i][0]);
        _cleanup_collection_ Collection s = {};

        collection_init(&s, false, "wrong");
        (void)read_file(&s, p12);
        g_assert_cmpint((int)s.problem.code, ==, rows[i][1]);
    }
}

int main(int argc, char *argv[])
{
    int status;

    fixture_init(&argc, &argv);
    container_init();
    leaf = issue(&(CertificateSpec){ .subject = "a.example", .names = "DNS:a.example" }, NULL, NULL);
    g_test_add_func("/container-pkcs12/passphrases", test_passphrases);
    g_test_add_func("/container-pkcs12/iterations", test_iterations);
    g_test_add_func("/container-pkcs12/bags", test_bags);
    g_test_add_func("/container-pkcs12/key-only", test_key_only);
    g_test_add_func("/container-pkcs12/damaged", test_damaged);
    g_test_add_func("/container-pkcs12/pbmac1", test_pbmac1);
    g_test_add_func("/container-pkcs12/unknown-mac", test_unknown_mac);
    g_test_add_func("/container-pkcs12/own-passphrases", test_own_passphrases);
    g_test_add_func("/container-pkcs12/one-derivation", test_one_derivation);
    status = g_test_run();
    issued_done(&leaf);
    return status;
}
