/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/* Files as the service's store has them. Whatever fails ends the program. */

/* A new file of up to two parts; durable: it is on disk when this returns. */
void file_write(int dir_fd, const char *name, const struct iovec *parts, int n_parts, bool durable);
int directory_open(const char *path);
int directory_make(int parent_fd, const char *name);
/* The entries of a directory are on disk when this returns. */
void directory_flush(int fd);
