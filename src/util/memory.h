/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "util/macro.h"

/* Returns freed memory to the system a few seconds after the event loop was busy. malloc(3) keeps most of it
 * otherwise, since memory in use lies between. */
typedef struct MemoryKeeper MemoryKeeper;

int memory_keeper_new(sd_event *event, MemoryKeeper **ret);
MemoryKeeper *memory_keeper_free(MemoryKeeper *k);
DEFINE_CLEANUP(MemoryKeeper *, memory_keeper_free);

/* Returns the resident memory of this process in bytes, or 0 if unknown. */
size_t memory_resident(void);
