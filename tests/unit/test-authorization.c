/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-client.h"

#include "acme/authorization.h"

#define URL   "https://ca.test/"
#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"

static AccountKey *key;
static const AcmeAuthority authority = { .name = S("ca") };

const AcmeAuthority *acme_client_authority(const AcmeClient *c _unused_)
{
    return &authority;
}

const AccountKey *acme_client_key(const AcmeClient *c _unused_)
{
    return key;
}

static unsigned n_holds;

void acme_client_hold_key(AcmeClient *c _unused_)
{
    n_holds++;
}

void acme_client_release_key(AcmeClient *c _unused_)
{
    n_holds--;
}

/* ---- solvers of these tests */

typedef struct Trial {
    SolverTask task; /* first */
    SolverReady ready;
    void *userdata;
    char *proof;
    struct Trial **place;
} Trial;

typedef struct Tester {
    Solver solver;   /* first */
    const char *why; /* it does not suit; NULL: it does */
    bool fails;      /* to start */
    Trial *trial;    /* the last one; NULL: ended */
    unsigned n_started;
} Tester;

static bool suits(Solver *s, const char *name _unused_, bool wildcard _unused_, Problem *why)
{
    Tester *t = (Tester *)s;

    if (t->why)
        problem_set(why, PROBLEM_CHALLENGE_FAILED, "%s", t->why);
    return !t->why;
}

static int start(Solver *s, const Proof *proof, SolverReady ready, void *userdata, SolverTask **ret,
                 Problem *problem)
{
    Tester *t = (Tester *)s;
    Trial *trial;

    t->n_started++;
    if (t->fails)
        return problem_set(problem, PROBLEM_CHALLENGE_FAILED, "%s cannot start.", s->ops->type);
    trial = g_new0(Trial, 1);
    *trial = (Trial){ .task.solver = s, .ready = ready, .userdata = userdata, .place = &t->trial };
    trial->proof =
        g_strdup_printf("%s %s%s", proof->key_authorization, proof->wildcard ? "*." : "", proof->name);
    t->trial = trial;
    *ret = &trial->task;
    return 0;
}

static SolverTask *end(SolverTask *task)
{
    Trial *trial = (Trial *)task;

    if (*trial->place == trial)
        *trial->place = NULL;
    g_free(trial->proof);
    g_free(trial);
    return NULL;
}

static const SolverOps http_ops = { .type = "http-01", .suits = suits, .start = start, .end = end };
static const SolverOps dns_ops = { .type = "dns-01", .suits = suits, .start = start, .end = end };

static void advise(const Tester *t, const char *finding)
{
    _cleanup_problem_ Problem problem = {};

    problem_set(&problem, PROBLEM_CHALLENGE_FAILED, "%s", finding);
    t->trial->task.advises = true;
    t->trial->ready(&problem, t->trial->userdata);
}

static void ready(const Tester *t, const char *failure)
{
    _cleanup_problem_ Problem problem = {};

    g_assert_nonnull(t->trial);
    if (failure)
        problem_set(&problem, PROBLEM_CHALLENGE_FAILED, "%s", failure);
    t->trial->ready(&problem, t->trial->userdata);
}

static void seen(const Tester *t)
{
    t->trial->task.seen(t->trial->userdata);
}

/* ---- an order's authorizations, and what is heard of them */

typedef struct Proving {
    Tester http, dns;
    Solver *list[2];
    OrderSolvers solvers;
    Authorizations *all;
    unsigned n_validating, n_seen, n_failed, n_explained;
    Problem problem; /* of the last failure or explanation */
    bool at_authority;
} Proving;

static void on_progress(double progress, const char *step, void *userdata _unused_)
{
    g_assert_true(progress > 0 && progress < 1 && step);
}

static void on_validating(void *userdata)
{
    ((Proving *)userdata)->n_validating++;
}

static void on_seen(void *userdata)
{
    ((Proving *)userdata)->n_seen++;
}

static void on_failed(const AcmeFailure *failure, void *userdata)
{
    Proving *p = userdata;

    p->n_failed++;
    p->at_authority = failure->at_authority;
    problem_clear(&p->problem);
    g_assert_cmpint(problem_copy(failure->problem, &p->problem), ==, 0);
}

static void on_explained(Problem *problem, void *userdata)
{
    Proving *p = userdata;

    p->n_explained++;
    problem_clear(&p->problem);
    problem_move(problem, &p->problem);
}

