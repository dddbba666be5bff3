/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <stdio.h>

#include "lifecycle/lifecycle-internal.h"
#include "manager/manager-internal.h"

/* How one change of a certificate is planned and carried out. */

static void test_failure(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *before = NULL;
    Certificate *c;

    service_start_with(&s, MODULE_WWW);
    before = service_copy_fingerprint(&s, "www.example.com");
    /* a change that cannot be staged: the folder of the names is gone from under it */
    g_assert_cmpint(renameat(s.state.fd, "certificates", s.state.fd, "away"), ==, 0);
    g_assert_cmpint(service_reissue(&s, service_find(&s, "www.example.com")), ==, JOB_FAILED);
    g_assert_nonnull(s.last_job_problem);
    c = service_find(&s, "www.example.com");
    g_assert_cmpint(c->record->failure.problem.code, ==, PROBLEM_STORAGE_FAILED);
    g_assert_cmpuint(c->record->failure.attempts, ==, 1);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), ==, before);
    g_assert_cmpint(service_reissue(&s, c), ==, JOB_FAILED);
    g_assert_cmpuint(c->record->failure.attempts, ==, 2);
    g_assert_cmpint(renameat(s.state.fd, "away", s.state.fd, "certificates"), ==, 0);
    g_assert_cmpint(service_reissue(&s, c), ==, JOB_DONE);
    g_assert_cmpint(c->record->failure.problem.code, ==, PROBLEM_NONE);
    g_assert_cmpuint(c->record->failure.attempts, ==, 0);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), !=, before);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
}

/* What the root may not sign is told, and is no reason to do nothing for the others. */
static void test_constraints(void)
{
    _cleanup_service_ Service s = {};

    service_init(&s);
    folder_write(&s.config, "certwright.conf", "[Local]\nNameConstraints=example.com\n");
    service_write_module(&s, "web", MODULE_WWW "[Certificate www.example.org]\n");
    service_start(&s);
    service_settle(&s);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_null(service_fingerprint(&s, "www.example.org"));
    g_assert_cmpint(service_find(&s, "www.example.org")->record->failure.problem.code, ==,
                    PROBLEM_NAME_MISMATCH);
    g_assert_cmpint(certificate_state(service_find(&s, "www.example.org"), now_seconds()), ==,
                    CERTIFICATE_PENDING);
    g_assert_cmpint(service_register(&s, "m", "a.example.org", NULL, _KEY_TYPE_INVALID), ==,
                    PROBLEM_NAME_MISMATCH);
}

/* What is to be done is known before anything is done. */
static void test_plan(void)
{
    _cleanup_service_ Service s = {};
    Certificate *c;
    Lifecycle *l;
    Attempt *a;

    service_init(&s);
    folder_write(&s.config, "certwright.conf", "[Local]\nKeyType=ecdsa-p384\nLeafLifetime=10d\n");
    service_write_module(&s, "web", MODULE_WWW);
    service_start(&s);
    service_settle(&s);
    l = s.manager->lifecycle;
    c = service_find(&s, "www.example.com");
    a = attempt_new(l, c);
    g_assert_cmpuint(l->n_attempts, ==, 1);
    g_assert_cmpint(attempt_plan(a), ==, 0);
    g_assert_cmpint(a->plan.source, ==, _SOURCE_INVALID);
    g_assert_cmpstr(a->leaf.names[0], ==, "www.example.com");
    g_assert_cmpstr(a->leaf.names[1], ==, "example.com");
    g_assert_cmpint(a->leaf.key_type, ==, KEY_TYPE_ECDSA_P384);
    g_assert_cmpint(a->leaf.lifetime, ==, 10 * DAY);
    attempt_free(a);
    g_assert_cmpuint(l->n_attempts, ==, 0);
    c->record->slots[SOURCE_LOCAL].broken = true;
    a = attempt_new(l, c);
    g_assert_cmpint(attempt_plan(a), ==, 1);
    g_assert_cmpint(a->plan.source, ==, SOURCE_LOCAL);
    g_assert_nonnull(a->authority);
    g_assert_true(c->record != a->after);
    attempt_free(a);
    c->record->slots[SOURCE_LOCAL].broken = false;
    service_settle(&s);
}

typedef struct Answered {
    unsigned n;
    ProblemCode code;
} Answered;

static void on_done(Certificate *c _unused_, RequestResult result _unused_, const Problem *problem,
                    void *userdata)
{
    Answered *a = userdata;

    a->n++;
    a->code = problem->code;
}

static bool has_three(void *userdata)
{
    return ((Answered *)userdata)->n == 3;
}

/* What came while it could not be done is carried out together: one chain for all. */
static void test_together(void)
{
    _cleanup_service_ Service s = {};
    unsigned changed;
    Answered a = {};
    Certificate *c;

    service_start_with(&s, MODULE_WWW);
    c = service_find(&s, "www.example.com");
    changed = s.n_chain_changed;
    c->work.busy = true; /* as if its files were looked at */
    for (int i = 0; i < 3; i++) {
        g_autofree char *module = g_strdup_printf("m%d", i), *name = g_strdup_printf("n%d.example", i);
        char *names[] = { name, NULL };
        const RegistrationRequest wish = { module, names, _KEY_TYPE_INVALID, -1, NULL };

        g_assert_cmpint(manager_register(s.manager, "www.example.com", &wish, on_done, &a, NULL), >=, 0);
    }
    g_assert_cmpuint(a.n, ==, 0);
    g_assert_true(c->work.again);
    c->work.busy = c->work.again = false;
    lifecycle_settle(s.manager->lifecycle, c);
    g_assert_true(c->work.busy);
    loop_until(s.event, has_three, &a);
    g_assert_cmpint(a.code, ==, PROBLEM_NONE);
    g_assert_cmpuint(s.n_chain_changed, ==, changed + 1);
    g_assert_cmpuint(certificate_chain(c)->n_names, ==, 5);
    service_settle(&s);
}

/* A change that leaves the chain as it is says so: the fingerprint of before is not told of. */
static void test_same_chain(void)
{
    _cleanup_service_ Service s = {};
    unsigned changed;

    service_start_with(&s, MODULE_WWW);
    changed = s.n_chain_changed;
    g_assert_cmpint(service_register(&s, "m", "www.example.com", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    service_settle(&s);
    g_assert_cmpuint(s.n_chain_changed, ==, changed);
    g_assert_cmpuint(service_find(&s, "www.example.com")->record->n_registrations, ==, 1);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/attempt/plan", test_plan);
    g_test_add_func("/attempt/together", test_together);
    g_test_add_func("/attempt/same-chain", test_same_chain);
    g_test_add_func("/attempt/failure", test_failure);
    g_test_add_func("/attempt/constraints", test_constraints);
    return g_test_run();
}
