/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Decides whether the wall clock can be trusted. A machine without a battery-backed clock starts in 1970,
 * and with a wrong clock all chains look expired or not yet valid. The clock is therefore compared with the
 * build time of this program, the latest trusted time, and the time that has passed since then by a clock
 * that cannot be set. Pure; all times in seconds, wall clock since 1970-01-01 UTC, boot as CLOCK_BOOTTIME
 * (clock_gettime(2)). */
typedef struct ClockTrust {
    int64_t build;    /* build time: earlier times are wrong */
    int64_t believed; /* the latest trusted time; 0: none yet */
    int64_t at;       /* boot time when it was trusted, */
    bool here;        /* by this process, so that the time passed since then is known */
    int64_t doubted;  /* boot time since when the clock is not trusted; negative: it is trusted */
} ClockTrust;

/* believed: of a previous run; 0: none. */
ClockTrust clock_trust_begin(int64_t build, int64_t believed, int64_t boot);
/* Checks the clock. It is trusted if it is at most a few minutes behind and a year ahead of the expected
 * time (ten years on the very first start); if it is synchronized, unless it is earlier than the build; and
 * after a day without trust, since it will not get better then. */
bool clock_trust_look(ClockTrust *t, int64_t wall, int64_t boot, bool synchronized);
/* Returns the time to use as the present: the wall clock if it is trusted, else the latest trusted time plus
 * the time passed since then. */
int64_t clock_trust_now(const ClockTrust *t, int64_t wall, int64_t boot);
