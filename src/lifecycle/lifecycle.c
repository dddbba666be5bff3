/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lifecycle/lifecycle.h"

#include <errno.h>
#include <sched.h>

#include "config/settings.h"
#include "core/now.h"
#include "lifecycle/lifecycle-internal.h"
#include "util/log.h"
#include "util/text.h"
#include "util/timer.h"

#define RETRY_USEC  (30 * USEC_PER_SEC) /* after a failure, while a certificate has no chain */
#define WORKERS_MIN 2
#define WORKERS_MAX 8

/* The root's key is loaded when something is to be signed for the first time. */

typedef struct RootLoading {
    Lifecycle *lifecycle;
    Authority *authority;
    Problem problem;
    int result;
} RootLoading;

static void root_load(void *data)
{
    RootLoading *loading = data;
    Lifecycle *l = loading->lifecycle;
    const Record *rec = l->root->record;
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

    l->loading_root = false;
    l->root->busy = false;
    if (loading->result >= 0) {
        authority_unref(l->authority);
        l->authority = TAKE_PTR(loading->authority);
        l->observer->root_changed(l->userdata);
    } else if (loading->result != -ENOMEM && loading->result != -ECANCELED) {
        log_error("%s A new root is made; clients have to be given the new one.", loading->problem.text);
        l->root->record->slots[l->root->record->served].broken = true;
    }
    authority_unref(loading->authority);
    problem_clear(&loading->problem);
    free(loading);
    lifecycle_settle(l, l->root);
}

void lifecycle_load_root(Lifecycle *l)
{
    RootLoading *loading = calloc(1, sizeof(RootLoading));

    if (!loading) {
        (void)log_oom();
        return;
    }
    loading->lifecycle = l;
    loading->result = -ECANCELED;
    l->loading_root = l->root->busy = true;
    if (workers_add(l->workers, root_load, on_root_loaded, loading) < 0) {
        loading->result = -ENOMEM;
        on_root_loaded(loading, NULL);
    }
}

static bool root_is_stored(const Lifecycle *l)
{
    const Slot *slot = record_served(l->root->record);

    return slot && !slot->broken;
}

/* Sees to it that there is an authority to sign with. */
static void obtain_authority(Lifecycle *l)
{
    if (root_is_stored(l) && !l->root->busy)
        lifecycle_load_root(l);
    else
        lifecycle_settle(l, l->root);
}

/* Whether the attempt has to wait until there is an authority. */
static bool wait_for_root(Lifecycle *l, const Attempt *a)
{
    bool needed =
        a->makes_root ? root_is_stored(l) && !l->authority : a->source == SOURCE_LOCAL && !l->authority;

    if (needed && a->makes_root && !l->root->busy)
        lifecycle_load_root(l);
    else if (needed && !a->makes_root)
        obtain_authority(l);
    return needed;
}

void lifecycle_settle(Lifecycle *l, Certificate *c)
{
    const Problem none = {};
    bool order_failed = false;
    Attempt *a;
    int r;

    if (l->stopping)
        return;
    if (c->busy) {
        lifecycle_count_for_root(l, c);
        c->again = true;
        return;
    }
    if (c->record->kind == RECORD_CERTIFICATE)
        lifecycle_divert_to_order(l, c);
    if (!l->authority &&
        lifecycle_may_fall_back(c)) { /* what came of the order is planned once, and not put back */
        c->waits_for_root = true;
        obtain_authority(l);
        return;
    }
    a = attempt_new(l, c, certificate_is_root(c) ? "root" : "change");
    if (!a) {
        (void)log_oom();
        return;
    }
    STAILQ_CONCAT(&a->requests, &c->requests);
    r = attempt_plan(a);
    if (r > 0 && wait_for_root(l, a)) {
        STAILQ_CONCAT(&c->requests, &a->requests);
        c->waits_for_root = true;
        attempt_free(a);
        return;
    }
    c->waits_for_root = false;
    if (r > 0) {
        lifecycle_count_for_root(l, c);
        attempt_start(a);
        return;
    }
    if (r < 0) {
        a->result = problem_set_errno(&a->problem, r, "Planning the change");
        attempt_fail(a);
    } else {
        order_failed = a->order_problem.code != PROBLEM_NONE;
        requests_answer(c, &a->refused, &a->order_problem);
        requests_answer(c, &a->requests, &none);
    }
    attempt_free(a);
    lifecycle_uncount_for_root(l, c);
    if (order_failed)
        l->observer->settled(c, l->userdata);
    else if (r == 0)
        lifecycle_maybe_order(l, c);
}

