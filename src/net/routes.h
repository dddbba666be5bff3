/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "util/macro.h"

/* Watches whether this machine has a default route of IPv4 or IPv6, according to the kernel
 * (rtnetlink(7)). */
typedef struct Network Network;

/* A default route was added or changed. */
typedef void (*NetworkChanged)(void *userdata);

/* Queries the routes and subscribes to changes. Returns a negative errno if that is not possible, for
 * example without AF_NETLINK. */
int network_new(sd_event *event, NetworkChanged changed, void *userdata, Network **ret);
Network *network_free(Network *n);
DEFINE_CLEANUP(Network *, network_free);
/* Returns true if there is a default route, or if that is unknown. */
bool network_has_default_route(const Network *n);
