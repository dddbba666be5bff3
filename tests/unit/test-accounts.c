/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "core/limits.h"
#include "store/store.h"

/* Ledgers of authorities. */

typedef struct Shelf {
    Folder folder;
    Store *store;
} Shelf;

static void shelf_open(Shelf *s)
{
    s->folder = folder_new();
    g_assert_cmpint(store_open(s->folder.path, &s->store, NULL), ==, 0);
}

static void shelf_done(Shelf *s)
{
    store_close(s->store);
    folder_done(&s->folder);
}

static void assert_ledger(Shelf *s, const char *text)
{
    _cleanup_free_ char *found = NULL;
    size_t size = 0;

    g_assert_cmpint(store_read_ledger(s->store, "ca", &found, &size), ==, 0);
    g_assert_cmpstr(found, ==, text);
    g_assert_cmpuint(size, ==, strlen(text));
}

static void test_ledger(void)
{
    _cleanup_free_ char *none = NULL;
    Shelf s = {};

    shelf_open(&s);
    g_assert_cmpint(store_read_ledger(s.store, "ca", &none, NULL), ==, -ENOENT);
    g_assert_cmpint(store_append_ledger(s.store, "ca", "a\n", true), ==, -ENOENT);
    g_assert_cmpint(store_write_ledger(s.store, "ca", "a\n"), ==, 0);
    assert_ledger(&s, "a\n");
    g_assert_cmpint(store_append_ledger(s.store, "ca", "b\nc\n", true), ==, 0);
    g_assert_cmpint(store_append_ledger(s.store, "ca", "d\n", true), ==, 0);
    assert_ledger(&s, "a\nb\nc\nd\n");
    g_assert_cmpint(store_write_ledger(s.store, "ca", "e\n"), ==, 0);
    assert_ledger(&s, "e\n");
    g_assert_cmpint(store_read_ledger(s.store, "other", &none, NULL), ==, -ENOENT);
    g_assert_cmpint(store_write_ledger(s.store, "../ca", "e\n"), ==, -EINVAL);
    g_assert_cmpint(store_write_ledger(s.store, "orders", "e\n"), ==, -EINVAL); /* there are others */
    shelf_done(&s);
}

static void test_limit_ledger(void)
{
    g_autofree char *text = g_strnfill(LIMIT_LEDGER + 1, 'x'), *found = NULL;
    Shelf s = {};

    shelf_open(&s);
    g_assert_cmpint(store_write_ledger(s.store, "ca", text), ==, 0);
    g_assert_cmpint(store_read_ledger(s.store, "ca", &found, NULL), ==, -E2BIG);
    text[LIMIT_LEDGER] = 0;
    g_assert_cmpint(store_write_ledger(s.store, "ca", text), ==, 0);
    g_assert_cmpint(store_read_ledger(s.store, "ca", &found, NULL), ==, 0);
    shelf_done(&s);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/accounts/ledger", test_ledger);
    g_test_add_func("/accounts/limit-ledger", test_limit_ledger);
    return g_test_run();
}
