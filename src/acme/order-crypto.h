/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/order-record.h"
#include "core/problem.h"
#include "util/workers.h"

/* Computations for an order that would take too long in the event loop, done by a worker. */
typedef struct OrderWork OrderWork;

typedef struct OrderResults {
    int result; /* negative errno, possibly with a problem */
    Problem problem;
    char *request;  /* base64url of the certificate signing request */
    Bundle *bundle; /* the chain, with its key */
    bool preferred; /* it has the preferred issuer, or none is preferred */
} OrderResults;

/* Called once from the event loop; may take ownership of members of results. */
typedef void (*OrderWorkDone)(OrderResults *results, void *userdata);

/* The input, which is copied. */
typedef struct OrderTask {
    const OrderRecord *record;
    const char *pem;       /* a chain to check with request_accept(); NULL: request_make() */
    const char *whose;     /* the authority that sent the chain */
    const char *preferred; /* common name of an issuer; NULL */
} OrderTask;

int order_work_start(Workers *workers, const OrderTask *task, OrderWorkDone done, void *userdata,
                     OrderWork **ret);
/* Call this before done(), which is not called any more. */
OrderWork *order_work_forget(OrderWork *w);
