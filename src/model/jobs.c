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
        [JOB_ORDER] = "order",     [JOB_REVOKE] = "revoke", [JOB_DEPLOY] = "deploy",
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
    if (!j)
        return NULL;
    problem_clear(&j->problem);
    free(j->module);
    free(j);
    return NULL;
}

const char *job_name(const Job *j)
{
    return j->certificate ? certificate_name(j->certificate) : j->module;
}

Job *model_find_job(const Model *m, uint64_t id)
{
    Job *j;

    HASH_FIND(hh, m->jobs, &id, sizeof(id), j);
    return j;
}

static int make_job(Model *m, JobKind kind, Job **ret)
{
    Job *j;

    if (HASH_COUNT(m->jobs) >= LIMIT_JOBS)
        return -E2BIG;
    j = calloc(1, sizeof(Job));
    if (!j)
        return -ENOMEM;
    *j = (Job){
        .id = ++m->last_job, .kind = kind, .step = "waiting", .started = clock_now(), .requester = (uid_t)-1
    };
    *ret = j;
    return 0;
}

/* c: that has or had the job; NULL: a module has. */
static void note_certificate(Model *m, Certificate *c)
{
    if (c && c->published)
        MODEL_NOTIFY(m, certificate_changed, c, CHANGED_JOB);
}

static void publish_job(Model *m, Job *j)
{
    HASH_ADD(hh, m->jobs, id, sizeof(j->id), j);
    MODEL_NOTIFY(m, job_added, j);
    note_certificate(m, j->certificate);
    MODEL_NOTIFY(m, counts_changed);
}

int model_add_job(Model *m, Certificate *c, JobKind kind, Job **ret)
{
    Job *j;
    int r = make_job(m, kind, &j);

    if (r < 0)
        return r;
    j->certificate = c;
    c->job = j;
    publish_job(m, j);
    *ret = j;
    return 0;
}

int model_add_module_job(Model *m, const char *module, JobKind kind, Job **ret)
{
    Job *j;
    int r = make_job(m, kind, &j);

    if (r < 0)
        return r;
    j->module = strdup(module);
    if (!j->module) {
        job_free(j);
        return -ENOMEM;
    }
    publish_job(m, j);
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
    j->progress = MAX(j->progress, progress);
    j->step = step;
    MODEL_NOTIFY(m, job_changed, j);
}

static void end_job(Model *m, Job *j, JobState state)
{
    set_state(j, state);
    if (j->certificate)
        j->certificate->job = NULL;
    note_certificate(m, j->certificate);
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
