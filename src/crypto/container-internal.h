/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/container.h"

/* Shared by the files of the container only. */

/* State while reading an upload. */
typedef struct Collector {
    Imported *imported;
    const char *passphrase; /* NULL: none given */
    bool key_only;          /* the current file is for the key: certificates in it are ignored */
    size_t n_seen;          /* certificates so far, to number them in messages */
    Problem *problem;
} Collector;

/* Reads a certificate from the start of der. *ret_used: its length; NULL: it must fill der. */
int collect_certificate(Collector *c, const uint8_t *der, size_t size, size_t *ret_used);
/* Adds an OpenSSL object from a container. */
int collect_x509(Collector *c, X509 *x);
/* Adds the result of decoding a key. r and problem are recorded as a problem of the key, so that everything
 * else is still checked. Takes ownership of the key. Fails only on OOM. */
int collect_key(Collector *c, EVP_PKEY *key, int r, Problem *problem);

/* Each reads one file, by its format. *ret_format: static text. -EBADMSG or another negative errno with a
 * problem. */
int read_pem(Collector *c, const char *text, size_t size, const char **ret_format);
int read_der(Collector *c, const uint8_t *der, size_t size, const char **ret_format);
bool der_is_pkcs7(const uint8_t *der, size_t size);
int read_pkcs12(Collector *c, const uint8_t *der, size_t size);
int read_pkcs7(Collector *c, const uint8_t *der, size_t size);
int read_encrypted_pkcs8(Collector *c, const uint8_t *der, size_t size);

/* Checks a passphrase-based encryption (RFC 8018, RFC 7292 appendix C): -E2BIG with a problem if it has more
 * iterations than permitted. */
int encryption_check(const X509_ALGOR *algorithm, Problem *problem);
/* Reports that a passphrase is missing or wrong; what: as in "The private key". */
int passphrase_problem(const Collector *c, const char *what, Problem *problem);
