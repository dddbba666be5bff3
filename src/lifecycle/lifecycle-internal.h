/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>

#include "lifecycle/lifecycle.h"
#include "lifecycle/obtain.h"
#include "orders/orders.h"
#include "util/workers.h"

/* Shared by the lifecycle's files alone. */

/* One change of one certificate on its way. While it is under way the certificate's record stays as it is. */
typedef struct Attempt {
    STAILQ_ENTRY(Attempt) entry;
    Lifecycle *lifecycle;
    Certificate *certificate;
    struct RequestQueue requests; /* that it answers */
    struct RequestQueue refused;  /* whose order failed, or could not be placed */

    /* the plan */
    const char *event;
    Record *after;  /* as it shall be, but for the chain */
    Source source;  /* where to get a chain; _SOURCE_INVALID: none is needed */
    Bundle *bundle; /* the chain, when it is there already */
    bool makes_root;
    Request *replacement; /* the request whose bundle becomes the root; NULL: it is made here */
    bool keeps_name;      /* the new root is called as the former one is */
    bool ordered;         /* the bundle, whose order can be forgotten once it is stored */
    bool withdraws;       /* the chain from ACME, as there was a real attempt to replace it */
    bool warns;           /* that the end of the uploaded chain comes near */
    bool removes;
    Settings *settings; /* that it was planned with; the members below may point into them */
    SourceRequest request;
    char **names;
    Record *upload;
    Authority *authority; /* that signs, or is the predecessor of the root to be made */
    RootTemplate root;
    char host[HOST_NAME_MAX + 1];

    /* the result */
    StoreChange *change;
    Authority *made;
    Problem order_problem; /* why an order failed */
    bool committed;        /* or tried to be */
    Problem problem;
    int result;
} Attempt;

STAILQ_HEAD(AttemptQueue, Attempt);

struct Lifecycle {
    Store *store;
    Settings *settings;
    const LifecycleObserver *observer;
    void *userdata;
    sd_event *event;
    Workers *workers, *disk;
    sd_event_source *group_timer, *retry_timer;

    Certificate *root;
    Authority *authority;
    AcmeSource *acme;
    const Network *network;
    bool loading_root;
    struct RequestQueue root_requests; /* answered when every chain is signed again */
    size_t root_total, root_left;
    bool counting_for_root;
    bool stopping;

    size_t n_staging, n_staged, n_attempts;
    struct AttemptQueue staged;
    uint64_t staged_since; /* CLOCK_MONOTONIC, when the first of them came */
    Attempt **group;       /* being committed */
    size_t n_group;
};

/* Planning (lifecycle-plan.c). 1: the attempt has something to do; 0: all is as it should be; negative errno. */
int attempt_plan(Attempt *a);
/* What a source is asked, from the attempt's parts. */
void attempt_fill_request(Attempt *a, int64_t now);

/* Carrying out (lifecycle-attempt.c). */
Attempt *attempt_new(Lifecycle *l, Certificate *c, const char *event);
Attempt *attempt_free(Attempt *a);
DEFINE_CLEANUP(Attempt *, attempt_free);
void attempt_start(Attempt *a);
/* Ends an attempt that was not started, with its result. */
void attempt_fail(Attempt *a);
/* Orders (lifecycle-order.c). Moves the requests that an order may fulfil to one. */
void lifecycle_divert_to_order(Lifecycle *l, Certificate *c);
/* Whether it comes from an ACME authority at all, by the settings and by who uses it. */
AcmeStance lifecycle_stance(const Lifecycle *l, const Certificate *c);
/* Says that an order is due, if it is. */
void lifecycle_maybe_order(Lifecycle *l, Certificate *c);
/* Takes what came of an order into the plan; as attempt_plan(). */
int attempt_plan_ordered(Attempt *a, int64_t now);
/* Whether its order is over, and may be followed by a local chain. */
bool lifecycle_may_fall_back(const Certificate *c);
/* Whether there is an order that is over, or that nobody wants any more: the certificate has to be settled. */
bool lifecycle_order_is_left(const Certificate *c);
bool lifecycle_cancel_order(Certificate *c, RequestDone done, void *userdata);
void lifecycle_give_up_order(Certificate *c, const Problem *problem);
/* Answers and frees requests, with RESULT_DONE when there is no problem. */
void requests_answer(Certificate *c, struct RequestQueue *requests, const Problem *problem);
void request_answer(Certificate *c, Request *q, RequestResult result, const Problem *problem);
/* Moves those of these kinds, of which there is a bit each. */
void requests_take(struct RequestQueue *requests, unsigned kinds, struct RequestQueue *taken);
bool requests_have(const struct RequestQueue *requests, RequestKind kind);
/* Reads the root that is served, which becomes the authority. */
void lifecycle_load_root(Lifecycle *l);
/* Counts the certificates that are to be signed again, while a new root is taken up. */
void lifecycle_count_for_root(Lifecycle *l, Certificate *c);
/* Nothing is left to be signed of it. */
void lifecycle_uncount_for_root(Lifecycle *l, Certificate *c);
/* Commits a group of what is staged, if it is time. */
void lifecycle_maybe_commit(Lifecycle *l);
void lifecycle_arm_retry(Lifecycle *l);
