/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "core/schedule.h"
#include "lifecycle/lifecycle-internal.h"
#include "util/log.h"
#include "util/text.h"

#define DAY INT64_C(86400)

/* Orders from ACME authorities. An order runs in parallel to other changes of its certificate, which has its local chain at
 * once and is not busy while the authority works. Requests that an order may fulfil wait in its ordering. When the order is
 * over, the certificate is settled, and planning decides what becomes of the result. */

static bool is_running(const Certificate *c)
{
    return c->order.ordering && !ordering_is_over(c->order.ordering);
}

static AcmeEligibility judge(const Lifecycle *l, const Certificate *c)
{
    if (certificate_refuses_acme(c))
        return ACME_ELIGIBILITY_UNWANTED;
    return acme_settings_judge(l->settings, c->names, certificate_authority(c));
}

/* The chain to order beside an upload. */
typedef enum Need {
    NEED_NOTHING,
    NEED_SUCCESSOR, /* in time for a few failures before the end of the upload */
    NEED_CHAIN,
} Need;

/* An upload that is not valid yet, or about to expire, leaves a chain to be ordered. */
static Need need_beside(const Chain *upload, const Certificate *c)
{
    const Candidate candidate = { .chain = upload };
    int64_t now = clock_now();

    if (!upload || candidate_judge(&candidate, SOURCE_UPLOADED, c->names, now) != VERDICT_USABLE)
        return NEED_CHAIN;
    return schedule_successor(upload) <= now ? NEED_SUCCESSOR : NEED_NOTHING;
}

static Need need_beside_own(const Certificate *c)
{
    const Slot *uploaded = &c->record->slots[SOURCE_UPLOADED];

    return uploaded->broken ? NEED_CHAIN : need_beside(uploaded->chain, c);
}

/* The upload that fits may not be in its slot yet. */
static Need find_need(const Lifecycle *l, const Certificate *c)
{
    const Certificate *upload = model_choose_upload(l->model, c, clock_now());
    Need need = need_beside_own(c);

    return upload ? MIN(need, need_beside(certificate_chain(upload), c)) : need;
}

static bool can_order(const Lifecycle *l, const Certificate *c)
{
    return !l->stopping && c->stored && clock_is_trusted() && c->record->kind == RECORD_CERTIFICATE &&
           certificate_is_wanted(c) && judge(l, c) == ACME_ELIGIBILITY_ASKED &&
           need_beside_own(c) != NEED_NOTHING;
}

static const Chain *usable_chain(const Certificate *c)
{
    return record_usable_acme(c->record, c->names, clock_now());
}

static int64_t window_after(const Lifecycle *l, const Certificate *c)
{
    return orders_early(l->orders, c->record) + schedule_window_pause(c->record->slots[SOURCE_ACME].chain);
}

/* Gathers what decides when the next order is due. */
static OrderState order_state(const Lifecycle *l, const Certificate *c)
{
    const Record *rec = c->record;
    int64_t attempted = orders_after(l->orders, c->names, certificate_authority(c), certificate_name(c));
    OrderState state = {
        .chain = usable_chain(c),
        .failed = rec->order_failed || attempted > 0,
        .retry = c->order.retry,
    };

    if (state.chain) {
        state.window = orders_window(l->orders, rec).window;
        if (!state.failed) /* otherwise the back-off counts */
            state.window_after = window_after(l, c);
    }
    /* an attempt that was interrupted by a stop is in the ledger only */
    state.after = rec->order_failed ? MAX(rec->order_after, attempted)
                  : attempted > 0   ? attempted
                                    : rec->order_after;
    if (state.failed && state.after > clock_now() + LEDGER_SPAN_MAX + DAY)
        state.after = 0; /* no limit lasts that long: recorded with a wrong clock */
    if (state.failed && c->order.waits_until <= clock_now() + LEDGER_SPAN_MAX + DAY)
        state.after = MAX(state.after, c->order.waits_until);
    return state;
}

int64_t lifecycle_next_order(const Lifecycle *l, const Certificate *c)
{
    OrderState state;

    if (c->order.ordering || !can_order(l, c))
        return INT64_MAX;
    if (orders_has_order(l->orders, certificate_name(c)))
        return 0;
    state = order_state(l, c);
    return schedule_order(&state);
}

/* ---- renewal information */

