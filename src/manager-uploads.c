/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "manager-internal.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define NAMES_MAX 1000 /* bytes of a list of names that are shown */

/* The pool of uploads: each is kept by the fingerprint of its leaf, and serves every certificate that it fits. */

static bool fits(const Certificate *upload, const Certificate *c, int64_t now)
{
    const Chain *chain = certificate_chain(upload);

    return chain && chain_not_after(chain) >= now && !upload->record->slots[SOURCE_UPLOADED].broken &&
           chain_covers(chain, c->names, NULL);
}

/* Of several the one that is valid longest; one that is valid already before one that is not yet. */
static bool upload_is_better(const Chain *chain, const Chain *than, int64_t now)
{
    bool begun = chain_leaf(chain)->not_before <= now, other_begun = chain_leaf(than)->not_before <= now;

    return begun != other_begun ? begun : chain_not_after(chain) > chain_not_after(than);
}

Certificate *manager_find_upload(const Certificate *c, void *userdata)
{
    Manager *m = userdata;
    int64_t now = clock_now();
    Certificate *best = NULL, *upload, *next;

    HASH_ITER (hh, m->uploads, upload, next)
        if (fits(upload, c, now) &&
            (!best || upload_is_better(certificate_chain(upload), certificate_chain(best), now)))
            best = upload;
    return best;
}

/* One call of Upload or RemoveUpload: examine, store, then settle all that are concerned, then answer. */
typedef struct UploadCall {
    Manager *manager;
    char *target; /* name of the certificate that it is for; NULL: for any */
    UploadDone done;
    void *userdata;

    Bundle *bundle;
    Problem problem;

    char *fingerprint;
    size_t n_waiting;
    Certificate **served;
    size_t n_served;
} UploadCall;

static UploadCall *upload_call_free(UploadCall *call)
{
    if (!call)
        return NULL;
    free(call->target);
    bundle_free(call->bundle);
    problem_clear(&call->problem);
    free(call->fingerprint);
    free(call->served);
    free(call);
    return NULL;
}
DEFINE_CLEANUP(UploadCall *, upload_call_free);

static void upload_call_answer(UploadCall *call)
{
    call->done(call->served, call->n_served, &call->problem, call->userdata);
    upload_call_free(call);
}

static void on_settled(Certificate *c, const Problem *problem, void *userdata)
{
    UploadCall *call = userdata;
    const Chain *chain = certificate_chain(c);

    if (problem->code != PROBLEM_NONE)
        (void)(call->problem.code == PROBLEM_NONE ? problem_copy(problem, &call->problem) : 0);
    else if (chain && streq(chain_leaf(chain)->fingerprint, call->fingerprint))
        call->served[call->n_served++] = c;
    if (--call->n_waiting == 0)
        upload_call_answer(call);
}

static bool is_concerned(const Certificate *c, const Certificate *upload, const char *fingerprint)
{
    const Chain *has = c->record->slots[SOURCE_UPLOADED].chain;

    return (has && streq(chain_leaf(has)->fingerprint, fingerprint)) ||
           (upload && c->published && chain_covers(certificate_chain(upload), c->names, NULL));
}

/* One is added to what is waited for, so that the answer is not given before all were asked. */
static void settle_concerned(UploadCall *call, const Certificate *upload)
{
    Manager *m = call->manager;
    Certificate *c, *next;

    call->served = calloc(HASH_COUNT(m->certificates) + 1, sizeof(Certificate *));
    call->n_waiting = 1;
    HASH_ITER (hh, m->certificates, c, next) {
        if (!call->served || !is_concerned(c, upload, call->fingerprint))
            continue;
        call->n_waiting++;
        if (lifecycle_request(m->lifecycle, c, REQUEST_SETTLE, NULL, on_settled, call) < 0)
            call->n_waiting--;
    }
    if (--call->n_waiting == 0)
        upload_call_answer(call);
}

static void on_stored(Certificate *upload, const Problem *problem, void *userdata)
{
    UploadCall *call = userdata;
    Manager *m = call->manager;

    if (problem->code != PROBLEM_NONE) {
        (void)problem_copy(problem, &call->problem);
        HASH_DEL(m->uploads, upload);
        upload_call_answer(call);
        return;
    }
    settle_concerned(call, upload);
}

/* Its names may have changed since it was looked at. */
static int check_target(UploadCall *call)
{
    Certificate *target = call->target ? manager_find(call->manager, call->target) : NULL;
    const char *missing;

    if (!call->target)
        return 0;
    if (!target)
        return problem_set(&call->problem, PROBLEM_NO_SUCH_CERTIFICATE, "The certificate %s is gone.",
                           call->target);
    if (chain_covers(call->bundle->chain, target->names, &missing))
        return 0;
    return problem_set(&call->problem, PROBLEM_NAME_MISMATCH, "The uploaded leaf is not for %s.", missing);
}

