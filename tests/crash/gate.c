/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate: runs a program whose every system call that touches a directory has to pass here first.
 *
 *     gate DIRECTORY LOG PROGRAM ARGUMENT...
 *
 * The calls of all the program's threads come one after the other as notifications of a seccomp filter
 * (seccomp_unotify(2)), so that they have one order and one count. (strace(1) counts for each thread and
 * each call of its own: most points are never reached.) What shall become of them is told on the standard
 * input, a line for each order; the first is read before the program starts, and each begins to count anew:
 *
 *     pass               nothing
 *     kill N             end the program by SIGKILL instead of the Nth call that writes
 *     torn N             the same, but when it is a write, half of it is done before
 *     power N            the same as kill, and the file system of DIRECTORY is shut down as it is on the disk
 *     fail N ERRNO       the Nth call, reading ones counted as well, fails
 *     broken N ERRNO     the Nth call that writes fails, and all that come after it
 *     short N            the Nth call that writes is done by half when it is a write
 *     unflushed          calls that flush do nothing
 *     unflushed N        the Nth of them does nothing
 *     terminate          SIGTERM; does not begin to count anew
 *     reap               SIGKILL, now
 *     cut                the same as power, now
 *
 * LOG gets a line for each call, and one that says how the program ended. Processes that it has started and that live on
 * make their calls as before; the gate ends after the last of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))

/* The same number and argument on ext4, XFS and f2fs. */
#define FS_IOC_SHUTDOWN_          _IOR('X', 125, uint32_t)
#define FS_SHUTDOWN_NO_LOG_FLUSH_ 2U

typedef enum Shape {
    SHAPE_FD,      /* descriptor */
    SHAPE_AT,      /* descriptor, path */
    SHAPE_PATH,    /* path */
    SHAPE_LINK_AT, /* text, descriptor, path */
    SHAPE_LINK,    /* text, path */
} Shape;

typedef enum Kind { KIND_WRITE, KIND_FLUSH, KIND_READ, KIND_OPEN } Kind;

typedef struct Call {
    int number;
    const char *name;
    Shape shape;
    Kind kind;
} Call;

#define CALL(name, shape, kind) { SYS_##name, #name, shape, kind }
static const Call calls[] = {
    CALL(openat, SHAPE_AT, KIND_OPEN),
    CALL(write, SHAPE_FD, KIND_WRITE),
    CALL(pwrite64, SHAPE_FD, KIND_WRITE),
    CALL(writev, SHAPE_FD, KIND_WRITE),
    CALL(pwritev, SHAPE_FD, KIND_WRITE),
    CALL(copy_file_range, SHAPE_FD, KIND_WRITE),
    CALL(fallocate, SHAPE_FD, KIND_WRITE),
    CALL(ftruncate, SHAPE_FD, KIND_WRITE),
    CALL(truncate, SHAPE_PATH, KIND_WRITE),
    CALL(fchmod, SHAPE_FD, KIND_WRITE),
    CALL(fchmodat, SHAPE_AT, KIND_WRITE),
    CALL(fchown, SHAPE_FD, KIND_WRITE),
    CALL(fchownat, SHAPE_AT, KIND_WRITE),
    CALL(fsetxattr, SHAPE_FD, KIND_WRITE),
    CALL(fremovexattr, SHAPE_FD, KIND_WRITE),
    CALL(mkdirat, SHAPE_AT, KIND_WRITE),
    CALL(unlinkat, SHAPE_AT, KIND_WRITE),
    CALL(linkat, SHAPE_AT, KIND_WRITE),
    CALL(symlinkat, SHAPE_LINK_AT, KIND_WRITE),
    CALL(renameat2, SHAPE_AT, KIND_WRITE),
    CALL(fsync, SHAPE_FD, KIND_FLUSH),
    CALL(fdatasync, SHAPE_FD, KIND_FLUSH),
    CALL(syncfs, SHAPE_FD, KIND_FLUSH),
    CALL(sync_file_range, SHAPE_FD, KIND_FLUSH),
    CALL(read, SHAPE_FD, KIND_READ),
    CALL(pread64, SHAPE_FD, KIND_READ),
    CALL(getdents64, SHAPE_FD, KIND_READ),
    CALL(readlinkat, SHAPE_AT, KIND_READ),
    CALL(openat2, SHAPE_AT, KIND_READ), /* its flags are in memory: used for reading alone */
    CALL(fgetxattr, SHAPE_FD, KIND_READ),
    CALL(flock, SHAPE_FD, KIND_READ),
    CALL(close, SHAPE_FD, KIND_READ),
#ifdef SYS_open /* the older half of the table, which younger machines are without */
    CALL(open, SHAPE_PATH, KIND_OPEN),
    CALL(creat, SHAPE_PATH, KIND_WRITE),
    CALL(renameat, SHAPE_AT, KIND_WRITE),
    CALL(mkdir, SHAPE_PATH, KIND_WRITE),
    CALL(rmdir, SHAPE_PATH, KIND_WRITE),
    CALL(unlink, SHAPE_PATH, KIND_WRITE),
    CALL(link, SHAPE_PATH, KIND_WRITE),
    CALL(symlink, SHAPE_LINK, KIND_WRITE),
    CALL(rename, SHAPE_PATH, KIND_WRITE),
    CALL(chmod, SHAPE_PATH, KIND_WRITE),
    CALL(chown, SHAPE_PATH, KIND_WRITE),
    CALL(readlink, SHAPE_PATH, KIND_READ),
#endif
};

