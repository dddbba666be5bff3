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

/* A run of the command: its connection to the bus, and how to talk to the user. */
typedef struct Session {
    sd_bus *bus;
    pid_t agent;
    sd_bus_message *found; /* owns the path of session_find_certificate() */
    bool json, legend, ask_password;
    bool input_taken; /* stdin is used for data, so it cannot be asked on */
} Session;

Exit session_open(Session *s);
void session_close(Session *s);

/* Creates a call that may require authorization: starts the agent if needed. */
Exit session_new_call(Session *s, const char *path, const char *interface, const char *member,
                      sd_bus_message **ret);

/* Fails for text that is not valid UTF-8, which the bus does not accept. */
Exit message_append_text(sd_bus_message *m, const char *text);

/* Reports the failure of an sd_bus_message_append*(). */
Exit message_check(int r);

/* Returns true if a signal was sent by this unique name. */
bool message_is_from(sd_bus_message *m, const char *sender);

/* Subscribes to NameOwnerChanged of the service. */
int session_match_owner(Session *s, sd_bus_slot **ret_slot, sd_bus_message_handler_t handler, void *userdata);

/* Waits for the bus, for that many microseconds at most (UINT64_MAX: for ever), or until nobody reads stdout any more, which
 * output_is_closed() tells then. */
int session_wait(Session *s, uint64_t usec);

/* Waits long enough for somebody to enter a password. */
int session_call(Session *s, sd_bus_message *call, sd_bus_error *ret_error, sd_bus_message **ret_reply);

/* The same, and reports failures. `purpose` is a whole sentence, "Cannot ...", which the reason is appended
 * to. */
Exit session_send(Session *s, sd_bus_message *call, const char *purpose, sd_bus_message **ret_reply);

/* Calls a method of the manager with n texts as its arguments, and reports failures likewise. */
Exit session_call_manager(Session *s, const char *member, char *const *texts, size_t n, const char *purpose,
                          sd_bus_message **ret_reply);

/* Calls that need no authorization. */
Exit session_get_all(Session *s, const char *path, const char *interface, sd_bus_message **ret_reply);
Exit session_get_objects(Session *s, sd_bus_message **ret_reply);

/* Finds the object of a name in any spelling; suggests similar names if there is none. The path is valid
 * until the next call. */
Exit session_find_certificate(Session *s, const char *name, const char **ret_path);

/* The same, but *ret_path stays as it is if there is none, or if the call that follows will fail as well. */
Exit session_look_up(Session *s, const char *name, const char **ret_path);

/* The same for "NAME or --root", exactly one of which must be given. */
Exit session_find_target(Session *s, bool root, const char *name, const char **ret_path);

/* Words the message of an error for the command line, translated as far as it can be; allocated. */
char *message_to_text(const char *message);

/* Prints the error of a failed call and what to do about it. */
Exit session_fail(int error, const sd_bus_error *e, const char *purpose);
/* Returns that advice, to be translated; NULL if the error's message is sufficient. */
const char *session_error_advice(const sd_bus_error *e);
/* The same for a call that may require authorization. */
Exit session_fail_call(const Session *s, int error, const sd_bus_error *e, const char *purpose);
Exit session_fail_reply(int error); /* a reply that cannot be parsed */
