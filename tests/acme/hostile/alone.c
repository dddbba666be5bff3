/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * alone: runs a program that can start no other. If it tries, it is ended by SIGSYS.
 *
 *     alone PROGRAM ARGUMENT...
 *
 * A look at its children from time to time would miss the short-lived ones. Threads are allowed.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))

/* The program itself has to be started under the filter, which knows it by where its name is in this process. */
static int add_rules(scmp_filter_ctx filter, const char *program)
{
    static const int never[] = { SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(execveat) };
    int r = 0;

    for (size_t i = 0; i < ELEMENTSOF(never) && r >= 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, never[i], 0);
    if (r >= 0)
        r = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    if (r >= 0) /* its flags are out of sight; the C library goes on with clone then */
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (r >= 0)
        r = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(execve), 1,
                             SCMP_A0(SCMP_CMP_NE, (uint64_t)(uintptr_t)program));
    return r;
}

int main(int argc, char *argv[])
{
    scmp_filter_ctx filter;
    int r;

    if (argc < 2) {
        fprintf(stderr, "alone PROGRAM ARGUMENT...\n");
        return EXIT_FAILURE;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return EXIT_FAILURE;
    r = add_rules(filter, argv[1]);
    if (r >= 0)
        r = seccomp_load(filter);
    if (r < 0) {
        fprintf(stderr, "alone: %s\n", strerror(-r));
        return EXIT_FAILURE;
    }
    execv(argv[1], argv + 1);
    fprintf(stderr, "alone: %s: %s\n", argv[1], strerror(errno));
    return 127;
}
