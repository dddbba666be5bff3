/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/timer.h"

/* Instead of util/timer.c, in one source of a program: time passes faster. */

static uint64_t haste = 1;

int timer_add(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t accuracy,
              sd_event_time_handler_t handler, void *userdata)
{
    int r = sd_event_add_time(event, ret, clock, UINT64_MAX, accuracy, handler, userdata);

    return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int timer_arm_at(sd_event_source *timer, uint64_t usec)
{
    int r = sd_event_source_set_time(timer, usec == UINT64_MAX ? usec : usec / haste);

    return r < 0 ? r
                 : sd_event_source_set_enabled(timer, usec == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

int timer_arm(sd_event_source *timer, uint64_t in_usec)
{
    int r = sd_event_source_set_time_relative(timer, in_usec / haste);

    return r < 0 ? r : sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

bool timer_is_armed(sd_event_source *timer)
{
    return sd_event_source_get_enabled(timer, NULL) > 0;
}

int deadline_add(sd_event *event, sd_event_source **ret, uint64_t in_usec, sd_event_time_handler_t handler,
                 void *userdata)
{
    return sd_event_add_time_relative(event, ret, CLOCK_MONOTONIC, in_usec / haste, 0, handler, userdata);
}

int deferred_add(sd_event *event, sd_event_source **ret, sd_event_handler_t handler, void *userdata)
{
    int r = sd_event_add_defer(event, ret, handler, userdata);

    return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

uint64_t loop_now(sd_event *event, clockid_t clock)
{
    uint64_t now = 0;

    (void)sd_event_now(event, clock, &now);
    return now * haste;
}