typedef enum Verb {
    VERB_PASS,
    VERB_KILL,
    VERB_TORN,
    VERB_POWER,
    VERB_FAIL,
    VERB_BROKEN,
    VERB_SHORT,
    VERB_UNFLUSHED,
    _VERB_MAX,
} Verb;

static const char *const verbs[_VERB_MAX] = { "pass",   "kill",  "torn",     "power", "fail",
                                             "broken", "short", "unflushed" };

typedef struct Gate {
    const char *directory;
    FILE *log;
    pid_t child;
    bool has_ended; /* and its status is known */
    int listener;
    Verb verb;
    unsigned long at; /* the call that is meant; 0: each */
    int error;
    unsigned long n;  /* calls so far that count */
} Gate;

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    fprintf(stderr, "gate: ");
    vfprintf(stderr, format, ap);
    fprintf(stderr, ": %s.\n", strerror(errno));
    va_end(ap);
    exit(EXIT_FAILURE);
}

/* The program's side. */

static int install_filter(void)
{
    struct sock_filter filter[2 * ELEMENTSOF(calls) + 2], *f = filter;
    struct sock_fprog program = { .filter = filter };

    *f++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
        *f++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].number, 0, 1);
        *f++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    }
    *f++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program.len = (unsigned short)(f - filter);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* By sendmsg(2), which the filter lets pass. */
static void send_descriptor(int socket_fd, int fd)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {};
    char byte = 0;
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof(control.space) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    if (sendmsg(socket_fd, &message, 0) < 0)
        _exit(126);
}

static int receive_descriptor(int socket_fd)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {};
    char byte;
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof(control.space) };
    struct cmsghdr *c;
    int fd;

    if (recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC) <= 0 || !(c = CMSG_FIRSTHDR(&message)))
        return -1;
    memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

static void run_program(char *argv[], int socket_fd)
{
    int fd;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fd = install_filter();
    if (fd < 0)
        _exit(errno == EACCES || errno == EPERM || errno == ENOSYS || errno == EINVAL ? 77 : 126);
    send_descriptor(socket_fd, fd);
    execv(argv[0], argv);
    _exit(127);
}

static void start_program(Gate *g, char *argv[])
{
    int pair[2], null;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        die("socketpair");
    g->child = fork();
    if (g->child < 0)
        die("fork");
    if (g->child == 0) {
        null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        run_program(argv, pair[1]);
    }
    close(pair[1]);
    g->listener = receive_descriptor(pair[0]);
    close(pair[0]);
    if (g->listener < 0) {
        fprintf(stderr, "gate: this system does not let a process watch another's system calls (seccomp_unotify(2)).\n");
        exit(77);
    }
}

/* What a call is about. */

static bool read_text(pid_t pid, uint64_t address, char *text, size_t size)
{
    size_t at = 0;

    /* page by page: what lies behind the text may not be there */
    while (at < size - 1) {
        size_t n = 4096 - (size_t)((address + at) % 4096);
        struct iovec to = { text + at, n < size - 1 - at ? n : size - 1 - at };
        struct iovec from = { (void *)(uintptr_t)(address + at), to.iov_len };

        if (process_vm_readv(pid, &to, 1, &from, 1, 0) != (ssize_t)to.iov_len)
            return false;
        at += to.iov_len;
        if (memchr(to.iov_base, 0, to.iov_len))
            return true;
    }
    text[at] = 0;
    return true;
}

static bool read_descriptor(pid_t pid, int fd, char text[static PATH_MAX])
{
    char link[64];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd);
    n = readlink(link, text, PATH_MAX - 1);
    text[n < 0 ? 0 : n] = 0;
    return n > 0;
}

