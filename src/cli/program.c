/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/program.h"

#include <errno.h>
#include <fcntl.h>

#include "cli/xalloc.h"
#include "core/limits.h"
#include "util/child.h"
#include "util/text.h"
#include "util/wait.h"

#define PROGRAM_TIME_MSEC INT64_C(60000)

/* Reads to the end; what is above the limit is dropped. */
static int output_read(int fd, char *output, int64_t deadline)
{
    size_t size = 0;

    for (;;) {
        char buffer[4096];
        ssize_t n;
        int r = wait_until_ready(fd, POLLIN, deadline);

        if (r < 0)
            return r;
        n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        n = MIN((size_t)n, LIMIT_PROGRAM_OUTPUT - size);
        memcpy(output + size, buffer, (size_t)n);
        size += (size_t)n;
        output[size] = '\0';
    }
}

static int child_wait(const Child *c, int64_t deadline)
{
    siginfo_t info;
    int r = wait_until_ready(c->pidfd, POLLIN, deadline);

    if (r >= 0)
        r = child_reap(c, &info);
    if (r < 0)
        return r;
    return info.si_code == CLD_EXITED ? info.si_status : -EINTR;
}

int program_run(const char *const *arguments, char **ret)
{
    static const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                                               NULL };
    _cleanup_free_ char *output = xcheck(calloc(1, LIMIT_PROGRAM_OUTPUT + 1));
    _cleanup_close_ int from = -EBADF, to = -EBADF;
    int fds[] = { -EBADF, -EBADF, -EBADF }, pipes[2], r;
    const ChildCall call = {
        .program = arguments[0], .arguments = arguments, .environment = environment, .fds = fds, .n_fds = 3
    };
    int64_t deadline = monotonic_msec() + PROGRAM_TIME_MSEC;
    Child child;

    if (pipe2(pipes, O_CLOEXEC) < 0)
        return -errno;
    from = pipes[0];
    to = fds[1] = fds[2] = pipes[1];
    r = child_start(&call, &child);
    if (r < 0)
        return r;
    close(TAKE_FD(to));
    r = output_read(from, output, deadline);
    if (r >= 0)
        r = child_wait(&child, deadline);
    if (r < 0)
        child_end(&child, NULL);
    else
        child_close(&child);
    *ret = TAKE_PTR(output);
    return r;
}

bool program_succeeds(const char *const *arguments)
{
    _cleanup_free_ char *output = NULL;

    return program_run(arguments, &output) == 0;
}

void program_print_output(const char *output)
{
    _cleanup_free_ char *copy = xstrdup(strempty(output));

    for (char *rest = copy; !isempty(rest);)
        hint("    %s", strsep(&rest, "\n"));
}

Exit program_require(const char *const *arguments, const char *purpose)
{
    _cleanup_free_ char *output = NULL, *command = strv_join((char *const *)(uintptr_t)arguments, " ");
    int r = program_run(arguments, &output);

    xcheck(command);
    if (r == 0)
        return EXIT_DONE;
    if (r < 0)
        return fail(EXIT_FAILED, "%s: %s: %s", purpose, command, strerror(-r));
    fail(EXIT_FAILED, _("%s: \"%s\" failed with exit status %d:"), purpose, command, r);
    program_print_output(output);
    return EXIT_FAILED;
}
