/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <dirent.h>
#include <sys/types.h>

#include "util/macro.h"

DEFINE_CLEANUP(DIR *, closedir);

/* Whole file as text with a NUL behind; regular files only. -E2BIG above limit, -EISDIR, -EINVAL for other kinds. */
int fs_read_at(int dir_fd, const char *path, size_t limit, char **ret, size_t *ret_size);
int fs_read_fd(int fd, size_t limit, char **ret, size_t *ret_size);
int fs_write_all(int fd, const void *data, size_t size);
/* A new file (O_EXCL, mode 0600, or what the umask leaves of it). With sync it is flushed before the return. */
int fs_create_at(int dir_fd, const char *path, const void *data, size_t size, bool sync);
/* Whether the file holds just this. */
int fs_compare_at(int dir_fd, const char *path, const void *data, size_t size, bool *ret_same);
int fs_open_directory_at(int dir_fd, const char *path, int *ret);
/* Mode 0700. 0 also when it was there before. */
int fs_make_directory_at(int dir_fd, const char *path);
int fs_fsync_directory_at(int dir_fd, const char *path);
/* The target of a symbolic link. */
int fs_read_link_at(int dir_fd, const char *path, char **ret);
/* Replaces or makes a symbolic link in one step: made aside, then renamed. Not flushed. */
int fs_switch_link_at(int dir_fd, const char *path, const char *target);
/* Renames what stands at a place where it cannot be used to NAME.damaged, over what was put aside before. 0 also when
 * there is nothing. */
int fs_put_aside_at(int dir_fd, const char *path);
/* Removes a folder with all it holds; nothing outside: links are not followed. 0 when there is none. */
int fs_remove_tree_at(int dir_fd, const char *path);
