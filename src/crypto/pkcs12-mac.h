/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/pkcs12.h>

#include "core/problem.h"

/* The MAC of a PKCS#12 file: that of RFC 7292 section 4, or PBMAC1 of RFC 9579, which OpenSSL knows since 3.4. */
typedef struct Pkcs12Mac {
    PKCS12 *file; /* borrowed, as is der, from which it was decoded */
    const uint8_t *der;
    size_t size;
    int64_t iterations;
    /* of PBMAC1 */
    bool is_pbmac1;
    int prf, hmac; /* NIDs of digests */
    size_t key_size;
    const uint8_t *salt;
    size_t salt_size;
    struct PBKDF2PARAM_st *derivation;
} Pkcs12Mac;

/* Reads its parameters, before anything is computed. -EBADMSG with a problem that names a kind of MAC that cannot be
 * checked; -E2BIG for too many iterations. */
int pkcs12_mac_init(Pkcs12Mac *m, PKCS12 *file, const uint8_t *der, size_t size, Problem *problem);
void pkcs12_mac_done(Pkcs12Mac *m);
#define _cleanup_pkcs12_mac_ _cleanup_(pkcs12_mac_done)
/* Derives a key from the passphrase, and compares. NULL differs from "" (RFC 7292 appendix B.1). */
bool pkcs12_mac_fits(const Pkcs12Mac *m, const char *passphrase);
