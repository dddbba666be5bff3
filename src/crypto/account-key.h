/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/chain.h"
#include "core/mac-algorithm.h"
#include "crypto/base64url.h"

/* Keys that sign requests to an authority (RFC 7518): ECDSA P-256 as ES256, P-384 as ES384, RSA as RS256.
 * Also used for keys of certificates, which may sign their own revocation. Immutable; any thread. */
typedef struct AccountKey AccountKey;

/* ecdsa-p256, ecdsa-p384, rsa-2048 to rsa-4096; -EINVAL for the others. */
int account_key_generate(KeyType type, AccountKey **ret);
/* -EINVAL for other types. */
int account_key_from_pem(const char *pem, AccountKey **ret);
AccountKey *account_key_free(AccountKey *k);
DEFINE_CLEANUP(AccountKey *, account_key_free);
#define _cleanup_account_key_ _cleanup_(account_key_freep)
/* Returns a secret. */
int account_key_to_pem(const AccountKey *k, char **ret);
KeyType account_key_type(const AccountKey *k);
/* "ES256" and so on. */
const char *account_key_algorithm(const AccountKey *k);
/* Returns the public key as JSON, with its members in the order of RFC 7638, for the thumbprint.
 * Borrowed. */
const char *account_key_jwk(const AccountKey *k);
/* Returns base64url of its SHA-256 (RFC 7638). Borrowed. */
const char *account_key_thumbprint(const AccountKey *k);
/* Returns base64url of the signature in the format of RFC 7518 section 3: R and S concatenated for ECDSA. */
int account_key_sign(const AccountKey *k, const void *data, size_t size, char **ret);
int mac_sign(MacAlgorithm a, const void *secret, size_t secret_size, const void *data, size_t size,
             char **ret);
