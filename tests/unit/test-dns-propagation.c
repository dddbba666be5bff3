/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns-fixture.h"

#include "core/limits.h"
#include "solvers/dns-propagation.h"

#define OWNER "_acme-challenge.www.example.com"
#define VALUE "the-value"
#define FIRST "TXT " OWNER "@192.0.2.53"
#define SIXTH "TXT " OWNER "@2001:db8::53"
#define OTHER "TXT " OWNER "@192.0.2.54"

/* What was told. */
typedef struct Told {
    DnsPropagation *propagation;
    unsigned n;
    Problem problem;
} Told;

static void told_done(Told *t)
{
    dns_propagation_free(t->propagation);
    problem_clear(&t->problem);
}
#define _cleanup_told_ _cleanup_(told_done)

static void on_done(const Problem *problem, void *userdata)
{
    Told *t = userdata;

    t->n++;
    g_assert_cmpint(problem_copy(problem, &t->problem), ==, 0);
    t->propagation = dns_propagation_free(t->propagation); /* it may be freed here */
}

static bool was_told(void *userdata)
{
    return ((Told *)userdata)->n > 0;
}

static void start(Told *t, uint16_t port)
{
    const DnsRecordWish wish = { .owner = OWNER,
                                 .zone = "example.com",
                                 .value = VALUE,
                                 .address = port > 0 ? "192.0.2.53" : NULL,
                                 .port = port };
    _cleanup_problem_ Problem problem = {};

    clock_usec = 1;
    dns_asked = 0;
    g_assert_cmpint(dns_propagation_start(loop, NULL, &wish, on_done, t, &t->propagation, &problem), >=, 0);
    g_assert_cmpuint(t->n, ==, 0); /* never from within */
}

static void look(Told *t, uint16_t port)
{
    start(t, port);
    loop_until(loop, was_told, t);
    loop_for(loop, 1000);
    g_assert_cmpuint(t->n, ==, 1);
}

static void assert_seen(uint16_t port)
{
    _cleanup_told_ Told t = {};

    look(&t, port);
    g_assert_cmpstr(t.problem.text, ==, NULL);
}

/* other NULL: there is nothing that it may not say. */
static void assert_fails(const char *text, const char *other)
{
    _cleanup_told_ Told t = {};

    look(&t, 0);
    g_assert_cmpint(t.problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    if (!strstr(t.problem.text, text) || (other && strstr(t.problem.text, other)))
        note_failure("\"%s\" does not say \"%s\", or says \"%s\"", t.problem.text, text, strempty(other));
}

/* Two servers, one of them with two addresses; all have the record. */
static void prepare(void)
{
    dns_fixture_init();
    dns_set("NS example.com", "ns1.example.com ns2.example.com");
    dns_set("ADDRESS ns1.example.com", "192.0.2.53 2001:db8::53");
    dns_set("ADDRESS ns2.example.com", "192.0.2.54");
    dns_set(FIRST, VALUE);
    dns_set(SIXTH, VALUE);
    dns_set(OTHER, "another " VALUE);
}

static void test_all_have_it(void)
{
    prepare();
    assert_seen(0);
    g_assert_cmpuint(dns_asked, ==, 6);
    g_assert_cmpuint(clock_usec, ==, 1); /* without waiting */
    dns_fixture_done();
}

/* The server of the updates has a port of its own, and only there. */
static void test_port(void)
{
    prepare();
    dns_set(FIRST, "-");
    dns_set(FIRST ":5353", VALUE);
    assert_seen(5353);
    g_assert_cmpuint(clock_usec, ==, 1);
    dns_fixture_done();
}

/* Who has it is not asked again, and the others less and less often. */
static void test_behind(void)
{
    prepare();
    dns_set(OTHER, "?" VALUE);
    assert_seen(0);
    g_assert_cmpuint(clock_usec, >=, MINUTE);
    g_assert_cmpuint(clock_usec, <, MINUTE + 20 * G_USEC_PER_SEC);
    g_assert_cmpuint(dns_asked, >, 7);
    g_assert_cmpuint(dns_asked, <, 20);
    dns_fixture_done();
}

/* One address that lacks it is enough, and the server is named with it. */
static void test_late(void)
{
    prepare();
    dns_set(SIXTH, "-");
    assert_fails(
        "zone example.com have it after 600 seconds. ns1.example.com: At 2001:db8::53 it does not have it. Do",
        "ns2");
    g_assert_cmpuint(clock_usec, >=, LIMIT_DNS_PROPAGATION * G_USEC_PER_SEC);
    dns_fixture_done();
}

/* A server that does not answer is left out, but not all of them. */
static void test_silent(void)
{
    prepare();
    dns_set(OTHER, "!");
    assert_seen(0);
    g_assert_cmpuint(clock_usec, >=, LIMIT_DNS_SILENCE * G_USEC_PER_SEC);
    g_assert_cmpuint(clock_usec, <, MINUTE);
    dns_set("ADDRESS ns2.example.com", "-");
    dns_set(FIRST, "!");
    assert_seen(0); /* the other address has it */
    dns_set(SIXTH, "!");
    assert_fails("example.com answers. ns1.example.com: " FIRST ": there is no answer. ns1.example.com: ",
                 "At 192");
    assert_fails("ns2.example.com: It has no address. If", NULL);
    dns_fixture_done();
}

static void test_no_servers(void)
{
    prepare();
    dns_set("NS example.com", "-");
    assert_fails("The zone example.com has no NS record", NULL);
    dns_set("NS example.com", "!");
    assert_fails("there is no answer", NULL);
    g_assert_cmpuint(dns_asked, ==, 1);
    dns_fixture_done();
}

/* After every number of turns of the loop: nothing is said of what was freed. */
static void test_free(void)
{
    prepare();
    dns_set(OTHER, "-");
    for (unsigned turns = 0; turns < 12; turns++) {
        _cleanup_told_ Told t = {};

        start(&t, 0);
        for (unsigned i = 0; i < turns; i++)
            g_assert_cmpint(sd_event_run(loop, 0), >=, 0);
        t.propagation = dns_propagation_free(t.propagation);
        loop_for(loop, 1000);
        g_assert_cmpuint(t.n, ==, 0);
    }
    g_assert_null(dns_propagation_free(NULL));
    dns_fixture_done();
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/dns-propagation/all-have-it", test_all_have_it);
    g_test_add_func("/dns-propagation/port", test_port);
    g_test_add_func("/dns-propagation/behind", test_behind);
    g_test_add_func("/dns-propagation/late", test_late);
    g_test_add_func("/dns-propagation/silent", test_silent);
    g_test_add_func("/dns-propagation/no-servers", test_no_servers);
    g_test_add_func("/dns-propagation/free", test_free);
    return g_test_run();
}
