/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "config/settings.h"
#include "core/now.h"
#include "core/schedule.h"
#include "lifecycle/lifecycle-internal.h"
#include "util/log.h"
#include "util/text.h"
#include "util/timer.h"

/* How an attempt is carried out: in a worker, in a group, and in the end in memory. */

#define GROUP_MAX       1024
#define GROUP_WAIT_USEC (20 * USEC_PER_MSEC) /* a slow disk gathers more by itself: one group at a time */
#define ORDERS_FEW      2                    /* while more of them run, what they bring is gathered, too */

void request_answer(Certificate *c, Request *q, RequestResult result, const Problem *problem)
{
    if (q->done)
        q->done(c, result, problem, q->userdata);
    request_free(q);
}

void requests_answer(Certificate *c, struct RequestQueue *requests, const Problem *problem)
{
    RequestResult result = problem->code == PROBLEM_NONE ? RESULT_DONE : RESULT_FAILED;
    Request *q;

    while ((q = STAILQ_FIRST(requests))) {
        STAILQ_REMOVE_HEAD(requests, entry);
        request_answer(c, q, result, problem);
    }
}

void requests_take(struct RequestQueue *requests, unsigned kinds, struct RequestQueue *taken)
{
    struct RequestQueue stay = STAILQ_HEAD_INITIALIZER(stay);
    Request *q;

    while ((q = STAILQ_FIRST(requests))) {
        STAILQ_REMOVE_HEAD(requests, entry);
        if (kinds & 1U << q->kind)
            STAILQ_INSERT_TAIL(taken, q, entry);
        else
            STAILQ_INSERT_TAIL(&stay, q, entry);
    }
    STAILQ_CONCAT(requests, &stay);
}

bool requests_have(const struct RequestQueue *requests, RequestKind kind)
{
    Request *q;

    STAILQ_FOREACH (q, requests, entry)
        if (q->kind == kind)
            return true;
    return false;
}

/* The change is durable. A reissue whose order failed has a chain all the same, but not the one that was asked for. */
static void attempt_answer(Attempt *a)
{
    Certificate *c = a->certificate;
    const Problem none = {};
    Request *q;

    requests_answer(c, &a->refused, &a->order_problem);
    while ((q = STAILQ_FIRST(&a->requests))) {
        bool fallback = q->falls_back && c->record->served == SOURCE_LOCAL;

        STAILQ_REMOVE_HEAD(&a->requests, entry);
        request_answer(c, q, fallback ? RESULT_FALLBACK : RESULT_DONE, fallback ? &a->order_problem : &none);
    }
}

Attempt *attempt_free(Attempt *a)
{
    if (!a)
        return NULL;
    a->lifecycle->n_attempts--;
    record_free(a->after);
    bundle_free(a->bundle);
    record_free(a->upload);
    strv_free(a->names);
    authority_unref(a->authority);
    authority_unref(a->made);
    settings_unref(a->settings);
    store_change_free(a->change);
    problem_clear(&a->problem);
    problem_clear(&a->order_problem);
    free(a);
    return NULL;
}

Attempt *attempt_new(Lifecycle *l, Certificate *c, const char *event)
{
    Attempt *a = calloc(1, sizeof(Attempt));

    if (!a)
        return NULL;
    *a = (Attempt){
        .lifecycle = l,
        .certificate = c,
        .settings = settings_ref(l->settings),
        .event = event,
        .source = _SOURCE_INVALID,
        .result = -ECANCELED,
    };
    STAILQ_INIT(&a->requests);
    STAILQ_INIT(&a->refused);
    l->n_attempts++;
    a->after = record_copy(c->record);
    return a->after ? a : attempt_free(a);
}

/* In a worker: obtain, choose, stage. */