int lifecycle_request(Lifecycle *l, Certificate *c, RequestKind kind, const RegistrationWish *registration,
                      RequestDone done, void *userdata)
{
    _cleanup_(request_freep) Request *q = calloc(1, sizeof(Request));

    if (!q || l->stopping)
        return q ? -ECANCELED : -ENOMEM;
    *q = (Request){ .kind = kind, .done = done, .userdata = userdata };
    if (registration && registration_set(&q->registration, registration) < 0)
        return -ENOMEM;
    STAILQ_INSERT_TAIL(&c->requests, q, entry);
    TAKE_PTR(q);
    lifecycle_settle(l, c);
    return 0;
}

int lifecycle_reissue(Lifecycle *l, Certificate *c, const RequestOptions *options, RequestDone done,
                      void *userdata)
{
    Request *q = l->stopping ? NULL : calloc(1, sizeof(Request));

    if (!q)
        return l->stopping ? -ECANCELED : -ENOMEM;
    *q = (Request){ .kind = REQUEST_REISSUE, .options = *options, .done = done, .userdata = userdata };
    STAILQ_INSERT_TAIL(&c->requests, q, entry);
    lifecycle_settle(l, c);
    return 0;
}

void lifecycle_fail_waiting(Lifecycle *l _unused_, Certificate *c, const Problem *problem)
{
    if (c->waits_for_root)
        requests_answer(c, &c->requests, problem);
}

bool lifecycle_cancel(Lifecycle *l _unused_, Certificate *c, RequestDone done, void *userdata)
{
    Request *q;

    STAILQ_FOREACH (q, &c->requests, entry)
        if (q->done == done && q->userdata == userdata) {
            STAILQ_REMOVE(&c->requests, q, Request, entry);
            request_free(q);
            return true;
        }
    return lifecycle_cancel_order(c, done, userdata);
}

int lifecycle_add_upload(Lifecycle *l, Certificate *upload, uint64_t number, Bundle *bundle,
                         RequestDone done, void *userdata)
{
    Attempt *a = attempt_new(l, upload, "uploaded");
    Request *q = calloc(1, sizeof(Request));

    if (!a || !q || l->stopping) {
        attempt_free(a);
        free(q);
        bundle_free(bundle);
        return l->stopping ? -ECANCELED : -ENOMEM;
    }
    *q = (Request){ .kind = REQUEST_SETTLE, .done = done, .userdata = userdata };
    STAILQ_INSERT_TAIL(&a->requests, q, entry);
    a->after->uploaded = number;
    a->source = bundle ? SOURCE_UPLOADED : _SOURCE_INVALID;
    a->bundle = bundle;
    attempt_fill_request(a, clock_now());
    attempt_start(a);
    return 0;
}

int lifecycle_replace_root(Lifecycle *l, Bundle *bundle, RequestDone done, void *userdata)
{
    Request *q = calloc(1, sizeof(Request));

    if (!q || l->stopping) {
        free(q);
        bundle_free(bundle);
        return l->stopping ? -ECANCELED : -ENOMEM;
    }
    *q = (Request){ .kind = REQUEST_REPLACE, .bundle = bundle, .done = done, .userdata = userdata };
    STAILQ_INSERT_TAIL(&l->root->requests, q, entry);
    lifecycle_settle(l, l->root);
    return 0;
}

size_t lifecycle_busy(const Lifecycle *l)
{
    return l->n_attempts + (l->acme ? acme_source_busy(l->acme) : 0) + (l->loading_root ? 1 : 0) +
           workers_pending(l->disk) + workers_pending(l->workers);
}

int lifecycle_run(Lifecycle *l, bool disk, void (*run)(void *), void (*done)(void *, void *), void *data)
{
    if (l->stopping)
        return -ECANCELED;
    return workers_add(disk ? l->disk : l->workers, run, done, data);
}

static int on_group_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    lifecycle_maybe_commit(userdata);
    return 0;
}

