/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/choose.h"

/* Chooses an upload for a certificate. Used both for serving and for dry runs. */

typedef struct PooledUpload {
    Candidate candidate;
    uint64_t uploaded;   /* the higher, the later; 0: unknown, */
    int64_t uploaded_at; /* in which case this counts */
} PooledUpload;

/* The best upload offered so far; zeroed: none. */
typedef struct UploadChoice {
    PooledUpload best; /* candidate.chain NULL: none */
    Verdict verdict;
} UploadChoice;

/* Offers an upload for a certificate with these names; returns true if it is the best so far. The best is
 * the usable one that was uploaded last; else one about to expire; else one that is not valid yet and is
 * kept until it is. Expired and broken uploads, and those that do not cover all names, are ignored. The
 * order of offers does not matter. Pure: the result depends on the arguments only. */
bool upload_choice_offer(UploadChoice *choice, const PooledUpload *upload, char *const *names, int64_t now);
