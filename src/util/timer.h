/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "util/time.h"

/* Event sources that run once each time they are armed. */

/* Adds a timer, disabled. accuracy: maximum delay in microseconds; 0: the default of sd_event_add_time(3), 250 ms. */
int timer_add(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t accuracy,
              sd_event_time_handler_t handler, void *userdata);
/* Relative to the start of this event loop iteration. */
int timer_arm(sd_event_source *timer, uint64_t in_usec);
/* Absolute, by the clock of the timer; UINT64_MAX disarms it. */
int timer_arm_at(sd_event_source *timer, uint64_t usec);
bool timer_is_armed(sd_event_source *timer);
/* A timer that elapses once, by the monotonic clock. */
int deadline_add(sd_event *event, sd_event_source **ret, uint64_t in_usec, sd_event_time_handler_t handler,
                 void *userdata);

/* As sd_event_add_defer(3), but disabled. */
int deferred_add(sd_event *event, sd_event_source **ret, sd_event_handler_t handler, void *userdata);

/* Returns the start time of this event loop iteration. */
uint64_t loop_now(sd_event *event, clockid_t clock);
