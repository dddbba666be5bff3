/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Jobs that root has under way. */
typedef struct Reissues Reissues;

Reissues *reissues_new(GDBusConnection *root);
void reissues_free(Reissues *r);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reissues, reissues_free)

/* Asks for one more, of another certificate, and does not wait; none while many have no answer. */
void reissues_ask(Reissues *r);
guint reissues_asked(const Reissues *r);
/* Every one was begun and has ended. */
gboolean reissues_are_over(const Reissues *r);
/* That ended well. */
guint reissues_done(const Reissues *r);
/* What was the matter with the first that did not; NULL: nothing. */
const char *reissues_error(const Reissues *r);
