/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "flood.h"

/* A bus with the service on it, and N_CERTIFICATES certificates. */
typedef struct Arena {
    const char *directory; /* for the files of a trial, empty; others may enter it */
    const char *socket_path;
    GDBusConnection *root; /* a client of user root */
} Arena;

/* Floods the service, asks it as an honest client does, and the control service beside it, and fails the test for
 * each promise that is not kept. Goes on then: what was measured is reported whole. */
void trial_run(const Arena *a, const Flood *flood);
