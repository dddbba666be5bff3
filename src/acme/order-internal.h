/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "acme/order-crypto.h"
#include "acme/order.h"
#include "util/time.h"

/* Shared by order.c and authorization.c. */

#define POLL_FIRST_USEC (10 * USEC_PER_MSEC)
#define POLL_SEEN_USEC  USEC_PER_MSEC /* after the authority may have seen all proofs */

/* The authorization of a name. */
typedef struct Authorization {
    Order *order;
    char *url;
    AcmeCall *call;
    AcmeAuthorization *object;
    SolverTask *task;
    size_t solver;  /* current solver; n_solvers: none yet */
    unsigned tried; /* solvers whose self-check failed, as bits */
    const AcmeChallenge *challenge;
    char *key_authorization;
    bool told; /* the authority was asked to validate */
    bool seen; /* and may have done so */
    bool done; /* nothing left to do */
    Problem problem;
} Authorization;

struct Order {
    OrderContext context;
    OrderRecord *record;
    OrderObserver observer;
    void *userdata;
    AcmeOrder *object;
    AcmeCall *call;
    Authorization *authorizations;
    size_t n_authorizations;
    unsigned acted; /* upon which statuses, as bits */
    bool explaining, finalized;
    bool noted;
    bool held;         /* finalize when it was noted and the request was made */
    OrderWork *making; /* the request */
    OrderWork *accepting;
    OrderResults own; /* the request, and the chain to use if no other is preferred */
    sd_event_source *begin, *timer, *deadline;
    const char *profile; /* requested last; NULL */
    bool no_profile;     /* unknown to the authority */
    uint64_t pause;      /* until the next poll, usec */
    bool patient;        /* the authority set the time of the next poll */
    size_t solver;       /* that proved a name last */
    unsigned refused;
    char **alternates;
    size_t next_alternate;
    bool ended;
};

const char *order_whose(const Order *o);
void order_tell(Order *o, double progress, const char *step);
void order_end(Order *o, Bundle *bundle, const AcmeFailure *failure);
void order_fail(Order *o, const Problem *problem, bool at_authority);
void order_fail_errno(Order *o, int r, Problem *problem);
void order_look_later(Order *o, int64_t retry_after);
/* Polls immediately if a poll is scheduled, unless the authority set its time. */
void order_look_now(Order *o);

/* Fetches all authorizations, and starts proving those that are pending. While the order is explaining
 * itself, only looks for errors. */
void order_ask_authorizations(Order *o);
/* Fails an order that became invalid, with the errors found by the authority. */
void order_explain(Order *o);
void order_free_authorizations(Order *o);
