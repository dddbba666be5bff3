/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <systemd/sd-daemon.h>

#include "bus/internal.h"
#include "util/log.h"
#include "util/timer.h"

#define LOOK_AGAIN_USEC (1 * USEC_PER_SEC)
#define RELEASE_USEC    (30 * USEC_PER_SEC) /* the reply may be lost with the connection */

/* Exit on idle: releases the name first. The bus replies to that in order with the calls that it passed on
 * before, so when the reply arrives, all calls are known; if there was one, the name is requested again.
 * Later calls start a new instance of the service. */

void bus_reset_idle(Bus *b)
{
    b->idle.last_activity = loop_now(b->event, CLOCK_MONOTONIC);
}

static bool is_idle(Bus *b)
{
    if (b->connection.owns_name &&
        (bus_unwritten(b->bus) > 0 || shares_waiting(b->shares) > 0 || authorizer_is_busy(b->authorizer)))
        return false;
    return b->n_calls == 0 && b->n_starting == 0 && !bus_has_changes(b) && manager_is_idle(b->manager) &&
           !manager_awaits_change(b->manager);
}

static uint64_t idle_since(Bus *b)
{
    return b->idle.last_activity + (uint64_t)manager_settings(b->manager)->idle_exit * USEC_PER_SEC;
}

static int exit_idle(Bus *b)
{
    log_info("Idle, exiting.");
    return sd_event_exit(b->event, 0);
}

static int on_name_released(sd_bus_message *reply _unused_, void *userdata, sd_bus_error *error _unused_)
{
    Bus *b = userdata;
    uint64_t now = loop_now(b->event, CLOCK_MONOTONIC);

    if (is_idle(b) && idle_since(b) <= now)
        return exit_idle(b);
    (void)sd_notify(false, "READY=1");
    (void)bus_request_name(b);
    return timer_arm_at(b->idle.timer, now + LOOK_AGAIN_USEC);
}

static int on_idle_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Bus *b = userdata;
    uint64_t now = loop_now(b->event, CLOCK_MONOTONIC);
    int r;

    if (manager_settings(b->manager)->idle_exit == 0)
        return timer_arm_at(b->idle.timer, now + 60 * USEC_PER_SEC);
    if (idle_since(b) > now)
        return timer_arm_at(b->idle.timer, idle_since(b));
    if (!is_idle(b))
        return timer_arm_at(b->idle.timer, now + LOOK_AGAIN_USEC);
    if (!b->connection.owns_name)
        return exit_idle(b); /* there is no bus that calls could come from */
    (void)sd_notify(false, "STOPPING=1");
    b->idle.release = sd_bus_slot_unref(b->idle.release);
    r = sd_bus_release_name_async(b->bus, &b->idle.release, BUS_NAME, on_name_released, b);
    return timer_arm_at(b->idle.timer, now + (r < 0 ? LOOK_AGAIN_USEC : RELEASE_USEC));
}

void bus_rearm_idle(Bus *b)
{
    if (timer_is_armed(b->idle.timer))
        (void)timer_arm_at(b->idle.timer, idle_since(b));
}

int bus_idle_init(Bus *b, bool exit_on_idle)
{
    int r;

    bus_reset_idle(b);
    r = timer_add(b->event, &b->idle.timer, CLOCK_MONOTONIC, 0, on_idle_timer, b);
    return r < 0 || !exit_on_idle ? r : timer_arm_at(b->idle.timer, idle_since(b));
}

void bus_idle_done(Bus *b)
{
    sd_event_source_disable_unref(b->idle.timer);
}