int64_t lifecycle_next_check(const Lifecycle *l, const Certificate *c)
{
    if (c->order.checks_window || !c->record->authority || !can_order(l, c) || !usable_chain(c))
        return INT64_MAX;
    return orders_window(l->orders, c->record).check;
}

/* Copies the window that the authority suggests. */
static void refresh_window(const Lifecycle *l, Certificate *c)
{
    const Chain *chain = c->record->slots[SOURCE_ACME].chain;
    LedgerWindow known = chain && l->orders ? orders_window(l->orders, c->record) : (LedgerWindow){};
    bool differs = known.window.start != c->order.window.start || known.window.end != c->order.window.end ||
                   !streq(strempty(known.explanation_url), strempty(c->order.explanation_url));

    c->order.window = known.window;
    c->order.window_after = chain && l->orders ? window_after(l, c) : 0;
    if (differs) {
        free(c->order.explanation_url);
        c->order.explanation_url = known.explanation_url ? strdup(known.explanation_url) : NULL;
    }
    if (differs && c->published)
        MODEL_NOTIFY(l->model, certificate_changed, c, CHANGED_WINDOW);
}

static void on_window_checked(const char *name, void *userdata)
{
    Lifecycle *l = userdata;
    Certificate *c = model_find_any(l->model, name);

    if (!c)
        return;
    c->order.checks_window = false;
    refresh_window(l, c);
    l->observer->settled(c, l->userdata);
    c = model_find_any(l->model, name);
    if (c && lifecycle_next_order(l, c) <= clock_now())
        lifecycle_settle(l, c);
}

void lifecycle_check_window(Lifecycle *l, Certificate *c)
{
    if (l->stopping || c->order.checks_window)
        return;
    if (orders_check_window(l->orders, c->record, on_window_checked, l) < 0)
        (void)log_oom();
    else
        c->order.checks_window = true;
}

/* ---- self-checks without an order */

/* An order that is due before, or waits for nothing, has one of its own. */
static int64_t next_recheck(const Lifecycle *l, const Certificate *c, bool *ret_soon)
{
    int64_t order = c->record->order_failed ? lifecycle_next_order(l, c) : INT64_MAX;
    int64_t due;

    *ret_soon = false;
    if (order == INT64_MAX || order <= clock_now())
        return INT64_MAX;
    due = orders_next_recheck(l->orders, c->names, certificate_authority(c), certificate_name(c), ret_soon);
    return due < order ? due : INT64_MAX;
}

int64_t lifecycle_next_recheck(const Lifecycle *l, const Certificate *c)
{
    bool soon;

    return next_recheck(l, c, &soon);
}

bool lifecycle_awaits_recheck(const Lifecycle *l, const Certificate *c)
{
    bool soon;

    return next_recheck(l, c, &soon) < INT64_MAX && soon;
}

/* The next order need not wait, as the cause of the failure may be gone. */
static void retry_order(Lifecycle *l, Certificate *c)
{
    c->order.retry = true;
    lifecycle_settle(l, c);
}

static void on_rechecked(const char *name, bool released, void *userdata)
{
    Lifecycle *l = userdata;
    Certificate *c = model_find_any(l->model, name);

    if (c)
        l->observer->settled(c, l->userdata);
    c = model_find_any(l->model, name);
    if (c && released && !l->stopping && c->published && !c->order.ordering && c->record->order_failed)
        retry_order(l, c);
}

void lifecycle_recheck(Lifecycle *l, Certificate *c)
{
    if (!l->stopping && orders_recheck(l->orders, c->names, certificate_authority(c), certificate_name(c),
                                       on_rechecked, l) < 0)
        (void)log_oom();
}

/* ---- orders and their results */

static void on_progress(Ordering *o, double progress, const char *step, void *userdata)
{
    Lifecycle *l = userdata;
    Certificate *c = model_find_any(l->model, ordering_name(o));

    if (c)
        lifecycle_note_progress(l, c, progress, step);
}

static void on_over(Ordering *o, void *userdata)
{
    Lifecycle *l = userdata;
    Certificate *c = model_find_any(l->model, ordering_name(o));

    if (c && c->order.ordering == o)
        lifecycle_settle(l, c);
}

/* Not for a reissue, which is to replace the key. */
static bool keeps_key(const Lifecycle *l, const Certificate *c, KeyType type)
{
    const Slot *slot = &c->record->slots[SOURCE_ACME];

    return l->settings->acme.reuse_key && slot->chain && !slot->broken && !slot->revoked &&
           !slot->withdrawn && slot->chain->key_type == type;
}

