/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/now.h"

#include <pthread.h>
#include <time.h>

#include "core/clock.h"

static struct {
    pthread_mutex_t lock;
    bool begun, synchronized;
    ClockTrust trust;
} clock_state = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int64_t seconds_of(clockid_t id)
{
    struct timespec t = {};

    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec;
}

int64_t clock_boot(void)
{
    return seconds_of(CLOCK_BOOTTIME);
}

void clock_begin(int64_t recorded)
{
    (void)pthread_mutex_lock(&clock_state.lock);
    clock_state.trust = clock_trust_begin(CERTWRIGHT_BUILD_TIME, recorded, clock_boot());
    clock_state.begun = true;
    (void)pthread_mutex_unlock(&clock_state.lock);
}

static int64_t look(bool *ret_trusted)
{
    int64_t wall = seconds_of(CLOCK_REALTIME), boot = clock_boot(), now = wall;

    *ret_trusted = true;
    (void)pthread_mutex_lock(&clock_state.lock);
    if (clock_state.begun) {
        *ret_trusted = clock_trust_look(&clock_state.trust, wall, boot, clock_state.synchronized);
        now = clock_trust_now(&clock_state.trust, wall, boot);
    }
    (void)pthread_mutex_unlock(&clock_state.lock);
    return now;
}

int64_t clock_now(void)
{
    bool trusted;

    return look(&trusted);
}

bool clock_is_trusted(void)
{
    bool trusted;

    (void)look(&trusted);
    return trusted;
}

void clock_set_synchronized(bool yes)
{
    (void)pthread_mutex_lock(&clock_state.lock);
    clock_state.synchronized = yes;
    (void)pthread_mutex_unlock(&clock_state.lock);
}
