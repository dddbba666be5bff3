/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "config/settings.h"
#include "core/now.h"
#include "core/schedule.h"
#include "lifecycle/lifecycle-internal.h"
#include "util/text.h"

/* Plans an attempt, carries it out in a worker, and applies its change. */

void attempt_answer(Attempt *a, const Problem *problem)
{
    Certificate *c = a->certificate;
    const Problem none = {};
    Request *q;

    requests_answer(c, &a->refused, &a->plan.order_problem);
    if (problem)
        requests_answer(c, &a->requests, problem);
    while ((q = STAILQ_FIRST(&a->requests))) {
        bool fallback = q->falls_back && c->record->served == SOURCE_LOCAL;

        STAILQ_REMOVE_HEAD(&a->requests, entry);
        request_answer(c, q, fallback ? RESULT_FALLBACK : RESULT_DONE,
                       fallback ? &a->plan.order_problem : &none);
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
    problem_clear(&a->plan.order_problem);
    free(a);
    return NULL;
}

Attempt *attempt_new(Lifecycle *l, Certificate *c)
{
    Attempt *a = calloc(1, sizeof(Attempt));

    if (!a)
        return NULL;
    *a = (Attempt){
        .lifecycle = l,
        .certificate = c,
        .settings = settings_ref(l->settings),
        .plan.source = _SOURCE_INVALID,
        .result = -ECANCELED,
    };
    STAILQ_INIT(&a->requests);
    STAILQ_INIT(&a->refused);
    l->n_attempts++;
    a->after = record_copy(c->record);
    return a->after ? a : attempt_free(a);
}

/* ---- planning */

/* Returns a negative errno, or whether the record changes. */
static int apply_registrations(Attempt *a)
{
    Request *q;
    int dirty = 0, r;

    STAILQ_FOREACH (q, &a->requests, entry)
        if (q->kind == REQUEST_REGISTER) {
            RegistrationRequest wish = registration_request(&q->registration);

            r = record_register(a->after, &wish);
            if (r < 0)
                return r;
            dirty = 1;
        } else if (q->kind == REQUEST_UNREGISTER)
            dirty |= record_unregister(a->after, q->registration.module);
    return dirty;
}

static int prepare_names(Attempt *a)
{
    Certificate *c = a->certificate;
    bool changed;
    int r = certificate_update_names(c, a->after, &changed);

    return r < 0 && r != -E2BIG ? r : strv_copy(c->names, &a->names);
}

void attempt_fill_leaf(Attempt *a, int64_t now)
{
    a->leaf = (LeafTemplate){
        .names = a->names,
        .key_type = certificate_key_type(a->certificate, a->after, a->settings->key_type),
        .purposes = a->certificate->wish.purposes,
        .lifetime = a->settings->leaf_lifetime,
        .now = now,
    };
}

static int fill_root(Attempt *a, int64_t now)
{
    const Settings *s = a->settings;

    a->root.now = now;
    if (a->plan.replacement)
        return 0;
    if (gethostname(a->host, sizeof(a->host)) < 0)
        return -errno;
    a->host[sizeof(a->host) - 1] = 0;
    a->root = (RootTemplate){
        .key_type = s->root_key_type,
        .lifetime = s->root_lifetime,
        .host = a->host,
        .organization = s->organization,
        .constraints = s->constraints,
        .now = now,
    };
    return 0;
}

static int fill(Attempt *a, const PlanFacts *facts)
{
    Lifecycle *l = a->lifecycle;

    attempt_conclude_order(a, facts);
    a->certificate->work.again |= a->plan.again;
    if (l->root.authority && (a->plan.work == PLAN_MAKE_ROOT || a->plan.source == SOURCE_LOCAL))
        a->authority = authority_ref(l->root.authority);
    if (a->plan.work == PLAN_MAKE_ROOT)
        return fill_root(a, facts->now);
    if (a->plan.source == SOURCE_UPLOADED && !(a->upload = record_copy(facts->upload)))
        return -ENOMEM;
    return 0;
}

int attempt_plan(Attempt *a)
{
    Certificate *c = a->certificate, *upload = NULL;
    const Lifecycle *l = a->lifecycle;
    OrderingOutcome order;
    PlanFacts facts = {
        .record = c->record,
        .requests = &a->requests,
        .stored = c->stored,
        .eligibility = c->order.eligibility,
        .root = l->model->root->record,
        .now = clock_now(),
    };
    bool leaf = c->record->kind == RECORD_CERTIFICATE;
    int changed = leaf ? apply_registrations(a) : 0, r = MIN(changed, 0);

    facts.warning_due = c->record->kind == RECORD_UPLOAD ? 0 : certificate_warning_due(c, facts.now);
    facts.wanted = leaf && (c->wish.modules || a->after->n_registrations > 0);
    if (r >= 0 && facts.wanted)
        r = prepare_names(a);
    if (r < 0)
        return r;
    attempt_fill_leaf(a, facts.now);
    facts.names = a->names;
    facts.key_type = a->leaf.key_type;
    facts.purposes = a->leaf.purposes;
    facts.order = lifecycle_order_outcome(c, &order);
    if (facts.wanted)
        upload = model_choose_upload(l->model, c, facts.now);
    facts.upload = upload ? upload->record : NULL;
    r = plan(&facts, a->after, changed, &a->plan);
    if (r >= 0)
        r = fill(a, &facts);
    return r < 0 ? r : a->plan.work != PLAN_NOTHING;
}

/* ---- in a worker: obtain, choose, stage */

static int read_upload(Attempt *a, Bundle **ret)
{
    int r = store_read(a->lifecycle->store, a->upload, SOURCE_UPLOADED, ret);

    if (r < 0)
        problem_set(&a->problem, PROBLEM_STORAGE_FAILED,
                    "The uploaded chain %s cannot be read from the store; remove it and upload it again.",
                    a->upload->name);
    return r;
}

static int obtain(Attempt *a, Bundle **ret)
{
    int r = 0;

    if (a->plan.work == PLAN_MAKE_ROOT) {
        if (a->plan.replacement) {
            *ret = TAKE_PTR(a->plan.replacement->bundle);
            r = authority_bridge(*ret, a->authority, a->root.now, &a->problem);
        } else
            r = authority_make_root(&a->root, a->authority, a->plan.keeps_name, ret, &a->problem);
        if (r >= 0)
            r = authority_new(*ret, record_next(a->after), a->root.now, &a->made, &a->problem);
    } else if (a->bundle)
        *ret = TAKE_PTR(a->bundle);
    else if (a->plan.source == SOURCE_LOCAL)
        r = authority_issue(a->authority, &a->leaf, ret, &a->problem);
    else if (a->plan.source == SOURCE_UPLOADED)
        r = read_upload(a, ret);
    return r;
}

static void choose_served(Record *rec, const Record *before, char *const *names, int64_t now)
{
    Candidate candidates[_SOURCE_MAX];
    Choice choice;

    record_candidates(rec, candidates);
    choice = choose(candidates, rec->kind == RECORD_CERTIFICATE ? names : NULL, now);
    /* an upload is kept even if unusable; without a usable chain, the current one stays */
    if (choice.source < 0)
        choice.source = rec->kind == RECORD_UPLOAD ? SOURCE_UPLOADED : rec->served;
    if (choice.source >= 0 && !rec->slots[choice.source].chain)
        choice.source = _SOURCE_INVALID;
    record_serve(rec, choice.source, before);
}

static void attempt_run(void *data)
{
    static const char *const events[_RECORD_KIND_MAX] = {
        [RECORD_CERTIFICATE] = "change", [RECORD_ROOT] = "root", [RECORD_UPLOAD] = "uploaded"
    };
    Attempt *a = data;
    Lifecycle *l = a->lifecycle;
    const Record *before = a->certificate->record;
    RecordKind event = a->plan.work == PLAN_REMOVE ? RECORD_CERTIFICATE : before->kind;
    Bundle *b = NULL;

    a->result = obtain(a, &b);
    if (a->result < 0) {
        bundle_free(b);
        problem_set_errno(&a->problem, a->result, "Obtaining a chain");
        return;
    }
    a->result = store_change_new(a->certificate->stored ? before : NULL,
                                 a->plan.work == PLAN_REMOVE ? NULL : TAKE_PTR(a->after), a->plan.source, b,
                                 events[event], &a->change);
    if (a->result >= 0 && a->plan.work != PLAN_REMOVE) {
        choose_served(a->change->record, before, a->names, a->leaf.now);
        if (!a->change->record->order_failed || (a->plan.source >= 0 && a->plan.source != SOURCE_LOCAL))
            record_clear_failure(a->change->record);
        if (a->plan.order == PLAN_ORDER_TAKE)
            a->change->record->order_after =
                schedule_first_order(a->change->record->slots[SOURCE_ACME].chain, a->leaf.now);
    }
    if (a->result >= 0)
        a->result = store_stage(l->store, a->change);
    problem_set_errno(&a->problem, a->result, "Writing to the store");
}

/* ---- in the event loop: apply */

void lifecycle_note_progress(Lifecycle *l, Certificate *c, double progress, const char *step)
{
    if (c->job)
        model_job_progress(l->model, c->job, progress, step);
}

static void attempt_apply(Lifecycle *l, Attempt *a)
{
    Certificate *c = a->certificate;
    char previous[65] = "";
    unsigned changed = CHANGED_MODULES | CHANGED_NAMES | CHANGED_FAILURE;

    c->work.busy = false;
    if (l->orders && (a->plan.order == PLAN_ORDER_TAKE || a->plan.work == PLAN_REMOVE))
        orders_forget(l->orders, certificate_name(c));
    if (a->plan.work == PLAN_REMOVE) {
        c->stored = false;
        root_uncount(l, c);
        attempt_answer(a, NULL);
        l->observer->removed(c, l->userdata);
        return;
    }
    if (certificate_chain(c))
        strcpy(previous, chain_leaf(certificate_chain(c))->fingerprint);
    if (store_change_concerns_chain(a->change))
        changed |= CHANGED_CHAIN;
    record_free(c->record);
    c->record = TAKE_PTR(a->change->record);
    c->stored = true;
    lifecycle_refresh_order(l, c); /* registrations may have changed the eligibility */
    l->observer->applied(c, changed, previous, l->userdata);
    if (a->plan.warns && c->record->warned > 0) /* 0: another chain is served now */
        l->observer->warned(c, l->userdata);
    if (a->plan.work == PLAN_MAKE_ROOT)
        root_adopt(l, a);
    else if (certificate_is_root(c) && (changed & CHANGED_CHAIN))
        root_switch(l);
    attempt_answer(a, NULL);
    root_uncount_signed(l, c);
}

void attempt_fail(Attempt *a)
{
    Lifecycle *l = a->lifecycle;
    Certificate *c = a->certificate;
    Record *fresh = NULL;

    c->work.busy = false;
    if (a->change && a->change->doubtful &&
        store_reload(l->store, c->record->kind, certificate_name(c), c->record, &fresh) >= 0 && c->stored) {
        record_free(c->record);
        c->record = TAKE_PTR(fresh);
    }
    record_free(fresh);
    record_set_failure(c->record, &a->problem, clock_now());
    l->observer->failed(c, &a->problem, l->userdata);
    attempt_answer(a, &a->problem);
    root_uncount(l, c);
    if (certificate_is_root(c))
        root_fail_waiting(l, &a->problem);
    if (a->problem.code == PROBLEM_STORAGE_FAILED || a->problem.code == PROBLEM_INTERNAL)
        lifecycle_arm_retry(l);
}

void attempt_end(Lifecycle *l, Attempt *a)
{
    Certificate *c = a->certificate;
    bool succeeded = a->result >= 0, removed = a->plan.work == PLAN_REMOVE && succeeded, again;

    lifecycle_set_beginning(l, c, false);
    if (succeeded)
        attempt_apply(l, a);
    else
        attempt_fail(a);
    attempt_free(a);
    if (removed)
        return;
    again = c->work.again || (succeeded && lifecycle_order_is_left(c)) ||
            (succeeded && clock_is_trusted() && certificate_warning_due(c, clock_now()) > 0);
    c->work.again = false;
    if (again || !STAILQ_EMPTY(&c->work.requests))
        lifecycle_settle(l, c);
    else if (succeeded)
        lifecycle_maybe_order(l, c);
    l->observer->settled(c, l->userdata);
}

static void attempt_staged(void *data, void *userdata _unused_)
{
    Attempt *a = data;
    Lifecycle *l = a->lifecycle;

    l->group.n_staging--;
    problem_set_errno(&a->problem, a->result, "Making the change");
    if (a->result < 0)
        attempt_end(l, a);
    else
        group_add(l, a);
    group_maybe_commit(l);
}

static const char *describe(const Attempt *a)
{
    if (a->bundle)
        return "storing the chain";
    if (a->plan.work == PLAN_MAKE_ROOT || a->plan.source < 0)
        return "working";
    return a->plan.source == SOURCE_LOCAL ? "making a key and signing with the local root"
                                          : "taking over the uploaded chain";
}

void attempt_start(Attempt *a)
{
    Lifecycle *l = a->lifecycle;
    Certificate *c = a->certificate;
    int r;

    c->work.busy = true;
    lifecycle_note_progress(l, c, a->bundle ? 0.95 : 0.1, describe(a));
    l->group.n_staging++;
    r = workers_add(l->workers, attempt_run, attempt_staged, a);
    if (r < 0) {
        a->result = problem_set_errno(&a->problem, r, "Starting the work");
        attempt_staged(a, NULL);
    }
}
