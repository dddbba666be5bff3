/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Anonymous files (memfd_create(2)), close-on-exec and not executable. */

/* Creates a sealed copy of data (F_SEAL_*), at offset 0. Returns the file descriptor or a negative errno.
 * name is only shown in /proc. */
int memfd_new(const char *name, const void *data, size_t size);
/* Creates an empty one for writing. */
int memfd_new_writable(const char *name);
/* Reads a regular file or memfd from its start, regardless of its offset, and adds a NUL. -EFBIG above max
 * bytes. */
int memfd_read(int fd, size_t max, char **ret, size_t *ret_size);
