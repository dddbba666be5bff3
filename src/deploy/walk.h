/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "core/problem.h"

/* Opens a directory that the configuration of root names, such that nobody else can redirect the way to it: the
 * path is walked component by component, and each directory and each symbolic link on it has to be root's, and
 * each directory writable by root alone. Mounts and root's links are followed. Since only root could change what
 * was checked, the descriptor can be used without checking again.
 *
 * path: absolute. make: mode of the last component if it has to be made; 0: it must exist. On failure the problem
 * names the component that is missing, or that another user could change. *ret is opened with
 * O_RDONLY | O_DIRECTORY. */
int walk_open_directory(const char *path, mode_t make, int *ret, Problem *problem);
