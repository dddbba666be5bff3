/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/account-key.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "core/limits.h"
#include "crypto/digest.h"
#include "crypto/key.h"
#include "util/text.h"

#define COORDINATE_MAX 48
#define SIGNATURE_MAX  (LIMIT_RSA_BITS_MAX / 8)

DEFINE_CLEANUP(BIGNUM *, BN_free);
DEFINE_CLEANUP(ECDSA_SIG *, ECDSA_SIG_free);
#define _cleanup_bignum_ _cleanup_(BN_freep)

/* The algorithms of each key type (RFC 7518 section 3.1). */
typedef struct Algorithm {
    const char *name;
    const char *curve; /* NULL: RSA */
    int size;          /* of a coordinate, and of half a signature */
    const EVP_MD *(*digest)(void);
} Algorithm;

static const Algorithm algorithms[_KEY_TYPE_MAX] = {
    [KEY_TYPE_ECDSA_P256] = { "ES256", "P-256", 32, EVP_sha256 },
    [KEY_TYPE_ECDSA_P384] = { "ES384", "P-384", COORDINATE_MAX, EVP_sha384 },
    [KEY_TYPE_RSA_2048... KEY_TYPE_RSA_OTHER] = { "RS256", NULL, 0, EVP_sha256 },
};

/* All requests are signed and identify the signer: the constant parts of that are computed once. */
struct AccountKey {
    EVP_PKEY *pkey;
    EVP_MD_CTX *signer; /* initialized, to be copied */
    const Algorithm *algorithm;
    char *jwk;
    char *thumbprint;
};

/* ---- the key */

static const Algorithm *algorithm_of(KeyType type)
{
    return type >= 0 && type < _KEY_TYPE_MAX && algorithms[type].name ? algorithms + type : NULL;
}

/* A number of the public key; size 0: without leading zeros (RFC 7518 section 2, Base64urlUInt). */
static int encode_number(EVP_PKEY *pkey, const char *parameter, int size, char **ret)
{
    _cleanup_bignum_ BIGNUM *n = NULL;
    uint8_t bytes[SIGNATURE_MAX];

    if (EVP_PKEY_get_bn_param(pkey, parameter, &n) <= 0)
        return -EIO;
    size = size > 0 ? size : BN_num_bytes(n);
    if (size > (int)sizeof(bytes) || BN_bn2binpad(n, bytes, size) != size)
        return -EIO;
    *ret = base64url_encode(bytes, (size_t)size);
    return *ret ? 0 : -ENOMEM;
}

