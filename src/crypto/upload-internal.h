/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crypto/path.h"
#include "crypto/upload.h"

/* Shared only by upload.c (finds certificates, key and leaf) and upload-checks.c (checks them). */

/* The state of an examination. */
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

/* Returns the subject for messages, valid until the end of the block. */
#define SUBJECT(x) subject_of(x, (char[256]){ 0 })
const char *subject_of(X509 *x, char buffer[static 256]);

/* Checks the type of the key of one of the certificates. */
int upload_check_key(Examination *e, X509 *x);
/* Builds the path up from the leaf. Negative errno for errors that are not caused by the upload. */
int upload_check_path(Examination *e);
/* Adds the results of all checks of the path to the report. */
void upload_check_all(Examination *e);
