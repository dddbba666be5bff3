/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/now.h"

#include <pthread.h>

/* What is thought of the clock is the matter of test-clock.c; this is the clock of the process. */

static void assert_shown(void)
{
    int64_t before = now_seconds(), now = clock_now(), after = now_seconds();

    g_assert_cmpint(now, >=, before);
    g_assert_cmpint(now, <=, after + 1); /* time(2) may be a tick behind */
}

static void test_run(void)
{
    int64_t recorded = now_seconds() + 50 * YEAR, boot = clock_boot(), now;

    g_assert_cmpint(boot, >, 0);
    assert_shown();
    g_assert_true(clock_is_trusted());
    clock_begin(recorded);
    g_assert_false(clock_is_trusted());
    now = clock_now();
    g_assert_cmpint(now, >=, recorded);
    g_assert_cmpint(now, <=, recorded + 60);
    clock_set_synchronized(true);
    g_assert_true(clock_is_trusted());
    assert_shown();
    clock_set_synchronized(false); /* it is what was believed a moment ago */
    g_assert_true(clock_is_trusted());
    assert_shown();
    g_assert_cmpint(clock_boot(), >=, boot);
}

/* A new run that the clock is right for. */
static void test_new_run(void)
{
    clock_begin(0);
    g_assert_true(clock_is_trusted());
    clock_begin(now_seconds() - 90 * DAY);
    g_assert_true(clock_is_trusted());
    assert_shown();
}

static void *look(void *userdata)
{
    int64_t *latest = userdata;

    for (int i = 0; i < 2000; i++) {
        int64_t now = clock_now();

        g_assert_true(clock_is_trusted());
        g_assert_cmpint(now, >=, *latest);
        *latest = now;
    }
    return NULL;
}

/* Any thread asks, while it is set whether the clock is synchronized. */
static void test_threads(void)
{
    int64_t begin = now_seconds(), latest[4];
    pthread_t threads[ELEMENTSOF(latest)];

    clock_begin(0);
    for (size_t i = 0; i < ELEMENTSOF(latest); i++) {
        latest[i] = begin - 1; /* time(2) may be a tick behind */
        g_assert_cmpint(pthread_create(threads + i, NULL, look, latest + i), ==, 0);
    }
    for (int i = 0; i < 2000; i++)
        clock_set_synchronized(i % 2 == 0);
    for (size_t i = 0; i < ELEMENTSOF(latest); i++)
        g_assert_cmpint(pthread_join(threads[i], NULL), ==, 0);
    assert_shown();
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/now/run", test_run);
    g_test_add_func("/now/new-run", test_new_run);
    g_test_add_func("/now/threads", test_threads);
    return g_test_run();
}
