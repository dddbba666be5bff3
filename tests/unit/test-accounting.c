/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

#include "core/now.h"

/* What is asked of an authority is counted before it is asked, and what came of it afterwards. */

static char *names[] = { S("a.example"), NULL };

static int64_t after(OrdersFixture *f)
{
    return orders_after(f->orders, names, NULL, "a.example");
}

/* An attempt of the service's own delays the next one; an order is counted for the limits. */
static void test_attempt(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    int64_t now = clock_now();
    Asked a;
    LedgerFile *l;

    orders_fixture_init(&f);
    orders_start(&f);
    g_assert_cmpint(after(&f), ==, 0);
    orders_ask(&f, "a.example", NULL, &a);
    orders_await(&f, &a);
    l = orders_ledger_file(&f);
    g_assert_cmpint(a.code, ==, PROBLEM_NETWORK_FAILED);
    g_assert_cmpuint(ledger_attempts(l->ledger, "a.example"), ==, 1);
    g_assert_cmpuint(ledger_recent_orders(l->ledger, 60, clock_now()), ==, 1);
    g_assert_cmpint(after(&f), >, now);
    g_assert_cmpint(a.until, ==, after(&f));
    g_assert_cmpint(orders_after(f.orders, names, "another", "a.example"), ==, 0);
    g_assert_null(l->outage.trial);
    orders_stop(&f);
    orders_start(&f); /* it is on disk */
    g_assert_cmpint(after(&f), >, now);
}

/* A reissue is an order as well, but does not stand in the way of the next attempt. */
static void test_reissue(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;

    orders_fixture_init(&f);
    orders_start(&f);
    orders_ask(&f, "a.example", &(OrderingRequest){ .flags = ORDERING_REISSUE | ORDERING_MANUAL }, &a);
    orders_await(&f, &a);
    g_assert_cmpuint(ledger_attempts(orders_ledger_file(&f)->ledger, "a.example"), ==, 0);
    g_assert_cmpuint(ledger_recent_orders(orders_ledger_file(&f)->ledger, 60, clock_now()), ==, 1);
    g_assert_cmpint(after(&f), ==, 0);
}

/* What waits for its back-off says so, and is released when what made it fail is over: not too often. */
static void test_release(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    unsigned n = 0;
    Asked a, b;

    orders_fixture_init(&f);
    orders_start(&f);
    orders_ask(&f, "a.example", NULL, &a);
    orders_await(&f, &a);
    orders_ask(&f, "a.example", NULL, &b);
    orders_await(&f, &b);
    g_assert_true(b.waited && !b.attempted);
    g_assert_cmpint(b.until, ==, after(&f));
    g_assert_false(orders_release(f.orders, "another", "a.example"));
    g_assert_false(orders_release(f.orders, NULL, "b.example"));
    g_assert_true(orders_release(f.orders, "away", "a.example"));
    g_assert_cmpint(after(&f), <=, clock_now());
    while (orders_release(f.orders, NULL, "a.example"))
        g_assert_cmpuint(++n, <, 100);
    g_assert_cmpuint(n, >, 0);
}

/* The end of an order that was given up: the next one need not wait. */
static void test_withdrawn(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;

    orders_fixture_init(&f);
    orders_start(&f);
    orders_ask(&f, "a.example", NULL, &a);
    while (!a.begun)
        g_assert_cmpint(sd_event_run(f.event, 100000), >=, 0);
    g_assert_cmpint(after(&f), >, clock_now());
    orders_cancel(&f, &a);
    while (orders_busy(f.orders) > 0)
        g_assert_cmpint(sd_event_run(f.event, 100000), >=, 0);
    g_assert_false(a.done);
    g_assert_cmpint(after(&f), <=, clock_now());
}