/* Returns true if it is renewed because of the window, before its lifetime requires it. */
static bool is_early(const Lifecycle *l, const Certificate *c)
{
    OrderState state = order_state(l, c);
    int64_t now = clock_now();

    return state.chain && schedule_leaf_renewal(state.chain, SOURCE_ACME) > now &&
           MAX(schedule_window_moment(state.chain, &state.window), state.window_after) <= now;
}

/* A chain is needed before the current one of an authority expires, or within a day. */
static int64_t urgency_of(const Certificate *c)
{
    const Chain *chain = usable_chain(c);

    return chain ? chain_not_after(chain) : clock_now() + DAY;
}

static int order_begin(Lifecycle *l, Certificate *c, const Request *q)
{
    const Slot *slot = &c->record->slots[SOURCE_ACME];
    OrderingRequest request = {
        .name = certificate_name(c),
        .names = c->names,
        .key_type = key_type_to_order(certificate_key_type(c, c->record, l->settings->key_type)),
        .authority = certificate_authority(c),
        .solver = c->record->solver,
        .former = slot->chain && !slot->broken ? c->record : NULL,
        .flags = c->order.retry ? ORDERING_RETRY : 0,
        .not_after = urgency_of(c),
    };

    if (q->kind == REQUEST_REISSUE)
        request.flags |= ORDERING_REISSUE | (q->options.hurry ? ORDERING_MANUAL : 0);
    else {
        request.flags |= (is_early(l, c) ? ORDERING_EARLY : 0) |
                         (keeps_key(l, c, request.key_type) ? ORDERING_REUSE_KEY : 0);
        c->order.retry = false;
        c->order.waits_until = 0;
    }
    return orders_begin(l->orders, &request, &c->order.ordering);
}

/* Returns true if a reissue may place an order. Otherwise why is set to the reason if a usable ACME chain would be lost. */
static bool may_reissue(const Lifecycle *l, const Certificate *c, const Request *q, Problem *why)
{
    _cleanup_problem_ Problem reason = {};

    if (c->order.eligibility == ACME_ELIGIBILITY_ASKED) {
        if (!clock_is_trusted())
            problem_set(
                why, PROBLEM_ACME_DISABLED,
                "The clock of this machine is not trusted, so no order is placed and nothing was changed; "
                "set it, or wait for time synchronization.");
        return clock_is_trusted();
    }
    if (!usable_chain(c) || (c->order.eligibility == ACME_ELIGIBILITY_UNWANTED && !q->options.keep_current))
        return false;
    if (c->order.eligibility == ACME_ELIGIBILITY_UNWANTED)
        problem_set(&reason, PROBLEM_ACME_DISABLED, "A module that uses it has ACME=no.");
    else
        (void)acme_settings_suit(l->settings, c->names, certificate_authority(c), &reason);
    problem_set(why, PROBLEM_ACME_DISABLED, "No order is placed for %s, so the current chain is kept. %s",
                certificate_name(c), strempty(reason.text));
    return false;
}

static bool wants_order(const Certificate *c, const Request *q)
{
    return q->kind == REQUEST_ORDER || q->kind == REQUEST_REISSUE ||
           (q->kind == REQUEST_RENEW && c->record->served == SOURCE_ACME);
}

/* Drops the order and queues its requests again. */
static void take_back(Lifecycle *l, Certificate *c)
{
    STAILQ_CONCAT(&c->work.requests, ordering_requests(c->order.ordering));
    c->order.ordering = ordering_free(l->orders, c->order.ordering, true);
}

/* Returns true if the request waits for an order now. */
static bool join_order(Lifecycle *l, Certificate *c, Request *q, Need need, Problem *why)
{
    if (q->kind == REQUEST_REISSUE && need == NEED_SUCCESSOR) /* the upload stays */
        return false;
    if (q->kind == REQUEST_REISSUE ? !may_reissue(l, c, q, why)
                                   : c->order.eligibility != ACME_ELIGIBILITY_ASKED)
        return false;
    if (is_running(c) && q->kind == REQUEST_REISSUE && !ordering_join(c->order.ordering, q->options.hurry))
        take_back(l, c);
    if (!c->order.ordering && order_begin(l, c, q) < 0)
        return false;
    STAILQ_INSERT_TAIL(ordering_requests(c->order.ordering), q, entry);
    return true;
}

