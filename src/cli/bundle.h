/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"
#include "core/limits.h"

/* A file to upload. It holds a private key, so it is erased when it is freed. */
typedef struct Bundle {
    char text[LIMIT_BUNDLE + 2]; /* one byte more than is allowed, and the end */
    size_t length;
} Bundle;

Bundle *bundle_free(Bundle *b);
DEFINE_CLEANUP(Bundle *, bundle_free);

/* Reads at most LIMIT_BUNDLE bytes of PEM text; "-" is stdin. */
Exit bundle_read(const char *file, Bundle **ret);
