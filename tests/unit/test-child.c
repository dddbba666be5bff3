/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "util/child.h"
#include "util/memfd.h"

#define SOON_MSEC 100
#define TEXT_MAX  4096

/* A shell that runs a script, and the pipe that its output goes into. */
typedef struct Shell {
    Child child;
    int output;
} Shell;

static Shell shell_start(const char *script, int input, int third, int fourth)
{
    const char *const arguments[] = { "sh", "-c", script, NULL };
    Shell s = { .child.pidfd = -EBADF };
    int ends[2];

    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    const int fds[] = { input, ends[1], -EBADF, third, fourth };
    const ChildCall call = {
        .program = "/bin/sh", .arguments = arguments, .fds = fds, .n_fds = ELEMENTSOF(fds)
    };
    g_assert_cmpint(child_start(&call, &s.child), ==, 0);
    close(ends[1]);
    s.output = ends[0];
    return s;
}

static void shell_done(Shell *s)
{
    if (s->child.pidfd >= 0)
        child_end(&s->child, NULL);
    close(s->output);
}
#define _cleanup_shell_ _cleanup_(shell_done)

static Shell shell_run(const char *script)
{
    return shell_start(script, -EBADF, -EBADF, -EBADF);
}

/* All that it writes before the last that holds the pipe is gone. */
static char *shell_read(const Shell *s)
{
    GString *text = g_string_new(NULL);
    char data[TEXT_MAX];
    ssize_t n;

    while ((n = read(s->output, data, sizeof(data))) > 0)
        g_string_append_len(text, data, n);
    g_assert_cmpint(n, ==, 0);
    return g_string_free(text, FALSE);
}

static bool has_ended(const Shell *s, int msec)
{
    struct pollfd fd = { .fd = s->child.pidfd, .events = POLLIN };

    return poll(&fd, 1, msec) > 0;
}

static siginfo_t shell_reap(const Shell *s)
{
    siginfo_t si;

    g_assert_true(has_ended(s, -1));
    g_assert_cmpint(child_reap(&s->child, &si), ==, 1);
    g_assert_cmpint(si.si_pid, ==, s->child.pid);
    return si;
}

static void assert_writes(Shell *s, const char *expected)
{
    g_autofree char *text = shell_read(s);

    g_assert_cmpstr(text, ==, expected);
}

/* ---- how it begins */

static void test_bare(void)
{
    _cleanup_shell_ Shell s =
        shell_run("pwd; env | grep -vE '^(PWD|OLDPWD|SHLVL|_)='; "
                  "for i in 0 2; do readlink /proc/$$/fd/$i; done; "
                  "for i in 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$i ] || echo open: $i; done");

    assert_writes(&s, "/\n/dev/null\n/dev/null\n");
}

static void test_group(void)
{
    _cleanup_shell_ Shell s = shell_run("sleep 1000");

    g_assert_cmpint(getpgid(s.child.pid), ==, s.child.pid);
}

/* A line of /proc/PID/status, without the two signals that the C library keeps to itself. */
static uint64_t signals_of(const char *status, const char *name)
{
    const char *line = strstr(status, name);

    g_assert_nonnull(line);
    return g_ascii_strtoull(line + strlen(name), NULL, 16) & ~UINT64_C(0x180000000);
}

static void test_signals(void)
{
    sigset_t blocked, before;
    g_autofree char *text = NULL;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    g_assert_cmpint(sigprocmask(SIG_BLOCK, &blocked, &before), ==, 0);
    g_assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    _cleanup_shell_ Shell s = shell_run("grep -E '^Sig(Blk|Ign):' /proc/self/status");
    g_assert_cmpint(sigprocmask(SIG_SETMASK, &before, NULL), ==, 0);
    text = shell_read(&s);
    g_assert_cmpuint(signals_of(text, "SigBlk:\t"), ==, 0);
    g_assert_cmpuint(signals_of(text, "SigIgn:\t"), ==, 0);
}

/* Each is what it was, whatever numbers they have here. */
static void test_descriptors(void)
{
    int a = memfd_new("a", "A\n", 2), b = memfd_new("b", "B\n", 2), c = memfd_new("c", "C\n", 2), three,
        four;

    g_assert_cmpint(MIN(MIN(a, b), c), >=, 0);
    three = fcntl(a, F_DUPFD_CLOEXEC, 100);
    four = fcntl(b, F_DUPFD_CLOEXEC, 100);
    g_assert_cmpint(dup3(three, 4, O_CLOEXEC), ==, 4);
    g_assert_cmpint(dup3(four, 3, O_CLOEXEC), ==, 3);
    _cleanup_shell_ Shell s = shell_start("cat; cat <&3; cat <&4", c, 4, 3);
    assert_writes(&s, "C\nA\nB\n");
    for (int fd = 3; fd <= 4; fd++)
        close(fd);
    close(three);
    close(four);
}

static void assert_fails(const char *program, const int *fds, size_t n_fds, int expected)
{
    const char *const arguments[] = { "program", NULL };
    const ChildCall call = { .program = program, .arguments = arguments, .fds = fds, .n_fds = n_fds };
    Child c = { .pid = -1 };

    g_assert_cmpint(child_start(&call, &c), ==, expected);
    g_assert_cmpint(c.pid, ==, -1);
}

