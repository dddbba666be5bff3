/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/key.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>

#include "core/limits.h"
#include "crypto/pem.h"

/* EC keys are the most common, by the thousands. OpenSSL 3 makes a key through its key manager and encodes
 * it through its provider's encoder, which takes much longer than the arithmetic (X509_set_pubkey 260 us,
 * the PEM of a key 96 us, EVP_EC_gen 35 us, while scalar and point take 14 us). So for P-256 and P-384,
 * scalar and point are computed here according to FIPS 186-5 appendix A.2.2, and the two ASN.1 frames around
 * them are filled in. All other types take the ordinary way. */

#define SCALAR_MAX 48
#define POINT_MAX  (1 + 2 * SCALAR_MAX)

typedef struct Curve {
    KeyType type;
    int nid;
    size_t scalar_size;
    EC_GROUP *group;
} Curve;

struct Key {
    EVP_PKEY *pkey; /* NULL for the curves below */
    const Curve *curve;
    uint8_t scalar[SCALAR_MAX];
    uint8_t point[POINT_MAX]; /* uncompressed, SEC 1 section 2.3.3 */
};

static Curve curves[] = {
    { KEY_TYPE_ECDSA_P256, NID_X9_62_prime256v1, 32, NULL },
    { KEY_TYPE_ECDSA_P384, NID_secp384r1, 48, NULL },
};

static pthread_once_t curves_once = PTHREAD_ONCE_INIT;

static void free_curves(void)
{
    for (size_t i = 0; i < ELEMENTSOF(curves); i++)
        EC_GROUP_free(curves[i].group);
}

static void init_curves(void)
{
    for (size_t i = 0; i < ELEMENTSOF(curves); i++)
        curves[i].group = EC_GROUP_new_by_curve_name(curves[i].nid);
    (void)OPENSSL_atexit(free_curves);
}

static const Curve *curve_of_type(KeyType type)
{
    pthread_once(&curves_once, init_curves);
    for (size_t i = 0; i < ELEMENTSOF(curves); i++)
        if (curves[i].type == type && curves[i].group)
            return curves + i;
    return NULL;
}

const char *openssl_error(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_error());

    ERR_clear_error();
    return text ? text : "unknown error";
}

static int make_scalar(const Curve *curve, BIGNUM *scalar, BN_CTX *numbers)
{
    do {
        if (BN_priv_rand_range_ex(scalar, EC_GROUP_get0_order(curve->group), 0, numbers) <= 0)
            return -EIO;
    } while (BN_is_zero(scalar));
    return 0;
}

static int generate_on_curve(Key *k)
{
    const EC_GROUP *group = k->curve->group;
    size_t n = k->curve->scalar_size;
    EC_POINT *point = EC_POINT_new(group);
    BN_CTX *numbers = BN_CTX_secure_new();
    BIGNUM *scalar = BN_secure_new();
    int r = -EIO;

    if (point && numbers && scalar) {
        BN_set_flags(scalar, BN_FLG_CONSTTIME);
        if (make_scalar(k->curve, scalar, numbers) >= 0 &&
            EC_POINT_mul(group, point, scalar, NULL, NULL, numbers) > 0 &&
            EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, k->point, 1 + 2 * n, numbers) ==
                1 + 2 * n &&
            BN_bn2binpad(scalar, k->scalar, (int)n) == (int)n)
            r = 0;
    }
    BN_clear_free(scalar);
    BN_CTX_free(numbers);
    EC_POINT_free(point);
    return r;
}

static int generate_otherwise(Key *k, KeyType type)
{
    if (type == KEY_TYPE_ED25519)
        k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else if (type >= KEY_TYPE_RSA_2048 && type <= KEY_TYPE_RSA_4096)
        k->pkey = EVP_RSA_gen(2048U + 1024U * (unsigned)(type - KEY_TYPE_RSA_2048));
    else
        return -EINVAL;
    return k->pkey ? 0 : -EIO;
}

int key_generate(KeyType type, Key **ret)
{
    _cleanup_key_ Key *k = calloc(1, sizeof(Key));
    int r;

    if (!k)
        return -ENOMEM;
    k->curve = curve_of_type(type);
    r = k->curve ? generate_on_curve(k) : generate_otherwise(k, type);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(k);
    return 0;
}

Key *key_free(Key *k)
{
    if (k) {
        EVP_PKEY_free(k->pkey);
        explicit_bzero(k, sizeof(*k));
    }
    free(k);
    return NULL;
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
        return bits >= LIMIT_RSA_BITS_MIN && bits <= LIMIT_RSA_BITS_MAX ? KEY_TYPE_RSA_OTHER
                                                                        : _KEY_TYPE_INVALID;
    }
}

KeyType pkey_type(EVP_PKEY *key)
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

