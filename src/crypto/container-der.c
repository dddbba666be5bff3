/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "crypto/algorithm.h"
#include "crypto/container-internal.h"
#include "crypto/key.h"

DEFINE_CLEANUP(X509_CRL *, X509_CRL_free);

/* DER (X.690) without a label: identified by the types of the elements in the outermost sequence. */

typedef enum Shape {
    SHAPE_UNKNOWN,
    SHAPE_CERTIFICATE, /* or request, or revocation list, which have the same structure */
    SHAPE_PKCS12,
    SHAPE_PKCS7,
    SHAPE_PKCS8,
    SHAPE_ENCRYPTED_PKCS8,
    SHAPE_SEC1,
    SHAPE_PKCS1,
    SHAPE_DSA,
    SHAPE_PUBLIC_KEY,
} Shape;

static const struct {
    Shape shape;
    int first, second, third; /* types; 0: any, or none */
    int n_min, n_max;
} shapes[] = {
    { SHAPE_CERTIFICATE, V_ASN1_SEQUENCE, V_ASN1_SEQUENCE, V_ASN1_BIT_STRING, 3, 3 },
    { SHAPE_PKCS7, V_ASN1_OBJECT, V_ASN1_OTHER, 0, 2, 2 },
    { SHAPE_ENCRYPTED_PKCS8, V_ASN1_SEQUENCE, V_ASN1_OCTET_STRING, 0, 2, 2 },
    { SHAPE_PUBLIC_KEY, V_ASN1_SEQUENCE, V_ASN1_BIT_STRING, 0, 2, 2 },
    { SHAPE_PKCS8, V_ASN1_INTEGER, V_ASN1_SEQUENCE, V_ASN1_OCTET_STRING, 3, 5 },
    { SHAPE_PKCS12, V_ASN1_INTEGER, V_ASN1_SEQUENCE, 0, 2, 3 },
    { SHAPE_SEC1, V_ASN1_INTEGER, V_ASN1_OCTET_STRING, 0, 2, 4 },
    { SHAPE_DSA, V_ASN1_INTEGER, V_ASN1_INTEGER, V_ASN1_INTEGER, 6, 6 },
    { SHAPE_PKCS1, V_ASN1_INTEGER, V_ASN1_INTEGER, V_ASN1_INTEGER, 9, 10 },
};

static bool type_is(const ASN1_SEQUENCE_ANY *s, int n, int type)
{
    return type == 0 || (n < sk_ASN1_TYPE_num(s) && sk_ASN1_TYPE_value(s, n)->type == type);
}

static Shape shape_of(const uint8_t *der, size_t size)
{
    _cleanup_sequence_ ASN1_SEQUENCE_ANY *s = d2i_ASN1_SEQUENCE_ANY(NULL, &der, (long)size);
    int n = sk_ASN1_TYPE_num(s);

    ERR_clear_error();
    for (size_t i = 0; i < ELEMENTSOF(shapes); i++)
        if (n >= shapes[i].n_min && n <= shapes[i].n_max && type_is(s, 0, shapes[i].first) &&
            type_is(s, 1, shapes[i].second) && type_is(s, 2, shapes[i].third))
            return shapes[i].shape;
    return SHAPE_UNKNOWN;
}

bool der_is_pkcs7(const uint8_t *der, size_t size)
{
    return shape_of(der, size) == SHAPE_PKCS7;
}

static int refuse(Collector *c, const char *what)
{
    return problem_set(c->problem, PROBLEM_INVALID_BUNDLE, "The %s is %s, not a %s.",
                       c->key_only ? "key file" : "upload", what,
                       c->key_only ? "private key" : "certificate");
}

/* Names objects of other types with the structure of a certificate, or returns NULL. */
static const char *lookalike(const uint8_t *der, size_t size)
{
    const uint8_t *at = der, *again = der;
    _cleanup_(X509_CRL_freep) X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)size);
    _cleanup_(X509_REQ_freep) X509_REQ *request = list ? NULL : d2i_X509_REQ(NULL, &again, (long)size);

    ERR_clear_error();
    return list ? "a certificate revocation list" : request ? "a certificate request" : NULL;
}

