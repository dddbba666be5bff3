/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"
#include "deploy/folder.h"

/* Opens a directory that the configuration of root names, such that nobody else can redirect the way to it: the
 * path is walked component by component, and each directory and each symbolic link on it has to be root's, and
 * each directory writable by root alone. Mounts and root's links are followed. Since only root could change what
 * was checked, the descriptor can be used without checking again.
 *
 * path: absolute. make: how the last component is made if it is missing; NULL: it must exist. On failure the problem
 * names the component that is missing, or that another user could change. *ret is opened with
 * O_RDONLY | O_DIRECTORY. */
int walk_open_directory(const char *path, const FolderAccess *make, int *ret, Problem *problem);
