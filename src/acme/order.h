/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "acme/authorization.h"
#include "core/bundle.h"
#include "core/order-record.h"
#include "util/workers.h"

/* An order (RFC 8555 section 7.4), from its creation to the chain. The next step depends only on the order's
 * status at the authority, so an order that was placed before a crash is resumed from wherever it is:
 *
 *     pending      prove the remaining names, then poll
 *     ready        finalize
 *     processing   poll
 *     valid        download the chain
 *     invalid      find out why
 *
 * The order is polled, since one request covers all names; its authorizations only if it stays pending for more than a
 * second. A Retry-After beyond LIMIT_ORDER_TIME does not keep it from being polled. */
typedef struct Order Order;

typedef struct OrderContext {
    sd_event *event;
    AcmeClient *client;
    Workers *crypto; /* for slow computations */
    OrderSolvers solvers;
} OrderContext;

typedef struct OrderObserver {
    /* step is static. */
    void (*progress)(double progress, const char *step, void *userdata);
    /* The record has a URL now. The order is not finalized before order_noted(), so that there is never a
     * certificate of an order whose URL is not recorded. */
    void (*placed)(void *userdata);
    /* The result, once: the callee takes ownership of bundle; or a failure, and the solvers whose proofs the
     * authority refused. */
    void (*done)(Bundle *bundle, const char *solver, const AcmeFailure *failure, unsigned refused,
                 void *userdata);
} OrderObserver;

/* record is borrowed until the end; the order sets its url. All callbacks are called later, from the event
 * loop. */
int order_start(const OrderContext *context, OrderRecord *record, const OrderObserver *observer,
                void *userdata, Order **ret);
void order_noted(Order *o);
/* Returns true if the order was finalized, so that there may be a certificate. */
bool order_was_finalized(const Order *o);
/* Returns true if the authority refused a proof that a self-check had not found either, and what that found. The name is one of
 * the record. */
bool order_was_foreseen(const Order *o, SolverFinding *ret);
/* Calls no callbacks any more, and removes proofs. */
Order *order_free(Order *o);
DEFINE_CLEANUP(Order *, order_free);
