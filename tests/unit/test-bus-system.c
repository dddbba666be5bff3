/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "bus/internal.h"

#include <errno.h>
#include <string.h>

/* The name of the unit that is told of a chain's end. */

#define TEMPLATE "certwright-warning@.service"

static const struct {
    const char *unit, *name, *result;
} rows[] = {
    { TEMPLATE, "mail.example.com", "certwright-warning@mail.example.com.service" },
    { TEMPLATE, "host", "certwright-warning@host.service" },
    { TEMPLATE, "*.example.com", "certwright-warning@\\x2a.example.com.service" },
    { TEMPLATE, "xn--bcher-kva.example", "certwright-warning@xn\\x2d\\x2dbcher\\x2dkva.example.service" },
    { TEMPLATE, "192.0.2.7", "certwright-warning@192.0.2.7.service" },
    { TEMPLATE, "2001:db8::1", "certwright-warning@2001:db8::1.service" },
    { TEMPLATE, "::1", "certwright-warning@::1.service" },
    { TEMPLATE, ".a", "certwright-warning@\\x2ea.service" },
    { TEMPLATE, "root", "certwright-warning@root.service" },
    { "a@.service", "b-c", "a@b\\x2dc.service" },
    { "plain.service", "mail.example.com", "plain.service" },
    { "plain-unit.service", "*.example.com", "plain-unit.service" },
};

static void test_names(void)
{
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        char is[257] = "";

        g_assert_cmpint(unit_name_for(rows[i].unit, rows[i].name, is, sizeof(is)), ==, 0);
        g_assert_cmpstr(is, ==, rows[i].result);
    }
}

static void test_as_systemd(void)
{
    if (!program_exists("systemd-escape")) {
        g_test_skip("there is no systemd-escape");
        return;
    }
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        char *argv[] = { S("systemd-escape"), S("--template"), S(rows[i].unit), S("--"),
                         S(rows[i].name),     (char *)NULL };
        g_autofree char *output = NULL;

        if (!strchr(rows[i].unit, '@'))
            continue;
        g_assert_cmpint(run_program(argv, &output), ==, 0);
        g_assert_cmpstr(g_strchomp(output), ==, rows[i].result);
    }
}

/* 255 letters are the most that systemd takes. */
static void test_long(void)
{
    static const struct {
        char letter;
        unsigned n;
        bool fits;
    } names[] = { { 'a', 255 - sizeof(TEMPLATE) + 1, true },
                  { 'a', 255 - sizeof(TEMPLATE) + 2, false },
                  { 'a', 253, false },
                  { '-', (255 - sizeof(TEMPLATE) + 1) / 4, true },
                  { '-', (255 - sizeof(TEMPLATE) + 1) / 4 + 1, false },
                  { '-', 253, false } };
    char is[257];

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        g_autofree char *name = g_strnfill(names[i].n, names[i].letter);
        int r = unit_name_for(TEMPLATE, name, is, sizeof(is));

        g_assert_cmpint(r, ==, names[i].fits ? 0 : -ENAMETOOLONG);
        if (r == 0)
            g_assert_cmpuint(strlen(is), <=, 255);
        g_assert_cmpint(unit_name_for("plain.service", name, is, sizeof(is)), ==, 0);
    }
    g_assert_cmpint(unit_name_for("plain.service", "a", is, 10), ==, -ENAMETOOLONG);
    g_assert_cmpint(unit_name_for(TEMPLATE, "a", is, 10), ==, -ENAMETOOLONG);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/bus-system/names", test_names);
    g_test_add_func("/bus-system/as-systemd", test_as_systemd);
    g_test_add_func("/bus-system/long", test_long);
    return g_test_run();
}
