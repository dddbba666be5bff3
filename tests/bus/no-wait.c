/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

/* Preloaded into the daemon of every test: once the event loop runs, nothing in it waits but the loop itself. What asks
 * the bus synchronously comes to ppoll(), as does any other wait for a descriptor. Chains and records are neither read nor
 * written there, as that may wait for the disk. */

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

static bool is_of_store(const char *path)
{
    static const char *const names[] = { "certificate.pem", "chain.pem",     "combined.pem",
                                         "cross.pem",       "fullchain.pem", "key.pem",
                                         "privkey.pem",     "record.json",   "root.pem" };
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* With 64 bits for offsets this is openat(). */
int openat64(int dir_fd, const char *path, int flags, ...)
{
    int (*real)(int, const char *, int, ...) = (int (*)(int, const char *, int, ...))next("openat64");
    mode_t mode = 0;
    va_list ap;

    if (flags & O_CREAT) {
        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
    }
    if (is_loop() && is_of_store(path))
        refuse("openat64()");
    return real(dir_fd, path, flags, mode);
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
