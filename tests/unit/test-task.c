/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "solvers/task.h"

typedef struct Bed {
    SolverContext context;
    Solver solver;
    Task task;
    unsigned n;
    ProblemCode code;
} Bed;

static void on_ready(const Problem *problem, void *userdata)
{
    Bed *b = userdata;

    b->n++;
    b->code = problem->code;
}

static void bed_init(Bed *b)
{
    const Proof proof = { .name = "www.example.com", .token = "token", .key_authorization = "token.print" };

    *b = (Bed){ .code = PROBLEM_INTERNAL };
    g_assert_cmpint(sd_event_new(&b->context.event), >=, 0);
    b->solver.context = &b->context;
    g_assert_cmpint(task_init(&b->task, &b->solver, &proof, on_ready, b), >=, 0);
    g_assert_true(b->task.base.solver == &b->solver);
    g_assert_cmpstr(b->task.name, ==, proof.name);
    g_assert_cmpstr(b->task.key_authorization, ==, proof.key_authorization);
}

static void bed_done(Bed *b)
{
    task_done(&b->task);
    loop_for(b->context.event, 1000);
    sd_event_unref(b->context.event);
}
#define _cleanup_bed_ _cleanup_(bed_done)

/* In the next turn of the loop, once, with the problem of that moment. */
static void test_tell(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    loop_for(b.context.event, 1000);
    g_assert_cmpuint(b.n, ==, 0); /* nothing is known yet */
    task_tell(&b.task);
    task_tell(&b.task);
    g_assert_cmpuint(b.n, ==, 0);
    loop_for(b.context.event, 1000);
    g_assert_cmpuint(b.n, ==, 1);
    g_assert_cmpint(b.code, ==, PROBLEM_NONE);
}

static void test_problem(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    task_tell(&b.task);
    problem_set(&b.task.problem, PROBLEM_CHALLENGE_FAILED, "It is not there.");
    loop_for(b.context.event, 1000);
    g_assert_cmpuint(b.n, ==, 1);
    g_assert_cmpint(b.code, ==, PROBLEM_CHALLENGE_FAILED);
}

/* Nothing is said of a task that has ended. */
static void test_done(void)
{
    Bed b;

    bed_init(&b);
    task_tell(&b.task);
    bed_done(&b);
    g_assert_cmpuint(b.n, ==, 0);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/task/tell", test_tell);
    g_test_add_func("/task/problem", test_problem);
    g_test_add_func("/task/done", test_done);
    return g_test_run();
}
