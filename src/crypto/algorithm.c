/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/algorithm.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "core/limits.h"
#include "crypto/key.h"

#define TYPE_NAME_MAX      80
#define RSA_BITS_VERIFIED  8192
#define SIGNATURE_BITS_MIN 80
#define WHOSE_MAX          160 /* sufficient for the names that callers pass, which are limited */

static bool curve_is_accepted(int nid)
{
    return nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1;
}

/* Accepts one of the three curves, which the parameters of the algorithm name. */
static bool curve_check(int type, const void *value, char name[static TYPE_NAME_MAX])
{
    char curve[48];

    if (type != V_ASN1_OBJECT) {
        snprintf(name, TYPE_NAME_MAX, "EC with explicit curve parameters");
        return false;
    }
    if (curve_is_accepted(OBJ_obj2nid(value)))
        return true;
    OBJ_obj2txt(curve, sizeof(curve), value, 0);
    snprintf(name, TYPE_NAME_MAX, "EC on %s", curve);
    return false;
}

int algorithm_check(const X509_ALGOR *algorithm, const char *whose, Problem *problem)
{
    char name[TYPE_NAME_MAX] = "unknown";
    const ASN1_OBJECT *object;
    const void *value;
    int type;

    X509_ALGOR_get0(&object, &type, &value, algorithm);
    switch (OBJ_obj2nid(object)) {
    case NID_rsaEncryption:
        return 0;
    case NID_X9_62_id_ecPublicKey:
        if (curve_check(type, value, name))
            return 0;
        break;
    default:
        OBJ_obj2txt(name, sizeof(name), object, 0);
    }
    return problem_set(problem, PROBLEM_WEAK_KEY, "%s is of the type %s; " KEYS_ACCEPTED ".", whose, name);
}

/* With an even exponent or 1, anybody can forge signatures. */
static bool exponent_is_sound(EVP_PKEY *key)
{
    BIGNUM *e = NULL;
    bool sound = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) > 0 && BN_is_odd(e) && !BN_is_one(e);

    BN_free(e);
    return sound;
}

int pkey_check(EVP_PKEY *key, const char *whose, Problem *problem)
{
    if (pkey_type(key) < 0 || EVP_PKEY_is_a(key, "ED25519"))
        return problem_set(problem, PROBLEM_WEAK_KEY,
                           "%s has %d bits or a curve that is not accepted; " KEYS_ACCEPTED ".", whose,
                           EVP_PKEY_get_bits(key));
    if (EVP_PKEY_is_a(key, "RSA") && !exponent_is_sound(key))
        return problem_set(problem, PROBLEM_WEAK_KEY,
                           "%s is an RSA key with an exponent that protects nothing.", whose);
    return 0;
}

/* RSA with long numbers takes long. */
bool pkey_can_verify(EVP_PKEY *key)
{
    char group[64];

    if (EVP_PKEY_is_a(key, "RSA"))
        return EVP_PKEY_get_bits(key) <= RSA_BITS_VERIFIED && exponent_is_sound(key);
    if (EVP_PKEY_is_a(key, "EC"))
        return EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) > 0;
    return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
}

static int key_is_damaged(Problem *problem)
{
    return problem_set(problem, PROBLEM_INVALID_BUNDLE, "The private key is damaged: %s.", openssl_error());
}

static int check_size(size_t size, Problem *problem)
{
    return size <= LIMIT_KEY
               ? 0
               : problem_set(
                     problem, PROBLEM_WEAK_KEY,
                     "The private key has more than %d bytes, larger than any that is accepted; " KEYS_ACCEPTED
                     ".",
                     LIMIT_KEY);
}

static int sequence_read(const uint8_t *der, size_t size, ASN1_SEQUENCE_ANY **ret)
{
    ASN1_SEQUENCE_ANY *s = d2i_ASN1_SEQUENCE_ANY(NULL, &der, (long)size);

    if (!s) {
        ERR_clear_error();
        return -EBADMSG;
    }
    *ret = s;
    return 0;
}

/* RFC 5915 section 3: the version is 1. OpenSSL takes any, and keeps it. */
static bool has_version_1(const ASN1_SEQUENCE_ANY *s)
{
    const ASN1_TYPE *t = sk_ASN1_TYPE_num(s) > 0 ? sk_ASN1_TYPE_value(s, 0) : NULL;

    return t && t->type == V_ASN1_INTEGER && ASN1_INTEGER_get(t->value.integer) == 1;
}

