/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "lifecycle/lifecycle-internal.h"
#include "util/log.h"

/* The root's key is loaded when something is to be signed for the first time. */

typedef struct RootLoading {
    Lifecycle *lifecycle;
    Authority *authority;
    Problem problem;
    int result;
} RootLoading;

static void read_root(void *data)
{
    RootLoading *loading = data;
    Lifecycle *l = loading->lifecycle;
    const Record *rec = l->model->root->record;
    _cleanup_bundle_ Bundle *b = NULL;

    loading->result = store_read(l->store, rec, rec->served, &b);
    if (loading->result >= 0)
        loading->result =
            authority_new(b, record_current(rec), clock_now(), &loading->authority, &loading->problem);
    problem_set_errno(&loading->problem, loading->result, "Reading the local root");
}

static void on_root_loaded(void *data, void *userdata _unused_)
{
    RootLoading *loading = data;
    Lifecycle *l = loading->lifecycle;

    l->root.loading = false;
    l->model->root->work.busy = false;
    if (loading->result >= 0) {
        authority_unref(l->root.authority);
        l->root.authority = TAKE_PTR(loading->authority);
        lifecycle_settle_all(l);
    } else if (loading->result != -ENOMEM && loading->result != -ECANCELED) {
        log_error("%s A new root is made; clients have to be given the new one.", loading->problem.text);
        l->model->root->record->slots[l->model->root->record->served].broken = true;
    }
    authority_unref(loading->authority);
    problem_clear(&loading->problem);
    free(loading);
    lifecycle_settle(l, l->model->root);
}

void root_read(Lifecycle *l)
{
    RootLoading *loading = calloc(1, sizeof(RootLoading));

    if (!loading) {
        (void)log_oom();
        return;
    }
    loading->lifecycle = l;
    loading->result = -ECANCELED;
    l->root.loading = l->model->root->work.busy = true;
    if (workers_add(l->workers, read_root, on_root_loaded, loading) < 0) {
        loading->result = -ENOMEM;
        on_root_loaded(loading, NULL);
    }
}

static bool root_is_stored(const Lifecycle *l)
{
    const Slot *slot = record_served(l->model->root->record);

    return slot && !slot->broken;
}

/* Sees to it that there is an authority to sign with. */
void root_obtain(Lifecycle *l)
{
    if (root_is_stored(l) && !l->model->root->work.busy)
        root_read(l);
    else
        lifecycle_settle(l, l->model->root);
}

/* Whether the attempt has to wait until there is an authority. */
bool root_awaits(Lifecycle *l, const Attempt *a)
{
    bool needed = a->plan.work == PLAN_MAKE_ROOT ? root_is_stored(l) && !l->root.authority
                                                 : a->plan.source == SOURCE_LOCAL && !l->root.authority;

    if (needed && a->plan.work == PLAN_MAKE_ROOT && !l->model->root->work.busy)
        root_read(l);
    else if (needed && a->plan.work != PLAN_MAKE_ROOT)
        root_obtain(l);
    return needed;
}

void root_fail_waiting(Lifecycle *l, const Problem *problem)
{
    Certificate *c, *next;

    FOREACH_CERTIFICATE (l->model, c, next)
        if (c->work.waits_for_root)
            requests_answer(c, &c->work.requests, problem);
}

/* ---- a new root, and every local chain that is signed again */

static void note_root_progress(Lifecycle *l)
{
    const Problem none = {};

    if (l->root.left > 0) {
        lifecycle_note_progress(l, l->model->root,
                                (double)(l->root.total - l->root.left + 1) / (double)(l->root.total + 1),
                                "signing every local chain again");
        return;
    }
    requests_answer(l->model->root, &l->root.requests, &none);
}

void root_count(Lifecycle *l, Certificate *c)
{
    if (l->root.counting && !c->work.counts_for_root) {
        c->work.counts_for_root = true;
        l->root.left++;
    }
}

void root_uncount(Lifecycle *l, Certificate *c)
{
    if (!c->work.counts_for_root)
        return;
    c->work.counts_for_root = false;
    l->root.left--;
    note_root_progress(l);
}

/* One that has to be signed again still is counted on. */
void root_uncount_signed(Lifecycle *l, Certificate *c)
{
    const Slot *slot = record_served(c->record);

    if (!certificate_is_wanted(c) || !slot || c->record->served != SOURCE_LOCAL ||
        slot->root == record_current(l->model->root->record))
        root_uncount(l, c);
}

static void log_root(const Lifecycle *l, const char *what)
{
    const ChainEntry *root = chain_leaf(certificate_chain(l->model->root));

    log_fields(LOG_NOTICE, MESSAGE_ROOT_MADE,
               (const LogField[]){ { "FINGERPRINT", root->fingerprint },
                                   { "SOURCE", source_to_string(l->model->root->record->served) },
                                   {} },
               "%s, \"%s\", SHA-256 %s.", what, root->subject, root->fingerprint);
}

/* Those who asked for a new root wait until all is signed again; who brought one does not. */
static void keep_waiting(Lifecycle *l, Attempt *a)
{
    requests_take(&a->requests, 1U << REQUEST_REISSUE | 1U << REQUEST_RENEW, &l->root.requests);
}

void root_adopt(Lifecycle *l, Attempt *a)
{
    if (authority_generation(a->made) != record_current(l->model->root->record))
        return; /* uploaded, and not valid yet */
    authority_unref(l->root.authority);
    l->root.authority = TAKE_PTR(a->made);
    keep_waiting(l, a);
    log_root(l, a->plan.replacement ? "There is a new local root, which was uploaded"
                                    : "Made a new local root");
    l->root.counting = true;
    lifecycle_settle_all(l);
    l->root.counting = false;
    l->root.total = l->root.left;
    note_root_progress(l);
}

/* By time alone: an uploaded root has come to its end, or to its beginning. */
void root_switch(Lifecycle *l)
{
    log_root(l, "There is another local root now");
    l->root.authority = authority_unref(l->root.authority);
    root_read(l);
}
