/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dns/tsig.h"

/* The request of certwrightd to certwright-dns, and its reply: lines "key value", terminated by an empty
 * line, one message in each direction. Neither side trusts the other: any deviation from this format is
 * refused. */

/* A change of a TXT record, by an update (RFC 2136: zone, address, port and key) or by a hook. */
typedef struct DnsRequest {
    bool remove;   /* remove only this value of the name; otherwise add it to existing ones */
    char *fqdn;    /* owner of the record, dns_name_is_canonical() */
    char *value;   /* RFC 8555 section 8.4: 43 letters of base64url */
    char *zone;    /* dns_name_is_canonical(), contains fqdn */
    char *address; /* of the server, IPv4 or IPv6 */
    uint16_t port;
    Tsig key;   /* all NULL: an unsigned update */
    char *hook; /* name of a file in /etc/certwright/dns-hooks */
} DnsRequest;

void dns_request_clear(DnsRequest *q);
#define _cleanup_dns_request_ _cleanup_(dns_request_clear)
/* Adds a NUL; the result may contain a secret. -EINVAL and a problem for an invalid request. */
int dns_request_encode(const DnsRequest *q, char **ret, Problem *problem);
/* -EBADMSG and a problem for an invalid request. */
int dns_request_decode(const char *data, size_t size, DnsRequest *ret, Problem *problem);

/* outcome->code is PROBLEM_NONE if the change was made. Returns NULL on OOM. */
char *dns_reply_encode(const Problem *outcome);
/* -EBADMSG for an invalid reply. */
int dns_reply_decode(const char *data, size_t size, Problem *ret_outcome);

/* A lower-case domain name without the trailing dot, of letters, digits, hyphens and underscores; labels do
 * not begin or end with a hyphen. */
bool dns_name_is_canonical(const char *s);
/* Both without the last dot. */
bool dns_name_is_in_zone(const char *name, const char *zone);
/* hmac-sha1, -sha224, -sha256, -sha384, -sha512. */
bool dns_algorithm_is_known(const char *s);
/* Base64 (RFC 4648 section 4), not empty. */
bool dns_secret_is_base64(const char *s);
/* Letters, digits, ".", "_" and "-", a letter or digit first. */
bool dns_hook_is_name(const char *s);
