/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Memory with a descriptor (memfd_create(2)). All have O_CLOEXEC and cannot be executed. */

/* A copy of data that nobody can change any more (F_SEAL_*), at offset 0. The descriptor, or negative errno. name shows
 * in /proc alone. */
int memfd_new(const char *name, const void *data, size_t size);
/* An empty one to be written to. */
int memfd_new_writable(const char *name);
/* What a regular file or memfd holds from its beginning, with a NUL behind; the descriptor's own offset stays. -EFBIG above
 * max bytes. */
int memfd_read(int fd, size_t max, char **ret, size_t *ret_size);
