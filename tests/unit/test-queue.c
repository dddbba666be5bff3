/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

/* In which order, and how fast, what waits is begun. */

/* Whoever somebody waits for comes first, then that whose chain ends first. */
static void test_order(void)
{
    const OrderingRequest late = { .not_after = 3000 }, soon = { .not_after = 1000 },
                          manual = { .not_after = 9000, .flags = ORDERING_MANUAL | ORDERING_REISSUE };
    _cleanup_orders_ OrdersFixture f = {};
    Asked a, b, c, d;

    orders_fixture_init(&f);
    orders_start(&f);
    orders_ask(&f, "late.example", &late, &a);
    orders_ask(&f, "soon.example", &soon, &b);
    orders_ask(&f, "manual.example", &manual, &c);
    orders_ask(&f, "sooner.example", &(OrderingRequest){ .not_after = 500 }, &d);
    orders_await(&f, &a);
    orders_await(&f, &b);
    orders_await(&f, &c);
    orders_await(&f, &d);
    g_assert_cmpstr(f.begun->str, ==, "manual.example sooner.example soon.example late.example ");
    g_assert_cmpint(c.code, ==, PROBLEM_NETWORK_FAILED);
    g_assert_true(c.attempted && !c.waited);
    g_assert_cmpuint(orders_running(f.orders), ==, 0);
}

/* What is likely to fail comes last, unless somebody waits for it. */
static void test_doubtful(void)
{
    static const char *const doubtful[] = { "soon.example", "manual.example" };
    const OrderingRequest late = { .not_after = 3000 }, soon = { .not_after = 1000 };
    _cleanup_orders_ OrdersFixture f = {};
    Asked a, b, c;

    orders_fixture_init(&f);
    orders_start(&f);
    for (size_t i = 0; i < ELEMENTSOF(doubtful); i++)
        g_assert_cmpint(ledger_note_finding(orders_ledger_file(&f)->ledger, doubtful[i],
                                            &(SolverFinding){ doubtful[i], "http-01", 7 }, now_seconds()),
                        ==, 0);
    orders_ask(&f, "soon.example", &soon, &a);
    orders_ask(&f, "late.example", &late, &b);
    orders_ask(&f, "manual.example", &(OrderingRequest){ .flags = ORDERING_MANUAL | ORDERING_REISSUE }, &c);
    orders_await(&f, &a);
    orders_await(&f, &b);
    orders_await(&f, &c);
    g_assert_cmpstr(f.begun->str, ==, "manual.example late.example soon.example ");
}

static bool has_begun(void *userdata)
{
    return ((OrdersFixture *)userdata)->begun->len > 0;
}

/* No more than LIMIT_ORDERS run at a time, and the others have their turn. */
static void test_limit(void)
{
    enum { N = LIMIT_ORDERS + 4 };
    _cleanup_orders_ OrdersFixture f = {};
    char names[N][16];
    Asked asked[N];
    unsigned n_begun = 0;

    orders_fixture_init(&f);
    f.settings->orders_per_minute = 0;
    orders_start(&f);
    for (int i = 0; i < N; i++) {
        g_snprintf(names[i], sizeof(names[i]), "n%d.example", i);
        orders_ask(&f, names[i], &(OrderingRequest){ .flags = ORDERING_MANUAL | ORDERING_REISSUE },
                   asked + i);
    }
    loop_until(f.event, has_begun, &f);
    for (int i = 0; i < N; i++)
        n_begun += asked[i].begun;
    g_assert_cmpuint(n_begun, ==, LIMIT_ORDERS);
    g_assert_cmpuint(orders_running(f.orders), ==, LIMIT_ORDERS);
    for (int i = 0; i < N; i++)
        orders_await(&f, asked + i);
}

/* OrdersPerMinute= makes those wait that nobody waits for, and no others. */
static void test_pace(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a, b, c;

    orders_fixture_init(&f);
    f.settings->orders_per_minute = 1;
    orders_start(&f);
    orders_ask(&f, "a.example", NULL, &a);
    orders_ask(&f, "b.example", NULL, &b);
    orders_await(&f, &a);
    orders_ask(&f, "c.example", &(OrderingRequest){ .flags = ORDERING_MANUAL | ORDERING_REISSUE }, &c);
    orders_await(&f, &c);
    g_assert_false(b.begun);
    g_assert_cmpint(b.ordering->state, ==, ORDERING_WAITING);
    orders_cancel(&f, &b);
    g_assert_cmpstr(f.begun->str, ==, "a.example c.example ");
}

/* A reissue joins what waits, in whichever way that was begun; not what runs with the key that is not to be used any more. */
static void test_join(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a, b;

    orders_fixture_init(&f);
    f.settings->orders_per_minute = 1;
    orders_start(&f);
    orders_ask(&f, "a.example", &(OrderingRequest){ .flags = ORDERING_REUSE_KEY | ORDERING_EARLY }, &a);
    g_assert_true(ordering_join(a.ordering, false));
    g_assert_cmpint(a.ordering->flags, ==, ORDERING_REISSUE);
    g_assert_true(ordering_join(a.ordering, true));
    g_assert_cmpint(a.ordering->flags, ==, ORDERING_REISSUE | ORDERING_MANUAL);
    orders_ask(&f, "b.example", &(OrderingRequest){ .flags = ORDERING_REUSE_KEY | ORDERING_MANUAL }, &b);
    loop_until(f.event, has_begun, &f);
    g_assert_true(a.begun && b.begun);
    g_assert_cmpint(b.ordering->state, !=, ORDERING_WAITING);
    g_assert_false(ordering_join(b.ordering, true));
    g_assert_true(ordering_join(a.ordering, true));
    orders_await(&f, &a);
    orders_await(&f, &b);
}

/* One that is cancelled is not told of. */
static void test_cancel(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a, b;

    orders_fixture_init(&f);
    orders_start(&f);
    orders_ask(&f, "a.example", NULL, &a);
    orders_ask(&f, "b.example", NULL, &b);
    orders_cancel(&f, &a);
    orders_await(&f, &b);
    g_assert_false(a.begun || a.done);
}

static bool has_left(void *userdata)
{
    return ((Asked *)userdata)->ordering->state == ORDERING_OVER;
}

/* What was recorded of the attempt is no outcome of one that is stopped: its owner decides when to try again. */
static void test_stop(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    OrderingOutcome outcome;
    Asked a;

    orders_fixture_init(&f);
    orders_start(&f);
    orders_ask(&f, "a.example", NULL, &a);
    loop_until(f.event, has_begun, &f);
    ordering_stop(a.ordering, PROBLEM_CANCELLED, "It was cancelled.");
    g_assert_true(ordering_is_over(a.ordering));
    loop_until(f.event, has_left, &a); /* a worker may be writing its record */
    outcome = ordering_outcome(a.ordering);
    g_assert_cmpint(outcome.problem->code, ==, PROBLEM_CANCELLED);
    g_assert_true(outcome.automatic);
    g_assert_false(outcome.attempted || outcome.waited || outcome.offline);
    g_assert_null(outcome.chain);
    g_assert_cmpint(outcome.until, ==, 0);
    orders_cancel(&f, &a);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/queue/order", test_order);
    g_test_add_func("/queue/doubtful", test_doubtful);
    g_test_add_func("/queue/limit", test_limit);
    g_test_add_func("/queue/pace", test_pace);
    g_test_add_func("/queue/join", test_join);
    g_test_add_func("/queue/cancel", test_cancel);
    g_test_add_func("/queue/stop", test_stop);
    return g_test_run();
}
