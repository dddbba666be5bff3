/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders/orders-internal.h"

#include <errno.h>

#include "acme/order.h"
#include "config/settings.h"
#include "core/now.h"
#include "util/log.h"
#include "util/text.h"

/* ---- an ordering */

void ordering_detach(Ordering *o)
{
    TAILQ_REMOVE(&o->orders->orderings, o, entry);
    orders_unhold(o->orders);
    o->seeker = order_seeker_cancel(o->seeker);
    o->order = order_free(o->order);
    o->record = order_record_free(o->record);
    o->ending = sd_event_source_disable_unref(o->ending);
    o->connection = NULL;
    o->orders = NULL;
    o->state = ORDERING_OVER;
}

static void destroy(Ordering *o)
{
    bundle_free(o->bundle);
    problem_clear(&o->problem);
    strv_free(o->names);
    record_free(o->former);
    free(o->worked);
    free(o->name);
    free(o->authority);
    free(o->solver);
    free(o->asked_now);
    free(o);
}

const char *ordering_name(const Ordering *o)
{
    return o->name;
}

char *const *ordering_names(const Ordering *o)
{
    return o->names;
}

struct RequestQueue *ordering_requests(Ordering *o)
{
    return &o->requests;
}

bool ordering_is_over(const Ordering *o)
{
    return o->state == ORDERING_OVER || o->owner == OWNER_STOPPED;
}

OrderingOutcome ordering_outcome(const Ordering *o)
{
    OrderingOutcome stopped = {
        .authority = "", .problem = &o->problem, .requests = &o->requests, .automatic = o->automatic
    };

    if (o->owner == OWNER_STOPPED) /* neither a chain that came meanwhile nor the ledger's times matter */
        return stopped;
    return (OrderingOutcome){
        .chain = o->bundle ? o->bundle->chain : NULL,
        .authority = strempty(o->asked_now),
        .solver = o->worked,
        .problem = &o->problem,
        .requests = &o->requests,
        .until = o->until,
        .waited = o->waited,
        .attempted = o->attempted,
        .offline = o->offline,
        .automatic = o->automatic,
    };
}

Bundle *ordering_take_bundle(Ordering *o)
{
    return TAKE_PTR(o->bundle);
}

/* One without a default route may have authorities of its own: so the failure tells. */
static bool is_offline(const Ordering *o)
{
    const Network *network = o->orders->network;

    return o->problem.code == PROBLEM_NETWORK_FAILED && o->problem.unreachable && network &&
           !network_has_default_route(network);
}

static void ordering_end(Ordering *o)
{
    Orders *s = o->orders;

    o->offline = is_offline(o);
    if (!o->bundle && (o->keeps_record || ((o->finalized || o->resumed) && o->at_authority)))
        (void)strv_extend(&s->kept, o->name);
    else if (!o->bundle && !o->waited)
        orders_forget(s, o->name);
    if (!o->bundle && o->retry_after > 0)
        o->until = MAX(o->until, clock_now() + o->retry_after);
    ordering_detach(o);
    s->observer->over(o, s->userdata);
    orders_clean_connections(s);
    queue_drive(s);
}

/* Whether the order is made once more: anew when it was one of before the last stop, at another authority when this one is in
 * trouble, with another proof when this one was refused. */
static bool try_again(Ordering *o)
{
    unsigned all = (1U << o->orders->n_ordered) - 1;

    if (o->bundle || o->owner != OWNER_WAITS || o->waited)
        return false;
    if (o->resumed && !o->at_authority) { /* that it was interrupted may be what was wrong with it */
        o->n_asked = 0;
        return true;
    }
    if (o->at_authority)
        return !o->finalized && !o->resumed && /* else there may be a certificate, which is fetched later */
               (problem_is_rate_limited(&o->problem) ||
                ledger_state(o->connection->book->ledger, clock_now()) != LEDGER_CLOSED) &&
               ordering_has_other(o);
    if (o->refused == 0 || o->retry_after > 0 || (o->failed_solvers | o->refused) == all)
        return false;
    if (o->n_asked > 0) /* the same authority once more */
        o->n_asked--;
    o->failed_solvers |= o->refused;
    return true;
}