int key_set_public(X509 *x, const Key *k)
{
    uint8_t *copy;
    size_t size;

    if (!k->curve)
        return X509_set_pubkey(x, k->pkey) > 0 ? 0 : -EIO;
    size = 1 + 2 * k->curve->scalar_size;
    copy = OPENSSL_memdup(k->point, size);
    if (!copy)
        return -ENOMEM;
    if (X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x), OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
                               OBJ_nid2obj(k->curve->nid), copy, (int)size) <= 0) {
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
    *ret = size > 0 ? strndup(data, (size_t)size) : strdup("");
    return *ret ? 0 : -ENOMEM;
}

/* DER is written backwards, so that all lengths are known when their headers are written. */
typedef struct DerWriter {
    uint8_t data[2 * POINT_MAX + 64];
    size_t at; /* start of the data written */
} DerWriter;

static void put(DerWriter *w, const void *data, size_t size)
{
    w->at -= size;
    memcpy(w->data + w->at, data, size);
}

static size_t written(const DerWriter *w)
{
    return sizeof(w->data) - w->at;
}

static void put_head(DerWriter *w, uint8_t tag, size_t size)
{
    const uint8_t small[] = { tag, (uint8_t)size }, large[] = { tag, 0x81, (uint8_t)size };

    if (size > 127)
        put(w, large, sizeof(large));
    else
        put(w, small, sizeof(small));
}

/* PrivateKeyInfo (RFC 5958) containing an ECPrivateKey (RFC 5915) without parameters but with the point. */
static void put_private_key_info(DerWriter *w, const Key *k)
{
    static const uint8_t p256[] = { 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
    static const uint8_t p384[] = { 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                    0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
    static const uint8_t version_0[] = { 0x02, 0x01, 0x00 }, version_1[] = { 0x02, 0x01, 0x01 },
                         no_unused_bits[] = { 0 };
    size_t n = k->curve->scalar_size, m = 1 + 2 * n;

    put(w, k->point, m);
    put(w, no_unused_bits, 1);
    put_head(w, 0x03, m + 1);
    put_head(w, 0xa1, written(w));
    put(w, k->scalar, n);
    put_head(w, 0x04, n);
    put(w, version_1, sizeof(version_1));
    put_head(w, 0x30, written(w));
    put_head(w, 0x04, written(w));
    if (k->curve->type == KEY_TYPE_ECDSA_P256)
        put(w, p256, sizeof(p256));
    else
        put(w, p384, sizeof(p384));
    put(w, version_0, sizeof(version_0));
    put_head(w, 0x30, written(w));
}

int key_to_pem(const Key *k, char **ret)
{
    DerWriter w = { .at = sizeof(w.data) };

    if (!k->curve)
        return pkey_to_pem(k->pkey, ret);
    put_private_key_info(&w, k);
    *ret = pem_encode("PRIVATE KEY", w.data + w.at, written(&w));
    explicit_bzero(&w, sizeof(w));
    return *ret ? 0 : -ENOMEM;
}

int pkey_to_pem(EVP_PKEY *key, char **ret)
{
    _cleanup_bio_ BIO *bio = BIO_new(BIO_s_secmem());

    if (!bio)
        return -ENOMEM;
    if (PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) <= 0)
        return -EIO;
    return bio_to_text(bio, ret);
}

static bool try_out(EVP_PKEY *key, EVP_PKEY *public_key)
{
    static const uint8_t text[32] = "a text to be signed and verified";
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *signing = EVP_MD_CTX_new(), *verifying = EVP_MD_CTX_new();
    const EVP_MD *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
    uint8_t signature[LIMIT_RSA_BITS_MAX / 8];
    size_t size = sizeof(signature);

    return signing && verifying && EVP_DigestSignInit(signing, NULL, digest, NULL, key) > 0 &&
           EVP_DigestSign(signing, signature, &size, text, sizeof(text)) > 0 &&
           EVP_DigestVerifyInit(verifying, NULL, digest, NULL, public_key) > 0 &&
           EVP_DigestVerify(verifying, signature, size, text, sizeof(text)) > 0;
}

bool pkey_belongs_to(EVP_PKEY *key, X509 *x)
{
    EVP_PKEY *public_key = X509_get0_pubkey(x);
    bool yes =
        public_key && pkey_type(key) >= 0 && X509_check_private_key(x, key) > 0 && try_out(key, public_key);

    ERR_clear_error();
    return yes;
}

static int no_passphrase(char *buffer _unused_, int size _unused_, int writing _unused_,
                         void *userdata _unused_)
{
    return -1;
}

int pkey_from_pem(const char *pem, EVP_PKEY **ret)
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

const EVP_MD *pkey_digest(EVP_PKEY *key)
{
    switch (pkey_type(key)) {
    case KEY_TYPE_ED25519:
        return NULL;
    case KEY_TYPE_ECDSA_P384:
        return EVP_sha384();
    case KEY_TYPE_ECDSA_P521:
        return EVP_sha512();
    default:
        return EVP_sha256();
    }
}
