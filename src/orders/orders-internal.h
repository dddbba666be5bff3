/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "acme/account.h"
#include "acme/order-search.h"
#include "acme/order.h"
#include "core/ledger.h"
#include "core/limits.h"
#include "orders/orders.h"
#include "solvers/solver.h"
#include "util/timer.h"

/* Shared by the files of this folder only. */

typedef struct Connection Connection;
typedef struct Revocation Revocation;
typedef struct WindowCheck WindowCheck;
typedef struct Recheck Recheck;
typedef struct Rehearsal Rehearsal;

/* The outage of an authority, as far as it is not in its ledger; outage.c. */
typedef struct Outage {
    Ordering *trial;    /* the order that is tried while the others wait; NULL: none */
    uint64_t last;      /* last failure that counted for an outage, CLOCK_MONOTONIC in usec; 0: none */
    bool over;          /* the observer has to be notified */
    AcmeCall *probe;    /* NULL: none is running */
    Connection *probed; /* used by the probe */
} Outage;

/* The ledger of an authority, in memory and on disk; ledger-file.c. It outlives settings of that name, so that limits stay
 * counted. */
typedef struct LedgerFile {
    TAILQ_ENTRY(LedgerFile) entry;
    Orders *orders;
    char *authority, *directory;
    Ledger *ledger;
    size_t written; /* bytes of the file */
    bool rewrites;  /* write the whole file next time */
    bool writing;
    bool retired;             /* another directory uses this name now */
    int64_t unreadable_until; /* next try to read the file, CLOCK_BOOTTIME in seconds; 0: it was read */
    uint64_t noted, kept;     /* number of changes made, and of those on disk */
    Outage outage;
} LedgerFile;

/* A configured authority in use; created for the first request to it. */
struct Connection {
    TAILQ_ENTRY(Connection) entry;
    Account *account;
    AcmeClient *client; /* of the account */
    Settings *settings; /* when it was created */
    const AuthoritySettings *authority;
    LedgerFile *file;
    OrderSearch *search; /* for orders lost in a crash; NULL: not needed yet */
    bool expecting;      /* its directory was requested in advance */
    unsigned n_users;    /* see connection_get() */
};

/* Values of LedgerWait.limit for waits that no limit causes. */
#define WAIT_OUTAGE _LEDGER_LIMIT_MAX       /* outage of the authority */
#define WAIT_AFTER  (_LEDGER_LIMIT_MAX + 1) /* back-off of the certificate */
#define WAIT_READ   (_LEDGER_LIMIT_MAX + 2) /* unreadable ledger */
#define WAIT_TRIED  (_LEDGER_LIMIT_MAX + 3) /* an outage that another order has just run into */
#define WAIT_LOST   (_LEDGER_LIMIT_MAX + 4) /* an order that may have been placed just before the last stop */
#define READ_AGAIN  60                      /* seconds until the next try to read it */

typedef enum OrderingState {
    ORDERING_WAITING,
    ORDERING_HELD,      /* waits for another ordering */
    ORDERING_PREPARING, /* a worker reads or writes the record, or the order is looked for */
    ORDERING_RUNNING,
    ORDERING_SETTLING, /* the order has ended; a worker is still writing its record */
    ORDERING_OVER,     /* not in the queue any more */
} OrderingState;

/* The owner's interest in the ordering. */
typedef enum OrderingOwner {
    OWNER_WAITS,
    OWNER_STOPPED, /* cancelled, but not freed yet */
    OWNER_GONE,
} OrderingOwner;

/* A copy of the OrderingRequest. Immutable. */
typedef struct WantedChain {
    char *name, **names, *authority, *solver;
    KeyType key_type;
    Record *former;
    int64_t not_after;
    bool automatic; /* not requested by a caller */
    uint64_t begun; /* CLOCK_MONOTONIC in usec */
} WantedChain;

/* Where an attempt failed. */
typedef enum AttemptFailure {
    FAILED_HERE,         /* or it did not fail */
    FAILED_BY_ANSWER,    /* the authority explained why */
    FAILED_AT_AUTHORITY, /* it could not be reached, or did not answer as it should */
} AttemptFailure;

/* An object that a failed attempt may have left at the authority. */
typedef enum AttemptTrace {
    LEFT_NOTHING,
    LEFT_ORDER,       /* whose URL was not received */
    LEFT_CERTIFICATE, /* the order was finalized */
} AttemptTrace;

