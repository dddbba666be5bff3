/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/x509.h>

#include "core/problem.h"
#include "crypto/key.h"

static inline void sequence_freep(ASN1_SEQUENCE_ANY **s)
{
    sk_ASN1_TYPE_pop_free(*s, ASN1_TYPE_free);
}
#define _cleanup_sequence_ _cleanup_(sequence_freep)

#define KEYS_ACCEPTED "RSA of 2048 to 4096 bits and ECDSA on P-256, P-384 or P-521 are accepted"

/* Checks whether keys are accepted: RSA, and ECDSA on P-256, P-384 and P-521. Decoding a key of another
 * type, or with explicit curve parameters, may take seconds, so the AlgorithmIdentifier (RFC 5280 section
 * 4.1.1.2) is checked first, in DER that nothing else has parsed yet. */

/* whose: start of the sentence, such as "The private key". PROBLEM_WEAK_KEY with the name of the type. */
int algorithm_check(const X509_ALGOR *algorithm, const char *whose, Problem *problem);
/* Checks a decoded key: its length, exponent and curve. */
int pkey_check(EVP_PKEY *key, const char *whose, Problem *problem);
/* Returns true if signatures by this key can be checked in little time; it need not be of an accepted type. */
bool pkey_can_verify(EVP_PKEY *key);
/* Checks and decodes a private key, PKCS#8 (RFC 5958) or ECPrivateKey (RFC 5915). */
int pkey_from_pkcs8(const uint8_t *der, size_t size, EVP_PKEY **ret, Problem *problem);
int pkey_from_p8(const PKCS8_PRIV_KEY_INFO *p8, EVP_PKEY **ret, Problem *problem);
int pkey_from_sec1(const uint8_t *der, size_t size, EVP_PKEY **ret, Problem *problem);
int pkey_from_pkcs1(const uint8_t *der, size_t size, EVP_PKEY **ret, Problem *problem);
int pkey_to_pkcs8(EVP_PKEY *key, Blob *ret);
/* Decodes a certificate. Its key may have a type that is not accepted, as the certificate may be one that is not served; only
 * keys that would take long to decode are refused here. *ret_used: number of bytes used; NULL: all have to be. */
int x509_from_der(const uint8_t *der, size_t size, const char *whose, X509 **ret, size_t *ret_used,
                  Problem *problem);
/* Decodes a certificate and appends it. */
int x509_list_add_der(STACK_OF(X509) * l, const Blob *der, const char *whose, Problem *problem);
/* Checks the key of a decoded certificate. whose: the certificate, as the start of a sentence. */
int x509_check_key(X509 *x, const char *whose, Problem *problem);
/* Returns true if the digest of its signature is unbroken. *ret_digest: NID_*; may be NULL. */
bool x509_signature_is_strong(X509 *x, int *ret_digest);
