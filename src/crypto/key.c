/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/key.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/limits.h"

/* EC keys are most of what is made here, thousands at a time. OpenSSL 3 encodes a key through its provider's
 * encoder, at ten times the price of making it (X509_set_pubkey 260 us, PEM_write_bio_PrivateKey 96 us, a P-256
 * key 20 us). So the two ASN.1 frames around an EC key are filled from its raw point and scalar here, and
 * all other types go the ordinary way. */

#define SCALAR_MAX 48
#define POINT_MAX  (1 + 2 * SCALAR_MAX)

typedef struct Curve {
    KeyType type;
    const char *name;
    int nid;
    size_t scalar_size;
} Curve;

static const Curve curves[] = {
    { KEY_TYPE_ECDSA_P256, "P-256", NID_X9_62_prime256v1, 32 },
    { KEY_TYPE_ECDSA_P384, "P-384", NID_secp384r1, 48 },
};

const char *openssl_error(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_error());

    ERR_clear_error();
    return text ? text : "unknown error";
}

static const Curve *curve_of(EVP_PKEY *key)
{
    KeyType type = key_type_of(key);

    for (size_t i = 0; i < ELEMENTSOF(curves); i++)
        if (curves[i].type == type)
            return curves + i;
    return NULL;
}

int key_generate(KeyType type, EVP_PKEY **ret)
{
    EVP_PKEY *key = NULL;

    switch (type) {
    case KEY_TYPE_ECDSA_P256:
    case KEY_TYPE_ECDSA_P384:
        key = EVP_EC_gen(curves[type == KEY_TYPE_ECDSA_P384].name);
        break;
    case KEY_TYPE_RSA_2048:
    case KEY_TYPE_RSA_3072:
    case KEY_TYPE_RSA_4096:
        key = EVP_RSA_gen(2048U + 1024U * (unsigned)(type - KEY_TYPE_RSA_2048));
        break;
    case KEY_TYPE_ED25519:
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        break;
    default:
        return -EINVAL;
    }
    if (!key)
        return -EIO;
    *ret = key;
    return 0;
}

static KeyType rsa_type(int bits)
{
    switch (bits) {
    case 2048:
        return KEY_TYPE_RSA_2048;
    case 3072:
        return KEY_TYPE_RSA_3072;
    case 4096:
        return KEY_TYPE_RSA_4096;
    default:
        return bits >= LIMIT_RSA_BITS_MIN && bits <= LIMIT_RSA_BITS_MAX ? KEY_TYPE_RSA_OTHER : _KEY_TYPE_INVALID;
    }
}

KeyType key_type_of(EVP_PKEY *key)
{
    char group[32];

    if (EVP_PKEY_is_a(key, "RSA"))
        return rsa_type(EVP_PKEY_get_bits(key));
    if (EVP_PKEY_is_a(key, "ED25519"))
        return KEY_TYPE_ED25519;
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) <= 0)
        return _KEY_TYPE_INVALID;
    switch (OBJ_sn2nid(group)) {
    case NID_X9_62_prime256v1:
        return KEY_TYPE_ECDSA_P256;
    case NID_secp384r1:
        return KEY_TYPE_ECDSA_P384;
    case NID_secp521r1:
        return KEY_TYPE_ECDSA_P521;
    default:
        return _KEY_TYPE_INVALID;
    }
}

static int get_point(EVP_PKEY *key, uint8_t point[static POINT_MAX], size_t *ret_size)
{
    return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_MAX, ret_size) > 0 ? 0 : -EIO;
}

int key_set_public(X509 *x, EVP_PKEY *key)
{
    const Curve *curve = curve_of(key);
    uint8_t point[POINT_MAX], *copy;
    size_t size;
    int r;

    if (!curve)
        return X509_set_pubkey(x, key) > 0 ? 0 : -EIO;
    r = get_point(key, point, &size);
    if (r < 0)
        return r;
    copy = OPENSSL_memdup(point, size);
    if (!copy)
        return -ENOMEM;
    if (X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x), OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
                               OBJ_nid2obj(curve->nid), copy, (int)size) <= 0) {
        OPENSSL_free(copy);
        return -EIO;
    }
    return 0;
}

