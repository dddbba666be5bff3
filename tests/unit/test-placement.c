/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "model/placement.h"

static Placement placement(const char *module, DeploymentState state, const char *detail)
{
    return (Placement){ .module = S(module), .state = state, .detail = S(detail), .when = 7 };
}

static int set(Placements *l, const char *module, DeploymentState state, const char *detail)
{
    Placement p = placement(module, state, detail);

    return placements_set(l, &p);
}

static void assert_modules(const Placements *l, const char *modules)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (size_t i = 0; i < l->n; i++)
        g_string_append_printf(text, "%s ", l->list[i].module);
    g_assert_cmpstr(text->str, ==, modules);
}

static void test_set(void)
{
    Placements l = {};

    g_assert_null(placements_find(&l, "a"));
    g_assert_cmpint(set(&l, "m", DEPLOYMENT_PENDING, NULL), ==, 2);
    g_assert_cmpint(set(&l, "a", DEPLOYMENT_FAILED, "It failed."), ==, 2);
    g_assert_cmpint(set(&l, "z", DEPLOYMENT_VERIFIED, NULL), ==, 2);
    assert_modules(&l, "a m z ");
    g_assert_cmpint(set(&l, "a", DEPLOYMENT_FAILED, "It failed."), ==, 0);
    g_assert_cmpint(set(&l, "a", DEPLOYMENT_FAILED, "Otherwise."), ==, 1);
    g_assert_cmpint(set(&l, "a", DEPLOYMENT_VERIFIED, NULL), ==, 1);
    g_assert_null(placements_find(&l, "a")->detail);
    g_assert_cmpint(placements_find(&l, "m")->state, ==, DEPLOYMENT_PENDING);
    g_assert_false(placements_remove(&l, "b"));
    g_assert_true(placements_remove(&l, "m"));
    assert_modules(&l, "a z ");
    g_assert_true(placements_remove(&l, "z"));
    assert_modules(&l, "a ");
    placements_clear(&l);
    g_assert_cmpuint(l.n, ==, 0);
}

static void test_revoked(void)
{
    Placement p = placement("a", DEPLOYMENT_PENDING, NULL);
    Placements l = {};

    g_assert_cmpint(set(&l, "b", DEPLOYMENT_VERIFIED, NULL), ==, 2);
    g_assert_false(placements_have_revoked(&l));
    p.is_of_revoked = true;
    g_assert_cmpint(placements_set(&l, &p), ==, 2);
    g_assert_true(placements_have_revoked(&l));
    p.is_of_revoked = false;
    g_assert_cmpint(placements_set(&l, &p), ==, 1);
    g_assert_false(placements_have_revoked(&l));
    placements_clear(&l);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/placement/set", test_set);
    g_test_add_func("/placement/revoked", test_revoked);
    return g_test_run();
}
