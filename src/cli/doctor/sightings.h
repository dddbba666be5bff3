/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/doctor/machine.h"
#include "core/sighting.h"

/* Chains that services present, as seen by certwright-deploy, which reads the files of the modules. */

typedef struct Sightings {
    char *data; /* owns all */
    const SightingHeader *header;
    const Sighting *items;
    size_t n;
} Sightings;

void sightings_done(Sightings *s);
#define _cleanup_sightings_ _cleanup_(sightings_done)

/* Looks for the certificates that the user asks about; m NULL: for none, only the header is wanted. It takes some seconds if a
 * service is slow. Returns a negative errno if it could not be done at all. */
int sightings_load(const Machine *m, Sightings *ret);
/* Returns true if dns-01 is set up, or may be, as the settings cannot be read. */
bool dns_is_used(void);
