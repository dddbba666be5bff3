/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/memory.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/time.h"

#define QUIET_USEC   (2 * USEC_PER_SEC)  /* without a turn of the event loop */
#define LONGEST_USEC (10 * USEC_PER_SEC) /* while there is none */
#define WORTH_WHILE  (4UL * 1024 * 1024) /* bytes */

/* The prepare callback of the timer is called in each turn of the event loop at no extra cost, which shows
 * whether the loop is busy. */
struct MemoryKeeper {
    sd_event_source *timer; /* at UINT64_MAX: idle since memory was last returned */
    uint64_t since, last;   /* of the first turn and the latest, CLOCK_MONOTONIC */
    bool waits, own_turn;
    size_t settled; /* resident memory when idle, with nothing left to return */
};

size_t memory_resident(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    size_t pages = 0;

    if (!f)
        return 0;
    (void)!fscanf(f, "%*u %zu", &pages);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int on_turn(sd_event_source *s, void *userdata)
{
    MemoryKeeper *k = userdata;

    if (k->own_turn) {
        k->own_turn = false;
        return 0;
    }
    if (sd_event_now(sd_event_source_get_event(s), CLOCK_MONOTONIC, &k->last) < 0 || k->waits)
        return 0;
    k->waits = true;
    k->since = k->last;
    return sd_event_source_set_time(s, k->last + QUIET_USEC);
}

static int wait_until(MemoryKeeper *k, uint64_t at)
{
    int r = sd_event_source_set_time(k->timer, at);

    return r < 0 ? r : sd_event_source_set_enabled(k->timer, SD_EVENT_ON);
}

static int on_timer(sd_event_source *s, uint64_t usec _unused_, void *userdata)
{
    MemoryKeeper *k = userdata;
    uint64_t now = 0;
    bool quiet;

    (void)sd_event_now(sd_event_source_get_event(s), CLOCK_MONOTONIC, &now);
    quiet = now >= k->last + QUIET_USEC;
    k->own_turn = true;
    if (!quiet && now < k->since + LONGEST_USEC)
        return wait_until(k, k->last + QUIET_USEC);
    if (memory_resident() >= k->settled + WORTH_WHILE)
        (void)malloc_trim(0);
    k->since = now;
    if (!quiet)
        return wait_until(k, k->last + QUIET_USEC);
    k->waits = false;
    k->settled = memory_resident();
    return wait_until(k, UINT64_MAX);
}

int memory_keeper_new(sd_event *event, MemoryKeeper **ret)
{
    _cleanup_(memory_keeper_freep) MemoryKeeper *k = calloc(1, sizeof(MemoryKeeper));
    int r;

    if (!k)
        return -ENOMEM;
    r = sd_event_add_time(event, &k->timer, CLOCK_MONOTONIC, UINT64_MAX, 0, on_timer, k);
    if (r >= 0)
        r = sd_event_source_set_enabled(k->timer, SD_EVENT_ON);
    if (r >= 0)
        r = sd_event_source_set_prepare(k->timer, on_turn);
    if (r >= 0)
        *ret = TAKE_PTR(k);
    return r;
}

MemoryKeeper *memory_keeper_free(MemoryKeeper *k)
{
    if (k)
        sd_event_source_disable_unref(k->timer);
    free(k);
    return NULL;
}
