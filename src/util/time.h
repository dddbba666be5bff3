/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <time.h>

#include "util/macro.h"

#define SEC_PER_MINUTE 60LL
#define SEC_PER_HOUR   3600LL
#define SEC_PER_DAY    86400LL
#define USEC_PER_SEC   1000000ULL
#define USEC_PER_MSEC  1000ULL
#define MSEC_PER_SEC   1000
#define NSEC_PER_USEC  1000ULL
#define NSEC_PER_SEC   1000000000LL

/* A clock, in microseconds. */
static inline uint64_t usec_now(clockid_t clock)
{
    struct timespec t = {};

    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / NSEC_PER_USEC;
}

static inline int64_t monotonic_msec(void)
{
    return (int64_t)(usec_now(CLOCK_MONOTONIC) / USEC_PER_MSEC);
}
