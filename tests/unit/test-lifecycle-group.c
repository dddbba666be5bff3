/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "lifecycle/lifecycle-internal.h"
#include "manager/manager-internal.h"

/* Attempts that are staged are committed as groups. */

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

static bool is_answered(void *userdata)
{
    return ((Answered *)userdata)->n > 0;
}

static bool is_staged(void *userdata)
{
    return ((Lifecycle *)userdata)->group.n_staged > 0;
}

static void ask(Service *s, const char *name, Answered *a)
{
    const RegistrationRequest wish = { .module = "m", .key_type = _KEY_TYPE_INVALID, .acme = -1 };

    g_assert_cmpint(manager_register(s->manager, name, &wish, on_done, a, NULL), >=, 0);
}

/* Many at once, and the loop goes on turning meanwhile. */
static void test_many(void)
{
    _cleanup_service_ Service s = {};
    g_autoptr(GString) module = g_string_new("[Module]\n");
    unsigned turns = 0;

    service_init(&s);
    for (int i = 0; i < 500; i++)
        g_string_append_printf(module, "[Certificate n%d.example]\n", i);
    service_write_module(&s, "many", module->str);
    service_start(&s);
    while (!manager_is_idle(s.manager)) {
        g_assert_cmpint(sd_event_run(s.event, 100000), >=, 0);
        turns++;
    }
    g_assert_cmpuint(manager_model(s.manager)->n_published, ==, 500);
    g_assert_cmpuint(turns, >, 5);
    service_assert_served(&s, "n499.example", SOURCE_LOCAL);
    g_assert_cmpint(service_reissue(&s, manager_model(s.manager)->root), ==, JOB_DONE);
    for (int i = 0; i < 500; i++) {
        g_autofree char *name = g_strdup_printf("n%d.example", i);

        g_assert_cmpuint(certificate_chain(service_find(&s, name))->n_entries, ==, 2);
    }
}

/* One whose staging takes long is not waited for. */
static void test_slow_one(void)
{
    _cleanup_service_ Service s = {};
    Answered a = {};
    Lifecycle *l;

    service_start_with(&s, MODULE_WWW);
    l = s.manager->lifecycle;
    l->group.n_staging++; /* as if it was being staged */
    ask(&s, "a.example", &a);
    loop_until(s.event, is_staged, l);
    g_assert_cmpuint(a.n, ==, 0);
    g_assert_null(l->group.attempts);
    loop_until(s.event, is_answered, &a);
    g_assert_cmpint(a.code, ==, PROBLEM_NONE);
    l->group.n_staging--;
    service_settle(&s);
    service_assert_served(&s, "a.example", SOURCE_LOCAL);
    g_assert_cmpuint(l->group.n_staged + l->group.n_staging + l->group.n, ==, 0);
}

/* What is staged at the end is answered, and nothing of it is seen afterwards. */
static void test_stop(void)
{
    _cleanup_service_ Service s = {};
    Answered a = {};

    service_start_with(&s, MODULE_WWW);
    s.manager->lifecycle->group.n_staging++;
    ask(&s, "a.example", &a);
    loop_until(s.event, is_staged, s.manager->lifecycle);
    service_stop(&s);
    g_assert_cmpuint(a.n, ==, 1);
    g_assert_cmpint(a.code, ==, PROBLEM_CANCELLED);
    service_start(&s);
    service_settle_to(&s, 1);
    g_assert_false(folder_has(&s.state, "certificates/a.example/current"));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/group/many", test_many);
    g_test_add_func("/group/slow-one", test_slow_one);
    g_test_add_func("/group/stop", test_stop);
    return g_test_run();
}
