/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns-fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "dns/client.h"
#include "solvers/solver.h"
#include "util/text.h"

#define TOKEN "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define PROOF TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
/* base64url(SHA-256(PROOF)), by openssl dgst -sha256 -binary | basenc --base64url */
#define VALUE  "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"
#define OTHER  TOKEN ".another"
#define NAME   "www.example.com"
#define OWNER  "_acme-challenge.www.example.com"
#define SERVER "192.0.2.53:5353"

/* ---- what changes the DNS */

struct DnsJob {
    DnsJobDone done;
    void *userdata;
    sd_event_source *source;
};

static GString *changes;         /* that were begun, a line each */
static bool holds;               /* they are not answered */
static const char *change_fails; /* with this text */
static bool refuses;             /* they are not even begun */

static int on_job(sd_event_source *s _unused_, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    DnsJob *j = userdata;

    if (holds)
        return sd_event_source_set_enabled(j->source, SD_EVENT_ONESHOT);
    if (change_fails)
        problem_set(&problem, PROBLEM_CHALLENGE_FAILED, "%s", change_fails);
    if (j->done)
        j->done(&problem, j->userdata);
    sd_event_source_disable_unref(j->source);
    g_free(j);
    return 0;
}

int dns_helper_new(sd_event *event _unused_, DnsHelper **ret)
{
    *ret = NULL;
    return 0;
}

DnsHelper *dns_helper_free(DnsHelper *h)
{
    g_assert_null(h);
    return NULL;
}

int dns_helper_start(DnsHelper *h _unused_, const DnsRequest *c, DnsJobDone done, void *userdata,
                     DnsJob **ret, Problem *problem)
{
    DnsJob *j;

    if (refuses)
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT, "It is refused.");
    j = g_new0(DnsJob, 1);
    j->done = done;
    j->userdata = userdata;
    g_assert_true(!c->hook != !c->address);
    g_string_append_printf(changes, "%s %s %s", c->remove ? "remove" : "add", c->fqdn, c->value);
    if (c->hook)
        g_string_append_printf(changes, " by %s\n", c->hook);
    else
        g_string_append_printf(changes,
                               strchr(c->address, ':') ? " in %s at [%s]:%u, %s\n" : " in %s at %s:%u, %s\n",
                               c->zone, c->address, c->port, c->key.name ? c->key.name : "unsigned");
    g_assert_cmpint(sd_event_add_defer(loop, &j->source, on_job, j), >=, 0);
    *ret = j;
    return 0;
}

DnsJob *dns_job_forget(DnsJob *j)
{
    if (j)
        j->done = NULL;
    return NULL;
}

/* What is still to be answered when the loop ends. */
static void assert_changes(const char *expected)
{
    g_assert_cmpstr(changes->str, ==, expected);
}

/* ---- a solver */

typedef struct Bed {
    Folder folder;
    AcmeSettings settings;
    SolverContext context;
    char *key_file;
    Solver *solver;
} Bed;

static void bed_init(Bed *b)
{
    *b = (Bed){ .folder = folder_new() };
    dns_fixture_init();
    changes = g_string_new("");
    holds = refuses = false;
    change_fails = NULL;
    b->settings.dns_server = S(SERVER);
    b->settings.self_check = true;
    b->context = (SolverContext){ .event = loop, .settings = &b->settings };
    g_assert_cmpint(solver_dns_new(&b->context, &b->solver), ==, 0);
    dns_set("SOA example.com", "example.com ns1.example.com");
    dns_set("NS example.com", "ns1.example.com ns2.example.com");
    dns_set("ADDRESS ns1.example.com", "192.0.2.53 2001:db8::53");
    dns_set("ADDRESS ns2.example.com", "192.0.2.54");
    dns_set("TXT " OWNER "@192.0.2.53:5353", VALUE);
    dns_set("TXT " OWNER "@2001:db8::53", VALUE);
    dns_set("TXT " OWNER "@192.0.2.54", "other " VALUE);
}

static void bed_done(Bed *b)
{
    loop_for(loop, 1000); /* what was begun */
    solver_free(b->solver);
    loop_for(loop, 1000);
    g_string_free(changes, true);
    dns_fixture_done();
    g_free(b->key_file);
    folder_done(&b->folder);
}
#define _cleanup_bed_ _cleanup_(bed_done)

