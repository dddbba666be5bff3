/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "net/resolver.h"

/* Where the TXT record that proves a name belongs (RFC 8555 section 8.4): the owner _acme-challenge.NAME, or what that is an
 * alias of, and the zone that it is in. The resolver is asked. */
typedef struct DnsPlace DnsPlace;

typedef struct DnsPlaceWish {
    const char *name; /* canonical, no wildcard */
    bool zone;        /* it is wanted, too */
    bool guess;       /* where the resolver does not answer for the owner, it is taken for no alias */
} DnsPlaceWish;

/* owner and zone: canonical, borrowed; both are NULL when there is a problem, zone also when it was not wanted. Called once,
 * never from within _find; the place may be freed from it. */
typedef void (*DnsPlaceDone)(const char *owner, const char *zone, const Problem *problem, void *userdata);

/* dns: has to live as long. */
int dns_place_find(Dns *dns, const DnsPlaceWish *wish, DnsPlaceDone done, void *userdata, DnsPlace **ret,
                   Problem *problem);
DnsPlace *dns_place_free(DnsPlace *p);
DEFINE_CLEANUP(DnsPlace *, dns_place_free);
