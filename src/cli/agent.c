/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define START_TIMEOUT_MSEC 10000
#define AGENT_MISSING      127 /* as shells have it */

static void agent_exec(pid_t parent, int notify_fd) __attribute__((noreturn));

static void agent_exec(pid_t parent, int notify_fd)
{
    char process[32], notify[32];

    snprintf(process, sizeof process, "%ld", (long)parent);
    snprintf(notify, sizeof notify, "%d", notify_fd);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 && fcntl(notify_fd, F_SETFD, 0) >= 0)
        execlp("pkttyagent", "pkttyagent", "--process", process, "--notify-fd", notify, "--fallback", NULL);
    (void)!write(notify_fd, "", 1);
    _exit(AGENT_MISSING);
}

/* The agent closes its end when it is registered, or when it exits. It never writes: a byte says that it cannot be run, and
 * the child is about to exit. */
static void agent_wait(int fd, pid_t pid)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    siginfo_t info;
    char byte;
    int r;

    do
        r = poll(&p, 1, START_TIMEOUT_MSEC);
    while (r < 0 && errno == EINTR);
    if (r > 0 && read(fd, &byte, 1) == 1)
        (void)waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
}

pid_t agent_start(void)
{
    int fds[2];
    pid_t parent = getpid(), pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return 0;
    pid = fork();
    if (pid == 0)
        agent_exec(parent, fds[1]);
    close(fds[1]);
    if (pid > 0)
        agent_wait(fds[0], pid);
    close(fds[0]);
    return MAX(pid, 0);
}

bool agent_is_missing(pid_t pid)
{
    siginfo_t info = {};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) >= 0 && info.si_pid == pid &&
           info.si_code == CLD_EXITED && info.si_status == AGENT_MISSING;
}

void agent_stop(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGTERM);
    kill(pid, SIGCONT);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
