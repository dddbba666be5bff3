/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "orders/orders.h"

/* Decides what leads from the current to the wanted state: a function of its arguments alone. The facts are gathered once per
 * settling; carrying out the plan takes no further decision. */

/* All is borrowed. */
typedef struct PlanFacts {
    const Record *record; /* the current one */
    const struct RequestQueue *requests;
    bool stored; /* it has files in the store */
    bool wanted; /* by a module file or a registration, requested ones included */
    char *const *names;
    KeyType key_type;
    unsigned purposes;
    const Record *upload;         /* the best for it now; NULL: none */
    const OrderingOutcome *order; /* NULL: none, or it is not over */
    AcmeEligibility eligibility;
    const Record *root;  /* the local root's */
    int64_t warning_due; /* time of an expiry warning that was not given yet; 0: none */
    int64_t now;         /* seconds since 1970-01-01 UTC */
} PlanFacts;

/* The change that leads to the wanted state. */
typedef enum PlanWork {
    PLAN_NOTHING,
    PLAN_CHANGE, /* the record, and its chain if there is a source */
    PLAN_REMOVE, /* all its files */
    PLAN_MAKE_ROOT,
} PlanWork;

/* The fate of an order that is over. */
typedef enum PlanOrder {
    PLAN_ORDER_KEEP,   /* there is none, or it waits for another settling */
    PLAN_ORDER_RETURN, /* it was for other names: its requests are queued again */
    PLAN_ORDER_TAKE,
    PLAN_ORDER_FAILED,           /* not recorded: nothing was tried, or it is recorded already */
    PLAN_ORDER_FAILED_MANUAL,    /* recorded without a change of the schedule */
    PLAN_ORDER_FAILED_SCHEDULED, /* recorded with its back-off */
} PlanOrder;

typedef struct Plan {
    PlanWork work;
    Source source;        /* of the new chain; _SOURCE_INVALID: none */
    Request *replacement; /* its bundle becomes the root; NULL: the root is made */
    bool keeps_name;      /* the new root has the former one's name */
    bool warns;           /* that the served chain is about to expire */
    bool again;           /* an upload waits for what this plan leads to */
    bool tried;           /* the authority was really asked, and did not issue */
    PlanOrder order;
    Problem order_problem;
} Plan;

/* after: a copy of the record with the requested registrations applied (changed: they differ), which becomes the wanted record
 * but for a new chain. -ENOMEM. */
int plan(const PlanFacts *facts, Record *after, bool changed, Plan *ret);
/* Returns true if the local root carries out a reissue whose order failed. */
bool plan_falls_back(const PlanFacts *facts, const Plan *p, const Request *q);
