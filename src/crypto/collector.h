/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/imported.h"
#include "core/problem.h"

/* What is being gathered from one upload, by those that read its formats. */
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
/* Says that a passphrase is missing or wrong; what as in "The private key". */
int passphrase_problem(const Collector *c, const char *what, Problem *problem);
