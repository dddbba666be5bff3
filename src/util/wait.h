/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>
#include <poll.h>

#include "util/time.h"

/* Waits for events of poll(2), until a time of monotonic_msec(); looks at least once. Returns 0, -ETIMEDOUT or
 * another negative errno. For programs without an event loop. */
static inline int wait_until_ready(int fd, short events, int64_t deadline)
{
    struct pollfd p = { .fd = fd, .events = events };
    int r;

    do {
        int64_t left = MAX(deadline - monotonic_msec(), INT64_C(0));

        r = poll(&p, 1, (int)MIN(left, (int64_t)INT32_MAX));
    } while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    return r > 0 ? 0 : -ETIMEDOUT;
}
