/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/limits.h"
#include "manager/manager-internal.h"
#include "util/text.h"

/* Turns requests of callers into jobs. */

static int complain_busy(const Certificate *c, Problem *problem)
{
    return problem_set(problem, PROBLEM_BUSY,
                       "%s is already being changed by job %llu; wait until it has finished.",
                       certificate_name(c), (unsigned long long)c->job->id);
}

int manager_reissue(Manager *m, Certificate *c, const RequestOptions *options, uint64_t *ret_id,
                    Problem *problem)
{
    JobKind kind = certificate_is_root(c) ? JOB_ROOT : JOB_REISSUE;
    int r;

    /* an automatic order does what the reissue would do */
    if (c->job && c->job->kind == JOB_ORDER) {
        *ret_id = c->job->id; /* adopting may end the job */
        if (lifecycle_adopt_order(m->lifecycle, c, options))
            return 0;
    }
    if (c->job)
        return complain_busy(c, problem);
    r = lifecycle_start_job(m->lifecycle, c, kind, options, ret_id);
    if (r == -E2BIG)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED,
                           "There are already %d jobs; wait until some have finished.", LIMIT_JOBS);
    return r;
}

/* ---- revocation: a refusal of the authority ends the job, and its consent serves another chain */

typedef struct Revoking {
    Manager *manager;
    Chain *chain; /* that the authority is asked to revoke */
    uint64_t job;
} Revoking;

static Revoking *revoking_free(Revoking *v)
{
    chain_unref(v->chain);
    free(v);
    return NULL;
}
DEFINE_CLEANUP(Revoking *, revoking_free);

static void fail_job(Manager *m, Job *j, int r, Problem *problem)
{
    problem_set_errno(problem, r, "Starting the job");
    model_end_job(m->model, j, RESULT_FAILED, problem);
}

static void on_revoked(const Problem *problem, void *userdata)
{
    _cleanup_(revoking_freep) Revoking *v = userdata;
    Manager *m = v->manager;
    Job *j = model_find_job(m->model, v->job);
    _cleanup_problem_ Problem failure = {};
    int r;

    if (!j)
        return;
    if (problem->code != PROBLEM_NONE) {
        model_end_job(m->model, j, RESULT_FAILED, problem);
        return;
    }
    r = lifecycle_block(m->lifecycle, j->certificate, REQUEST_REVOKED, v->chain, model_job_done, m->model);
    if (r < 0)
        fail_job(m, j, r, &failure);
}

static int start_revoking(Manager *m, Certificate *c, const Bundle *bundle, int reason, uint64_t *ret_id,
                          Problem *problem)
{
    Revoking *v = calloc(1, sizeof(Revoking));
    _cleanup_problem_ Problem failure = {};
    Job *j = NULL;
    int r = v ? model_add_job(m->model, c, JOB_REVOKE, &j) : -ENOMEM;

    if (r < 0) {
        free(v);
        return r;
    }
    *v = (Revoking){ m, chain_ref(bundle->chain), j->id };
    *ret_id = j->id;
    model_job_progress(m->model, j, 0.5, "asking the authority to revoke");
    r = orders_revoke(lifecycle_orders(m->lifecycle), c->record->authority, bundle, reason, on_revoked, v,
                      problem);
    if (r < 0) {
        revoking_free(v);
        if (problem)
            (void)problem_copy(problem, &failure);
        fail_job(m, j, r, &failure);
    }
    return r;
}

static int check_revocable(const Certificate *c, Problem *problem)
{
    if (!certificate_chain(c))
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                           "There is no chain for %s, so there is nothing to revoke.", certificate_name(c));
    if (c->record->served != SOURCE_ACME || !c->record->authority)
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "The chain of %s is not from an ACME authority: its issuer has to revoke it; for a chain "
            "of the local root, use Reissue.",
            certificate_name(c));
    return c->job ? complain_busy(c, problem) : 0;
}

typedef struct RevokeCall {
    Manager *manager;
    uint64_t generation;
    int reason;
    JobStarted done;
    void *userdata;
} RevokeCall;

