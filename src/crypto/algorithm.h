/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/x509.h>

#include "core/problem.h"

/* Which keys are accepted: RSA, and ECDSA on P-256, P-384 and P-521. Decoding a key of another type, or on a curve that
 * comes with it, may take seconds, so the AlgorithmIdentifier (RFC 5280 section 4.1.1.2) is looked at first, in DER that
 * nothing else has looked at yet. */

/* whose begins the sentence: "The private key". PROBLEM_WEAK_KEY with the type named. */
int algorithm_check(const X509_ALGOR *algorithm, const char *whose, Problem *problem);
/* What is wrong with a key that was decoded: its length, its exponent, its curve. */
int pkey_check(EVP_PKEY *key, const char *whose, Problem *problem);
/* A private key, PKCS#8 (RFC 5958) or ECPrivateKey (RFC 5915), checked and decoded. */
int pkey_from_pkcs8(const uint8_t *der, size_t size, EVP_PKEY **ret, Problem *problem);
int pkey_from_sec1(const uint8_t *der, size_t size, EVP_PKEY **ret, Problem *problem);
int pkey_from_pkcs1(const uint8_t *der, size_t size, EVP_PKEY **ret, Problem *problem);
int pkey_to_pkcs8(EVP_PKEY *key, uint8_t **ret, size_t *ret_size);
/* A certificate, with its key's type checked before it is decoded. *ret_used: bytes of der that it takes. */
int x509_from_der(const uint8_t *der, size_t size, const char *whose, X509 **ret, size_t *ret_used,
                  Problem *problem);
