/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/manager.h"

/* The bus interface of the manager: objects, methods, signals. dbus/ documents it. */
typedef struct Bus Bus;

typedef struct BusOptions {
    /* leave the event loop when idle (certwright.conf(5), IdleExit=) */
    bool idle_exit;
} BusOptions;

/* Connects to the system bus, registers all objects and acquires the name. The manager is borrowed. */
int bus_new(sd_event *event, Manager *m, const BusOptions *options, Bus **ret);
Bus *bus_free(Bus *b);
DEFINE_CLEANUP(Bus *, bus_free);
