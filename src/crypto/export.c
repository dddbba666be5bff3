/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/export.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <stdio.h>

#include "crypto/inspect.h"
#include "util/text.h"

DEFINE_CLEANUP(PKCS12 *, PKCS12_free);

#define KEY_ITERATIONS 100000 /* of PBKDF2 (RFC 8018); well below the limit for uploads */

static int to_pkcs7(STACK_OF(X509) * l, Blob *ret)
{
    _cleanup_(PKCS7_freep) PKCS7 *p7 = PKCS7_new();

    if (!p7 || PKCS7_set_type(p7, NID_pkcs7_signed) <= 0 || PKCS7_content_new(p7, NID_pkcs7_data) <= 0)
        return -EIO;
    for (int i = 0; i < sk_X509_num(l); i++)
        if (PKCS7_add_certificate(p7, sk_X509_value(l, i)) <= 0)
            return -EIO;
    PKCS7_set_detached(p7, 1);
    return asn1_to_der(p7, ASN1_ITEM_rptr(PKCS7), ret);
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
    Blob der;
    int r;

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
    r = format == EXPORT_DER ? asn1_to_der(sk_X509_value(l, 0), ASN1_ITEM_rptr(X509), &der)
                             : to_pkcs7(l, &der);
    if (r < 0)
        return r;
    *ret = der.data;
    *ret_size = der.size;
    return 0;
}

static int write_key(BIO *bio, EVP_PKEY *key, const char *passphrase)
{
    _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *p8 = NULL;
    _cleanup_(X509_ALGOR_freep) X509_ALGOR *algorithm = NULL;
    _cleanup_(X509_SIG_freep) X509_SIG *sealed = NULL;

    if (!passphrase)
        return PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) > 0 ? 0 : -EIO;
    p8 = EVP_PKEY2PKCS8(key);
    algorithm = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), KEY_ITERATIONS, NULL, 0, NULL, NID_hmacWithSHA256);
    if (p8 && algorithm)
        sealed = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), p8, algorithm);
    if (!sealed)
        return -EIO;
    TAKE_PTR(algorithm); /* now owned by it */
    return PEM_write_bio_PKCS8(bio, sealed) > 0 ? 0 : -EIO;
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
    _cleanup_(PKCS12_freep) PKCS12 *p12 = NULL;
    _cleanup_free_ char *all = NULL;
    _cleanup_x509_ X509 *leaf = NULL;
    int r;

    if (asprintf(&all, "%s%s%s", b->leaf, b->issuers, strempty(b->anchor)) < 0)
        return -ENOMEM;
    r = x509_list_from_pem(all, &l);
    if (r < 0)
        return r;
    leaf = sk_X509_shift(l);
    p12 = PKCS12_create(passphrase, name, key, leaf, l, NID_aes_256_cbc, NID_aes_256_cbc, KEY_ITERATIONS,
                        KEY_ITERATIONS, 0);
    return p12 && i2d_PKCS12_bio(bio, p12) > 0 ? 0 : -EIO;
}

int export_key(const Bundle *b, const char *name, KeyFormat format, const char *passphrase, void **ret,
               size_t *ret_size)
{
    _cleanup_bio_ BIO *bio = BIO_new(BIO_s_secmem());
    _cleanup_pkey_ EVP_PKEY *key = NULL;
    Blob file;
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
    r = size > 0 ? blob_new(data, (size_t)size, &file) : -EIO;
    if (r < 0)
        return r;
    *ret = file.data;
    *ret_size = file.size;
    return 0;
}
