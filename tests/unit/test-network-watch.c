/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "manager/manager-internal.h"
#include "net/routes.h"

/* Orders that failed as there was no network are retried when there is one. */

static void fail_for(Certificate *c, ProblemCode code)
{
    Problem problem = { .code = code, .text = S("There is no network.") };

    record_set_failure(c->record, &problem, now_seconds());
    c->record->failure.attempts = 0; /* the service's own ledger has nothing of it */
    c->record->order_failed = true;
}

static bool is_retried(void *userdata)
{
    return ((Certificate *)userdata)->order.retry;
}

/* A moment later, and until then the service stays. */
static void test_retry(void)
{
    _cleanup_service_ Service s = {};
    NetworkWatch *w;
    Certificate *c;

    service_start_with(&s, MODULE_WWW "[Certificate mail.example.com]\n");
    w = s.manager->network;
    c = service_find(&s, "www.example.com");
    fail_for(c, PROBLEM_NETWORK_FAILED);
    fail_for(service_find(&s, "mail.example.com"), PROBLEM_AUTHORITY_REFUSED);
    network_watch_retry(w);
    g_assert_true(network_watch_awaits(w));
    g_assert_false(manager_is_idle(s.manager));
    loop_until(s.event, is_retried, c);
    g_assert_false(service_find(&s, "mail.example.com")->order.retry);
}

/* For what failed otherwise nothing is to be awaited from the network. */
static void test_nothing_to_retry(void)
{
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    network_watch_retry(s.manager->network);
    g_assert_false(network_watch_awaits(s.manager->network));
    fail_for(service_find(&s, "www.example.com"), PROBLEM_AUTHORITY_FAILED);
    network_watch_retry(s.manager->network);
    g_assert_false(network_watch_awaits(s.manager->network));
    g_assert_true(manager_is_idle(s.manager));
}

/* Without a route it is awaited by itself. */
static void test_route(void)
{
    _cleanup_service_ Service s = {};
    NetworkWatch *w;

    service_start_with(&s, MODULE_WWW);
    w = s.manager->network;
    g_assert_cmpint(network_watch_has_route(w), ==, network_has_default_route(network_watch_routes(w)));
    fail_for(service_find(&s, "www.example.com"), PROBLEM_NETWORK_FAILED);
    g_assert_cmpint(network_watch_awaits(w), ==, !network_watch_has_route(w));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/network-watch/retry", test_retry);
    g_test_add_func("/network-watch/nothing-to-retry", test_nothing_to_retry);
    g_test_add_func("/network-watch/route", test_route);
    return g_test_run();
}
