/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "util/macro.h"

/* Units, as systemd sees them. */

typedef struct UnitState {
    sd_bus_message *reply; /* owns the text */
    const char *load, *active, *file;
} UnitState;

void unit_state_done(UnitState *s);
#define _cleanup_unit_state_ _cleanup_(unit_state_done)

bool bus_has_systemd(sd_bus *bus);
/* Loads a unit by its full name; of one that does not exist, the load state is "not-found". */
int unit_state_load(sd_bus *bus, const char *name, UnitState *s);