static const AuthorizationsObserver observer = { on_progress, on_validating, on_seen, on_failed,
                                                 on_explained };
static char *names[] = { S("a.test"), S("*.b.test"), NULL };

static void proving_init(Proving *p, size_t n)
{
    static char *const urls[] = { S(URL "a"), S(URL "b"), NULL };

    *p = (Proving){ .http.solver.ops = &http_ops, .dns.solver.ops = &dns_ops };
    p->list[0] = &p->http.solver;
    p->list[1] = &p->dns.solver;
    p->solvers = (OrderSolvers){ .list = p->list, .n = 2 };
    n_sent = 0;
    broken = false;
    g_assert_cmpint(authorizations_new(NULL, &p->solvers, names, urls + 2 - n, &observer, p, &p->all), ==,
                    0);
}

static void proving_done(Proving *p)
{
    authorizations_free(p->all);
    problem_clear(&p->problem);
    g_assert_null(p->http.trial);
    g_assert_null(p->dns.trial);
    g_assert_true(g_queue_is_empty(&calls));
}
#define _cleanup_proving_ _cleanup_(proving_done)

#define HTTP "{\"type\":\"http-01\",\"url\":\"" URL "http\",\"status\":\"pending\",\"token\":\"" TOKEN "\"}"
#define DNS  "{\"type\":\"dns-01\",\"url\":\"" URL "dns\",\"status\":\"pending\",\"token\":\"" TOKEN "\"}"

static void answer_authorization(const char *url, const char *status, const char *name, bool wildcard,
                                 const char *challenges)
{
    g_autofree char *body = g_strdup_printf(
        "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"%s\"},\"wildcard\":%s,"
        "\"challenges\":[%s]}",
        status, name, wildcard ? "true" : "false", challenges);

    answer(ACME_URL, url, body);
}

static void fetch(Proving *p, bool explain)
{
    g_assert_cmpint(authorizations_fetch(p->all, explain), ==, 0);
}

/* Only b, so that a test of one name is short. */
static void fetch_b(Proving *p, const char *status, const char *challenges)
{
    fetch(p, false);
    answer_authorization(URL "b", status, "b.test", true, challenges);
}

static void assert_failed(const Proving *p, ProblemCode code, const char *part)
{
    g_assert_cmpuint(p->n_failed, ==, 1);
    g_assert_cmpuint(p->n_validating, ==, 0);
    g_assert_cmpint(p->problem.code, ==, code);
    if (!strstr(p->problem.text, part))
        g_error("\"%s\" does not say \"%s\"", p->problem.text, part);
}

static void test_prove(void)
{
    g_autofree char *proof = g_strdup_printf(TOKEN ".%s a.test", account_key_thumbprint(key));
    _cleanup_proving_ Proving p;

    proving_init(&p, 2);
    g_assert_cmpuint(authorizations_solver(p.all), ==, 2);
    fetch(&p, false);
    g_assert_cmpuint(g_queue_get_length(&calls), ==, 2);
    answer_authorization(URL "a", "pending", "a.test", false, HTTP);
    answer_authorization(URL "b", "pending", "b.test", true, DNS);
    g_assert_cmpstr(p.http.trial->proof, ==, proof);
    g_assert_true(g_str_has_suffix(p.dns.trial->proof, " *.b.test"));
    g_assert_true(g_queue_is_empty(&calls));
    /* the self-check looked, the authority was not asked yet */
    seen(&p.http);
    ready(&p.http, NULL);
    g_assert_cmpstr(((AcmeCall *)g_queue_peek_head(&calls))->payload, ==, "{}");
    answer(ACME_URL, URL "http", "");
    g_assert_cmpuint(p.n_validating, ==, 0);
    ready(&p.dns, NULL);
    seen(&p.dns);
    g_assert_cmpuint(p.n_seen, ==, 0);
    answer(ACME_URL, URL "dns", "");
    g_assert_cmpuint(p.n_validating, ==, 1);
    g_assert_cmpuint(p.n_seen, ==, 0);
    seen(&p.http);
    seen(&p.http);
    g_assert_cmpuint(p.n_seen, ==, 1);
    g_assert_cmpuint(p.n_failed, ==, 0);
    g_assert_cmpuint(authorizations_solver(p.all), ==, 1);
}

