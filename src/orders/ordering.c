/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders/orders-internal.h"

#include <errno.h>
#include <sys/queue.h>

#include "acme/order.h"
#include "config/settings.h"
#include "core/limits.h"
#include "core/now.h"
#include "core/private-name.h"
#include "crypto/request.h"
#include "util/log.h"
#include "util/text.h"

#define DISK_WORKERS   1 /* what is written about one order is written in turn */
#define CRYPTO_WORKERS 2

/* ---- an ordering */

void ordering_free(Ordering *o)
{
    TAILQ_REMOVE(&o->source->orderings, o, entry);
    source_release(o->source);
    order_seeker_cancel(o->seeker);
    order_free(o->order);
    order_record_free(o->record);
    bundle_free(o->bundle);
    problem_clear(&o->problem);
    sd_event_source_disable_unref(o->ending);
    strv_free(o->names);
    record_free(o->former);
    free(o->worked);
    free(o->name);
    free(o->authority);
    free(o->solver);
    free(o->peer_name);
    free(o);
}

static void ordering_end(Ordering *o)
{
    OrderResult result = {
        .bundle = TAKE_PTR(o->bundle),
        .authority = strempty(o->peer_name),
        .solver = o->worked,
        .problem = &o->problem,
        .until = o->until,
        .waited = o->waited,
        .attempted = o->attempted,
    };
    AcmeSource *s = o->source;

    if (!result.bundle && o->retry_after > 0)
        result.until = MAX(o->until, clock_now() + o->retry_after);
    if (!result.bundle && (o->keeps_record || ((o->finalized || o->resumed) && o->at_authority)))
        (void)strv_extend(&s->kept, o->name);
    else if (!result.bundle && !o->waited)
        source_forget_order(s, o->name);
    if (o->done)
        o->done(&result, o->userdata);
    else
        bundle_free(result.bundle);
    ordering_free(o);
    source_clean_peers(s);
    acme_source_drive(s);
}

/* Whether the order is made once more: anew when it was one of before the last stop, at another authority when this one is in
 * trouble, with another proof when this one was refused. */
static bool try_again(Ordering *o)
{
    unsigned all = (1U << o->source->n_ordered) - 1;

    if (o->bundle || !o->done || o->waited)
        return false;
    if (o->resumed && !o->at_authority) { /* that it was interrupted may be what was wrong with it */
        o->n_asked = 0;
        return true;
    }
    if (o->at_authority)
        return !o->finalized && !o->resumed && /* else there may be a certificate, which is fetched later */
               (problem_is_rate_limited(&o->problem) ||
                ledger_state(o->peer->book->ledger, clock_now()) != LEDGER_CLOSED) &&
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
    AcmeSource *s = o->source;

    o->ending = sd_event_source_disable_unref(o->ending);
    o->order = order_free(o->order);
    o->ends = o->outside;
    if (o->ends)
        return 0;
    if (o->state == ORDERING_RUNNING || o->state == ORDERING_PREPARING)
        s->n_running--;
    if (o->peer && !o->waited)
        ordering_note_end(o);
    if (o->peer && try_again(o)) {
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
        acme_source_drive(s); /* its record stays until the next one takes its place */
    } else {
        o->state = ORDERING_ENDED;
        ordering_end(o);
    }
    return 0;
}

