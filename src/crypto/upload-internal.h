/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crypto/path.h"
#include "crypto/upload.h"

/* Shared by upload.c (what there is: certificates, key, leaf) and upload-checks.c (what is to be thought of it) alone. */

/* One examination. */
typedef struct Examination {
    const Imported *imported;
    const UploadContext *context;
    UploadResult *result;
    STACK_OF(X509) * certificates; /* of the upload */
    STACK_OF(X509) * known;
    EVP_PKEY *key;
    X509 *leaf; /* one of the certificates; for a root the authority */
    Path path;
} Examination;

static inline Problem *problem_of(Examination *e, Check c)
{
    return &e->result->report.findings[c].problem;
}

/* The subject as people read it, in the buffer; for messages. */
const char *subject_of(X509 *x, char buffer[static 256]);

/* Builds the path up from the leaf. Negative errno for what is no fault of the upload. */
int upload_check_path(Examination *e);
/* All that can be said of a path, in the report. */
void upload_check_all(Examination *e);
