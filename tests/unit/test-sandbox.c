/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "util/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/limits.h"

/* Each in a child that has closed the sandbox behind itself: what it must not be able to do ends it, what it needs works. */

#define FINISHED 17 /* the child came to its end */

static const SandboxLimits limits = { .cpu = LIMIT_IMPORT_CPU,
                                      .output = LIMIT_IMPORT_REPLY,
                                      .memory = LIMIT_IMPORT_MEMORY };
static void *page;
static int program_fd;

/* The status of a child that does it; in and out (may be negative) are its descriptors 0 and 1. */
static int run(SandboxProfile profile, void (*action)(void), int in, int out)
{
    int status;
    pid_t pid = fork();

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        if ((in >= 0 && dup2(in, STDIN_FILENO) < 0) || (out >= 0 && dup2(out, STDOUT_FILENO) < 0) ||
            (in >= 0 && close_range(SANDBOX_SOCKET, ~0U, 0) < 0) || sandbox_set_limits(&limits) < 0 ||
            sandbox_enter(profile) < 0)
            _exit(EXIT_FAILURE);
        action();
        _exit(FINISHED);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    return status;
}

/* The numbers themselves: what the C library makes of a function is its own affair. */
static void do_open(void)
{
    syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static void do_open_old(void)
{
#ifdef SYS_open
    syscall(SYS_open, "/etc/passwd", O_RDONLY);
#else
    do_open();
#endif
}

static void do_create(void)
{
    syscall(SYS_openat, AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600);
}

static void do_read(void)
{
    char byte;

    syscall(SYS_read, STDIN_FILENO, &byte, 1);
}

static void do_write_elsewhere(void)
{
    syscall(SYS_write, STDERR_FILENO, "", 0);
}

static void do_socket(void)
{
    syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static void do_socket_unix(void)
{
    syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
}

static void do_connect(void)
{
    syscall(SYS_connect, 0, NULL, 0);
}

static void do_send(void)
{
    syscall(SYS_sendmsg, 0, NULL, 0);
}

static void do_execute(void)
{
    static const char *const argv[] = { "/bin/true", NULL };

    syscall(SYS_execve, argv[0], argv, argv + 1);
}

static void do_execute_fd(void)
{
    static const char *const argv[] = { "/bin/true", NULL };

    syscall(SYS_execveat, AT_FDCWD, argv[0], argv, argv + 1, 0);
}

static void do_fork(void)
{
    if (syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) == 0)
        _exit(0);
}

static void do_fork_new(void)
{
    syscall(SYS_clone3, NULL, 0);
}

static void do_kill_parent(void)
{
    syscall(SYS_kill, 1, 0);
}

static void do_signal_thread(void)
{
    syscall(SYS_tgkill, getpid(), getpid(), 0);
}

static void do_trace(void)
{
    syscall(SYS_ptrace, PTRACE_TRACEME, 0, NULL, NULL);
}

static void do_read_memory(void)
{
    syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
}

static void do_raise_limit(void)
{
    syscall(SYS_prlimit64, 0, RLIMIT_CPU, NULL, NULL);
}

static void do_prctl(void)
{
    syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0);
}

static void do_duplicate(void)
{
    syscall(SYS_dup2, STDOUT_FILENO, STDERR_FILENO);
}

static void do_memfd(void)
{
    syscall(SYS_memfd_create, "x", 0);
}

static void do_ring(void)
{
    syscall(SYS_io_uring_setup, 1, NULL);
}

static void do_unlink(void)
{
    syscall(SYS_unlinkat, AT_FDCWD, "/nonexistent/file", 0);
}

static void do_map_code(void)
{
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void do_map_file(void)
{
    mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, program_fd, 0);
}