static void divert(Lifecycle *l, Certificate *c, Need need)
{
    struct RequestQueue stay = STAILQ_HEAD_INITIALIZER(stay), refused = STAILQ_HEAD_INITIALIZER(refused);
    _cleanup_problem_ Problem why = {};
    Request *q;

    while ((q = STAILQ_FIRST(&c->work.requests))) {
        STAILQ_REMOVE_HEAD(&c->work.requests, entry);
        if (!wants_order(c, q) || !join_order(l, c, q, need, &why))
            STAILQ_INSERT_TAIL(&stay, q, entry);
    }
    if (why.code != PROBLEM_NONE)
        requests_take(&stay, 1U << REQUEST_REISSUE, &refused);
    STAILQ_CONCAT(&c->work.requests, &stay);
    requests_answer(c, &refused, &why);
}

/* Replaces an order that has started with the former key. */
static void join_as_reissue(Lifecycle *l, Certificate *c, const RequestOptions *options)
{
    if (c->order.ordering && !ordering_join(c->order.ordering, options->hurry)) {
        take_back(l, c);
        lifecycle_settle(l, c);
    }
}

bool lifecycle_adopt_order(Lifecycle *l, Certificate *c, const RequestOptions *options)
{
    struct RequestQueue *const queues[] = { &c->work.requests, c->order.ordering
                                                                   ? ordering_requests(c->order.ordering)
                                                                   : NULL };
    Request *q;

    if (c->order.ordering && !is_running(c))
        return false;
    for (size_t i = 0; i < ELEMENTSOF(queues) && queues[i]; i++)
        STAILQ_FOREACH (q, queues[i], entry)
            if (q->kind == REQUEST_ORDER) {
                q->kind = REQUEST_REISSUE;
                q->options = *options;
                join_as_reissue(l, c, options);
                return true;
            }
    return false;
}

/* Drops the order of a certificate that nobody uses any more, and fails requests for another chain. */
static void abandon(Lifecycle *l, Certificate *c)
{
    struct RequestQueue given_up = STAILQ_HEAD_INITIALIZER(given_up);
    _cleanup_problem_ Problem why = {};

    if (c->order.ordering)
        take_back(l, c);
    requests_take(&c->work.requests, 1U << REQUEST_REISSUE | 1U << REQUEST_RENEW | 1U << REQUEST_ORDER,
                  &given_up);
    problem_set(&why, PROBLEM_CANCELLED, "No module uses %s any more.", certificate_name(c));
    requests_answer(c, &given_up, &why);
}

bool lifecycle_order_is_left(const Certificate *c)
{
    return c->order.ordering && (!is_running(c) || !certificate_is_wanted(c));
}

void lifecycle_refresh_order(const Lifecycle *l, Certificate *c)
{
    if (c->record->kind == RECORD_CERTIFICATE)
        c->order.eligibility = judge(l, c);
    refresh_window(l, c);
}

void lifecycle_divert_to_order(Lifecycle *l, Certificate *c)
{
    Need need;

    lifecycle_refresh_order(l, c);
    if (!certificate_is_wanted(c)) {
        abandon(l, c);
        return;
    }
    if (is_running(c) && !strv_equal(ordering_names(c->order.ordering), c->names))
        take_back(l, c);
    need = c->stored == STAILQ_EMPTY(&c->work.requests) ? NEED_NOTHING : find_need(l, c);
    if (need == NEED_NOTHING)
        return;
    if (c->stored)
        divert(l, c, need);
    else if (c->record->order_after == 0 && c->order.eligibility == ACME_ELIGIBILITY_ASKED)
        orders_expect(l->orders, c->names, certificate_authority(c));
}

bool lifecycle_may_fall_back(const Certificate *c)
{
    Ordering *o = c->order.ordering;

    return o && ordering_is_over(o) &&
           (!ordering_outcome(o).chain || requests_have(ordering_requests(o), REQUEST_REISSUE));
}

void lifecycle_maybe_order(Lifecycle *l, Certificate *c)
{
    if (c->job || c->work.busy || lifecycle_next_order(l, c) > clock_now())
        return;
    if (lifecycle_start_job(l, c, JOB_ORDER, NULL, NULL) < 0)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(certificate_name(c)),
                   "%s: Failed to start the order, ignoring.", certificate_name(c));
}

