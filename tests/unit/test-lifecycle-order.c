/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "lifecycle/lifecycle-internal.h"
#include "manager/manager-internal.h"
#include "orders/orders-internal.h"

/* Orders beside everything else, as far as they come when nobody answers at the authority's port. */

#define ACME \
    "[ACME]\nTermsOfServiceAgreed=yes\nChallenges=http-01\nHTTPListen=127.0.0.1:0\n" \
    "[Authority away]\nDirectory=https://127.0.0.1:1/directory\nPublic=no\n"

static void start(Service *s, const char *module)
{
    service_init(s);
    folder_write(&s->config, "certwright.conf", ACME);
    service_write_module(s, "web", module);
    service_start(s);
}

/* A machine without a default route waits for one, so that the service is not idle then. */
static bool has_failed(void *userdata)
{
    const Certificate *c = userdata;

    return c->record->order_failed && !c->job && !c->work.busy;
}

static bool is_ordered(void *userdata)
{
    const Certificate *c = userdata;

    return c->job && c->job->kind == JOB_ORDER && c->order.ordering;
}

static Certificate *start_and_fail(Service *s)
{
    Certificate *c;

    start(s, MODULE_WWW);
    c = service_find(s, "www.example.com");
    loop_until(s->event, has_failed, c);
    return c;
}

/* The name has its local chain at once; that nothing better came of the order is told, and when the next is due. */
static void test_fails(void)
{
    _cleanup_service_ Service s = {};
    OrderingOutcome outcome;
    Certificate *c = start_and_fail(&s);

    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_cmpint(c->order.eligibility, ==, ACME_ELIGIBILITY_ASKED);
    g_assert_cmpint(c->record->failure.problem.code, ==, PROBLEM_NETWORK_FAILED);
    g_assert_cmpuint(c->record->failure.attempts, ==, 1);
    g_assert_cmpint(lifecycle_next_order(s.manager->lifecycle, c), >, now_seconds());
    g_assert_cmpint(lifecycle_next_order(s.manager->lifecycle, c), <, now_seconds() + DAY);
    g_assert_cmpint(lifecycle_next_check(s.manager->lifecycle, c), ==, INT64_MAX);
    g_assert_null(lifecycle_order_outcome(c, &outcome));
    g_assert_false(lifecycle_order_is_left(c));
    g_assert_cmpint(s.last_job_state, ==, JOB_FAILED);
    g_assert_nonnull(strstr(certificate_explain(c, now_seconds()), "the last order from ACME failed"));
}

/* A reissue whose order was really tried has another chain all the same. */
static void test_falls_back(void)
{
    _cleanup_service_ Service s = {};
    Certificate *c = start_and_fail(&s);
    g_autofree char *before = service_copy_fingerprint(&s, "www.example.com");

    g_assert_cmpint(service_reissue(&s, c), ==, JOB_FALLBACK);
    g_assert_nonnull(s.last_job_problem);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), !=, before);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
}

/* The order that runs by itself is what a reissue would begin. */
static void test_adopt(void)
{
    _cleanup_service_ Service s = {};
    Certificate *c;
    uint64_t order, id;

    start(&s, MODULE_WWW);
    c = service_find(&s, "www.example.com");
    loop_until(s.event, is_ordered, c);
    order = c->job->id;
    g_assert_cmpint(manager_reissue(s.manager, c, &(RequestOptions){ .hurry = true }, &id, NULL), ==, 0);
    g_assert_cmpuint(id, ==, order);
    loop_until(s.event, has_failed, c);
    g_assert_cmpint(s.last_job_state, ==, JOB_FALLBACK);
}

static void test_cancel(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_problem_ Problem problem = {};
    Certificate *c;

    start(&s, MODULE_WWW);
    c = service_find(&s, "www.example.com");
    loop_until(s.event, is_ordered, c);
    g_assert_cmpint(manager_cancel_job(s.manager, c->job, &problem), ==, 0);
    g_assert_cmpint(s.last_job_state, ==, JOB_CANCELLED);
    g_assert_null(c->order.ordering);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
}

/* What its module does not want ordered is not, and neither is the root. */
static void test_unwanted(void)
{
    _cleanup_service_ Service s = {};
    Certificate *c;

    start(&s, "[Certificate www.example.com]\nACME=no\n");
    service_settle(&s);
    c = service_find(&s, "www.example.com");
    g_assert_cmpint(c->order.eligibility, ==, ACME_ELIGIBILITY_UNWANTED);
    g_assert_cmpint(lifecycle_next_order(s.manager->lifecycle, c), ==, INT64_MAX);
    g_assert_cmpuint(s.n_job_removed, ==, 0);
    g_assert_cmpint(service_reissue(&s, c), ==, JOB_DONE);
    g_assert_cmpint(lifecycle_next_order(s.manager->lifecycle, manager_model(s.manager)->root), ==,
                    INT64_MAX);
}

static bool has_failed_again(void *userdata)
{
    const Certificate *c = userdata;

    return c->record->failure.attempts >= 2 && !c->job && !c->work.busy;
}

