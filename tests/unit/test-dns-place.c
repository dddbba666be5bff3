/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns-fixture.h"

#include "core/limits.h"
#include "solvers/dns-place.h"

#define NAME  "www.example.com"
#define OWNER "_acme-challenge.www.example.com"

/* What was found. */
typedef struct Found {
    DnsPlace *place;
    unsigned n;
    char *owner, *zone;
    Problem problem;
} Found;

static void found_done(Found *f)
{
    dns_place_free(f->place);
    g_free(f->owner);
    g_free(f->zone);
    problem_clear(&f->problem);
}
#define _cleanup_found_ _cleanup_(found_done)

static void on_found(const char *owner, const char *zone, const Problem *problem, void *userdata)
{
    Found *f = userdata;

    f->n++;
    f->owner = g_strdup(owner);
    f->zone = g_strdup(zone);
    g_assert_cmpint(problem_copy(problem, &f->problem), ==, 0);
    f->place = dns_place_free(f->place); /* it may be freed here */
}

static bool was_found(void *userdata)
{
    return ((Found *)userdata)->n > 0;
}

static void find(const DnsPlaceWish *wish, Found *f)
{
    _cleanup_problem_ Problem problem = {};

    g_assert_cmpint(dns_place_find(NULL, wish, on_found, f, &f->place, &problem), >=, 0);
    g_assert_cmpuint(f->n, ==, 0); /* never from within */
    loop_until(loop, was_found, f);
    loop_for(loop, 1000);
    g_assert_cmpuint(f->n, ==, 1);
}

static void assert_found(const DnsPlaceWish *wish, const char *owner, const char *zone)
{
    _cleanup_found_ Found f = {};

    find(wish, &f);
    g_assert_cmpstr(f.problem.text, ==, NULL);
    g_assert_cmpstr(f.owner, ==, owner);
    g_assert_cmpstr(f.zone, ==, zone);
}

static void assert_fails(const DnsPlaceWish *wish, const char *text)
{
    _cleanup_found_ Found f = {};

    find(wish, &f);
    g_assert_cmpint(f.problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    g_assert_null(f.owner);
    g_assert_null(f.zone);
    if (!strstr(f.problem.text, text) || !strstr(f.problem.text, OWNER))
        note_failure("\"%s\" does not say \"%s\"", f.problem.text, text);
}

static const DnsPlaceWish with_zone = { .name = NAME, .zone = true }, without_zone = { .name = NAME };

/* The first name at or above the owner that is in a zone tells which. */
static void test_zone(void)
{
    dns_fixture_init();
    dns_set("SOA example.com", "example.com ns1.example.com");
    assert_found(&with_zone, OWNER, "example.com");
    g_assert_cmpuint(dns_asked, ==, 4); /* its alias, and three names */
    dns_set("SOA " OWNER,
            "www.example.com ns1.example.com"); /* which need not be the name that was asked for */
    assert_found(&with_zone, OWNER, "www.example.com");
    dns_asked = 0;
    assert_found(&without_zone, OWNER, NULL);
    g_assert_cmpuint(dns_asked, ==, 1);
    dns_fixture_done();
}

static void test_no_zone(void)
{
    dns_fixture_init();
    dns_set("SOA com", ". a.root-servers.net"); /* the root's, which is nobody's to change */
    assert_fails(&with_zone, "No zone");
    dns_set("SOA www.example.com", "ample.com ns1.ample.com"); /* not above it, though its name ends alike */
    assert_fails(&with_zone, "No zone");
    dns_set("SOA www.example.com", "!");
    assert_fails(&with_zone, "there is no answer");
    dns_fixture_done();
}

static void test_alias(void)
{
    dns_fixture_init();
    dns_set("CNAME " OWNER, "a.example.org");
    dns_set("CNAME a.example.org", "b.dyn.example.net");
    dns_set("SOA dyn.example.net", "dyn.example.net ns");
    assert_found(&with_zone, "b.dyn.example.net", "dyn.example.net");
    assert_found(&without_zone, "b.dyn.example.net", NULL);
    dns_set("CNAME b.dyn.example.net", "a.example.org");
    assert_fails(&without_zone,
                 "back to itself: " OWNER ", a.example.org, b.dyn.example.net, a.example.org");
    dns_fixture_done();
}

static void test_long_chain(void)
{
    dns_fixture_init();
    for (unsigned i = 0; i < LIMIT_DNS_ALIASES; i++) {
        g_autofree char *from = g_strdup_printf("CNAME x%u.example.org", i),
                        *to = g_strdup_printf("x%u.example.org", i + 1);

        dns_set(from, to);
    }
    dns_set("CNAME " OWNER, "x1.example.org");
    assert_found(&without_zone, "x8.example.org", NULL); /* as many as are followed */
    dns_set("CNAME " OWNER, "x0.example.org");
    assert_fails(&without_zone, "more than");
    dns_fixture_done();
}

/* A resolver that does not answer: the owner may be an alias, unless that is not to be waited for. */
static void test_silence(void)
{
    const DnsPlaceWish guess = { .name = NAME, .guess = true };

    dns_fixture_init();
    dns_set("CNAME " OWNER, "!");
    assert_fails(&without_zone, "alias");
    assert_found(&guess, OWNER, NULL);
    dns_fixture_done();
}

static void test_too_long(void)
{
    g_autofree char *label = g_strnfill(60, 'a'), *name = g_strjoin(".", label, label, label, label, NULL);
    _cleanup_problem_ Problem problem = {};
    _cleanup_found_ Found f = {};

    dns_fixture_init();
    g_assert_cmpuint(strlen(name), <=, LIMIT_NAME);
    g_assert_cmpint(dns_place_find(NULL, &(DnsPlaceWish){ .name = name }, on_found, &f, &f.place, &problem),
                    <, 0);
    g_assert_nonnull(strstr(problem.text, "longer"));
    loop_for(loop, 1000);
    g_assert_cmpuint(f.n + dns_asked, ==, 0);
    dns_fixture_done();
}

/* After every number of queries: nothing is said of what was freed. */
static void test_free(void)
{
    dns_fixture_init();
    dns_set("CNAME " OWNER, "a.b.c.d.example.org");
    for (unsigned turns = 0; turns < 6; turns++) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_found_ Found f = {};

        g_assert_cmpint(dns_place_find(NULL, &with_zone, on_found, &f, &f.place, &problem), >=, 0);
        for (unsigned i = 0; i < turns; i++)
            g_assert_cmpint(sd_event_run(loop, 0), >=, 0);
        f.place = dns_place_free(f.place);
        loop_for(loop, 1000);
        g_assert_cmpuint(f.n, ==, 0);
    }
    g_assert_null(dns_place_free(NULL));
    dns_fixture_done();
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/dns-place/zone", test_zone);
    g_test_add_func("/dns-place/no-zone", test_no_zone);
    g_test_add_func("/dns-place/alias", test_alias);
    g_test_add_func("/dns-place/long-chain", test_long_chain);
    g_test_add_func("/dns-place/silence", test_silence);
    g_test_add_func("/dns-place/too-long", test_too_long);
    g_test_add_func("/dns-place/free", test_free);
    return g_test_run();
}