/* One that could be gone on with waits for the authority's outage, unless somebody waits for it. */
static void test_must_stay(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Ordering o = {};

    orders_fixture_init(&f);
    orders_start(&f);
    o.orders = f.orders;
    g_assert_false(ordering_must_stay(&o, f.settings->authorities));
    ledger_file_note_outage(orders_ledger_file(&f), 3600);
    o.flags = ORDERING_MANUAL;
    g_assert_false(ordering_must_stay(&o, f.settings->authorities));
    o.flags = 0;
    g_assert_true(ordering_must_stay(&o, f.settings->authorities));
    g_assert_cmpint(o.outcome.until, ==, ledger_open_until(orders_ledger_file(&f)->ledger));
    g_assert_nonnull(strstr(o.outcome.problem.text, "had an outage"));
    problem_clear(&o.outcome.problem);
}

static bool has_route;

/* Instead of net/routes.c. */
bool network_has_default_route(const Network *n _unused_)
{
    return has_route;
}

/* A machine without a network: nothing is counted against the authority, unless it was reached before. */
static void test_offline(void)
{
    for (int i = 0; i < 3; i++) {
        bool placed = i == 2;
        _cleanup_orders_ OrdersFixture f = {};
        OrderRecord record = { .url = placed ? S("https://away.test/order/1") : NULL };
        Ordering o = { .wanted = { .name = S("a.example"), .names = names } };
        LedgerFile *l;

        orders_fixture_init(&f);
        orders_start(&f);
        orders_set_network(f.orders, (const Network *)&has_route);
        has_route = i == 1;
        o.orders = f.orders;
        l = orders_ledger_file(&f);
        o.attempt.connection = &(Connection){ .file = l };
        o.attempt.record = &record;
        g_assert_cmpint(ordering_note(&o), ==, 0);
        o.attempt.failure = FAILED_AT_AUTHORITY;
        o.outcome.problem = (Problem){ .code = PROBLEM_NETWORK_FAILED, .unreachable = true, .silent = true };
        g_assert_cmpint(ordering_is_offline(&o), ==, !has_route);
        ordering_note_end(&o);
        g_assert_cmpuint(l->outage.last > 0, ==, has_route);
        g_assert_cmpuint(ledger_attempts(l->ledger, "a.example"), ==, has_route || placed ? 1 : 0);
        g_assert_cmpuint(ledger_recent_orders(l->ledger, 60, clock_now()), ==, has_route || placed ? 1 : 0);
        orders_keep(&f, l);
    }
}

/* What was refused here and there alike waits longer, and comes last; by hand it does not. */
static void test_foreseen(void)
{
    for (int by_hand = 0; by_hand < 2; by_hand++) {
        _cleanup_orders_ OrdersFixture f = {};
        OrderRecord record = {};
        Ordering o = { .wanted = { .name = S("a.example"), .names = names },
                       .flags = by_hand ? ORDERING_REISSUE : 0 };

        orders_fixture_init(&f);
        orders_start(&f);
        o.orders = f.orders;
        o.attempt = (OrderAttempt){ .connection = &(Connection){ .file = orders_ledger_file(&f) },
                                    .record = &record,
                                    .failure = FAILED_BY_ANSWER,
                                    .refused = 1,
                                    .foreseen = { names[0], "http-01", 7 } };
        g_assert_cmpint(ordering_note(&o), ==, 0);
        ordering_note_end(&o);
        g_assert_true(orders_foresaw(f.orders, "a.example"));
        if (by_hand)
            g_assert_cmpint(after(&f), ==, 0);
        else {
            g_assert_cmpint(after(&f), >=, clock_now() + 4700);
            g_assert_cmpint(o.outcome.until, ==, after(&f));
        }
        o.attempt.foreseen = (SolverFinding){}; /* the check has changed */
        ordering_note_end(&o);
        g_assert_false(orders_foresaw(f.orders, "a.example"));
        orders_keep(&f, orders_ledger_file(&f));
    }
}

