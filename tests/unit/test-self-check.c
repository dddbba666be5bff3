/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-dns.h"

#include <errno.h>

#include "core/limits.h"
#include "solvers/self-check.h"

#define NAME FAKE_DNS_NAME

/* ---- probes: the last octet of an address says what comes of it, and when */

enum { GOOD = 1, WRONG, AWAY, PENDING, NO_MEMORY };
#define AT_ONCE 100      /* from within ask() */
#define SOME    UINT_MAX /* are dropped: as many as the wrong one was faster than */

static unsigned n_asked, n_dropped, wrong_answer;

typedef struct TestProbe {
    AddressProbe probe;
    unsigned what;
    sd_event_source *source;
} TestProbe;

static void probe_drop(AddressProbe *base)
{
    TestProbe *p = (TestProbe *)base;

    g_assert_null(base->check);
    n_dropped++;
    sd_event_source_disable_unref(p->source);
    g_free(p);
}

static int on_probe(sd_event_source *s _unused_, void *userdata)
{
    TestProbe *p = userdata;
    _cleanup_problem_ Problem problem = {};

    if (p->what != GOOD)
        problem_set(&problem, PROBLEM_CHALLENGE_FAILED, "%s is %s", p->probe.address,
                    p->what == WRONG ? "wrong" : "away");
    p->probe.answer = wrong_answer;
    address_probe_end(&p->probe, p->what == AWAY, &problem);
    g_assert_null(p->probe.check);
    sd_event_source_disable_unref(p->source);
    g_free(p);
    return 0;
}

static int probe_ask(SelfCheck *c, const char *address)
{
    unsigned what = (unsigned)atoi(strrchr(address, '.') + 1);
    TestProbe *p;

    n_asked++;
    if (what == NO_MEMORY)
        return -ENOMEM;
    p = g_new0(TestProbe, 1);
    p->what = what % AT_ONCE;
    address_probe_begin(&p->probe, c, address);
    g_assert_cmpstr(p->probe.address, ==, address);
    if (what > AT_ONCE)
        return on_probe(NULL, p);
    if (what != PENDING)
        g_assert_cmpint(sd_event_add_defer(loop, &p->source, on_probe, p), >=, 0);
    return 0;
}

static const SelfCheckUse use = { .ask = probe_ask, .drop = probe_drop };

/* ---- a check */

typedef struct Bed {
    AcmeSettings settings;
    SolverContext context;
    Solver solver;
    Task task;
    SelfCheck check;
    unsigned n;
    Problem problem;
} Bed;

static void on_ready(const Problem *problem, void *userdata)
{
    Bed *b = userdata;

    b->n++;
    g_assert_cmpint(problem_copy(problem, &b->problem), ==, 0);
}

static void bed_init(Bed *b, const char *name)
{
    const Proof proof = { .name = name, .token = "token", .key_authorization = "token.print" };

    *b = (Bed){};
    n_asked = n_dropped = 0;
    g_assert_cmpint(sd_event_new(&loop), >=, 0);
    b->context.event = loop;
    b->context.settings = &b->settings;
    b->solver.context = &b->context;
    g_assert_cmpint(task_init(&b->task, &b->solver, &proof, on_ready, b), >=, 0);
    g_assert_cmpint(self_check_start(&b->check, &b->task, &use, NULL), >=, 0);
    g_assert_cmpuint(b->n, ==, 0); /* never from within */
}

static void bed_done(Bed *b)
{
    self_check_end(&b->check);
    task_done(&b->task);
    loop_for(loop, 1000);
    problem_clear(&b->problem);
    sd_event_unref(loop);
}

static bool is_ready(void *userdata)
{
    return ((Bed *)userdata)->n > 0;
}

static void wait_for(Bed *b)
{
    loop_until(loop, is_ready, b);
    loop_for(loop, 1000);
    g_assert_cmpuint(b->n, ==, 1);
}

