/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>

#include "crypto/authority.h"
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
    struct RequestQueue refused;  /* whose order failed or could not be placed */

    /* the plan */
    Record *after; /* the wanted record, without a new chain */
    Plan plan;
    Bundle *bundle;     /* a chain that was obtained already */
    Settings *settings; /* of the plan; members below may point into them */
    LeafTemplate leaf;  /* to be signed by the local root */
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
    size_t n_attempts;
    bool stopping;

    /* The root that signs, and the progress of signing again with a new one (root.c). */
    struct {
        Authority *authority; /* NULL: not read yet, or missing */
        bool loading;
        Authority *loaded; /* by a worker, with its problem and result */
        Problem problem;
        int result;
        bool counting;                /* certificates settled now have to be signed again */
        struct RequestQueue requests; /* answered when every chain is signed again */
        size_t total, left;
    } root;

    /* Attempts from their staging to their commit (group.c). */
    struct {
        size_t n_staging, n_staged;
        struct AttemptQueue staged;
        uint64_t staged_since; /* CLOCK_MONOTONIC in usec, when the first one was staged */
        sd_event_source *timer;
        Attempt **attempts; /* being committed; NULL: none are */
        size_t n;
        bool committed; /* the commit was started */
    } group;
};

/* Gathers the facts, plans, and carries out what needs no worker. 1: the attempt has something to do; 0: all is as it should
 * be; negative errno. */
int attempt_plan(Attempt *a);
/* The leaf that the local root would sign now. */
void attempt_fill_leaf(Attempt *a, int64_t now);

Attempt *attempt_new(Lifecycle *l, Certificate *c);
Attempt *attempt_free(Attempt *a);
DEFINE_CLEANUP(Attempt *, attempt_free);
void attempt_start(Attempt *a);
/* Answers its requests. problem: NULL when the change is durable, or there is none. A reissue whose order failed and that got
 * a chain of the local root instead ends in RESULT_FALLBACK. */
void attempt_answer(Attempt *a, const Problem *problem);
/* Ends an attempt that was not started, with its result. */
void attempt_fail(Attempt *a);
/* Ends one that was: applies its change, or records its failure, and answers. */
void attempt_end(Lifecycle *l, Attempt *a);
/* How far the certificate's job is, if it has one. step is static. */
void lifecycle_note_progress(Lifecycle *l, Certificate *c, double progress, const char *step);
/* Orders (lifecycle-order.c). Moves the requests that an order may fulfil to one. */
void lifecycle_divert_to_order(Lifecycle *l, Certificate *c);
/* Computes again whether it comes from an ACME authority, and when that wants it to be renewed. */
void lifecycle_refresh_order(const Lifecycle *l, Certificate *c);
/* Starts an order, if one is due. */
void lifecycle_maybe_order(Lifecycle *l, Certificate *c);
/* What came of its order; NULL: there is none, or it is not over. outcome is filled in, and borrows from it. */
const OrderingOutcome *lifecycle_order_outcome(const Certificate *c, OrderingOutcome *outcome);
/* Does with the order and its requests as was planned. */
void attempt_conclude_order(Attempt *a, const PlanFacts *facts);
/* Whether its order is over, and may be followed by a local chain. */
bool lifecycle_may_fall_back(const Certificate *c);
/* Whether there is an order that is over, or that nobody wants any more: the certificate has to be settled. */
bool lifecycle_order_is_left(const Certificate *c);
bool lifecycle_cancel_order(Lifecycle *l, Certificate *c);
void lifecycle_give_up_order(Lifecycle *l, Certificate *c, const Problem *problem);
extern const OrdersObserver lifecycle_orders_observer;
void lifecycle_arm_retry(Lifecycle *l);

/* The root (root.c). */
/* Reads the root that is served, which signs from then on. */
void root_read(Lifecycle *l);
/* Sees to it that there is a root to sign with. */
void root_obtain(Lifecycle *l);
/* Whether the attempt has to wait until there is one, which is seen to. */
bool root_awaits(Lifecycle *l, const Attempt *a);
/* The root that the attempt made is durable: it signs from now on. */
void root_adopt(Lifecycle *l, Attempt *a);
/* Another root is served than before, by time alone. */
void root_switch(Lifecycle *l);
/* There is no root to sign with: answers the requests that wait for one. */
void root_fail_waiting(Lifecycle *l, const Problem *problem);
/* Counts certificates that are to be signed again by a new root, and those that need not be any more. */
void root_count(Lifecycle *l, Certificate *c);
void root_uncount(Lifecycle *l, Certificate *c);
void root_uncount_signed(Lifecycle *l, Certificate *c);

/* Groups (group.c). */
int group_init(Lifecycle *l);
/* The attempt is staged and waits for its commit. */
void group_add(Lifecycle *l, Attempt *a);
/* Commits a group of what is staged, if it is time. */
void group_maybe_commit(Lifecycle *l);
