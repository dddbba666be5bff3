/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/key.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <pthread.h>

#include "core/limits.h"
#include "crypto/pem-reader.h"
#include "crypto/pem.h"

/* EC keys are the most common, by the thousands. OpenSSL 3 makes a key through its key manager and encodes
 * it through its provider's encoder, which takes much longer than the arithmetic (X509_set_pubkey 260 us,
 * the PEM of a key 96 us, EVP_EC_gen 35 us, while scalar and point take 14 us). So for P-256 and P-384,
 * scalar and point are computed here according to FIPS 186-5 appendix A.2.2, and the two ASN.1 frames around
 * them are filled in. All other types take the ordinary way. */

#define SCALAR_MAX 48
#define POINT_MAX  (1 + 2 * SCALAR_MAX)
#define DER_MAX    (40 + SCALAR_MAX + 5 + POINT_MAX)

DEFINE_CLEANUP(BN_CTX *, BN_CTX_free);
DEFINE_CLEANUP(BIGNUM *, BN_clear_free);
DEFINE_CLEANUP(EC_POINT *, EC_POINT_free);

/* head and middle: DER of the PrivateKeyInfo (RFC 5958) up to the scalar, and between scalar and point. It contains an
 * ECPrivateKey (RFC 5915) without parameters but with the point, as OpenSSL encodes it. */
typedef struct Curve {
    KeyType type;
    int nid;
    size_t scalar_size, head_size;
    uint8_t head[40], middle[5];
    EC_GROUP *group;
} Curve;

struct Key {
    EVP_PKEY *pkey; /* NULL for the curves below */
    const Curve *curve;
    uint8_t scalar[SCALAR_MAX];
    uint8_t point[POINT_MAX]; /* uncompressed, SEC 1 section 2.3.3 */
};

static Curve curves[] = {
    { .type = KEY_TYPE_ECDSA_P256,
      .nid = NID_X9_62_prime256v1,
      .scalar_size = 32,
      .head_size = 36,
      .head = { 0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
                0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20 },
      .middle = { 0xa1, 0x44, 0x03, 0x42, 0x00 } },
    { .type = KEY_TYPE_ECDSA_P384,
      .nid = NID_secp384r1,
      .scalar_size = 48,
      .head_size = 35,
      .head = { 0x30, 0x81, 0xb6, 0x02, 0x01, 0x00, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22,
                0x04, 0x81, 0x9e, 0x30, 0x81, 0x9b, 0x02, 0x01, 0x01, 0x04, 0x30 },
      .middle = { 0xa1, 0x64, 0x03, 0x62, 0x00 } },
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
    return text ? text : "OpenSSL gives no reason";
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
    _cleanup_(EC_POINT_freep) EC_POINT *point = EC_POINT_new(group);
    _cleanup_(BN_CTX_freep) BN_CTX *numbers = BN_CTX_secure_new();
    _cleanup_(BN_clear_freep) BIGNUM *scalar = BN_secure_new();

    if (!point || !numbers || !scalar)
        return -ENOMEM;
    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    if (make_scalar(k->curve, scalar, numbers) < 0 ||
        EC_POINT_mul(group, point, scalar, NULL, NULL, numbers) <= 0 ||
        EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, k->point, 1 + 2 * n, numbers) !=
            1 + 2 * n ||
        BN_bn2binpad(scalar, k->scalar, (int)n) != (int)n)
        return -EIO;
    return 0;
}

/* Of KEY_TYPE_RSA_2048 to KEY_TYPE_RSA_4096. */
static int rsa_bits(KeyType type)
{
    return 2048 + 1024 * (int)(type - KEY_TYPE_RSA_2048);
}

