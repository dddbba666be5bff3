/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "util/macro.h"

/* Gives back to the system what was freed, some seconds after the event loop had much to do. By itself malloc(3) keeps most of
 * it: what is still in use lies between. */
typedef struct MemoryKeeper MemoryKeeper;

int memory_keeper_new(sd_event *event, MemoryKeeper **ret);
MemoryKeeper *memory_keeper_free(MemoryKeeper *k);
DEFINE_CLEANUP(MemoryKeeper *, memory_keeper_free);

/* Resident memory of this process, bytes; 0: not known. */
size_t memory_resident(void);