static void test_valid(void)
{
    _cleanup_proving_ Proving p;

    proving_init(&p, 2);
    fetch(&p, false);
    answer_authorization(URL "a", "valid", "a.test", false, HTTP);
    g_assert_cmpuint(p.n_validating, ==, 0);
    answer_authorization(URL "b", "valid", "b.test", true, DNS);
    g_assert_cmpuint(p.n_validating, ==, 1);
    g_assert_cmpuint(p.n_seen, ==, 1); /* nobody has to look */
    g_assert_cmpuint(p.http.n_started + p.dns.n_started, ==, 0);
    g_assert_cmpuint(authorizations_solver(p.all), ==, 2);
}

/* Which one begins. */
static void test_preference(void)
{
    static const struct {
        const char *preferred;
        unsigned failed;
        bool dns;
    } cases[] = {
        { NULL, 0, false },     { "dns-01", 0, true },  { "http-01", 0, false },
        { NULL, 1 << 0, true }, { "dns-01", 3, false }, { "dns-01", 1 << 1, false },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_proving_ Proving p;

        proving_init(&p, 1);
        p.solvers.preferred = cases[i].preferred;
        p.solvers.failed = cases[i].failed;
        fetch_b(&p, "pending", HTTP "," DNS);
        if (p.dns.n_started != cases[i].dns || p.http.n_started == cases[i].dns)
            note_failure("case %zu: http-01 %u, dns-01 %u", i, p.http.n_started, p.dns.n_started);
    }
}

/* Another solver takes over when the self-check fails; the first problem is reported when all have failed. */
static void test_next_solver(void)
{
    _cleanup_proving_ Proving p, q;

    proving_init(&p, 1);
    proving_init(&q, 1);
    fetch_b(&p, "pending", HTTP "," DNS);
    ready(&p.http, "Port 80 is closed.");
    g_assert_null(p.http.trial);
    g_assert_nonnull(p.dns.trial);
    ready(&p.dns, "There is no record.");
    assert_failed(&p, PROBLEM_CHALLENGE_FAILED, "Port 80 is closed.");
    g_assert_false(p.at_authority);
    q.http.fails = true;
    fetch_b(&q, "pending", HTTP "," DNS);
    ready(&q.dns, NULL);
    answer(ACME_URL, URL "dns", "");
    g_assert_cmpuint(q.n_failed, ==, 0);
    g_assert_cmpuint(q.n_validating, ==, 1);
}

/* A self-check that advises: others are tried first, then the authority is asked all the same. */
static void test_advised(void)
{
    _cleanup_proving_ Proving only, other, both, certain;

    proving_init(&only, 1);
    g_assert_null(authorizations_finding(only.all));
    fetch_b(&only, "pending", HTTP);
    advise(&only.http, "The router answers.");
    answer(ACME_URL, URL "http", HTTP);
    g_assert_cmpuint(only.n_validating, ==, 1);
    g_assert_cmpuint(only.http.n_started, ==, 1);
    g_assert_cmpstr(authorizations_finding(only.all)->text, ==, "The router answers.");
    authorizations_watch(only.all);
    answer_authorization(URL "b", "valid", "b.test", true, HTTP);
    g_assert_null(authorizations_finding(only.all)); /* it was wrong */

    proving_init(&other, 1);
    fetch_b(&other, "pending", HTTP "," DNS);
    advise(&other.http, "The router answers.");
    ready(&other.dns, NULL);
    answer(ACME_URL, URL "dns", DNS);
    g_assert_cmpuint(other.n_validating, ==, 1);
    g_assert_null(authorizations_finding(other.all));

    proving_init(&both, 1);
    fetch_b(&both, "pending", HTTP "," DNS);
    advise(&both.http, "The router answers.");
    advise(&both.dns, "There is no record.");
    g_assert_cmpuint(both.http.n_started, ==, 2);
    advise(&both.http, "The router still answers.");
    answer(ACME_URL, URL "http", HTTP);
    g_assert_cmpuint(both.n_validating, ==, 1);
    g_assert_cmpuint(both.n_failed, ==, 0);

    proving_init(&certain, 1);
    fetch_b(&certain, "pending", HTTP "," DNS);
    advise(&certain.http, "The router answers.");
    certain.http.fails = true; /* meanwhile */
    ready(&certain.dns, "The record was not made.");
    assert_failed(&certain, PROBLEM_CHALLENGE_FAILED, "The router answers.");
}

