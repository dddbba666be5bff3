/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/limits.h"
#include "manager/manager-internal.h"
#include "util/log.h"
#include "util/text.h"

/* One call of Upload, CheckUpload or RemoveUpload: examine, store, settle the certificates that it concerns, reply. */
typedef struct UploadCall UploadCall;

struct UploadCall {
    Manager *manager;
    char *target; /* name of the certificate that it is for; NULL: for any, or the root */
    bool is_root;
    UploadDone done;
    UploadChecked checked; /* of a dry run, instead of done */
    void *userdata;

    Bundle *bundle;
    Problem problem;

    char *fingerprint;
    size_t n_waiting;
    void (*next)(UploadCall *call); /* when nothing is waited for any more */
};

static UploadCall *upload_call_free(UploadCall *call)
{
    if (!call)
        return NULL;
    free(call->target);
    bundle_free(call->bundle);
    problem_clear(&call->problem);
    free(call->fingerprint);
    free(call);
    return NULL;
}
DEFINE_CLEANUP(UploadCall *, upload_call_free);

static void upload_call_answer(UploadCall *call)
{
    UploadOutcome outcome = { .fingerprint = call->fingerprint };
    int r = 0;

    if (call->problem.code == PROBLEM_NONE)
        r = manager_collect_fits(call->manager, call->is_root, &outcome);
    problem_set_errno(&call->problem, r, "Listing the certificates that the upload fits");
    call->done(&outcome, &call->problem, call->userdata);
    upload_outcome_done(&outcome);
    upload_call_free(call);
}

static void on_settled(Certificate *c _unused_, RequestResult result _unused_, const Problem *problem,
                       void *userdata)
{
    UploadCall *call = userdata;

    if (problem->code != PROBLEM_NONE && call->problem.code == PROBLEM_NONE)
        (void)problem_copy(problem, &call->problem);
    if (--call->n_waiting == 0)
        call->next(call);
}

static bool is_concerned(const Certificate *c, const Certificate *upload, const char *fingerprint)
{
    const Chain *has = c->record->slots[SOURCE_UPLOADED].chain;

    return (has && streq(chain_leaf(has)->fingerprint, fingerprint)) ||
           (upload && c->published && chain_covers(certificate_chain(upload), c->names, NULL));
}

/* n_waiting is one too high meanwhile, so that the reply is not sent before all were asked. */
static void settle_concerned(UploadCall *call, const Certificate *upload)
{
    Manager *m = call->manager;
    Certificate *c, *next;

    call->next = upload_call_answer;
    call->n_waiting = 1;
    FOREACH_CERTIFICATE (m->model, c, next) {
        if (!is_concerned(c, upload, call->fingerprint))
            continue;
        call->n_waiting++;
        if (lifecycle_request(m->lifecycle, c, REQUEST_SETTLE, NULL, on_settled, call) < 0)
            call->n_waiting--;
    }
    if (--call->n_waiting == 0)
        upload_call_answer(call);
}

static void on_stored(Certificate *upload, RequestResult result _unused_, const Problem *problem,
                      void *userdata)
{
    UploadCall *call = userdata;

    (void)problem_copy(problem, &call->problem);
    if (problem->code == PROBLEM_NONE && !call->is_root) {
        settle_concerned(call, upload);
        return;
    }
    if (!upload->stored && !call->is_root)
        model_drop_upload(call->manager->model, upload);
    upload_call_answer(call);
}

/* The names of the target may have changed during the examination. */
static int check_target(UploadCall *call)
{
    Certificate *target = call->target ? model_find(call->manager->model, call->target) : NULL;
    const char *missing;

    if (!call->target)
        return 0;
    if (!target)
        return problem_set(&call->problem, PROBLEM_NO_SUCH_CERTIFICATE,
                           "The certificate %s no longer exists.", call->target);
    if (chain_covers(call->bundle->chain, target->names, &missing))
        return 0;
    return problem_set(&call->problem, PROBLEM_NAME_MISMATCH, "The uploaded leaf does not cover %s.",
                       missing);
}

