/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* Connects to a port of this machine, and to no other: the host is "localhost", which is not looked up, a loopback
 * address, or one that an interface has. The socket is bound such that nothing leaves this machine even if the
 * address moves to another one meanwhile. deadline: of monotonic_msec(). *ret: connected, non-blocking. -EINVAL: it is not an
 * address of this machine; or the errno of the connection. */
int own_address_connect(const char *host, uint16_t port, int64_t deadline, int *ret, Problem *problem);
