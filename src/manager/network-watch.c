/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "crypto/digest.h"
#include "manager/manager-internal.h"
#include "net/routes.h"
#include "util/log.h"

/* Retries orders that failed without a default route as soon as there is one. */

#define BACK_USEC (10 * USEC_PER_SEC) /* random up to this, as other machines come back at the same time */

struct NetworkWatch {
    Manager *manager;
    Network *routes;             /* NULL: they cannot be watched */
    sd_event_source *back_timer; /* armed: the network is back */
};

static int on_back_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    NetworkWatch *w = userdata;

    log_info("Network is back, retrying failed orders.");
    orders_network_back(lifecycle_orders(w->manager->lifecycle));
    return 0;
}

void network_watch_retry(NetworkWatch *w)
{
    uint16_t chance = 0;
    Certificate *c, *next;

    FOREACH_CERTIFICATE (w->manager->model, c, next)
        if (certificate_lacked_network(c)) {
            (void)random_bytes(&chance, sizeof(chance));
            (void)timer_arm(w->back_timer, USEC_PER_SEC + BACK_USEC * chance / UINT16_MAX);
            return;
        }
}

static void on_routes_changed(void *userdata)
{
    network_watch_retry(userdata);
}

Network *network_watch_routes(const NetworkWatch *w)
{
    return w->routes;
}

bool network_watch_has_route(const NetworkWatch *w)
{
    return network_has_default_route(w->routes);
}

bool network_watch_awaits(const NetworkWatch *w)
{
    Certificate *c, *next;

    if (timer_is_armed(w->back_timer))
        return true;
    if (network_watch_has_route(w))
        return false;
    FOREACH_CERTIFICATE (w->manager->model, c, next)
        if (c->published && certificate_lacked_network(c))
            return true;
    return false;
}

int network_watch_new(Manager *m, NetworkWatch **ret)
{
    _cleanup_(network_watch_freep) NetworkWatch *w = calloc(1, sizeof(NetworkWatch));
    int r;

    if (!w)
        return -ENOMEM;
    w->manager = m;
    r = timer_add(m->event, &w->back_timer, CLOCK_MONOTONIC, 0, on_back_timer, w);
    if (r < 0)
        return r;
    r = network_new(m->event, on_routes_changed, w, &w->routes);
    if (r < 0)
        (void)log_warning_errno(r, "Failed to watch the routes, orders are retried by their schedule alone");
    *ret = TAKE_PTR(w);
    return 0;
}

NetworkWatch *network_watch_free(NetworkWatch *w)
{
    if (!w)
        return NULL;
    sd_event_source_disable_unref(w->back_timer);
    network_free(w->routes);
    free(w);
    return NULL;
}
