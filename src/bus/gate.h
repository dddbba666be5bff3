/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

/* A filter between the socket of the bus and sd-bus, which keeps a whole message in memory, up to 128 MiB,
 * before anybody can refuse it, and does not report its size. For a message larger than LIMIT_CALL, the gate
 * passes on the header and discards the body while receiving it: nothing large is kept in memory, and the
 * bus can send it as fast as the socket permits. Signals not sent by the bus itself are dropped, since
 * nothing here subscribes to any. Only incoming data passes the gate: sd-bus writes to the socket of the bus
 * directly. */
typedef struct Gate Gate;

/* socket: of the bus, before authentication; the gate takes ownership unless this fails. *ret_fd: for sd-bus
 * to read from; owned by the caller. */
int gate_new(int socket, Gate **ret, int *ret_fd);
Gate *gate_free(Gate *g);
DEFINE_CLEANUP(Gate *, gate_free);

/* Passes on available data, as much as sd-bus's socket accepts. Returns 1 if there may be more, perhaps
 * after sd-bus has read; 0 if not; a negative errno if the bus has closed the connection. */
int gate_pump(Gate *g);
/* The socket of the bus; borrowed. */
int gate_socket(const Gate *g);
/* Returns the size in bytes of the next method call, including its header; 0: unknown. Call this once for
 * each method call that sd-bus dispatches, in order. */
size_t gate_next_call(Gate *g);
