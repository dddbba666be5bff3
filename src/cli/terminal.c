/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <termios.h>

typedef struct Terminal {
    int fd, signal_fd;
    struct termios before;
    sigset_t signals; /* which must not take effect while echo is off */
    sigset_t mask;    /* previous settings */
    bool hidden;
} Terminal;

static int terminal_open_device(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    return fd < 0 ? -errno : fd;
}

bool terminal_exists(void)
{
    _cleanup_close_ int fd = terminal_open_device();

    return fd >= 0;
}

/* In the background, SIGTTOU stops the process here until it is in the foreground. */
static int terminal_hide(Terminal *t)
{
    struct termios settings = t->before;

    settings.c_lflag = (settings.c_lflag | ICANON | ISIG) & ~(tcflag_t)(ECHO | ECHONL);
    if (tcsetattr(t->fd, TCSAFLUSH, &settings) < 0)
        return -errno;
    t->hidden = true;
    return 0;
}

static void terminal_show(Terminal *t)
{
    if (t->hidden) {
        tcsetattr(t->fd, TCSAFLUSH, &t->before);
        dprintf(t->fd, "\n");
    }
    t->hidden = false;
}

static void terminal_done(Terminal *t)
{
    terminal_show(t);
    closep(&t->signal_fd);
    closep(&t->fd);
    sigprocmask(SIG_SETMASK, &t->mask, NULL);
}

static int terminal_init(Terminal *t)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT };

    sigemptyset(&t->signals);
    sigprocmask(SIG_BLOCK, NULL, &t->mask);
    t->signal_fd = -EBADF;
    t->fd = terminal_open_device();
    if (t->fd < 0)
        return t->fd;
    if (tcgetattr(t->fd, &t->before) < 0)
        return -errno;
    for (size_t i = 0; i < ELEMENTSOF(signals); i++)
        sigaddset(&t->signals, signals[i]);
    sigprocmask(SIG_BLOCK, &t->signals, NULL);
    t->signal_fd = signalfd(-1, &t->signals, SFD_CLOEXEC);
    return t->signal_fd < 0 ? -errno : 0;
}

static int terminal_prompt(Terminal *t, const char *prompt)
{
    int r = terminal_hide(t);

    return r < 0 ? r : dprintf(t->fd, "%s", prompt) < 0 ? -errno : 0;
}

/* Re-raises the signal with its original disposition. Continues after signals that stop and continue, and
 * after those ignored by the parent. */
static int terminal_obey(Terminal *t)
{
    struct signalfd_siginfo info;
    sigset_t one;

    if (read(t->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return -EIO;
    terminal_show(t);
    if (info.ssi_signo == SIGCONT)
        return 0;
    sigemptyset(&one);
    sigaddset(&one, (int)info.ssi_signo);
    sigaddset(&one, SIGCONT); /* which ends a stop, and is not pending then */
    raise((int)info.ssi_signo);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    sigprocmask(SIG_BLOCK, &one, NULL);
    return 0;
}

/* Returns 1 at the end of the line. */
static int terminal_read(Terminal *t, char *text, size_t size, size_t *length)
{
    ssize_t n = read(t->fd, text + *length, size - *length);
    char *end;

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (n == 0)
        return *length == 0 ? -ECANCELED : 1;
    end = memchr(text + *length, '\n', (size_t)n);
    *length = end ? (size_t)(end - text) : *length + (size_t)n;
    if (!end && *length == size)
        return -EMSGSIZE;
    return end != NULL;
}

int terminal_ask(const char *prompt, char *text, size_t size, size_t *ret_length)
{
    _cleanup_(terminal_done) Terminal t = {};
    size_t length = 0;
    int r = terminal_init(&t);

    while (r == 0) {
        struct pollfd p[] = { { .fd = t.signal_fd, .events = POLLIN }, { .fd = t.fd, .events = POLLIN } };

        if (!t.hidden) {
            length = 0;
            r = terminal_prompt(&t, prompt);
        }
        if (r == 0 && poll(p, ELEMENTSOF(p), -1) < 0)
            r = errno == EINTR ? 0 : -errno;
        else if (r == 0 && p[0].revents)
            r = terminal_obey(&t);
        else if (r == 0 && p[1].revents)
            r = terminal_read(&t, text, size, &length);
    }
    if (r < 0)
        return r;
    *ret_length = length;
    return 0;
}
