/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "core/blob.h"
#include "core/chain.h"
#include "core/problem.h"

/* Keys, and cleanup functions for OpenSSL objects. Functions return a negative errno; -EIO if OpenSSL
 * fails. */

DEFINE_CLEANUP(ASN1_OCTET_STRING *, ASN1_OCTET_STRING_free);
DEFINE_CLEANUP(AUTHORITY_KEYID *, AUTHORITY_KEYID_free);
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);
DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free);
DEFINE_CLEANUP(PKCS7 *, PKCS7_free);
DEFINE_CLEANUP(PKCS8_PRIV_KEY_INFO *, PKCS8_PRIV_KEY_INFO_free);
DEFINE_CLEANUP(X509_ALGOR *, X509_ALGOR_free);
DEFINE_CLEANUP(X509_REQ *, X509_REQ_free);
DEFINE_CLEANUP(X509_SIG *, X509_SIG_free);
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free);
DEFINE_CLEANUP(X509 *, X509_free);
DEFINE_CLEANUP(BIO *, BIO_free_all);

#define _cleanup_pkey_ _cleanup_(EVP_PKEY_freep)
#define _cleanup_x509_ _cleanup_(X509_freep)
#define _cleanup_bio_  _cleanup_(BIO_free_allp)

/* Returns OpenSSL's first error for the log, and clears its queue. A static, thread-local string. */
const char *openssl_error(void);

/* A generated key. */
typedef struct Key Key;

/* May take seconds for RSA. */
int key_generate(KeyType type, Key **ret);
/* Erases it. */
Key *key_free(Key *k);
DEFINE_CLEANUP(Key *, key_free);
#define _cleanup_key_ _cleanup_(key_freep)
/* Sets the public key of a certificate under construction. */
int key_set_public(X509 *x, const Key *k);
/* The same for a request. */
int pkey_set_public(X509_REQ *request, EVP_PKEY *key);
/* Unencrypted PKCS#8 (RFC 5958), PEM: a secret. */
int key_to_pem(const Key *k, char **ret);

/* Returns true if the private key belongs to the certificate. Tries a signature, as X509_check_private_key()
 * only compares the public key stored in the key file. */
bool pkey_belongs_to(EVP_PKEY *key, X509 *x);
/* Returns _KEY_TYPE_INVALID for types that are not accepted. */
KeyType pkey_type(EVP_PKEY *key);
/* Returns the digest to sign with; NULL for algorithms that include one. */
const EVP_MD *pkey_digest(EVP_PKEY *key);
int pkey_to_pem(EVP_PKEY *key, char **ret);
int pkey_from_pem(const char *pem, EVP_PKEY **ret);
/* Encodes an object, as its i2d function does. */
int asn1_to_der(const void *value, const ASN1_ITEM *item, Blob *ret);
/* Returns the contents of a memory BIO as text. */
int bio_to_text(BIO *bio, char **ret);