/* text NULL: the proof was seen. */
static void assert_result(const char *name, const char *addresses, const char *text, unsigned dropped)
{
    g_auto(GStrv) values = g_strsplit(addresses, " ", 0);
    Bed b;

    dns_result = DNS_FOUND;
    dns_values = values;
    bed_init(&b, name);
    wait_for(&b);
    if (g_strcmp0(b.problem.text, text) != 0)
        note_failure("%s: \"%s\" and not \"%s\"", addresses, strempty(b.problem.text), strempty(text));
    if (dropped != SOME)
        g_assert_cmpuint(n_dropped, ==, dropped);
    bed_done(&b);
}

/* ---- tests */

static void test_verdicts(void)
{
    static const struct {
        const char *addresses, *text;
        unsigned dropped;
    } cases[] = {
        { "192.0.2.1", NULL, 0 },
        { "192.0.2.2", "192.0.2.2 is wrong", 0 },
        { "192.0.2.3", "192.0.2.3 is away", 0 },
        { "192.0.2.3 192.0.2.1", NULL, 0 }, /* one that is not reached from here does not matter */
        { "192.0.2.3 192.0.2.3", "192.0.2.3 is away", 0 },
        { "192.0.2.1 192.0.2.2", "192.0.2.2 is wrong", SOME },
        { "192.0.2.3 192.0.2.2 192.0.2.1", "192.0.2.2 is wrong", SOME },
        { "192.0.2.4 192.0.2.2 192.0.2.4", "192.0.2.2 is wrong", 2 }, /* the others are not waited for */
        { "192.0.2.101 192.0.2.101", NULL, 0 },
        { "192.0.2.103 192.0.2.101", NULL, 0 },
        { "192.0.2.103 192.0.2.1", NULL, 0 },
        { "192.0.2.103 198.51.100.103", "192.0.2.103 is away", 0 },
        { "192.0.2.4 192.0.2.102", "192.0.2.102 is wrong", 1 },
        { "192.0.2.102 198.51.100.102", "192.0.2.102 is wrong", 0 },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        assert_result(NAME, cases[i].addresses, cases[i].text, cases[i].dropped);
}

/* An address needs no DNS. */
static void test_address(void)
{
    assert_result("192.0.2.1", "", NULL, 0);
    g_assert_cmpuint(n_asked, ==, 1);
    assert_result("192.0.2.102", "", "192.0.2.102 is wrong", 0);
}

static void test_limit(void)
{
    g_autofree char *many = g_strjoin(" ", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1",
                                      "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", NULL);

    assert_result(NAME, many, NULL, 0);
    g_assert_cmpuint(n_asked, ==, LIMIT_CHECK_ADDRESSES);
}

/* What cannot be asked ends the check, with what was begun. */
static void test_no_memory(void)
{
    static char *const values[] = { S("192.0.2.4"), S("192.0.2.5"), S("192.0.2.1"), NULL };
    Bed b;

    dns_result = DNS_FOUND;
    dns_values = values;
    bed_init(&b, NAME);
    wait_for(&b);
    g_assert_cmpint(b.problem.code, !=, PROBLEM_NONE);
    g_assert_cmpuint(n_asked, ==, 2);
    g_assert_cmpuint(n_dropped, ==, 1);
    bed_done(&b);
}

static void test_resolution(void)
{
    static char *const none[] = { NULL };
    static const struct {
        DnsResult result;
        ProblemCode code;
        const char *text;
    } cases[] = {
        { DNS_FOUND, PROBLEM_CHALLENGE_FAILED, "no address in the DNS" },
        { DNS_NO_DATA, PROBLEM_CHALLENGE_FAILED, "no address in the DNS" },
        { DNS_NO_NAME, PROBLEM_CHALLENGE_FAILED, "does not exist in the DNS" },
        { DNS_FAILED, PROBLEM_NETWORK_FAILED, "No name server answered." },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        Bed b;

        dns_result = cases[i].result;
        dns_values = none;
        bed_init(&b, NAME);
        wait_for(&b);
        g_assert_cmpint(b.problem.code, ==, cases[i].code);
        g_assert_nonnull(strstr(b.problem.text, cases[i].text));
        g_assert_nonnull(strstr(b.problem.text, NAME));
        g_assert_cmpuint(n_asked, ==, 0);
        bed_done(&b);
    }
}

static uint64_t found(DnsResult result, const char *addresses, unsigned answer)
{
    g_auto(GStrv) values = g_strsplit(addresses, " ", 0);
    uint64_t what;
    Bed b;

    dns_result = result;
    dns_values = values;
    wrong_answer = answer;
    bed_init(&b, NAME);
    wait_for(&b);
    what = b.task.base.found;
    bed_done(&b);
    return what;
}

/* What is found is the same as before, or it is not. */
static void test_findings(void)
{
    static const struct {
        DnsResult result;
        const char *addresses;
        unsigned answer;
    } other[] = {
        { DNS_NO_NAME, "", 0 },
        { DNS_NO_DATA, "", 0 },
        { DNS_FOUND, "192.0.2.2", 0 },
        { DNS_FOUND, "192.0.2.2", 404 },
        { DNS_FOUND, "192.0.2.3", 0 },
        { DNS_FOUND, "198.51.100.3", 0 },
        { DNS_FOUND, "192.0.2.2 198.51.100.3", 0 },
        { DNS_FOUND, "192.0.2.3 198.51.100.3", 0 },
    };

    g_assert_cmpuint(found(DNS_FOUND, "192.0.2.1", 0), ==, FINDING_NONE);
    g_assert_cmpuint(found(DNS_FOUND, "192.0.2.3 192.0.2.1", 0), ==, FINDING_NONE);
    g_assert_cmpuint(found(DNS_FOUND, "192.0.2.5", 0), ==, FINDING_NONE); /* no memory */
    g_assert_cmpuint(found(DNS_FAILED, "", 0), ==, FINDING_UNKNOWN);
    for (size_t i = 0; i < ELEMENTSOF(other); i++)
        for (size_t k = 0; k < ELEMENTSOF(other); k++) {
            uint64_t a = found(other[i].result, other[i].addresses, other[i].answer);
            uint64_t b = found(other[k].result, other[k].addresses, other[k].answer);

            g_assert_cmpuint(a, >, FINDING_UNKNOWN);
            if ((a == b) != (i == k))
                note_failure("%zu and %zu", i, k);
        }
    /* in whatever order they come, and whichever answers first */
    g_assert_cmpuint(found(DNS_FOUND, "192.0.2.3 192.0.2.2", 403), ==,
                     found(DNS_FOUND, "192.0.2.2 192.0.2.3", 404));
}

/* After every number of turns of the loop: nothing is said of what has ended, and nothing is left. */
static void test_end(void)
{
    static char *const values[] = { S("192.0.2.4"), S("192.0.2.1"), NULL };

    dns_result = DNS_FOUND;
    dns_values = values;
    for (unsigned turns = 0; turns < 4; turns++) {
        Bed b;

        bed_init(&b, NAME);
        for (unsigned i = 0; i < turns; i++)
            g_assert_cmpint(sd_event_run(loop, 0), >=, 0);
        bed_done(&b);
        g_assert_cmpuint(b.n, ==, 0);
    }
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/self-check/verdicts", test_verdicts);
    g_test_add_func("/self-check/address", test_address);
    g_test_add_func("/self-check/limit", test_limit);
    g_test_add_func("/self-check/no-memory", test_no_memory);
    g_test_add_func("/self-check/resolution", test_resolution);
    g_test_add_func("/self-check/findings", test_findings);
    g_test_add_func("/self-check/end", test_end);
    return g_test_run();
}
