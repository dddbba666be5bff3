/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy-fixture.h"

#include "deploy/group.h"

#define FRONT "[Module]\n[Certificate www.example.com]\n"

static char *group_of(const Modules *m, const char *module)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    _cleanup_free_ const Module **group = NULL;
    size_t n = 7;

    g_assert_cmpint(deploy_group_of(m->config, module, &group, &n), ==, 0);
    for (size_t i = 0; i < n; i++)
        g_ptr_array_add(names, group[i]->name);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

static void assert_group(const Modules *m, const char *module, const char *wanted)
{
    g_autofree char *group = group_of(m, module);

    g_assert_cmpstr(group, ==, wanted);
}

static void write_module(Modules *m, const char *name, const char *steps)
{
    g_autofree char *text = g_strdup_printf(FRONT "[Deploy]\nFullChainFile=/run/%s.pem\n%s", name, steps);

    modules_write(m, name, text);
}

/* Modules are connected by units that they share, also by way of others, and whatever is done to the unit. */
static void test_units(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    write_module(&m, "a", "Reload=x.service\n");
    write_module(&m, "b", "Restart=y.service x.service\n");
    write_module(&m, "c", "Reload=y.service\n");
    write_module(&m, "d", "Reload=z.service\n");
    write_module(&m, "e", "");
    modules_write(&m, "f", FRONT "[Deploy www.example.com]\nFullChainFile=/run/f.pem\nStart=z.service\n");
    modules_load(&m);
    g_assert_cmpstr(m.complaints->str, ==, "");
    assert_group(&m, "a", "a b c");
    assert_group(&m, "b", "b a c");
    assert_group(&m, "c", "c b a");
    assert_group(&m, "d", "d f");
    assert_group(&m, "e", "e");
    assert_group(&m, "g", "");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/deploy-group/units", test_units);
    return g_test_run();
}
