/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"
#include "util/child.h"
#include "util/sandbox.h"

/* Runs this program once more, as a child that reads foreign bytes without any rights: it is nobody's, has no
 * capabilities, and under seccomp (util/sandbox.h) can do nothing but compute and return one result of fixed size. */

/* Starts it with these arguments and a descriptor 0, and waits for its result, at most timeout milliseconds. what: is
 * examined, for the problem: "the chain". Fails if there is no whole result; what is in it is not to be trusted. */
int confined_run(const char *const *arguments, int input, int64_t timeout, const char *what, void *ret,
                 size_t size, Problem *problem);

/* The two halves of it, for several children at the same time. The second half has to follow. */
typedef struct Confined {
    Child child;
    int output;
} Confined;
int confined_begin(const char *const *arguments, int input, Confined *ret, Problem *problem);
int confined_end(Confined *c, int64_t timeout, const char *what, void *ret, size_t size, Problem *problem);

/* Parts of both: starts the child; explains why one that has ended returned no result. */
int confined_start(const char *const *arguments, int input, int output, Child *ret);
int confined_explain(const siginfo_t *si, const char *what, Problem *problem);

/* The child: gives up its rights. Call it before anything foreign is read, but after what needs files. */
int confined_enter(const SandboxLimits *limits, SandboxProfile profile);
/* The child: returns the result. */
_Noreturn void confined_finish(const void *result, size_t size);
