/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/limits.h"
#include "core/now.h"
#include "manager/manager-internal.h"
#include "orders/orders.h"
#include "util/log.h"
#include "util/text.h"

/* Jobs: what somebody asked for, from the asking to the end. */

Job *manager_find_job(Manager *m, uint64_t id)
{
    Job *j;

    HASH_FIND(hh, m->jobs, &id, sizeof(id), j);
    return j;
}

int manager_foreach_job(Manager *m, int (*visit)(Job *j, void *userdata), void *userdata)
{
    Job *j, *next;
    int r = 0;

    HASH_ITER (hh, m->jobs, j, next)
        if (r >= 0)
            r = visit(j, userdata);
    return r;
}

size_t manager_n_jobs(const Manager *m)
{
    return HASH_COUNT(m->jobs);
}

static void job_set_state(Job *j, JobState state)
{
    log_debug("Job %llu (%s): %s -> %s", (unsigned long long)j->id, job_kind_to_string(j->kind),
              job_state_to_string(j->state), job_state_to_string(state));
    j->state = state;
}

static void job_end(Manager *m, Job *j, JobState state)
{
    Certificate *c = j->certificate;

    job_set_state(j, state);
    c->job = NULL;
    if (c->published)
        TELL(m, certificate_changed, c, CHANGED_JOB);
    manager_note_outlook(m);
    TELL(m, job_removed, j);
    HASH_DEL(m->jobs, j);
    TELL(m, counts_changed);
    job_free(j);
}

static JobState state_of(RequestResult result, const Problem *problem)
{
    static const JobState states[] = {
        [RESULT_DONE] = JOB_DONE,
        [RESULT_FALLBACK] = JOB_FALLBACK,
        [RESULT_FAILED] = JOB_FAILED,
    };

    return problem->code == PROBLEM_CANCELLED ? JOB_CANCELLED : states[result];
}

static void on_job_done(Certificate *c, RequestResult result, const Problem *problem, void *userdata)
{
    Manager *m = userdata;
    Job *j = c->job;

    if (!j)
        return;
    if (result != RESULT_FAILED)
        j->progress = 1;
    (void)problem_copy(problem, &j->problem);
    job_end(m, j, state_of(result, problem));
}

void manager_job_progress(Manager *m, Job *j, double progress, const char *step)
{
    if (j->state != JOB_RUNNING)
        job_set_state(j, JOB_RUNNING);
    j->progress = progress;
    j->step = step;
    TELL(m, job_changed, j);
}

static int job_fail(Manager *m, Job *j, int r)
{
    problem_set_errno(&j->problem, r, "Starting the job");
    job_end(m, j, JOB_FAILED);
    return r;
}

static RequestKind request_of(JobKind kind)
{
    switch (kind) {
    case JOB_RENEW:
        return REQUEST_RENEW;
    case JOB_ORDER:
        return REQUEST_ORDER;
    default:
        return REQUEST_REISSUE; /* JOB_ROOT, which is due */
    }
}

static int job_new(Manager *m, Certificate *c, JobKind kind, Job **ret)
{
    uint64_t id = m->last_job + 1;
    Job *j;

    if (HASH_COUNT(m->jobs) >= LIMIT_JOBS)
        return -E2BIG;
    j = calloc(1, sizeof(Job));
    if (!j)
        return -ENOMEM;
    *j = (Job){
        .id = m->last_job = id, .kind = kind, .certificate = c, .step = "waiting", .started = clock_now()
    };
    HASH_ADD(hh, m->jobs, id, sizeof(j->id), j);
    c->job = j;
    TELL(m, job_added, j);
    if (c->published)
        TELL(m, certificate_changed, c, CHANGED_JOB);
    manager_note_outlook(m);
    TELL(m, counts_changed);
    *ret = j;
    return 0;
}

/* The job may be over when this returns, as when there is nothing to do: so its number is all that is given. options: of a
 * reissue; NULL. */
static int start_job(Manager *m, Certificate *c, JobKind kind, const RequestOptions *options,
                     uint64_t *ret_id)
{
    Job *j;
    uint64_t id;
    int r = job_new(m, c, kind, &j);

    if (r < 0)
        return r;
    id = j->id;
    if (options)
        r = lifecycle_reissue(m->lifecycle, c, options, on_job_done, m);
    else
        r = lifecycle_request(m->lifecycle, c, request_of(kind), NULL, on_job_done, m);
    if (r < 0)
        return job_fail(m, j, r);
    *ret_id = id;
    return 0;
}

int manager_start_job(Manager *m, Certificate *c, JobKind kind, uint64_t *ret_id)
{
    return start_job(m, c, kind, NULL, ret_id);
}

