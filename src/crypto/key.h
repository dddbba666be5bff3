/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/chain.h"
#include "core/problem.h"

/* Keys and what OpenSSL's objects need for cleanup. Functions return a negative errno; -EIO is OpenSSL's refusal. */

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free);
DEFINE_CLEANUP(X509 *, X509_free);
DEFINE_CLEANUP(BIO *, BIO_free_all);

#define _cleanup_pkey_ _cleanup_(EVP_PKEY_freep)
#define _cleanup_x509_ _cleanup_(X509_freep)
#define _cleanup_bio_  _cleanup_(BIO_free_allp)

/* What OpenSSL says went wrong first, for a log; empties its queue. A static string of the thread. */
const char *openssl_error(void);

/* A key that was made here. */
typedef struct Key Key;

/* May take seconds for RSA. */
int key_generate(KeyType type, Key **ret);
/* Erases it. */
Key *key_free(Key *k);
DEFINE_CLEANUP(Key *, key_free);
#define _cleanup_key_ _cleanup_(key_freep)
/* Puts the public half into a certificate that is being made. */
int key_set_public(X509 *x, const Key *k);
/* PKCS#8 (RFC 5958), PEM, not encrypted: a secret. */
int key_to_pem(const Key *k, char **ret);

/* Whether the private key is that of the certificate: tried out by a signature, as X509_check_private_key() compares
 * only what the key file says of its public half. */
bool pkey_belongs_to(EVP_PKEY *key, X509 *x);
/* _KEY_TYPE_INVALID for what is not allowed here. */
KeyType pkey_type(EVP_PKEY *key);
/* The digest that it signs with; NULL: its algorithm has one of its own. */
const EVP_MD *pkey_digest(EVP_PKEY *key);
int pkey_to_pem(EVP_PKEY *key, char **ret);
int pkey_from_pem(const char *pem, EVP_PKEY **ret);
/* What a memory BIO holds, as text. */
int bio_to_text(BIO *bio, char **ret);