static int generate_otherwise(Key *k, KeyType type)
{
    if (type == KEY_TYPE_ED25519)
        k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else if (type >= KEY_TYPE_RSA_2048 && type <= KEY_TYPE_RSA_4096)
        k->pkey = EVP_RSA_gen((unsigned)rsa_bits(type));
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
    for (KeyType t = KEY_TYPE_RSA_2048; t <= KEY_TYPE_RSA_4096; t++)
        if (bits == rsa_bits(t))
            return t;
    return bits >= LIMIT_RSA_BITS_MIN && bits <= LIMIT_RSA_BITS_MAX ? KEY_TYPE_RSA_OTHER : _KEY_TYPE_INVALID;
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

/* Does not use X509_PUBKEY_set(), which encodes the key by the provider. */
static int set_point(X509_PUBKEY *public_key, const Curve *curve, const uint8_t *point)
{
    size_t size = 1 + 2 * curve->scalar_size;
    uint8_t *copy = OPENSSL_memdup(point, size);

    if (!copy)
        return -ENOMEM;
    if (X509_PUBKEY_set0_param(public_key, OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
                               OBJ_nid2obj(curve->nid), copy, (int)size) <= 0) {
        OPENSSL_free(copy);
        return -EIO;
    }
    return 0;
}

int key_set_public(X509 *x, const Key *k)
{
    if (k->curve)
        return set_point(X509_get_X509_PUBKEY(x), k->curve, k->point);
    return X509_set_pubkey(x, k->pkey) > 0 ? 0 : -EIO;
}

int pkey_set_public(X509_REQ *request, EVP_PKEY *key)
{
    const Curve *curve = curve_of_type(pkey_type(key));
    uint8_t point[POINT_MAX];
    size_t size;

    if (curve &&
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size) > 0 &&
        size == 1 + 2 * curve->scalar_size)
        return set_point(X509_REQ_get_X509_PUBKEY(request), curve, point);
    return X509_REQ_set_pubkey(request, key) > 0 ? 0 : -EIO;
}

int asn1_to_der(const void *value, const ASN1_ITEM *item, Blob *ret)
{
    uint8_t *der = NULL;
    int size = ASN1_item_i2d(value, &der, item), r;

    if (size <= 0)
        return -EIO;
    r = blob_new(der, (size_t)size, ret);
    OPENSSL_clear_free(der, (size_t)size);
    return r;
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

static size_t der_size(const Curve *curve)
{
    return curve->head_size + curve->scalar_size + sizeof(curve->middle) + 1 + 2 * curve->scalar_size;
}

int key_to_pem(const Key *k, char **ret)
{
    const Curve *curve = k->curve;
    uint8_t der[DER_MAX], *at = der;

    if (!curve)
        return pkey_to_pem(k->pkey, ret);
    at = mempcpy(at, curve->head, curve->head_size);
    at = mempcpy(at, k->scalar, curve->scalar_size);
    at = mempcpy(at, curve->middle, sizeof(curve->middle));
    memcpy(at, k->point, 1 + 2 * curve->scalar_size);
    *ret = pem_encode("PRIVATE KEY", der, der_size(curve));
    explicit_bzero(der, sizeof(der));
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

static const Curve *curve_of_der(const Blob *b)
{
    for (size_t i = 0; i < ELEMENTSOF(curves); i++) {
        const Curve *c = curves + i;

        if (b->size == der_size(c) && memcmp(b->data, c->head, c->head_size) == 0 &&
            memcmp(b->data + c->head_size + c->scalar_size, c->middle, sizeof(c->middle)) == 0)
            return c;
    }
    return NULL;
}

static int pkey_on_curve(const Curve *curve, uint8_t *der, EVP_PKEY **ret)
{
    size_t n = curve->scalar_size;
    uint8_t *scalar = der + curve->head_size, *point = scalar + n + sizeof(curve->middle),
            native[SCALAR_MAX];
    _cleanup_(BN_clear_freep) BIGNUM *number = BN_bin2bn(scalar, (int)n, BN_secure_new());
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    const char *group = OBJ_nid2sn(curve->nid);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)group, strlen(group)),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * n),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, n),
        OSSL_PARAM_END,
    };
    bool ok;

    if (!number || !context)
        return -ENOMEM;
    ok = BN_bn2nativepad(number, native, (int)n) > 0 && EVP_PKEY_fromdata_init(context) > 0 &&
         EVP_PKEY_fromdata(context, ret, EVP_PKEY_KEYPAIR, parameters) > 0;
    explicit_bzero(native, sizeof(native));
    return ok ? 0 : -EIO;
}

/* OpenSSL 3 takes 600 us to decode a key, much longer than for a signature; one in the frame above takes 30 us. */
int pkey_from_pem(const char *pem, EVP_PKEY **ret)
{
    PemReader reader = { .at = pem };
    _cleanup_bio_ BIO *bio = NULL;
    _cleanup_blob_ Blob der = {};
    const Curve *curve = NULL;
    EVP_PKEY *key = NULL;

    if (pem_read_block(&reader, "PRIVATE KEY", &der) > 0)
        curve = curve_of_der(&der);
    if (!curve || pkey_on_curve(curve, der.data, &key) < 0) {
        ERR_clear_error();
        bio = BIO_new_mem_buf(pem, -1);
        if (!bio)
            return -ENOMEM;
        key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    }
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
