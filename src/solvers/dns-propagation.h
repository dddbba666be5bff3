/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "net/resolver.h"

/* Waits until all name servers of a zone have a TXT record, so that an authority finds it on any of them. */
typedef struct DnsPropagation DnsPropagation;

typedef struct DnsRecordWish {
    const char *owner, *zone; /* canonical */
    const char *value;
    /* If the zone has a name server with this address, query it on this port; NULL: query all on port 53. */
    const char *address;
    uint16_t port;
} DnsRecordWish;

/* problem->code is PROBLEM_NONE if all servers have the record. A server that does not answer for
 * LIMIT_DNS_SILENCE seconds while others have the record is skipped. Called once, never from within
 * dns_propagation_start(); may free the propagation. */
typedef void (*DnsPropagationDone)(const Problem *problem, void *userdata);

/* dns: must outlive the propagation; finds the servers and queries each of them. */
int dns_propagation_start(sd_event *event, Dns *dns, const DnsRecordWish *wish, DnsPropagationDone done,
                          void *userdata, DnsPropagation **ret, Problem *problem);
DnsPropagation *dns_propagation_free(DnsPropagation *p);
DEFINE_CLEANUP(DnsPropagation *, dns_propagation_free);
