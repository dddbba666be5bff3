/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "lifecycle/failure-log.h"
#include "util/log.h"
#include "util/time.h"

/* Without the journal, lines go to stderr and are seen from outside of a subprocess. */

static FailureLog *begin(sd_event **ret_event)
{
    FailureLog *f = NULL;

    log_set_max_level(LOG_INFO);
    g_assert_cmpint(sd_event_new(ret_event), >=, 0);
    g_assert_cmpint(failure_log_new(*ret_event, &f), >=, 0);
    return f;
}

static void fail(FailureLog *f, const char *name, const char *text)
{
    _cleanup_problem_ Problem problem = {};

    problem_set(&problem, PROBLEM_NETWORK_FAILED, "%s", text);
    failure_log_add(f, name, &problem, 60);
}

static bool in_subprocess(void)
{
    if (g_test_subprocess())
        return true;
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    return false;
}

/* The first line comes at once; of others with the same cause only names, when it ends at the latest. */
static void test_causes(void)
{
    sd_event *event;
    FailureLog *f;

    if (in_subprocess()) {
        f = begin(&event);
        fail(f, "a.example", "There is no route.");
        fail(f, "b.example", "There is no route.");
        fail(f, "c.example", "The name c.example does not exist");
        fail(f, "d.example", "There is no route.");
        fprintf(stderr, "end\n");
        failure_log_free(f);
        sd_event_unref(event);
        return;
    }
    g_test_trap_assert_stderr(
        "*a.example: There is no route. The order is retried in 60 seconds.\n"
        "*c.example: The name c.example does not exist. The order is retried in 60 seconds.\n"
        "*end\n"
        "*b.example, d.example: the orders failed and are retried; the cause is the same: "
        "There is no route.\n*");
    g_test_trap_assert_stderr_unmatched("*d.example: There*");
}

/* After a while the names are logged by themselves, and the next failure has a line of its own again. */
static void test_time(void)
{
    sd_event *event;
    FailureLog *f;

    if (in_subprocess()) {
        f = begin(&event);
        fail(f, "a.example", "There is no route.");
        fail(f, "b.example", "There is no route.");
        g_assert_cmpint(sd_event_run(event, 60 * USEC_PER_SEC), >, 0);
        fprintf(stderr, "later\n");
        fail(f, "a.example", "There is no route.");
        failure_log_free(f);
        sd_event_unref(event);
        return;
    }
    g_test_trap_assert_stderr(
        "*b.example: the order failed and is retried; the cause is the same: There is no route.\n"
        "*later\n*a.example: There is no route. The order is retried in 60 seconds.\n*");
}

/* No line has too many names, and none is lost. */
static void test_many(void)
{
    sd_event *event;
    FailureLog *f;

    if (in_subprocess()) {
        f = begin(&event);
        for (int i = 0; i < 26; i++) {
            g_autofree char *name = g_strdup_printf("%c.example", 'a' + i);

            fail(f, name, "The authority has an outage.");
        }
        failure_log_free(f);
        sd_event_unref(event);
        return;
    }
    g_test_trap_assert_stderr(
        "*b.example, *, k.example: the orders failed*l.example, *, u.example: the orders failed*"
        "v.example, w.example, x.example, y.example, z.example: the orders failed*");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/failure-log/causes", test_causes);
    g_test_add_func("/failure-log/time", test_time);
    g_test_add_func("/failure-log/many", test_many);
    return g_test_run();
}
