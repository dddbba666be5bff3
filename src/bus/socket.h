/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Connects to the first address of a list that accepts (D-Bus Specification, "Server Addresses"); supports
 * the transport unix with path and abstract. Returns a socket, or a negative errno: -EPROTONOSUPPORT if the
 * list has no supported address. wait: wait for room in the backlog of the socket; else -EAGAIN. */
int bus_socket_open(const char *addresses, bool wait);