/* Concatenated, as some authorities send a chain. */
static int read_certificates(Collector *c, const uint8_t *der, size_t size)
{
    const char *other = lookalike(der, size);
    size_t used;
    int r;

    if (other)
        return refuse(c, other);
    for (; size > 0; der += used, size -= used) {
        if (shape_of(der, size) != SHAPE_CERTIFICATE)
            return problem_set(
                c->problem, PROBLEM_INVALID_BUNDLE,
                "After certificate %zu of the upload there are %zu bytes that are not a certificate.",
                c->n_seen, size);
        r = collect_certificate(c, der, size, &used);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_key(Collector *c, Shape shape, const uint8_t *der, size_t size)
{
    _cleanup_problem_ Problem problem = {};
    EVP_PKEY *key = NULL;
    int r;

    if (shape == SHAPE_PKCS8)
        r = pkey_from_pkcs8(der, size, &key, &problem);
    else if (shape == SHAPE_SEC1)
        r = pkey_from_sec1(der, size, &key, &problem);
    else if (shape == SHAPE_PKCS1)
        r = pkey_from_pkcs1(der, size, &key, &problem);
    else
        r = problem_set(&problem, PROBLEM_WEAK_KEY,
                        "The private key is of the type DSA; " KEYS_ACCEPTED ".");
    return collect_key(c, key, r, &problem);
}

static int decrypt_key(Collector *c, const X509_SIG *sealed, EVP_PKEY **ret, Problem *problem)
{
    _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *p8 = NULL;
    const X509_ALGOR *algorithm;
    int r;

    X509_SIG_get0(sealed, &algorithm, NULL);
    r = encryption_check(algorithm, problem);
    if (r < 0)
        return r;
    if (c->passphrase)
        p8 = PKCS8_decrypt(sealed, c->passphrase, (int)strlen(c->passphrase));
    return p8 ? pkey_from_p8(p8, ret, problem) : passphrase_problem(c, "The private key", problem);
}

int read_encrypted_pkcs8(Collector *c, const uint8_t *der, size_t size)
{
    _cleanup_(X509_SIG_freep) X509_SIG *sealed = d2i_X509_SIG(NULL, &der, (long)size);
    _cleanup_problem_ Problem problem = {};
    EVP_PKEY *key = NULL;
    int r;

    if (sealed)
        r = decrypt_key(c, sealed, &key, &problem);
    else
        r = problem_set(&problem, PROBLEM_INVALID_BUNDLE, "The encrypted private key is damaged: %s.",
                        openssl_error());
    return collect_key(c, key, r, &problem);
}

/* Signed data without content that carries certificates (RFC 2315 section 9.1), or any other signed data. */
int read_pkcs7(Collector *c, const uint8_t *der, size_t size)
{
    _cleanup_(PKCS7_freep) PKCS7 *p7 = d2i_PKCS7(NULL, &der, (long)size);
    STACK_OF(X509) *l = NULL;
    int r = 0;

    if (c->key_only) {
        c->n_seen++;
        return 0;
    }
    if (!p7)
        return problem_set(c->problem, PROBLEM_INVALID_BUNDLE, "The PKCS#7 container is damaged: %s.",
                           openssl_error());
    if (PKCS7_type_is_signed(p7))
        l = p7->d.sign->cert;
    else if (PKCS7_type_is_signedAndEnveloped(p7))
        l = p7->d.signed_and_enveloped->cert;
    if (sk_X509_num(l) <= 0)
        return problem_set(c->problem, PROBLEM_INVALID_BUNDLE, "The PKCS#7 container has no certificates.");
    for (int i = 0; i < sk_X509_num(l) && r >= 0; i++)
        r = collect_x509(c, sk_X509_value(l, i));
    return r;
}

static bool has_nothing_behind(const uint8_t *der, size_t size)
{
    const uint8_t *at = der;
    long length;
    int tag, class, r = ASN1_get_object(&at, &length, &tag, &class, (long)size);

    ERR_clear_error();
    if (r & 0x80)
        return false;
    return (r & 1) ||
           (size_t)(at - der) + (size_t)length == size; /* an indefinite length does not tell the size */
}

int read_der(Collector *c, const uint8_t *der, size_t size, const char **ret_format)
{
    Shape shape = shape_of(der, size);

    if (shape != SHAPE_CERTIFICATE && shape != SHAPE_UNKNOWN && !has_nothing_behind(der, size))
        return problem_set(c->problem, PROBLEM_INVALID_BUNDLE, "There are extra bytes at the end of the %s.",
                           c->key_only ? "key file" : "upload");
    *ret_format = "DER";
    switch (shape) {
    case SHAPE_CERTIFICATE:
        return read_certificates(c, der, size);
    case SHAPE_PKCS12:
        *ret_format = "PKCS#12";
        return read_pkcs12(c, der, size);
    case SHAPE_PKCS7:
        *ret_format = "PKCS#7";
        return read_pkcs7(c, der, size);
    case SHAPE_ENCRYPTED_PKCS8:
        return read_encrypted_pkcs8(c, der, size);
    case SHAPE_PUBLIC_KEY:
        return refuse(c, "a public key");
    case SHAPE_UNKNOWN:
        return problem_set(c->problem, PROBLEM_INVALID_BUNDLE,
                           "The %s is damaged, or of an unknown kind: it begins like DER, but contains no "
                           "certificate, key, PKCS#12 or PKCS#7.",
                           c->key_only ? "key file" : "upload");
    default:
        return read_key(c, shape, der, size);
    }
}