void lifecycle_retry_orders(Lifecycle *l, int64_t corrected)
{
    Certificate *c, *next;

    FOREACH_CERTIFICATE (l->model, c, next) {
        const Failure *f = &c->record->failure;

        c->order.retry |= f->when > 0 && f->when < corrected;
    }
}

/* Returns true if the next order has to wait. Attempts without a network are not on record. */
static bool is_held(const Lifecycle *l, const Certificate *c, const char *authority)
{
    if (c->record->failure.attempts == 0)
        return false;
    return authority ||
           orders_after(l->orders, c->names, certificate_authority(c), certificate_name(c)) > clock_now();
}

static void on_back(const char *authority, void *userdata)
{
    Lifecycle *l = userdata;
    Certificate *c, *next;

    FOREACH_CERTIFICATE (l->model, c, next) {
        const Problem *p = &c->record->failure.problem;

        if (l->stopping || !c->published || c->order.ordering || !c->record->order_failed ||
            problem_is_rate_limited(p) ||
            (authority ? !problem_blames_authority(p) : !certificate_lacked_network(c)))
            continue;
        if (is_held(l, c, authority) && !orders_release(l->orders, authority, certificate_name(c)))
            continue;
        retry_order(l, c);
    }
}

const OrderingOutcome *lifecycle_order_outcome(const Certificate *c, OrderingOutcome *outcome)
{
    if (!c->order.ordering || is_running(c))
        return NULL;
    *outcome = ordering_outcome(c->order.ordering);
    return outcome;
}

/* A reissue whose order was really tried falls back to the local root; other requests fail. */
static void sort_requests(Attempt *a, const PlanFacts *facts)
{
    struct RequestQueue *waiting = ordering_requests(a->certificate->order.ordering);
    Request *q;

    while ((q = STAILQ_FIRST(waiting))) {
        STAILQ_REMOVE_HEAD(waiting, entry);
        q->falls_back = plan_falls_back(facts, &a->plan, q);
        if (q->falls_back)
            STAILQ_INSERT_TAIL(&a->requests, q, entry);
        else
            STAILQ_INSERT_TAIL(&a->refused, q, entry);
    }
}

static void conclude_failure(Attempt *a, const PlanFacts *facts)
{
    Certificate *c = a->certificate;

    sort_requests(a, facts);
    if (facts->order->automatic)
        c->order.waits_until = facts->order->waited ? facts->order->until : 0;
    if (a->plan.order == PLAN_ORDER_FAILED_SCHEDULED)
        failure_log_add(a->lifecycle->failures, certificate_name(c), &a->plan.order_problem,
                        a->after->order_after - facts->now);
}

void attempt_conclude_order(Attempt *a, const PlanFacts *facts)
{
    Certificate *c = a->certificate;

    if (a->plan.order == PLAN_ORDER_KEEP)
        return;
    if (a->plan.order == PLAN_ORDER_RETURN) {
        take_back(a->lifecycle, c);
        return;
    }
    if (a->plan.order == PLAN_ORDER_TAKE || a->plan.order == PLAN_ORDER_FAILED_MANUAL)
        c->order.retry = false;
    if (a->plan.order == PLAN_ORDER_TAKE) {
        STAILQ_CONCAT(&a->requests, ordering_requests(c->order.ordering));
        c->order.waits_until = 0;
        a->bundle = ordering_take_bundle(c->order.ordering);
    } else
        conclude_failure(a, facts);
    /* a chain that is not taken is of no use */
    c->order.ordering = ordering_free(a->lifecycle->orders, c->order.ordering,
                                      a->plan.order != PLAN_ORDER_TAKE && facts->order->chain);
}

bool lifecycle_cancel_order(Lifecycle *l, Certificate *c)
{
    Ordering *o = c->order.ordering;

    if (!o || !requests_withdraw(ordering_requests(o), model_job_done, l->model))
        return false;
    if (is_running(c) && STAILQ_EMPTY(ordering_requests(o)))
        ordering_stop(o, PROBLEM_CANCELLED, "The order was cancelled.");
    return true;
}

void lifecycle_give_up_order(Lifecycle *l, Certificate *c, const Problem *problem)
{
    if (!c->order.ordering)
        return;
    requests_answer(c, ordering_requests(c->order.ordering), problem);
    c->order.ordering = ordering_free(l->orders, c->order.ordering, false);
}

const OrdersObserver lifecycle_orders_observer = { on_progress, on_over, on_back };
