/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "store/files/files-internal.h"
#include "util/fs.h"
#include "util/text.h"

/* The latest trusted time, a lower bound for the next run. */

#define CLOCK_FILE "clock"
#define CLOCK_MAX  UINT64_C(253402300799) /* the end of the year 9999 */

int store_read_clock(Store *s, int64_t *ret)
{
    _cleanup_free_ char *text = NULL;
    uint64_t seconds = 0;
    int r = fs_read_at(s->fd, CLOCK_FILE, 64, &text, NULL);

    *ret = 0;
    if (r < 0)
        return r == -ENOENT || r == -E2BIG ? 0 : r;
    text[strcspn(text, "\n")] = 0;
    if (parse_uint64(text, &seconds) >= 0 && seconds <= CLOCK_MAX)
        *ret = (int64_t)seconds;
    return 0;
}

int store_write_clock(Store *s, int64_t now)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%" PRIi64 "\n", now);

    return fs_replace_at(s->fd, CLOCK_FILE, text, (size_t)n, true);
}
