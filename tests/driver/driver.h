/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../bus/client.h"
#include "../bus/pki.h"
#include "mirror.h"
#include "model.h"
#include "pebble.h"
#include "service.h"

/* A machine with a bus, polkit, an authority and the service, and what is to be true of the service. */
typedef struct Driver {
    Fixture *fixture;
    Service *service;
    Pki *pki;
    Pebble *pebble; /* NULL: it is not installed */
    Mirror *mirror;
    Model *model;
    GDBusConnection *root, *allowed, *stranger; /* allowed: a user who may register and upload, by a rule */
    GPtrArray *secrets;                         /* texts that nobody may see */
    guint32 seed;
    guint step;
    GRand *random; /* of this step: what happens in one does not change the numbers of the next */
    gboolean polkit_is_down;
    gint64 believed;   /* by how much the clock that the service believes is ahead, seconds */
    gint64 unrecorded; /* how much of that may not be recorded for its next start */
    gboolean damaged;  /* a pair was found that is not whole, which nothing makes good */
    GVariant *reply;   /* of the latest call */
    guint checked[3];  /* chains that were right: uploaded, acme, local */
} Driver;

/* Prints what is done now. */
void driver_say(const Driver *d, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Ends the test: with the seed, the step and the end of the service's log. */
void driver_fail(Driver *d, const char *format, ...) G_GNUC_PRINTF(2, 3) G_GNUC_NORETURN;

guint driver_choose(const Driver *d, guint n);
gboolean driver_chance(const Driver *d, guint percent);
const char *driver_choose_name(const Driver *d);
const char *driver_choose_module(const Driver *d);

/* Calls and waits; whether it succeeded. Any other error than those in may_fail, names with a space between,
 * fails the test; while polkit is down, anything but NotAuthorized does. */
gboolean driver_call(Driver *d, GDBusConnection *c, const char *path, const char *interface,
                     const char *member, GVariant *arguments, const char *may_fail);
/* The same for what is public. */
gboolean driver_call_public(Driver *d, GDBusConnection *c, const char *path, const char *interface,
                            const char *member, GVariant *arguments, const char *may_fail);
/* Whether an error is one of those; "" never is. */
gboolean driver_lists(const char *errors, const char *name);

/* What the service takes for the present. */
gint64 driver_now(const Driver *d);
/* Waits until no job is left. */
void driver_settle(Driver *d);
/* Loses sight of a service that was ended: the mirror begins again. */
void driver_restarted(Driver *d);
