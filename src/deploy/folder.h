/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "util/macro.h"

/* A directory of root's that is made for the files of a service, if it is missing. */
typedef struct FolderAccess {
    mode_t mode; /* without the bits of those below */
    uid_t user;  /* may list and enter it, too; 0: root alone */
    gid_t group; /* the same, and it is this group's; 0: root's */
} FolderAccess;

/* Makes it with its access, flushed, or not at all; the parent's default ACL does not apply if somebody is given access. One at a
 * time in a directory. -EEXIST; -EOPNOTSUPP: the file system has no ACLs, without which the user cannot enter. */
int folder_make(int parent_fd, const char *name, const FolderAccess *access);
