/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "core/limits.h"
#include "crypto/account-key.h"
#include "crypto/algorithm.h"
#include "crypto/extension.h"
#include "crypto/inspect.h"
#include "crypto/pem-reader.h"
#include "crypto/request-internal.h"
#include "util/text.h"

#define POINT_MAX (1 + 2 * 48)

DEFINE_CLEANUP(X509_REQ *, X509_REQ_free);
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);
DEFINE_CLEANUP(BIGNUM *, BN_clear_free);

/* ---- the key */

/* PrivateKeyInfo up to its scalar, and the bytes between scalar and point, as written by key_to_pem() and
 * OpenSSL. */
typedef struct Frame {
    const char *curve;
    size_t size; /* of a scalar */
    uint8_t head_size, middle_size;
    uint8_t head[40];
    uint8_t middle[8];
} Frame;

static const Frame frames[] = {
    { "P-256",
      32,
      36,
      5,
      { 0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20 },
      { 0xa1, 0x44, 0x03, 0x42, 0x00 } },
    { "P-384",
      48,
      35,
      5,
      { 0x30, 0x81, 0xb6, 0x02, 0x01, 0x00, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22,
        0x04, 0x81, 0x9e, 0x30, 0x81, 0x9b, 0x02, 0x01, 0x01, 0x04, 0x30 },
      { 0xa1, 0x64, 0x03, 0x62, 0x00 } },
};

static const Frame *find_frame(const PemBlock *b)
{
    for (size_t i = 0; i < ELEMENTSOF(frames); i++) {
        const Frame *f = frames + i;

        if (b->size == f->head_size + f->size + f->middle_size + 1 + 2 * f->size &&
            memcmp(b->data, f->head, f->head_size) == 0 &&
            memcmp(b->data + f->head_size + f->size, f->middle, f->middle_size) == 0)
            return f;
    }
    return NULL;
}

static int key_from_frame(const Frame *f, uint8_t *der, EVP_PKEY **ret)
{
    _cleanup_(BN_clear_freep) BIGNUM *scalar = BN_bin2bn(der + f->head_size, (int)f->size, BN_secure_new());
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    uint8_t *point = der + f->head_size + f->size + f->middle_size, native[POINT_MAX];
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)f->curve, strlen(f->curve)),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * f->size),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, f->size),
        OSSL_PARAM_END,
    };
    bool ok;

    if (!scalar || !context)
        return -ENOMEM;
    ok = BN_bn2nativepad(scalar, native, (int)f->size) > 0 && EVP_PKEY_fromdata_init(context) > 0 &&
         EVP_PKEY_fromdata(context, ret, EVP_PKEY_KEYPAIR, parameters) > 0;
    explicit_bzero(native, sizeof(native));
    return ok ? 0 : -EIO;
}

int request_decode_key(const char *pem, EVP_PKEY **ret)
{
    _cleanup_pem_block_ PemBlock block = {};
    PemReader reader = { .at = pem };
    const Frame *frame = NULL;

    if (pem_read_block(&reader, "PRIVATE KEY", &block) > 0)
        frame = find_frame(&block);
    if (frame && key_from_frame(frame, block.data, ret) >= 0)
        return 0;
    ERR_clear_error();
    return pkey_from_pem(pem, ret);
}

int request_make_key(KeyType type, char **ret)
{
    _cleanup_key_ Key *key = NULL;
    int r = key_generate(type, &key);

    return r < 0 ? r : key_to_pem(key, ret);
}

/* ---- the request */

/* Does not use X509_REQ_set_pubkey(), for the same reason as in key.c. */
static int set_public_key(X509_REQ *request, EVP_PKEY *key, KeyType type)
{
    uint8_t point[POINT_MAX], *copy;
    size_t size;
    int curve = type == KEY_TYPE_ECDSA_P256 ? NID_X9_62_prime256v1 : NID_secp384r1;

    if (type != KEY_TYPE_ECDSA_P256 && type != KEY_TYPE_ECDSA_P384)
        return X509_REQ_set_pubkey(request, key) > 0 ? 0 : -EIO;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size) <= 0)
        return -EIO;
    copy = OPENSSL_memdup(point, size);
    if (!copy)
        return -ENOMEM;
    if (X509_PUBKEY_set0_param(X509_REQ_get_X509_PUBKEY(request), OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
                               V_ASN1_OBJECT, OBJ_nid2obj(curve), copy, (int)size) <= 0) {
        OPENSSL_free(copy);
        return -EIO;
    }
    return 0;
}

/* The extension is that of a certificate, so a temporary one is used to build it. */
static int set_names(X509_REQ *request, char *const *names)
{
    _cleanup_x509_ X509 *x = X509_new();
    int r;

    if (!x)
        return -ENOMEM;
    r = x509_add_alternative_names(x, names, false);
    if (r < 0)
        return r;
    return X509_REQ_add_extensions(request, (STACK_OF(X509_EXTENSION) *)(uintptr_t)X509_get0_extensions(x)) >
                   0
               ? 0
               : -EIO;
}

int request_encode(int size, uint8_t *der, char **ret)
{
    if (size <= 0)
        return -EIO;
    *ret = base64url_encode(der, (size_t)size);
    OPENSSL_free(der);
    return *ret ? 0 : -ENOMEM;
}

int request_make(char *const *names, const char *key, char **ret)
{
    _cleanup_(X509_REQ_freep) X509_REQ *request = X509_REQ_new();
    _cleanup_pkey_ EVP_PKEY *pkey = NULL;
    size_t n = strv_length(names);
    uint8_t *der = NULL;
    KeyType type;
    int r, size;

    if (n == 0 || n > LIMIT_NAMES)
        return n == 0 ? -EINVAL : -E2BIG;
    if (!request)
        return -ENOMEM;
    r = request_decode_key(key, &pkey);
    if (r < 0)
        return r;
    type = pkey_type(pkey);
    if (pkey_check(pkey, "", NULL) < 0)
        return -EINVAL;
    if (X509_REQ_set_version(request, X509_REQ_VERSION_1) <= 0)
        return -EIO;
    if ((r = set_public_key(request, pkey, type)) < 0 || (r = set_names(request, names)) < 0)
        return r;
    if (X509_REQ_sign(request, pkey, pkey_digest(pkey)) <= 0)
        return -EIO;
    size = i2d_X509_REQ(request, &der);
    return request_encode(size, der, ret);
}
