/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

/* Clients of the service, as any user. */

#define SERVICE     "org.certwright1"
#define MANAGER     "org.certwright1.Manager"
#define CERTIFICATE "org.certwright1.Certificate"
#define JOB         "org.certwright1.Job"
#define PATH        "/org/certwright1"
#define PATH_ROOT   "/org/certwright1/root"
#define NO_OPTIONS  g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0)

/* A connection of its own, made as that user. */
GDBusConnection *client_connect(const Fixture *f, uid_t uid);
/* Waits for the answer; NULL when it is an error. */
GVariant *client_call(GDBusConnection *c, const char *path, const char *interface, const char *member,
                      GVariant *arguments, GError **error);
/* The same with "interactive authorization is allowed" in the message. */
GVariant *client_call_interactive(GDBusConnection *c, const char *path, const char *interface,
                                  const char *member, GVariant *arguments, GError **error);
/* These fail the test if the answer is another. */
GVariant *client_expect(GDBusConnection *c, const char *path, const char *interface, const char *member,
                        GVariant *arguments);
/* The error behind org.certwright1.Error. (or the full name), and what its message has to say. */
void client_expect_error(GDBusConnection *c, const char *path, const char *interface, const char *member,
                         GVariant *arguments, const char *name, const char *says);
/* Name of an error that came over the bus, without org.certwright1.Error.; "" for none. */
char *client_error_name(const GError *error);

GVariant *client_get(GDBusConnection *c, const char *path, const char *interface, const char *property);
char *client_get_string(GDBusConnection *c, const char *path, const char *property);
/* The object of a name; fails the test if there is none. */
char *client_find(GDBusConnection *c, const char *name);
gboolean client_knows(GDBusConnection *c, const char *name);
/* As (s: key, v: value) of a{sv}; value is taken. */
GVariant *client_option(const char *key, GVariant *value);
/* The bytes of an answer (ay), as text with a NUL behind. */
char *client_bytes(GVariant *reply, gsize *ret_size);
/* The process that owns the name of the service; 0 if there is none. */
pid_t client_service_pid(GDBusConnection *c);
void client_wait_state(GDBusConnection *c, const char *path, const char *state);
char *client_register(GDBusConnection *c, const char *module, const char *name, GVariant *options);

/* Runs the main loop until it is so; fails the test after a minute. */
void wait_until(gboolean (*condition)(gpointer userdata), gpointer userdata, const char *what);
/* Runs the main loop for that time. */
void wait_milliseconds(unsigned milliseconds);
