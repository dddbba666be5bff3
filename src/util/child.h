/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "util/macro.h"

/* Helper programs. Each leads a process group of its own and has nothing of this process but what the call names: it begins in
 * the root directory, and with signals as every program expects them, of which a service blocks and ignores some. */

#define CHILD_FDS_MAX 5

typedef struct ChildCall {
    const char *program; /* an absolute path */
    const char *const *arguments;
    const char *const *environment; /* NULL: empty */
    /* fds[i] becomes the child's i, up to CHILD_FDS_MAX. A negative or missing one is /dev/null where it is a standard one, and
     * closed otherwise, as all further ones are. */
    const int *fds;
    size_t n_fds;
} ChildCall;

typedef struct Child {
    pid_t pid;
    int pidfd; /* readable when the child has ended; negative: there is none */
} Child;

/* The path of a program of ours: beside the running one, as they are built, or where they are installed. */
int child_find_program(const char *name, char **ret);
/* Negative errno also when the program cannot be executed. */
int child_start(const ChildCall *call, Child *ret);
/* To the whole group; only before the child was reaped, as another group may have the number afterwards. */
void child_signal(const Child *c, int signal);
/* 1: it has ended as *ret says, and was reaped. 0: it runs. */
int child_reap(const Child *c, siginfo_t *ret);
/* Kills the group, waits for the child, and closes its descriptor. ret may be NULL. */
void child_end(Child *c, siginfo_t *ret);
void child_close(Child *c);
