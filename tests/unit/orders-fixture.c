/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

#include <errno.h>

#include "core/now.h"

/* The fixture of orders-fixture.h. */

AuthoritySettings *orders_add_authority(OrdersFixture *f, const char *name)
{
    AuthoritySettings *a;

    g_assert_cmpint(settings_add_authority(f->settings, name), ==, 0);
    a = f->settings->authorities + f->settings->n_authorities - 1;
    a->enabled = true;
    a->is_public = false;
    free(a->directory);
    a->directory = strdup("https://127.0.0.1:1/directory");
    return a;
}

void orders_fixture_init(OrdersFixture *f)
{
    *f = (OrdersFixture){ .state = folder_new(),
                          .asked = g_hash_table_new(NULL, NULL),
                          .back = g_string_new(NULL),
                          .begun = g_string_new(NULL) };
    clock_begin(0);
    g_assert_cmpint(sd_event_new(&f->event), ==, 0);
    g_assert_cmpint(store_open(f->state.path, &f->store, NULL), >=, 0);
    g_assert_cmpint(settings_new(&f->settings), ==, 0);
    f->settings->acme.enabled = f->settings->acme.terms_agreed = true;
    orders_add_authority(f, "away");
}

static void on_progress(Ordering *o, double progress _unused_, const char *step _unused_, void *userdata)
{
    OrdersFixture *f = userdata;
    Asked *a = g_hash_table_lookup(f->asked, o);

    g_assert_nonnull(a);
    if (!a->begun)
        g_string_append_printf(f->begun, "%s ", a->name);
    a->begun = true;
}

static void on_over(Ordering *o, void *userdata)
{
    OrdersFixture *f = userdata;
    Asked *a = g_hash_table_lookup(f->asked, o);
    OrderingOutcome outcome = ordering_outcome(o);

    g_assert_nonnull(a);
    g_assert_null(outcome.chain);
    g_assert_true(ordering_is_over(o));
    a->done = true;
    a->waited = outcome.waited;
    a->attempted = outcome.attempted;
    a->code = outcome.problem->code;
    a->until = outcome.until;
    g_assert_true(g_hash_table_remove(f->asked, o));
    a->ordering = ordering_free(f->orders, o, false);
}

static void on_back(const char *authority, void *userdata)
{
    OrdersFixture *f = userdata;

    g_string_append_printf(f->back, "%s ", authority ? authority : "network");
}

static const OrdersObserver observer = { on_progress, on_over, on_back };

void orders_start(OrdersFixture *f)
{
    g_assert_cmpint(orders_new(f->event, f->store, &observer, f, &f->orders), >=, 0);
    orders_configure(f->orders, f->settings);
}

void orders_stop(OrdersFixture *f)
{
    if (f->orders)
        f->orders = orders_free(f->orders);
    g_assert_cmpuint(g_hash_table_size(f->asked), ==, 0);
}

void orders_cancel(OrdersFixture *f, Asked *a)
{
    g_assert_true(g_hash_table_remove(f->asked, a->ordering));
    a->ordering = ordering_free(f->orders, a->ordering, true);
}

void orders_fixture_done(OrdersFixture *f)
{
    orders_stop(f);
    settings_unref(f->settings);
    store_close(f->store);
    sd_event_unref(f->event);
    g_hash_table_unref(f->asked);
    g_string_free(f->back, TRUE);
    g_string_free(f->begun, TRUE);
    folder_done(&f->state);
}

LedgerFile *orders_ledger_file(OrdersFixture *f)
{
    LedgerFile *l = ledger_file_get(f->orders, f->settings->authorities);

    g_assert_nonnull(l);
    return l;
}

static bool is_kept(void *userdata)
{
    const LedgerFile *l = userdata;

    return l->noted == l->kept && !l->writing;
}

void orders_keep(OrdersFixture *f, LedgerFile *l)
{
    loop_until(f->event, is_kept, l);
}

char *orders_ledger(OrdersFixture *f)
{
    return folder_read(&f->state, "acme/away/ledger");
}

void orders_ask(OrdersFixture *f, const char *name, const OrderingRequest *request, Asked *ret)
{
    char *names[] = { S(name), NULL };
    OrderingRequest r = request ? *request : (OrderingRequest){};

    *ret = (Asked){ .name = name };
    r.name = name;
    r.names = names;
    r.key_type = KEY_TYPE_ECDSA_P256;
    g_assert_cmpint(orders_begin(f->orders, &r, &ret->ordering), >=, 0);
    g_hash_table_insert(f->asked, ret->ordering, ret);
    g_assert_false(ret->done || ret->begun); /* nothing is told from within */
}

void orders_leave(OrdersFixture *f, const char *name, const char *url)
{
    char *names[] = { S(name), NULL };
    const OrderRecord rec = { .name = S(name),
                              .authority = S("away"),
                              .directory = f->settings->authorities[0].directory,
                              .names = names,
                              .key = S("a key"),
                              .url = S(url) };

    g_assert_cmpint(store_write_order(f->store, &rec), ==, 0);
}

bool orders_are_left(OrdersFixture *f, const char *name)
{
    OrderRecord *rec = NULL;
    int r = store_read_order(f->store, name, &rec);

    g_assert_true(r >= 0 || r == -ENOENT);
    order_record_free(rec);
    return r >= 0;
}

static bool is_idle(void *userdata)
{
    return orders_busy(((OrdersFixture *)userdata)->orders) == 0;
}

void orders_settle(OrdersFixture *f)
{
    loop_until(f->event, is_idle, f);
}

static bool is_done(void *userdata)
{
    return ((Asked *)userdata)->done;
}

void orders_await(OrdersFixture *f, Asked *a)
{
    loop_until(f->event, is_done, a);
}
