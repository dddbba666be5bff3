/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders/orders-internal.h"

#include <errno.h>

#include "acme/order.h"
#include "config/settings.h"
#include "core/now.h"
#include "util/log.h"
#include "util/text.h"

/* ---- an ordering */

static void outcome_clear(Outcome *u)
{
    bundle_free(u->bundle);
    free(u->authority);
    problem_clear(&u->problem);
    *u = (Outcome){};
}

/* The connection and its ledger stay known: what the attempt left there may change yet. */
static void attempt_reset(OrderAttempt *a)
{
    order_seeker_cancel(a->seeker);
    order_free(a->order);
    order_record_free(a->record);
    *a = (OrderAttempt){ .connection = a->connection };
}

void ordering_detach(Ordering *o)
{
    TAILQ_REMOVE(&o->orders->queue.orderings, o, entry);
    queue_unhold(o->orders);
    attempt_reset(&o->attempt);
    connection_release(TAKE_PTR(o->attempt.connection));
    o->ending = sd_event_source_disable_unref(o->ending);
    o->orders = NULL;
    o->state = ORDERING_OVER;
}

static void destroy(Ordering *o)
{
    outcome_clear(&o->outcome);
    strv_free(o->wanted.names);
    record_free(o->wanted.former);
    free(o->wanted.name);
    free(o->wanted.authority);
    free(o->wanted.solver);
    free(o);
}

const char *ordering_name(const Ordering *o)
{
    return o->wanted.name;
}

char *const *ordering_names(const Ordering *o)
{
    return o->wanted.names;
}

struct RequestQueue *ordering_requests(Ordering *o)
{
    return &o->requests;
}

bool ordering_is_over(const Ordering *o)
{
    return o->state == ORDERING_OVER || o->owner == OWNER_STOPPED;
}

/* ---- its outcome */

OrderingOutcome ordering_outcome(const Ordering *o)
{
    return (OrderingOutcome){
        .chain = o->outcome.bundle ? o->outcome.bundle->chain : NULL,
        .authority = strempty(o->outcome.authority),
        .solver = o->outcome.solver,
        .problem = &o->outcome.problem,
        .requests = &o->requests,
        .until = o->outcome.until,
        .waited = o->outcome.kind == OUTCOME_WAITED || o->outcome.kind == OUTCOME_POSTPONED,
        .attempted = o->outcome.kind == OUTCOME_ATTEMPTED,
        .offline = o->outcome.offline,
        .automatic = o->wanted.automatic,
    };
}

Bundle *ordering_take_bundle(Ordering *o)
{
    return TAKE_PTR(o->outcome.bundle);
}

void ordering_note_until(Ordering *o, int64_t until)
{
    o->outcome.until = o->outcome.until > 0 ? MIN(o->outcome.until, until) : until;
}

void ordering_note_wait(Ordering *o, const AuthoritySettings *a, const LedgerWait *wait)
{
    problem_clear(&o->outcome.problem);
    wait_explain(a, wait, &o->outcome.problem);
    ordering_note_until(o, wait->until);
}

/* Returns true if the authority may issue a certificate for an order that has failed here. */
static bool may_be_issued(const OrderAttempt *a)
{
    return a->left == LEFT_CERTIFICATE || a->resumed;
}

static void ordering_end(Ordering *o)
{
    OrderAttempt *a = &o->attempt;
    Outcome *u = &o->outcome;
    Orders *s = o->orders;

    u->offline = ordering_is_offline(o);
    if (a->left == LEFT_ORDER && a->connection->search)
        order_search_expect_more(a->connection->search);
    if (!u->bundle && (u->kind == OUTCOME_POSTPONED || a->left == LEFT_ORDER ||
                       (may_be_issued(a) && a->failure == FAILED_AT_AUTHORITY)))
        (void)strv_extend(&s->interrupted.kept, o->wanted.name);
    else if (!u->bundle && u->kind != OUTCOME_WAITED)
        orders_forget(s, o->wanted.name);
    if (!u->bundle && a->retry_after > 0)
        u->until = MAX(u->until, clock_now() + a->retry_after);
    ordering_detach(o);
    s->observer->over(o, s->userdata);
    orders_clean_connections(s);
    queue_drive(s);
}

/* Decides whether another order is placed: after a resumed one, at another authority when this one has an outage, or with
 * another solver when proofs were refused. */
static bool try_again(Ordering *o)
{
    unsigned all = (1U << o->orders->solving.n_ordered) - 1;
    OrderAttempt *a = &o->attempt;

    if (o->outcome.bundle || o->owner != OWNER_WAITS || o->outcome.kind == OUTCOME_WAITED)
        return false;
    if (a->resumed && a->failure != FAILED_AT_AUTHORITY) {
        o->n_asked = 0; /* it may have failed because it was interrupted */
        return true;
    }
    if (a->failure == FAILED_AT_AUTHORITY)
        return !may_be_issued(a) && /* else the certificate is fetched later */
               (problem_is_rate_limited(&o->outcome.problem) || ordering_is_offline(o) ||
                ledger_state(a->connection->file->ledger, clock_now()) != LEDGER_CLOSED) &&
               ordering_has_other(o);
    if (a->refused == 0 || a->retry_after > 0 || (o->failed_solvers | a->refused) == all)
        return false;
    if (o->n_asked > 0) /* the same authority once more */
        o->n_asked--;
    o->failed_solvers |= a->refused;
    return true;
}