int bio_to_text(BIO *bio, char **ret)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);

    if (size < 0)
        return -EIO;
    *ret = strndup(data, (size_t)size);
    return *ret ? 0 : -ENOMEM;
}

static uint8_t *put_head(uint8_t *at, uint8_t tag, size_t size)
{
    *at++ = tag;
    if (size > 127)
        *at++ = 0x81;
    *at++ = (uint8_t)size;
    return at;
}

/* ECPrivateKey (RFC 5915) without parameters, as PKCS#8 wants it: version 1, scalar, [1] point. */
static size_t put_ec_private_key(uint8_t *out, const uint8_t *scalar, size_t n, const uint8_t *point, size_t m)
{
    size_t point_size = 3 + m, content = 3 + 2 + n + 2 + point_size;
    uint8_t *at = put_head(out, 0x30, content);

    memcpy(at, "\x02\x01\x01", 3);
    at = put_head(at + 3, 0x04, n);
    memcpy(at, scalar, n);
    at = put_head(at + n, 0xa1, point_size);
    at = put_head(at, 0x03, m + 1);
    *at++ = 0;
    memcpy(at, point, m);
    return (size_t)(at + m - out);
}

static int ec_key_fill(EVP_PKEY *key, const Curve *curve, PKCS8_PRIV_KEY_INFO *p8)
{
    uint8_t scalar[SCALAR_MAX], point[POINT_MAX], *der;
    BIGNUM *number = NULL;
    size_t point_size, size;
    int r;

    r = get_point(key, point, &point_size);
    if (r < 0)
        return r;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) <= 0)
        return -EIO;
    der = OPENSSL_malloc(SCALAR_MAX + POINT_MAX + 16);
    if (!der || BN_bn2binpad(number, scalar, (int)curve->scalar_size) < 0)
        r = -ENOMEM;
    else {
        size = put_ec_private_key(der, scalar, curve->scalar_size, point, point_size);
        if (PKCS8_pkey_set0(p8, OBJ_nid2obj(NID_X9_62_id_ecPublicKey), 0, V_ASN1_OBJECT, OBJ_nid2obj(curve->nid), der,
                            (int)size) > 0)
            der = NULL;
        else
            r = -EIO;
    }
    OPENSSL_clear_free(der, der ? SCALAR_MAX + POINT_MAX + 16 : 0);
    OPENSSL_cleanse(scalar, sizeof(scalar));
    BN_clear_free(number);
    return r;
}

static int write_ec_key(BIO *bio, EVP_PKEY *key, const Curve *curve)
{
    PKCS8_PRIV_KEY_INFO *p8 = PKCS8_PRIV_KEY_INFO_new();
    int r;

    if (!p8)
        return -ENOMEM;
    r = ec_key_fill(key, curve, p8);
    if (r == 0 && PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, p8) <= 0)
        r = -EIO;
    PKCS8_PRIV_KEY_INFO_free(p8);
    return r;
}

int key_to_pem(EVP_PKEY *key, char **ret)
{
    _cleanup_bio_ BIO *bio = BIO_new(BIO_s_secmem());
    const Curve *curve = curve_of(key);
    int r = 0;

    if (!bio)
        return -ENOMEM;
    if (curve)
        r = write_ec_key(bio, key, curve);
    else if (PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) <= 0)
        r = -EIO;
    return r < 0 ? r : bio_to_text(bio, ret);
}

static int no_passphrase(char *buffer _unused_, int size _unused_, int writing _unused_, void *userdata _unused_)
{
    return -1;
}

int key_from_pem(const char *pem, EVP_PKEY **ret)
{
    _cleanup_bio_ BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key;

    if (!bio)
        return -ENOMEM;
    key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    if (!key)
        return -EIO;
    *ret = key;
    return 0;
}
