/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "util/time.h"

/* Sources of the event loop that run once each time that they are armed. */

/* A timer, off at first. accuracy: by how many microseconds it may be late; 0: by sd_event_add_time(3)'s 250 ms. */
int timer_add(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t accuracy,
              sd_event_time_handler_t handler, void *userdata);
/* Counted from the beginning of this turn of the loop. */
int timer_arm(sd_event_source *timer, uint64_t in_usec);
/* By the timer's clock; UINT64_MAX disarms it. */
int timer_arm_at(sd_event_source *timer, uint64_t usec);
bool timer_is_armed(sd_event_source *timer);
/* A timer that elapses once, by the monotonic clock. */
int deadline_add(sd_event *event, sd_event_source **ret, uint64_t in_usec, sd_event_time_handler_t handler,
                 void *userdata);

/* sd_event_add_defer(3), but off at first. */
int deferred_add(sd_event *event, sd_event_source **ret, sd_event_handler_t handler, void *userdata);

/* The time at which this turn of the loop began. */
uint64_t loop_now(sd_event *event, clockid_t clock);