static int store_upload(UploadCall *call)
{
    Manager *m = call->manager;
    Certificate *upload;
    int r;

    r = check_target(call);
    if (r < 0)
        return r;
    call->fingerprint = strdup(chain_leaf(call->bundle->chain)->fingerprint);
    if (!call->fingerprint)
        return -ENOMEM;
    HASH_FIND_STR(m->uploads, call->fingerprint, upload);
    if (upload && upload->busy)
        return problem_set(&call->problem, PROBLEM_BUSY,
                           "The same chain is being uploaded just now; try again in a moment.");
    if (upload) { /* it is there already */
        settle_concerned(call, upload);
        return 0;
    }
    if (HASH_COUNT(m->uploads) >= LIMIT_UPLOADS)
        return problem_set(&call->problem, PROBLEM_LIMITS_EXCEEDED,
                           "There are %d uploads already; remove some first.", LIMIT_UPLOADS);
    upload = certificate_new(record_new(RECORD_UPLOAD, call->fingerprint));
    if (!upload)
        return -ENOMEM;
    HASH_ADD_KEYPTR(hh, m->uploads, upload->name, strlen(upload->name), upload);
    r = lifecycle_add_upload(m->lifecycle, upload, TAKE_PTR(call->bundle), on_stored, call);
    if (r < 0) {
        HASH_DEL(m->uploads, upload);
        certificate_free(upload);
    }
    return r;
}

static void on_root_replaced(Certificate *root, const Problem *problem, void *userdata)
{
    UploadCall *call = userdata;

    if (problem->code != PROBLEM_NONE)
        (void)problem_copy(problem, &call->problem);
    else if ((call->served = calloc(1, sizeof(Certificate *))))
        call->served[call->n_served++] = root;
    upload_call_answer(call);
}

static bool is_for_root(const UploadCall *call)
{
    return call->target && streq(call->target, certificate_name(call->manager->root));
}

/* What is wrong is told as the first check that is not passed has it. */
static void on_examined(UploadResult *result, const Problem *problem, void *userdata)
{
    UploadCall *call = userdata;
    const Problem *first = problem->code != PROBLEM_NONE ? problem : report_first_problem(&result->report);
    int r;

    if (first) {
        (void)problem_copy(first, &call->problem);
        upload_call_answer(call);
        return;
    }
    call->bundle = TAKE_PTR(result->bundle);
    if (is_for_root(call))
        r = lifecycle_replace_root(call->manager->lifecycle, TAKE_PTR(call->bundle), on_root_replaced, call);
    else
        r = store_upload(call); /* which may have answered, and freed the call */
    if (r < 0) {
        problem_set_errno(&call->problem, r, "Taking the upload");
        upload_call_answer(call);
    }
}

static UploadCall *upload_call_new(Manager *m, UploadDone done, void *userdata)
{
    UploadCall *call = calloc(1, sizeof(UploadCall));

    if (call)
        *call = (UploadCall){ .manager = m, .done = done, .userdata = userdata };
    return call;
}

int manager_upload(Manager *m, Certificate *target, int bundle_fd, const UploadOptions *options,
                   UploadDone done, void *userdata, Problem *problem)
{
    _cleanup_(upload_call_freep) UploadCall *call = upload_call_new(m, done, userdata);
    int r;

    if (!call || (target && !(call->target = strdup(certificate_name(target)))))
        return -ENOMEM;
    r = manager_examine(m, target, bundle_fd, options, on_examined, call, problem);
    if (r >= 0)
        TAKE_PTR(call);
    return r;
}

/* A dry run. */
typedef struct CheckCall {
    Manager *manager;
    char *target;
    UploadChecked done;
    void *userdata;
} CheckCall;

static CheckCall *check_call_free(CheckCall *call)
{
    if (call)
        free(call->target);
    free(call);
    return NULL;
}
DEFINE_CLEANUP(CheckCall *, check_call_free);

static void predict_root(CheckCall *call, UploadReport *report)
{
    Certificate *c, *next;
    unsigned n = 0;

    HASH_ITER (hh, call->manager->certificates, c, next)
        n += c->published && c->record->served == SOURCE_LOCAL;
    report_pass(report, CHECK_OUTCOME,
                "It would become the local root, and %u chain%s would be signed again.", n,
                n == 1 ? "" : "s");
}

