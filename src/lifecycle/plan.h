/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/certificate.h"
#include "orders/orders.h"

/* What leads from what there is to what is wanted: a function of its arguments alone. Facts are gathered once per settling;
 * whoever carries out the plan has no decision left to make. */

/* All is borrowed. */
typedef struct PlanFacts {
    const Record *record; /* as it is */
    const struct RequestQueue *requests;
    bool stored; /* the store has something of it */
    bool wanted; /* by a module file or a registration, as it shall be */
    char *const *names;
    KeyType key_type;
    unsigned purposes;
    const Record *upload;         /* the one that it takes now; NULL: none */
    const OrderingOutcome *order; /* NULL: there is none, or it is not over */
    AcmeEligibility eligibility;
    const Record *root;  /* the local root's */
    int64_t warning_due; /* the moment of a warning of its end that was not given; 0: none */
    int64_t now;         /* seconds since 1970-01-01 UTC */
} PlanFacts;

/* What becomes of an order that is over. */
typedef enum PlanOrder {
    PLAN_ORDER_KEEP,   /* there is none, or it waits for another settling */
    PLAN_ORDER_RETURN, /* it was for other names: requests that wait for it are looked at again */
    PLAN_ORDER_TAKE,
    PLAN_ORDER_FAILED,
} PlanOrder;

typedef struct Plan {
    bool changes;  /* there is something to do */
    Source source; /* where the new chain comes from; _SOURCE_INVALID: there is none */
    bool removes;  /* all that is stored of it */
    bool makes_root;
    Request *replacement; /* whose bundle becomes the root; NULL: it is made */
    bool keeps_name;      /* the new root has the former one's name */
    bool withdraws;       /* the chain from ACME, which an order that was really tried did not replace */
    bool warns;           /* of the end of the chain that is served */
    bool again;           /* an upload waits for what this plan leads to */
    PlanOrder order;
    bool tried;         /* the authority was really asked, and did not issue */
    bool counts;        /* a failure of the schedule, whose back-off is in the record */
    bool forgets_retry; /* Certificate.order.retry has served its turn */
    Problem order_problem;
} Plan;

/* after: a copy of the record with the requested registrations applied, which is changed to what it shall be but for a new
 * chain; changed: whether they differ. -ENOMEM. */
int plan(const PlanFacts *facts, Record *after, bool changed, Plan *ret);
void plan_done(Plan *p);
/* Whether a reissue that waited for an order that failed is carried out by the local root instead. */
bool plan_falls_back(const PlanFacts *facts, const Plan *p, const Request *q);