static void do_make_code(void)
{
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void do_unknown(void)
{
    syscall(1000000);
}

static void do_read_elsewhere(void)
{
    char byte;

    syscall(SYS_read, STDOUT_FILENO, &byte, 1);
}

static void do_receive_descriptor(void)
{
    syscall(SYS_recvmsg, STDIN_FILENO, NULL, 0);
}

static void do_receive_elsewhere(void)
{
    syscall(SYS_recvmsg, SANDBOX_SOCKET, NULL, 0);
}

static void do_close_elsewhere(void)
{
    syscall(SYS_close, STDIN_FILENO);
}

static void do_send_elsewhere(void)
{
    syscall(SYS_sendto, SANDBOX_SOCKET, "", 0, 0, NULL, 0);
}

static void do_accept(void)
{
    syscall(SYS_accept4, STDIN_FILENO, NULL, NULL, 0);
}

static void do_set_option(void)
{
    syscall(SYS_setsockopt, STDIN_FILENO, SOL_SOCKET, SO_KEEPALIVE, NULL, 0);
}

static void do_wait(void)
{
    syscall(SYS_poll, NULL, 0, 0);
}

/* The profile is the last one that ends a process for it. */
static const struct {
    const char *name;
    void (*action)(void);
    SandboxProfile profile;
} refused[] = {
    { "open", do_open, SANDBOX_CONVERSE },
    { "open-old", do_open_old, SANDBOX_CONVERSE },
    { "create", do_create, SANDBOX_CONVERSE },
    { "read", do_read, SANDBOX_CONVERSE },
    { "read-elsewhere", do_read_elsewhere, SANDBOX_CONVERSE },
    { "wait", do_wait, SANDBOX_COMPUTE },
    { "write-elsewhere", do_write_elsewhere, SANDBOX_CONVERSE },
    { "socket", do_socket, SANDBOX_CONVERSE },
    { "socket-unix", do_socket_unix, SANDBOX_CONVERSE },
    { "connect", do_connect, SANDBOX_CONVERSE },
    { "accept", do_accept, SANDBOX_CONVERSE },
    { "set-option", do_set_option, SANDBOX_CONVERSE },
    { "send", do_send, SANDBOX_CONVERSE },
    { "receive-descriptor", do_receive_descriptor, SANDBOX_COMPUTE },
    { "receive-elsewhere", do_receive_elsewhere, SANDBOX_CONVERSE },
    { "close-elsewhere", do_close_elsewhere, SANDBOX_CONVERSE },
    { "send-elsewhere", do_send_elsewhere, SANDBOX_CONVERSE },
    { "execute", do_execute, SANDBOX_CONVERSE },
    { "execute-fd", do_execute_fd, SANDBOX_CONVERSE },
    { "fork", do_fork, SANDBOX_CONVERSE },
    { "fork-new", do_fork_new, SANDBOX_CONVERSE },
    { "kill-parent", do_kill_parent, SANDBOX_CONVERSE },
    { "signal-thread", do_signal_thread, SANDBOX_CONVERSE },
    { "trace", do_trace, SANDBOX_CONVERSE },
    { "read-memory", do_read_memory, SANDBOX_CONVERSE },
    { "raise-limit", do_raise_limit, SANDBOX_CONVERSE },
    { "prctl", do_prctl, SANDBOX_CONVERSE },
    { "duplicate", do_duplicate, SANDBOX_CONVERSE },
    { "memfd", do_memfd, SANDBOX_CONVERSE },
    { "ring", do_ring, SANDBOX_CONVERSE },
    { "unlink", do_unlink, SANDBOX_CONVERSE },
    { "map-code", do_map_code, SANDBOX_CONVERSE },
    { "map-file", do_map_file, SANDBOX_CONVERSE },
    { "make-code", do_make_code, SANDBOX_CONVERSE },
    { "unknown", do_unknown, SANDBOX_CONVERSE },
};

static void test_refused(void)
{
    for (size_t i = 0; i < ELEMENTSOF(refused); i++)
        for (SandboxProfile profile = SANDBOX_COMPUTE; profile <= refused[i].profile; profile++) {
            int status = run(profile, refused[i].action, -1, -1);

            if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
                note_failure("%s: it is not ended for this (profile %d, status 0x%x)", refused[i].name,
                             (int)profile, (unsigned)status);
        }
}

static void do_nothing(void)
{
}

static void do_work(void)
{
    for (size_t size = 1; size < 64 * 1024 * 1024; size *= 2) {
        char *data = malloc(size);

        if (!data)
            _exit(EXIT_FAILURE);
        memset(data, 'x', size);
        free(data);
    }
}

static void do_write(void)
{
    if (write(STDOUT_FILENO, "hello", 5) != 5)
        _exit(EXIT_FAILURE);
}

static void test_allowed(void)
{
    for (SandboxProfile profile = SANDBOX_COMPUTE; profile <= SANDBOX_CONVERSE; profile++) {
        _cleanup_close_ int out = memfd_create("out", MFD_CLOEXEC);
        char text[6] = "";

        g_assert_cmpint(WEXITSTATUS(run(profile, do_nothing, -1, -1)), ==, FINISHED);
        g_assert_cmpint(WEXITSTATUS(run(profile, do_work, -1, -1)), ==, FINISHED);
        g_assert_cmpint(WEXITSTATUS(run(profile, do_write, -1, out)), ==, FINISHED);
        g_assert_cmpint(pread(out, text, sizeof(text), 0), ==, 5);
        g_assert_cmpstr(text, ==, "hello");
    }
}

/* Receives sockets, answers a byte on each, and says so. */
static void do_converse(void)
{
    for (int i = 0; i < 2; i++) {
        struct pollfd p = { .fd = SANDBOX_SOCKET, .events = POLLIN };
        char byte, control[CMSG_SPACE(sizeof(int))] = "";
        struct iovec data = { &byte, 1 };
        struct msghdr m = {
            .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };

        if (recvmsg(STDIN_FILENO, &m, 0) != 1 || poll(&p, 1, 30000) != 1 ||
            read(SANDBOX_SOCKET, &byte, 1) != 1 || write(SANDBOX_SOCKET, &byte, 1) != 1 ||
            close(SANDBOX_SOCKET) < 0 || send(STDIN_FILENO, "x", 1, MSG_NOSIGNAL) != 1)
            _exit(EXIT_FAILURE);
    }
}

static void pass(int to, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {};
    struct iovec data = { S("?"), 1 };
    struct msghdr m = { .msg_iov = &data,
                        .msg_iovlen = 1,
                        .msg_control = control.bytes,
                        .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    g_assert_cmpint(sendmsg(to, &m, 0), ==, 1);
}

static void test_converse(void)
{
    int control[2], socket[2];
    char text[3] = "";

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), ==, 0);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket), ==, 0);
    g_assert_cmpint(write(socket[1], "hi", 2), ==, 2);
    pass(control[1], socket[0]);
    pass(control[1], socket[0]);
    g_assert_cmpint(WEXITSTATUS(run(SANDBOX_CONVERSE, do_converse, control[0], -1)), ==, FINISHED);
    g_assert_cmpint(read(socket[1], text, 2), ==, 2);
    g_assert_cmpstr(text, ==, "hi");
    for (int i = 0; i < 2; i++) {
        close(control[i]);
        close(socket[i]);
    }
}

