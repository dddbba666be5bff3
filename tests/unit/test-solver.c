/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/solver.h"

#include "core/limits.h"
#include "util/text.h"

/* A solver that suits the names that end as it wants, and notes what it was asked. */
typedef struct Suiting {
    Solver base;
    const char *suffix;
    const char *why; /* of what does not suit; NULL: it says nothing */
    char *asked;     /* the last name, with "*" behind a wildcard's */
    bool busy, freed;
} Suiting;

static bool suits(Solver *s, const char *name, bool wildcard, Problem *why)
{
    Suiting *own = (Suiting *)s;

    g_free(own->asked);
    own->asked = g_strconcat(name, wildcard ? "*" : "", NULL);
    if (own->suffix && g_str_has_suffix(own->asked, own->suffix))
        return true;
    if (own->why)
        problem_set(why, PROBLEM_CHALLENGE_FAILED, "%s", own->why);
    return false;
}

static bool is_busy(const Solver *s)
{
    return ((const Suiting *)s)->busy;
}

static Solver *set_free(Solver *s)
{
    ((Suiting *)s)->freed = true;
    return NULL;
}

static const SolverOps idle_ops = { .type = "idle", .suits = suits, .free = set_free };
static const SolverOps busy_ops = { .type = "busy", .suits = suits, .is_busy = is_busy, .free = set_free };

/* The first that suits ends the search; a wildcard is asked for without its "*.". */
static void test_suit(void)
{
    Suiting none = { .base.ops = &idle_ops }, names = { .base.ops = &idle_ops, .suffix = "example" },
            any = { .base.ops = &busy_ops, .suffix = "*" };
    Solver *const all[] = { &none.base, &names.base, &any.base };
    _cleanup_problem_ Problem why = {};

    g_assert_true(solvers_suit(all, 3, "a.example", &why));
    g_assert_cmpstr(none.asked, ==, "a.example");
    g_assert_cmpstr(names.asked, ==, "a.example");
    g_assert_null(any.asked);
    g_assert_true(solvers_suit(all, 3, "*.a.example", &why));
    g_assert_cmpstr(names.asked, ==, "a.example*");
    g_assert_cmpstr(any.asked, ==, "a.example*");
    g_assert_cmpint(why.code, ==, PROBLEM_NONE);
    g_free(none.asked);
    g_free(names.asked);
    g_free(any.asked);
}

/* What each lacks is told, in their order, each as a sentence. */
static void test_why(void)
{
    Suiting one = { .base.ops = &idle_ops, .why = "The first lacks a port" },
            silent = { .base.ops = &idle_ops }, two = { .base.ops = &idle_ops, .why = "The other is off." };
    Solver *const all[] = { &one.base, &two.base, &silent.base };
    _cleanup_problem_ Problem why = {}, nobody = {};

    g_assert_false(solvers_suit(all, 2, "*.a.example", &why));
    g_assert_cmpint(why.code, ==, PROBLEM_CHALLENGE_FAILED);
    g_assert_cmpstr(why.text, ==,
                    "There is no way to prove *.a.example. The first lacks a port. The other is off.");
    g_assert_false(solvers_suit(all, 3, "a.example", NULL));
    g_assert_cmpstr(silent.asked, ==, "a.example");
    g_assert_false(solvers_suit(NULL, 0, "a.example", &nobody));
    g_assert_true(g_str_has_prefix(nobody.text, "There is no way to prove a.example."));
    g_free(one.asked);
    g_free(two.asked);
    g_free(silent.asked);
}

static void test_add_reason(void)
{
    g_autofree char *reasons = NULL;

    g_assert_cmpint(solver_add_reason(&reasons, "one"), ==, 0);
    g_assert_cmpstr(reasons, ==, "one.");
    g_assert_cmpint(solver_add_reason(&reasons, "Two."), ==, 0);
    g_assert_cmpstr(reasons, ==, "one. Two.");
    g_assert_cmpint(solver_add_reason(&reasons, "three"), ==, 0);
    g_assert_cmpstr(reasons, ==, "one. Two. three.");
}

static void test_busy(void)
{
    Suiting idle = { .base.ops = &idle_ops, .busy = true }, busy = { .base.ops = &busy_ops, .busy = true };

    g_assert_false(solver_is_busy(NULL));
    g_assert_false(solver_is_busy(&idle.base)); /* it never is */
    g_assert_true(solver_is_busy(&busy.base));
    busy.busy = false;
    g_assert_false(solver_is_busy(&busy.base));
    g_assert_null(solver_free(&busy.base));
    g_assert_true(busy.freed);
    g_assert_null(solver_free(NULL));
    g_assert_null(solver_task_end(NULL));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/solver/suit", test_suit);
    g_test_add_func("/solver/why", test_why);
    g_test_add_func("/solver/add-reason", test_add_reason);
    g_test_add_func("/solver/busy", test_busy);
    return g_test_run();
}
