/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

#include <sys/stat.h>

#include "core/now.h"

/* Ledgers in memory and on disk. */

static void note(Book *b, const char *name)
{
    g_assert_cmpint(ledger_note_attempt(b->ledger, name, clock_now()), >, 0);
    book_changed(b);
}

/* Each change is on disk, and there at the next start; one that follows at once goes with others. */
static void test_kept(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    g_autofree char *text = NULL;
    Book *b;

    orders_fixture_init(&f);
    orders_start(&f);
    b = orders_book(&f);
    g_assert_true(orders_book(&f) == b);
    g_assert_null(orders_ledger(&f));
    note(b, "a.example");
    note(b, "b.example");
    g_assert_cmpuint(b->noted, ==, 2);
    orders_keep(&f, b);
    text = orders_ledger(&f);
    g_assert_nonnull(strstr(text, "b.example"));
    g_assert_cmpuint(b->written, ==, strlen(text));
    orders_stop(&f);
    orders_start(&f);
    g_assert_cmpuint(ledger_attempts(orders_book(&f)->ledger, "a.example"), ==, 1);
    g_assert_cmpuint(ledger_attempts(orders_book(&f)->ledger, "b.example"), ==, 1);
}

/* What is not on disk yet at the end gets there. */
static void test_close(void)
{
    _cleanup_orders_ OrdersFixture f = {};

    orders_fixture_init(&f);
    orders_start(&f);
    note(orders_book(&f), "a.example");
    orders_stop(&f);
    orders_start(&f);
    g_assert_cmpuint(ledger_attempts(orders_book(&f)->ledger, "a.example"), ==, 1);
}

/* Without what was asked before, the limits of the authority would be exceeded: so nothing is asked for a while. */
static void test_unreadable(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    g_autofree char *path = NULL;
    Book *b;

    orders_fixture_init(&f);
    path = folder_path(&f.state, "acme/away/ledger");
    g_assert_cmpint(g_mkdir_with_parents(path, 0700), ==, 0);
    orders_start(&f);
    g_assert_null(book_get(f.orders, f.settings->authorities));
    folder_remove(&f.state, "acme/away/ledger");
    g_assert_null(book_get(f.orders, f.settings->authorities));
    b = TAILQ_FIRST(&f.orders->books);
    g_assert_cmpint(b->unreadable_until, <=, clock_boot() + READ_AGAIN);
    b->unreadable_until = clock_boot();
    g_assert_true(orders_book(&f) == b);
    g_assert_cmpint(b->unreadable_until, ==, 0);
}

/* Another authority of the same name has a ledger of its own, and the file; what the former one notes is not written. */
static void test_retired(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    AuthoritySettings other;
    g_autofree char *text = NULL;
    Book *former, *b;

    orders_fixture_init(&f);
    orders_start(&f);
    former = orders_book(&f);
    note(former, "a.example");
    orders_keep(&f, former);
    other = *f.settings->authorities;
    other.directory = S("https://127.0.0.1:1/other");
    b = book_get(f.orders, &other);
    g_assert_true(b && b != former);
    g_assert_true(former->retired);
    g_assert_cmpuint(ledger_attempts(b->ledger, "a.example"), ==, 0);
    note(b, "b.example");
    note(former, "c.example");
    orders_keep(&f, b);
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
    Book *b;

    orders_fixture_init(&f);
    orders_start(&f);
    b = orders_book(&f);
    note(b, "a.example");
    orders_keep(&f, b);
    folder_remove(&f.state, "acme");
    folder_write(&f.state, "acme", "in the way");
    note(b, "b.example");
    orders_keep(&f, b);
    g_assert_true(b->rewrites);
    folder_remove(&f.state, "acme");
    g_assert_cmpint(mkdirat(f.state.fd, "acme", 0700), ==, 0);
    note(b, "c.example");
    orders_keep(&f, b);
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
    Book *b;

    orders_fixture_init(&f);
    orders_start(&f);
    b = orders_book(&f);
    orders_clock_set(f.orders);
    g_assert_cmpuint(b->noted, ==, 0); /* there is nothing to write */
    note(b, "a.example");
    orders_keep(&f, b);
    folder_write(&f.state, "acme/away/ledger", "something else\n");
    orders_clock_set(f.orders);
    orders_keep(&f, b);
    text = orders_ledger(&f);
    g_assert_nonnull(strstr(text, "a.example"));
    g_assert_null(strstr(text, "something else"));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/book/kept", test_kept);
    g_test_add_func("/book/close", test_close);
    g_test_add_func("/book/unreadable", test_unreadable);
    g_test_add_func("/book/retired", test_retired);
    g_test_add_func("/book/write-fails", test_write_fails);
    g_test_add_func("/book/clock-set", test_clock_set);
    return g_test_run();
}
