/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "util/workers.h"

#include <pthread.h>
#include <signal.h>

#define N 5000

/* What became of a task. */
typedef struct Work {
    GThread *ran_in;
    unsigned n_run, n_done;
    int slow_usec;
} Work;

typedef struct Crew {
    sd_event *event;
    Workers *workers;
    unsigned n_done;
    GPtrArray *order;
} Crew;

static void run(void *data)
{
    Work *w = data;

    w->ran_in = g_thread_self();
    g_usleep((gulong)w->slow_usec);
    w->n_run++;
}

static void done(void *data, void *userdata)
{
    Crew *c = userdata;
    Work *w = data;

    g_assert_true(g_thread_self() != w->ran_in || w->n_run == 0);
    w->n_done++;
    c->n_done++;
    g_ptr_array_add(c->order, w);
}

static void crew_init(Crew *c, unsigned n_threads)
{
    *c = (Crew){ .order = g_ptr_array_new() };
    g_assert_cmpint(sd_event_new(&c->event), ==, 0);
    g_assert_cmpint(workers_new(c->event, "test", n_threads, c, &c->workers), ==, 0);
}

static void crew_done(Crew *c)
{
    if (c->workers)
        workers_free(c->workers);
    sd_event_unref(c->event);
    g_ptr_array_free(c->order, TRUE);
}
#define _cleanup_crew_ _cleanup_(crew_done)

static bool nothing_pending(void *userdata)
{
    return workers_pending(((Crew *)userdata)->workers) == 0;
}

static void add_all(Crew *c, Work *work, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        g_assert_cmpint(workers_add(c->workers, run, done, work + i), ==, 0);
}

static void test_each_once(void)
{
    g_autofree Work *work = g_new0(Work, N);
    _cleanup_crew_ Crew c = {};

    crew_init(&c, 4);
    add_all(&c, work, N);
    g_assert_cmpuint(workers_pending(c.workers), ==, N);
    g_assert_cmpuint(c.n_done, ==, 0); /* not before the loop turns */
    loop_until(c.event, nothing_pending, &c);
    for (unsigned i = 0; i < N; i++) {
        g_assert_cmpuint(work[i].n_run, ==, 1);
        g_assert_cmpuint(work[i].n_done, ==, 1);
    }
}

/* One thread keeps the order. */
static void test_order(void)
{
    g_autofree Work *work = g_new0(Work, N);
    _cleanup_crew_ Crew c = {};

    crew_init(&c, 1);
    add_all(&c, work, N);
    loop_until(c.event, nothing_pending, &c);
    for (unsigned i = 0; i < N; i++)
        g_assert_true(c.order->pdata[i] == work + i);
}

/* The results of a burst do not keep others waiting: the loop turns between them. */
static void test_turns(void)
{
    g_autofree Work *work = g_new0(Work, N);
    unsigned turns = 0;
    _cleanup_crew_ Crew c = {};

    crew_init(&c, 2);
    add_all(&c, work, N);
    while (workers_pending(c.workers) > 0) {
        unsigned before = c.n_done;

        g_assert_cmpint(sd_event_run(c.event, 1000000), >=, 0);
        g_assert_cmpuint(c.n_done - before, <=, 256);
        turns++;
    }
    g_assert_cmpuint(turns, >=, N / 256);
}

/* Freed while some run and some wait: those that run come to their end, those that wait are not begun,
 * all are told. */
static void test_free_while_running(void)
{
    g_autofree Work *work = g_new0(Work, 100);
    _cleanup_crew_ Crew c = {};
    unsigned n_run = 0;

    crew_init(&c, 2);
    for (unsigned i = 0; i < 100; i++)
        work[i].slow_usec = 20000;
    add_all(&c, work, 100);
    g_usleep(30000);
    c.workers = workers_free(c.workers);
    g_assert_cmpuint(c.n_done, ==, 100);
    for (unsigned i = 0; i < 100; i++) {
        g_assert_cmpuint(work[i].n_done, ==, 1);
        n_run += work[i].n_run;
    }
    g_assert_cmpuint(n_run, >, 0);
    g_assert_cmpuint(n_run, <, 100);
}

static void test_free_at_once(void)
{
    for (int i = 0; i < 50; i++) {
        _cleanup_crew_ Crew c = {};

        crew_init(&c, 4);
    }
}

/* Tasks that are added from done. */
typedef struct Relay {
    Crew *crew;
    Work work;
    unsigned left;
} Relay;

static void run_relay(void *data _unused_)
{
}

static void done_relay(void *data, void *userdata _unused_)
{
    Relay *r = data;

    if (r->left-- > 0)
        g_assert_cmpint(workers_add(r->crew->workers, run_relay, done_relay, r), ==, 0);
}

static void test_relay(void)
{
    _cleanup_crew_ Crew c = {};
    Relay r = { .crew = &c, .left = 1000 };

    crew_init(&c, 2);
    done_relay(&r, &c);
    loop_until(c.event, nothing_pending, &c);
    g_assert_cmpuint(r.left, ==, UINT_MAX);
}

/* Signals are for the loop's thread. */
static void run_mask(void *data)
{
    sigset_t set;

    pthread_sigmask(SIG_SETMASK, NULL, &set);
    *(int *)data = sigismember(&set, SIGTERM) && sigismember(&set, SIGHUP) && sigismember(&set, SIGCHLD);
}

static void done_mask(void *data _unused_, void *userdata _unused_)
{
}

static void test_signals(void)
{
    _cleanup_crew_ Crew c = {};
    sigset_t set;
    int blocked = 0;

    crew_init(&c, 1);
    g_assert_cmpint(workers_add(c.workers, run_mask, done_mask, &blocked), ==, 0);
    loop_until(c.event, nothing_pending, &c);
    g_assert_true(blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    g_assert_false(sigismember(&set, SIGTERM));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/workers/each-once", test_each_once);
    g_test_add_func("/workers/order", test_order);
    g_test_add_func("/workers/turns", test_turns);
    g_test_add_func("/workers/free-while-running", test_free_while_running);
    g_test_add_func("/workers/free-at-once", test_free_at_once);
    g_test_add_func("/workers/relay", test_relay);
    g_test_add_func("/workers/signals", test_signals);
    return g_test_run();
}