/* Members in alphabetical order without white space (RFC 7638 section 3). */
static int make_jwk(AccountKey *k)
{
    const char *curve = k->algorithm->curve;
    _cleanup_free_ char *a = NULL, *b = NULL;
    int r, n;

    r = encode_number(k->pkey, curve ? OSSL_PKEY_PARAM_EC_PUB_X : OSSL_PKEY_PARAM_RSA_E, k->algorithm->size,
                      &a);
    if (r >= 0)
        r = encode_number(k->pkey, curve ? OSSL_PKEY_PARAM_EC_PUB_Y : OSSL_PKEY_PARAM_RSA_N,
                          k->algorithm->size, &b);
    if (r < 0)
        return r;
    if (curve)
        n = asprintf(&k->jwk, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", curve, a, b);
    else
        n = asprintf(&k->jwk, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", a, b);
    if (n < 0) {
        k->jwk = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int make_thumbprint(AccountKey *k)
{
    uint8_t digest[DIGEST_SIZE];
    int r = digest_sha256(k->jwk, strlen(k->jwk), digest);

    if (r < 0)
        return r;
    k->thumbprint = base64url_encode(digest, sizeof(digest));
    return k->thumbprint ? 0 : -ENOMEM;
}

int account_key_from_pem(const char *pem, AccountKey **ret)
{
    _cleanup_account_key_ AccountKey *k = calloc(1, sizeof(AccountKey));
    int r;

    if (!k)
        return -ENOMEM;
    if (pkey_from_pem(pem, &k->pkey) < 0) {
        ERR_clear_error();
        return -EINVAL;
    }
    k->algorithm = algorithm_of(pkey_type(k->pkey));
    if (!k->algorithm)
        return -EINVAL;
    k->signer = EVP_MD_CTX_new();
    if (!k->signer)
        return -ENOMEM;
    if (EVP_DigestSignInit(k->signer, NULL, k->algorithm->digest(), NULL, k->pkey) <= 0)
        return -EIO;
    if ((r = make_jwk(k)) < 0 || (r = make_thumbprint(k)) < 0)
        return r;
    *ret = TAKE_PTR(k);
    return 0;
}

int account_key_generate(KeyType type, AccountKey **ret)
{
    _cleanup_erase_ char *pem = NULL;
    _cleanup_key_ Key *key = NULL;
    int r;

    if (type == KEY_TYPE_RSA_OTHER || !algorithm_of(type))
        return -EINVAL;
    if ((r = key_generate(type, &key)) < 0 || (r = key_to_pem(key, &pem)) < 0)
        return r;
    return account_key_from_pem(pem, ret);
}

AccountKey *account_key_free(AccountKey *k)
{
    if (!k)
        return NULL;
    EVP_MD_CTX_free(k->signer);
    EVP_PKEY_free(k->pkey); /* erases the private half */
    free(k->jwk);
    free(k->thumbprint);
    free(k);
    return NULL;
}

int account_key_to_pem(const AccountKey *k, char **ret)
{
    return pkey_to_pem(k->pkey, ret);
}

KeyType account_key_type(const AccountKey *k)
{
    return pkey_type(k->pkey);
}

const char *account_key_algorithm(const AccountKey *k)
{
    return k->algorithm->name;
}

const char *account_key_jwk(const AccountKey *k)
{
    return k->jwk;
}

const char *account_key_thumbprint(const AccountKey *k)
{
    return k->thumbprint;
}

/* ---- signatures */

/* RFC 7518 section 3.4: R and S, each as long as a coordinate. */
static int split_signature(const uint8_t *der, size_t size, int half, uint8_t *ret)
{
    _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)size);

    if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature), ret, half) != half ||
        BN_bn2binpad(ECDSA_SIG_get0_s(signature), ret + half, half) != half)
        return -EIO;
    return 0;
}

int account_key_sign(const AccountKey *k, const void *data, size_t size, char **ret)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *signing = EVP_MD_CTX_new();
    uint8_t signature[SIGNATURE_MAX], halves[2 * COORDINATE_MAX];
    size_t n = sizeof(signature);
    int r;

    if (!signing)
        return -ENOMEM;
    if (EVP_MD_CTX_copy_ex(signing, k->signer) <= 0 ||
        EVP_DigestSign(signing, signature, &n, data, size) <= 0)
        return -EIO;
    if (!k->algorithm->curve)
        *ret = base64url_encode(signature, n);
    else {
        r = split_signature(signature, n, k->algorithm->size, halves);
        if (r < 0)
            return r;
        *ret = base64url_encode(halves, 2 * (size_t)k->algorithm->size);
    }
    return *ret ? 0 : -ENOMEM;
}

int mac_sign(MacAlgorithm a, const void *secret, size_t secret_size, const void *data, size_t size,
             char **ret)
{
    const EVP_MD *const digests[_MAC_ALGORITHM_MAX] = {
        [MAC_HS256] = EVP_sha256(),
        [MAC_HS384] = EVP_sha384(),
        [MAC_HS512] = EVP_sha512(),
    };
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned n;

    if (a < 0 || a >= _MAC_ALGORITHM_MAX || secret_size == 0 || secret_size > LIMIT_KEY_FILE)
        return -EINVAL;
    if (!HMAC(digests[a], secret, (int)secret_size, data, size, mac, &n))
        return -EIO;
    *ret = base64url_encode(mac, n);
    explicit_bzero(mac, sizeof(mac));
    return *ret ? 0 : -ENOMEM;
}