static int obtain(Attempt *a, Bundle **ret)
{
    int r = 0;

    if (a->makes_root) {
        if (a->replacement) {
            *ret = TAKE_PTR(a->replacement->bundle);
            r = authority_bridge(*ret, a->authority, a->root.now, &a->problem);
        } else
            r = authority_make_root(&a->root, a->authority, a->keeps_name, ret, &a->problem);
        if (r >= 0)
            r = authority_new(*ret, a->after->last_generation + 1, a->root.now, &a->made, &a->problem);
    } else if (a->bundle)
        *ret = TAKE_PTR(a->bundle);
    else if (a->source >= 0)
        r = source_ops(a->source)->obtain(&a->request, ret, &a->problem);
    return r;
}

static void choose_served(Record *rec, const Record *before, char *const *names, int64_t now)
{
    Candidate candidates[_SOURCE_MAX];
    Choice choice;

    record_candidates(rec, candidates);
    choice = choose(candidates, rec->kind == RECORD_CERTIFICATE ? names : NULL, now);
    /* An upload that cannot be served yet, or no more, is kept all the same; what has no successor goes on. */
    if (choice.source < 0)
        choice.source = rec->kind == RECORD_UPLOAD ? SOURCE_UPLOADED : rec->served;
    if (choice.source >= 0 && !rec->slots[choice.source].chain)
        choice.source = _SOURCE_INVALID;
    record_serve(rec, choice.source, record_current(before));
}

static void attempt_run(void *data)
{
    Attempt *a = data;
    Lifecycle *l = a->lifecycle;
    const Record *before = a->certificate->record;
    Bundle *b = NULL;

    a->result = obtain(a, &b);
    if (a->result < 0) {
        bundle_free(b);
        problem_set_errno(&a->problem, a->result, "Obtaining a chain");
        return;
    }
    a->result = store_change_new(a->certificate->stored ? before : NULL,
                                 a->removes ? NULL : TAKE_PTR(a->after), a->source, b, a->event, &a->change);
    if (a->result >= 0 && !a->removes) {
        choose_served(a->change->record, before, a->names, a->request.now);
        if (!a->change->record->order_failed || (a->source >= 0 && a->source != SOURCE_LOCAL))
            record_clear_failure(a->change->record);
        if (a->ordered)
            a->change->record->order_after =
                schedule_first_order(a->change->record->slots[SOURCE_ACME].chain, a->request.now);
        store_change_finish(a->change, a->certificate->stored ? before : NULL);
    }
    if (a->result >= 0)
        a->result = store_stage(l->store, a->change);
    problem_set_errno(&a->problem, a->result, "Writing to the store");
}

/* In the event loop: gather, commit, apply. */

static void note_root_progress(Lifecycle *l)
{
    const Problem none = {};

    if (l->root_left > 0) {
        l->observer->progress(l->root,
                              (double)(l->root_total - l->root_left + 1) / (double)(l->root_total + 1),
                              "signing every local chain again", l->userdata);
        return;
    }
    requests_answer(l->root, &l->root_requests, &none);
}

void lifecycle_count_for_root(Lifecycle *l, Certificate *c)
{
    if (l->counting_for_root && !c->counts_for_root_job) {
        c->counts_for_root_job = true;
        l->root_left++;
    }
}

void lifecycle_uncount_for_root(Lifecycle *l, Certificate *c)
{
    if (!c->counts_for_root_job)
        return;
    c->counts_for_root_job = false;
    l->root_left--;
    note_root_progress(l);
}

/* One that has to be signed again still is counted on. */
static void uncount_signed(Lifecycle *l, Certificate *c)
{
    const Slot *slot = record_served(c->record);

    if (!certificate_is_wanted(c) || !slot || c->record->served != SOURCE_LOCAL ||
        slot->root == record_current(l->root->record))
        lifecycle_uncount_for_root(l, c);
}

static void log_root(const Lifecycle *l, const char *what)
{
    const ChainEntry *root = chain_leaf(certificate_chain(l->root));

    log_fields(LOG_NOTICE, MESSAGE_ROOT_MADE,
               (const LogField[]){ { "FINGERPRINT", root->fingerprint },
                                   { "SOURCE", source_to_string(l->root->record->served) },
                                   {} },
               "%s, \"%s\", SHA-256 %s.", what, root->subject, root->fingerprint);
}