/* What made it fail is over: the back-off is not waited for; what was another's fault waits. */
static void test_resume(void)
{
    _cleanup_service_ Service s = {};
    Certificate *c = start_and_fail(&s);
    unsigned jobs = s.n_job_removed;

    lifecycle_orders_observer.back("another", s.manager->lifecycle);
    loop_for(s.event, 100000);
    g_assert_cmpuint(s.n_job_removed, ==, jobs);
    lifecycle_orders_observer.back(NULL, s.manager->lifecycle);
    loop_until(s.event, has_failed_again, c);
    g_assert_cmpuint(s.n_job_removed, >, jobs);
}

static void test_corrected(void)
{
    _cleanup_service_ Service s = {};
    Certificate *c = start_and_fail(&s);

    lifecycle_retry_orders(s.manager->lifecycle, c->record->failure.when);
    g_assert_false(c->order.retry); /* it failed with the settings of now */
    lifecycle_retry_orders(s.manager->lifecycle, c->record->failure.when + 1);
    g_assert_true(c->order.retry);
    g_assert_cmpint(lifecycle_next_order(s.manager->lifecycle, c), <=, now_seconds());
}

/* As if the authority had refused a proof that the self-check had not found; the order waits. */
static void foresee(Service *s, Certificate *c, int64_t when)
{
    Lifecycle *l = s->manager->lifecycle;
    Ledger *ledger = ledger_file_get(l->orders, l->settings->authorities)->ledger;
    const SolverFinding found = { "127.0.0.1", "http-01", 77 };

    orders_set_network(l->orders, NULL);
    g_assert_cmpint(ledger_note_attempt(ledger, certificate_name(c), now_seconds()), >, 0);
    g_assert_cmpint(ledger_note_foreseen(ledger, certificate_name(c)), ==, 0);
    g_assert_cmpint(ledger_note_finding(ledger, certificate_name(c), &found, when), ==, 0);
    record_set_failure(c->record, &(Problem){ .code = PROBLEM_AUTHORITY_REFUSED, .text = S("No.") }, when);
}

static bool is_at_rest(void *userdata)
{
    Manager *m = userdata;

    return lifecycle_busy(m->lifecycle) == 0 && upkeep_is_done(m->upkeep);
}

/* The self-check is repeated while the order waits; the service stays for the first ones alone, and says so. */
static void test_recheck(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_free_ char *waits = NULL, *runs = NULL;
    Certificate *c = start_and_fail(&s);
    Lifecycle *l = s.manager->lifecycle;
    Ledger *ledger = ledger_file_get(l->orders, l->settings->authorities)->ledger;

    loop_until(s.event, is_at_rest, s.manager);
    g_assert_cmpint(lifecycle_next_recheck(l, c), ==, INT64_MAX);
    g_assert_false(lifecycle_awaits_recheck(l, c));
    foresee(&s, c, now_seconds());
    g_assert_cmpint(lifecycle_next_order(l, c), >, now_seconds() + HOUR);
    g_assert_cmpint(lifecycle_next_recheck(l, c), >, now_seconds());
    g_assert_cmpint(lifecycle_next_recheck(l, c), <, now_seconds() + 100);
    g_assert_true(lifecycle_awaits_recheck(l, c));
    agenda_note_change(s.manager->agenda, c);
    g_assert_false(manager_is_idle(s.manager));
    waits = manager_explain(s.manager, c);
    g_assert_nonnull(
        strstr(waits, "The self-check had found no proof either (SelfCheck=); it is repeated in "));
    for (int i = 0; i < 2; i++)
        g_assert_cmpint(ledger_note_looked(ledger, certificate_name(c), now_seconds()), ==, 0);
    g_assert_false(lifecycle_awaits_recheck(l, c));
    g_assert_true(manager_is_idle(s.manager));
    c->order.retry = true; /* the order comes before it */
    g_assert_cmpint(lifecycle_next_recheck(l, c), ==, INT64_MAX);
    runs = manager_explain(s.manager, c);
    g_assert_null(strstr(runs, "The self-check"));
}

static bool is_ordered_again(void *userdata)
{
    const Certificate *c = userdata;

    return c->record->failure.problem.code == PROBLEM_NETWORK_FAILED && !c->job && !c->work.busy;
}

/* When it is due it is made, and when it finds something else, the next order is placed. */
static void test_rechecked(void)
{
    _cleanup_service_ Service s = {};
    Certificate *c = start_and_fail(&s);

    foresee(&s, c, now_seconds() - HOUR);
    g_assert_cmpint(lifecycle_next_recheck(s.manager->lifecycle, c), <, now_seconds());
    g_assert_cmpuint(manager_renew_due(s.manager), ==, 0);
    loop_until(s.event, is_ordered_again, c);
    g_assert_cmpint(lifecycle_next_recheck(s.manager->lifecycle, c), ==, INT64_MAX);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/lifecycle-order/fails", test_fails);
    g_test_add_func("/lifecycle-order/falls-back", test_falls_back);
    g_test_add_func("/lifecycle-order/adopt", test_adopt);
    g_test_add_func("/lifecycle-order/cancel", test_cancel);
    g_test_add_func("/lifecycle-order/unwanted", test_unwanted);
    g_test_add_func("/lifecycle-order/resume", test_resume);
    g_test_add_func("/lifecycle-order/corrected", test_corrected);
    g_test_add_func("/lifecycle-order/recheck", test_recheck);
    g_test_add_func("/lifecycle-order/rechecked", test_rechecked);
    return g_test_run();
}
