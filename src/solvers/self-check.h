/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "core/server-address.h"
#include "solvers/task.h"

#define SEEN_OTHERWISE \
    "if only this machine sees it so, set DNSResolvers= to a resolver that sees what others see, or SelfCheck=no"

/* Looks for a proof like an authority: at every address that the system, or DNSResolvers=, knows of the name. A wrong answer
 * from any of them is a failure, since the authority may connect to that one; an unreachable one is not, if another answers
 * correctly. */
typedef struct SelfCheck SelfCheck;

/* A request to one address. */
typedef struct AddressProbe {
    SelfCheck *check; /* NULL: the check has ended */
    LIST_ENTRY(AddressProbe) entry;
    char address[ADDRESS_TEXT_SIZE];
    unsigned
        answer; /* distinguishes wrong answers, like the status of HTTP; set before address_probe_end() */
} AddressProbe;

typedef struct SelfCheckUse {
    /* Starts a probe, which may end immediately. On failure there is no probe. */
    int (*ask)(SelfCheck *c, const char *address);
    /* Frees a pending probe. NULL if probes cannot be cancelled, and free themselves when they have completed. */
    void (*drop)(AddressProbe *p);
} SelfCheckUse;

struct SelfCheck {
    const SelfCheckUse *use;
    Task *task;
    DnsQuery *query;
    LIST_HEAD(, AddressProbe) probes; /* pending */
    size_t n_found;
    size_t n_addresses;
    uint64_t addresses;  /* identifies them, in any order */
    bool asking;         /* not all addresses were asked yet */
    Problem unreachable; /* the first address that was not reached */
};

/* Reports its result by task_tell(). The task must live until self_check_end(). */
int self_check_start(SelfCheck *c, Task *t, const SelfCheckUse *use, Problem *problem);
void self_check_end(SelfCheck *c);

/* To be called by ask(). */
void address_probe_begin(AddressProbe *p, SelfCheck *c, const char *address);
/* Ends a pending probe and takes its problem: PROBLEM_NONE if the proof was found. unreachable: the address did not answer. */
void address_probe_end(AddressProbe *p, bool unreachable, Problem *problem);
