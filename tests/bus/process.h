/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* A child of the test. It is killed when the test ends, however that ends. */

/* Runs in the child before the program: may only do what is safe after fork(2), and exits on failure. */
typedef void (*ProcessSetup)(const void *userdata);

/* Output of both kinds goes to the end of the file log; env is added to the environment as NAME=VALUE. */
pid_t process_start(const char *const *argv, const char *const *env, const char *log, ProcessSetup setup,
                    const void *userdata);
/* SIGTERM, then waits; the status as of waitpid(2). Fails the test if it takes a minute. */
int process_stop(pid_t pid);
/* Waits for its end; false if it goes on for longer than that. */
gboolean process_wait(pid_t pid, unsigned milliseconds, int *ret_status);
/* SIGTERM to a process that is no child of the test, then waits; false if it takes a minute. */
gboolean process_end(pid_t pid);
gboolean process_is_running(pid_t pid);
/* Runs a command to its end; its standard output, or NULL when it failed (then *ret_errors, if given, is
 * what it said). */
char *process_run(const char *const *argv, const char *const *env, char **ret_errors);
/* Becomes a user with the user's main group and no others; for ProcessSetup. */
void process_become(uid_t uid, gid_t gid);
/* Resident memory, KiB. */
long process_memory(pid_t pid);
