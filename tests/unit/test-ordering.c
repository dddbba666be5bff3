/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

#include "core/now.h"

/* One ordering from the choice of the authority to its outcome. */

static void test_nobody(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;

    orders_fixture_init(&f);
    f.settings->authorities[0].enabled = false;
    orders_start(&f);
    orders_ask(&f, "a.example", NULL, &a);
    orders_await(&f, &a);
    g_assert_false(a.begun || a.attempted || a.waited);
    g_assert_cmpint(a.code, ==, PROBLEM_ACME_DISABLED);
    g_assert_cmpint(a.until, ==, 0);
}

/* A name that no solver can prove is not ordered: dns-01, which is left, is not set up. */
static void test_no_solver(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;

    orders_fixture_init(&f);
    f.settings->acme.challenges[0] = CHALLENGE_DNS_01;
    f.settings->acme.n_challenges = 1;
    orders_start(&f);
    orders_ask(&f, "a.example", NULL, &a);
    orders_await(&f, &a);
    g_assert_false(a.attempted || a.waited);
    g_assert_cmpint(a.code, !=, PROBLEM_NONE);
    g_assert_cmpuint(ledger_attempts(orders_ledger_file(&f)->ledger, "a.example"), ==, 0);
}

/* When the first authority has an outage, the order is placed at the next one. */
static void test_other(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    LedgerFile *first, *second;
    Asked a;

    orders_fixture_init(&f);
    orders_add_authority(&f, "second");
    orders_start(&f);
    first = orders_ledger_file(&f);
    second = ledger_file_get(f.orders, f.settings->authorities + 1);
    ledger_file_note_outage(first, 0); /* with another failure it is an outage */
    orders_ask(&f, "a.example", NULL, &a);
    orders_await(&f, &a);
    g_assert_true(a.attempted);
    g_assert_cmpuint(ledger_attempts(first->ledger, "a.example"), ==, 1);
    g_assert_cmpuint(ledger_attempts(second->ledger, "a.example"), ==, 1);
    g_assert_cmpint(
        a.until, ==,
        MIN(ledger_after(first->ledger, "a.example"), ledger_after(second->ledger, "a.example")));
}

/* One failure is no outage: the same authority is retried later. */
static void test_same(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;

    orders_fixture_init(&f);
    orders_add_authority(&f, "second");
    orders_start(&f);
    orders_ask(&f, "a.example", NULL, &a);
    orders_await(&f, &a);
    g_assert_true(a.attempted);
    g_assert_cmpuint(
        ledger_attempts(ledger_file_get(f.orders, f.settings->authorities + 1)->ledger, "a.example"), ==, 0);
}

/* During an outage, an interrupted order is kept for later; a caller who waits for it resumes it at once. */
static void test_postponed(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;

    orders_fixture_init(&f);
    orders_leave(&f, "a.example", "https://127.0.0.1:1/order/1");
    orders_start(&f);
    ledger_file_note_outage(orders_ledger_file(&f), 3600);
    orders_ask(&f, "a.example", NULL, &a);
    orders_await(&f, &a);
    orders_settle(&f);
    g_assert_true(a.waited && !a.attempted && !a.begun);
    g_assert_cmpint(a.until, ==, ledger_open_until(orders_ledger_file(&f)->ledger));
    g_assert_true(orders_are_left(&f, "a.example"));
    orders_ask(&f, "a.example", &(OrderingRequest){ .flags = ORDERING_MANUAL }, &a);
    orders_await(&f, &a);
    g_assert_true(a.attempted && !a.waited);
}

/* An order that may have been placed just before the last stop is not placed once more at each start. */
static void test_lost(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;

    orders_fixture_init(&f);
    orders_leave(&f, "a.example", NULL);
    orders_start(&f);
    orders_ask(&f, "a.example", NULL, &a);
    orders_await(&f, &a);
    orders_settle(&f);
    g_assert_true(a.begun && a.waited && !a.attempted);
    g_assert_cmpint(a.code, ==, PROBLEM_AUTHORITY_FAILED);
    g_assert_cmpint(a.until, >, clock_now());
    g_assert_cmpuint(ledger_recent_orders(orders_ledger_file(&f)->ledger, 60, clock_now()), ==, 0);
    g_assert_true(orders_are_left(&f, "a.example"));
}

/* A caller who waits has it placed. */
static void test_lost_manual(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;

    orders_fixture_init(&f);
    orders_leave(&f, "a.example", NULL);
    orders_start(&f);
    orders_ask(&f, "a.example", &(OrderingRequest){ .flags = ORDERING_MANUAL }, &a);
    orders_await(&f, &a);
    g_assert_true(a.attempted && !a.waited);
    g_assert_cmpuint(ledger_recent_orders(orders_ledger_file(&f)->ledger, 60, clock_now()), ==, 1);
}

/* The earliest of several times counts. */
static void test_until(void)
{
    Ordering o = {};

    ordering_note_until(&o, 2000);
    g_assert_cmpint(o.outcome.until, ==, 2000);
    ordering_note_until(&o, 3000);
    g_assert_cmpint(o.outcome.until, ==, 2000);
    ordering_note_until(&o, 1000);
    g_assert_cmpint(o.outcome.until, ==, 1000);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/ordering/nobody", test_nobody);
    g_test_add_func("/ordering/no-solver", test_no_solver);
    g_test_add_func("/ordering/other", test_other);
    g_test_add_func("/ordering/same", test_same);
    g_test_add_func("/ordering/postponed", test_postponed);
    g_test_add_func("/ordering/lost", test_lost);
    g_test_add_func("/ordering/lost-manual", test_lost_manual);
    g_test_add_func("/ordering/until", test_until);
    return g_test_run();
}
