/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* The present, for the whole process: any thread. Until clock_begin() it is what the wall clock shows. core/clock.h tells
 * when that is believed. */

/* recorded: the latest moment that a former run believed; 0: there was none. */
void clock_begin(int64_t recorded);
/* Seconds since 1970-01-01 UTC: by the wall clock, or the best guess while it is not believed. */
int64_t clock_now(void);
/* Whether the wall clock is believed now. What has no going back waits until it is: orders, renewals, deletions, warnings. */
bool clock_is_trusted(void);
/* Whether something keeps the clock in step with the time of others. */
void clock_set_synchronized(bool yes);
/* CLOCK_BOOTTIME, seconds: goes on while the machine sleeps, and is never set. */
int64_t clock_boot(void);
