/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/problem.h"

/* DNS queries (RFC 1035) by c-ares in an event loop: to name servers alone, whatever hosts(5) or nsswitch.conf(5)
 * say. Names end with or without a dot and are never completed by a search list. */
typedef struct Dns Dns;
typedef struct DnsQuery DnsQuery;

typedef enum DnsType {
    DNS_ADDRESS, /* A and AAAA together, aliases followed by the resolver */
    DNS_TXT,
    DNS_CNAME,
    DNS_NS,
    /* The zone that the name is in, whether the name exists or not; the values are its name and its primary server.
     * DNS_NO_DATA and DNS_NO_NAME when the answer does not tell: then the name above is to be asked for. */
    DNS_SOA,
} DnsType;

typedef enum DnsResult {
    DNS_FOUND,
    DNS_NO_DATA, /* the name exists, but nothing of this type */
    DNS_NO_NAME, /* NXDOMAIN */
    DNS_FAILED,  /* no answer within LIMIT_DNS_TIME, or none that can be used; the problem says more */
} DnsResult;

/* values: as text, NULL-terminated, borrowed, NULL unless found. Names are in lower case without the last dot (the root is
 * "."), with "\" before what is special in one; TXT strings of a record are joined, a NUL becomes "?". problem is NULL unless
 * it failed. Called once, never from within _query and never after _cancel; the query is gone then. It may call any function
 * of these. */
typedef void (*DnsDone)(DnsResult result, char *const *values, const Problem *problem, void *userdata);

/* servers: ADDRESS[:PORT] or [ADDRESS]:PORT, those of the system (resolv.conf(5)) when NULL or empty. -EINVAL for what
 * is no such thing. */
int dns_new(sd_event *event, char *const *servers, Dns **ret);
/* What is under way is not answered any more. */
Dns *dns_free(Dns *d);
DEFINE_CLEANUP(Dns *, dns_free);
/* Other servers from now on. */
int dns_set_servers(Dns *d, char *const *servers);
/* server: ask this one (the same form) without recursion rather than the resolver; NULL. ret may be NULL. -EINVAL with
 * PROBLEM_INVALID_ARGUMENT for a name or server that is none. */
int dns_query(Dns *d, const char *name, DnsType type, const char *server, DnsDone done, void *userdata,
              DnsQuery **ret, Problem *problem);
/* Before it is done, or from within done. */
DnsQuery *dns_cancel(DnsQuery *q);
DEFINE_CLEANUP(DnsQuery *, dns_cancel);
