/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "core/limits.h"
#include "crypto/upload.h"
#include "manager-internal.h"
#include "util/log.h"
#include "util/text.h"

/* The pool of uploads: each is kept by the fingerprint of its leaf, and serves every certificate that it fits. */

static bool fits(const Certificate *upload, const Certificate *c, int64_t now)
{
    const Chain *chain = certificate_chain(upload);

    return chain && chain_not_after(chain) >= now && !upload->record->slots[SOURCE_UPLOADED].broken &&
           chain_covers(chain, c->names, NULL);
}

/* Of several the one that is valid longest; one that is valid already before one that is not yet. */
Certificate *manager_find_upload(const Certificate *c, void *userdata)
{
    Manager *m = userdata;
    int64_t now = (int64_t)time(NULL);
    Certificate *best = NULL, *upload, *next;

    HASH_ITER (hh, m->uploads, upload, next) {
        const Chain *chain = certificate_chain(upload), *best_chain = best ? certificate_chain(best) : NULL;
        bool begun, best_begun;

        if (!fits(upload, c, now))
            continue;
        begun = chain_leaf(chain)->not_before <= now;
        best_begun = best && chain_leaf(best_chain)->not_before <= now;
        if (!best || begun > best_begun ||
            (begun == best_begun && chain_not_after(chain) > chain_not_after(best_chain)))
            best = upload;
    }
    return best;
}

/* One call of Upload or RemoveUpload: parse, store, then settle all that are concerned, then answer. */
typedef struct UploadCall {
    Manager *manager;
    char *target; /* name of the certificate that it is for; NULL: for any */
    char *pem;
    UploadDone done;
    void *userdata;

    Bundle *bundle;
    Problem problem;
    int result;

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
    erase_and_free(call->pem);
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
        if (lifecycle_request(m->lifecycle, c, REQUEST_SETTLE, NULL, NULL, _KEY_TYPE_INVALID, on_settled,
                              call) < 0)
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

static int check_target(UploadCall *call)
{
    Certificate *target = call->target ? manager_find(call->manager, call->target) : NULL;
    _cleanup_free_ char *names = NULL;
    const char *missing;
    const Chain *chain = call->bundle->chain;

    if (!call->target)
        return 0;
    if (!target)
        return problem_set(&call->problem, PROBLEM_NO_SUCH_CERTIFICATE, "The certificate %s is gone.",
                           call->target);
    if (chain_covers(chain, target->names, &missing))
        return 0;
    for (unsigned i = 0; i < chain->n_names; i++) {
        char *joined;

        if (asprintf(&joined, "%s%s%s", strempty(names), names ? ", " : "", chain->names[i]) < 0)
            return -ENOMEM;
        free(names);
        names = joined;
    }
    return problem_set(&call->problem, PROBLEM_NAME_MISMATCH,
                       "The uploaded leaf is not for %s; it has the names %s.", missing, strempty(names));
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

static void parse(void *data)
{
    UploadCall *call = data;

    call->result =
        upload_parse(call->pem, strlen(call->pem), (int64_t)time(NULL), &call->bundle, &call->problem);
}

static void on_parsed(void *data, void *userdata _unused_)
{
    UploadCall *call = data;
    int r = call->result;

    if (r >= 0)
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
        *call = (UploadCall){ .manager = m, .done = done, .userdata = userdata, .result = -ECANCELED };
    return call;
}

int manager_upload(Manager *m, Certificate *target, const char *pem, UploadDone done, void *userdata,
                   Problem *problem)
{
    _cleanup_(upload_call_freep) UploadCall *call = NULL;
    int r;

    if (strlen(pem) > LIMIT_BUNDLE)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED, "The upload has more than %d bytes.",
                           LIMIT_BUNDLE);
    call = upload_call_new(m, done, userdata);
    if (!call || !(call->pem = strdup(pem)))
        return -ENOMEM;
    if (target && !(call->target = strdup(certificate_name(target))))
        return -ENOMEM;
    r = lifecycle_run(m->lifecycle, false, parse, on_parsed, call);
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
    r = lifecycle_request(m->lifecycle, upload, REQUEST_REMOVE, NULL, NULL, _KEY_TYPE_INVALID,
                          on_upload_removed, call);
    if (r >= 0)
        TAKE_PTR(call);
    return r;
}

int manager_read_chain(Manager *m, Certificate *c, Bundle **ret, Problem *problem)
{
    int r;

    if (!certificate_chain(c))
        return problem_set(problem, PROBLEM_NO_SUCH_CERTIFICATE,
                           "There is no chain for %s yet; try again in a moment.", certificate_name(c));
    r = store_read(m->store, c->record, c->record->served, ret);
    return problem_set_errno(problem, r, "Reading the chain from the store");
}

int manager_read_root(Manager *m, Certificate *c, char **ret, Problem *problem)
{
    _cleanup_bundle_ Bundle *b = NULL;
    int r;

    if (!certificate_is_root(c) && c->record->served != SOURCE_LOCAL && certificate_chain(c))
        return problem_set(
            problem, PROBLEM_NO_SUCH_CERTIFICATE,
            "The chain of %s is not signed by the local root, and the root that it ends in is not known here.",
            certificate_name(c));
    r = manager_read_chain(m, m->root, &b, problem);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(b->leaf);
    return 0;
}
