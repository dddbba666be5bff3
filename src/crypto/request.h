/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/problem.h"

/* What an authority is asked for, and what it returns. Any thread. */

/* A certificate signing request (RFC 2986) for canonical names, of which addresses become iPAddress (RFC 8738), and no
 * common name; signed by the key (PEM, PKCS#8). base64url of its DER. */
int request_make(char *const *names, const char *key, char **ret);
/* A new private key, PEM: a secret. */
int request_make_key(KeyType type, char **ret);

/* Takes the chain that came back (RFC 8555 section 9.1) apart: at most LIMIT_CHAIN certificates, leaf first, each the issuer
 * of the one before (the order is not repaired: it is the authority's duty), the key that of the leaf, the leaf for every
 * name and for serverAuth, key types that are allowed here, valid at now or soon. A self-signed root at the end becomes
 * the anchor. PROBLEM_INVALID_BUNDLE and its like; whose begins the sentence. */
int request_accept(const char *whose, const char *pem, const char *key, char *const *names, int64_t now, Bundle **ret,
                   Problem *problem);
/* Whether the chain ends in, or is signed by, an authority with this common name. */
int bundle_has_issuer(const Bundle *b, const char *common_name, bool *ret);
/* What identifies a certificate to its authority (RFC 9773 section 4.1): base64url of the authority key identifier, ".",
 * base64url of the serial number. -ENODATA when it has no such identifier. */
int certificate_identifier(const char *pem, char **ret);
/* base64url of the first certificate's DER. */
int certificate_to_base64url(const char *pem, char **ret);
