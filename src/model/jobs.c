/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/limits.h"
#include "core/now.h"
#include "model/model.h"
#include "util/log.h"

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

Job *model_find_job(const Model *m, uint64_t id)
{
    Job *j;

    HASH_FIND(hh, m->jobs, &id, sizeof(id), j);
    return j;
}

int model_add_job(Model *m, Certificate *c, JobKind kind, Job **ret)
{
    Job *j;

    if (HASH_COUNT(m->jobs) >= LIMIT_JOBS)
        return -E2BIG;
    j = calloc(1, sizeof(Job));
    if (!j)
        return -ENOMEM;
    *j = (Job){
        .id = ++m->last_job, .kind = kind, .certificate = c, .step = "waiting", .started = clock_now()
    };
    HASH_ADD(hh, m->jobs, id, sizeof(j->id), j);
    c->job = j;
    MODEL_NOTIFY(m, job_added, j);
    if (c->published)
        MODEL_NOTIFY(m, certificate_changed, c, CHANGED_JOB);
    MODEL_NOTIFY(m, counts_changed);
    *ret = j;
    return 0;
}

static void set_state(Job *j, JobState state)
{
    log_debug("Job %llu (%s): %s -> %s", (unsigned long long)j->id, job_kind_to_string(j->kind),
              job_state_to_string(j->state), job_state_to_string(state));
    j->state = state;
}

void model_job_progress(Model *m, Job *j, double progress, const char *step)
{
    if (j->state != JOB_RUNNING)
        set_state(j, JOB_RUNNING);
    j->progress = progress;
    j->step = step;
    MODEL_NOTIFY(m, job_changed, j);
}

static void end_job(Model *m, Job *j, JobState state)
{
    Certificate *c = j->certificate;

    set_state(j, state);
    c->job = NULL;
    if (c->published)
        MODEL_NOTIFY(m, certificate_changed, c, CHANGED_JOB);
    MODEL_NOTIFY(m, job_removed, j);
    HASH_DEL(m->jobs, j);
    MODEL_NOTIFY(m, counts_changed);
    job_free(j);
}

void model_cancel_job(Model *m, Job *j)
{
    end_job(m, j, JOB_CANCELLED);
}

void model_end_job(Model *m, Job *j, RequestResult result, const Problem *problem)
{
    static const JobState states[] = {
        [RESULT_DONE] = JOB_DONE,
        [RESULT_FALLBACK] = JOB_FALLBACK,
        [RESULT_FAILED] = JOB_FAILED,
    };

    if (result != RESULT_FAILED)
        j->progress = 1;
    (void)problem_copy(problem, &j->problem);
    end_job(m, j, problem->code == PROBLEM_CANCELLED ? JOB_CANCELLED : states[result]);
}

void model_job_done(Certificate *c, RequestResult result, const Problem *problem, void *userdata)
{
    if (c->job)
        model_end_job(userdata, c->job, result, problem);
}
