/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "util/timer.h"

#define SHORT   (5 * USEC_PER_MSEC)
#define FOREVER (3600 * USEC_PER_SEC)

/* A timer, a deferred source, and how often each ran. */
typedef struct Clockwork {
    sd_event *event;
    sd_event_source *timer, *deferred;
    unsigned n_timer, n_deferred, again;
} Clockwork;

static int on_timer(sd_event_source *s, uint64_t usec _unused_, void *userdata)
{
    Clockwork *c = userdata;

    c->n_timer++;
    return c->n_timer <= c->again ? timer_arm(s, SHORT) : 0;
}

static int on_deferred(sd_event_source *s _unused_, void *userdata)
{
    ((Clockwork *)userdata)->n_deferred++;
    return 0;
}

static void clockwork_init(Clockwork *c, clockid_t clock)
{
    *c = (Clockwork){};
    g_assert_cmpint(sd_event_new(&c->event), ==, 0);
    g_assert_cmpint(timer_add(c->event, &c->timer, clock, 1, on_timer, c), >=, 0);
    g_assert_cmpint(deferred_add(c->event, &c->deferred, on_deferred, c), >=, 0);
}

static void clockwork_done(Clockwork *c)
{
    sd_event_source_disable_unref(c->timer);
    sd_event_source_disable_unref(c->deferred);
    sd_event_unref(c->event);
}
#define _cleanup_clockwork_ _cleanup_(clockwork_done)

/* Turns of the loop until nothing has happened for ten times as long as the timer is ever armed for. */
static void run_all(Clockwork *c)
{
    while (sd_event_run(c->event, 10 * SHORT) > 0)
        ;
}

static void test_off(void)
{
    _cleanup_clockwork_ Clockwork c = {};

    clockwork_init(&c, CLOCK_MONOTONIC);
    g_assert_false(timer_is_armed(c.timer));
    run_all(&c);
    g_assert_cmpuint(c.n_timer, ==, 0);
    g_assert_cmpuint(c.n_deferred, ==, 0);
}

static void test_once(gconstpointer clock)
{
    _cleanup_clockwork_ Clockwork c = {};
    uint64_t begin;

    clockwork_init(&c, (clockid_t)GPOINTER_TO_INT(clock));
    begin = usec_now((clockid_t)GPOINTER_TO_INT(clock));
    g_assert_cmpint(timer_arm(c.timer, SHORT), >=, 0);
    g_assert_true(timer_is_armed(c.timer));
    while (c.n_timer == 0)
        g_assert_cmpint(sd_event_run(c.event, UINT64_MAX), >=, 0);
    g_assert_cmpuint(usec_now((clockid_t)GPOINTER_TO_INT(clock)) - begin, >=, SHORT);
    g_assert_false(timer_is_armed(c.timer));
    run_all(&c);
    g_assert_cmpuint(c.n_timer, ==, 1);
}

/* From within what it runs. */
static void test_again(void)
{
    _cleanup_clockwork_ Clockwork c = {};

    clockwork_init(&c, CLOCK_MONOTONIC);
    c.again = 3;
    g_assert_cmpint(timer_arm(c.timer, 0), >=, 0);
    while (c.n_timer < 4)
        g_assert_cmpint(sd_event_run(c.event, UINT64_MAX), >=, 0);
    run_all(&c);
    g_assert_cmpuint(c.n_timer, ==, 4);
}

/* The last arming counts, be it earlier or later. */
static void test_moved(void)
{
    _cleanup_clockwork_ Clockwork c = {};

    clockwork_init(&c, CLOCK_MONOTONIC);
    g_assert_cmpint(timer_arm(c.timer, SHORT), >=, 0);
    g_assert_cmpint(timer_arm_at(c.timer, usec_now(CLOCK_MONOTONIC) + FOREVER), >=, 0);
    run_all(&c);
    g_assert_cmpuint(c.n_timer, ==, 0);
    g_assert_true(timer_is_armed(c.timer));
    g_assert_cmpint(timer_arm_at(c.timer, 1), >=, 0);
    run_all(&c);
    g_assert_cmpuint(c.n_timer, ==, 1);
}

static void test_disarmed(void)
{
    _cleanup_clockwork_ Clockwork c = {};

    clockwork_init(&c, CLOCK_MONOTONIC);
    g_assert_cmpint(timer_arm(c.timer, SHORT), >=, 0);
    g_assert_cmpint(timer_arm_at(c.timer, UINT64_MAX), >=, 0);
    g_assert_false(timer_is_armed(c.timer));
    run_all(&c);
    g_assert_cmpuint(c.n_timer, ==, 0);
}

static void test_deferred(void)
{
    _cleanup_clockwork_ Clockwork c = {};

    clockwork_init(&c, CLOCK_MONOTONIC);
    g_assert_cmpint(sd_event_source_set_enabled(c.deferred, SD_EVENT_ONESHOT), >=, 0);
    g_assert_cmpuint(c.n_deferred, ==, 0);
    run_all(&c);
    g_assert_cmpuint(c.n_deferred, ==, 1);
}

static void test_deadline(void)
{
    _cleanup_clockwork_ Clockwork c = {};
    sd_event_source *deadline = NULL;
    uint64_t begin = usec_now(CLOCK_MONOTONIC);

    clockwork_init(&c, CLOCK_MONOTONIC);
    g_assert_cmpint(deadline_add(c.event, &deadline, SHORT, on_timer, &c), >=, 0);
    g_assert_true(timer_is_armed(deadline));
    while (c.n_timer == 0)
        g_assert_cmpint(sd_event_run(c.event, UINT64_MAX), >=, 0);
    g_assert_cmpuint(usec_now(CLOCK_MONOTONIC) - begin, >=, SHORT);
    g_assert_false(timer_is_armed(deadline));
    sd_event_source_disable_unref(deadline);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/timer/off", test_off);
    g_test_add_data_func("/timer/once/monotonic", GINT_TO_POINTER(CLOCK_MONOTONIC), test_once);
    g_test_add_data_func("/timer/once/boottime", GINT_TO_POINTER(CLOCK_BOOTTIME), test_once);
    g_test_add_func("/timer/again", test_again);
    g_test_add_func("/timer/moved", test_moved);
    g_test_add_func("/timer/disarmed", test_disarmed);
    g_test_add_func("/timer/deferred", test_deferred);
    g_test_add_func("/timer/deadline", test_deadline);
    return g_test_run();
}
