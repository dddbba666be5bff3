/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

#include "core/now.h"

/* Renewal information that cannot be had, and that on record. */

static Record *record_make(const char *name)
{
    char *const names[] = { S(name), NULL };
    Record *rec = record_new(RECORD_CERTIFICATE, name);

    g_assert_nonnull(rec);
    rec->authority = strdup("away");
    rec->slots[SOURCE_ACME].chain = chain_make(names, now_seconds(), now_seconds() + 90 * DAY);
    return rec;
}

static void on_checked(const char *name, void *userdata)
{
    g_string_append_printf(userdata, "%s ", name);
}

static bool is_told(void *userdata)
{
    return ((GString *)userdata)->len > 0;
}

/* Nothing is known of a certificate that was not queried yet, or of an authority that is not configured. */
static void test_unknown(void)
{
    _cleanup_(record_freep) Record *rec = record_make("a.example");
    _cleanup_orders_ OrdersFixture f = {};

    orders_fixture_init(&f);
    orders_start(&f);
    g_assert_cmpint(orders_window(f.orders, rec).check, ==, 0);
    g_assert_cmpint(orders_early(f.orders, rec), ==, 0);
    rec->authority[0] = 'A';
    g_assert_cmpint(orders_window(f.orders, rec).check, ==, INT64_MAX);
    g_assert_cmpint(orders_early(f.orders, rec), ==, 0);
}

/* A certificate that cannot be read is queried again a day later; what is known of its window stays. */
static void test_unreadable(void)
{
    _cleanup_(record_freep) Record *rec = record_make("a.example");
    const char *fingerprint = chain_leaf(rec->slots[SOURCE_ACME].chain)->fingerprint;
    LedgerWindow known = { .window = { 1000, 2000 },
                           .check = 1,
                           .explanation_url = "https://ca.example/why" };
    _cleanup_orders_ OrdersFixture f = {};
    int64_t now = clock_now();
    LedgerFile *l;

    orders_fixture_init(&f);
    orders_start(&f);
    l = orders_ledger_file(&f);
    g_assert_cmpint(ledger_note_window(l->ledger, "a.example", fingerprint, &known), ==, 0);
    g_assert_cmpint(ledger_note_early(l->ledger, "a.example", now), ==, 0);
    g_assert_cmpint(orders_check_window(f.orders, rec, on_checked, f.back), ==, 0);
    g_assert_cmpuint(f.back->len, ==, 0); /* not from within */
    g_assert_cmpuint(orders_busy(f.orders), >=, 1);
    loop_until(f.event, is_told, f.back);
    g_assert_cmpstr(f.back->str, ==, "a.example ");
    known = orders_window(f.orders, rec);
    g_assert_cmpint(known.window.start, ==, 1000);
    g_assert_cmpint(known.window.end, ==, 2000);
    g_assert_cmpstr(known.explanation_url, ==, "https://ca.example/why");
    g_assert_cmpint(known.check, >=, now + DAY);
    g_assert_cmpint(orders_early(f.orders, rec), ==, now);
    orders_settle(&f);
    g_assert_true(TAILQ_EMPTY(&f.orders->checks));
}

/* No more than LIMIT_RENEWAL_CHECKS run at a time, and the others have their turn. */
static void test_limit(void)
{
    enum { N = LIMIT_RENEWAL_CHECKS + 3 };
    _cleanup_(record_freep) Record *rec = record_make("a.example");
    _cleanup_orders_ OrdersFixture f = {};

    orders_fixture_init(&f);
    orders_start(&f);
    for (int i = 0; i < N; i++)
        g_assert_cmpint(orders_check_window(f.orders, rec, on_checked, f.back), ==, 0);
    g_assert_cmpuint(orders_running_checks(f.orders), ==, LIMIT_RENEWAL_CHECKS);
    orders_settle(&f);
    g_assert_cmpuint(f.back->len, ==, N * strlen("a.example "));
}

/* Nobody is called when the service stops. */
static void test_stop(void)
{
    _cleanup_(record_freep) Record *rec = record_make("a.example");
    _cleanup_orders_ OrdersFixture f = {};

    orders_fixture_init(&f);
    orders_start(&f);
    for (int i = 0; i < LIMIT_RENEWAL_CHECKS + 1; i++)
        g_assert_cmpint(orders_check_window(f.orders, rec, on_checked, f.back), ==, 0);
    orders_stop(&f);
    g_assert_cmpstr(f.back->str, ==, "");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/renewal-info/unknown", test_unknown);
    g_test_add_func("/renewal-info/unreadable", test_unreadable);
    g_test_add_func("/renewal-info/limit", test_limit);
    g_test_add_func("/renewal-info/stop", test_stop);
    return g_test_run();
}