/* The order at the present authority; reset when another is placed. */
typedef struct OrderAttempt {
    Connection *connection;
    OrderRecord *record;
    OrderSeeker *seeker;
    Order *order;
    LedgerOrder kind;   /* how the authority will count it */
    uint64_t waits_for; /* LedgerFile.noted that has to be on disk before it runs */
    bool writing;       /* a worker has the record */
    bool resumed;       /* interrupted by the last stop */
    SolverFinding
        foreseen; /* it refused this proof, which a self-check had not found either; name NULL: no */
    AttemptFailure failure;
    AttemptTrace left;
    unsigned refused; /* solvers whose proofs the authority refused, bits by index */
    int64_t retry_after;
} OrderAttempt;

typedef enum OutcomeKind {
    OUTCOME_NONE,      /* nobody could be asked */
    OUTCOME_WAITED,    /* no attempt was made because of limits or an outage */
    OUTCOME_POSTPONED, /* the same, and the record of an interrupted order is kept for the next attempt */
    OUTCOME_ATTEMPTED, /* an order was placed, or tried to be */
} OutcomeKind;

/* Changed by ordering.c alone. */
typedef struct Outcome {
    OutcomeKind kind;
    Bundle *bundle;
    char *authority;    /* the last one that was asked */
    const char *solver; /* static */
    Problem problem;
    int64_t until; /* earliest retry; 0: unknown */
    bool offline;
} Outcome;

struct Ordering {
    TAILQ_ENTRY(Ordering) entry;
    Orders *orders;
    WantedChain wanted;
    OrderingState state;
    OrderingOwner owner;
    OrderingFlags flags; /* of the request, until ordering_join() */
    struct RequestQueue requests;
    sd_event_source *ending;

    const char *asked[LIMIT_AUTHORITIES]; /* names of authorities asked so far, borrowed from the settings */
    size_t n_asked;
    unsigned failed_solvers;
    LedgerFile *tried; /* ledger that has the last attempt; NULL: none yet */
    OrderAttempt attempt;
    Outcome outcome;
};

/* Solvers and what they work with; orders.c. */
typedef struct Solving {
    SolverContext context;                /* http NULL: not open yet */
    Solver *solvers[_CHALLENGE_TYPE_MAX]; /* by ChallengeType */
    Solver *ordered[_CHALLENGE_TYPE_MAX]; /* as configured */
    size_t n_ordered;
} Solving;

/* queue.c */
typedef struct OrderQueue {
    TAILQ_HEAD(OrderingList, Ordering) orderings; /* those that have begun first */
    sd_event_source *pace_timer;
    sd_event_source *drive_source; /* runs when the event loop is idle */
} OrderQueue;

/* record.c: names of certificates */
typedef struct Interrupted {
    char **left; /* whose orders were interrupted by the last stop */
    char **kept; /* without an answer after finalization; the next attempt resumes them */
} Interrupted;

struct Orders {
    sd_event *event;
    Store *store;
    Settings *settings;
    const Network *network;
    const OrdersObserver *observer;
    void *userdata;
    Workers *workers; /* for the disk */
    Workers *crypto;
    bool closing;
    Solving solving;
    OrderQueue queue;
    Interrupted interrupted;
    sd_event_source *back_source; /* runs when the event loop is idle */
    bool network_is_back;         /* the observer has to be notified */
    TAILQ_HEAD(, Connection) connections;
    TAILQ_HEAD(, LedgerFile) ledgers;
    TAILQ_HEAD(, WindowCheck) checks; /* running ones first */
    LIST_HEAD(, Recheck) rechecks;
    TAILQ_HEAD(, Revocation) revocations;
    TAILQ_HEAD(, Rehearsal) rehearsals;
};

/* Creates workers, HTTP client, resolver and solvers for the first order. */
int orders_open(Orders *s);

/* Chooses the authority and writes the record. */
void ordering_begin(Ordering *o);
void ordering_fail(Ordering *o, int r, const char *doing);
void ordering_end_later(Ordering *o);
/* Removes it from the queue and frees what it worked with. */
void ordering_detach(Ordering *o);
/* Ends an ordering that was cancelled, once no worker uses it any more. */
void ordering_conclude(Ordering *o);
/* Sets the time of the earliest retry unless it is earlier already. */
void ordering_note_until(Ordering *o, int64_t until);
/* Sets until and problem: why a is not asked now, and until when. */
void ordering_note_wait(Ordering *o, const AuthoritySettings *a, const LedgerWait *wait);

