/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <openssl/pkcs7.h>

#include "collection.h"
#include "crypto/algorithm.h"
#include "crypto/container-internal.h"
#include "crypto/key.h"

static Issued leaf;

DEFINE_CLEANUP(X509_CRL *, X509_CRL_free);

static void encode(const void *value, const ASN1_ITEM *item, Blob *ret)
{
    g_assert_cmpint(asn1_to_der(value, item, ret), ==, 0);
}

static int read_blob(Collection *s, const Blob *b, const char **ret_format)
{
    int r = read_der(&s->c, b->data, b->size, ret_format);

    g_assert_cmpint(r < 0, ==, s->problem.code != PROBLEM_NONE);
    return r;
}

static void assert_refused(const Blob *b, const char *words)
{
    _cleanup_collection_ Collection s = {};
    const char *format;

    collection_init(&s, false, NULL);
    if (read_blob(&s, b, &format) >= 0 || !strstr(s.problem.text, words))
        note_failure("\"%s\": %s", words, strempty(s.problem.text));
}

/* Of the same structure as a certificate, or of one that is no use. */
static void test_lookalikes(void)
{
    _cleanup_(X509_REQ_freep) X509_REQ *request = X509_REQ_new();
    _cleanup_(X509_CRL_freep) X509_CRL *list = X509_CRL_new();
    _cleanup_blob_ Blob request_der = {}, list_der = {}, public_der = {}, unknown = {};
    static const uint8_t numbers[] = { 0x30, 0x03, 0x02, 0x01, 0x05 };
    X509_PUBKEY *public_key = X509_get_X509_PUBKEY(leaf.certificate);

    g_assert_cmpint(X509_REQ_set_pubkey(request, leaf.key), ==, 1);
    g_assert_cmpint(X509_REQ_sign(request, leaf.key, EVP_sha256()), >, 0);
    g_assert_cmpint(X509_CRL_set_issuer_name(list, X509_get_subject_name(leaf.certificate)), ==, 1);
    g_assert_cmpint(X509_CRL_set1_lastUpdate(list, X509_get0_notBefore(leaf.certificate)), ==, 1);
    g_assert_cmpint(X509_CRL_sign(list, leaf.key, EVP_sha256()), >, 0);
    encode(request, ASN1_ITEM_rptr(X509_REQ), &request_der);
    encode(list, ASN1_ITEM_rptr(X509_CRL), &list_der);
    encode(public_key, ASN1_ITEM_rptr(X509_PUBKEY), &public_der);
    g_assert_cmpint(blob_new(numbers, sizeof(numbers), &unknown), ==, 0);
    assert_refused(&request_der, "is a certificate request, not a certificate");
    assert_refused(&list_der, "is a certificate revocation list, not a certificate");
    assert_refused(&public_der, "is a public key, not a certificate");
    assert_refused(&unknown, "contains no certificate, key, PKCS#12 or PKCS#7");
}

static void assert_key(const Blob *b, ProblemCode code)
{
    _cleanup_collection_ Collection s = {};
    const char *format = NULL;

    collection_init(&s, true, NULL);
    g_assert_cmpint(read_blob(&s, b, &format), ==, 0);
    g_assert_cmpstr(format, ==, "DER");
    g_assert_cmpint(s.imported->key_problem.code, ==, code);
}

/* PKCS#8, SEC1 and PKCS#1; and nothing stands behind them. */
static void test_keys(void)
{
    _cleanup_pkey_ EVP_PKEY *rsa = EVP_RSA_gen(2048);
    EVP_PKEY *const keys[] = { leaf.key, rsa };
    static const uint8_t dsa[] = { 0x30, 18,   0x02, 0x01, 0x00, 0x02, 0x01, 0x01, 0x02, 0x01,
                                   0x01, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01 };
    _cleanup_blob_ Blob numbers = {};

    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        _cleanup_blob_ Blob pkcs8 = {}, own = {}, longer = {};
        uint8_t *der = NULL;
        int size = i2d_PrivateKey(keys[i], &der);

        g_assert_cmpint(blob_new(der, (size_t)size, &own), ==, 0);
        OPENSSL_free(der);
        g_assert_cmpint(pkey_to_pkcs8(keys[i], &pkcs8), ==, 0);
        assert_key(&own, PROBLEM_NONE);
        assert_key(&pkcs8, PROBLEM_NONE);
        longer = (Blob){ g_malloc0(own.size + 1), own.size + 1 };
        memcpy(longer.data, own.data, own.size);
        assert_refused(&longer, "There are extra bytes at the end");
    }
    g_assert_cmpint(blob_new(dsa, sizeof(dsa), &numbers), ==, 0);
    assert_key(&numbers, PROBLEM_WEAK_KEY);
}

static void test_certificates(void)
{
    _cleanup_collection_ Collection s = {};
    _cleanup_blob_ Blob one = {}, two = {};
    const char *format = NULL;

    encode(leaf.certificate, ASN1_ITEM_rptr(X509), &one);
    two = (Blob){ g_malloc(2 * one.size), 2 * one.size };
    memcpy(two.data, one.data, one.size);
    memcpy(two.data + one.size, one.data, one.size);
    collection_init(&s, false, NULL);
    g_assert_cmpint(read_blob(&s, &two, &format), ==, 0);
    g_assert_cmpstr(format, ==, "DER");
    g_assert_cmpuint(s.imported->n_certificates, ==, 1); /* the same twice */
    g_assert_cmpuint(s.c.n_seen, ==, 2);
    two.data[one.size] = 0x31; /* SET */
    assert_refused(&two, "bytes that are not a certificate");
}

/* A container for certificates without any. */
static void test_pkcs7(void)
{
    _cleanup_(PKCS7_freep) PKCS7 *p7 = PKCS7_new();
    _cleanup_blob_ Blob empty = {}, full = {};
    _cleanup_collection_ Collection s = {}, key = {};
    const char *format = NULL;

    g_assert_cmpint(PKCS7_set_type(p7, NID_pkcs7_signed), ==, 1);
    g_assert_cmpint(PKCS7_content_new(p7, NID_pkcs7_data), ==, 1);
    encode(p7, ASN1_ITEM_rptr(PKCS7), &empty);
    assert_refused(&empty, "The PKCS#7 container has no certificates");
    g_assert_cmpint(PKCS7_add_certificate(p7, leaf.certificate), ==, 1);
    encode(p7, ASN1_ITEM_rptr(PKCS7), &full);
    g_assert_true(der_is_pkcs7(full.data, full.size));
    collection_init(&s, false, NULL);
    g_assert_cmpint(read_blob(&s, &full, &format), ==, 0);
    g_assert_cmpstr(format, ==, "PKCS#7");
    g_assert_cmpuint(s.imported->n_certificates, ==, 1);
    collection_init(&key, true, NULL);
    g_assert_cmpint(read_blob(&key, &full, &format), ==, 0);
    g_assert_cmpuint(key.imported->n_certificates, ==, 0);
}

int main(int argc, char *argv[])
{
    int status;

    fixture_init(&argc, &argv);
    container_init();
    leaf = issue(&(CertificateSpec){ .subject = "a.example", .names = "DNS:a.example" }, NULL, NULL);
    g_test_add_func("/container-der/lookalikes", test_lookalikes);
    g_test_add_func("/container-der/keys", test_keys);
    g_test_add_func("/container-der/certificates", test_certificates);
    g_test_add_func("/container-der/pkcs7", test_pkcs7);
    status = g_test_run();
    issued_done(&leaf);
    return status;
}
