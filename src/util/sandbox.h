/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Restrictions that a program imposes on itself before it reads foreign bytes. In this order. */

typedef struct SandboxLimits {
    unsigned cpu;  /* seconds */
    size_t output; /* size of a file */
    size_t memory; /* address space */
} SandboxLimits;

/* The permitted system calls. Both profiles permit memory, random numbers, the time, writing to descriptor 1, and exiting. */
typedef enum SandboxProfile {
    SANDBOX_COMPUTE, /* nothing else */
    SANDBOX_CONVERSE, /* and to receive connected sockets by descriptor 0, one at a time, to talk on each, and to reply */
} SandboxProfile;

/* The number of a received socket, if there are no others than the standard streams. */
#define SANDBOX_SOCKET 3

/* If it is root's, permanently becomes one of nobody's without groups and capabilities. Negative errno. */
int sandbox_become_nobody(void);
/* Limits time, memory and output; disables core files; exits with the parent. Negative errno. */
int sandbox_set_limits(const SandboxLimits *limits);
/* Any other system call kills the process from here on (seccomp(2)). Negative errno. */
int sandbox_enter(SandboxProfile profile);
