/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <dirent.h>
#include <sys/types.h>

#include "util/macro.h"

DEFINE_CLEANUP(DIR *, closedir);

/* Reads a whole regular file and appends a NUL. -E2BIG above limit, -EISDIR, -EINVAL for other types. */
int fs_read_at(int dir_fd, const char *path, size_t limit, char **ret, size_t *ret_size);
/* The same for an open file, from its start. */
int fs_read_fd(int fd, size_t limit, char **ret, size_t *ret_size);
/* Reads up to max bytes from an offset of any file, and appends a NUL. */
int fs_pread(int fd, uint64_t offset, size_t max, char **ret, size_t *ret_size);
int fs_write_all(int fd, const void *data, size_t size);
/* Creates a new file (O_EXCL, mode 0600 & ~umask), and flushes it if sync is set. */
int fs_create_at(int dir_fd, const char *path, const void *data, size_t size, bool sync);
/* Creates or atomically replaces a file, by way of PATH.new. Does not flush the directory. */
int fs_replace_at(int dir_fd, const char *path, const void *data, size_t size, bool sync);
/* Returns 0 if there is none. */
int fs_remove_file_at(int dir_fd, const char *path);
int fs_sync(int fd);
/* Opens a directory, but not by way of a symbolic link: as a file descriptor, or for readdir(3). */
int fs_open_directory_at(int dir_fd, const char *path, int *ret);
int fs_open_stream_at(int dir_fd, const char *path, DIR **ret);
/* Creates a directory with mode 0700. Returns 0 if it exists already. */
int fs_make_directory_at(int dir_fd, const char *path);
int fs_fsync_directory_at(int dir_fd, const char *path);
/* Reads the target of a symbolic link. */
int fs_read_link_at(int dir_fd, const char *path, char **ret);
/* Creates or atomically replaces a symbolic link. Does not flush it. */
int fs_switch_link_at(int dir_fd, const char *path, const char *target);
/* Renames an entry that cannot be used where it is to NAME.damaged, replacing an earlier one. Returns 0 if
 * there is none. */
int fs_put_aside_at(int dir_fd, const char *path);
/* Removes a directory tree without following links. Returns 0 if there is none. */
int fs_remove_tree_at(int dir_fd, const char *path);