static void test_no_solver(void)
{
    _cleanup_proving_ Proving p;

    proving_init(&p, 1);
    p.http.why = "No wildcards";
    fetch_b(&p, "pending", HTTP);
    assert_failed(
        &p, PROBLEM_CHALLENGE_FAILED,
        "There is no way to prove *.b.test. No wildcards. The authority ca does not offer dns-01 for it.");
}

static void test_refused(void)
{
    _cleanup_proving_ Proving p, other, plain, nonsense, failing;

    proving_init(&p, 1);
    fetch_b(&p, "deactivated", HTTP);
    assert_failed(&p, PROBLEM_AUTHORITY_REFUSED,
                  "no proof for b.test: its authorization is already deactivated");
    proving_init(&other, 1);
    fetch(&other, false);
    answer_authorization(URL "b", "pending", "c.test", false, HTTP);
    assert_failed(&other, PROBLEM_AUTHORITY_FAILED, "requires proof for c.test, which is not in the order");
    g_assert_true(other.at_authority);
    proving_init(&plain, 1);
    fetch(&plain, false);
    answer_authorization(URL "b", "pending", "b.test", false, HTTP);
    assert_failed(&plain, PROBLEM_AUTHORITY_FAILED, "requires proof for b.test");
    proving_init(&nonsense, 1);
    fetch(&nonsense, false);
    answer(ACME_URL, URL "b", "{}");
    assert_failed(&nonsense, PROBLEM_AUTHORITY_FAILED, "is missing");
    proving_init(&failing, 1);
    fetch(&failing, false);
    answer_failure(ACME_URL, URL "b", PROBLEM_NETWORK_FAILED, NULL);
    g_assert_cmpuint(failing.n_failed, ==, 1);
    g_assert_true(failing.at_authority);
}

#define FAILED_HTTP \
    "{\"type\":\"http-01\",\"url\":\"" URL "http\",\"status\":\"invalid\",\"token\":\"" TOKEN "\"%s}"
#define WHY ",\"error\":{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"No route.\"}"

/* The authority validates while it is asked to; whether it says why or not. */
static void test_refused_at_once(void)
{
    static const struct {
        const char *more, *type, *part;
    } cases[] = {
        { WHY, "connection", "No route" },
        { "", NULL, "did not accept the proof for b.test, and gave no reason" },
        { ",\"error\":null", NULL, "gave no reason" },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        g_autofree char *body = g_strdup_printf(FAILED_HTTP, cases[i].more);
        _cleanup_proving_ Proving p;

        proving_init(&p, 1);
        fetch_b(&p, "pending", HTTP "," DNS);
        ready(&p.http, NULL);
        answer(ACME_URL, URL "http", body);
        g_assert_cmpuint(p.n_explained, ==, 1);
        g_assert_cmpuint(p.n_failed + p.n_validating, ==, 0);
        g_assert_cmpint(p.problem.code, ==, PROBLEM_AUTHORITY_REFUSED);
        g_assert_true(isempty(cases[i].type) ? isempty(p.problem.type)
                                             : streq(p.problem.type, cases[i].type));
        if (!strstr(p.problem.text, cases[i].part))
            g_error("\"%s\" does not say \"%s\"", p.problem.text, cases[i].part);
        g_assert_cmpuint(authorizations_solver(p.all), ==, 0);
    }
}

/* The order stays pending, its authorization does not; or only the challenge has failed. */
static void test_watch(void)
{
    g_autofree char *failed = g_strdup_printf(FAILED_HTTP, WHY);
    static const char *const statuses[] = { "invalid", "pending", "deactivated", "revoked" };

    for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
        _cleanup_proving_ Proving p;

        proving_init(&p, 1);
        authorizations_watch(p.all); /* nothing to see yet */
        fetch_b(&p, "pending", HTTP "," DNS);
        authorizations_watch(p.all);
        g_assert_true(g_queue_is_empty(&calls));
        ready(&p.http, NULL);
        answer(ACME_URL, URL "http", HTTP);
        g_assert_cmpuint(p.n_validating, ==, 1);
        authorizations_watch(p.all);
        answer_authorization(URL "b", "pending", "b.test", true, HTTP "," DNS);
        authorizations_watch(p.all);
        answer_failure(ACME_URL, URL "b", PROBLEM_NETWORK_FAILED, NULL);
        authorizations_watch(p.all);
        answer(ACME_URL, URL "b", "nonsense");
        g_assert_cmpuint(p.n_explained + p.n_failed, ==, 0);
        authorizations_watch(p.all);
        authorizations_watch(p.all); /* one request at a time */
        answer_authorization(URL "b", statuses[i], "b.test", true, failed);
        g_assert_cmpuint(p.n_explained, ==, 1);
        g_assert_cmpstr(p.problem.type, ==, "connection");
        g_assert_cmpuint(authorizations_solver(p.all), ==, 0);
    }
}