static int on_retry(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Lifecycle *l = userdata;

    l->observer->root_changed(l->userdata);
    return 0;
}

void lifecycle_arm_retry(Lifecycle *l)
{
    if (!timer_is_armed(l->retry_timer))
        (void)timer_arm(l->retry_timer, RETRY_USEC);
}

static unsigned count_workers(void)
{
    cpu_set_t set;
    int n;

    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return WORKERS_MIN;
    n = CPU_COUNT(&set);
    return (unsigned)MAX(WORKERS_MIN, MIN(n, WORKERS_MAX));
}

static void on_back(const char *authority, void *userdata)
{
    Lifecycle *l = userdata;

    if (!l->stopping)
        l->observer->orders_back(authority, l->userdata);
}

int lifecycle_new(sd_event *event, Store *store, const LifecycleObserver *observer, void *userdata,
                  Lifecycle **ret)
{
    _cleanup_(lifecycle_freep) Lifecycle *l = calloc(1, sizeof(Lifecycle));
    int r;

    if (!l)
        return -ENOMEM;
    *l = (Lifecycle){ .store = store, .observer = observer, .userdata = userdata };
    l->event = sd_event_ref(event);
    STAILQ_INIT(&l->staged);
    STAILQ_INIT(&l->root_requests);
    if ((r = workers_new(event, "work", count_workers(), userdata, &l->workers)) < 0 ||
        (r = acme_source_new(event, store, on_back, l, &l->acme)) < 0 ||
        (r = workers_new(event, "disk", 1, userdata, &l->disk)) < 0 ||
        (r = timer_add(event, &l->group_timer, CLOCK_MONOTONIC, 1, on_group_timer, l)) < 0 ||
        (r = timer_add(event, &l->retry_timer, CLOCK_MONOTONIC, 1, on_retry, l)) < 0)
        return r;
    *ret = TAKE_PTR(l);
    return 0;
}

static void give_up_staged(Lifecycle *l)
{
    Problem cancelled = {};
    Attempt *a;

    problem_set(&cancelled, PROBLEM_CANCELLED, "The service stops.");
    while ((a = STAILQ_FIRST(&l->staged))) {
        Certificate *c = a->certificate;

        STAILQ_REMOVE_HEAD(&l->staged, entry);
        c->busy = false;
        store_discard(l->store, a->change);
        requests_answer(c, &a->refused, &a->order_problem);
        requests_answer(c, &a->requests, &cancelled);
        attempt_free(a);
        l->observer->settled(c, l->userdata);
    }
    requests_answer(l->root, &l->root_requests, &cancelled);
    problem_clear(&cancelled);
}

void lifecycle_stop(Lifecycle *l)
{
    l->stopping = true;
    l->acme = acme_source_free(l->acme);
    if (l->workers)
        workers_free(TAKE_PTR(l->workers));
    if (l->disk)
        workers_free(TAKE_PTR(l->disk));
    if (l->root)
        give_up_staged(l);
}

void lifecycle_give_up(Lifecycle *l _unused_, Certificate *c)
{
    Problem cancelled = {};

    problem_set(&cancelled, PROBLEM_CANCELLED, "The service stops.");
    lifecycle_give_up_order(c, &cancelled);
    requests_answer(c, &c->requests, &cancelled);
    problem_clear(&cancelled);
}

Lifecycle *lifecycle_free(Lifecycle *l)
{
    if (!l)
        return NULL;
    lifecycle_stop(l);
    sd_event_source_disable_unref(l->group_timer);
    sd_event_source_disable_unref(l->retry_timer);
    authority_unref(l->authority);
    settings_unref(l->settings);
    sd_event_unref(l->event);
    free(l);
    return NULL;
}

void lifecycle_configure(Lifecycle *l, Settings *settings)
{
    settings_ref(settings);
    settings_unref(l->settings);
    l->settings = settings;
    acme_source_configure(l->acme, settings);
}

AcmeSource *lifecycle_acme(Lifecycle *l)
{
    return l->acme;
}

void lifecycle_set_network(Lifecycle *l, const Network *network)
{
    l->network = network;
}

void lifecycle_set_root(Lifecycle *l, Certificate *root)
{
    l->root = root;
}
