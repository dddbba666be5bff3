/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/manager.h"

/* The manager on the message bus: objects, methods, signals (DESIGN of the interface: dbus/). */
typedef struct Bus Bus;

typedef struct BusOptions {
    bool
        idle_exit; /* leave the event loop when nothing was asked for a while (certwright.conf(5), IdleExit=) */
} BusOptions;

/* Connects to the system bus, registers all objects and takes the name. The manager is borrowed. */
int bus_new(sd_event *event, Manager *m, const BusOptions *options, Bus **ret);
Bus *bus_free(Bus *b);
DEFINE_CLEANUP(Bus *, bus_free);
