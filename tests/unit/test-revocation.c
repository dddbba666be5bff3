/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

/* Revoking a chain at an authority that does not answer. */

typedef struct Answer {
    unsigned n;
    ProblemCode code;
} Answer;

static void on_answer(const Problem *problem, void *userdata)
{
    Answer *a = userdata;

    a->n++;
    a->code = problem->code;
}

static bool is_answered(void *userdata)
{
    return ((Answer *)userdata)->n > 0;
}

static void test_unknown(void)
{
    _cleanup_bundle_ Bundle *b = bundle_make("a.example", 1);
    _cleanup_problem_ Problem problem = {}, other = {};
    _cleanup_orders_ OrdersFixture f = {};
    Answer a = {};

    orders_fixture_init(&f);
    orders_start(&f);
    g_assert_cmpint(orders_revoke(f.orders, "nowhere", b, 0, on_answer, &a, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_INVALID_ARGUMENT);
    g_assert_nonnull(strstr(problem.text, "[Authority nowhere]"));
    g_assert_cmpint(orders_change_account(f.orders, "nowhere", true, on_answer, &a, &other), <, 0);
    g_assert_cmpint(other.code, ==, PROBLEM_INVALID_ARGUMENT);
    g_assert_true(TAILQ_EMPTY(&f.orders->revocations));
    g_assert_cmpuint(a.n, ==, 0);
}

/* Answered once, whichever key it is tried with; then nobody uses the connection. */
static void test_unreachable(void)
{
    _cleanup_bundle_ Bundle *b = bundle_make("a.example", 1);
    _cleanup_problem_ Problem problem = {};
    _cleanup_orders_ OrdersFixture f = {};

    orders_fixture_init(&f);
    orders_start(&f);
    for (int reason = 0; reason < 2; reason++) {
        Answer a = {};

        g_assert_cmpint(orders_revoke(f.orders, "away", b, reason, on_answer, &a, &problem), ==, 0);
        g_assert_cmpuint(a.n, ==, 0); /* not from within */
        g_assert_cmpuint(TAILQ_FIRST(&f.orders->connections)->n_users, ==, 1);
        loop_until(f.event, is_answered, &a);
        loop_for(f.event, 20000);
        g_assert_cmpuint(a.n, ==, 1);
        g_assert_cmpint(a.code, ==, PROBLEM_NETWORK_FAILED);
        g_assert_cmpuint(TAILQ_FIRST(&f.orders->connections)->n_users, ==, 0);
        g_assert_true(TAILQ_EMPTY(&f.orders->revocations));
    }
    g_assert_cmpint(problem.code, ==, PROBLEM_NONE);
}

/* Whoever waits for it when the service stops is answered. */
static void test_stop(void)
{
    _cleanup_bundle_ Bundle *b = bundle_make("a.example", 1);
    _cleanup_problem_ Problem problem = {};
    _cleanup_orders_ OrdersFixture f = {};
    Answer a = {};

    orders_fixture_init(&f);
    orders_start(&f);
    g_assert_cmpint(orders_revoke(f.orders, "away", b, 0, on_answer, &a, &problem), ==, 0);
    g_assert_cmpint(sd_event_run(f.event, 0), >, 0); /* it is under way */
    g_assert_cmpuint(a.n, ==, 0);
    orders_stop(&f);
    g_assert_cmpuint(a.n, ==, 1);
    g_assert_cmpint(a.code, ==, PROBLEM_CANCELLED);
}

/* Nothing is sent to an authority whose terms nobody has agreed to, but an account that is left from then can be
 * deactivated. */
static void test_agreement(void)
{
    const AccountRecord record = { .key = (char[]){ "no key" } };
    _cleanup_problem_ Problem none = {}, disagreed = {}, left = {};
    _cleanup_orders_ OrdersFixture f = {};
    Answer a = {};

    orders_fixture_init(&f);
    f.settings->acme.terms_agreed = false;
    orders_start(&f);
    for (int deactivate = 0; deactivate < 2; deactivate++) {
        problem_clear(&none);
        g_assert_cmpint(orders_change_account(f.orders, "away", deactivate, on_answer, &a, &none), <, 0);
        g_assert_cmpint(none.code, ==, PROBLEM_ACME_DISABLED);
        g_assert_nonnull(strstr(none.text, "no account at away"));
        g_assert_nonnull(strstr(none.text, "TermsOfServiceAgreed=yes"));
    }
    g_assert_cmpint(store_write_account(f.store, "away", &record), ==, 0);
    g_assert_cmpint(orders_change_account(f.orders, "away", false, on_answer, &a, &disagreed), <, 0);
    g_assert_cmpint(disagreed.code, ==, PROBLEM_ACME_DISABLED);
    g_assert_null(strstr(disagreed.text, "no account"));
    g_assert_true(TAILQ_EMPTY(&f.orders->connections));
    g_assert_cmpuint(a.n, ==, 0);
    g_assert_cmpint(orders_change_account(f.orders, "away", true, on_answer, &a, &left), ==, 0);
    loop_until(f.event, is_answered, &a);
    g_assert_cmpint(a.code, !=, PROBLEM_ACME_DISABLED);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/revocation/unknown", test_unknown);
    g_test_add_func("/revocation/unreachable", test_unreachable);
    g_test_add_func("/revocation/stop", test_stop);
    g_test_add_func("/revocation/agreement", test_agreement);
    return g_test_run();
}
