/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* Authorities as they are now, and the result of testing what an order needs. All is borrowed during the callbacks. */

typedef struct AuthorityState {
    char *name, *directory;
    char *account; /* URL of the account there; NULL: there is none yet */
    bool is_public;
    int64_t avoided_until;  /* end of an outage; 0: none is known */
    unsigned orders, limit; /* placed, and permitted, within the span; limit 0: none is known */
    int64_t span;
} AuthorityState;
typedef void (*AuthoritiesListed)(const AuthorityState *list, size_t n, void *userdata);

typedef struct RehearsalFinding {
    const char
        *check; /* "names", "authority", "limits", and "proof" for each way that was tried to prove a name */
    bool passed;
    char *text;
} RehearsalFinding;
/* problem: why not all of it was tested. */
typedef void (*RehearsalDone)(const RehearsalFinding *findings, size_t n, const Problem *problem,
                              void *userdata);
