/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lifecycle/lifecycle.h"

#include <errno.h>
#include <sched.h>

#include "config/settings.h"
#include "core/now.h"
#include "lifecycle/lifecycle-internal.h"
#include "util/log.h"

#define RETRY_USEC  (30 * USEC_PER_SEC) /* after a failure, while a certificate has no chain */
#define WORKERS_MIN 2
#define WORKERS_MAX 8

void lifecycle_settle_all(Lifecycle *l)
{
    Certificate *c, *next;

    FOREACH_CERTIFICATE (l->model, c, next)
        lifecycle_settle(l, c);
}

void lifecycle_set_beginning(Lifecycle *l, Certificate *c, bool begins)
{
    begins = begins && c->record->kind != RECORD_UPLOAD && !certificate_chain(c) &&
             c->record->failure.problem.code == PROBLEM_NONE;
    if (c->work.begins != begins)
        l->n_beginning += begins ? 1 : -(size_t)1;
    c->work.begins = begins;
}

void lifecycle_settle(Lifecycle *l, Certificate *c)
{
    bool order_failed = false;
    Attempt *a;
    int r;

    if (l->stopping)
        return;
    if (c->work.busy) {
        root_count(l, c);
        c->work.again = true;
        return;
    }
    if (c->record->kind == RECORD_CERTIFICATE)
        lifecycle_divert_to_order(l, c);
    if (!l->root.authority && lifecycle_may_fall_back(c)) { /* before planning, which concludes the order */
        c->work.waits_for_root = true;
        lifecycle_set_beginning(l, c, true);
        root_obtain(l);
        return;
    }
    a = attempt_new(l, c);
    if (!a) {
        (void)log_oom();
        return;
    }
    STAILQ_CONCAT(&a->requests, &c->work.requests);
    r = attempt_plan(a);
    if (r > 0 && root_awaits(l, a)) {
        STAILQ_CONCAT(&c->work.requests, &a->requests);
        c->work.waits_for_root = true;
        lifecycle_set_beginning(l, c, true);
        attempt_free(a);
        return;
    }
    c->work.waits_for_root = false;
    lifecycle_set_beginning(l, c, r > 0);
    if (r > 0) {
        root_count(l, c);
        attempt_start(a);
        return;
    }
    if (r < 0) {
        a->result = problem_set_errno(&a->problem, r, "Planning the change");
        attempt_fail(a);
    } else {
        order_failed = a->plan.order_problem.code != PROBLEM_NONE;
        attempt_answer(a, NULL);
    }
    attempt_free(a);
    root_uncount(l, c);
    if (order_failed)
        l->observer->settled(c, l->userdata);
    else if (r == 0)
        lifecycle_maybe_order(l, c);
}

/* Takes the members of the request on success only. */
static int queue_request(Lifecycle *l, Certificate *c, const Request *request)
{
    Request *q = l->stopping ? NULL : malloc(sizeof(Request));

    if (!q)
        return l->stopping ? -ECANCELED : -ENOMEM;
    *q = *request;
    STAILQ_INSERT_TAIL(&c->work.requests, q, entry);
    lifecycle_settle(l, c);
    return 0;
}

int lifecycle_request(Lifecycle *l, Certificate *c, RequestKind kind,
                      const RegistrationRequest *registration, RequestDone done, void *userdata)
{
    Request q = { .kind = kind, .done = done, .userdata = userdata };
    int r = registration ? registration_set(&q.registration, registration) : 0;

    if (r >= 0)
        r = queue_request(l, c, &q);
    if (r < 0)
        registration_done(&q.registration);
    return r;
}

