/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"
#include "core/limits.h"

/* A file to upload, in any format. It may contain a private key, and is erased when freed. */
typedef struct Content {
    char data[LIMIT_BUNDLE + 1]; /* one byte more than permitted */
    size_t size;
} Content;

Content *content_free(Content *c);
DEFINE_CLEANUP(Content *, content_free);

/* Reads a file of any type; "-" is stdin. At least one and at most LIMIT_BUNDLE bytes. */
Exit content_read(const char *file, Content **ret);
