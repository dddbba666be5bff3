/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "bus/internal.h"
#include "util/log.h"
#include "util/timer.h"

#define LOOK_AGAIN_USEC (1 * USEC_PER_SEC)
#define KEPT_USEC       (60 * USEC_PER_SEC) /* between looks while only viewers or the settings keep it */
#define RELEASE_USEC    (30 * USEC_PER_SEC) /* the reply may be lost with the connection */

/* Exit on idle: releases the name first. The bus replies to that in order with the calls that it passed on
 * before, so when the reply arrives, all calls are known; if there was one, the name is requested again.
 * Later calls start a new instance of the service.
 *
 * A client that has listed the objects by GetManagedObjects goes on showing them, and its list would become empty with
 * the exit: the service stays until all such viewers have left the bus. The status of the unit says what keeps it. */

void bus_reset_idle(Bus *b)
{
    b->idle.last_activity = loop_now(b->event, CLOCK_MONOTONIC);
}

/* Returns what is still to be done; NULL: nothing is. */
static const char *find_work(Bus *b)
{
    if (b->connection.owns_name &&
        (bus_unwritten(b->bus) > 0 || shares_waiting(b->shares) > 0 || authorizer_is_busy(b->authorizer)))
        return "Handling calls.";
    if (b->n_calls > 0 || b->n_starting > 0)
        return "Waiting for replies.";
    if (bus_has_changes(b) || !manager_is_idle(b->manager))
        return "Working.";
    return manager_awaits_change(b->manager) ? "Staying, as another chain has to be served soon." : NULL;
}

/* Returns the number of clients that show the objects, and the name of one. */
static size_t count_viewers(Bus *b, const char **ret_name)
{
    return b->connection.owns_name ? shares_viewers(b->shares, ret_name) : 0;
}

static bool is_idle(Bus *b)
{
    return !find_work(b) && count_viewers(b, NULL) == 0;
}

/* Reports it to systemd and, for debugging, to the journal when it has changed. */
static void set_status(Bus *b, const char *status)
{
    if (streq(status, strempty(b->idle.status)) || text_set(&b->idle.status, status) < 0)
        return;
    if (*status)
        log_debug("%s", status);
    (void)sd_notifyf(false, "STATUS=%s", status);
}

static void report_viewers(Bus *b, size_t n, const char *name)
{
    char text[512];

    if (n == 1)
        snprintf(text, sizeof(text), "Staying for %s, which shows the objects.", name);
    else
        snprintf(text, sizeof(text), "Staying for %zu clients that show the objects, %s among them.", n,
                 name);
    set_status(b, text);
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

static int release_name(Bus *b, uint64_t now)
{
    int r;

    (void)sd_notify(false, "STOPPING=1");
    b->idle.release = sd_bus_slot_unref(b->idle.release);
    r = sd_bus_release_name_async(b->bus, &b->idle.release, BUS_NAME, on_name_released, b);
    return timer_arm_at(b->idle.timer, now + (r < 0 ? LOOK_AGAIN_USEC : RELEASE_USEC));
}

static int on_idle_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Bus *b = userdata;
    uint64_t now = loop_now(b->event, CLOCK_MONOTONIC);
    const char *work = NULL, *viewer = NULL;
    size_t n_viewers;

    if (manager_settings(b->manager)->idle_exit == 0)
        return timer_arm_at(b->idle.timer, now + KEPT_USEC);
    if (idle_since(b) > now)
        return timer_arm_at(b->idle.timer, idle_since(b));
    work = find_work(b);
    if (work) {
        set_status(b, work);
        return timer_arm_at(b->idle.timer, now + LOOK_AGAIN_USEC);
    }
    n_viewers = count_viewers(b, &viewer);
    if (n_viewers > 0) {
        report_viewers(b, n_viewers, viewer);
        return timer_arm_at(b->idle.timer, now + KEPT_USEC);
    }
    set_status(b, "");
    if (!b->connection.owns_name)
        return exit_idle(b); /* there is no bus that calls could come from */
    return release_name(b, now);
}

void bus_note_departure(Bus *b)
{
    if (count_viewers(b, NULL) > 0)
        return;
    set_status(b, "");
    bus_reset_idle(b);
    bus_rearm_idle(b);
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
    free(b->idle.status);
}
