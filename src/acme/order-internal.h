/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "acme/order-crypto.h"
#include "acme/order.h"

/* Shared by order.c and authorization.c. */

#define POLL_FIRST_USEC (10 * 1000ULL)
#define POLL_SEEN_USEC  1000ULL /* after the authority may have seen all proofs */

/* A name that is being proved. */
typedef struct Authorization {
    Order *order;
    char *url;
    AcmeCall *call;
    AcmeAuthorization *object;
    SolverTask *task;
    size_t solver;  /* that proves it; n_solvers: none yet */
    unsigned tried; /* solvers that could not even show their proof here */
    const AcmeChallenge *challenge;
    char *key_authorization;
    bool told; /* the authority may look */
    bool seen; /* and may have done so */
    bool done; /* nothing is to be done for it any more */
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
    bool held;         /* it may be finalized when it is noted and the request is made */
    OrderWork *making; /* the request */
    OrderWork *accepting;
    OrderResults own; /* the request that was made, and the chain that is taken if no other is preferred */
    sd_event_source *begin, *timer, *deadline;
    const char *profile; /* that was asked for last; NULL */
    bool no_profile;     /* the authority does not know it */
    uint64_t pause;      /* until the next look, usec */
    bool patient;        /* the authority said when to look */
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
/* At once, if it is to be looked at later, and the authority did not say when. */
void order_look_now(Order *o);

/* Asks for all; what is pending is proved. When the order is explaining itself, only what went wrong is looked at. */
void order_ask_authorizations(Order *o);
/* Ends an order that the authority ended, with what it found wrong. */
void order_explain(Order *o);
void order_free_authorizations(Order *o);
