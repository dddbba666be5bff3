/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

#include <sys/stat.h>

#include "core/now.h"

/* Ledgers in memory and on disk. */

static void note(LedgerFile *l, const char *name)
{
    g_assert_cmpint(ledger_note_attempt(l->ledger, name, clock_now()), >, 0);
    ledger_file_changed(l, 0);
}

/* Each change is on disk, and there at the next start; one that follows at once goes with others. */
static void test_kept(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    g_autofree char *text = NULL;
    LedgerFile *l;

    orders_fixture_init(&f);
    orders_start(&f);
    l = orders_ledger_file(&f);
    g_assert_true(orders_ledger_file(&f) == l);
    g_assert_null(orders_ledger(&f));
    note(l, "a.example");
    note(l, "b.example");
    g_assert_cmpuint(l->noted, ==, 2);
    orders_keep(&f, l);
    text = orders_ledger(&f);
    g_assert_nonnull(strstr(text, "b.example"));
    g_assert_cmpuint(l->written, ==, strlen(text));
    orders_stop(&f);
    orders_start(&f);
    g_assert_cmpuint(ledger_attempts(orders_ledger_file(&f)->ledger, "a.example"), ==, 1);
    g_assert_cmpuint(ledger_attempts(orders_ledger_file(&f)->ledger, "b.example"), ==, 1);
}

/* What is not on disk yet at the end gets there. */
static void test_close(void)
{
    _cleanup_orders_ OrdersFixture f = {};

    orders_fixture_init(&f);
    orders_start(&f);
    note(orders_ledger_file(&f), "a.example");
    orders_stop(&f);
    orders_start(&f);
    g_assert_cmpuint(ledger_attempts(orders_ledger_file(&f)->ledger, "a.example"), ==, 1);
}

/* Without what was asked before, the limits of the authority would be exceeded: so nothing is asked for a while. */
static void test_unreadable(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    g_autofree char *path = NULL;
    LedgerFile *l;

    orders_fixture_init(&f);
    path = folder_path(&f.state, "acme/away/ledger");
    g_assert_cmpint(g_mkdir_with_parents(path, 0700), ==, 0);
    orders_start(&f);
    g_assert_null(ledger_file_get(f.orders, f.settings->authorities));
    folder_remove(&f.state, "acme/away/ledger");
    g_assert_null(ledger_file_get(f.orders, f.settings->authorities));
    l = TAILQ_FIRST(&f.orders->ledgers);
    g_assert_cmpint(l->unreadable_until, <=, clock_boot() + READ_AGAIN);
    l->unreadable_until = clock_boot();
    g_assert_true(orders_ledger_file(&f) == l);
    g_assert_cmpint(l->unreadable_until, ==, 0);
}

/* Another authority of the same name has a ledger of its own, and the file; what the former one notes is not written. */
static void test_retired(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    AuthoritySettings other;
    g_autofree char *text = NULL;
    LedgerFile *former, *l;

    orders_fixture_init(&f);
    orders_start(&f);
    former = orders_ledger_file(&f);
    note(former, "a.example");
    orders_keep(&f, former);
    other = *f.settings->authorities;
    other.directory = S("https://127.0.0.1:1/other");
    l = ledger_file_get(f.orders, &other);
    g_assert_true(l && l != former);
    g_assert_true(former->retired);
    g_assert_cmpuint(ledger_attempts(l->ledger, "a.example"), ==, 0);
    note(l, "b.example");
    note(former, "c.example");
    orders_keep(&f, l);
    orders_keep(&f, former);
    text = orders_ledger(&f);
    g_assert_nonnull(strstr(text, "b.example"));
    g_assert_null(strstr(text, "a.example"));
    g_assert_null(strstr(text, "c.example"));
}

/* A file that could not be written is made anew with the next change: nothing of before is lost. */
static void test_write_fails(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    g_autofree char *text = NULL;
    LedgerFile *l;

    orders_fixture_init(&f);
    orders_start(&f);
    l = orders_ledger_file(&f);
    note(l, "a.example");
    orders_keep(&f, l);
    folder_remove(&f.state, "acme");
    folder_write(&f.state, "acme", "in the way");
    note(l, "b.example");
    orders_keep(&f, l);
    g_assert_true(l->rewrites);
    folder_remove(&f.state, "acme");
    g_assert_cmpint(mkdirat(f.state.fd, "acme", 0700), ==, 0);
    note(l, "c.example");
    orders_keep(&f, l);
    text = orders_ledger(&f);
    g_assert_nonnull(text);
    g_assert_nonnull(strstr(text, "a.example"));
    g_assert_nonnull(strstr(text, "b.example"));
    g_assert_nonnull(strstr(text, "c.example"));
}

/* A clock that was set has another present: the file is made for that. */
static void test_clock_set(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    g_autofree char *text = NULL;
    LedgerFile *l;

    orders_fixture_init(&f);
    orders_start(&f);
    l = orders_ledger_file(&f);
    orders_clock_set(f.orders);
    g_assert_cmpuint(l->noted, ==, 0); /* there is nothing to write */
    note(l, "a.example");
    orders_keep(&f, l);
    folder_write(&f.state, "acme/away/ledger", "something else\n");
    orders_clock_set(f.orders);
    orders_keep(&f, l);
    text = orders_ledger(&f);
    g_assert_nonnull(strstr(text, "a.example"));
    g_assert_null(strstr(text, "something else"));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/ledger-file/kept", test_kept);
    g_test_add_func("/ledger-file/close", test_close);
    g_test_add_func("/ledger-file/unreadable", test_unreadable);
    g_test_add_func("/ledger-file/retired", test_retired);
    g_test_add_func("/ledger-file/write-fails", test_write_fails);
    g_test_add_func("/ledger-file/clock-set", test_clock_set);
    return g_test_run();
}
