/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crypto/account-key.h"

/* JSON Web Signatures (RFC 7515) in the flattened serialization, as used by RFC 8555 section 6.2. */

typedef struct JwsHeader {
    const char *url;
    const char *nonce;   /* NULL: none (key change, section 7.3.5) */
    const char *account; /* URL for kid; NULL: include the public key as jwk */
} JwsHeader;

/* payload NULL: empty, as for POST-as-GET (section 6.3). */
int jws_sign(const AccountKey *key, const JwsHeader *header, const char *payload, char **ret);
/* Creates the binding to an external account (section 7.3.4): id and secret are those of the authority, the
 * secret decoded. */
int jws_bind(const AccountKey *key, const char *url, const char *id, MacAlgorithm algorithm,
             const void *secret, size_t secret_size, char **ret);
