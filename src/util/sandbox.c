/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* By number, as the kernel knows it; some systems call its group nogroup. */
#define NOBODY 65534

DEFINE_CLEANUP(scmp_filter_ctx, seccomp_release);

int sandbox_become_nobody(void)
{
    if (geteuid() != 0 && getuid() != 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return -errno;
    return 0;
}

static int set_limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard)
{
    const struct rlimit limit = { soft, hard };

    return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

int sandbox_set_limits(const SandboxLimits *l)
{
    int r;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    if ((r = set_limit(RLIMIT_CPU, l->cpu, l->cpu + 1)) < 0 ||
        (r = set_limit(RLIMIT_FSIZE, l->output, l->output)) < 0 || (r = set_limit(RLIMIT_CORE, 0, 0)) < 0)
        return r;
    /* the shadow memory of sanitizers takes terabytes of addresses */
    return ADDRESS_SPACE_IS_LIMITED ? set_limit(RLIMIT_AS, l->memory, l->memory) : 0;
}

/* ---- system calls */

static int allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
    int r = 0;

    for (size_t i = 0; i < n && r >= 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    return r;
}

static int allow_on(scmp_filter_ctx filter, int call, int fd)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd));
}

static int allow_computing(scmp_filter_ctx filter)
{
    static const int calls[] = {
        SCMP_SYS(brk),          SCMP_SYS(clock_gettime),  SCMP_SYS(exit),        SCMP_SYS(exit_group),
        SCMP_SYS(futex),        SCMP_SYS(getpid),         SCMP_SYS(getrandom),   SCMP_SYS(gettid),
        SCMP_SYS(gettimeofday), SCMP_SYS(madvise),        SCMP_SYS(mremap),      SCMP_SYS(munmap),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall),
        SCMP_SYS(sigaltstack),  SCMP_SYS(time),
    };
    int r = allow(filter, calls, ELEMENTSOF(calls));

    if (r >= 0)
        r = allow_on(filter, SCMP_SYS(write), STDOUT_FILENO);
    /* amount of memory, queried by qsort(3), which copes without an answer */
    if (r >= 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(sysinfo), 0);
    /* memory, but neither executable nor file-backed */
    if (r >= 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                             SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
    if (r >= 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return r;
}

static int allow_conversing(scmp_filter_ctx filter)
{
    static const int waiting[] = { SCMP_SYS(poll), SCMP_SYS(ppoll) };
    static const struct {
        int call, fd;
    } talking[] = {
        { SCMP_SYS(recvmsg), STDIN_FILENO }, { SCMP_SYS(sendto), STDIN_FILENO },
        { SCMP_SYS(read), SANDBOX_SOCKET },  { SCMP_SYS(write), SANDBOX_SOCKET },
        { SCMP_SYS(close), SANDBOX_SOCKET },
    };
    int r = allow(filter, waiting, ELEMENTSOF(waiting));

    for (size_t i = 0; i < ELEMENTSOF(talking) && r >= 0; i++)
        r = allow_on(filter, talking[i].call, talking[i].fd);
    return r;
}

int sandbox_enter(SandboxProfile profile)
{
    _cleanup_(seccomp_releasep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r;

    if (!filter)
        return -EOPNOTSUPP;
    r = allow_computing(filter);
    if (r >= 0 && profile == SANDBOX_CONVERSE)
        r = allow_conversing(filter);
    return r < 0 ? r : seccomp_load(filter); /* which also sets no_new_privs */
}
