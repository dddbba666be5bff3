/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "net/resolver.h"

/* Finds the place of the TXT record that proves a name (RFC 8555 section 8.4): the owner name
 * _acme-challenge.NAME, or the target if that is an alias, and its zone. Queries the resolver. */
typedef struct DnsPlace DnsPlace;

typedef struct DnsPlaceWish {
    const char *name; /* canonical, no wildcard */
    bool zone;        /* also find the zone */
    bool guess;       /* if the resolver does not answer for the owner name, assume that it is no alias */
} DnsPlaceWish;

/* owner and zone: canonical, borrowed; both are NULL if there is a problem, zone also if it was not
 * requested. Called once, never from within dns_place_find(); may free the place. */
typedef void (*DnsPlaceDone)(const char *owner, const char *zone, const Problem *problem, void *userdata);

/* dns: must outlive the place. */
int dns_place_find(Dns *dns, const DnsPlaceWish *wish, DnsPlaceDone done, void *userdata, DnsPlace **ret,
                   Problem *problem);
DnsPlace *dns_place_free(DnsPlace *p);
DEFINE_CLEANUP(DnsPlace *, dns_place_free);
