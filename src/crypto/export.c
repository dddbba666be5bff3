/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/export.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <stdio.h>

#include "crypto/inspect.h"
#include "util/text.h"

#define KEY_ITERATIONS 100000 /* of PBKDF2 (RFC 8018); well below the limit for uploads */

/* From OpenSSL's memory to ours. */
static int hand_over(uint8_t *der, int size, void **ret, size_t *ret_size)
{
    void *copy;

    if (size < 0)
        return -EIO;
    copy = malloc((size_t)size);
    if (copy) {
        memcpy(copy, der, (size_t)size);
        *ret = copy;
        *ret_size = (size_t)size;
    }
    OPENSSL_free(der);
    return copy ? 0 : -ENOMEM;
}

static int to_pkcs7(STACK_OF(X509) * l, uint8_t **ret)
{
    PKCS7 *p7 = PKCS7_new();
    int size = -1;

    if (p7 && PKCS7_set_type(p7, NID_pkcs7_signed) > 0 && PKCS7_content_new(p7, NID_pkcs7_data) > 0) {
        bool failed = false;

        for (int i = 0; i < sk_X509_num(l) && !failed; i++)
            failed = PKCS7_add_certificate(p7, sk_X509_value(l, i)) <= 0;
        PKCS7_set_detached(p7, 1);
        if (!failed)
            size = i2d_PKCS7(p7, ret);
    }
    PKCS7_free(p7);
    return size;
}

static int to_fingerprint(X509 *x, void **ret, size_t *ret_size)
{
    char *text = malloc(65);
    int r = text ? x509_fingerprint(x, text) : -ENOMEM;

    if (r < 0) {
        free(text);
        return r;
    }
    *ret = text;
    *ret_size = 64;
    return 0;
}

int export_certificates(const char *pem, ExportFormat format, void **ret, size_t *ret_size)
{
    _cleanup_x509_stack_ STACK_OF(X509) *l = NULL;
    uint8_t *der = NULL;
    int r, size;

    if (format == EXPORT_PEM) {
        *ret = strdup(pem);
        *ret_size = strlen(pem);
        return *ret ? 0 : -ENOMEM;
    }
    r = x509_list_from_pem(pem, &l);
    if (r < 0)
        return r;
    if (format == EXPORT_FINGERPRINT)
        return to_fingerprint(sk_X509_value(l, 0), ret, ret_size);
    size = format == EXPORT_DER ? i2d_X509(sk_X509_value(l, 0), &der) : to_pkcs7(l, &der);
    return hand_over(der, size, ret, ret_size);
}

static int write_key(BIO *bio, EVP_PKEY *key, const char *passphrase)
{
    PKCS8_PRIV_KEY_INFO *p8 = NULL;
    X509_ALGOR *algorithm = NULL;
    X509_SIG *sealed = NULL;
    int r = -EIO;

    if (!passphrase)
        return PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) > 0 ? 0 : -EIO;
    p8 = EVP_PKEY2PKCS8(key);
    algorithm = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), KEY_ITERATIONS, NULL, 0, NULL, NID_hmacWithSHA256);
    if (p8 && algorithm)
        sealed = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), p8, algorithm);
    if (sealed) {
        algorithm = NULL; /* now owned by it */
        r = PEM_write_bio_PKCS8(bio, sealed) > 0 ? 0 : -EIO;
    }
    X509_SIG_free(sealed);
    X509_ALGOR_free(algorithm);
    PKCS8_PRIV_KEY_INFO_free(p8);
    return r;
}

static int key_to_pem_file(const Bundle *b, EVP_PKEY *key, const char *passphrase, BIO *bio)
{
    int r = write_key(bio, key, passphrase);

    if (r < 0)
        return r;
    return BIO_puts(bio, b->leaf) > 0 && (!*b->issuers || BIO_puts(bio, b->issuers) > 0) ? 0 : -EIO;
}

static int key_to_pkcs12(const Bundle *b, EVP_PKEY *key, const char *name, const char *passphrase, BIO *bio)
{
    _cleanup_x509_stack_ STACK_OF(X509) *l = NULL;
    _cleanup_free_ char *all = NULL;
    PKCS12 *p12 = NULL;
    X509 *leaf;
    int r;

    if (asprintf(&all, "%s%s%s", b->leaf, b->issuers, strempty(b->anchor)) < 0)
        return -ENOMEM;
    r = x509_list_from_pem(all, &l);
    if (r < 0)
        return r;
    leaf = sk_X509_shift(l);
    p12 = PKCS12_create(passphrase, name, key, leaf, l, NID_aes_256_cbc, NID_aes_256_cbc, KEY_ITERATIONS,
                        KEY_ITERATIONS, 0);
    X509_free(leaf);
    r = p12 && i2d_PKCS12_bio(bio, p12) > 0 ? 0 : -EIO;
    PKCS12_free(p12);
    return r;
}

int export_key(const Bundle *b, const char *name, KeyFormat format, const char *passphrase, void **ret,
               size_t *ret_size)
{
    _cleanup_bio_ BIO *bio = BIO_new(BIO_s_secmem());
    _cleanup_pkey_ EVP_PKEY *key = NULL;
    char *data;
    long size;
    int r;

    if (!bio)
        return -ENOMEM;
    r = pkey_from_pem(b->key, &key);
    if (r >= 0)
        r = format == KEY_FORMAT_PKCS12 ? key_to_pkcs12(b, key, name, passphrase, bio)
                                        : key_to_pem_file(b, key, passphrase, bio);
    if (r < 0)
        return r;
    size = BIO_get_mem_data(bio, &data);
    if (size <= 0 || !(*ret = malloc((size_t)size)))
        return size <= 0 ? -EIO : -ENOMEM;
    memcpy(*ret, data, (size_t)size);
    *ret_size = (size_t)size;
    return 0;
}
