/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "core/limits.h"
#include "manager/manager-internal.h"

/* Requests of callers that become jobs. */

static void test_reissue(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *before = NULL;
    unsigned changed;

    service_start_with(&s, MODULE_WWW);
    before = service_copy_fingerprint(&s, "www.example.com");
    changed = s.n_chain_changed;
    g_assert_cmpint(service_reissue(&s, service_find(&s, "www.example.com")), ==, JOB_DONE);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), !=, before);
    g_assert_cmpuint(s.n_chain_changed, ==, changed + 1);
    g_assert_cmpstr(g_hash_table_lookup(s.previous, "www.example.com"), ==, before);
    g_assert_cmpuint(HASH_COUNT(manager_model(s.manager)->jobs), ==, 0);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_true(folder_has(&s.state, "certificates/www.example.com/1"));
}

static void test_one_job_at_a_time(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_problem_ Problem problem = {};
    uint64_t id, other;
    Job *job;

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpint(manager_reissue(s.manager, service_find(&s, "www.example.com"),
                                    &(RequestOptions){ .hurry = true }, &id, &problem),
                    ==, 0);
    job = model_find_job(manager_model(s.manager), id);
    g_assert_nonnull(job);
    g_assert_cmpint(manager_reissue(s.manager, service_find(&s, "www.example.com"),
                                    &(RequestOptions){ .hurry = true }, &other, &problem),
                    ==, -EBUSY);
    g_assert_cmpint(problem.code, ==, PROBLEM_BUSY);
    g_assert_cmpint(manager_cancel_job(s.manager, job, NULL), <, 0); /* it has begun */
    service_settle(&s);
    g_assert_null(model_find_job(manager_model(s.manager), id));
    g_assert_cmpint(s.last_job_state, ==, JOB_DONE);
}

/* What somebody asks for while nothing is written for it yet can be taken back. */
static void test_cancel(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_problem_ Problem problem = {};
    g_autofree char *before = NULL;
    Certificate *c;
    uint64_t id;

    service_start_with(&s, MODULE_WWW);
    before = service_copy_fingerprint(&s, "www.example.com");
    c = service_find(&s, "www.example.com");
    c->work.busy = true; /* as if its files were looked at */
    g_assert_cmpint(manager_reissue(s.manager, c, &(RequestOptions){}, &id, &problem), ==, 0);
    g_assert_cmpint(manager_cancel_job(s.manager, model_find_job(manager_model(s.manager), id), &problem),
                    ==, 0);
    g_assert_cmpint(s.last_job_state, ==, JOB_CANCELLED);
    c->work.busy = c->work.again = false;
    service_settle(&s);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), ==, before);
}

/* An authority that is asked already cannot be told to forget it. */
static void test_cancel_revocation(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_problem_ Problem problem = {};
    Job *j;

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpint(
        model_add_job(manager_model(s.manager), service_find(&s, "www.example.com"), JOB_REVOKE, &j), ==, 0);
    g_assert_cmpint(manager_cancel_job(s.manager, j, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_BUSY);
    g_assert_nonnull(service_find(&s, "www.example.com")->job);
    model_cancel_job(manager_model(s.manager), j);
}

static void test_limit(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_problem_ Problem problem = {};
    g_autofree char *before = NULL;
    Certificate *c;
    uint64_t id;
    Job *j;

    service_start_with(&s, MODULE_WWW);
    before = service_copy_fingerprint(&s, "www.example.com");
    c = service_find(&s, "www.example.com");
    for (int i = 0; i < LIMIT_JOBS; i++)
        g_assert_cmpint(
            model_add_job(manager_model(s.manager), manager_model(s.manager)->root, JOB_ROOT, &j), ==, 0);
    g_assert_cmpint(manager_reissue(s.manager, c, &(RequestOptions){ .hurry = true }, &id, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_LIMITS_EXCEEDED);
    g_assert_null(c->job);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), ==, before);
}

static void on_job(uint64_t job _unused_, const Problem *problem _unused_, void *userdata _unused_)
{
    g_assert_not_reached();
}

static void expect_refusal(Service *s, const char *reason, const char *why)
{
    _cleanup_problem_ Problem problem = {};

    g_assert_cmpint(
        manager_revoke(s->manager, service_find(s, "www.example.com"), reason, on_job, NULL, &problem), <,
        0);
    g_assert_cmpint(problem.code, ==, PROBLEM_INVALID_ARGUMENT);
    if (!strstr(problem.text, why))
        g_error("\"%s\" does not say \"%s\"", problem.text, why);
    g_assert_cmpuint(HASH_COUNT(manager_model(s->manager)->jobs), ==, 0);
}

/* Words of RFC 5280 section 5.3.1 that make sense for a leaf, and a chain that somebody can revoke. */
static void test_revoke_refused(void)
{
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    expect_refusal(&s, "cACompromise", "The reason has to be one of");
    expect_refusal(&s, "keycompromise", "The reason has to be one of");
    expect_refusal(&s, "keyCompromise", "not from an ACME authority");
    expect_refusal(&s, "", "not from an ACME authority");
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
}

/* Without a chain, nobody is told to ask its issuer. */
static void test_revoke_nothing(void)
{
    _cleanup_service_ Service s = {};

    service_init(&s);
    folder_write(&s.config, "certwright.conf", "[Local]\nNameConstraints=example.org\n");
    service_write_module(&s, "web", "[Certificate www.example.com]\n");
    service_start(&s);
    service_settle(&s);
    expect_refusal(&s, "", "There is no chain for www.example.com, so there is nothing to revoke.");
}

static void on_account_changed(const Problem *problem _unused_, void *userdata _unused_)
{
    g_assert_not_reached();
}

static void test_account_refused(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_problem_ Problem problem = {};

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpint(manager_change_account(s.manager, "nowhere", false, on_account_changed, NULL, &problem),
                    <, 0);
    g_assert_cmpint(problem.code, !=, PROBLEM_NONE);
    g_assert_cmpint(problem.code, !=, PROBLEM_INTERNAL);
    service_settle(&s);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/requests/reissue", test_reissue);
    g_test_add_func("/requests/one-job-at-a-time", test_one_job_at_a_time);
    g_test_add_func("/requests/cancel", test_cancel);
    g_test_add_func("/requests/cancel-revocation", test_cancel_revocation);
    g_test_add_func("/requests/limit", test_limit);
    g_test_add_func("/requests/revoke-refused", test_revoke_refused);
    g_test_add_func("/requests/revoke-nothing", test_revoke_nothing);
    g_test_add_func("/requests/account-refused", test_account_refused);
    return g_test_run();
}
