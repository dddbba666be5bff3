/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

#include "core/now.h"

/* Outages of an authority, and their end. */

static bool is_told(void *userdata)
{
    return ((GString *)userdata)->len > 0;
}

static void expect_back(OrdersFixture *f, const char *who)
{
    g_assert_cmpstr(f->back->str, ==, ""); /* nothing is told from within */
    loop_until(f->event, is_told, f->back);
    loop_for(f->event, 20000);
    g_assert_cmpstr(f->back->str, ==, who);
    g_string_truncate(f->back, 0);
}

/* The second failure in a row is an outage; when it works again, that is told once. */
static void test_outage(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    LedgerFile *l;

    orders_fixture_init(&f);
    orders_start(&f);
    l = orders_ledger_file(&f);
    ledger_file_note_works(l); /* as it did all along */
    ledger_file_note_outage(l, 0);
    g_assert_cmpint(ledger_state(l->ledger, clock_now()), ==, LEDGER_CLOSED);
    ledger_file_note_outage(l, 0);
    g_assert_cmpint(ledger_state(l->ledger, clock_now()), ==, LEDGER_OPEN);
    g_assert_cmpuint(l->outage.last, >, 0);
    orders_keep(&f, l);
    g_assert_cmpstr(f.back->str, ==, "");
    ledger_file_note_works(l);
    g_assert_cmpint(ledger_state(l->ledger, clock_now()), ==, LEDGER_CLOSED);
    expect_back(&f, "away ");
}

/* It is known at the next start, and for as long as the authority asked for. */
static void test_known_later(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    const Ledger *l;

    orders_fixture_init(&f);
    orders_start(&f);
    ledger_file_note_outage(orders_ledger_file(&f), 7200);
    orders_stop(&f);
    orders_start(&f);
    l = orders_ledger_file(&f)->ledger;
    g_assert_cmpint(ledger_state(l, clock_now()), ==, LEDGER_OPEN);
    g_assert_cmpint(ledger_open_until(l), >, clock_now() + 7000);
}

/* The network was what was missing: authorities may be tried at once. */
static void test_network(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    LedgerFile *l;

    orders_fixture_init(&f);
    orders_start(&f);
    l = orders_ledger_file(&f);
    ledger_file_note_outage(l, 0);
    ledger_file_note_outage(l, 0);
    orders_network_back(f.orders);
    g_assert_cmpint(ledger_state(l->ledger, clock_now()), ==, LEDGER_HALF_OPEN);
    expect_back(&f, "network ");
}

static bool is_over(void *userdata)
{
    return !((LedgerFile *)userdata)->outage.probe;
}

/* Once an hour somebody looks whether it can be reached; nobody is told while it cannot. */
static void test_look(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    int64_t now;
    LedgerFile *l;

    orders_fixture_init(&f);
    orders_start(&f);
    g_assert_cmpint(orders_next_look(f.orders), ==, INT64_MAX);
    orders_look(f.orders);
    l = orders_ledger_file(&f);
    g_assert_null(l->outage.probe);
    now = clock_now();
    for (int i = 0; i < 2; i++)
        g_assert_cmpint(ledger_note_outage(l->ledger, 0, now - 2 * HOUR), ==, 0);
    g_assert_cmpint(orders_next_look(f.orders), ==, now - HOUR);
    orders_look(f.orders);
    g_assert_nonnull(l->outage.probe);
    g_assert_cmpuint(orders_busy(f.orders), >=, 1);
    g_assert_cmpint(orders_next_look(f.orders), ==, INT64_MAX);
    loop_until(f.event, is_over, l);
    g_assert_cmpint(orders_next_look(f.orders), >, now);
    loop_for(f.event, 20000);
    g_assert_cmpstr(f.back->str, ==, "");
}

static void test_off(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    LedgerFile *l;

    orders_fixture_init(&f);
    f.settings->acme.enabled = false;
    orders_start(&f);
    l = orders_ledger_file(&f);
    for (int i = 0; i < 2; i++)
        g_assert_cmpint(ledger_note_outage(l->ledger, 0, clock_now() - 2 * HOUR), ==, 0);
    g_assert_cmpint(orders_next_look(f.orders), ==, INT64_MAX);
    orders_look(f.orders);
    g_assert_null(l->outage.probe);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/outage/outage", test_outage);
    g_test_add_func("/outage/known-later", test_known_later);
    g_test_add_func("/outage/network", test_network);
    g_test_add_func("/outage/look", test_look);
    g_test_add_func("/outage/off", test_off);
    return g_test_run();
}
