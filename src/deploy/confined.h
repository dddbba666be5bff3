/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"
#include "util/child.h"
#include "util/sandbox.h"

/* Runs this program once more, as a child that reads foreign bytes without any rights: it is nobody's, has no
 * capabilities, and under seccomp (util/sandbox.h) can do nothing but compute and return one result of fixed size. */

typedef struct Confined {
    Child child;
    int output;
} Confined;

/* Starts it with these arguments and a descriptor 0. */
int confined_start(const char *const *arguments, int input, Confined *ret, Problem *problem);
/* Waits for its result, at most timeout milliseconds, and ends it. what: is examined, for the problem: "the chain".
 * Fails if there is no whole result; what is in it is not to be trusted. */
int confined_wait(Confined *c, int64_t timeout, const char *what, void *ret, size_t size, Problem *problem);
/* Both. */
int confined_run(const char *const *arguments, int input, int64_t timeout, const char *what, void *ret,
                 size_t size, Problem *problem);

/* The child: gives up its rights. Call it before anything foreign is read, but after what needs files. */
int confined_enter(const SandboxLimits *limits, SandboxProfile profile);
/* The child: returns the result. */
_Noreturn void confined_finish(const void *result, size_t size);