/* Those who asked for a new root wait until all is signed again; who brought one does not. */
static void keep_waiting(Lifecycle *l, Attempt *a)
{
    requests_take(&a->requests, 1U << REQUEST_REISSUE | 1U << REQUEST_RENEW, &l->root_requests);
}

static void adopt_root(Lifecycle *l, Attempt *a)
{
    if (authority_generation(a->made) != record_current(l->root->record))
        return; /* uploaded, and not valid yet */
    authority_unref(l->authority);
    l->authority = TAKE_PTR(a->made);
    keep_waiting(l, a);
    log_root(l, a->replacement ? "There is a new local root, which was uploaded" : "Made a new local root");
    l->counting_for_root = true;
    l->observer->root_changed(l->userdata);
    l->counting_for_root = false;
    l->root_total = l->root_left;
    note_root_progress(l);
}

/* By time alone: an uploaded root has come to its end, or to its beginning. */
static void switch_root(Lifecycle *l)
{
    log_root(l, "There is another local root now");
    l->authority = authority_unref(l->authority);
    lifecycle_load_root(l);
}

static void attempt_apply(Lifecycle *l, Attempt *a)
{
    Certificate *c = a->certificate;
    const Problem none = {};
    char previous[65] = "";
    unsigned changed = CHANGED_MODULES | CHANGED_NAMES | CHANGED_FAILURE;

    c->busy = false;
    if (l->acme && (a->ordered || a->removes))
        acme_source_forget(l->acme, certificate_name(c));
    if (a->removes) {
        c->stored = false;
        lifecycle_uncount_for_root(l, c);
        requests_answer(c, &a->requests, &none);
        l->observer->removed(c, l->userdata);
        return;
    }
    if (certificate_chain(c))
        strcpy(previous, chain_leaf(certificate_chain(c))->fingerprint);
    if (a->change->switches || a->change->bundle)
        changed |= CHANGED_CHAIN;
    record_free(c->record);
    c->record = TAKE_PTR(a->change->record);
    c->stored = true;
    (void)lifecycle_refresh_window(l, c);
    if (c->record->kind == RECORD_CERTIFICATE)
        c->stance = lifecycle_stance(l, c); /* who uses it may have another mind now */
    l->observer->applied(c, changed, previous, l->userdata);
    if (a->warns && c->record->warned > 0) /* it may have been left for another chain at the same time */
        l->observer->warned(c, l->userdata);
    if (a->makes_root)
        adopt_root(l, a);
    else if (certificate_is_root(c) && (changed & CHANGED_CHAIN))
        switch_root(l);
    attempt_answer(a);
    uncount_signed(l, c);
}

/* After the switch had begun, the files alone know how far it came; and a look at them puts aside what is in the way. */
static bool files_may_differ(const Attempt *a)
{
    return a->change && (a->committed || a->result == -EISDIR || a->result == -ENOTDIR ||
                         a->result == -ELOOP || a->result == -EEXIST || a->result == -ENOENT);
}

void attempt_fail(Attempt *a)
{
    Lifecycle *l = a->lifecycle;
    Certificate *c = a->certificate;
    Record *fresh = NULL;

    c->busy = false;
    if (files_may_differ(a) && store_reload(l->store, c->record->kind, certificate_name(c), &fresh) >= 0 &&
        c->stored) {
        record_free(c->record);
        c->record = TAKE_PTR(fresh);
    }
    record_free(fresh);
    record_set_failure(c->record, &a->problem, clock_now());
    l->observer->failed(c, &a->problem, l->userdata);
    requests_answer(c, &a->refused, &a->order_problem);
    requests_answer(c, &a->requests, &a->problem);
    lifecycle_uncount_for_root(l, c);
    if (certificate_is_root(c))
        l->observer->root_failed(&a->problem, l->userdata);
    if (a->problem.code == PROBLEM_STORAGE_FAILED || a->problem.code == PROBLEM_INTERNAL)
        lifecycle_arm_retry(l);
}