void ordering_end_later(Ordering *o)
{
    if (!o->ending && sd_event_add_defer(o->source->event, &o->ending, on_ending, o) < 0)
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

    if (o->done && o->progress)
        o->progress(progress, step, o->userdata);
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
    AcmeSource *s = o->source;
    OrderContext context = {
        .event = s->event,
        .client = o->peer->client,
        .crypto = s->crypto,
        .solvers = s->ordered,
        .n_solvers = s->n_ordered,
        .solver = o->solver,
        .failed_solvers = o->failed_solvers,
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

static int name_peer(Ordering *o, const AuthoritySettings *a)
{
    free(o->peer_name);
    o->peer_name = strdup(a->name);
    if (!o->peer_name)
        return -ENOMEM;
    if (o->n_asked < LIMIT_AUTHORITIES)
        o->asked[o->n_asked++] = a->name;
    return peer_get(o->source, a, &o->peer);
}

/* An authority that keeps no list of orders cannot tell whether it has made one just before the service was stopped. If each
 * start made another one, a service that is started again and again would use up what the authority allows. */
static bool must_wait_for_lost(Ordering *o)
{
    const char *name = o->peer->authority->name;
    int64_t after = ledger_after(o->peer->book->ledger, o->name);

    if (o->reissue || o->manual || acme_client_orders_url(o->peer->client) || after <= clock_now())
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

static int peer_get_search(AcmeSource *s, Peer *p)
{
    _cleanup_strv_ char **known = NULL;
    int r;

    if (p->search)
        return 0;
    r = source_left_urls(s, &known);
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
    r = peer_get_search(o->source, o->peer);
    return r < 0 ? r : order_search_add(o->peer->search, o->record->names, on_found, o, &o->seeker);
}

void ordering_maybe_run(Ordering *o)
{
    if (o->record && !o->outside && !o->order && !o->ending && !o->ends &&
        o->waits_for <= o->peer->book->kept && o->state == ORDERING_PREPARING && !o->seeker)
        ordering_run(o);
}

/* Nobody can be asked now. */
static void ordering_give_up(Ordering *o)
{
    if (o->held) {
        o->state = ORDERING_WAITING;
        o->source->n_running--;
        return;
    }
    o->waited = o->until > 0 && !o->tried;
    if (o->until == 0 && o->n_asked == 0)
        (void)acme_settings_suit(o->source->settings, o->names, o->authority, &o->problem);
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
    o->source->n_running++;
    if (o->source->left)
        strv_take(o->source->left, o->name);
    if (o->source->kept)
        strv_take(o->source->kept, o->name);
    if (!a)
        a = ordering_choose_authority(o);
    if (!a) {
        ordering_give_up(o);
        return;
    }
    if (!record && !source_can_prove(o->source, o->names, &o->problem)) {
        ordering_fail(o, -EOPNOTSUPP, "Placing an order");
        return;
    }
    if (record && ordering_must_stay(o, a)) {
        order_record_free(record);
        ordering_end_later(o);
        return;
    }
    on_progress(0.05, record ? "going on with an order" : "preparing an order", o);
    r = name_peer(o, a);
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

/* Hands the settings on to what works with them. */
static void source_configure_parts(AcmeSource *s)
{
    const AcmeSettings *acme = &s->settings->acme;

    (void)dns_set_servers(s->dns, acme->dns_resolvers);
    s->solving.settings = acme;
    s->n_ordered = 0;
    for (size_t i = 0; i < acme->n_challenges; i++)
        s->ordered[s->n_ordered++] = s->solvers[acme->challenges[i]];
}

int source_open(AcmeSource *s)
{
    int r = 0;

    if (s->http)
        return 0;
    if ((r = workers_new(s->event, "acme", DISK_WORKERS, s, &s->workers)) < 0 ||
        (r = workers_new(s->event, "acme-crypto", CRYPTO_WORKERS, s, &s->crypto)) < 0 ||
        (r = http_new(s->event, &s->http)) < 0 ||
        (r = dns_new(s->event, s->settings->acme.dns_resolvers, &s->dns)) < 0)
        return r;
    s->solving = (SolverContext){ s->event, s->http, s->dns, &s->settings->acme };
    if ((r = solver_http_new(&s->solving, &s->solvers[CHALLENGE_HTTP_01])) < 0 ||
        (r = solver_tls_new(&s->solving, &s->solvers[CHALLENGE_TLS_ALPN_01])) < 0 ||
        (r = solver_dns_new(&s->solving, &s->solvers[CHALLENGE_DNS_01])) < 0)
        return r;
    source_configure_parts(s);
    return 0;
}

int acme_source_order(AcmeSource *s, const OrderWish *wish, OrderProgress progress, OrderDone done,
                      void *userdata, Ordering **ret)
{
    Ordering *o;
    int r = source_open(s);

    if (r < 0)
        return r;
    o = calloc(1, sizeof(Ordering));
    if (!o)
        return -ENOMEM;
    *o = (Ordering){
        .source = s,
        .key_type = wish->key_type,
        .keeps_key = wish->keeps_key,
        .manual = wish->manual,
        .reissue = wish->reissue,
        .anew = wish->anew,
        .early = wish->early,
        .not_after = wish->not_after,
        .begun = source_monotonic(s),
        .progress = progress,
        .done = done,
        .userdata = userdata,
    };
    TAILQ_INSERT_TAIL(&s->orderings, o, entry);
    o->name = strdup(wish->name);
    o->authority = wish->authority ? strdup(wish->authority) : NULL;
    o->solver = wish->solver ? strdup(wish->solver) : NULL;
    o->former = wish->former ? record_copy(wish->former) : NULL;
    if (!o->name || (wish->authority && !o->authority) || (wish->former && !o->former) ||
        strv_copy(wish->names, &o->names) < 0) {
        ordering_free(o);
        return -ENOMEM;
    }
    *ret = o;
    acme_source_drive(s);
    return 0;
}

Ordering *ordering_cancel(Ordering *o, bool forget)
{
    AcmeSource *s = o->source;

    o->done = NULL;
    o->forgets = forget;
    o->order = order_free(o->order);
    o->ending = sd_event_source_disable_unref(o->ending);
    if (o->outside)
        return NULL;
    if (o->state == ORDERING_RUNNING || o->state == ORDERING_PREPARING)
        s->n_running--;
    if (o->peer && o->tried)
        ordering_note_end(o);
    if (forget)
        source_forget_order(s, o->name);
    ordering_free(o);
    acme_source_drive(s);
    return NULL;
}

void acme_source_forget(AcmeSource *s, const char *name)
{
    if (s->workers)
        source_forget_order(s, name);
}

bool acme_source_has_order(const AcmeSource *s, const char *name)
{
    return strv_contains(s->left, name);
}

size_t acme_source_running(const AcmeSource *s)
{
    return s->n_running;
}

size_t acme_source_busy(const AcmeSource *s)
{
    size_t n = s->workers ? workers_pending(s->workers) : 0;
    const Ordering *o;
    const Book *b;

    TAILQ_FOREACH (o, &s->orderings, entry)
        n++;
    for (size_t i = 0; i < ELEMENTSOF(s->solvers); i++)
        n += solver_is_busy(s->solvers[i]);
    TAILQ_FOREACH (b, &s->books, entry)
        n += b->looking != NULL;
    return n + s->n_checks;
}

/* ---- the source */

void acme_source_configure(AcmeSource *s, Settings *settings)
{
    Settings *former = s->settings;
    Ordering *o;

    s->settings = settings_ref(settings);
    if (s->http) {
        source_configure_parts(s);
        TAILQ_FOREACH (o, &s->orderings, entry) {
            o->n_asked = 0; /* the names were those of the former settings */
            o->held = false;
        }
        source_clean_peers(s);
    }
    settings_unref(former);
}

int acme_source_new(sd_event *event, Store *store, AcmeBack back, void *userdata, AcmeSource **ret)
{
    _cleanup_(acme_source_freep) AcmeSource *s = calloc(1, sizeof(AcmeSource));
    int r;

    if (!s)
        return -ENOMEM;
    s->event = sd_event_ref(event);
    s->store = store;
    s->back = back;
    s->back_userdata = userdata;
    TAILQ_INIT(&s->peers);
    TAILQ_INIT(&s->books);
    TAILQ_INIT(&s->checks);
    TAILQ_INIT(&s->orderings);
    TAILQ_INIT(&s->revocations);
    r = store_list_orders(store, &s->left);
    if (r >= 0)
        r = source_pace_init(s);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(s);
    return 0;
}

AcmeSource *acme_source_free(AcmeSource *s)
{
    Ordering *o, *next;
    Book *b;

    if (!s)
        return NULL;
    s->closing = true;
    s->back = NULL;
    TAILQ_FOREACH (o, &s->orderings, entry)
        o->done = NULL;
    if (s->workers)
        workers_free(TAKE_PTR(s->workers));
    for (o = TAILQ_FIRST(&s->orderings); o; o = next) {
        next = TAILQ_NEXT(o, entry);
        ordering_free(o);
    }
    if (s->crypto)
        workers_free(TAKE_PTR(s->crypto));
    source_give_up_checks(s);
    while (!TAILQ_EMPTY(&s->peers))
        peer_free(s, TAILQ_FIRST(&s->peers));
    source_give_up_revocations(s);
    for (size_t i = 0; i < ELEMENTSOF(s->solvers); i++)
        if (s->solvers[i])
            solver_free(s->solvers[i]);
    if (s->http)
        http_free(s->http);
    dns_free(s->dns);
    while ((b = TAILQ_FIRST(&s->books))) {
        TAILQ_REMOVE(&s->books, b, entry);
        book_close(b);
    }
    sd_event_source_disable_unref(s->pace_timer);
    sd_event_source_disable_unref(s->drive_source);
    sd_event_source_disable_unref(s->back_source);
    strv_free(s->left);
    strv_free(s->kept);
    settings_unref(s->settings);
    sd_event_unref(s->event);
    free(s);
    return NULL;
}