static bool read_path(const struct seccomp_notif *q, int descriptor_at, int path_at, char ret[static 2 * PATH_MAX])
{
    char path[PATH_MAX], directory[PATH_MAX] = "";

    if (!read_text((pid_t)q->pid, q->data.args[path_at], path, sizeof(path)))
        return false;
    if (path[0] != '/') {
        if (descriptor_at < 0 || (int)q->data.args[descriptor_at] == AT_FDCWD)
            return false;
        if (!read_descriptor((pid_t)q->pid, (int)q->data.args[descriptor_at], directory))
            return false;
    }
    snprintf(ret, 2 * PATH_MAX, "%s%s%s", directory, path[0] == '/' ? "" : "/", path);
    return true;
}

static bool find_path(const Call *call, const struct seccomp_notif *q, char ret[static 2 * PATH_MAX])
{
    switch (call->shape) {
    case SHAPE_FD:
        return read_descriptor((pid_t)q->pid, (int)q->data.args[0], ret);
    case SHAPE_AT:
        return read_path(q, 0, 1, ret);
    case SHAPE_PATH:
        return read_path(q, -1, 0, ret);
    case SHAPE_LINK_AT:
        return read_path(q, 1, 2, ret);
    case SHAPE_LINK:
        return read_path(q, -1, 1, ret);
    }
    return false;
}

static bool is_inside(const Gate *g, const char *path)
{
    size_t n = strlen(g->directory);

    return strncmp(path, g->directory, n) == 0 && (path[n] == '/' || path[n] == 0);
}

static bool call_writes(const Call *call, const struct seccomp_notif *q)
{
    uint64_t flags = q->data.args[call->shape == SHAPE_AT ? 2 : 1];

    if (call->kind == KIND_OPEN)
        return flags & (O_CREAT | O_TRUNC);
    return call->kind == KIND_WRITE || call->kind == KIND_FLUSH;
}

/* Returns false for calls of processes that the program has started. */
static bool is_of_program(const Gate *g, const struct seccomp_notif *q)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/task/%u", (int)g->child, q->pid);
    return access(path, F_OK) == 0;
}

/* Half of a write, in the program's place. Returns how much that was, 0 when it is no write of several bytes. */
static size_t write_half(const Gate *g, const Call *call, const struct seccomp_notif *q)
{
    size_t half = (size_t)q->data.args[2] / 2;
    int process = -1, fd = -1;
    char *data = NULL;
    ssize_t n = 0;

    if (call->number != SYS_write || half == 0)
        return 0;
    process = (int)syscall(SYS_pidfd_open, is_of_program(g, q) ? g->child : (pid_t)q->pid, 0);
    fd = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, (int)q->data.args[0], 0);
    data = malloc(half);
    if (fd >= 0 && data) {
        struct iovec to = { data, half }, from = { (void *)(uintptr_t)q->data.args[1], half };

        if (process_vm_readv((pid_t)q->pid, &to, 1, &from, 1, 0) == (ssize_t)half)
            n = write(fd, data, half);
    }
    free(data);
    if (fd >= 0)
        close(fd);
    if (process >= 0)
        close(process);
    return n < 0 ? 0 : (size_t)n;
}

static void shut_down(const Gate *g)
{
    uint32_t flag = FS_SHUTDOWN_NO_LOG_FLUSH_;
    int fd = open(g->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || ioctl(fd, FS_IOC_SHUTDOWN_, &flag) < 0)
        die("Shutting the file system of %s down", g->directory);
    close(fd);
}

static void end_program(const Gate *g)
{
    if (!g->has_ended)
        kill(g->child, SIGKILL);
}

/* Decides. Returns false when the program has been killed and needs no answer. */
static bool decide(Gate *g, const Call *call, const struct seccomp_notif *q, struct seccomp_notif_resp *answer)
{
    bool meant, dies = is_of_program(g, q);

    if (g->verb == VERB_UNFLUSHED ? call->kind == KIND_FLUSH : g->verb == VERB_FAIL || call_writes(call, q))
        g->n++;
    else
        return true;
    meant = g->n == g->at || (g->at == 0 && g->verb == VERB_UNFLUSHED) || (g->n > g->at && g->verb == VERB_BROKEN);
    if (!meant || g->verb == VERB_PASS)
        return true;
    switch (g->verb) {
    case VERB_FAIL:
    case VERB_BROKEN:
        *answer = (struct seccomp_notif_resp){ .id = q->id, .error = -g->error };
        return true;
    case VERB_UNFLUSHED:
        *answer = (struct seccomp_notif_resp){ .id = q->id };
        return true;
    case VERB_SHORT: {
        size_t n = write_half(g, call, q);

        if (n > 0)
            *answer = (struct seccomp_notif_resp){ .id = q->id, .val = (int64_t)n };
        return true;
    }
    case VERB_TORN:
        (void)write_half(g, call, q);
        break;
    case VERB_POWER:
        shut_down(g);
        break;
    default:
        break;
    }
    end_program(g);
    return !dies;
}