static int on_ending(sd_event_source *source _unused_, void *userdata)
{
    Ordering *o = userdata;
    OrderAttempt *a = &o->attempt;
    Problem *problem = &o->outcome.problem;

    o->ending = sd_event_source_disable_unref(o->ending);
    a->order = order_free(a->order);
    if (a->writing) {
        o->state = ORDERING_SETTLING;
        return 0;
    }
    if (a->connection && o->outcome.kind != OUTCOME_WAITED)
        ordering_note_end(o);
    if (a->connection && try_again(o)) {
        log_fields(LOG_NOTICE, MESSAGE_FAILURE, ABOUT(o->wanted.name), "%s: %s%s Placing another order.",
                   o->wanted.name, strempty(problem->text), text_full_stop(strempty(problem->text)));
        problem_clear(problem);
        attempt_reset(a); /* its file is replaced by the next one's */
        o->state = ORDERING_WAITING;
        queue_move_last(o);
        queue_drive(o->orders);
    } else
        ordering_end(o);
    return 0;
}

void ordering_end_later(Ordering *o)
{
    if (!o->ending && sd_event_add_defer(o->orders->event, &o->ending, on_ending, o) < 0)
        (void)log_oom();
}

void ordering_fail(Ordering *o, int r, const char *doing)
{
    problem_set_errno(&o->outcome.problem, r, doing);
    ordering_end_later(o);
}

/* ---- the order */

static void on_progress(double progress, const char *step, void *userdata)
{
    Ordering *o = userdata;

    o->orders->observer->progress(o, progress, step, o->orders->userdata);
}

static void on_placed(void *userdata)
{
    Ordering *o = userdata;

    ordering_note_counted(o);
    if (ordering_write(o) < 0) {
        (void)log_oom();
        order_noted(o->attempt.order);
    }
}

static void on_order_done(Bundle *bundle, const char *solver, const AcmeFailure *failure, unsigned refused,
                          void *userdata)
{
    Ordering *o = userdata;
    OrderAttempt *a = &o->attempt;

    o->outcome.bundle = bundle;
    o->outcome.solver = solver;
    if (order_was_finalized(a->order))
        a->left = LEFT_CERTIFICATE;
    else if (failure && failure->lost && !a->record->url)
        a->left = LEFT_ORDER;
    if (!order_was_foreseen(a->order, &a->foreseen))
        a->foreseen = (SolverFinding){};
    a->refused = refused;
    if (failure) {
        (void)problem_copy(failure->problem, &o->outcome.problem);
        a->retry_after = failure->retry_after;
        if (failure->at_authority)
            a->failure = FAILED_AT_AUTHORITY;
        else if (failure->problem->code == PROBLEM_AUTHORITY_REFUSED)
            a->failure = FAILED_BY_ANSWER;
    }
    ordering_end_later(o);
}

static const OrderObserver order_observer = { on_progress, on_placed, on_order_done };

static void ordering_run(Ordering *o)
{
    Orders *s = o->orders;
    OrderAttempt *a = &o->attempt;
    OrderContext context = {
        .event = s->event,
        .client = a->connection->client,
        .crypto = s->crypto,
        .solvers = { s->solving.ordered, s->solving.n_ordered, o->wanted.solver, o->failed_solvers },
    };
    int r;

    o->state = ORDERING_RUNNING;
    o->outcome.kind = OUTCOME_ATTEMPTED;
    r = order_start(&context, a->record, &order_observer, o, &a->order);
    if (r < 0)
        ordering_fail(o, r, "Placing an order");
}

static int name_connection(Ordering *o, const AuthoritySettings *a)
{
    if (text_set(&o->outcome.authority, a->name) < 0)
        return -ENOMEM;
    if (o->n_asked < LIMIT_AUTHORITIES)
        o->asked[o->n_asked++] = a->name;
    connection_release(TAKE_PTR(o->attempt.connection));
    return connection_get(o->orders, a, &o->attempt.connection);
}

/* An authority that keeps no list of orders cannot tell whether it has made one just before the service was stopped. If each
 * start made another one, a service that is started again and again would use up what the authority allows. */
static bool must_wait_for_lost(Ordering *o)
{
    const Connection *p = o->attempt.connection;
    const LedgerWait wait = { .until = ledger_after(p->file->ledger, o->wanted.name), .limit = WAIT_LOST };

    if (o->flags & (ORDERING_REISSUE | ORDERING_MANUAL) || acme_client_orders_url(p->client) ||
        wait.until <= clock_now())
        return false;
    ordering_note_wait(o, p->authority, &wait);
    return true;
}