static bool has_no_capabilities(void)
{
    g_autofree char *status = NULL;

    return g_file_get_contents("/proc/self/status", &status, NULL, NULL) &&
           strstr(status, "\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n") &&
           strstr(status, "\nCapAmb:\t0000000000000000\n");
}

static void do_become_nobody(bool root)
{
    uid_t wanted = root ? 65534 : getuid(), ruid, euid, suid;
    bool right = sandbox_become_nobody() >= 0 && getresuid(&ruid, &euid, &suid) == 0 && ruid == wanted &&
                 euid == wanted && suid == wanted &&
                 (!root || (getgroups(0, NULL) == 0 && getegid() == 65534)) && has_no_capabilities() &&
                 (!root || setuid(0) < 0);

    _exit(right ? FINISHED : EXIT_FAILURE);
}

static void test_nobody(void)
{
    int status;
    pid_t pid = fork();

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0)
        do_become_nobody(geteuid() == 0);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(WEXITSTATUS(status), ==, FINISHED);
}

static void do_fill(void)
{
    static char data[64 * 1024];

    while (write(STDOUT_FILENO, data, sizeof(data)) > 0)
        ;
}

/* What it writes is bounded. */
static void test_size_of_answer(void)
{
    _cleanup_close_ int out = memfd_create("out", MFD_CLOEXEC);
    int status = run(SANDBOX_COMPUTE, do_fill, -1, out);

    g_assert_true(WIFSIGNALED(status));
    g_assert_cmpint(WTERMSIG(status), ==, SIGXFSZ);
    g_assert_cmpint(lseek(out, 0, SEEK_END), <=, LIMIT_IMPORT_REPLY);
}

static bool limit_is(__rlimit_resource_t resource, rlim_t soft, rlim_t hard)
{
    struct rlimit limit;

    return getrlimit(resource, &limit) == 0 && limit.rlim_cur == soft && limit.rlim_max == hard;
}

static void do_exit_by_limits(void)
{
    bool right =
        sandbox_set_limits(&limits) >= 0 && limit_is(RLIMIT_CPU, LIMIT_IMPORT_CPU, LIMIT_IMPORT_CPU + 1) &&
        limit_is(RLIMIT_FSIZE, LIMIT_IMPORT_REPLY, LIMIT_IMPORT_REPLY) && limit_is(RLIMIT_CORE, 0, 0) &&
        (!ADDRESS_SPACE_IS_LIMITED || limit_is(RLIMIT_AS, LIMIT_IMPORT_MEMORY, LIMIT_IMPORT_MEMORY));

    _exit(right ? FINISHED : EXIT_FAILURE);
}

static void test_limits(void)
{
    int status;
    pid_t pid = fork();

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0)
        do_exit_by_limits();
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(WEXITSTATUS(status), ==, FINISHED);
    if (!ADDRESS_SPACE_IS_LIMITED)
        g_test_message("the address space is not limited in this build, for the sanitizers' sake");
}

static void do_leave_orphan(int ready)
{
    pid_t pid = fork();

    if (pid == 0) {
        if (sandbox_set_limits(&limits) >= 0 && write(ready, "r", 1) == 1)
            sleep(60);
        _exit(EXIT_FAILURE);
    }
    pause();
}

/* A pipe tells when the last that holds it is gone. */
static void test_ends_with_parent(void)
{
    struct pollfd end;
    int ready[2], status;
    char byte;
    pid_t pid;

    g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
    pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        close(ready[0]);
        do_leave_orphan(ready[1]);
    }
    close(ready[1]);
    end = (struct pollfd){ .fd = ready[0], .events = POLLIN };
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(poll(&end, 1, 30000), ==, 1);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 0);
    close(ready[0]);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(page != MAP_FAILED);
    program_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(program_fd, >=, 0);
    g_test_add_func("/sandbox/refused", test_refused);
    g_test_add_func("/sandbox/allowed", test_allowed);
    g_test_add_func("/sandbox/converse", test_converse);
    g_test_add_func("/sandbox/nobody", test_nobody);
    g_test_add_func("/sandbox/size-of-answer", test_size_of_answer);
    g_test_add_func("/sandbox/limits", test_limits);
    g_test_add_func("/sandbox/ends-with-parent", test_ends_with_parent);
    return g_test_run();
}
