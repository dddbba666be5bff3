/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Whether the wall clock is to be believed. A machine without a battery begins in 1970, and a wrong clock makes every
 * chain look expired, or not valid yet. So it is compared with what is known for sure: when this program was built, the
 * latest moment that was believed, and how much time has passed since by a clock that nobody sets. Pure; all in seconds,
 * wall clock since 1970-01-01 UTC, boot as CLOCK_BOOTTIME (clock_gettime(2)). */
typedef struct ClockTrust {
    int64_t build;    /* no earlier moment is true */
    int64_t believed; /* the latest moment that was; 0: there was none yet */
    int64_t at;       /* boot time when it was, */
    bool here;        /* by this process, so that what has passed since is known */
    int64_t doubted;  /* boot time since when the clock is doubted; negative: it is believed */
} ClockTrust;

/* believed: from a former run; 0: there was none. */
ClockTrust clock_trust_begin(int64_t build, int64_t believed, int64_t boot);
/* Looks at the clock. It is believed when it shows what is expected, with a few minutes less and a year more, or ten years
 * more on the very first start; when something keeps it in step with the time of others (synchronized), provided that it
 * is not before the build; and when it was doubted for a whole day, as it then will not change any more. */
bool clock_trust_look(ClockTrust *t, int64_t wall, int64_t boot, bool synchronized);
/* What is taken for the present: the wall clock if it is believed, else the latest moment that was, and what has passed
 * since. */
int64_t clock_trust_now(const ClockTrust *t, int64_t wall, int64_t boot);
