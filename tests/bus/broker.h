/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

/* dbus-broker on a socket of the test's own, without systemd: its launcher has to be passed the socket, and insists on
 * a journal, for which it gets a mount namespace of its own. */

/* Why there can be none here; NULL: there can. */
const char *broker_obstacle(void);
/* Configured by bus.conf in directory, where it listens as bus and leaves bus.log. It runs as soon as somebody
 * connects. */
pid_t broker_start(const char *directory, const char *address);
