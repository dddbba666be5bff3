/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders/orders-internal.h"

#include <errno.h>

#include "config/settings.h"
#include "solvers/listen.h"
#include "util/log.h"
#include "util/text.h"

#define DISK_WORKERS   1 /* what is written about one order is written in turn */
#define CRYPTO_WORKERS 2

/* Passes the settings on to the resolver and the solvers. */
static void configure_parts(Orders *s)
{
    const AcmeSettings *acme = &s->settings->acme;
    Solving *v = &s->solving;

    (void)dns_set_servers(v->context.dns, acme->dns_resolvers);
    v->context.settings = acme;
    v->n_ordered = 0;
    for (size_t i = 0; i < acme->n_challenges; i++)
        v->ordered[v->n_ordered++] = v->solvers[acme->challenges[i]];
}

int orders_open(Orders *s)
{
    Solving *v = &s->solving;
    int r;

    if (v->context.http)
        return 0;
    v->context = (SolverContext){ .event = s->event, .settings = &s->settings->acme };
    if ((r = workers_new(s->event, "acme", DISK_WORKERS, s, &s->workers)) < 0 ||
        (r = workers_new(s->event, "acme-crypto", CRYPTO_WORKERS, s, &s->crypto)) < 0 ||
        (r = http_new(s->event, &v->context.http)) < 0 ||
        (r = dns_new(s->event, s->settings->acme.dns_resolvers, &v->context.dns)) < 0 ||
        (r = solver_http_new(&v->context, &v->solvers[CHALLENGE_HTTP_01])) < 0 ||
        (r = solver_tls_new(&v->context, &v->solvers[CHALLENGE_TLS_ALPN_01])) < 0 ||
        (r = solver_dns_new(&v->context, &v->solvers[CHALLENGE_DNS_01])) < 0)
        return r;
    configure_parts(s);
    return 0;
}

static int copy_request(const OrderingRequest *request, WantedChain *w)
{
    w->former = request->former ? record_copy(request->former) : NULL;
    if (request->former && !w->former)
        return -ENOMEM;
    if (text_set(&w->name, request->name) < 0 || text_set(&w->authority, request->authority) < 0 ||
        text_set(&w->solver, request->solver) < 0)
        return -ENOMEM;
    return strv_copy(request->names, &w->names);
}

int orders_begin(Orders *s, const OrderingRequest *request, Ordering **ret)
{
    Ordering *o;
    int r = orders_open(s);

    if (r < 0)
        return r;
    o = calloc(1, sizeof(Ordering));
    if (!o)
        return -ENOMEM;
    *o = (Ordering){
        .orders = s,
        .wanted = { .key_type = request->key_type,
                    .not_after = request->not_after,
                    .automatic = !(request->flags & ORDERING_REISSUE),
                    .begun = loop_now(s->event, CLOCK_MONOTONIC) },
        .flags = request->flags,
    };
    STAILQ_INIT(&o->requests);
    TAILQ_INSERT_TAIL(&s->queue.orderings, o, entry);
    r = copy_request(request, &o->wanted);
    if (r < 0) {
        ordering_detach(o);
        ordering_free(s, o, false);
        return r;
    }
    *ret = o;
    queue_drive(s);
    return 0;
}

size_t orders_busy(const Orders *s)
{
    size_t n = orders_running_checks(s) + orders_running_rechecks(s) +
               (s->workers ? workers_pending(s->workers) : 0);
    const LedgerFile *f;
    const Ordering *o;

    TAILQ_FOREACH (o, &s->queue.orderings, entry)
        n++;
    for (size_t i = 0; i < ELEMENTSOF(s->solving.solvers); i++)
        n += solver_is_busy(s->solving.solvers[i]);
    TAILQ_FOREACH (f, &s->ledgers, entry)
        n += f->outage.probe != NULL;
    return n;
}

void orders_set_network(Orders *s, const Network *network)
{
    s->network = network;
}

void orders_configure(Orders *s, Settings *settings)
{
    Settings *former = s->settings;
    Ordering *o;
    int r;

    s->settings = settings_ref(settings);
    /* a request that started the service waits for its answer, even if there is no proof for it */
    if (!former && sockets_are_passed() && (r = orders_open(s)) < 0)
        (void)log_warning_errno(r, "Failed to answer at the sockets of systemd");
    if (s->solving.context.http) {
        configure_parts(s);
        TAILQ_FOREACH (o, &s->queue.orderings, entry)
            o->n_asked = 0; /* the names were those of the former settings */
        queue_unhold(s);
        orders_clean_connections(s);
    }
    settings_unref(former);
}

int orders_new(sd_event *event, Store *store, const OrdersObserver *observer, void *userdata, Orders **ret)
{
    _cleanup_(orders_freep) Orders *s = calloc(1, sizeof(Orders));
    int r;

    if (!s)
        return -ENOMEM;
    s->event = sd_event_ref(event);
    s->store = store;
    s->observer = observer;
    s->userdata = userdata;
    TAILQ_INIT(&s->connections);
    TAILQ_INIT(&s->ledgers);
    TAILQ_INIT(&s->checks);
    TAILQ_INIT(&s->queue.orderings);
    TAILQ_INIT(&s->revocations);
    TAILQ_INIT(&s->rehearsals);
    r = store_list_orders(store, &s->interrupted.left);
    if (r >= 0)
        r = queue_init(s);
    if (r >= 0)
        r = deferred_add(event, &s->back_source, orders_on_back, s);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(s);
    return 0;
}

static void solving_done(Solving *v)
{
    for (size_t i = 0; i < ELEMENTSOF(v->solvers); i++)
        solver_free(v->solvers[i]);
    if (v->context.http)
        http_free(v->context.http);
    dns_free(v->context.dns);
}

Orders *orders_free(Orders *s)
{
    LedgerFile *f;
    Ordering *o;

    if (!s)
        return NULL;
    s->closing = true;
    if (s->workers)
        workers_free(TAKE_PTR(s->workers));
    while ((o = TAILQ_FIRST(&s->queue.orderings))) { /* the owners free theirs later */
        ordering_detach(o);
        if (o->owner == OWNER_GONE)
            ordering_free(NULL, o, false);
    }
    if (s->crypto)
        workers_free(TAKE_PTR(s->crypto));
    orders_give_up_checks(s);
    orders_give_up_rechecks(s);
    orders_give_up_rehearsals(s);
    while (!TAILQ_EMPTY(&s->connections))
        connection_free(s, TAILQ_FIRST(&s->connections));
    orders_give_up_revocations(s);
    solving_done(&s->solving);
    while ((f = TAILQ_FIRST(&s->ledgers))) {
        TAILQ_REMOVE(&s->ledgers, f, entry);
        ledger_file_close(f);
    }
    sd_event_source_disable_unref(s->queue.pace_timer);
    sd_event_source_disable_unref(s->queue.drive_source);
    sd_event_source_disable_unref(s->back_source);
    strv_free(s->interrupted.left);
    strv_free(s->interrupted.kept);
    settings_unref(s->settings);
    sd_event_unref(s->event);
    free(s);
    return NULL;
}
