/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/manager.h"

/* The bus interface of the manager: objects, methods, signals. dbus/ documents it. */
typedef struct Bus Bus;

/* Connects to the system bus, registers all objects and acquires the name. The manager is borrowed. idle_exit:
 * leave the event loop when idle (certwright.conf(5), IdleExit=). */
int bus_new(sd_event *event, Manager *m, bool idle_exit, Bus **ret);
Bus *bus_free(Bus *b);
DEFINE_CLEANUP(Bus *, bus_free);
/* Answers calls with the problem for a few seconds, in place of a service that cannot start. */
void bus_refuse(const Problem *problem);