static int revoke_what_was_read(const RevokeCall *call, const Record *rec, const Bundle *b, uint64_t *ret_id,
                                Problem *problem)
{
    Certificate *c = model_find(call->manager->model, rec->name);
    int r;

    if (!c)
        return problem_set(problem, PROBLEM_NO_SUCH_CERTIFICATE, "%s was removed meanwhile.", rec->name);
    if (record_current(rec) != call->generation || record_current(c->record) != call->generation)
        return problem_set(
            problem, PROBLEM_BUSY,
            "%s got another chain meanwhile; look at it, then revoke it if it is still to be revoked.",
            rec->name);
    r = check_revocable(c, problem);
    return r < 0 ? r : start_revoking(call->manager, c, b, call->reason, ret_id, problem);
}

static void on_chain_read(int result, const Record *rec, Bundle *b, void *userdata)
{
    _cleanup_free_ RevokeCall *call = userdata;
    _cleanup_problem_ Problem problem = {};
    uint64_t id = 0;

    if (result >= 0)
        result = revoke_what_was_read(call, rec, b, &id, &problem);
    problem_set_errno(&problem, result, "Revoking");
    call->done(result < 0 ? 0 : id, &problem, call->userdata);
}

int manager_revoke(Manager *m, Certificate *c, const char *reason, JobStarted done, void *userdata,
                   Problem *problem)
{
    static const char *const reasons[] = { "unspecified",        "keyCompromise", "",
                                           "affiliationChanged", "superseded",    "cessationOfOperation" };
    int code = isempty(reason) ? 0 : TABLE_FROM_STRING(reasons, reason), r;
    _cleanup_free_ RevokeCall *call = malloc(sizeof(RevokeCall));

    if (!call)
        return -ENOMEM;
    if (code < 0)
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "The reason has to be one of unspecified, keyCompromise, affiliationChanged, superseded and "
            "cessationOfOperation.");
    r = check_revocable(c, problem);
    if (r < 0)
        return r;
    *call = (RevokeCall){ m, record_current(c->record), code, done, userdata };
    r = reader_read(m->reader, c, NULL, on_chain_read, call);
    if (r >= 0)
        TAKE_PTR(call);
    return problem_set_errno(problem, r, "Revoking");
}

int manager_change_account(Manager *m, const char *authority, bool deactivate, AccountChanged done,
                           void *userdata, Problem *problem)
{
    int r = orders_change_account(lifecycle_orders(m->lifecycle), authority, deactivate, done, userdata,
                                  problem);

    return problem_set_errno(problem, r, "Changing the account");
}

int manager_list_authorities(Manager *m, AuthoritiesListed done, void *userdata, Problem *problem)
{
    int r = orders_list(lifecycle_orders(m->lifecycle), done, userdata);

    return r < 0 ? problem_set_errno(problem, r, "Listing the authorities") : r;
}

int manager_rehearse(Manager *m, const char *name, const char *authority, RehearsalDone done, void *userdata,
                     Problem *problem)
{
    const Certificate *c = model_find(m->model, name);
    char *const only[] = { (char *)(uintptr_t)name, NULL };
    int r = orders_rehearse(lifecycle_orders(m->lifecycle), c ? c->names : only, authority, done, userdata);

    return r < 0 ? problem_set_errno(problem, r, "Testing the order") : r;
}

int manager_cancel_job(Manager *m, Job *j, Problem *problem)
{
    if (j->kind == JOB_REVOKE)
        return problem_set(
            problem, PROBLEM_BUSY,
            "The authority was already asked to revoke the chain, which cannot be undone; wait for its answer.");
    if (j->kind == JOB_DEPLOY)
        return problem_set(
            problem, PROBLEM_BUSY,
            "A delivery is not interrupted, since the services of the module would be left with files that they do "
            "not use; wait until it has finished.");
    if (!lifecycle_cancel_job(m->lifecycle, j))
        return problem_set(
            problem, PROBLEM_BUSY,
            "The job is already writing its result and will finish in a moment; wait for it.");
    return 0;
}
