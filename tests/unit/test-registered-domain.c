/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/registered-domain.h"

#include "core/name.h"

static const struct {
    const char *name, *domain;
} domains[] = {
    { "example.com", "example.com" },
    { "www.example.com", "example.com" },
    { "a.b.c.d.example.com", "example.com" },
    { "*.example.com", "example.com" },
    { "*.www.example.com", "example.com" },
    { "a.b.co.uk", "b.co.uk" },
    { "b.co.uk", "b.co.uk" },
    { "co.uk", "co.uk" },
    { "*.co.uk", "co.uk" },
    { "uk", "uk" },
    { "*.uk", "uk" },
    { "bl.uk", "bl.uk" },
    { "a.b.kawasaki.jp", "a.b.kawasaki.jp" }, /* each name below is a suffix, */
    { "b.kawasaki.jp", "b.kawasaki.jp" },
    { "a.city.kawasaki.jp", "city.kawasaki.jp" }, /* but for one */
    { "x.a.b.kawasaki.jp", "a.b.kawasaki.jp" },
    { "www.ck", "www.ck" },
    { "a.www.ck", "www.ck" },
    { "user.github.io", "user.github.io" },
    { "a.user.github.io", "user.github.io" },
    { "github.io", "github.io" },
    { "xn--bcher-kva.de", "xn--bcher-kva.de" },
    { "www.xn--bcher-kva.de", "xn--bcher-kva.de" },
    { "*.xn--bcher-kva.de", "xn--bcher-kva.de" },
    { "a.b.xn--p1ai", "b.xn--p1ai" },
    { "xn--p1ai", "xn--p1ai" },
    { "a.b.xn--55qx5d.cn", "b.xn--55qx5d.cn" },
    { "xn--55qx5d.cn", "xn--55qx5d.cn" },
    { "server", "server" },
    { "localhost", "localhost" },
    { "com", "com" },
    { "server.lan", "server.lan" }, /* no public suffix: the last label is taken for one */
    { "a.server.lan", "server.lan" },
    { "*.server.lan", "server.lan" },
    { "a.b.notatopleveldomain", "b.notatopleveldomain" },
    { "192.0.2.1", "192.0.2.1" },
    { "192.0.2.2", "192.0.2.2" },
    { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
    { "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::" },
    { "2001:db8:1:2::", "2001:db8:1:2::" },
    { "2001:db8:1:3::1", "2001:db8:1:3::" },
    { "2001:db8::1", "2001:db8::" },
    { "2001:0:0:1::1", "2001:0:0:1::" },
    { "::1", "::" },
    { "::", "::" },
};

static void assert_canonical(const char *name)
{
    g_autofree char *canonical = NULL;

    g_assert_cmpint(name_canonicalize(name, &canonical, NULL), ==, 0);
    g_assert_cmpstr(canonical, ==, name);
}

/* And what it is counted under is counted under itself. */
static void test_registered(void)
{
    for (size_t i = 0; i < ELEMENTSOF(domains); i++) {
        g_autofree char *domain = domain_registered(domains[i].name), *again = domain_registered(domain);

        assert_canonical(domains[i].name);
        assert_canonical(domain);
        if (g_strcmp0(domain, domains[i].domain) != 0)
            note_failure("%s is counted under %s", domains[i].name, domain);
        g_assert_cmpstr(again, ==, domain);
    }
}

static gpointer ask(gpointer data _unused_)
{
    for (unsigned n = 0; n < 50; n++)
        for (size_t i = 0; i < ELEMENTSOF(domains); i++) {
            g_autofree char *domain = domain_registered(domains[i].name);

            g_assert_cmpstr(domain, ==, domains[i].domain);
        }
    return NULL;
}

static void test_threads(void)
{
    GThread *threads[4];

    for (size_t i = 0; i < ELEMENTSOF(threads); i++)
        threads[i] = g_thread_new("ask", ask, NULL);
    for (size_t i = 0; i < ELEMENTSOF(threads); i++)
        g_thread_join(threads[i]);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/domain/threads", test_threads); /* the first question of all among them */
    g_test_add_func("/domain/registered", test_registered);
    return g_test_run();
}