int lifecycle_block(Lifecycle *l, Certificate *c, RequestKind kind, Chain *chain, RequestDone done,
                    void *userdata)
{
    const Request q = { .kind = kind, .chain = chain_ref(chain), .done = done, .userdata = userdata };
    int r = queue_request(l, c, &q);

    if (r < 0)
        chain_unref(chain);
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

int lifecycle_start_job(Lifecycle *l, Certificate *c, JobKind kind, const RequestOptions *options,
                        uint64_t *ret_id)
{
    const Request q = { .kind = request_of(kind),
                        .options = options ? *options : (RequestOptions){},
                        .done = model_job_done,
                        .userdata = l->model };
    _cleanup_problem_ Problem problem = {};
    Job *j;
    int r = model_add_job(l->model, c, kind, &j);

    if (r < 0)
        return r;
    if (ret_id)
        *ret_id = j->id;
    r = queue_request(l, c, &q);
    if (r < 0) {
        problem_set_errno(&problem, r, "Starting the job");
        model_end_job(l->model, j, RESULT_FAILED, &problem);
    }
    return r;
}

bool lifecycle_cancel_job(Lifecycle *l, Job *j)
{
    Certificate *c = j->certificate;

    if (!requests_withdraw(&c->work.requests, model_job_done, l->model) && !lifecycle_cancel_order(l, c))
        return false;
    model_cancel_job(l->model, j);
    lifecycle_settle(l, c);
    return true;
}

int lifecycle_add_upload(Lifecycle *l, Certificate *upload, Bundle *bundle, RequestDone done, void *userdata)
{
    Attempt *a = attempt_new(l, upload);
    Request *q = calloc(1, sizeof(Request));

    if (!a || !q || l->stopping) {
        attempt_free(a);
        free(q);
        bundle_free(bundle);
        return l->stopping ? -ECANCELED : -ENOMEM;
    }
    *q = (Request){ .kind = REQUEST_SETTLE, .done = done, .userdata = userdata };
    STAILQ_INSERT_TAIL(&a->requests, q, entry);
    a->after->uploaded = model_number_upload(l->model);
    if (bundle)
        a->plan.source = SOURCE_UPLOADED;
    a->bundle = bundle;
    attempt_fill_leaf(a, clock_now());
    attempt_start(a);
    return 0;
}

int lifecycle_replace_root(Lifecycle *l, Bundle *bundle, RequestDone done, void *userdata)
{
    const Request q = { .kind = REQUEST_REPLACE, .bundle = bundle, .done = done, .userdata = userdata };
    int r = queue_request(l, l->model->root, &q);

    if (r < 0)
        bundle_free(bundle);
    return r;
}

size_t lifecycle_busy(const Lifecycle *l)
{
    return l->n_attempts + (l->orders ? orders_busy(l->orders) : 0) + (l->root.loading ? 1 : 0) +
           workers_pending(l->disk) + workers_pending(l->workers);
}

bool lifecycle_is_beginning(const Lifecycle *l)
{
    return l->n_beginning > 0;
}

int lifecycle_run(Lifecycle *l, bool disk, void (*run)(void *), void (*done)(void *, void *), void *data)
{
    if (l->stopping)
        return -ECANCELED;
    return workers_add(disk ? l->disk : l->workers, run, done, data);
}

static int on_retry(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Lifecycle *l = userdata;

    lifecycle_settle_all(l);
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

int lifecycle_new(sd_event *event, Store *store, Model *model, const LifecycleObserver *observer,
                  void *userdata, Lifecycle **ret)
{
    _cleanup_(lifecycle_freep) Lifecycle *l = calloc(1, sizeof(Lifecycle));
    int r;

    if (!l)
        return -ENOMEM;
    *l = (Lifecycle){ .store = store, .model = model, .observer = observer, .userdata = userdata };
    l->event = sd_event_ref(event);
    STAILQ_INIT(&l->root.requests);
    if ((r = workers_new(event, "work", count_workers(), userdata, &l->workers)) < 0 ||
        (r = orders_new(event, store, &lifecycle_orders_observer, l, &l->orders)) < 0 ||
        (r = failure_log_new(event, &l->failures)) < 0 ||
        (r = workers_new(event, "disk", 1, userdata, &l->disk)) < 0 || (r = group_init(l)) < 0 ||
        (r = timer_add(l->event, &l->retry_timer, CLOCK_MONOTONIC, 1, on_retry, l)) < 0)
        return r;
    *ret = TAKE_PTR(l);
    return 0;
}

static void give_up_staged(Lifecycle *l, const Problem *cancelled)
{
    Attempt *a;

    while ((a = STAILQ_FIRST(&l->group.staged))) {
        Certificate *c = a->certificate;

        STAILQ_REMOVE_HEAD(&l->group.staged, entry);
        c->work.busy = false;
        store_discard(l->store, a->change);
        attempt_answer(a, cancelled);
        attempt_free(a);
        l->observer->settled(c, l->userdata);
    }
    requests_answer(l->model->root, &l->root.requests, cancelled);
}

static void give_up(Lifecycle *l, Certificate *c, const Problem *cancelled)
{
    lifecycle_give_up_order(l, c, cancelled);
    requests_answer(c, &c->work.requests, cancelled);
}

void lifecycle_stop(Lifecycle *l)
{
    _cleanup_problem_ Problem cancelled = {};
    Certificate *c, *next;

    problem_set(&cancelled, PROBLEM_CANCELLED, "The service is stopping.");
    l->stopping = true;
    l->orders = orders_free(l->orders);
    if (l->workers)
        workers_free(TAKE_PTR(l->workers));
    if (l->disk)
        workers_free(TAKE_PTR(l->disk));
    give_up_staged(l, &cancelled);
    give_up(l, l->model->root, &cancelled);
    FOREACH_UPLOAD (l->model, c, next)
        give_up(l, c, &cancelled);
    FOREACH_CERTIFICATE (l->model, c, next)
        give_up(l, c, &cancelled);
}

Lifecycle *lifecycle_free(Lifecycle *l)
{
    if (!l)
        return NULL;
    lifecycle_stop(l);
    failure_log_free(l->failures);
    sd_event_source_disable_unref(l->group.timer);
    sd_event_source_disable_unref(l->retry_timer);
    authority_unref(l->root.authority);
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
    orders_configure(l->orders, settings);
}

Orders *lifecycle_orders(Lifecycle *l)
{
    return l->orders;
}
