/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/limits.h"
#include "manager/config-errors.h"

/* What is wrong in the configuration, as a list. */

static void test_add(void)
{
    _cleanup_config_errors_ ConfigErrors l = {}, same = {}, other = {};
    g_autofree char *key = g_strnfill(10000, 'k');

    config_errors_add(&l, "/etc/a.conf", 3, "Key", "wrong");
    config_errors_add(&l, "/etc/a.conf", 3, "Key", "wrong");
    config_errors_add(&l, "/etc/a.conf", 0, NULL, "unreadable");
    g_assert_cmpuint(l.n, ==, 2);
    g_assert_cmpstr(l.items[1].key, ==, "");
    config_errors_add(&same, "/etc/a.conf", 3, "Key", "wrong");
    g_assert_false(config_errors_equal(&l, &same));
    config_errors_add(&same, "/etc/a.conf", 0, NULL, "unreadable");
    g_assert_true(config_errors_equal(&l, &same));
    config_errors_add(&other, "/etc/\xff\n", 1, key, "\x1b[1m");
    g_assert_cmpstr(other.items[0].file, ==, "/etc/??");
    g_assert_cmpuint(strlen(other.items[0].key), <=, LIMIT_CONFIG_ERROR_KEY + strlen("…"));
    g_assert_cmpstr(other.items[0].text, ==, "?[1m");
    g_assert_false(config_errors_equal(&l, &other));
}

/* LIMIT_CONFIG_ERRORS_KEPT, and one entry for all beyond that. */
static void test_limit(void)
{
    _cleanup_config_errors_ ConfigErrors l = {};

    for (unsigned i = 1; i <= LIMIT_CONFIG_ERRORS_KEPT + 3; i++) {
        config_errors_add(&l, "/etc/a.conf", i, NULL, "wrong");
        g_assert_cmpuint(l.n, ==, MIN(i, LIMIT_CONFIG_ERRORS_KEPT + 1U));
    }
    g_assert_cmpstr(l.items[LIMIT_CONFIG_ERRORS_KEPT].file, ==, "");
    g_assert_cmpstr(l.items[LIMIT_CONFIG_ERRORS_KEPT].text, ==,
                    "there are 3 more errors, which are not listed");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/config-errors/add", test_add);
    g_test_add_func("/config-errors/limit", test_limit);
    return g_test_run();
}