/* record.c */
/* Makes the record. A worker generates the key and writes the record; then the order runs. */
int ordering_make_record(Ordering *o, const AuthoritySettings *a);
/* Writes a record that was made already; after that an order that is running may be finalized. */
int ordering_write(Ordering *o);
/* Runs the order if its record and its attempt are on disk. */
void ordering_maybe_run(Ordering *o);
/* Returns the interrupted order and its authority if it still fits; NULL otherwise. */
const AuthoritySettings *ordering_take_up(Ordering *o, OrderRecord **ret);
/* Lists the URLs of interrupted orders that were not resumed yet. */
int orders_left_urls(Orders *s, char ***ret);

/* ledger-file.c, accounting.c, outage.c */
/* NULL when memory is short, or the file cannot be read. */
LedgerFile *ledger_file_get(Orders *s, const AuthoritySettings *a);
/* Writes what is not on disk yet, and frees it. No worker may use it any more. */
LedgerFile *ledger_file_close(LedgerFile *f);
/* Writes changes of the ledger to disk. r: result of recording them, which is returned, after -ENOMEM was logged. */
int ledger_file_changed(LedgerFile *f, int r);
/* Records the attempt, before the authority is asked. */
int ordering_note(Ordering *o);
/* Records the attempt of a resumed order, unless it is on record already. */
int ordering_note_resumed(Ordering *o);
/* Returns true if an interrupted order cannot be resumed now because of an outage or an unreadable ledger, and sets until and
 * problem then. */
bool ordering_must_stay(Ordering *o, const AuthoritySettings *a);
/* Records that the authority answered as it should. */
void ledger_file_note_works(LedgerFile *f);
/* Records that it did not. retry_after: delay in seconds that it asked for; 0: none. */
void ledger_file_note_outage(LedgerFile *f, int64_t retry_after);
/* Return true if the network of this machine is missing, rather than the authority. */
bool problem_is_offline(const Orders *s, const Problem *problem);
bool ordering_is_offline(const Ordering *o);
/* Records how the attempt ended. */
void ordering_note_end(Ordering *o);
/* Corrects the ledger when the authority counts the order differently than predicted. */
void ordering_note_counted(Ordering *o);
/* Notifies the observer of authorities, and of the network, that are back. */
int orders_on_back(sd_event_source *source, void *userdata);
/* Sets the problem to the reason why a is not asked now, and until when. */
void wait_explain(const AuthoritySettings *a, const LedgerWait *wait, Problem *problem);

/* queue.c */
int queue_init(Orders *s);
/* Starts waiting orders as far as limits allow, when the event loop is idle. */
void queue_drive(Orders *s);
/* Returns true if it has not begun. Those that have begun stand before all others in the queue. */
bool ordering_is_waiting(const Ordering *o);
/* Puts an ordering behind all others. */
void queue_move_last(Ordering *o);
/* Considers orderings again that wait for another one. */
void queue_unhold(Orders *s);

/* renewal-info.c */
size_t orders_running_checks(const Orders *s);
void orders_give_up_checks(Orders *s);

/* recheck.c */
/* Returns true if the last order of this certificate failed as its self-check did. */
bool orders_foresaw(const Orders *s, const char *certificate);
size_t orders_running_rechecks(const Orders *s);
/* End those that look for proofs of these names, and all of them. Nobody is notified. */
void orders_end_rechecks(Orders *s, char *const *names);
void orders_give_up_rechecks(Orders *s);
/* Makes a random token, as authorities do (RFC 8555 section 8), for proofs that none has asked for. */
int orders_make_token(char **ret);

/* revocation.c */
/* Answers all of them as failed. No client may call back after that. */
void orders_give_up_revocations(Orders *s);

/* rehearsal.c: answers all of them as cancelled. */
void orders_give_up_rehearsals(Orders *s);

/* authorities.c, eligibility.c */
bool authority_suits(const AuthoritySettings *a, char *const *names, const char *authority);
/* a: one of the settings in force. The caller releases the connection. */
int connection_get(Orders *s, const AuthoritySettings *a, Connection **ret);
/* NULL is allowed. It stays open as long as its authority is configured as it was. */
void connection_release(Connection *p);
void connection_free(Orders *s, Connection *p);
/* Frees unused connections whose authority is configured differently, or not at all any more. */
void orders_clean_connections(Orders *s);
/* Returns the first authority that may be asked now. NULL: there is none left, or all have to be waited for; the state is
 * ORDERING_HELD, or until and problem say so then. */
const AuthoritySettings *ordering_choose_authority(Ordering *o);
/* Returns true if a limit of its authority delays it, and sets until and problem then. */
bool ordering_must_wait(Ordering *o);
/* Returns true if there is an authority that was not asked yet. */
bool ordering_has_other(const Ordering *o);
const AuthoritySettings *orders_find_authority(const Orders *s, const char *name);