static void on_found(const char *url, void *userdata)
{
    Ordering *o = userdata;
    int r;

    o->attempt.seeker = NULL;
    if (!url && (must_wait_for_lost(o) || ordering_must_wait(o))) {
        o->outcome.kind = OUTCOME_WAITED;
        ordering_end_later(o);
        return;
    }
    r = url ? text_set(&o->attempt.record->url, url) : ordering_note(o);
    if (r >= 0)
        r = ordering_write(o);
    if (r < 0)
        ordering_fail(o, r, "Preparing an order");
}

static int connection_get_search(Orders *s, Connection *p)
{
    _cleanup_strv_ char **known = NULL;
    int r;

    if (p->search)
        return 0;
    r = orders_left_urls(s, &known);
    return r < 0 ? r : order_search_new(s->event, p->client, known, &p->search);
}

/* Resumes the order of the record. Even without a URL it may have been placed, just before a crash. */
static int resume(Ordering *o)
{
    OrderAttempt *a = &o->attempt;
    int r = ordering_note_resumed(o);

    if (r >= 0 && a->record->url)
        ordering_run(o);
    else if (r >= 0) {
        r = connection_get_search(o->orders, a->connection);
        if (r >= 0)
            r = order_search_add(a->connection->search, a->record->names, on_found, o, &a->seeker);
    }
    return r;
}

void ordering_maybe_run(Ordering *o)
{
    const OrderAttempt *a = &o->attempt;

    if (o->state == ORDERING_PREPARING && a->record && !a->writing && !a->seeker && !o->ending &&
        a->waits_for <= a->connection->file->kept)
        ordering_run(o);
}

static void ordering_give_up(Ordering *o)
{
    if (o->state == ORDERING_HELD)
        return;
    if (o->outcome.until > 0 && !o->tried)
        o->outcome.kind = OUTCOME_WAITED;
    if (o->outcome.until == 0 && o->n_asked == 0)
        (void)acme_settings_suit(o->orders->settings, o->wanted.names, o->wanted.authority,
                                 &o->outcome.problem);
    ordering_fail(o, -EOPNOTSUPP, "Placing an order");
}

static bool can_prove(const Solving *v, char *const *names, Problem *why)
{
    for (size_t i = 0; names[i]; i++)
        if (!solvers_suit(v->ordered, v->n_ordered, names[i], why))
            return false;
    return true;
}

static int begin_new(Ordering *o, const AuthoritySettings *a)
{
    /* In this order: after a crash the record is resumed, whereas an attempt without one has to wait. */
    int r = ordering_make_record(o, a);

    return r < 0 ? r : ordering_note(o);
}

void ordering_begin(Ordering *o)
{
    _cleanup_(order_record_freep) OrderRecord *record = NULL;
    const AuthoritySettings *a = ordering_take_up(o, &record);
    int r;

    o->state = ORDERING_PREPARING;
    orders_end_rechecks(o->orders, o->wanted.names);
    if (!a)
        a = ordering_choose_authority(o);
    if (!a) {
        ordering_give_up(o);
        return;
    }
    if (!record && !can_prove(&o->orders->solving, o->wanted.names, &o->outcome.problem)) {
        ordering_fail(o, -EOPNOTSUPP, "Placing an order");
        return;
    }
    if (record && ordering_must_stay(o, a)) {
        o->outcome.kind = OUTCOME_POSTPONED;
        ordering_end_later(o);
        return;
    }
    on_progress(0.05, record ? "resuming an order" : "preparing an order", o);
    o->attempt.resumed = record != NULL;
    o->attempt.record = TAKE_PTR(record);
    r = name_connection(o, a);
    if (r >= 0)
        r = o->attempt.resumed ? resume(o) : begin_new(o, a);
    if (r < 0)
        ordering_fail(o, r, "Preparing an order");
}

/* ---- its end without an outcome */

void ordering_conclude(Ordering *o)
{
    Orders *s = o->orders;

    if (o->attempt.connection && o->tried)
        ordering_note_end(o);
    ordering_detach(o);
    if (o->owner == OWNER_GONE)
        destroy(o);
    queue_drive(s);
}

/* A worker that is writing the record is waited for. */
static void cancel(Ordering *o, OrderingOwner owner, bool forget)
{
    o->owner = owner;
    if (forget)
        orders_forget(o->orders, o->wanted.name);
    o->attempt.order = order_free(o->attempt.order);
    o->ending = sd_event_source_disable_unref(o->ending);
    if (!o->attempt.writing)
        ordering_conclude(o);
}

void ordering_stop(Ordering *o, ProblemCode code, const char *text)
{
    cancel(o, OWNER_STOPPED, true);
    outcome_clear(&o->outcome); /* neither a chain that came meanwhile nor the ledger's times matter */
    problem_set(&o->outcome.problem, code, "%s", text);
}

Ordering *ordering_free(Orders *s, Ordering *o, bool forget)
{
    if (o->state == ORDERING_OVER) {
        if (s && forget)
            orders_forget(s, o->wanted.name);
        destroy(o);
    } else
        cancel(o, OWNER_GONE, forget);
    return NULL;
}
