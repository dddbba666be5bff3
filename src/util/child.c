/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

int child_find_program(const char *name, char **ret)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    char *slash;

    path[MAX(n, (ssize_t)0)] = 0;
    slash = strrchr(path, '/');
    if (slash) {
        *slash = 0;
        if (asprintf(ret, "%s/%s", path, name) < 0)
            return -ENOMEM;
        if (access(*ret, X_OK) == 0)
            return 0;
        free(*ret);
    }
    return asprintf(ret, LIBEXECDIR "/%s", name) < 0 ? -ENOMEM : 0;
}

/* ---- start */

/* Duplicates the descriptors above all numbers that the child gets, so that none is overwritten before use. */
static int raise_fds(const ChildCall *call, int ret[static CHILD_FDS_MAX])
{
    for (size_t i = 0; i < call->n_fds; i++) {
        ret[i] = call->fds[i] < 0 ? -EBADF : fcntl(call->fds[i], F_DUPFD_CLOEXEC, CHILD_FDS_MAX);
        if (call->fds[i] >= 0 && ret[i] < 0)
            return -errno;
    }
    return 0;
}

static int set_actions(posix_spawn_file_actions_t *actions, const int fds[static CHILD_FDS_MAX])
{
    int r = 0;

    for (int i = 0; i < CHILD_FDS_MAX && r == 0; i++)
        if (fds[i] >= 0)
            r = posix_spawn_file_actions_adddup2(actions, fds[i], i);
        else if (i <= STDERR_FILENO)
            r = posix_spawn_file_actions_addopen(actions, i, "/dev/null",
                                                 i == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
        else
            r = posix_spawn_file_actions_addclose(actions, i);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(actions, CHILD_FDS_MAX);
    return r == 0 ? posix_spawn_file_actions_addchdir_np(actions, "/") : r;
}

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

static int spawn(const ChildCall *call, const int fds[static CHILD_FDS_MAX], pid_t *ret)
{
    static const char *const nothing[] = { NULL };
    const char *const *environment = call->environment ? call->environment : nothing;
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
    if ((r = set_attributes(&attributes)) == 0 && (r = set_actions(&actions, fds)) == 0)
        r = posix_spawn(ret, call->program, &actions, &attributes, (char *const *)(uintptr_t)call->arguments,
                        (char *const *)(uintptr_t)environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -r;
}

int child_start(const ChildCall *call, Child *ret)
{
    int fds[CHILD_FDS_MAX] = { -EBADF, -EBADF, -EBADF, -EBADF, -EBADF }, r;
    Child c = {};

    r = raise_fds(call, fds);
    if (r >= 0)
        r = spawn(call, fds, &c.pid);
    for (size_t i = 0; i < ELEMENTSOF(fds); i++)
        closep(fds + i);
    if (r < 0)
        return r;
    c.pidfd = pidfd_open(c.pid, 0);
    if (c.pidfd < 0) {
        r = -errno;
        child_signal(&c, SIGKILL);
        (void)waitpid(c.pid, NULL, 0);
        return r;
    }
    *ret = c;
    return 0;
}

/* ---- end */

void child_signal(const Child *c, int signal)
{
    (void)kill(-c->pid, signal);
}

int child_reap(const Child *c, siginfo_t *ret)
{
    siginfo_t si = {};

    if (waitid(P_PIDFD, (id_t)c->pidfd, &si, WEXITED | WNOHANG) < 0)
        return -errno;
    *ret = si;
    return si.si_pid != 0;
}

void child_end(Child *c, siginfo_t *ret)
{
    if (ret)
        *ret = (siginfo_t){};
    child_signal(c, SIGKILL);
    (void)waitid(P_PIDFD, (id_t)c->pidfd, ret, WEXITED);
    child_close(c);
}

void child_close(Child *c)
{
    if (c->pidfd >= 0)
        close(TAKE_FD(c->pidfd));
}
