/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Parsers for header fields of replies. Pure. */

#define TYPE_JSON    "application/json"
#define TYPE_PROBLEM "application/problem+json"
#define TYPE_JOSE    "application/jose+json"
#define TYPE_CHAIN   "application/pem-certificate-chain"

/* Retry-After (RFC 9110 section 10.2.3): delay in seconds, or a moment, as a delay from now; within
 * [LIMIT_RETRY_MIN, LIMIT_RETRY_MAX] in any case. -EINVAL for anything else. */
int header_parse_retry_after(const char *value, int64_t now, int64_t *ret_delay);
/* Appends the targets of links with this relation in a field value (RFC 8288 section 3) to *targets,
 * unresolved. -EINVAL for a malformed value, of which nothing is added. */
int header_parse_link(const char *value, const char *relation, char ***targets);
/* Returns true if the value is this media type (RFC 9110 section 8.3.1), ignoring case and parameters. */
bool header_is_type(const char *value, const char *type);
/* Returns true for base64url (RFC 4648 section 5) without padding: a nonce (RFC 8555 section 6.5.1) of at
 * most LIMIT_NONCE bytes. */
bool header_is_nonce(const char *value);
