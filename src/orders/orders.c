/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders/orders-internal.h"

#include <errno.h>

#include "config/settings.h"
#include "core/now.h"
#include "util/text.h"

#define DISK_WORKERS   1 /* what is written about one order is written in turn */
#define CRYPTO_WORKERS 2

/* Hands the settings on to what works with them. */
static void configure_parts(Orders *s)
{
    const AcmeSettings *acme = &s->settings->acme;

    (void)dns_set_servers(s->dns, acme->dns_resolvers);
    s->solving.settings = acme;
    s->n_ordered = 0;
    for (size_t i = 0; i < acme->n_challenges; i++)
        s->ordered[s->n_ordered++] = s->solvers[acme->challenges[i]];
}

int orders_open(Orders *s)
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
    configure_parts(s);
    return 0;
}

int orders_begin(Orders *s, const OrderingRequest *wish, Ordering **ret)
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
        .key_type = wish->key_type,
        .keeps_key = wish->keeps_key,
        .manual = wish->manual,
        .reissue = wish->reissue,
        .automatic = !wish->reissue,
        .retry = wish->retry,
        .early = wish->early,
        .not_after = wish->not_after,
        .begun = loop_now(s->event, CLOCK_MONOTONIC),
    };
    STAILQ_INIT(&o->requests);
    TAILQ_INSERT_TAIL(&s->orderings, o, entry);
    o->name = strdup(wish->name);
    o->authority = wish->authority ? strdup(wish->authority) : NULL;
    o->solver = wish->solver ? strdup(wish->solver) : NULL;
    o->former = wish->former ? record_copy(wish->former) : NULL;
    if (!o->name || (wish->authority && !o->authority) || (wish->former && !o->former) ||
        strv_copy(wish->names, &o->names) < 0) {
        ordering_detach(o);
        ordering_free(s, o, false);
        return -ENOMEM;
    }
    *ret = o;
    queue_drive(s);
    return 0;
}

bool orders_has_order(const Orders *s, const char *name)
{
    return strv_contains(s->left, name);
}

size_t orders_running(const Orders *s)
{
    return s->n_running;
}

size_t orders_busy(const Orders *s)
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

void orders_set_network(Orders *s, const Network *network)
{
    s->network = network;
}

void orders_configure(Orders *s, Settings *settings)
{
    Settings *former = s->settings;
    Ordering *o;

    s->settings = settings_ref(settings);
    if (s->http) {
        configure_parts(s);
        TAILQ_FOREACH (o, &s->orderings, entry) {
            o->n_asked = 0; /* the names were those of the former settings */
            o->held = false;
        }
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
    TAILQ_INIT(&s->books);
    TAILQ_INIT(&s->checks);
    TAILQ_INIT(&s->orderings);
    TAILQ_INIT(&s->revocations);
    r = store_list_orders(store, &s->left);
    if (r >= 0)
        r = queue_init(s);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(s);
    return 0;
}

Orders *orders_free(Orders *s)
{
    Ordering *o, *next;
    Book *b;

    if (!s)
        return NULL;
    s->closing = true;
    if (s->workers)
        workers_free(TAKE_PTR(s->workers));
    for (o = TAILQ_FIRST(&s->orderings); o; o = next) { /* the owners free theirs later */
        next = TAILQ_NEXT(o, entry);
        ordering_detach(o);
        if (o->owner == OWNER_GONE)
            ordering_free(NULL, o, false);
    }
    if (s->crypto)
        workers_free(TAKE_PTR(s->crypto));
    orders_give_up_checks(s);
    while (!TAILQ_EMPTY(&s->connections))
        connection_free(s, TAILQ_FIRST(&s->connections));
    orders_give_up_revocations(s);
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
