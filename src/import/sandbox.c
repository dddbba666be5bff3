/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "import/sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "core/limits.h"

DEFINE_CLEANUP(scmp_filter_ctx, seccomp_release);

static int set_limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard)
{
    const struct rlimit limit = { soft, hard };

    return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

int sandbox_set_limits(void)
{
    int r;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    if ((r = set_limit(RLIMIT_CPU, LIMIT_IMPORT_CPU, LIMIT_IMPORT_CPU + 1)) < 0 ||
        (r = set_limit(RLIMIT_FSIZE, LIMIT_IMPORT_REPLY, LIMIT_IMPORT_REPLY)) < 0 ||
        (r = set_limit(RLIMIT_CORE, 0, 0)) < 0)
        return r;
    /* the shadow memory of sanitizers takes terabytes of addresses */
    return ADDRESS_SPACE_IS_LIMITED ? set_limit(RLIMIT_AS, LIMIT_IMPORT_MEMORY, LIMIT_IMPORT_MEMORY) : 0;
}

static int allow(scmp_filter_ctx filter)
{
    static const int calls[] = {
        SCMP_SYS(brk),          SCMP_SYS(clock_gettime),  SCMP_SYS(exit),        SCMP_SYS(exit_group),
        SCMP_SYS(futex),        SCMP_SYS(getpid),         SCMP_SYS(getrandom),   SCMP_SYS(gettid),
        SCMP_SYS(gettimeofday), SCMP_SYS(madvise),        SCMP_SYS(mremap),      SCMP_SYS(munmap),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall),
        SCMP_SYS(sigaltstack),  SCMP_SYS(time),
    };
    int r = 0;

    for (size_t i = 0; i < ELEMENTSOF(calls) && r >= 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    if (r >= 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                             SCMP_A0(SCMP_CMP_EQ, STDOUT_FILENO));
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

int sandbox_enter(void)
{
    _cleanup_(seccomp_releasep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r;

    if (!filter)
        return -EOPNOTSUPP;
    r = allow(filter);
    return r < 0 ? r : seccomp_load(filter); /* which also sets no_new_privs */
}