/* Returns true if exactly this chain is stored already. */
static bool is_same(const Certificate *upload, const Bundle *bundle)
{
    const Slot *slot = &upload->record->slots[SOURCE_UPLOADED];

    return slot->chain && !slot->broken && chain_equal(slot->chain, bundle->chain);
}

/* Uploaded again, a chain becomes the latest. */
static int find_place(UploadCall *call, Certificate **ret)
{
    Model *model = call->manager->model;

    *ret = model_find_upload(model, call->fingerprint);
    if (!*ret && HASH_COUNT(model->uploads) >= LIMIT_UPLOADS)
        return problem_set(&call->problem, PROBLEM_LIMITS_EXCEEDED,
                           "There are already %d uploads; remove some first.", LIMIT_UPLOADS);
    if (!*ret)
        return model_add(model, RECORD_UPLOAD, call->fingerprint, ret);
    if ((*ret)->work.busy)
        return problem_set(&call->problem, PROBLEM_BUSY,
                           "The same chain is being uploaded or removed right now; try again in a moment.");
    if (is_same(*ret, call->bundle))
        call->bundle = bundle_free(call->bundle);
    return 0;
}

static int store_upload(UploadCall *call)
{
    Manager *m = call->manager;
    Certificate *upload;
    int r = find_place(call, &upload);

    if (r < 0)
        return r;
    r = lifecycle_add_upload(m->lifecycle, upload, TAKE_PTR(call->bundle), on_stored, call);
    if (r < 0 && !upload->stored) {
        model_drop_upload(m->model, upload);
        certificate_free(upload);
    }
    return r;
}

static int store_bundle(UploadCall *call)
{
    int r = check_target(call);

    if (r < 0)
        return r;
    call->fingerprint = strdup(chain_leaf(call->bundle->chain)->fingerprint);
    if (!call->fingerprint)
        return -ENOMEM;
    if (!call->is_root)
        return store_upload(call);
    return lifecycle_replace_root(call->manager->lifecycle, TAKE_PTR(call->bundle), on_stored, call);
}

/* The first failed check is the problem of the call. */
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
    log_info("An upload is accepted: %s %s", finding_text(&result->report.findings[CHECK_LEAF]),
             finding_text(&result->report.findings[CHECK_CHAIN]));
    call->bundle = TAKE_PTR(result->bundle);
    r = store_bundle(call);
    if (r < 0) {
        problem_set_errno(&call->problem, r, "Storing the upload");
        upload_call_answer(call);
    }
}

static void on_checked(UploadResult *result, const Problem *problem, void *userdata)
{
    _cleanup_(upload_call_freep) UploadCall *call = userdata;
    UploadReport *report = &result->report;
    const Problem *first = report_first_problem(report);

    if (problem->code == PROBLEM_NONE && first)
        (void)problem_set(&report->findings[CHECK_OUTCOME].problem, first->code,
                          "It would be refused, and nothing would change.");
    else if (problem->code == PROBLEM_NONE)
        manager_foretell(call->manager, call->is_root, result->chain, report);
    call->checked(report, problem, call->userdata);
}

static int start_examining(const UploadCall *prototype, Certificate *target, int bundle_fd,
                           const UploadOptions *options, Problem *problem)
{
    _cleanup_(upload_call_freep) UploadCall *call = malloc(sizeof(UploadCall));
    int r;

    if (!call)
        return -ENOMEM;
    *call = *prototype;
    call->is_root = target && certificate_is_root(target);
    if (target && !call->is_root && !(call->target = strdup(certificate_name(target))))
        return -ENOMEM;
    r = manager_examine(call->manager, target, bundle_fd, options, call->checked ? on_checked : on_examined,
                        call, problem);
    if (r >= 0)
        TAKE_PTR(call);
    return r;
}

int manager_upload(Manager *m, Certificate *target, int bundle_fd, const UploadOptions *options,
                   UploadDone done, void *userdata, Problem *problem)
{
    const UploadCall call = { .manager = m, .done = done, .userdata = userdata };

    return start_examining(&call, target, bundle_fd, options, problem);
}

