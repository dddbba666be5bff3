/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/imported.h"
#include "core/report.h"

/* Examines an upload: a chain with its key that can be served, or an authority that can become the local
 * root. All checks that can be run are run. */

typedef struct UploadContext {
    bool authority;        /* for use as the local root */
    char *const *names;    /* names to cover, canonical; NULL: any */
    char *const *chains;   /* PEM: certificates that may complete the chain */
    char *const *keys;     /* PEM: private keys that may belong to the leaf */
    const char *directory; /* of trusted certificates of the system; NULL: none */
    int64_t now;           /* seconds */
} UploadContext;

typedef struct UploadResult {
    UploadReport report;
    Bundle *bundle;       /* NULL if a check fails. Leaf first, without a self-signed root, re-encoded */
    Chain *chain;         /* as far as known; NULL: not even a leaf */
    char *missing_issuer; /* issuer (RFC 4514) that is unknown or has expired; NULL: none is missing */
    char **issuer_urls;   /* URLs of that issuer, from the certificate below */
    bool lacks_key;       /* the upload contains no key */
} UploadResult;

void upload_result_done(UploadResult *result);
#define _cleanup_upload_result_ _cleanup_(upload_result_done)
/* Returns -ENOMEM and the like; problems of the upload are in the report. Any thread. */
int upload_examine(const Imported *imported, const UploadContext *context, UploadResult *ret);