/* What a task says. */
typedef struct Said {
    unsigned n;
    Problem problem;
} Said;

static void said_done(Said *s)
{
    problem_clear(&s->problem);
}
#define _cleanup_said_ _cleanup_(said_done)

static void on_ready(const Problem *problem, void *userdata)
{
    Said *s = userdata;

    s->n++;
    problem_copy(problem, &s->problem);
    if (problem->text)
        g_test_message("%s", problem->text);
}

static bool was_said(void *userdata)
{
    return ((Said *)userdata)->n > 0;
}

static SolverTask *start(Bed *b, const char *name, const char *proof, Said *said)
{
    const Proof p = { .name = name, .token = TOKEN, .key_authorization = proof };
    _cleanup_problem_ Problem problem = {};
    SolverTask *t = NULL;

    g_assert_cmpint(b->solver->ops->start(b->solver, &p, on_ready, said, &t, &problem), ==, 0);
    g_assert_cmpuint(said->n, ==, 0); /* never from within */
    return t;
}

static void assert_ready(Said *said)
{
    loop_until(loop, was_said, said);
    loop_for(loop, 1000);
    g_assert_cmpuint(said->n, ==, 1);
    g_assert_cmpint(said->problem.code, ==, PROBLEM_NONE);
}

static void assert_fails(Said *said, const char *text)
{
    loop_until(loop, was_said, said);
    loop_for(loop, 1000);
    g_assert_cmpuint(said->n, ==, 1);
    g_assert_cmpint(said->problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    if (!strstr(said->problem.text, text))
        note_failure("\"%s\" does not say \"%s\"", said->problem.text, text);
}

static void end(SolverTask *t)
{
    solver_task_end(t);
    loop_for(loop, 1000);
}

/* ---- tests */

static void assert_unsuited(Bed *b, const char *name, const char *text)
{
    _cleanup_problem_ Problem why = {};

    g_assert_false(b->solver->ops->suits(b->solver, name, false, &why));
    g_assert_nonnull(strstr(why.text, text));
}

static void test_suits(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    g_assert_cmpstr(b.solver->ops->type, ==, "dns-01");
    g_assert_true(b.solver->ops->suits(b.solver, NAME, false, NULL));
    g_assert_true(b.solver->ops->suits(b.solver, "example.com", true, NULL));
    assert_unsuited(&b, "192.0.2.1", "address");
    assert_unsuited(&b, "2001:db8::1", "address");
    b.settings.dns_server = NULL;
    assert_unsuited(&b, NAME, "DNSServer=");
    b.settings.dns_hook = S("hook");
    g_assert_true(b.solver->ops->suits(b.solver, NAME, false, NULL));
}

static void test_record(void)
{
    _cleanup_said_ Said said = {};
    _cleanup_bed_ Bed b;
    SolverTask *t;

    bed_init(&b);
    t = start(&b, NAME, PROOF, &said);
    assert_ready(&said);
    assert_changes("add " OWNER " " VALUE " in example.com at " SERVER ", unsigned\n");
    g_string_truncate(changes, 0);
    g_assert_true(solver_is_busy(b.solver));
    end(t);
    assert_changes("remove " OWNER " " VALUE " in example.com at " SERVER ", unsigned\n");
    g_assert_false(solver_is_busy(b.solver));
}

/* The port of DNSServer= may be left out, and the address have brackets. */
static void test_server(void)
{
    static const struct {
        const char *setting, *server; /* NULL: refused */
    } cases[] = {
        { "192.0.2.53", "192.0.2.53:53" },
        { "2001:db8::53", "[2001:db8::53]:53" },
        { "[2001:db8::53]:5353", "[2001:db8::53]:5353" },
        { "ns1.example.com", NULL },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        g_autofree char *expected = g_strdup_printf(" at %s, unsigned", strempty(cases[i].server));
        _cleanup_said_ Said said = {};
        _cleanup_bed_ Bed b;
        SolverTask *t;

        bed_init(&b);
        b.settings.dns_server = S(cases[i].setting);
        b.settings.self_check = false;
        t = start(&b, NAME, PROOF, &said);
        loop_until(loop, was_said, &said);
        if (cases[i].server)
            g_assert_nonnull(strstr(changes->str, expected));
        else {
            g_assert_cmpint(said.problem.code, ==, PROBLEM_INVALID_ARGUMENT);
            g_assert_nonnull(strstr(said.problem.text, "DNSServer="));
            assert_changes("");
        }
        end(t);
    }
}

static void test_key(void)
{
    _cleanup_said_ Said said = {}, none = {};
    _cleanup_bed_ Bed b;

    bed_init(&b);
    b.settings.dns_key_file = b.key_file = folder_path(&b.folder, "key");
    SolverTask *t = start(&b, NAME, PROOF, &none);
    assert_fails(&none, "DNSKeyFile=");
    end(t);
    folder_write(&b.folder, "key", "key \"k.example.com\" { algorithm hmac-sha256; secret \"c2VjcmV0\"; };");
    g_assert_cmpint(chmod(b.key_file, 0600), ==, 0);
    t = start(&b, NAME, PROOF, &said);
    assert_ready(&said);
    /* what it was made with is what it is removed with */
    b.settings.dns_key_file = NULL;
    b.settings.dns_server = NULL;
    b.settings.dns_hook = S("hook");
    end(t);
    assert_changes("add " OWNER " " VALUE " in example.com at " SERVER ", k.example.com\n"
                   "remove " OWNER " " VALUE " in example.com at " SERVER ", k.example.com\n");
}

/* A hook has no zone, and without the check nothing is asked for but aliases, for which there need not be an answer. */
static void test_hook(void)
{
    _cleanup_said_ Said said = {}, checked = {};
    _cleanup_bed_ Bed b;
    SolverTask *t;

    bed_init(&b);
    b.settings.dns_server = NULL;
    b.settings.dns_hook = S("hook");
    b.settings.self_check = false;
    dns_set("CNAME " OWNER, "!");
    t = start(&b, NAME, PROOF, &said);
    assert_ready(&said);
    g_assert_cmpuint(dns_asked, ==, 1);
    end(t);
    assert_changes("add " OWNER " " VALUE " by hook\nremove " OWNER " " VALUE " by hook\n");

    b.settings.self_check = CHECK_REQUIRE;
    t = start(&b, NAME, PROOF, &checked);
    assert_fails(&checked, "alias");
    g_assert_false(t->advises);
    end(t);
}

/* What only the check needs, and what only the check finds, is not certain. */
static void test_hook_advised(void)
{
    _cleanup_said_ Said nowhere = {}, late = {}, server = {};
    _cleanup_bed_ Bed b;
    SolverTask *t;

    bed_init(&b);
    b.settings.self_check = CHECK_ADVISE;
    dns_set("TXT " OWNER "@2001:db8::53", "-");
    t = start(&b, NAME, PROOF, &late);
    assert_fails(&late, "it does not have it");
    g_assert_true(t->advises);
    end(t);
    dns_set("SOA example.com", "-");
    t = start(&b, NAME, PROOF, &server); /* an update needs the zone */
    assert_fails(&server, "No zone was found");
    g_assert_false(t->advises);
    end(t);
    b.settings.dns_server = NULL;
    b.settings.dns_hook = S("hook");
    g_string_truncate(changes, 0);
    t = start(&b, NAME, PROOF, &nowhere);
    assert_fails(&nowhere, "No zone was found");
    g_assert_true(t->advises);
    end(t);
    assert_changes("add " OWNER " " VALUE " by hook\nremove " OWNER " " VALUE " by hook\n");
}

static void test_alias(void)
{
    _cleanup_said_ Said said = {};
    _cleanup_bed_ Bed b;

    bed_init(&b);
    b.settings.self_check = false;
    dns_set("CNAME " OWNER, "a.example.org");
    dns_set("CNAME a.example.org", "b.dyn.example.net");
    dns_set("SOA b.dyn.example.net", "-");
    dns_set("SOA dyn.example.net", "dyn.example.net ns");
    SolverTask *t = start(&b, NAME, PROOF, &said);
    assert_ready(&said);
    assert_changes("add b.dyn.example.net " VALUE " in dyn.example.net at " SERVER ", unsigned\n");
    end(t);
}

static void test_alias_loop(void)
{
    _cleanup_said_ Said said = {}, longer = {};
    _cleanup_bed_ Bed b;

    bed_init(&b);
    dns_set("CNAME " OWNER, "a.example.org");
    dns_set("CNAME a.example.org", "b.example.org");
    dns_set("CNAME b.example.org", "a.example.org");
    SolverTask *t = start(&b, NAME, PROOF, &said);
    assert_fails(&said, "back to itself: " OWNER ", a.example.org, b.example.org, a.example.org");
    end(t);
    for (unsigned i = 0; i < LIMIT_DNS_ALIASES; i++) {
        g_autofree char *from = g_strdup_printf("CNAME x%u.example.org", i),
                        *to = g_strdup_printf("x%u.example.org", i + 1);
        dns_set(from, to);
    }
    dns_set("CNAME " OWNER, "x1.example.org");
    dns_set("SOA example.org", "example.org ns");
    b.settings.self_check = false;
    t = start(&b, NAME, PROOF, &longer); /* as many as are allowed */
    assert_ready(&longer);
    end(t);
    dns_set("CNAME " OWNER, "x0.example.org");
    _cleanup_said_ Said longest = {};
    t = start(&b, NAME, PROOF, &longest);
    assert_fails(&longest, "more than");
    end(t);
    g_assert_null(strstr(changes->str, "x9"));
}

static void test_no_zone(void)
{
    _cleanup_said_ Said said = {}, silent = {}, foreign = {};
    _cleanup_bed_ Bed b;

    bed_init(&b);
    dns_set("SOA example.com", "-");
    dns_set("SOA com", ". a.root-servers.net"); /* no answer for a name outside of it */
    SolverTask *t = start(&b, NAME, PROOF, &said);
    assert_fails(&said, "No zone");
    end(t);
    dns_set("SOA www.example.com", "!");
    t = start(&b, NAME, PROOF, &silent);
    assert_fails(&silent, "there is no answer");
    end(t);
    dns_set("SOA www.example.com", "ample.com ns");
    t = start(&b, NAME, PROOF, &foreign);
    assert_fails(&foreign, "No zone");
    end(t);
    assert_changes("");
}

static void test_too_long(void)
{
    g_autofree char *label = g_strnfill(60, 'a'), *name = g_strjoin(".", label, label, label, label, NULL);
    const Proof p = { .name = name, .token = TOKEN, .key_authorization = PROOF };
    _cleanup_problem_ Problem problem = {};
    _cleanup_bed_ Bed b;
    SolverTask *t;

    bed_init(&b);
    g_assert_cmpuint(strlen(name), <=, LIMIT_NAME);
    g_assert_cmpint(b.solver->ops->start(b.solver, &p, on_ready, NULL, &t, &problem), <, 0);
    g_assert_nonnull(strstr(problem.text, "longer"));
}

/* It gets it after a minute, and is asked less and less often until then. */
static void test_server_behind(void)
{
    _cleanup_said_ Said said = {};
    _cleanup_bed_ Bed b;

    bed_init(&b);
    dns_set("TXT " OWNER "@192.0.2.54", "?" VALUE);
    SolverTask *t = start(&b, NAME, PROOF, &said);
    assert_ready(&said);
    g_assert_cmpuint(clock_usec, >=, MINUTE);
    g_assert_cmpuint(clock_usec, <, MINUTE + 20 * G_USEC_PER_SEC);
    g_assert_cmpuint(dns_asked, <, 30);
    end(t);
}

static void test_server_late(void)
{
    _cleanup_said_ Said said = {};
    _cleanup_bed_ Bed b;

    bed_init(&b);
    dns_set("TXT " OWNER "@2001:db8::53", "-"); /* its other address has it */
    SolverTask *t = start(&b, NAME, PROOF, &said);
    assert_fails(&said, "ns1.example.com: At 2001:db8::53 it does not have it.");
    g_assert_null(strstr(said.problem.text, "ns2"));
    g_assert_cmpuint(clock_usec, >=, LIMIT_DNS_PROPAGATION * G_USEC_PER_SEC);
    end(t);
    g_assert_nonnull(strstr(changes->str, "remove"));
}

static void test_server_silent(void)
{
    _cleanup_said_ Said said = {}, all = {}, some = {};
    _cleanup_bed_ Bed b;

    bed_init(&b);
    dns_set("TXT " OWNER "@192.0.2.54", "!");
    SolverTask *t = start(&b, NAME, PROOF, &said);
    assert_ready(&said); /* without it */
    g_assert_cmpuint(clock_usec, >=, LIMIT_DNS_SILENCE * G_USEC_PER_SEC);
    end(t);
    dns_set("ADDRESS ns2.example.com", "-");
    dns_set("TXT " OWNER "@192.0.2.53:5353", "!");
    t = start(&b, NAME, PROOF, &some); /* the other address of the other server has it */
    assert_ready(&some);
    end(t);
    dns_set("TXT " OWNER "@2001:db8::53", "!");
    t = start(&b, NAME, PROOF, &all);
    assert_fails(&all, "SelfCheck=no");
    g_assert_nonnull(strstr(all.problem.text, "ns2.example.com: It has no address."));
    g_assert_nonnull(strstr(all.problem.text, "there is no answer"));
    end(t);
}

static void test_no_servers(void)
{
    _cleanup_said_ Said said = {}, silent = {};
    _cleanup_bed_ Bed b;

    bed_init(&b);
    dns_set("NS example.com", "-");
    SolverTask *t = start(&b, NAME, PROOF, &said);
    assert_fails(&said, "no NS record");
    end(t);
    dns_set("NS example.com", "!");
    t = start(&b, NAME, PROOF, &silent);
    assert_fails(&silent, "cannot be found");
    end(t);
}

/* Two values at one owner, each with its own end. */
static void test_two_values(void)
{
    _cleanup_said_ Said one = {}, two = {};
    SolverTask *first, *second;
    _cleanup_bed_ Bed b;

    bed_init(&b);
    b.settings.self_check = false;
    first = start(&b, NAME, PROOF, &one);
    second = start(&b, NAME, OTHER, &two);
    assert_ready(&one);
    assert_ready(&two);
    g_string_truncate(changes, 0);
    end(first);
    assert_changes("remove " OWNER " " VALUE " in example.com at " SERVER ", unsigned\n");
    g_string_truncate(changes, 0);
    end(second);
    g_assert_true(g_str_has_prefix(changes->str, "remove " OWNER " ") && !strstr(changes->str, VALUE));
}

/* The same value is there as long as one of the two needs it. */
static void test_same_value(void)
{
    _cleanup_said_ Said one = {}, two = {}, three = {}, four = {};
    SolverTask *first, *second;
    _cleanup_bed_ Bed b;

    bed_init(&b);
    first = start(&b, NAME, PROOF, &one);
    second = start(&b, NAME, PROOF, &two);
    assert_ready(&one);
    assert_ready(&two);
    end(start(&b, NAME, PROOF, &three));
    end(first);
    first = start(&b, NAME, PROOF, &four); /* it is there already */
    assert_ready(&four);
    end(first);
    said_done(&three);
    three = (Said){};
    assert_changes("add " OWNER " " VALUE " in example.com at " SERVER ", unsigned\n");
    g_string_truncate(changes, 0);
    holds = true;
    solver_task_end(second);
    second = start(&b, NAME, PROOF, &three); /* while it is being removed */
    loop_for(loop, 1000);
    assert_changes("remove " OWNER " " VALUE " in example.com at " SERVER ", unsigned\n");
    holds = false;
    assert_ready(&three);
    assert_changes("remove " OWNER " " VALUE " in example.com at " SERVER ", unsigned\n"
                   "add " OWNER " " VALUE " in example.com at " SERVER ", unsigned\n");
    end(second);
}

/* At every step: nothing more is said, and what was made is removed after it was made. */
static void test_end(void)
{
    _cleanup_said_ Said said = {};
    _cleanup_bed_ Bed b;
    SolverTask *t;

    bed_init(&b);
    solver_task_end(start(&b, NAME, PROOF, &said));
    loop_for(loop, 1000);
    assert_changes("");
    t = start(&b, NAME, PROOF, &said);
    holds = true;
    while (changes->len == 0)
        loop_for(loop, 1000);
    solver_task_end(t);
    loop_for(loop, 1000);
    assert_changes("add " OWNER " " VALUE " in example.com at " SERVER ", unsigned\n");
    g_assert_true(solver_is_busy(b.solver));
    holds = false;
    loop_for(loop, 1000);
    assert_changes("add " OWNER " " VALUE " in example.com at " SERVER ", unsigned\n"
                   "remove " OWNER " " VALUE " in example.com at " SERVER ", unsigned\n");
    g_assert_false(solver_is_busy(b.solver));
    for (unsigned turns = 1; turns < 20; turns++) { /* ended after so many turns of the loop */
        t = start(&b, NAME, PROOF, &said);
        for (unsigned i = 0; i < turns && said.n == 0; i++)
            g_assert_cmpint(sd_event_run(loop, 0), >=, 0);
        solver_task_end(t);
        problem_clear(&said.problem);
        said.n = 0;
        loop_for(loop, 1000);
        g_assert_cmpuint(said.n, ==, 0);
    }
    t = start(&b, NAME, PROOF, &said); /* the solver is freed with it */
    holds = true;
    loop_for(loop, 1000);
    holds = false;
}

static void test_change_fails(void)
{
    _cleanup_said_ Said refused = {}, failed = {}, hook = {}, again = {};
    _cleanup_bed_ Bed b;
    SolverTask *t, *other;

    bed_init(&b);
    refuses = true;
    t = start(&b, NAME, PROOF, &failed);
    loop_until(loop, was_said, &failed);
    g_assert_cmpint(failed.problem.code, ==, PROBLEM_INVALID_ARGUMENT);
    end(t);
    refuses = false;
    change_fails = "The server is on fire.";
    t = start(&b, NAME, PROOF, &refused);
    assert_fails(&refused, "on fire");
    change_fails = NULL;
    other = start(&b, NAME, PROOF, &again); /* the next one tries it anew */
    assert_ready(&again);
    g_string_truncate(changes, 0);
    end(other);
    assert_changes("");
    end(t);
    g_assert_true(g_str_has_prefix(changes->str, "remove"));
    /* An update that failed made nothing; a hook may have. Its removal may fail as well. */
    g_string_truncate(changes, 0);
    b.settings.dns_server = NULL;
    b.settings.dns_hook = S("hook");
    change_fails = "The hook is off.";
    t = start(&b, NAME, PROOF, &hook);
    assert_fails(&hook, "off");
    end(t);
    assert_changes("add " OWNER " " VALUE " by hook\nremove " OWNER " " VALUE " by hook\n");
    g_assert_false(solver_is_busy(b.solver));
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/solver-dns/suits", test_suits);
    g_test_add_func("/solver-dns/record", test_record);
    g_test_add_func("/solver-dns/server", test_server);
    g_test_add_func("/solver-dns/key", test_key);
    g_test_add_func("/solver-dns/hook", test_hook);
    g_test_add_func("/solver-dns/hook-advised", test_hook_advised);
    g_test_add_func("/solver-dns/alias", test_alias);
    g_test_add_func("/solver-dns/alias-loop", test_alias_loop);
    g_test_add_func("/solver-dns/no-zone", test_no_zone);
    g_test_add_func("/solver-dns/too-long", test_too_long);
    g_test_add_func("/solver-dns/server-behind", test_server_behind);
    g_test_add_func("/solver-dns/server-late", test_server_late);
    g_test_add_func("/solver-dns/server-silent", test_server_silent);
    g_test_add_func("/solver-dns/no-servers", test_no_servers);
    g_test_add_func("/solver-dns/two-values", test_two_values);
    g_test_add_func("/solver-dns/same-value", test_same_value);
    g_test_add_func("/solver-dns/end", test_end);
    g_test_add_func("/solver-dns/change-fails", test_change_fails);
    return g_test_run();
}
