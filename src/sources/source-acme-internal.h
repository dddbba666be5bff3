/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "acme/order-search.h"
#include "acme/order.h"
#include "core/limits.h"
#include "sources/source-acme.h"

/* Shared by source-acme.c, which runs orders, source-acme-record.c, which keeps them in the store, and source-authority.c, which
 * knows the authorities. */

#define FAILURES_MAX 2 /* in a row that point at an authority; then the next one is asked */

/* An authority as it is used: made when it is asked for the first time. */
typedef struct Peer {
    TAILQ_ENTRY(Peer) entry;
    AcmeClient *client;
    unsigned failures;   /* in a row, that point at it */
    OrderSearch *search; /* for orders of before a crash; NULL: none was needed */
    bool expecting;      /* its directory was asked for ahead of the first order */
} Peer;

typedef struct Revocation Revocation;

typedef enum OrderingState {
    ORDERING_WAITING,
    ORDERING_PREPARING, /* a worker reads or makes the record */
    ORDERING_RUNNING,
    ORDERING_ENDED,
} OrderingState;

struct Ordering {
    TAILQ_ENTRY(Ordering) entry;
    AcmeSource *source;
    OrderingState state;
    char *name, **names, *authority, *solver;
    KeyType key_type;
    Record *reuse; /* whose key is kept; NULL */
    OrderProgress progress;
    OrderDone done; /* NULL: cancelled */
    void *userdata;
    bool forgets;
    bool resumed; /* it was under way at the last stop */
    bool outside; /* a worker has it */
    bool ends;    /* once that is back */

    const char *asked[LIMIT_AUTHORITIES]; /* settings' names of those asked so far */
    size_t n_asked;
    Peer *peer;
    OrderRecord *record;
    char *peer_name;
    OrderSeeker *seeker;
    Order *order;
    unsigned failed_solvers;

    Bundle *bundle;
    char *worked;
    Problem problem;
    int64_t retry_after;
    bool at_authority;
    unsigned refused;
    sd_event_source *ending;
};

TAILQ_HEAD(OrderingQueue, Ordering);

struct AcmeSource {
    sd_event *event;
    Store *store;
    const Settings *settings;
    Workers *workers; /* for the disk */
    Workers *crypto;
    Http *http;
    Dns *dns;
    Solver *solvers[_CHALLENGE_TYPE_MAX]; /* by ChallengeType */
    Solver *ordered[_CHALLENGE_TYPE_MAX]; /* as configured */
    size_t n_ordered;
    TAILQ_HEAD(, Peer) peers;
    struct OrderingQueue orderings;
    size_t n_running;
    TAILQ_HEAD(, Revocation) revocations;
    char **left; /* names of the certificates whose orders were under way at the last stop */
};

/* What orders work with, made when the first is. */
int source_open(AcmeSource *s);

void acme_source_drive(AcmeSource *s);
void ordering_run(Ordering *o);
void ordering_fail(Ordering *o, int r, const char *doing);
void ordering_end_later(Ordering *o);
void ordering_free(Ordering *o);

/* source-acme-record.c */
OrderRecord *ordering_make_record(const Ordering *o, const AuthoritySettings *a);
/* A worker makes the key that is missing and writes the record, which is the callee's in any case; then the order runs. */
int ordering_write(Ordering *o, OrderRecord *record);
/* Writes where the order is; then it may be finalized. */
int ordering_note(Ordering *o);
/* What was under way at the last stop, and its authority, if it still is what is wanted; NULL. */
const AuthoritySettings *ordering_take_up(Ordering *o, OrderRecord **ret);
void source_forget_order(AcmeSource *s, const char *name);
/* URLs of the orders that were under way then and were not gone on with yet. */
int source_left_urls(AcmeSource *s, char ***ret);

/* source-authority.c */
bool authority_suits(const AuthoritySettings *a, char *const *names, const char *authority);
/* Whether there is a way to prove each name; nothing is asked of an authority before. */
bool source_can_prove(const AcmeSource *s, char *const *names, Problem *why);
/* Answers them as failed; after that no client may call back. */
void source_give_up_revocations(AcmeSource *s);
Peer *peer_free(AcmeSource *s, Peer *p);
/* Those that nobody uses and that are not as they are configured, or not at all any more. */
void source_clean_peers(AcmeSource *s);
int peer_get(AcmeSource *s, const AuthoritySettings *settings, Peer **ret);
/* NULL: there is none left. */
const AuthoritySettings *ordering_choose_authority(const Ordering *o);
const AuthoritySettings *source_find_authority(const AcmeSource *s, const char *name);
