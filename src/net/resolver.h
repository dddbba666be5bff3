/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/problem.h"

/* DNS queries (RFC 1035) with c-ares in an event loop: only to name servers, ignoring hosts(5) and
 * nsswitch.conf(5) except for DNS_HOST. Names may end with a dot, and are never completed by a search list. */
typedef struct Dns Dns;
typedef struct DnsQuery DnsQuery;

typedef enum DnsType {
    DNS_ADDRESS, /* A and AAAA, aliases followed by the resolver */
    DNS_TXT,
    DNS_CNAME,
    DNS_NS,
    /* The zone that contains the name, which need not exist; the values are the name of the zone and its
     * primary server. DNS_NO_DATA and DNS_NO_NAME if the answer does not contain it: query the parent name
     * then. */
    DNS_SOA,
    /* The addresses that programs of this machine use: of hosts(5) and DNS, in the order of nsswitch.conf(5). If servers are
     * set, the same as DNS_ADDRESS. */
    DNS_HOST,
} DnsType;

typedef enum DnsResult {
    DNS_FOUND,
    DNS_NO_DATA, /* the name exists, but without records of this type */
    DNS_NO_NAME, /* NXDOMAIN */
    DNS_FAILED,  /* no answer within LIMIT_DNS_TIME, or an invalid one; the problem says more */
} DnsResult;

/* values: as text, NULL-terminated, borrowed, NULL unless found. Names are lower-case without the trailing
 * dot (the root is "."), with special characters escaped with "\"; the strings of a TXT record are joined,
 * and NUL becomes "?". problem is NULL unless the query failed. Called once, never from within dns_query()
 * and never after dns_cancel(); the query is freed then. May call any of these functions. */
typedef void (*DnsDone)(DnsResult result, char *const *values, const Problem *problem, void *userdata);

/* servers: ADDRESS[:PORT] or [ADDRESS]:PORT, link-local addresses with %ZONE; NULL or empty: those of the system
 * (resolv.conf(5)). -EINVAL for an invalid one. */
int dns_new(sd_event *event, char *const *servers, Dns **ret);
/* Drops pending queries without calling done(). */
Dns *dns_free(Dns *d);
DEFINE_CLEANUP(Dns *, dns_free);
/* Replaces the servers. */
int dns_set_servers(Dns *d, char *const *servers);
/* server: query this one (in the same format) without recursion instead of the resolver; NULL. ret may be
 * NULL. -EINVAL with PROBLEM_INVALID_ARGUMENT for an invalid name or server. */
int dns_query(Dns *d, const char *name, DnsType type, const char *server, DnsDone done, void *userdata,
              DnsQuery **ret, Problem *problem);
/* Call this before or from within done(). */
DnsQuery *dns_cancel(DnsQuery *q);
DEFINE_CLEANUP(DnsQuery *, dns_cancel);
