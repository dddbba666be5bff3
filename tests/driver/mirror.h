/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../bus/fixture.h"

/* What a client knows of the service that read everything once and has listened to the signals since; and what is
 * wrong with these signals in themselves. */
typedef struct Mirror Mirror;

Mirror *mirror_new(const Fixture *f);
void mirror_free(Mirror *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mirror, mirror_free)

/* Forgets all: the service that it knew is gone. */
void mirror_reset(Mirror *m);
/* Reads everything, until nothing changes meanwhile; whether that came about. */
gboolean mirror_begin(Mirror *m);
/* Reads everything once, in order with the signals, and listens from then on; without waiting for the replies. */
void mirror_join(Mirror *m);
gboolean mirror_has_begun(const Mirror *m);
/* Path, interface and property -> value, of all objects as the service tells them now, by a client that then
 * leaves; NULL: it does not answer. */
GHashTable *mirror_read(const Fixture *f);
/* The first difference, newly allocated; NULL: there is none. */
char *mirror_compare(Mirror *m, GHashTable *now);
/* What is wrong with the signals, newly allocated; NULL: nothing. */
char *mirror_find_fault(const Mirror *m);
/* The same if no later signal can put it right. */
const char *mirror_find_lasting_fault(const Mirror *m);
/* Jobs whose end was not told yet, though the service says that there are none. */
char *mirror_find_open_job(const Mirror *m);
/* *ret_idle: PropertiesChanged with nothing in it that was not known. */
guint mirror_n_signals(const Mirror *m, guint *ret_idle);
/* The first property that a signal told again with the value that was known, in words; NULL: there was none. */
const char *mirror_find_known(const Mirror *m);
/* The path of a job that goes on, or NULL. */
const char *mirror_find_job(const Mirror *m, guint any);

/* Of a hash table as mirror_read() returns it. */
GVariant *mirror_value(GHashTable *values, const char *path, const char *interface, const char *property);
