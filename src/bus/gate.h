/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

/* Stands between the socket of the bus and sd-bus, which has all of a message in memory, up to 128 MiB, before anybody
 * can refuse it, and does not tell its size. Of a message larger than LIMIT_CALL the gate passes the header and drops
 * the body while it comes in; so nothing large is ever kept, and the bus is rid of it as fast as the socket allows. Signals
 * that are not the bus's own do not pass at all, as nothing here listens to others.
 * Only what comes in passes here: sd-bus writes to the socket of the bus by itself. */
typedef struct Gate Gate;

/* socket: of the bus, before authentication; the gate's, unless this fails. *ret_fd: where sd-bus reads; the caller's. */
int gate_new(int socket, Gate **ret, int *ret_fd);
Gate *gate_free(Gate *g);
DEFINE_CLEANUP(Gate *, gate_free);

/* Passes on what is there, as much as sd-bus's socket takes. 1: there may be more, perhaps when sd-bus has read; 0: nothing
 * for now; negative: the bus has closed the connection. */
int gate_pump(Gate *g);
/* The socket of the bus; borrowed. */
int gate_socket(const Gate *g);
/* The size in bytes of the next method call, header included; 0: unknown. To be called for each method call that sd-bus
 * dispatches, once and in their order. */
size_t gate_next_call(Gate *g);
