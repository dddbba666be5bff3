/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>

#include "crypto/authority.h"
#include "lifecycle/failure-log.h"
#include "lifecycle/lifecycle.h"
#include "lifecycle/plan.h"
#include "util/timer.h"
#include "util/workers.h"

/* Shared by the files of this folder only. */

/* One change of one certificate. The record of the certificate does not change while an attempt is running. */
typedef struct Attempt {
    STAILQ_ENTRY(Attempt) entry;
    Lifecycle *lifecycle;
    Certificate *certificate;
    struct RequestQueue requests; /* answered by this attempt */
    struct RequestQueue refused;  /* their order failed or could not be placed */

    /* the plan */
    Record *after; /* the wanted record, without a new chain */
    Plan plan;
    Bundle *bundle;     /* a chain that does not have to be obtained */
    Settings *settings; /* of the plan; members below may point into them */
    LeafTemplate leaf;  /* for the local root to sign */
    char **names;
    Record *upload;
    Authority *authority; /* signs, or precedes the new root */
    RootTemplate root;
    char host[HOST_NAME_MAX + 1];

    /* the result */
    StoreChange *change;
    Authority *made;
    Problem problem;
    int result;
} Attempt;

STAILQ_HEAD(AttemptQueue, Attempt);

/* The root that signs, and the progress of signing every local chain again with a new one (root.c). */
typedef struct SigningRoot {
    Authority *authority; /* NULL: not loaded yet, or missing */
    bool loading;
    Authority *loaded; /* by a worker, with its problem and result */
    Problem problem;
    int result;
    bool counting;                /* certificates settled now have to be signed again */
    struct RequestQueue requests; /* answered when every chain is signed again */
    size_t total, left;
} SigningRoot;

/* Attempts from their staging to their commit (group.c). */
typedef struct Group {
    size_t n_staging, n_staged;
    struct AttemptQueue staged;
    uint64_t staged_since; /* CLOCK_MONOTONIC in usec, when the first one was staged */
    sd_event_source *timer;
    Attempt **attempts; /* being committed; NULL: none are */
    size_t n;
    bool committed; /* the commit was started */
} Group;

struct Lifecycle {
    Store *store;
    Model *model;
    Settings *settings;
    const LifecycleObserver *observer;
    void *userdata;
    sd_event *event;
    Workers *workers, *disk;
    sd_event_source *retry_timer;
    Orders *orders;
    FailureLog *failures;
    size_t n_attempts, n_beginning;
    bool stopping;
    SigningRoot root;
    Group group;
};

/* Gathers the facts and plans, and does what needs no worker. 1: the attempt has to be started; 0: there is nothing to do;
 * negative errno. */
int attempt_plan(Attempt *a);
/* Fills in the leaf that the local root would sign now. */
void attempt_fill_leaf(Attempt *a, int64_t now);

Attempt *attempt_new(Lifecycle *l, Certificate *c);
Attempt *attempt_free(Attempt *a);
DEFINE_CLEANUP(Attempt *, attempt_free);
/* Hands the attempt to a worker. */
void attempt_start(Attempt *a);
/* Answers its requests. problem: NULL when the change is durable, or there is none. A reissue whose order failed and that got
 * a chain of the local root instead ends in RESULT_FALLBACK. */
void attempt_answer(Attempt *a, const Problem *problem);
/* Ends an attempt that failed: records the failure and answers its requests. */
void attempt_fail(Attempt *a);
/* Ends a started attempt: applies its change or records its failure, answers its requests, and frees it. */
void attempt_end(Lifecycle *l, Attempt *a);
/* Reports the progress of the certificate's job, if it has one. step is static. */
void lifecycle_note_progress(Lifecycle *l, Certificate *c, double progress, const char *step);
/* Notes that the first chain of the certificate is being made, unless it has one or could not get one before. */
void lifecycle_set_beginning(Lifecycle *l, Certificate *c, bool begins);
/* Settles all certificates again in a while. */
void lifecycle_arm_retry(Lifecycle *l);

/* Orders (order.c). */
/* Moves requests that an order may fulfil to the certificate's order, starting one if needed. */
void lifecycle_divert_to_order(Lifecycle *l, Certificate *c);
/* Updates the eligibility and the renewal window. */
void lifecycle_refresh_order(const Lifecycle *l, Certificate *c);
/* Starts an order, if one is due. */
void lifecycle_maybe_order(Lifecycle *l, Certificate *c);
/* Fills in the outcome, which borrows from the order, and returns it; NULL: there is none, or it is not over. */
const OrderingOutcome *lifecycle_order_outcome(const Certificate *c, OrderingOutcome *outcome);
/* Carries out what the plan says about the order and its requests. */
void attempt_conclude_order(Attempt *a, const PlanFacts *facts);
/* Returns true if the order is over and the local root may have to sign instead. */
bool lifecycle_may_fall_back(const Certificate *c);
/* Returns true if the order is over, or nobody uses the certificate any more: it has to be settled. */
bool lifecycle_order_is_left(const Certificate *c);
/* Cancels the part of the order that the certificate's job waits for; false: no job waits for an order. */
bool lifecycle_cancel_order(Lifecycle *l, Certificate *c);
/* Drops the order and answers its requests. */
void lifecycle_give_up_order(Lifecycle *l, Certificate *c, const Problem *problem);
extern const OrdersObserver lifecycle_orders_observer;

/* The root (root.c). */
/* Loads the served root, which signs from then on. */
void root_read(Lifecycle *l);
/* Loads the root, or makes one if there is none. */
void root_obtain(Lifecycle *l);
/* Returns true if the attempt needs a root that is not loaded yet; loading has been started then. */
bool root_awaits(Lifecycle *l, const Attempt *a);
/* Signs with the root that the attempt made, which is durable now. */
void root_adopt(Lifecycle *l, Attempt *a);
/* Switches to the other root that is served because time has passed. */
void root_switch(Lifecycle *l);
/* Fails the requests that wait for a root. */
void root_fail_waiting(Lifecycle *l, const Problem *problem);
/* Counts a certificate that a new root has to sign again, while these are being collected. */
void root_count(Lifecycle *l, Certificate *c);
/* Ends the wait for a certificate; the second function only if its chain is signed by the new root, or is not served. */
void root_uncount(Lifecycle *l, Certificate *c);
void root_uncount_signed(Lifecycle *l, Certificate *c);

/* Groups (group.c). */
int group_init(Lifecycle *l);
/* Queues a staged attempt for the next commit. */
void group_add(Lifecycle *l, Attempt *a);
/* Commits the staged attempts as a group, if it is time. */
void group_maybe_commit(Lifecycle *l);
