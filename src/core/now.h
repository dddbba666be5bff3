/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* The current time, for the whole process and any thread. The wall clock until clock_begin(); core/clock.h
 * describes when that is trusted. */

/* recorded: the latest trusted time of a previous run; 0: none. */
void clock_begin(int64_t recorded);
/* Returns seconds since 1970-01-01 UTC: the wall clock, or the best guess while it is not trusted. */
int64_t clock_now(void);
/* Returns true if the wall clock is trusted. Irreversible actions wait for it: orders, renewals, deletions,
 * warnings. */
bool clock_is_trusted(void);
/* Sets whether the clock is synchronized, for example by NTP. */
void clock_set_synchronized(bool yes);
/* CLOCK_BOOTTIME in seconds: includes suspend, and is never set. */
int64_t clock_boot(void);
