/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "acme/client.h"
#include "core/bundle.h"
#include "core/order-record.h"
#include "core/solver.h"

/* One order (RFC 8555 section 7.4), from its making to the chain. What to do next follows from the order's status at the
 * authority alone, so an order that was made before a crash goes on from wherever it is:
 *
 *     pending      prove the names that are not proved yet, then look again
 *     ready        finalize
 *     processing   look again
 *     valid        fetch the chain
 *     invalid      find out why
 *
 * The order itself is looked at rather than its authorizations: one request tells for all names. */
typedef struct Order Order;

typedef struct OrderContext {
    sd_event *event;
    AcmeClient *client;
    Workers *crypto;        /* for what takes long to compute */
    Solver *const *solvers; /* in the order in which they are tried */
    size_t n_solvers;
    const char *solver;      /* the type that worked last; tried first; NULL */
    unsigned failed_solvers; /* bits by index, tried last */
} OrderContext;

typedef struct OrderObserver {
    /* step is static. */
    void (*progress)(double progress, const char *step, void *userdata);
    /* The record has an URL now. The order is not finalized before order_noted() was called, so that one whose place is not known
     * has not come to a certificate. */
    void (*placed)(void *userdata);
    /* The end, once: bundle is the callee's; else a failure, and which solvers' proofs the authority refused. */
    void (*done)(Bundle *bundle, const char *solver, const AcmeFailure *failure, unsigned refused,
                 void *userdata);
} OrderObserver;

/* record is borrowed until the end; its url is set by the order. Everything is told from the event loop later. */
int order_start(const OrderContext *context, OrderRecord *record, const OrderObserver *observer,
                void *userdata, Order **ret);
void order_noted(Order *o);
/* Whether it was asked for a certificate, which there may be then. */
bool order_was_finalized(const Order *o);
/* Nothing is told any more; proofs are taken away. */
Order *order_free(Order *o);
DEFINE_CLEANUP(Order *, order_free);
