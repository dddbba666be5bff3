/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/name-constraint.h"

static int parse_discard(const char *text)
{
    NameConstraint c = {};
    int r = name_constraint_parse(text, &c);

    free(c.domain);
    return r;
}

static void test_texts(void)
{
    static const char *const good[] = { "example.com", ".example.com", "!example.com",          "10.0.0.0/8",
                                        "!10.0.0.0/8", "192.0.2.1",    "2001:db8::/32",         "::1",
                                        "!::/0",       "0.0.0.0/0",    "b\303\274cher.example", "local" };
    static const char *const bad[] = { "",
                                       "!",
                                       ".",
                                       "*.example.com",
                                       "10.0.0.0/33",
                                       "10.0.0.0/",
                                       "10.0.0.0/-1",
                                       "10.0.0/8",
                                       "2001:db8::/129",
                                       "example..com",
                                       "a_b.example",
                                       "!!example.com",
                                       "10.0.0.0/8/8",
                                       "/8",
                                       "example.com/8",
                                       "..example.com" };

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        if (parse_discard(good[i]) < 0)
            note_failure("\"%s\" is refused", good[i]);
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        if (parse_discard(bad[i]) >= 0)
            note_failure("\"%s\" is taken", bad[i]);
}

static void test_domain(void)
{
    NameConstraint c;

    g_assert_cmpint(name_constraint_parse("!.B\303\274cher.example", &c), ==, 0);
    g_assert_true(c.excluded);
    g_assert_cmpstr(c.domain, ==, "xn--bcher-kva.example");
    free(c.domain);
}

/* What the mask leaves out of the address is 0. */
static void test_network(void)
{
    NameConstraint c;

    g_assert_cmpint(name_constraint_parse("192.0.2.77/27", &c), ==, 0);
    g_assert_false(c.excluded);
    g_assert_null(c.domain);
    g_assert_cmpmem(c.network, c.network_size, ((uint8_t[]){ 192, 0, 2, 64, 255, 255, 255, 224 }), 8);
    g_assert_cmpint(name_constraint_parse("!2001:db8::1", &c), ==, 0);
    g_assert_true(c.excluded);
    g_assert_cmpint(c.network_size, ==, 32);
    g_assert_cmpuint(c.network[15], ==, 1);
    g_assert_cmpuint(c.network[31], ==, 255);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/name-constraint/texts", test_texts);
    g_test_add_func("/name-constraint/domain", test_domain);
    g_test_add_func("/name-constraint/network", test_network);
    return g_test_run();
}
