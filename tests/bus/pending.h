/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* A call on its way. */
typedef struct Pending {
    gboolean answered;
    char *error; /* when it is answered: as of client_error_name(), "" for success */
} Pending;

Pending *pending_new(GDBusConnection *c, const char *path, const char *interface, const char *member,
                     GVariant *arguments);
/* Waits for the answer and frees; the error. */
char *pending_finish(Pending *p);
void pending_expect(Pending *p, const char *error);
/* For wait_until(). */
gboolean pending_is_answered(gpointer userdata);
