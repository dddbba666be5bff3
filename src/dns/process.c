/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "util/memfd.h"
#include "util/text.h"
#include "util/time.h"

#define FD_MIN      3 /* the first that the program does not get */
#define READ_SIZE   4096
#define DRAIN_READS 64 /* of what is in the pipe at the end: more than it holds */

/* The last LIMIT_DNS_OUTPUT bytes of all that came. */
typedef struct Tail {
    char data[LIMIT_DNS_OUTPUT];
    size_t size;
} Tail;

typedef struct Process {
    pid_t pid;
    int pidfd, output_fd; /* output_fd is negative once nobody can write to it any more */
    int64_t deadline;     /* of what comes next: SIGTERM, SIGKILL */
    bool late;
    Tail tail;
} Process;

/* ---- start */

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    int r;

    sigemptyset(&none);
    sigfillset(&all);
    if ((r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                      POSIX_SPAWN_SETPGROUP)) == 0 &&
        (r = posix_spawnattr_setsigmask(attributes, &none)) == 0 &&
        (r = posix_spawnattr_setsigdefault(attributes, &all)) == 0)
        r = posix_spawnattr_setpgroup(attributes, 0);
    return r;
}

static int set_actions(posix_spawn_file_actions_t *actions, int input_fd, int output_fd)
{
    int r;

    if (input_fd >= 0)
        r = posix_spawn_file_actions_adddup2(actions, input_fd, STDIN_FILENO);
    else
        r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (r == 0 && (r = posix_spawn_file_actions_adddup2(actions, output_fd, STDOUT_FILENO)) == 0 &&
        (r = posix_spawn_file_actions_adddup2(actions, output_fd, STDERR_FILENO)) == 0 &&
        (r = posix_spawn_file_actions_addclosefrom_np(actions, FD_MIN)) == 0)
        r = posix_spawn_file_actions_addchdir_np(actions, "/");
    return r;
}

static int spawn(const ProcessCall *call, int input_fd, int output_fd, pid_t *ret)
{
    static const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/", NULL
    };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int r;

    r = posix_spawnattr_init(&attributes);
    if (r != 0)
        return -r;
    r = posix_spawn_file_actions_init(&actions);
    if (r != 0) {
        posix_spawnattr_destroy(&attributes);
        return -r;
    }
    if ((r = set_attributes(&attributes)) == 0 && (r = set_actions(&actions, input_fd, output_fd)) == 0)
        r = posix_spawn(ret, call->path, &actions, &attributes, (char *const *)(uintptr_t)call->arguments,
                        (char *const *)(uintptr_t)environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -r;
}

static int process_start(Process *p, const ProcessCall *call)
{
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
    if (fcntl(output, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    r = spawn(call, input, theirs, &p->pid);
    if (r < 0)
        return r;
    p->pidfd = pidfd_open(p->pid, 0);
    if (p->pidfd < 0) {
        r = -errno;
        (void)kill(-p->pid, SIGKILL);
        (void)waitpid(p->pid, NULL, 0);
        return r;
    }
    p->output_fd = TAKE_FD(output);
    p->deadline = monotonic_msec() + (int64_t)call->seconds * MSEC_PER_SEC;
    return 0;
}

/* ---- what it writes */

static void tail_add(Tail *t, const char *data, size_t size)
{
    size_t keep = MIN(t->size, sizeof(t->data) - MIN(size, sizeof(t->data)));

    memmove(t->data, t->data + t->size - keep, keep);
    t->size = keep + MIN(size, sizeof(t->data));
    memcpy(t->data + keep, data + size - (t->size - keep), t->size - keep);
}

/* False when there is nothing to read for now. */
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

/* Lines become sentences behind each other; bytes that were cut at the front of a letter are left out. */
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
    (void)kill(-p->pid, p->late ? SIGKILL : SIGTERM);
    p->late = true;
    p->deadline = monotonic_msec() + LIMIT_DNS_GRACE * MSEC_PER_SEC;
}

static void process_wait(Process *p)
{
    struct pollfd fds[] = { { .fd = p->pidfd, .events = POLLIN }, { .events = POLLIN } };

    while (!(fds[0].revents & POLLIN)) {
        fds[0].revents = fds[1].revents = 0;
        fds[1].fd = p->output_fd;
        (void)poll(fds, ELEMENTSOF(fds), (int)MAX(p->deadline - monotonic_msec(), (int64_t)0));
        if (fds[1].revents)
            (void)process_read(p);
        signal_when_late(p);
    }
}

/* The group is killed before its leader is reaped: until then no other group can have its number. */
static void process_finish(Process *p, ProcessEnd *end)
{
    siginfo_t si = {};

    (void)kill(-p->pid, SIGKILL);
    for (int i = 0; i < DRAIN_READS && p->output_fd >= 0 && process_read(p); i++)
        ;
    (void)waitid(P_PIDFD, (id_t)p->pidfd, &si, WEXITED);
    end->late = p->late;
    end->status = si.si_code == CLD_EXITED ? si.si_status : -1;
    end->signal = si.si_code == CLD_EXITED ? 0 : si.si_status;
    tail_to_text(&p->tail, end->output);
    if (p->output_fd >= 0)
        close(p->output_fd);
    close(p->pidfd);
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
        n = asprintf(&s, "%s did not end within %u seconds and was ended%s%s", name, call->seconds, colon,
                     output);
    else if (end->status < 0)
        n = asprintf(&s, "%s was ended by signal %d%s%s", name, end->signal, colon, output);
    else
        n = asprintf(&s, "%s ended with status %d%s%s", name, end->status, colon, output);
    return n < 0 ? NULL : s;
}
