/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* What certwrightd asks certwright-dns for, and its answer: lines "key value", ended by an empty line, one message in each
 * direction. Neither end trusts the other: whatever is not just as it is written here is refused. */

/* One change of a TXT record, by an update (zone, server) or by a hook. */
typedef struct DnsRequest {
    bool remove;
    char *fqdn;    /* dns_name_is_canonical() */
    char *value;   /* RFC 8555 section 8.4: 43 letters of base64url */
    char *zone;    /* dns_name_is_canonical(), fqdn is in it */
    char *address; /* of the server, IPv4 or IPv6 */
    uint16_t port;
    char *key_name, *key_algorithm, *key_secret; /* TSIG, RFC 8945; all are NULL: not signed */
    char *hook;
} DnsRequest;

void dns_request_clear(DnsRequest *q);
#define _cleanup_dns_request_ _cleanup_(dns_request_clear)
/* Newly allocated, with a NUL behind; it may hold a secret. -EINVAL and a problem for what no request may be. */
int dns_request_encode(const DnsRequest *q, char **ret, Problem *problem);
/* -EBADMSG and a problem. */
int dns_request_decode(const char *data, size_t size, DnsRequest *ret, Problem *problem);

/* outcome->code is PROBLEM_NONE when the change was made. Newly allocated; NULL when memory is short. */
char *dns_reply_encode(const Problem *outcome);
/* -EBADMSG when it is no reply. */
int dns_reply_decode(const char *data, size_t size, Problem *ret_outcome);

/* A domain name in lower case without the last dot; letters, digits, hyphens and underscores, no label begins or ends with a
 * hyphen. */
bool dns_name_is_canonical(const char *s);
/* Both without the last dot. */
bool dns_name_is_in_zone(const char *name, const char *zone);
/* hmac-sha1, -sha224, -sha256, -sha384, -sha512. */
bool dns_algorithm_is_known(const char *s);
/* Base64 (RFC 4648 section 4), not empty. */
bool dns_secret_is_base64(const char *s);
/* Letters, digits, ".", "_" and "-", a letter or digit first. */
bool dns_hook_is_name(const char *s);
