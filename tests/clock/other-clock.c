/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Preloaded into the daemon: its wall clock shows $OTHER_CLOCK/offset seconds more than this machine's, however often that file
 * is replaced; the clocks that nobody sets stay as they are. The timer that tells that the wall clock was set is the FIFO
 * $OTHER_CLOCK/set, so that the test tells it, or not. (libfaketime 0.9.10 takes the moment of every timerfd for one of the
 * wall clock: no timer of sd-event would run out.) */

static int told = -1;

static int path_of(const char *name, char path[static PATH_MAX])
{
    const char *folder = getenv("OTHER_CLOCK");

    return folder && snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX ? 0 : -1;
}

static time_t offset(void)
{
    int saved = errno, fd = -1;
    char path[PATH_MAX], text[32] = "";
    ssize_t n;

    if (path_of("offset", path) == 0)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return n > 0 ? (time_t)strtoll(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    int r = (int)syscall(SYS_clock_gettime, id, t);

    if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        t->tv_sec += offset();
    return r;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) < 0)
        return -1;
    *t = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
    return 0;
}

time_t time(time_t *t)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (t)
        *t = now.tv_sec;
    return now.tv_sec;
}

int timerfd_create(clockid_t id, int flags)
{
    char path[PATH_MAX];

    if (id != CLOCK_REALTIME || path_of("set", path) < 0)
        return (int)syscall(SYS_timerfd_create, id, flags);
    told = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return told;
}

/* It never runs out, but for a moment that is over. */
int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *former)
{
    const unsigned long long once = 1;

    if (fd != told || told < 0)
        return (int)syscall(SYS_timerfd_settime, fd, flags, value, former);
    if (value->it_value.tv_sec > time(NULL))
        return 0;
    return write(fd, &once, sizeof(once)) == sizeof(once) ? 0 : -1;
}