static int on_ending(sd_event_source *source _unused_, void *userdata)
{
    Ordering *o = userdata;
    Orders *s = o->orders;

    o->ending = sd_event_source_disable_unref(o->ending);
    o->order = order_free(o->order);
    o->ends = o->outside;
    if (o->ends)
        return 0;
    if (o->state == ORDERING_RUNNING || o->state == ORDERING_PREPARING)
        s->n_running--;
    if (o->connection && !o->waited)
        ordering_note_end(o);
    if (o->connection && try_again(o)) {
        log_notice("%s: %s%s Trying another way.", o->name, strempty(o->problem.text),
                   text_full_stop(strempty(o->problem.text)));
        problem_clear(&o->problem);
        o->record = order_record_free(o->record);
        o->state = ORDERING_WAITING;
        TAILQ_REMOVE(&s->orderings, o, entry);
        TAILQ_INSERT_TAIL(&s->orderings, o, entry);
        o->refused = 0;
        o->retry_after = 0;
        o->resumed = o->answered = o->at_authority = o->finalized = false;
        queue_drive(s); /* its record stays until the next one takes its place */
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
    problem_set_errno(&o->problem, r, doing);
    ordering_end_later(o);
}

/* ---- the order */

static void on_progress(double progress, const char *step, void *userdata)
{
    Ordering *o = userdata;

    if (o->owner == OWNER_WAITS)
        o->orders->observer->progress(o, progress, step, o->orders->userdata);
}

static void on_placed(void *userdata)
{
    Ordering *o = userdata;

    ordering_note_counted(o);
    if (ordering_write_place(o) < 0) {
        (void)log_oom();
        order_noted(o->order);
    }
}

static void on_order_done(Bundle *bundle, const char *solver, const AcmeFailure *failure, unsigned refused,
                          void *userdata)
{
    Ordering *o = userdata;

    o->bundle = bundle;
    o->finalized = order_was_finalized(o->order);
    free(o->worked);
    o->worked = solver ? strdup(solver) : NULL;
    if (failure) {
        (void)problem_copy(failure->problem, &o->problem);
        o->retry_after = failure->retry_after;
        o->at_authority = failure->at_authority;
        o->answered = !failure->at_authority && failure->problem->code == PROBLEM_AUTHORITY_REFUSED;
    }
    o->refused = refused;
    ordering_end_later(o);
}

static const OrderObserver order_observer = { on_progress, on_placed, on_order_done };

void ordering_run(Ordering *o)
{
    Orders *s = o->orders;
    OrderContext context = {
        .event = s->event,
        .client = o->connection->client,
        .crypto = s->crypto,
        .solvers = { s->ordered, s->n_ordered, o->solver, o->failed_solvers },
    };
    int r;

    o->state = ORDERING_RUNNING;
    o->attempted = true;
    r = order_start(&context, o->record, &order_observer, o, &o->order);
    if (r < 0)
        ordering_fail(o, r, "Placing an order");
}

static void strv_take(char **l, const char *s)
{
    size_t n = strv_length(l);

    for (size_t i = 0; i < n; i++)
        if (streq(l[i], s)) {
            free(l[i]);
            memmove(l + i, l + i + 1, (n - i) * sizeof(char *));
            return;
        }
}

static int name_connection(Ordering *o, const AuthoritySettings *a)
{
    free(o->asked_now);
    o->asked_now = strdup(a->name);
    if (!o->asked_now)
        return -ENOMEM;
    if (o->n_asked < LIMIT_AUTHORITIES)
        o->asked[o->n_asked++] = a->name;
    return connection_get(o->orders, a, &o->connection);
}

/* An authority that keeps no list of orders cannot tell whether it has made one just before the service was stopped. If each
 * start made another one, a service that is started again and again would use up what the authority allows. */
static bool must_wait_for_lost(Ordering *o)
{
    const char *name = o->connection->authority->name;
    int64_t after = ledger_after(o->connection->book->ledger, o->name);

    if (o->reissue || o->manual || acme_client_orders_url(o->connection->client) || after <= clock_now())
        return false;
    o->until = after;
    problem_set(
        &o->problem, PROBLEM_AUTHORITY_FAILED,
        "The service was stopped while an order was being placed, and the authority %s cannot tell whether it has "
        "it; it is placed anew later.",
        name);
    return true;
}

static void on_found(const char *url, void *userdata)
{
    Ordering *o = userdata;
    int r;

    o->seeker = NULL;
    if (!url && (must_wait_for_lost(o) || ordering_must_wait(o))) {
        o->waited = true;
        ordering_end_later(o);
        return;
    }
    if (url && !(o->record->url = strdup(url)))
        r = -ENOMEM;
    else
        r = url ? 0 : ordering_note(o);
    if (r >= 0)
        r = ordering_write(o, TAKE_PTR(o->record));
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

/* Goes on with what the record tells. Without an URL the order may have been made all the same, just before a crash. */
static int take_up(Ordering *o)
{
    int r;

    if (o->record->url) {
        ordering_run(o);
        return 0;
    }
    r = connection_get_search(o->orders, o->connection);
    return r < 0 ? r : order_search_add(o->connection->search, o->record->names, on_found, o, &o->seeker);
}

void ordering_maybe_run(Ordering *o)
{
    if (o->record && !o->outside && !o->order && !o->ending && !o->ends &&
        o->waits_for <= o->connection->book->kept && o->state == ORDERING_PREPARING && !o->seeker)
        ordering_run(o);
}

/* Nobody can be asked now. */
static void ordering_give_up(Ordering *o)
{
    if (o->held) {
        o->state = ORDERING_WAITING;
        o->orders->n_running--;
        return;
    }
    o->waited = o->until > 0 && !o->tried;
    if (o->until == 0 && o->n_asked == 0)
        (void)acme_settings_suit(o->orders->settings, o->names, o->authority, &o->problem);
    ordering_fail(o, -EOPNOTSUPP, "Placing an order");
}

static int begin_new(Ordering *o, const AuthoritySettings *a)
{
    int r;

    /* In this order: after a crash the record is what goes on, and what is noted without one has to wait. */
    r = ordering_write(o, ordering_make_record(o, a));
    return r < 0 ? r : ordering_note(o);
}

void ordering_begin(Ordering *o)
{
    OrderRecord *record = NULL;
    const AuthoritySettings *a = ordering_take_up(o, &record);
    int r;

    o->state = ORDERING_PREPARING;
    o->orders->n_running++;
    if (o->orders->left)
        strv_take(o->orders->left, o->name);
    if (o->orders->kept)
        strv_take(o->orders->kept, o->name);
    if (!a)
        a = ordering_choose_authority(o);
    if (!a) {
        ordering_give_up(o);
        return;
    }
    if (!record && !orders_can_prove(o->orders, o->names, &o->problem)) {
        ordering_fail(o, -EOPNOTSUPP, "Placing an order");
        return;
    }
    if (record && ordering_must_stay(o, a)) {
        order_record_free(record);
        ordering_end_later(o);
        return;
    }
    on_progress(0.05, record ? "going on with an order" : "preparing an order", o);
    r = name_connection(o, a);
    if (r >= 0 && record) {
        o->record = TAKE_PTR(record);
        o->resumed = true;
        r = ordering_note_resumed(o);
        if (r >= 0)
            r = take_up(o);
    } else if (r >= 0)
        r = begin_new(o, a);
    order_record_free(record);
    if (r < 0)
        ordering_fail(o, r, "Preparing an order");
}

void ordering_conclude(Ordering *o)
{
    Orders *s = o->orders;

    if (o->state == ORDERING_RUNNING || o->state == ORDERING_PREPARING)
        s->n_running--;
    if (o->connection && o->tried)
        ordering_note_end(o);
    if (o->forgets)
        orders_forget(s, o->name);
    ordering_detach(o);
    if (o->owner == OWNER_GONE)
        destroy(o);
    queue_drive(s);
}

/* What a worker has of it is waited for. */
static void cancel(Ordering *o, OrderingOwner owner, bool forget)
{
    o->owner = owner;
    o->forgets |= forget;
    o->order = order_free(o->order);
    o->ending = sd_event_source_disable_unref(o->ending);
    if (!o->outside)
        ordering_conclude(o);
}

void ordering_stop(Ordering *o, ProblemCode code, const char *text)
{
    cancel(o, OWNER_STOPPED, true);
    problem_clear(&o->problem);
    problem_set(&o->problem, code, "%s", text);
}

Ordering *ordering_free(Orders *s, Ordering *o, bool forget)
{
    if (o->state == ORDERING_OVER) {
        if (s && forget)
            orders_forget(s, o->name);
        destroy(o);
    } else
        cancel(o, OWNER_GONE, forget);
    return NULL;
}
