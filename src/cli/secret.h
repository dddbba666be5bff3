/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Memory for keys and passphrases. A core file would have them, so none is written from then on. NULL after a message. */
void *secret_new(size_t size);
/* Erases it. */
void *secret_free(void *p, size_t size);
/* Reads a descriptor to its end, up to size bytes. */
int secret_read(int fd, char *data, size_t size, size_t *ret_size);
