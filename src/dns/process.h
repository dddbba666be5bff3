/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/limits.h"
#include "util/macro.h"

/* One program that is run to its end, with a small environment of its own, no descriptor but the standard ones, and a time
 * limit. It leads a process group; what is left of that when it ends is killed. */
typedef struct ProcessCall {
    const char *path; /* absolute */
    const char *const *arguments;
    const char *input; /* for standard input, may be a secret; NULL: there is none */
    unsigned seconds;
} ProcessCall;

typedef struct ProcessEnd {
    bool late;  /* it had to be ended */
    int status; /* 0 to 255; -1 when a signal ended it */
    int signal;
    /* The end of what it wrote to standard output and error, made plain, in one line; may be empty. */
    char output[LIMIT_DNS_OUTPUT + 1];
} ProcessEnd;

/* Negative errno when it could not be started. */
int process_run(const ProcessCall *call, ProcessEnd *ret);
/* How it ended, in words, with what it wrote. Newly allocated, NULL when memory is short. */
char *process_describe(const ProcessCall *call, const ProcessEnd *end);
