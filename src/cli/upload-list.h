/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/fields.h"

/* Uploads, the items of the reply to ListUploads(), a(ssssx). */

typedef struct Upload {
    const char *fingerprint, *subject, *issuer, *names; /* names: separated by spaces */
    int64_t not_after;
} Upload;

extern const Record upload_record;