/* Of several names, that counts which was refused. */
static void test_foreseen(void)
{
    for (int i = 0; i < 4; i++) {
        bool has = i < 2,
             says = i % 2 == 0; /* the refused one has a finding; the authority says which it is */
        g_autofree char *failed = says ? g_strdup_printf(FAILED_HTTP, WHY) : g_strdup(HTTP);
        SolverFinding found = { .name = "untouched" };
        _cleanup_proving_ Proving p;

        proving_init(&p, 2);
        g_assert_false(authorizations_were_foreseen(p.all, &found));
        fetch(&p, false);
        answer_authorization(URL "a", "pending", "a.test", false, HTTP);
        answer_authorization(URL "b", "pending", "b.test", true, DNS);
        p.dns.trial->task.found = 8;
        advise(&p.dns, "There is no record.");
        p.http.trial->task.found = 7;
        if (has)
            advise(&p.http, "The router answers.");
        else
            ready(&p.http, NULL);
        answer(ACME_URL, URL "dns", DNS);
        answer(ACME_URL, URL "http", HTTP);
        fetch(&p, true);
        answer_authorization(URL "a", says ? "invalid" : "pending", "a.test", false, failed);
        answer_authorization(URL "b", "pending", "b.test", true, DNS);
        g_assert_cmpuint(p.n_explained, ==, 1);
        g_assert_cmpint(authorizations_were_foreseen(p.all, &found), ==, has || !says);
        g_assert_cmpstr(found.name, ==, has ? "a.test" : says ? "untouched" : "*.b.test");
        if (has || !says) {
            g_assert_cmpstr(found.solver, ==, has ? "http-01" : "dns-01");
            g_assert_cmpuint(found.what, ==, has ? 7 : 8);
        }
        g_assert_cmpstr(authorizations_finding(p.all)->text, ==,
                        has ? "The router answers." : "There is no record.");
    }
}

/* What is valid is not asked for again, and what is asked for twice is answered once. */
static void test_watch_valid(void)
{
    _cleanup_proving_ Proving p;

    proving_init(&p, 1);
    fetch_b(&p, "pending", DNS);
    ready(&p.dns, NULL);
    answer(ACME_URL, URL "dns", DNS);
    authorizations_watch(p.all);
    fetch(&p, true);
    answer_authorization(URL "b", "valid", "b.test", true, DNS);
    g_assert_cmpuint(p.n_explained, ==, 1);
    authorizations_watch(p.all);
    answer_authorization(URL "b", "valid", "b.test", true, DNS);
    authorizations_watch(p.all);
    g_assert_true(g_queue_is_empty(&calls));
}

/* A challenge that was refused before is not tried again. */
static void test_used_up(void)
{
    g_autofree char *failed = g_strdup_printf(FAILED_HTTP, WHY), *both = g_strconcat(failed, "," DNS, NULL);
    _cleanup_proving_ Proving p, q;

    proving_init(&p, 1);
    fetch_b(&p, "pending", both);
    g_assert_cmpuint(p.http.n_started, ==, 0);
    g_assert_cmpuint(p.dns.n_started, ==, 1);
    proving_init(&q, 1);
    fetch_b(&q, "pending", failed);
    assert_failed(&q, PROBLEM_CHALLENGE_FAILED, "has already refused http-01");
}