/* What one authority refused does not matter when another one has issued. */
static void test_foreseen_elsewhere(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Bundle issued = {};
    OrderRecord record = {};
    Ordering o = { .wanted = { .name = S("a.example"), .names = names }, .outcome.bundle = &issued };
    const SolverFinding found = { names[0], "http-01", 7 };
    LedgerFile *other;

    orders_fixture_init(&f);
    orders_add_authority(&f, "other");
    orders_start(&f);
    other = ledger_file_get(f.orders, f.settings->authorities + 1);
    g_assert_cmpint(ledger_note_finding(other->ledger, "a.example", &found, clock_now()), ==, 0);
    g_assert_true(orders_foresaw(f.orders, "a.example"));
    o.orders = f.orders;
    o.attempt =
        (OrderAttempt){ .connection = &(Connection){ .file = orders_ledger_file(&f) }, .record = &record };
    g_assert_cmpint(ordering_note(&o), ==, 0);
    ordering_note_end(&o);
    g_assert_false(orders_foresaw(f.orders, "a.example"));
    orders_keep(&f, orders_ledger_file(&f));
    orders_keep(&f, other);
}

/* Each reason to wait is a sentence, with the authority and its limit. */
static void test_explain(void)
{
    static const struct {
        int limit;
        const char *subject;
        ProblemCode code;
        const char *says;
    } waits[] = {
        { LEDGER_ORDERS, NULL, PROBLEM_LIMITS_EXCEEDED, "allows 7 orders of one account in 3 hours" },
        { LEDGER_DOMAIN, "a.org", PROBLEM_LIMITS_EXCEEDED, "certificates for the domain a.org in 3 hours" },
        { LEDGER_SET, NULL, PROBLEM_LIMITS_EXCEEDED, "exactly the same names in 3 hours" },
        { LEDGER_FAILURES, "x.org", PROBLEM_LIMITS_EXCEEDED, "failed validations of x.org in 3 hours" },
        { WAIT_OUTAGE, NULL, PROBLEM_AUTHORITY_FAILED, "had an outage" },
        { WAIT_AFTER, NULL, PROBLEM_AUTHORITY_FAILED, "completed none of the last orders" },
        { WAIT_TRIED, NULL, PROBLEM_AUTHORITY_FAILED, "failed to complete other orders" },
        { WAIT_LOST, NULL, PROBLEM_AUTHORITY_FAILED, "cannot tell whether it has the order" },
        { WAIT_READ, NULL, PROBLEM_STORAGE_FAILED, "acme/away/ledger" },
    };
    AuthoritySettings a = { .name = S("away") };

    for (size_t i = 0; i < _LEDGER_LIMIT_MAX; i++)
        a.limits[i] = (RateLimit){ 7, 3 * HOUR };
    for (size_t i = 0; i < ELEMENTSOF(waits); i++) {
        _cleanup_problem_ Problem problem = {};
        const LedgerWait wait = { clock_now() + HOUR, (LedgerLimit)waits[i].limit, S(waits[i].subject) };

        wait_explain(&a, &wait, &problem);
        g_assert_cmpint(problem.code, ==, waits[i].code);
        g_assert_cmpint(problem_is_rate_limited(&problem), ==, waits[i].limit < _LEDGER_LIMIT_MAX);
        if (!strstr(problem.text, waits[i].says) || !strstr(problem.text, "away"))
            g_error("\"%s\" does not say \"%s\"", problem.text, waits[i].says);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/accounting/attempt", test_attempt);
    g_test_add_func("/accounting/reissue", test_reissue);
    g_test_add_func("/accounting/release", test_release);
    g_test_add_func("/accounting/withdrawn", test_withdrawn);
    g_test_add_func("/accounting/must-stay", test_must_stay);
    g_test_add_func("/accounting/offline", test_offline);
    g_test_add_func("/accounting/foreseen", test_foreseen);
    g_test_add_func("/accounting/foreseen-elsewhere", test_foreseen_elsewhere);
    g_test_add_func("/accounting/explain", test_explain);
    return g_test_run();
}
