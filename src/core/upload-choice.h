/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/choose.h"

/* Which of all uploads a certificate takes. The one function for what is served and for what a dry run foretells. */

typedef struct PooledUpload {
    Candidate candidate;
    uint64_t uploaded;   /* the higher, the later; 0: not known, */
    int64_t uploaded_at; /* then this tells */
} PooledUpload;

/* The best of those that were offered so far; zeroed: there was none. */
typedef struct UploadChoice {
    PooledUpload best; /* candidate.chain NULL: none */
    Verdict verdict;
} UploadChoice;

/* Offers one upload for a certificate with these names; whether it is the best so far. Of those that can be served the one
 * that was uploaded last; failing that, of those that are about to expire; failing that, of those that are not valid yet, which
 * are kept for their first moment. What has expired, is broken, or does not cover every name is none. The order in which they
 * are offered makes no difference. Pure: depends on its arguments alone. */
bool upload_choice_offer(UploadChoice *choice, const PooledUpload *upload, char *const *names, int64_t now);