/* An ECPrivateKey may contain its own curve, which takes precedence for decoding. */
static int check_inner_curve(const uint8_t *der, size_t size, Problem *problem)
{
    _cleanup_sequence_ ASN1_SEQUENCE_ANY *s = NULL;
    char name[TYPE_NAME_MAX];

    if (sequence_read(der, size, &s) < 0 || !has_version_1(s))
        return key_is_damaged(problem);
    for (int i = 0; i < sk_ASN1_TYPE_num(s); i++) {
        const ASN1_TYPE *t = sk_ASN1_TYPE_value(s, i);
        const uint8_t *at, *inside;
        ASN1_OBJECT *curve;
        long length;
        bool accepted;
        int tag, class;

        if (t->type != V_ASN1_OTHER)
            continue;
        at = inside = t->value.asn1_string->data;
        if (ASN1_get_object(&inside, &length, &tag, &class, t->value.asn1_string->length) & 0x80)
            return key_is_damaged(problem);
        if (class != V_ASN1_CONTEXT_SPECIFIC || tag != 0)
            continue;
        curve = d2i_ASN1_OBJECT(NULL, &inside, t->value.asn1_string->length - (long)(inside - at));
        ERR_clear_error();
        accepted = curve_check(curve ? V_ASN1_OBJECT : V_ASN1_SEQUENCE, curve, name);
        ASN1_OBJECT_free(curve);
        if (!accepted)
            return problem_set(problem, PROBLEM_WEAK_KEY,
                               "The private key is of the type %s; " KEYS_ACCEPTED ".", name);
    }
    return 0;
}

static int finish_key(EVP_PKEY *key, EVP_PKEY **ret, Problem *problem)
{
    int r;

    if (!key)
        return key_is_damaged(problem);
    r = pkey_check(key, "The private key", problem);
    if (r < 0)
        EVP_PKEY_free(key);
    else
        *ret = key;
    return r;
}

int pkey_from_pkcs8(const uint8_t *der, size_t size, EVP_PKEY **ret, Problem *problem)
{
    _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *p8 = NULL;
    const uint8_t *at = der, *inner;
    const X509_ALGOR *algorithm;
    int r, inner_size;

    p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)size);
    if (!p8 || at != der + size || PKCS8_pkey_get0(NULL, &inner, &inner_size, &algorithm, p8) <= 0)
        return key_is_damaged(problem);
    r = algorithm_check(algorithm, "The private key", problem);
    if (r >= 0)
        r = check_size(size, problem);
    if (r >= 0 && OBJ_obj2nid(algorithm->algorithm) == NID_X9_62_id_ecPublicKey)
        r = check_inner_curve(inner, (size_t)inner_size, problem);
    return r < 0 ? r : finish_key(EVP_PKCS82PKEY(p8), ret, problem);
}

int pkey_from_p8(const PKCS8_PRIV_KEY_INFO *p8, EVP_PKEY **ret, Problem *problem)
{
    _cleanup_blob_ Blob der = {};

    if (asn1_to_der(p8, ASN1_ITEM_rptr(PKCS8_PRIV_KEY_INFO), &der) < 0)
        return key_is_damaged(problem);
    return pkey_from_pkcs8(der.data, der.size, ret, problem);
}

int pkey_from_sec1(const uint8_t *der, size_t size, EVP_PKEY **ret, Problem *problem)
{
    int r;

    if ((r = check_size(size, problem)) < 0 || (r = check_inner_curve(der, size, problem)) < 0)
        return r;
    return finish_key(d2i_PrivateKey(EVP_PKEY_EC, NULL, &der, (long)size), ret, problem);
}

int pkey_from_pkcs1(const uint8_t *der, size_t size, EVP_PKEY **ret, Problem *problem)
{
    int r = check_size(size, problem);

    return r < 0 ? r : finish_key(d2i_PrivateKey(EVP_PKEY_RSA, NULL, &der, (long)size), ret, problem);
}

int pkey_to_pkcs8(EVP_PKEY *key, Blob *ret)
{
    _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);

    return p8 ? asn1_to_der(p8, ASN1_ITEM_rptr(PKCS8_PRIV_KEY_INFO), ret) : -EIO;
}

/* Returns the DER of an element if it is a sequence. */
static int element(const ASN1_SEQUENCE_ANY *s, int n, ASN1_SEQUENCE_ANY **ret)
{
    const ASN1_TYPE *t = n < sk_ASN1_TYPE_num(s) ? sk_ASN1_TYPE_value(s, n) : NULL;

    if (!t || t->type != V_ASN1_SEQUENCE)
        return -EBADMSG;
    return sequence_read(t->value.sequence->data, (size_t)t->value.sequence->length, ret);
}