/* The account key stays while proofs may be validated; if it changes nevertheless, the proof is made again. */
static void test_key(void)
{
    _cleanup_account_key_ AccountKey *other = NULL;
    AccountKey *former = key;
    _cleanup_proving_ Proving p;

    g_assert_cmpint(account_key_generate(KEY_TYPE_ECDSA_P256, &other), ==, 0);
    proving_init(&p, 1);
    fetch(&p, false);
    g_assert_cmpuint(n_holds, ==, 0);
    answer_authorization(URL "b", "pending", "b.test", true, HTTP);
    g_assert_cmpuint(n_holds, ==, 1);
    key = other;
    ready(&p.http, NULL);
    g_assert_true(g_queue_is_empty(&calls)); /* not with the former proof */
    g_assert_cmpuint(p.http.n_started, ==, 2);
    g_assert_nonnull(strstr(p.http.trial->proof, account_key_thumbprint(other)));
    ready(&p.http, NULL);
    answer(ACME_URL, URL "http", HTTP);
    g_assert_cmpuint(p.n_validating, ==, 1);
    g_assert_cmpuint(n_holds, ==, 1);
    authorizations_settle(p.all);
    authorizations_settle(p.all);
    g_assert_cmpuint(n_holds, ==, 0);
    key = former;
}

static void test_cannot_send(void)
{
    _cleanup_proving_ Proving p;

    proving_init(&p, 1);
    broken = true;
    g_assert_cmpint(authorizations_fetch(p.all, false), ==, -ENOMEM);
    broken = false;
    fetch_b(&p, "pending", HTTP);
    broken = true;
    ready(&p.http, NULL);
    g_assert_cmpuint(p.n_failed, ==, 1);
    g_assert_cmpint(p.problem.code, ==, PROBLEM_INTERNAL);
}

/* The authority's own words for a name that it did not see proved. */
static void test_explain(void)
{
    static const char failed[] =
        "{\"type\":\"http-01\",\"url\":\"" URL "http\",\"status\":\"invalid\",\"token\":\"" TOKEN
        "\",\"error\":{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"No route.\"}}";
    _cleanup_proving_ Proving p, none;

    proving_init(&p, 2);
    fetch(&p, true);
    answer_failure(ACME_URL, URL "a", PROBLEM_NETWORK_FAILED, NULL);
    g_assert_cmpuint(p.n_explained, ==, 0);
    answer_authorization(URL "b", "invalid", "b.test", true, failed);
    g_assert_cmpuint(p.n_explained, ==, 1);
    g_assert_cmpuint(p.n_failed, ==, 0);
    g_assert_cmpint(p.problem.code, ==, PROBLEM_AUTHORITY_REFUSED);
    g_assert_cmpstr(p.problem.type, ==, "connection");
    g_assert_nonnull(strstr(p.problem.text, "No route"));
    proving_init(&none, 1);
    fetch(&none, true);
    answer_authorization(URL "b", "invalid", "b.test", true, HTTP);
    g_assert_cmpuint(none.n_explained, ==, 1);
    g_assert_cmpint(none.problem.code, ==, PROBLEM_NONE);
}

/* Requests are cancelled and proofs removed: proving_done() looks for both. */
static void test_free(void)
{
    _cleanup_proving_ Proving p;

    proving_init(&p, 2);
    fetch(&p, false);
    answer_authorization(URL "a", "pending", "a.test", false, HTTP);
    g_assert_nonnull(p.http.trial);
    g_assert_cmpuint(g_queue_get_length(&calls), ==, 1);
    g_assert_null(authorizations_free(NULL));
}

int main(int argc, char **argv)
{
    int r;

    fixture_init(&argc, &argv);
    g_assert_cmpint(account_key_generate(KEY_TYPE_ECDSA_P256, &key), ==, 0);
    g_test_add_func("/authorization/prove", test_prove);
    g_test_add_func("/authorization/valid", test_valid);
    g_test_add_func("/authorization/preference", test_preference);
    g_test_add_func("/authorization/next-solver", test_next_solver);
    g_test_add_func("/authorization/advised", test_advised);
    g_test_add_func("/authorization/no-solver", test_no_solver);
    g_test_add_func("/authorization/refused", test_refused);
    g_test_add_func("/authorization/refused-at-once", test_refused_at_once);
    g_test_add_func("/authorization/watch", test_watch);
    g_test_add_func("/authorization/foreseen", test_foreseen);
    g_test_add_func("/authorization/watch-valid", test_watch_valid);
    g_test_add_func("/authorization/used-up", test_used_up);
    g_test_add_func("/authorization/key", test_key);
    g_test_add_func("/authorization/cannot-send", test_cannot_send);
    g_test_add_func("/authorization/explain", test_explain);
    g_test_add_func("/authorization/free", test_free);
    r = g_test_run();
    g_assert_cmpuint(n_holds, ==, 0);
    account_key_free(key);
    return r;
}
