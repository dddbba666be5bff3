/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "util/macro.h"

/* Runs helper programs. Each is the leader of its own process group, starts in the root directory with default signal
 * handling and an empty signal mask, and inherits nothing but what the call specifies. */

#define CHILD_FDS_MAX 5

typedef struct ChildCall {
    const char *program; /* an absolute path */
    const char *const *arguments;
    const char *const *environment; /* NULL: empty */
    /* fds[i] becomes file descriptor i of the child, up to CHILD_FDS_MAX. Negative or missing ones are /dev/null for
     * standard streams, and closed otherwise, as are all others. */
    const int *fds;
    size_t n_fds;
} ChildCall;

typedef struct Child {
    pid_t pid;
    int pidfd; /* readable once the child has exited; negative: none */
} Child;

/* Finds a program of this project: beside the running one, as in the build directory, or where it is installed. */
int child_find_program(const char *name, char **ret);
/* Also fails if the program cannot be executed. */
int child_start(const ChildCall *call, Child *ret);
/* Signals the whole group. Not after the child was reaped, since its number may be reused. */
void child_signal(const Child *c, int signal);
/* Returns 1 and *ret if it has exited and was reaped, 0 if it is running. */
int child_reap(const Child *c, siginfo_t *ret);
/* Kills the group, waits for the child, and closes its descriptor. ret may be NULL. */
void child_end(Child *c, siginfo_t *ret);
void child_close(Child *c);