/* Whether a chain would be preferred to the upload that a certificate has. */
static bool would_be_served(Manager *m, const Certificate *c, const Chain *chain, int64_t now)
{
    Certificate *best = manager_find_upload(c, m);

    if (!chain_covers(chain, c->names, NULL) || chain_not_after(chain) < now)
        return false;
    return !best || streq(certificate_name(best), chain_leaf(chain)->fingerprint) ||
           upload_is_better(chain, certificate_chain(best), now);
}

static void predict_leaf(CheckCall *call, const Chain *chain, UploadReport *report)
{
    _cleanup_free_ char *names = NULL;
    _cleanup_strv_ char **l = NULL;
    Manager *m = call->manager;
    Certificate *c, *next;
    int64_t now = clock_now();

    HASH_ITER (hh, m->certificates, c, next)
        if (c->published && would_be_served(m, c, chain, now) && strv_length(l) < LIMIT_NAMES)
            (void)strv_extend(&l, certificate_name(c));
    names = strv_join(l, ", ");
    if (!l)
        report_pass(
            report, CHECK_OUTCOME,
            "It would be kept; nothing would serve it now, for want of a name that it fits or because another "
            "upload is valid longer.");
    else if (chain_leaf(chain)->not_before > now)
        report_pass(report, CHECK_OUTCOME, "It would be served, from its first moment on, for %s.",
                    QUOTE(names, NAMES_MAX));
    else
        report_pass(report, CHECK_OUTCOME, "It would be served for %s.", QUOTE(names, NAMES_MAX));
}

static void on_checked(UploadResult *result, const Problem *problem, void *userdata)
{
    _cleanup_(check_call_freep) CheckCall *call = userdata;
    UploadReport *report = &result->report;

    if (problem->code == PROBLEM_NONE) {
        if (report_first_problem(report))
            (void)problem_set(&report->findings[CHECK_OUTCOME].problem, report_first_problem(report)->code,
                              "It would be refused, and nothing would change.");
        else if (call->target && streq(call->target, certificate_name(call->manager->root)))
            predict_root(call, report);
        else
            predict_leaf(call, result->chain, report);
    }
    call->done(report, problem, call->userdata);
}

int manager_check_upload(Manager *m, Certificate *target, int bundle_fd, const UploadOptions *options,
                         UploadChecked done, void *userdata, Problem *problem)
{
    _cleanup_(check_call_freep) CheckCall *call = calloc(1, sizeof(CheckCall));
    int r;

    if (!call)
        return -ENOMEM;
    *call = (CheckCall){ .manager = m, .done = done, .userdata = userdata };
    if (target && !(call->target = strdup(certificate_name(target))))
        return -ENOMEM;
    r = manager_examine(m, target, bundle_fd, options, on_checked, call, problem);
    if (r >= 0)
        TAKE_PTR(call);
    return r;
}

/* The upload leaves the pool at once, so that nothing takes it up again, and is freed after this. */
static void on_upload_removed(Certificate *upload, const Problem *problem, void *userdata)
{
    UploadCall *call = userdata;

    if (problem->code != PROBLEM_NONE) {
        (void)problem_copy(problem, &call->problem);
        upload_call_answer(call);
        return;
    }
    HASH_DEL(call->manager->uploads, upload);
    settle_concerned(call, NULL);
}

int manager_remove_upload(Manager *m, const char *fingerprint, UploadDone done, void *userdata,
                          Problem *problem)
{
    _cleanup_(upload_call_freep) UploadCall *call = NULL;
    Certificate *upload = NULL;
    int r;

    if (!text_is_hex(fingerprint, 64))
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                           "A fingerprint has 64 hexadecimal digits; ListUploads gives those there are.");
    call = upload_call_new(m, done, userdata);
    if (!call || !(call->fingerprint = strdup(fingerprint)))
        return -ENOMEM;
    for (char *p = call->fingerprint; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'F' ? *p - 'A' + 'a' : *p);
    HASH_FIND_STR(m->uploads, call->fingerprint, upload);
    if (!upload)
        return problem_set(problem, PROBLEM_NO_SUCH_CERTIFICATE,
                           "There is no upload with this fingerprint; ListUploads gives those there are.");
    if (upload->busy)
        return problem_set(problem, PROBLEM_BUSY,
                           "The upload is being written just now; try again in a moment.");
    r = lifecycle_request(m->lifecycle, upload, REQUEST_REMOVE, NULL, on_upload_removed, call);
    if (r >= 0)
        TAKE_PTR(call);
    return r;
}
