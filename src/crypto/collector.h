/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/imported.h"
#include "core/problem.h"

/* The contents of an upload, as the readers of the formats find them. */
typedef struct Collector {
    Imported *imported;
    const char *passphrase;         /* NULL: none was given */
    bool key_only;                  /* this is the separate key file: certificates in it are skipped */
    size_t n_seen;                  /* certificates so far, to number them in messages */
    unsigned first_line, last_line; /* of the PEM block that is read; 0: none */
    Problem *problem;
} Collector;

/* Adds the certificate at the beginning of der. *ret_used: its size; NULL: it has to fill der. */
int collect_certificate(Collector *c, const uint8_t *der, size_t size, size_t *ret_used);
/* Adds a certificate that OpenSSL has decoded. */
int collect_x509(Collector *c, X509 *x);
/* Adds the key, or the problem with which decoding it failed (r), which does not end the import. Takes ownership of the key.
 * Returns 0 or -ENOMEM. */
int collect_key(Collector *c, EVP_PKEY *key, int r, Problem *problem);
/* Sets a problem for a missing or wrong passphrase. what: start of the sentence, such as "The private key". */
int passphrase_problem(const Collector *c, const char *what, Problem *problem);