/* RFC 5280 section 4.1: Certificate, TBSCertificate, SubjectPublicKeyInfo, parsed one after the other. */
static int find_algorithm(const uint8_t *der, size_t size, X509_ALGOR **ret)
{
    _cleanup_sequence_ ASN1_SEQUENCE_ANY *certificate = NULL, *tbs = NULL, *key_info = NULL;
    const ASN1_TYPE *t;
    const uint8_t *at;
    int first;

    if (sequence_read(der, size, &certificate) < 0 || element(certificate, 0, &tbs) < 0 ||
        sk_ASN1_TYPE_num(tbs) < 1)
        return -EBADMSG;
    first = sk_ASN1_TYPE_value(tbs, 0)->type == V_ASN1_OTHER ? 1 : 0; /* the version */
    if (element(tbs, first + 5, &key_info) < 0 || sk_ASN1_TYPE_num(key_info) < 1)
        return -EBADMSG;
    t = sk_ASN1_TYPE_value(key_info, 0);
    if (t->type != V_ASN1_SEQUENCE)
        return -EBADMSG;
    at = t->value.sequence->data;
    *ret = d2i_X509_ALGOR(NULL, &at, t->value.sequence->length);
    return *ret ? 0 : -EBADMSG;
}

/* Names the key of a certificate in messages. */
static void key_of(const char *whose, char ret[static WHOSE_MAX])
{
    snprintf(ret, WHOSE_MAX, "The key of %c%s", whose[0] | 0x20, whose + 1);
}

/* All but EC keys with explicit curve parameters, which OpenSSL examines. */
static bool is_quick_to_decode(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *object;
    int type;

    X509_ALGOR_get0(&object, &type, NULL, algorithm);
    return OBJ_obj2nid(object) != NID_X9_62_id_ecPublicKey || type == V_ASN1_OBJECT;
}

int x509_from_der(const uint8_t *der, size_t size, const char *whose, X509 **ret, size_t *ret_used,
                  Problem *problem)
{
    _cleanup_(X509_ALGOR_freep) X509_ALGOR *algorithm = NULL;
    _cleanup_x509_ X509 *x = NULL;
    const uint8_t *at = der;
    char key[WHOSE_MAX];
    size_t used;
    int r;

    if (find_algorithm(der, size, &algorithm) < 0)
        return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                           "%s is damaged: it does not have the structure of a certificate.", whose);
    key_of(whose, key);
    if (!is_quick_to_decode(algorithm) && (r = algorithm_check(algorithm, key, problem)) < 0)
        return r;
    x = d2i_X509(NULL, &at, (long)size);
    if (!x)
        return problem_set(problem, PROBLEM_INVALID_BUNDLE, "%s is damaged: %s.", whose, openssl_error());
    used = (size_t)(at - der);
    if (!ret_used && used != size)
        return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                           "%s is damaged: it is followed by %zu extra bytes.", whose, size - used);
    if (ret_used)
        *ret_used = used;
    *ret = TAKE_PTR(x);
    return 0;
}

int x509_check_key(X509 *x, const char *whose, Problem *problem)
{
    X509_ALGOR *algorithm;
    char key[WHOSE_MAX];
    int r;

    key_of(whose, key);
    X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, X509_get_X509_PUBKEY(x));
    r = algorithm_check(algorithm, key, problem);
    if (r < 0)
        return r;
    if (!X509_get0_pubkey(x))
        return problem_set(problem, PROBLEM_INVALID_BUNDLE, "%s is damaged: its key cannot be read (%s).",
                           whose, openssl_error());
    return pkey_check(X509_get0_pubkey(x), key, problem);
}

/* The security bits are those of the digest: SHA-1 and weaker ones have fewer than 80. */
bool x509_signature_is_strong(X509 *x, int *ret_digest)
{
    int digest = NID_undef, bits = 0;
    bool strong = X509_get_signature_info(x, &digest, NULL, &bits, NULL) > 0 && bits >= SIGNATURE_BITS_MIN;

    if (ret_digest)
        *ret_digest = digest;
    ERR_clear_error();
    return strong;
}

int x509_list_add_der(STACK_OF(X509) * l, const Blob *der, const char *whose, Problem *problem)
{
    _cleanup_x509_ X509 *x = NULL;
    int r;

    r = x509_from_der(der->data, der->size, whose, &x, NULL, problem);
    if (r < 0)
        return r;
    if (sk_X509_push(l, x) <= 0)
        return -ENOMEM;
    TAKE_PTR(x);
    return 0;
}
