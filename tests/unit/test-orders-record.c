/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

#include "util/text.h"

/* Records of orders: with which of them an order is resumed, and when they are removed. */

#define URL "https://127.0.0.1:1/order/1"

typedef struct Found {
    Store *store;
    const char *name;
    OrderRecord *record;
} Found;

static bool find_record(void *userdata)
{
    Found *f = userdata;

    return store_read_order(f->store, f->name, &f->record) >= 0;
}

/* It is there before the authority is asked, with a key, and gone when the order has failed. */
static void test_written(void)
{
    char *const names[] = { S("a.example"), NULL };
    _cleanup_orders_ OrdersFixture f = {};
    Found found;
    Asked a;

    orders_fixture_init(&f);
    orders_start(&f);
    orders_ask(&f, "a.example", NULL, &a);
    found = (Found){ f.store, "a.example", NULL };
    loop_until(f.event, find_record, &found);
    g_assert_false(a.done);
    g_assert_cmpstr(found.record->authority, ==, "away");
    g_assert_cmpstr(found.record->directory, ==, f.settings->authorities[0].directory);
    g_assert_true(strv_equal(found.record->names, names));
    g_assert_nonnull(strstr(found.record->key, "PRIVATE KEY"));
    g_assert_null(found.record->url);
    g_assert_null(found.record->replaces);
    order_record_free(found.record);
    orders_await(&f, &a);
    orders_settle(&f);
    g_assert_false(orders_are_left(&f, "a.example"));
}

/* One that cannot be reached may have been completed by its authority, so it is resumed again, whatever the back-off. A reissue
 * is another order. */
static void test_resumed(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;

    orders_fixture_init(&f);
    orders_leave(&f, "a.example", URL);
    orders_start(&f);
    g_assert_true(orders_has_order(f.orders, "a.example"));
    for (int i = 0; i < 2; i++) {
        orders_ask(&f, "a.example", &(OrderingRequest){ .flags = ORDERING_MANUAL }, &a);
        orders_await(&f, &a);
        orders_settle(&f);
        g_assert_true(a.attempted);
        g_assert_cmpuint(ledger_recent_orders(orders_ledger_file(&f)->ledger, 60, now_seconds()), ==, 0);
        g_assert_true(orders_are_left(&f, "a.example"));
        g_assert_false(orders_has_order(f.orders, "a.example"));
    }
    orders_ask(&f, "a.example", &(OrderingRequest){ .flags = ORDERING_MANUAL | ORDERING_REISSUE }, &a);
    orders_await(&f, &a);
    orders_settle(&f);
    g_assert_cmpuint(ledger_recent_orders(orders_ledger_file(&f)->ledger, 60, now_seconds()), ==, 1);
    g_assert_false(orders_are_left(&f, "a.example"));
}

/* A record that is not for the same names, or whose authority is configured otherwise now, is replaced. */
static void test_unfit(void)
{
    for (int i = 0; i < 3; i++) {
        char *names[] = { S("a.example"), S(i == 0 ? "b.example" : NULL), NULL };
        _cleanup_orders_ OrdersFixture f = {};
        OrderRecord rec = { .name = S("a.example"), .names = names, .key = S("a key"), .url = S(URL) };
        Asked a;

        orders_fixture_init(&f);
        rec.authority = S(i == 1 ? "other" : "away");
        rec.directory = i == 2 ? S("https://127.0.0.1:1/other") : f.settings->authorities[0].directory;
        g_assert_cmpint(store_write_order(f.store, &rec), ==, 0);
        orders_start(&f);
        orders_ask(&f, "a.example", NULL, &a);
        orders_await(&f, &a);
        orders_settle(&f);
        g_assert_cmpuint(ledger_recent_orders(orders_ledger_file(&f)->ledger, 60, now_seconds()), ==, 1);
        g_assert_false(orders_are_left(&f, "a.example"));
    }
}

/* With ReuseKey=, the record may be for the key that a reissue replaces. */
static void test_former_key(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;

    orders_fixture_init(&f);
    f.settings->acme.reuse_key = true;
    orders_leave(&f, "a.example", URL);
    orders_start(&f);
    orders_ask(&f, "a.example", &(OrderingRequest){ .flags = ORDERING_MANUAL | ORDERING_REISSUE }, &a);
    orders_await(&f, &a);
    g_assert_cmpuint(ledger_recent_orders(orders_ledger_file(&f)->ledger, 60, now_seconds()), ==, 1);
}

static void test_left(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    char **urls = NULL;
    Asked a;

    orders_fixture_init(&f);
    orders_leave(&f, "a.example", URL);
    orders_leave(&f, "b.example", NULL);
    orders_start(&f);
    g_assert_cmpint(orders_left_urls(f.orders, &urls), ==, 0);
    g_assert_cmpuint(strv_length(urls), ==, 1);
    g_assert_cmpstr(urls[0], ==, URL);
    strv_free(urls);
    orders_ask(&f, "c.example", NULL, &a);
    orders_await(&f, &a);
    orders_forget(f.orders, "a.example");
    orders_settle(&f);
    g_assert_false(orders_are_left(&f, "a.example"));
    g_assert_true(orders_are_left(&f, "b.example"));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/orders-record/written", test_written);
    g_test_add_func("/orders-record/resumed", test_resumed);
    g_test_add_func("/orders-record/unfit", test_unfit);
    g_test_add_func("/orders-record/former-key", test_former_key);
    g_test_add_func("/orders-record/left", test_left);
    return g_test_run();
}
