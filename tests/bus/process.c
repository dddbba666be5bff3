/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char **make_environment(const char *const *env)
{
    char **l = g_get_environ();

    for (size_t i = 0; env && env[i]; i++) {
        g_auto(GStrv) pair = g_strsplit(env[i], "=", 2);

        l = g_environ_setenv(l, pair[0], pair[1], TRUE);
    }
    return l;
}

static void redirect(const char *log)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC),
        fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (null < 0 || fd < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
        dup2(fd, STDERR_FILENO) < 0)
        _exit(125);
}

pid_t process_start(const char *const *argv, const char *const *env, const char *log, ProcessSetup setup,
                    const void *userdata)
{
    g_auto(GStrv) environment = make_environment(env);
    pid_t parent = getpid(), pid = fork();

    g_assert_cmpint(pid, >=, 0);
    if (pid > 0)
        return pid;
    redirect(log);
    (void)setpgid(0, 0);
    if (setup)
        setup(userdata);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(125);
    execve(argv[0], (char *const *)(uintptr_t)argv, environment);
    _exit(126);
}

gboolean process_wait(pid_t pid, unsigned milliseconds, int *ret_status)
{
    int status;

    for (gint64 end = g_get_monotonic_time() + milliseconds * 1000LL;; g_usleep(2000)) {
        pid_t p = waitpid(pid, &status, WNOHANG);

        g_assert_true(p >= 0);
        if (p == pid) {
            if (ret_status)
                *ret_status = status;
            return TRUE;
        }
        if (g_get_monotonic_time() > end)
            return FALSE;
    }
}

int process_stop(pid_t pid)
{
    int status = -1;

    kill(pid, SIGTERM);
    if (process_wait(pid, 60000, &status))
        return status;
    kill(pid, SIGKILL);
    (void)process_wait(pid, 60000, &status);
    g_error("process %d did not end within a minute", (int)pid);
    return -1;
}

gboolean process_end(pid_t pid)
{
    int fd = pidfd_open(pid, 0), r;

    if (fd < 0) {
        g_assert_cmpint(errno, ==, ESRCH);
        return TRUE;
    }
    r = pidfd_send_signal(fd, SIGTERM, NULL, 0);
    g_assert_true(r == 0 || errno == ESRCH);
    r = poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 60000);
    close(fd);
    return r > 0;
}

gboolean process_is_running(pid_t pid)
{
    siginfo_t info = { 0 };

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

char *process_run(const char *const *argv, const char *const *env, char **ret_errors)
{
    g_auto(GStrv) environment = make_environment(env);
    g_autofree char *output = NULL, *errors = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    if (!g_spawn_sync(NULL, (char **)(uintptr_t)argv, environment, G_SPAWN_SEARCH_PATH, NULL, NULL, &output,
                      &errors, &status, &error))
        g_error("%s: %s", argv[0], error->message);
    if (ret_errors)
        *ret_errors = g_strdup(errors);
    return g_spawn_check_wait_status(status, NULL) ? g_steal_pointer(&output) : NULL;
}

void process_become(uid_t uid, gid_t gid)
{
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        _exit(124);
}

long process_memory(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid), *text = NULL;
    const char *line;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(line = strstr(text, "VmRSS:")))
        return -1;
    return strtol(line + strlen("VmRSS:"), NULL, 10);
}
