/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Connects to the first address of a list that answers, D-Bus Specification, "Server Addresses"; of the transports, unix with
 * path and abstract. Returns a socket, or a negative errno: -EPROTONOSUPPORT when the list has no such address. wait: for
 * room in the backlog of the socket, else -EAGAIN. */
int bus_address_connect(const char *addresses, bool wait);
