/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"
#include "core/limits.h"

/* A file to upload, of any form. It may be a private key, and is erased when it is freed. */
typedef struct Content {
    char data[LIMIT_BUNDLE + 1]; /* one byte more than is allowed */
    size_t size;
} Content;

Content *content_free(Content *c);
DEFINE_CLEANUP(Content *, content_free);

/* Reads whatever can be read; "-" is stdin. At most LIMIT_BUNDLE bytes, and at least one. */
Exit content_read(const char *file, Content **ret);
