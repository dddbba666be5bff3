/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

/* Preloaded into the daemon of every test: once the event loop runs, nothing in it waits but the loop itself. What asks
 * the bus synchronously comes to ppoll(), as does any other wait for a descriptor. */

static volatile bool looping;

static void refuse(const char *function)
{
    static const char text[] = ": something waits in the event loop\n";

    (void)!write(STDERR_FILENO, function, __builtin_strlen(function));
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    abort();
}

static bool is_loop(void)
{
    return looping && syscall(SYS_gettid) == getpid();
}

static void *next(const char *function)
{
    void *f = dlsym(RTLD_NEXT, function);

    if (!f)
        abort();
    return f;
}

int sd_event_loop(sd_event *e)
{
    int (*real)(sd_event *) = (int (*)(sd_event *))next("sd_event_loop");
    int r;

    looping = true;
    r = real(e);
    looping = false;
    return r;
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    int (*real)(struct pollfd *, nfds_t, int) = (int (*)(struct pollfd *, nfds_t, int))next("poll");

    if (timeout != 0 && is_loop())
        refuse("poll()");
    return real(fds, n, timeout);
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
    int (*real)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *) =
        (int (*)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *))next("ppoll");

    if ((!timeout || timeout->tv_sec > 0 || timeout->tv_nsec > 0) && is_loop())
        refuse("ppoll()");
    return real(fds, n, timeout, mask);
}
