/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "core/server-address.h"
#include "solvers/task.h"

/* Looks for a proof like an authority: at every address of the name. A wrong answer from any of them is a failure, since the
 * authority may connect to that one; an unreachable one is not, if another answers correctly. */
typedef struct SelfCheck SelfCheck;

/* A request to one address. */
typedef struct Probe {
    SelfCheck *check; /* NULL: nobody needs the result any more */
    LIST_ENTRY(Probe) entry;
    char address[ADDRESS_TEXT_SIZE];
} Probe;

typedef struct SelfCheckUse {
    /* Starts a probe; its result may be known at once. Negative errno: there is none. */
    int (*ask)(SelfCheck *c, const char *address);
    /* Frees a pending probe. NULL: it cannot be cancelled, and is freed when it has completed. */
    void (*drop)(Probe *p);
} SelfCheckUse;

struct SelfCheck {
    const SelfCheckUse *use;
    Task *task;
    DnsQuery *query;
    LIST_HEAD(, Probe) probes; /* pending */
    size_t n_found;
    bool asking;         /* more addresses are to come */
    Problem unreachable; /* the first address that was not reached */
};

/* The result is that of the task, which has to live until self_check_end(). */
int self_check_start(SelfCheck *c, Task *t, const SelfCheckUse *use, Problem *problem);
void self_check_end(SelfCheck *c);

/* For ask(). */
void probe_begin(Probe *p, SelfCheck *c, const char *address);
/* Takes the problem of a pending probe. PROBLEM_NONE: the proof is there. unreachable: the address did not answer. */
void probe_end(Probe *p, bool unreachable, Problem *problem);