static void attempt_end(Lifecycle *l, Attempt *a)
{
    Certificate *c = a->certificate;
    bool succeeded = a->result >= 0, removed = a->removes && succeeded, again;

    if (succeeded)
        attempt_apply(l, a);
    else
        attempt_fail(a);
    attempt_free(a);
    if (removed)
        return;
    again = c->again || (succeeded && lifecycle_order_is_left(c)) ||
            (succeeded && clock_is_trusted() && certificate_warning_due(c, clock_now()) > 0);
    c->again = false;
    if (again || !STAILQ_EMPTY(&c->requests))
        lifecycle_settle(l, c);
    else if (succeeded)
        lifecycle_maybe_order(l, c);
    l->observer->settled(c, l->userdata);
}

static void group_commit(void *data)
{
    Lifecycle *l = data;
    StoreChange **changes = calloc(l->n_group, sizeof(StoreChange *));

    for (size_t i = 0; changes && i < l->n_group; i++) {
        changes[i] = l->group[i]->change;
        l->group[i]->committed = true;
    }
    if (changes)
        (void)store_commit(l->store, changes, l->n_group);
    free(changes);
}

static void on_group_committed(void *data, void *userdata _unused_)
{
    Lifecycle *l = data;
    Attempt **group = TAKE_PTR(l->group);
    size_t n = l->n_group;

    l->n_group = 0;
    for (size_t i = 0; i < n; i++) {
        group[i]->result = group[i]->committed ? group[i]->change->result : -ECANCELED;
        if (!group[i]->committed)
            store_discard(l->store, group[i]->change);
        problem_set_errno(&group[i]->problem, group[i]->result, "Writing to the store");
        attempt_end(l, group[i]);
    }
    store_applied(l->store);
    free(group);
    lifecycle_maybe_commit(l);
}

static void start_group(Lifecycle *l)
{
    Attempt *a;

    l->group = calloc(MIN(l->n_staged, (size_t)GROUP_MAX), sizeof(Attempt *));
    if (!l->group) {
        (void)log_oom();
        return;
    }
    while (l->n_group < GROUP_MAX && (a = STAILQ_FIRST(&l->staged))) {
        STAILQ_REMOVE_HEAD(&l->staged, entry);
        l->group[l->n_group++] = a;
        l->n_staged--;
    }
    l->staged_since = loop_now(l->event, CLOCK_MONOTONIC);
    if (workers_add(l->disk, group_commit, on_group_committed, l) < 0)
        (void)log_oom();
}

void lifecycle_maybe_commit(Lifecycle *l)
{
    uint64_t due = l->staged_since + GROUP_WAIT_USEC;

    if (l->group || l->n_staged == 0 || l->stopping)
        return;
    if ((l->n_staging == 0 && acme_source_running(l->acme) <= ORDERS_FEW) || l->n_staged >= GROUP_MAX ||
        loop_now(l->event, CLOCK_MONOTONIC) >= due) {
        start_group(l);
        return;
    }
    (void)timer_arm_at(l->group_timer, due);
}

static void attempt_staged(void *data, void *userdata _unused_)
{
    Attempt *a = data;
    Lifecycle *l = a->lifecycle;

    l->n_staging--;
    problem_set_errno(&a->problem, a->result, "Making the change");
    if (a->result < 0)
        attempt_end(l, a);
    else {
        if (l->n_staged++ == 0)
            l->staged_since = loop_now(l->event, CLOCK_MONOTONIC);
        STAILQ_INSERT_TAIL(&l->staged, a, entry);
    }
    lifecycle_maybe_commit(l);
}

static const char *describe(const Attempt *a)
{
    if (a->bundle)
        return "storing the chain";
    return a->source >= 0 && !a->makes_root ? source_ops(a->source)->doing : "working";
}

void attempt_start(Attempt *a)
{
    Lifecycle *l = a->lifecycle;
    Certificate *c = a->certificate;
    int r;

    c->busy = true;
    if (c->job)
        l->observer->progress(c, a->bundle ? 0.95 : 0.1, describe(a), l->userdata);
    l->n_staging++;
    r = workers_add(l->workers, attempt_run, attempt_staged, a);
    if (r < 0) {
        a->result = problem_set_errno(&a->problem, r, "Starting the work");
        attempt_staged(a, NULL);
    }
}