static void test_no_program(void)
{
    _cleanup_folder_ Folder folder = folder_new();
    _cleanup_free_ char *plain = folder_path(&folder, "plain"), *missing = folder_path(&folder, "missing"),
                        *junk = folder_path(&folder, "junk");

    folder_write(&folder, "plain", "#!/bin/sh\n");
    folder_write(&folder, "junk", "\1\2\3\n");
    g_assert_cmpint(chmod(junk, 0755), ==, 0);
    assert_fails(missing, NULL, 0, -ENOENT);
    assert_fails(plain, NULL, 0, -EACCES);
    assert_fails(folder.path, NULL, 0, -EACCES);
    assert_fails(junk, NULL, 0, -ENOEXEC);
}

static void test_bad_descriptor(void)
{
    const int fds[] = { 1000000 };

    assert_fails("/bin/true", fds, 1, -EBADF);
}

/* ---- how it ends */

static void test_status(void)
{
    _cleanup_shell_ Shell s = shell_run("read line; exit 3");
    siginfo_t si = shell_reap(&s);

    g_assert_cmpint(si.si_code, ==, CLD_EXITED);
    g_assert_cmpint(si.si_status, ==, 3);
}

static void test_signal(void)
{
    _cleanup_shell_ Shell s = shell_run("kill -KILL $$");
    siginfo_t si = shell_reap(&s);

    g_assert_cmpint(si.si_code, ==, CLD_KILLED);
    g_assert_cmpint(si.si_status, ==, SIGKILL);
}

/* It waits for a reader that never comes; what it wrote can still be read. */
static void test_full_pipe(void)
{
    _cleanup_shell_ Shell s = shell_run("echo begin; exec yes");
    g_autofree char *text = NULL;
    siginfo_t si;
    int size = fcntl(s.output, F_GETPIPE_SZ), written = 0;

    while (written < size / 2) {
        g_usleep(1000);
        g_assert_cmpint(ioctl(s.output, FIONREAD, &written), ==, 0);
    }
    g_assert_false(has_ended(&s, SOON_MSEC));
    g_assert_cmpint(child_reap(&s.child, &si), ==, 0);
    child_end(&s.child, &si);
    g_assert_cmpint(si.si_code, ==, CLD_KILLED);
    g_assert_cmpint(si.si_status, ==, SIGKILL);
    g_assert_cmpint(s.child.pidfd, <, 0);
    text = shell_read(&s);
    g_assert_true(g_str_has_prefix(text, "begin\ny\n"));
    g_assert_cmpuint(strlen(text), <=, (size_t)size);
}

/* The pipe is closed when the last of the group is gone. */
static void test_late(void)
{
    _cleanup_shell_ Shell s = shell_run("sleep 1000 & echo begun; wait");
    char begun[6];
    siginfo_t si;

    g_assert_cmpint(read(s.output, begun, sizeof(begun)), ==, sizeof(begun));
    g_assert_false(has_ended(&s, SOON_MSEC));
    child_signal(&s.child, SIGTERM);
    si = shell_reap(&s);
    g_assert_cmpint(si.si_code, ==, CLD_KILLED);
    g_assert_cmpint(si.si_status, ==, SIGTERM);
    assert_writes(&s, "");
}

static void test_stubborn(void)
{
    _cleanup_shell_ Shell s = shell_run("trap '' TERM; echo begun; while :; do sleep 1000; done");
    char begun[6];
    siginfo_t si;

    g_assert_cmpint(read(s.output, begun, sizeof(begun)), ==, sizeof(begun));
    child_signal(&s.child, SIGTERM);
    g_assert_false(has_ended(&s, SOON_MSEC));
    child_end(&s.child, &si);
    g_assert_cmpint(si.si_code, ==, CLD_KILLED);
    g_assert_cmpint(si.si_status, ==, SIGKILL);
    assert_writes(&s, "");
}

/* ---- where it is */

static void test_find(void)
{
    _cleanup_free_ char *own = NULL, *other = NULL, *self = g_file_read_link("/proc/self/exe", NULL);

    g_assert_cmpint(child_find_program("test-child", &own), ==, 0);
    g_assert_cmpstr(own, ==, self);
    g_assert_cmpint(child_find_program("test-no-such-program", &other), ==, 0);
    g_assert_cmpstr(other, ==, LIBEXECDIR "/test-no-such-program");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/child/bare", test_bare);
    g_test_add_func("/child/group", test_group);
    g_test_add_func("/child/signals", test_signals);
    g_test_add_func("/child/descriptors", test_descriptors);
    g_test_add_func("/child/no-program", test_no_program);
    g_test_add_func("/child/bad-descriptor", test_bad_descriptor);
    g_test_add_func("/child/status", test_status);
    g_test_add_func("/child/signal", test_signal);
    g_test_add_func("/child/full-pipe", test_full_pipe);
    g_test_add_func("/child/late", test_late);
    g_test_add_func("/child/stubborn", test_stubborn);
    g_test_add_func("/child/find", test_find);
    return g_test_run();
}
