/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

#include "core/now.h"

/* The fixture of orders-fixture.h. */

void orders_fixture_init(OrdersFixture *f)
{
    *f = (OrdersFixture){ .state = folder_new(), .back = g_string_new(NULL), .begun = g_string_new(NULL) };
    clock_begin(0);
    g_assert_cmpint(sd_event_new(&f->event), ==, 0);
    g_assert_cmpint(store_open(f->state.path, &f->store, NULL), >=, 0);
    g_assert_cmpint(settings_new(&f->settings), ==, 0);
    g_assert_cmpint(settings_add_authority(f->settings, "away"), ==, 0);
    f->settings->acme.enabled = f->settings->acme.terms_agreed = f->settings->authorities[0].enabled = true;
    f->settings->authorities[0].is_public = false;
    free(f->settings->authorities[0].directory);
    f->settings->authorities[0].directory = strdup("https://127.0.0.1:1/directory");
}

static void on_back(const char *authority, void *userdata)
{
    OrdersFixture *f = userdata;

    g_string_append_printf(f->back, "%s ", authority ? authority : "network");
}

void orders_start(OrdersFixture *f)
{
    g_assert_cmpint(orders_new(f->event, f->store, on_back, f, &f->orders), >=, 0);
    orders_configure(f->orders, f->settings);
}

void orders_stop(OrdersFixture *f)
{
    if (f->orders)
        f->orders = orders_free(f->orders);
}

void orders_fixture_done(OrdersFixture *f)
{
    orders_stop(f);
    settings_unref(f->settings);
    store_close(f->store);
    sd_event_unref(f->event);
    g_string_free(f->back, TRUE);
    g_string_free(f->begun, TRUE);
    folder_done(&f->state);
}

Book *orders_book(OrdersFixture *f)
{
    Book *b = book_get(f->orders, f->settings->authorities);

    g_assert_nonnull(b);
    return b;
}

static bool is_kept(void *userdata)
{
    const Book *b = userdata;

    return b->noted == b->kept && !b->writing;
}

void orders_keep(OrdersFixture *f, Book *b)
{
    loop_until(f->event, is_kept, b);
}

char *orders_ledger(OrdersFixture *f)
{
    return folder_read(&f->state, "acme/away/ledger");
}

static void on_progress(double progress _unused_, const char *step _unused_, void *userdata)
{
    Asked *a = userdata;

    if (!a->begun)
        g_string_append_printf(a->fixture->begun, "%s ", a->name);
    a->begun = true;
}

static void on_done(const OrderingResult *result, void *userdata)
{
    Asked *a = userdata;

    g_assert_false(a->done);
    g_assert_null(result->bundle);
    a->done = true;
    a->ordering = NULL;
    a->waited = result->waited;
    a->attempted = result->attempted;
    a->code = result->problem->code;
    a->until = result->until;
}

void orders_ask(OrdersFixture *f, const char *name, const OrderingWish *wish, Asked *ret)
{
    char *names[] = { S(name), NULL };
    OrderingWish w = wish ? *wish : (OrderingWish){};

    *ret = (Asked){ .fixture = f, .name = name };
    w.name = name;
    w.names = names;
    w.key_type = KEY_TYPE_ECDSA_P256;
    g_assert_cmpint(orders_begin(f->orders, &w, on_progress, on_done, ret, &ret->ordering), >=, 0);
    g_assert_false(ret->done || ret->begun); /* nothing is told from within */
}

static bool is_done(void *userdata)
{
    return ((Asked *)userdata)->done;
}

void orders_await(OrdersFixture *f, Asked *a)
{
    loop_until(f->event, is_done, a);
}
