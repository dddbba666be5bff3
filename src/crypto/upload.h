/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/imported.h"
#include "core/report.h"

/* Examines what was uploaded: whether it is a chain with its key that can be served, or an authority that can be the local
 * root. Every check that can be made is made. */

typedef struct UploadContext {
    bool authority;        /* it shall be the local root */
    char *const *names;    /* canonical, that it is for; NULL: any */
    char *const *chains;   /* PEM: certificates that may complete it */
    char *const *keys;     /* PEM: private keys that may be that of the leaf */
    const char *directory; /* of the system's authorities; NULL: none */
    int64_t now;           /* seconds */
} UploadContext;

typedef struct UploadResult {
    UploadReport report;
    Bundle
        *bundle; /* NULL when something is wrong. Leaf first, without a self-signed root, all encoded anew */
    Chain *chain; /* as far as it is known; NULL: there is not even a leaf */
    char *
        missing_issuer; /* RFC 4514, who signed the last certificate and is not known; NULL: nobody is missing */
    char **issuer_urls; /* where that can be had, as the last certificate says */
    bool lacks_key;     /* there is none in the upload */
} UploadResult;

void upload_result_done(UploadResult *result);
#define _cleanup_upload_result_ _cleanup_(upload_result_done)
/* -ENOMEM and the like; what is wrong with the upload is in the report. Any thread. */
int upload_examine(const Imported *imported, const UploadContext *context, UploadResult *ret);