static int complain_busy(const Certificate *c, Problem *problem)
{
    return problem_set(problem, PROBLEM_BUSY,
                       "%s is being changed already, by job %llu; wait until it is over.",
                       certificate_name(c), (unsigned long long)c->job->id);
}

int manager_reissue(Manager *m, Certificate *c, const RequestOptions *options, uint64_t *ret_id,
                    Problem *problem)
{
    JobKind kind = certificate_is_root(c) ? JOB_ROOT : JOB_REISSUE;
    int r;

    /* an order that runs by itself is what a reissue would begin */
    if (c->job && c->job->kind == JOB_ORDER) {
        *ret_id = c->job->id; /* which may be over in a moment */
        if (lifecycle_adopt_order(m->lifecycle, c, options))
            return 0;
    }
    if (c->job)
        return complain_busy(c, problem);
    r = start_job(m, c, kind, options, ret_id);
    if (r == -E2BIG)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED,
                           "There are %d jobs already; wait until some are over.", LIMIT_JOBS);
    return r;
}

/* Revoking: the authority is asked; what it says ends the job, or has another chain served. */

typedef struct Revoking {
    Manager *manager;
    uint64_t job;
} Revoking;

static void on_revoked(const Problem *problem, void *userdata)
{
    Revoking *v = userdata;
    Manager *m = v->manager;
    Job *j = manager_find_job(m, v->job);

    free(v);
    if (!j)
        return;
    if (problem->code != PROBLEM_NONE)
        on_job_done(j->certificate, RESULT_FAILED, problem, m);
    else {
        int r = lifecycle_request(m->lifecycle, j->certificate, REQUEST_REVOKED, NULL, on_job_done, m);

        if (r < 0)
            (void)job_fail(m, j, r);
    }
}

static int start_revoking(Manager *m, Certificate *c, const Bundle *bundle, int reason, uint64_t *ret_id,
                          Problem *problem)
{
    Revoking *v = calloc(1, sizeof(Revoking));
    Job *j = NULL;
    int r = v ? job_new(m, c, JOB_REVOKE, &j) : -ENOMEM;

    if (r < 0) {
        free(v);
        return r;
    }
    *v = (Revoking){ m, j->id };
    *ret_id = j->id;
    manager_job_progress(m, j, 0.5, "asking the authority to revoke");
    r = acme_source_revoke(lifecycle_acme(m->lifecycle), c->record->authority, bundle, reason, on_revoked, v,
                           problem);
    if (r < 0) {
        free(v);
        if (problem)
            (void)problem_copy(problem, &j->problem);
        (void)job_fail(m, j, r);
    }
    return r;
}

int manager_revoke(Manager *m, Certificate *c, const char *reason, uint64_t *ret_id, Problem *problem)
{
    static const char *const reasons[] = { "unspecified",        "keyCompromise", "",
                                           "affiliationChanged", "superseded",    "cessationOfOperation" };
    int code = isempty(reason) ? 0 : TABLE_FROM_STRING(reasons, reason), r;
    _cleanup_bundle_ Bundle *bundle = NULL;

    if (code < 0)
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "The reason is one of unspecified, keyCompromise, affiliationChanged, superseded and "
            "cessationOfOperation.");
    if (c->record->served != SOURCE_ACME || !c->record->authority)
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "The chain of %s is not from an ACME authority: who issued it has to revoke it; Reissue "
            "replaces what the local root signed.",
            certificate_name(c));
    if (c->job)
        return complain_busy(c, problem);
    r = store_read(m->store, c->record, SOURCE_ACME, &bundle);
    if (r >= 0)
        r = start_revoking(m, c, bundle, code, ret_id, problem);
    return problem_set_errno(problem, r, "Revoking");
}

int manager_change_account(Manager *m, const char *authority, bool deactivate, AccountChanged done,
                           void *userdata, Problem *problem)
{
    int r = acme_source_change_account(lifecycle_acme(m->lifecycle), authority, deactivate, done, userdata,
                                       problem);

    return problem_set_errno(problem, r, "Changing the account");
}

int manager_cancel_job(Manager *m, Job *j, Problem *problem)
{
    Certificate *c;

    if (j->kind == JOB_REVOKE)
        return problem_set(
            problem, PROBLEM_BUSY,
            "The authority was asked to revoke the chain already, which cannot be taken back; wait for its answer.");
    if (!lifecycle_cancel(m->lifecycle, j->certificate, on_job_done, m))
        return problem_set(problem, PROBLEM_BUSY,
                           "The job has begun to write and will be over in a moment; wait for it.");
    c = j->certificate;
    job_end(m, j, JOB_CANCELLED);
    lifecycle_settle(m->lifecycle, c);
    return 0;
}
