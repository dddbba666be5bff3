/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shelf.h"

#include <errno.h>

#include "util/fs.h"

static void assert_clock(const Shelf *s, int64_t expected)
{
    int64_t found = -1;

    g_assert_cmpint(store_read_clock(s->store, &found), ==, 0);
    g_assert_cmpint(found, ==, expected);
}

static void test_clock(void)
{
    static const char *const damaged[] = {
        "",
        "\n",
        "-1\n",
        "1e9\n",
        "99999999999999999999\n",
        "253402300800\n",
        "yesterday, as people say, or the day before that, perhaps, or some time ago\n"
    };
    _cleanup_shelf_ Shelf s = shelf_new();

    assert_clock(&s, 0);
    g_assert_cmpint(store_write_clock(s.store, 1800000000), ==, 0);
    assert_clock(&s, 1800000000);
    g_assert_cmpint(store_write_clock(s.store, 1700000000), ==, 0);
    assert_clock(&s, 1700000000);
    for (size_t i = 0; i < ELEMENTSOF(damaged); i++) {
        folder_write(&s.folder, "clock", damaged[i]);
        assert_clock(&s, 0);
        g_assert_cmpint(store_write_clock(s.store, 1800000000), ==, 0);
        assert_clock(&s, 1800000000);
    }
}

/* What an interrupted write left aside is replaced, and a time that cannot be read is an error. */
static void test_aside(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    g_autofree char *text = NULL;
    int64_t found = -1;

    folder_write(&s.folder, "clock.new", "17000");
    g_assert_cmpint(store_write_clock(s.store, 1800000000), ==, 0);
    text = folder_read(&s.folder, "clock");
    g_assert_cmpstr(text, ==, "1800000000\n");
    g_assert_false(folder_has(&s.folder, "clock.new"));
    g_assert_cmpint(fs_remove_file_at(s.folder.fd, "clock"), ==, 0);
    g_assert_cmpint(fs_make_directory_at(s.folder.fd, "clock"), ==, 0);
    g_assert_cmpint(store_read_clock(s.store, &found), ==, -EISDIR);
    g_assert_cmpint(found, ==, 0);
    g_assert_cmpint(store_write_clock(s.store, 1800000000), ==, -EISDIR);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/store-clock/clock", test_clock);
    g_test_add_func("/store-clock/aside", test_aside);
    return g_test_run();
}
