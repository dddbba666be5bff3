/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "lifecycle/lifecycle-internal.h"
#include "util/log.h"

/* The root's key is loaded when something is to be signed for the first time. */

static void read_root(void *data)
{
    Lifecycle *l = data;
    const Record *rec = l->model->root->record;
    _cleanup_bundle_ Bundle *b = NULL;
    int r = store_read(l->store, rec, rec->served, &b);

    if (r >= 0)
        r = authority_new(b, record_current(rec), clock_now(), &l->root.loaded, &l->root.problem);
    l->root.result = problem_set_errno(&l->root.problem, r, "Reading the local root");
}

static void on_root_loaded(void *data, void *userdata _unused_)
{
    Lifecycle *l = data;
    Certificate *root = l->model->root;
    int r = l->root.result;

    l->root.loading = root->work.busy = false;
    if (r >= 0) {
        authority_unref(l->root.authority);
        l->root.authority = TAKE_PTR(l->root.loaded);
    } else if (r != -ENOMEM && r != -ECANCELED) {
        log_fields(LOG_ERR, MESSAGE_STORE_DAMAGED, ABOUT(certificate_name(root)),
                   "%s Making a new root, which has to be distributed to clients.", l->root.problem.text);
        root->record->slots[root->record->served].broken = true;
    }
    problem_clear(&l->root.problem);
    if (r >= 0)
        lifecycle_settle_all(l);
    lifecycle_settle(l, root);
}

void root_read(Lifecycle *l)
{
    l->root.result = -ECANCELED;
    l->root.loading = l->model->root->work.busy = true;
    if (workers_add(l->workers, read_root, on_root_loaded, l) < 0)
        on_root_loaded(l, NULL);
}

static bool root_is_stored(const Lifecycle *l)
{
    const Slot *slot = record_served(l->model->root->record);

    return slot && !slot->broken;
}

void root_obtain(Lifecycle *l)
{
    if (root_is_stored(l) && !l->model->root->work.busy)
        root_read(l);
    else
        lifecycle_settle(l, l->model->root);
}

bool root_awaits(Lifecycle *l, const Attempt *a)
{
    bool needed = a->plan.work == PLAN_MAKE_ROOT ? root_is_stored(l) : a->plan.source == SOURCE_LOCAL;

    if (!needed || l->root.authority)
        return false;
    root_obtain(l);
    return true;
}

void root_fail_waiting(Lifecycle *l, const Problem *problem)
{
    Certificate *c, *next;

    FOREACH_CERTIFICATE (l->model, c, next)
        if (c->work.waits_for_root)
            requests_answer(c, &c->work.requests, problem);
}

/* ---- a new root, and signing every local chain again */

static void note_root_progress(Lifecycle *l)
{
    const Problem none = {};

    if (l->root.left > 0) {
        lifecycle_note_progress(l, l->model->root,
                                (double)(l->root.total - l->root.left + 1) / (double)(l->root.total + 1),
                                "signing all local chains again");
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

/* A chain that is still signed by the former root remains counted. */
void root_uncount_signed(Lifecycle *l, Certificate *c)
{
    const Slot *slot = record_served(c->record);

    if (!certificate_is_wanted(c) || !slot || c->record->served != SOURCE_LOCAL ||
        record_is_signed_by(c->record, l->model->root->record))
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

void root_adopt(Lifecycle *l, Attempt *a)
{
    if (authority_generation(a->made) != record_current(l->model->root->record))
        return; /* an upload that is not valid yet */
    authority_unref(l->root.authority);
    l->root.authority = TAKE_PTR(a->made);
    /* who asked for a new root waits until all is signed again; who uploaded one does not */
    requests_take(&a->requests, 1U << REQUEST_REISSUE | 1U << REQUEST_RENEW, &l->root.requests);
    log_root(l, a->plan.replacement ? "The local root was replaced by an upload" : "Made a new local root");
    l->root.counting = true;
    lifecycle_settle_all(l);
    l->root.counting = false;
    l->root.total = l->root.left;
    note_root_progress(l);
}

void root_switch(Lifecycle *l)
{
    log_root(l, "Switched to another local root");
    l->root.authority = authority_unref(l->root.authority);
    root_read(l);
}
