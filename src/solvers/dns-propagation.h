/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "net/resolver.h"

/* Waits until every name server of a zone has a TXT record, so that an authority finds it whichever it asks. */
typedef struct DnsPropagation DnsPropagation;

typedef struct DnsRecordWish {
    const char *owner, *zone; /* canonical */
    const char *value;
    /* ADDRESS[:PORT]: a name server at this address is asked at this port; NULL: all at 53. */
    const char *server;
} DnsRecordWish;

/* problem->code is PROBLEM_NONE when they have it. A server that is silent for LIMIT_DNS_SILENCE seconds while others have
 * it is left out. Called once, never from within _start; it may be freed from it. */
typedef void (*DnsPropagationDone)(const Problem *problem, void *userdata);

/* dns: has to live as long; it finds the servers, and asks each of them. */
int dns_propagation_start(sd_event *event, Dns *dns, const DnsRecordWish *wish, DnsPropagationDone done,
                          void *userdata, DnsPropagation **ret, Problem *problem);
DnsPropagation *dns_propagation_free(DnsPropagation *p);
DEFINE_CLEANUP(DnsPropagation *, dns_propagation_free);
