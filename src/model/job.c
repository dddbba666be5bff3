/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/job.h"

const char *job_kind_to_string(JobKind k)
{
    static const char *const kinds[_JOB_KIND_MAX] = {
        [JOB_REISSUE] = "reissue", [JOB_RENEW] = "renew",   [JOB_ROOT] = "root",
        [JOB_ORDER] = "order",     [JOB_REVOKE] = "revoke",
    };

    return kinds[k];
}

const char *job_state_to_string(JobState s)
{
    static const char *const states[_JOB_STATE_MAX] = {
        [JOB_QUEUED] = "queued",     [JOB_RUNNING] = "running", [JOB_DONE] = "done",
        [JOB_FALLBACK] = "fallback", [JOB_FAILED] = "failed",   [JOB_CANCELLED] = "cancelled",
    };

    return states[s];
}

Job *job_free(Job *j)
{
    if (j)
        problem_clear(&j->problem);
    free(j);
    return NULL;
}
