/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/limits.h"
#include "util/macro.h"

/* Runs a program until it exits, with a minimal environment, only the standard descriptors, and a timeout.
 * It leads a process group, the rest of which is killed at the end. */
typedef struct ProcessCall {
    const char *path; /* absolute */
    const char *const *arguments;
    const char *input; /* for standard input, may be a secret; NULL: none */
    unsigned seconds;
} ProcessCall;

typedef struct ProcessEnd {
    bool late;  /* timed out */
    int status; /* 0 to 255; -1 if killed by a signal */
    int signal;
    /* The end of its standard output and error, made plain, as one line; may be empty. */
    char output[LIMIT_DNS_OUTPUT + 1];
} ProcessEnd;

/* Negative errno if it could not be started. */
int process_run(const ProcessCall *call, ProcessEnd *ret);
/* Describes how it ended, including its output. Returns NULL on OOM. */
char *process_describe(const ProcessCall *call, const ProcessEnd *end);
