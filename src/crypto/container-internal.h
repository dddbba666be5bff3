/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/container.h"

/* Shared by the container's files alone. */

/* What is being gathered from one upload. */
typedef struct Collector {
    Imported *imported;
    const char *passphrase; /* NULL: none was given */
    bool key_only; /* the file that is being read is for the key: certificates in it are passed over */
    size_t n_seen; /* certificates so far, for counting in messages */
    Problem *problem;
} Collector;

/* A certificate at the beginning of der. *ret_used (may be NULL: it has to be all) is how long it is. */
int collect_certificate(Collector *c, const uint8_t *der, size_t size, size_t *ret_used);
/* An OpenSSL object out of a container. */
int collect_x509(Collector *c, X509 *x);
/* The key that a decoder made, with what came of it: r and problem are noted as the key's own trouble, so that all the
 * rest is still looked at. Takes the key. Fails for want of memory only. */
int collect_key(Collector *c, EVP_PKEY *key, int r, Problem *problem);

/* One file, by what it looks like. *ret_format: static text. Each is -EBADMSG or another negative errno with a problem. */
int read_pem(Collector *c, const char *text, size_t size, const char **ret_format);
int read_der(Collector *c, const uint8_t *der, size_t size, const char **ret_format);
bool der_is_pkcs7(const uint8_t *der, size_t size);
int read_pkcs12(Collector *c, const uint8_t *der, size_t size);
int read_pkcs7(Collector *c, const uint8_t *der, size_t size);
int read_encrypted_pkcs8(Collector *c, const uint8_t *der, size_t size);

/* The passphrase-based encryption that an algorithm stands for (RFC 8018, RFC 7292 appendix C): -E2BIG with a problem when
 * it wants more iterations than are allowed. */
int encryption_check(const X509_ALGOR *algorithm, Problem *problem);
/* Says that a passphrase is missing or wrong; what as in "The private key". */
int passphrase_problem(const Collector *c, const char *what, Problem *problem);
