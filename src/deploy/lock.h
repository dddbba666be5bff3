/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* Locks of certwright-deploy: files of a directory, locked by flock(2) until they are released or the process ends.
 * All runs take them in the same order: first those of their modules, then all others. */
typedef struct Locks {
    int dir_fd;
    int *fds;
    size_t n;
} Locks;

/* Opens the directory, which is root's alone (walk.h); makes it if need be. */
int locks_open(const char *path, Locks *ret, Problem *problem);
/* Takes the locks of these names (a string list), each once, in sorted order, and waits for those that another
 * process has. The names contain no "/". */
int locks_take(Locks *l, char **names, Problem *problem);
void locks_release(Locks *l);
#define _cleanup_locks_ _cleanup_(locks_release)
