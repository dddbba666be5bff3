/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/upload-choice.h"

/* Lower is better; negative: unusable. An upload that is about to expire is preferred to one that is not
 * valid yet, as it can still be served if nothing else is usable. */
static int rank(Verdict v)
{
    switch (v) {
    case VERDICT_USABLE:
        return 0;
    case VERDICT_EXPIRING:
        return 1;
    case VERDICT_NOT_YET_VALID:
        return 2;
    default:
        return -1;
    }
}

static bool is_later(const PooledUpload *a, const PooledUpload *b)
{
    if (a->uploaded != b->uploaded)
        return a->uploaded > b->uploaded;
    if (a->uploaded == 0 && a->uploaded_at != b->uploaded_at)
        return a->uploaded_at > b->uploaded_at;
    return strcmp(chain_leaf(a->candidate.chain)->fingerprint, chain_leaf(b->candidate.chain)->fingerprint) >
           0;
}

bool upload_choice_offer(UploadChoice *choice, const PooledUpload *upload, char *const *names, int64_t now)
{
    Verdict verdict = candidate_judge(&upload->candidate, SOURCE_UPLOADED, names, now);
    int is = rank(verdict), was = rank(choice->verdict);

    if (is < 0)
        return false;
    if (choice->best.candidate.chain && (is != was ? is > was : !is_later(upload, &choice->best)))
        return false;
    *choice = (UploadChoice){ .best = *upload, .verdict = verdict };
    return true;
}
