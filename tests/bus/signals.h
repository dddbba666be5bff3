/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

/* The signals of the service, in their order. */
typedef struct SignalLog SignalLog;

SignalLog *signals_new(GDBusConnection *c);
void signals_free(SignalLog *l);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SignalLog, signals_free)

void signals_clear(SignalLog *l);
/* All that match; NULL matches everything, and has is a text that the printed arguments have to contain. */
guint signals_count(SignalLog *l, const char *path, const char *member, const char *has);
/* Arguments of the n-th that matches, borrowed; NULL: there are not so many. */
GVariant *signals_get(SignalLog *l, const char *path, const char *member, const char *has, guint n);
/* Until there are so many. */
void signals_wait(SignalLog *l, const char *path, const char *member, const char *has, guint n);
/* Takes in what the service has sent up to now, and a little longer. */
void signals_settle(SignalLog *l);
/* For messages: one line for each. */
char *signals_print(SignalLog *l);

/* Everything that goes over the bus, but calls of methods whose arguments are secrets. */
typedef struct Monitor Monitor;

Monitor *monitor_new(const Fixture *f);
void monitor_free(Monitor *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Monitor, monitor_free)
guint monitor_messages(Monitor *m);
gboolean monitor_contains(Monitor *m, const void *data, gsize size);
