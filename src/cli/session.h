/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "cli/output.h"

#define SERVICE               "org.certwright1"
#define MANAGER_PATH          "/org/certwright1"
#define MANAGER_INTERFACE     "org.certwright1.Manager"
#define ROOT_PATH             "/org/certwright1/root"
#define CERTIFICATE_PREFIX    "/org/certwright1/certificate"
#define CERTIFICATE_INTERFACE "org.certwright1.Certificate"
#define JOB_PREFIX            "/org/certwright1/job"
#define JOB_INTERFACE         "org.certwright1.Job"
#define PROPERTIES_INTERFACE  "org.freedesktop.DBus.Properties"

/* One run of the command: its connection to the bus and how to speak to the user. */
typedef struct Session {
    sd_bus *bus;
    pid_t agent;
    bool json, legend, ask_password;
    bool input_taken; /* stdin holds data, so a terminal there says nothing */
} Session;

Exit session_open(Session *s);
void session_close(Session *s);

/* A call that polkit may ask the user about: starts the agent if that can be needed. Fails on text that is
 * not UTF-8, which the bus cannot carry. */
Exit session_new_call(Session *s, const char *path, const char *interface, const char *member,
                      sd_bus_message **ret);
Exit message_append_text(sd_bus_message *m, const char *text);
Exit message_append_no_options(sd_bus_message *m);

/* Waits as long as somebody may need to type a password. */
int session_call(Session *s, sd_bus_message *call, sd_bus_error *ret_error, sd_bus_message **ret_reply);

/* The same, and tells what it failed for. `purpose` is a whole sentence, "Cannot ...", that the reason is put behind. */
Exit session_send(Session *s, sd_bus_message *call, const char *purpose, sd_bus_message **ret_reply);

/* Calls without arguments, that need no authorization. */
Exit session_get_all(Session *s, const char *path, const char *interface, sd_bus_message **ret_reply);
Exit session_get_objects(Session *s, sd_bus_message **ret_reply);

/* Object of a name in any spelling; where there is none, suggests names that look alike. */
Exit session_find_certificate(Session *s, const char *name, const char **ret_path,
                              sd_bus_message **ret_reply);

/* The same for "NAME or --root", of which there must be one. */
Exit session_find_target(Session *s, bool root, const char *name, const char **ret_path,
                         sd_bus_message **ret_reply);

/* Prints what a failed call came back with and what to do about it. */
Exit session_fail(int error, const sd_bus_error *e, const char *purpose);
Exit session_fail_reply(int error); /* an answer that cannot be read */
