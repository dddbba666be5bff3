/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Memory for keys and passphrases. A core file would have them, so none is written from then on. */
void *secret_new(size_t size);
/* Erases it. */
void *secret_free(void *p, size_t size);
/* Reads a file of any type to its end, up to size bytes; "-" is stdin. */
Exit secret_read(const char *file, char *data, size_t size, size_t *ret_size);
/* Returns how messages call the file: "-" is standard input. */
const char *secret_file_to_text(const char *file);