static void on_call(Gate *g)
{
    struct seccomp_notif q = {};
    struct seccomp_notif_resp answer;
    char path[2 * PATH_MAX] = "";
    const Call *call = NULL;
    unsigned long before = g->n;

    if (ioctl(g->listener, SECCOMP_IOCTL_NOTIF_RECV, &q) < 0)
        return;
    answer = (struct seccomp_notif_resp){ .id = q.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
    for (size_t i = 0; i < ELEMENTSOF(calls) && !call; i++)
        if (calls[i].number == q.data.nr)
            call = calls + i;
    if (call && find_path(call, &q, path) && is_inside(g, path)) {
        bool alive = decide(g, call, &q, &answer);

        fprintf(g->log, "%lu %s %s\n", g->n > before ? g->n : 0, call->name, path + strlen(g->directory));
        if (!alive)
            return;
    }
    (void)ioctl(g->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

static void obey(Gate *g, const char *order)
{
    char verb[16] = "";
    unsigned long at = 0;
    int error = 0;

    (void)sscanf(order, "%15s %lu %d", verb, &at, &error);
    if (strcmp(verb, "terminate") == 0)
        kill(g->child, SIGTERM);
    else if (strcmp(verb, "reap") == 0)
        end_program(g);
    else if (strcmp(verb, "cut") == 0) {
        shut_down(g);
        end_program(g);
    } else
        for (Verb v = 0; v < _VERB_MAX; v++)
            if (strcmp(verb, verbs[v]) == 0) {
                g->verb = v;
                g->at = at;
                g->error = error;
                g->n = 0;
                fflush(g->log);
                if (ftruncate(fileno(g->log), 0) < 0)
                    die("Emptying the log");
            }
}

/* Orders are answered with a line, so that whoever gives one knows that it is in force. */
static bool take_order(Gate *g)
{
    char order[64];
    ssize_t n = 0;

    while (n < (ssize_t)sizeof(order) - 1 && read(STDIN_FILENO, order + n, 1) == 1 && order[n] != '\n')
        n++;
    order[n] = 0;
    if (n == 0)
        return false;
    obey(g, order);
    fprintf(g->log, "# %s\n", order);
    fflush(g->log);
    return write(STDOUT_FILENO, "ok\n", 3) == 3;
}

static void note_end(Gate *g)
{
    int status = 0;

    if (waitpid(g->child, &status, 0) < 0)
        die("waitpid");
    g->has_ended = true;
    if (WIFSIGNALED(status))
        fprintf(g->log, "# ended by signal %d\n", WTERMSIG(status));
    else
        fprintf(g->log, "# ended with status %d\n", WEXITSTATUS(status));
}

/* No orders are taken after the program's end. */
static void watch(Gate *g)
{
    int process = (int)syscall(SYS_pidfd_open, g->child, 0);
    struct pollfd p[] = { { process, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 }, { g->listener, POLLIN, 0 } };

    if (process < 0)
        die("pidfd_open");
    while (!g->has_ended || p[2].fd >= 0) {
        if (poll(p, ELEMENTSOF(p), -1) < 0)
            die("poll");
        if (p[2].revents & POLLIN)
            on_call(g);
        if (p[2].revents & (POLLHUP | POLLERR))
            p[2].fd = -1;
        if (p[1].revents && !take_order(g)) {
            end_program(g);
            p[1].fd = -1;
        }
        if (p[0].revents & POLLIN) {
            note_end(g);
            p[0].fd = p[1].fd = -1;
        }
    }
    fclose(g->log);
}

int main(int argc, char *argv[])
{
    Gate g = {};

    if (argc < 4) {
        fprintf(stderr, "gate DIRECTORY LOG PROGRAM ARGUMENT...: see its source.\n");
        return EXIT_FAILURE;
    }
    g.directory = argv[1];
    g.log = fopen(argv[2], "ae");
    if (!g.log)
        die("%s", argv[2]);
    setvbuf(g.log, NULL, _IOLBF, 0);
    if (!take_order(&g))
        return EXIT_FAILURE;
    start_program(&g, argv + 3);
    watch(&g);
    return EXIT_SUCCESS;
}