int manager_check_upload(Manager *m, Certificate *target, int bundle_fd, const UploadOptions *options,
                         UploadChecked done, void *userdata, Problem *problem)
{
    const UploadCall call = { .manager = m, .checked = done, .userdata = userdata };

    return start_examining(&call, target, bundle_fd, options, problem);
}

/* ---- removal: no service may go back to the leaf, which is durable before the upload is gone; then it is removed, and
 * certificates that serve it get another chain */

/* The upload leaves the table at once, so that no certificate takes it again, and is freed after this. */
static void on_upload_removed(Certificate *upload, RequestResult result _unused_, const Problem *problem,
                              void *userdata)
{
    UploadCall *call = userdata;

    if (problem->code != PROBLEM_NONE) {
        (void)problem_copy(problem, &call->problem);
        upload_call_answer(call);
        return;
    }
    model_drop_upload(call->manager->model, upload);
    settle_concerned(call, NULL);
}

static void remove_withdrawn(UploadCall *call)
{
    Manager *m = call->manager;
    Certificate *upload = model_find_upload(m->model, call->fingerprint);
    int r = 0;

    if (call->problem.code == PROBLEM_NONE && !upload)
        (void)problem_set(&call->problem, PROBLEM_NO_SUCH_CERTIFICATE, "The upload was removed meanwhile.");
    if (call->problem.code == PROBLEM_NONE)
        r = lifecycle_request(m->lifecycle, upload, REQUEST_REMOVE, NULL, on_upload_removed, call);
    problem_set_errno(&call->problem, r, "Removing the upload");
    if (call->problem.code != PROBLEM_NONE)
        upload_call_answer(call);
}

/* A module that has the certificate may still have this leaf in its files, though another one is served by now. */
static bool may_have_been_delivered(const Certificate *c, const Chain *chain)
{
    char *const names[] = { (char *)(uintptr_t)certificate_name(c), NULL };

    return c->stored && c->wish.modules && chain_covers(chain, names, NULL);
}

static void withdraw(UploadCall *call, Chain *chain)
{
    Manager *m = call->manager;
    Certificate *c, *next;

    call->next = remove_withdrawn;
    call->n_waiting = 1;
    FOREACH_CERTIFICATE (m->model, c, next) {
        if (!is_concerned(c, NULL, call->fingerprint) && !may_have_been_delivered(c, chain))
            continue;
        call->n_waiting++;
        if (lifecycle_block(m->lifecycle, c, REQUEST_WITHDRAWN, chain, on_settled, call) < 0)
            call->n_waiting--;
    }
    if (--call->n_waiting == 0)
        call->next(call);
}

int manager_remove_upload(Manager *m, const char *fingerprint, UploadDone done, void *userdata,
                          Problem *problem)
{
    _cleanup_(upload_call_freep) UploadCall *call = NULL;
    _cleanup_chain_ Chain *chain = NULL;
    Certificate *upload = NULL;

    if (!text_is_hex(fingerprint, 64))
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "A fingerprint has 64 hexadecimal digits; ListUploads shows those of all uploads.");
    call = malloc(sizeof(UploadCall));
    if (!call)
        return -ENOMEM;
    *call =
        (UploadCall){ .manager = m, .done = done, .userdata = userdata, .fingerprint = strdup(fingerprint) };
    if (!call->fingerprint)
        return -ENOMEM;
    for (char *p = call->fingerprint; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'F' ? *p - 'A' + 'a' : *p);
    upload = model_find_upload(m->model, call->fingerprint);
    if (!upload)
        return problem_set(problem, PROBLEM_NO_SUCH_CERTIFICATE,
                           "There is no upload with this fingerprint; ListUploads shows all uploads.");
    if (upload->work.busy)
        return problem_set(problem, PROBLEM_BUSY,
                           "The upload is being written right now; try again in a moment.");
    chain = chain_ref(upload->record->slots[SOURCE_UPLOADED].chain);
    if (chain)
        withdraw(TAKE_PTR(call), chain);
    else
        remove_withdrawn(TAKE_PTR(call));
    return 0;
}
