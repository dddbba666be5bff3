/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "policy/policy.h"

/* The table against the documented interface and the shipped actions. DBUS and POLKIT are folders of the
 * source. */

static GHashTable *members(void)
{
    g_autoptr(GRegex) interface = g_regex_new("<interface name=\"([^\"]+)\"", 0, 0, NULL),
                      method = g_regex_new("<method name=\"([^\"]+)\"", 0, 0, NULL);
    GHashTable *found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GDir) d = g_dir_open(DBUS, 0, NULL);
    const char *name;

    g_assert_nonnull(d);
    while ((name = g_dir_read_name(d))) {
        g_autofree char *path = g_build_filename(DBUS, name, NULL), *text = NULL, *of = NULL;
        g_autoptr(GMatchInfo) i = NULL, m = NULL;

        if (!g_str_has_suffix(name, ".xml"))
            continue;
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_assert_true(g_regex_match(interface, text, 0, &i));
        of = g_match_info_fetch(i, 1);
        for (g_regex_match(method, text, 0, &m); g_match_info_matches(m); g_match_info_next(m, NULL)) {
            g_autofree char *member = g_match_info_fetch(m, 1);

            g_hash_table_add(found, g_strdup_printf("%s.%s", of, member));
        }
    }
    return found;
}

static void test_every_member_has_a_row(void)
{
    g_autoptr(GHashTable) found = members();
    GHashTableIter i;
    gpointer key;

    g_assert_cmpuint(g_hash_table_size(found), >, 10);
    g_hash_table_iter_init(&i, found);
    while (g_hash_table_iter_next(&i, &key, NULL)) {
        char *dot = strrchr(key, '.');
        g_autofree char *interface = g_strndup(key, (gsize)(dot - (char *)key));

        if (!policy_find(interface, dot + 1))
            note_failure("%s has no row", (char *)key);
    }
}

static void test_every_row_has_a_member(void)
{
    g_autoptr(GHashTable) found = members(),
                          seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const PolicyRow *rows;
    size_t n;

    rows = policy_rows(&n);
    g_assert_cmpuint(n, ==, g_hash_table_size(found));
    for (size_t i = 0; i < n; i++) {
        char *key = g_strdup_printf("%s%s.%s", POLICY_PREFIX, rows[i].interface, rows[i].member);

        if (!g_hash_table_contains(found, key))
            note_failure("%s is no member", key);
        g_assert_true(g_hash_table_add(seen, key));
    }
}

/* Each action of the table is shipped with a policy, and none is shipped that nothing asks for. */
static void test_actions(void)
{
    g_autoptr(GRegex) action = g_regex_new("<action id=\"org\\.certwright1\\.([^\"]+)\"", 0, 0, NULL);
    g_autoptr(GHashTable) shipped = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GMatchInfo) m = NULL;
    g_autofree char *text = NULL;
    const PolicyRow *rows;
    GHashTableIter i;
    gpointer key;
    size_t n;

    g_assert_true(g_file_get_contents(POLKIT "/org.certwright1.policy.in", &text, NULL, NULL));
    for (g_regex_match(action, text, 0, &m); g_match_info_matches(m); g_match_info_next(m, NULL))
        g_hash_table_add(shipped, g_match_info_fetch(m, 1));
    rows = policy_rows(&n);
    for (size_t k = 0; k < n; k++)
        if (rows[k].action && !g_hash_table_contains(shipped, rows[k].action))
            note_failure("%s is not shipped", rows[k].action);
    g_hash_table_iter_init(&i, shipped);
    while (g_hash_table_iter_next(&i, &key, NULL)) {
        bool used = false;

        for (size_t k = 0; k < n; k++)
            used = used || (rows[k].action && streq(rows[k].action, key));
        if (!used)
            note_failure("nothing asks for %s", (char *)key);
    }
}

/* What only looks up is open; everything else asks. */
static void test_open_members(void)
{
    const PolicyRow *rows;
    size_t n;

    rows = policy_rows(&n);
    for (size_t i = 0; i < n; i++)
        if (!rows[i].action)
            g_assert_true(streq(rows[i].member, "GetCertificate") || streq(rows[i].member, "Explain") ||
                          streq(rows[i].member, "ListModules") || streq(rows[i].member, "ListUploads") ||
                          streq(rows[i].member, "ListAuthorities"));
}

static void test_denied(void)
{
    static const struct {
        const char *interface, *member;
    } rows[] = {
        { NULL, NULL },
        { "org.certwright1.Manager", NULL },
        { NULL, "Reload" },
        { "org.certwright1.Manager", "" },
        { "org.certwright1.Manager", "reload" },
        { "org.certwright1.Manager", "Reload2" },
        { "org.certwright1.Certificate", "Reload" },
        { "org.certwright1", "Reload" },
        { "Manager", "Reload" },
        { "org.certwright2.Manager", "Reload" },
        { "", "Reload" },
        { "org.freedesktop.DBus.Properties", "Set" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        g_assert_null(policy_find(rows[i].interface, rows[i].member));
    g_assert_cmpstr(policy_find("org.certwright1.Manager", "Reload")->action, ==, "reload");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/policy/every-member-has-a-row", test_every_member_has_a_row);
    g_test_add_func("/policy/every-row-has-a-member", test_every_row_has_a_member);
    g_test_add_func("/policy/actions", test_actions);
    g_test_add_func("/policy/open-members", test_open_members);
    g_test_add_func("/policy/denied", test_denied);
    return g_test_run();
}
