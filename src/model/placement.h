/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/deployment.h"

/* The deployment of a certificate to one module, as clients see it. */
typedef struct Placement {
    char *module;
    DeploymentState state;
    char *detail;       /* a sentence; NULL: none */
    int64_t when;       /* of the last try, seconds since 1970-01-01 UTC; 0: none */
    bool is_of_revoked; /* the service still uses a chain that was revoked */
    bool changed;       /* not signalled yet; written by bus/ only */
} Placement;

/* Ordered by module. */
typedef struct Placements {
    Placement *list;
    size_t n;
} Placements;

/* NULL: none. */
Placement *placements_find(const Placements *l, const char *module);
/* Replaces or adds the one of its module, with copies of the strings. Returns 0 if it was like this already, 1 if it
 * changed, 2 if it is new, or -ENOMEM. */
int placements_set(Placements *l, const Placement *placement);
bool placements_remove(Placements *l, const char *module);
void placements_clear(Placements *l);
/* Returns true if a service still uses a chain that was revoked. */
bool placements_have_revoked(const Placements *l);
