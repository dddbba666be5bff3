/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "util/macro.h"

/* Whether this machine has a way to others: a default route of IPv4 or IPv6, as the kernel tells (rtnetlink(7)). */
typedef struct Network Network;

/* There is a way again, or another one. */
typedef void (*NetworkChanged)(void *userdata);

/* Asks for the routes, and is told of changes. -errno where that cannot be had, as without AF_NETLINK. */
int network_new(sd_event *event, NetworkChanged changed, void *userdata, Network **ret);
Network *network_free(Network *n);
DEFINE_CLEANUP(Network *, network_free);
/* Also as long as that is not known. */
bool network_has_default_route(const Network *n);
