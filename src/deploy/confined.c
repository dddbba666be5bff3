/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/confined.h"

#include <errno.h>
#include <stdio.h>

#include "util/fs.h"
#include "util/memfd.h"
#include "util/wait.h"

/* Even if its file was replaced by an upgrade. */
#define THIS_PROGRAM "/proc/self/exe"

/* ---- parent */

int confined_explain(const siginfo_t *si, const char *what, Problem *problem)
{
    if (si->si_code == CLD_EXITED)
        return problem_set(problem, PROBLEM_INTERNAL,
                           "The program that examines %s exited with status %d; nothing was examined.", what,
                           si->si_status);
    return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                       "The program that examines %s was ended by signal %d, so it is rejected.", what,
                       si->si_status);
}

static int read_result(int fd, const char *what, void *ret, size_t size, Problem *problem)
{
    char *data = NULL;
    size_t n = 0;
    int r = memfd_read(fd, size, &data, &n);

    if (r == -ENOMEM)
        return r;
    if (r < 0 || n != size)
        r = problem_set(problem, PROBLEM_INTERNAL, "The program that examines %s returned no whole result.",
                        what);
    else
        memcpy(ret, data, size);
    free(data);
    return r;
}

int confined_start(const char *const *arguments, int input, int output, Child *ret)
{
    const int fds[] = { input, output };
    const ChildCall call = {
        .program = THIS_PROGRAM, .arguments = arguments, .fds = fds, .n_fds = ELEMENTSOF(fds)
    };

    return child_start(&call, ret);
}

int confined_begin(const char *const *arguments, int input, Confined *ret, Problem *problem)
{
    _cleanup_close_ int output = memfd_new_writable("result");
    int r = output < 0 ? output : confined_start(arguments, input, output, &ret->child);

    if (r < 0)
        return problem_set_errno(problem, r, "starting a program without rights");
    ret->output = TAKE_FD(output);
    return 0;
}

static int read_end(const Confined *c, int waited, const siginfo_t *si, const char *what, void *ret,
                    size_t size, Problem *problem)
{
    if (waited == -ETIMEDOUT)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED,
                           "The program that examines %s did not end in time; nothing was examined.", what);
    if (waited < 0)
        return problem_set_errno(problem, waited, "waiting for a program");
    if (si->si_code != CLD_EXITED || si->si_status != EXIT_SUCCESS)
        return confined_explain(si, what, problem);
    return read_result(c->output, what, ret, size, problem);
}

int confined_end(Confined *c, int64_t timeout, const char *what, void *ret, size_t size, Problem *problem)
{
    int waited = wait_until_ready(c->child.pidfd, POLLIN, monotonic_msec() + timeout), r;
    siginfo_t si = {};

    child_end(&c->child, &si);
    r = read_end(c, waited, &si, what, ret, size, problem);
    closep(&c->output);
    return r;
}

int confined_run(const char *const *arguments, int input, int64_t timeout, const char *what, void *ret,
                 size_t size, Problem *problem)
{
    Confined c;
    int r = confined_begin(arguments, input, &c, problem);

    return r < 0 ? r : confined_end(&c, timeout, what, ret, size, problem);
}

/* ---- child */

int confined_enter(const SandboxLimits *limits, SandboxProfile profile)
{
    int r = sandbox_become_nobody();

    if (r >= 0)
        r = sandbox_set_limits(limits);
    /* writing to a socket that the server has closed is an error like others */
    if (r >= 0 && signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        r = -errno;
    return r < 0 ? r : sandbox_enter(profile);
}

void confined_finish(const void *result, size_t size)
{
    _exit(fs_write_all(STDOUT_FILENO, result, size) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}
