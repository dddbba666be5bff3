/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>

#include "util/child.h"
#include "util/memfd.h"
#include "util/text.h"
#include "util/time.h"

#define READ_SIZE   4096
#define DRAIN_READS 64 /* at the end: more than a pipe holds */

/* The last LIMIT_DNS_OUTPUT bytes of output. */
typedef struct Tail {
    char data[LIMIT_DNS_OUTPUT];
    size_t size;
} Tail;

typedef struct Process {
    Child child;
    int output_fd;    /* negative once nobody can write to it any more */
    int64_t deadline; /* until the next signal: SIGTERM, then SIGKILL */
    bool late;
    Tail tail;
} Process;

/* ---- start */

static int process_start(Process *p, const ProcessCall *call)
{
    static const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/", NULL
    };
    _cleanup_close_ int input = -EBADF;
    int ends[2], r;

    if (call->input) {
        input = memfd_new("input", call->input, strlen(call->input));
        if (input < 0)
            return input;
    }
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    _cleanup_close_ int output = ends[0], theirs = ends[1];
    const int fds[] = { input, theirs, theirs };
    const ChildCall child = { .program = call->path,
                              .arguments = call->arguments,
                              .environment = environment,
                              .fds = fds,
                              .n_fds = ELEMENTSOF(fds) };
    if (fcntl(output, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    r = child_start(&child, &p->child);
    if (r < 0)
        return r;
    p->output_fd = TAKE_FD(output);
    p->deadline = monotonic_msec() + (int64_t)call->seconds * MSEC_PER_SEC;
    return 0;
}

/* ---- its output */

static void tail_add(Tail *t, const char *data, size_t size)
{
    size_t keep = MIN(t->size, sizeof(t->data) - MIN(size, sizeof(t->data)));

    memmove(t->data, t->data + t->size - keep, keep);
    t->size = keep + MIN(size, sizeof(t->data));
    memcpy(t->data + keep, data + size - (t->size - keep), t->size - keep);
}

/* Returns false if there is nothing to read for now. */
static bool process_read(Process *p)
{
    char data[READ_SIZE];
    ssize_t n = read(p->output_fd, data, sizeof(data));

    if (n > 0)
        tail_add(&p->tail, data, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close(TAKE_FD(p->output_fd));
    return n > 0;
}

/* Joins lines as sentences; drops bytes of a character that was truncated at the front. */
static void tail_to_text(Tail *t, char ret[static LIMIT_DNS_OUTPUT + 1])
{
    size_t from = 0, to = 0;

    if (t->size == sizeof(t->data))
        while (from < t->size && ((unsigned char)t->data[from] & 0xc0) == 0x80)
            from++;
    for (; from < t->size; from++) {
        char c = t->data[from];

        if (c == 0)
            c = '?';
        else if (c == '\n' || c == '\r' || c == '\t')
            c = ' ';
        if (c != ' ' || (to > 0 && ret[to - 1] != ' '))
            ret[to++] = c;
    }
    while (to > 0 && ret[to - 1] == ' ')
        to--;
    ret[to] = 0;
    text_make_plain(ret, LIMIT_DNS_OUTPUT);
}

/* ---- its end */

static void signal_when_late(Process *p)
{
    if (monotonic_msec() < p->deadline)
        return;
    child_signal(&p->child, p->late ? SIGKILL : SIGTERM);
    p->late = true;
    p->deadline = monotonic_msec() + LIMIT_DNS_GRACE * MSEC_PER_SEC;
}

static void process_wait(Process *p)
{
    struct pollfd fds[] = { { .fd = p->child.pidfd, .events = POLLIN }, { .events = POLLIN } };

    while (!(fds[0].revents & POLLIN)) {
        fds[0].revents = fds[1].revents = 0;
        fds[1].fd = p->output_fd;
        (void)poll(fds, ELEMENTSOF(fds), (int)MAX(p->deadline - monotonic_msec(), (int64_t)0));
        if (fds[1].revents)
            (void)process_read(p);
        signal_when_late(p);
    }
}

static void process_finish(Process *p, ProcessEnd *end)
{
    siginfo_t si;

    child_end(&p->child, &si);
    for (int i = 0; i < DRAIN_READS && p->output_fd >= 0 && process_read(p); i++)
        ;
    end->late = p->late;
    end->status = si.si_code == CLD_EXITED ? si.si_status : -1;
    end->signal = si.si_code == CLD_EXITED ? 0 : si.si_status;
    tail_to_text(&p->tail, end->output);
    closep(&p->output_fd);
}

int process_run(const ProcessCall *call, ProcessEnd *ret)
{
    Process p = {};
    int r = process_start(&p, call);

    if (r < 0)
        return r;
    process_wait(&p);
    process_finish(&p, ret);
    return 0;
}

char *process_describe(const ProcessCall *call, const ProcessEnd *end)
{
    const char *slash = strrchr(call->path, '/'), *name = slash ? slash + 1 : call->path;
    const char *colon = *end->output ? ": " : ", and wrote nothing", *output = end->output;
    char *s = NULL;
    int n;

    if (end->late)
        n = asprintf(&s, "%s did not exit within %u seconds and was terminated%s%s", name, call->seconds,
                     colon, output);
    else if (end->status < 0)
        n = asprintf(&s, "%s was killed by signal %d%s%s", name, end->signal, colon, output);
    else
        n = asprintf(&s, "%s exited with status %d%s%s", name, end->status, colon, output);
    return n < 0 ? NULL : s;
}
