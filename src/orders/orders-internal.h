/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "acme/order-search.h"
#include "acme/order.h"
#include "core/ledger.h"
#include "core/limits.h"
#include "orders/orders.h"
#include "solvers/solver.h"
#include "util/timer.h"

/* Shared by the files of this folder alone. */

/* The ledger of an authority, in memory and on disk. It outlives the settings of that name: what was asked stays asked. */
typedef struct Book {
    TAILQ_ENTRY(Book) entry;
    Orders *orders;
    char *authority, *directory;
    Ledger *ledger;
    size_t written; /* bytes of the file */
    bool rewrites;  /* the file is made anew with the next writing */
    bool writing;
    bool retired; /* another directory has this name now */
    int64_t
        unreadable_until; /* CLOCK_BOOTTIME, seconds: it is not tried to read it before; 0: it was read */
    uint64_t noted, kept; /* counts of changes: so many were made, and so many of them are on disk */
    struct Ordering *probing; /* the one order that is tried while the others wait; NULL */
    uint64_t outage_at; /* CLOCK_MONOTONIC, usec, when trouble was noted last; 0: not since the start */
    bool is_back;       /* which is to be told */
    AcmeCall *looking;  /* whether it can be reached; NULL */
    AcmeClient *looked_with;
} Book;

/* An authority as it is used: made when it is asked for the first time. */
typedef struct Connection {
    TAILQ_ENTRY(Connection) entry;
    AcmeClient *client;
    Settings *settings; /* as they were then */
    const AuthoritySettings *authority;
    Book *book;
    OrderSearch *search; /* for orders of before a crash; NULL: none was needed */
    bool expecting;      /* its directory was asked for ahead of the first order */
} Connection;

/* What is waited for, when it is no limit (LedgerWait.limit). */
#define WAIT_OUTAGE _LEDGER_LIMIT_MAX       /* the authority's trouble */
#define WAIT_AFTER  (_LEDGER_LIMIT_MAX + 1) /* the certificate's back-off */
#define WAIT_READ   (_LEDGER_LIMIT_MAX + 2) /* its ledger cannot be read */
#define WAIT_TRIED \
    (_LEDGER_LIMIT_MAX + 3) /* the authority's trouble, which another order has just met with */
#define READ_AGAIN 60       /* seconds until that is tried again */

typedef struct Revocation Revocation;
typedef struct WindowCheck WindowCheck;

typedef enum OrderingState {
    ORDERING_WAITING,
    ORDERING_PREPARING, /* a worker reads or makes the record */
    ORDERING_RUNNING,
    ORDERING_OVER, /* and known to its owner alone */
} OrderingState;

/* What its owner wants of it. */
typedef enum OrderingOwner {
    OWNER_WAITS,
    OWNER_STOPPED, /* it, and waits for nothing any more */
    OWNER_GONE,
} OrderingOwner;

struct Ordering {
    TAILQ_ENTRY(Ordering) entry;
    Orders *orders;
    OrderingState state;
    char *name, **names, *authority, *solver;
    KeyType key_type;
    Record *former; /* with the chain from ACME that it renews; NULL */
    bool keeps_key; /* of that one */
    bool reissue;
    bool keeps_record; /* for the next time */
    bool manual;       /* somebody asked for it: it waits for nothing but limits */
    bool anew;         /* what made the last one fail has changed */
    bool early;        /* for the sake of the authority's window */
    int64_t not_after; /* by when it is wanted */
    struct RequestQueue requests;
    OrderingOwner owner;
    bool automatic;
    bool offline;
    bool forgets;
    bool resumed; /* it was under way at the last stop */
    bool outside; /* a worker has it */
    bool ends;    /* once that is back */

    const char *asked[LIMIT_AUTHORITIES]; /* settings' names of those asked so far */
    size_t n_asked;
    Book *tried;        /* in which its attempt is noted; NULL: none is yet */
    LedgerOrder kind;   /* as the authority will count it */
    bool finalized;     /* from then on it may come to a certificate */
    bool held;          /* another one is tried first */
    uint64_t waits_for; /* what of the book has to be on disk before it runs */
    Connection *connection;
    OrderRecord *record;
    char *asked_now;
    OrderSeeker *seeker;
    Order *order;
    unsigned failed_solvers;

    Bundle *bundle;
    char *worked;
    Problem problem;
    int64_t retry_after;
    int64_t until;  /* when it may be tried again; 0: not known */
    bool waited;    /* no attempt was made */
    bool attempted; /* an authority was asked for it */
    uint64_t begun; /* CLOCK_MONOTONIC, usec: when it was asked for here */
    bool answered;  /* the authority has said why it failed */
    bool at_authority;
    unsigned refused;
    sd_event_source *ending;
};

TAILQ_HEAD(OrderingQueue, Ordering);

struct Orders {
    sd_event *event;
    Store *store;
    Settings *settings;
    Workers *workers; /* for the disk */
    Workers *crypto;
    Http *http;
    Dns *dns;
    SolverContext solving;
    Solver *solvers[_CHALLENGE_TYPE_MAX]; /* by ChallengeType */
    Solver *ordered[_CHALLENGE_TYPE_MAX]; /* as configured */
    size_t n_ordered;
    TAILQ_HEAD(, Connection) connections;
    TAILQ_HEAD(, Book) books;
    TAILQ_HEAD(WindowQueue, WindowCheck) checks; /* those that are under way first */
    size_t n_checks;                             /* that are */
    sd_event_source *pace_timer;
    const Network *network;
    const OrdersObserver *observer;
    void *userdata;
    sd_event_source *back_source, *drive_source; /* what is to be done when nothing else is being done */
    bool network_is_back;                        /* is to be told */
    struct OrderingQueue orderings;
    size_t n_running;
    bool closing;
    TAILQ_HEAD(, Revocation) revocations;
    char **left; /* names of the certificates whose orders were under way at the last stop */
    char **kept; /* of those that got no answer after they were finalized: they are gone on with next time */
};

/* What orders work with, made when the first is. */
int orders_open(Orders *s);

/* The order is begun: who is asked, then the record. */
void ordering_begin(Ordering *o);
void ordering_run(Ordering *o);
void ordering_fail(Ordering *o, int r, const char *doing);
void ordering_end_later(Ordering *o);
/* It leaves the queue and gives back what it works with. */
void ordering_detach(Ordering *o);
/* A worker has given back one that its owner has stopped or left meanwhile. */
void ordering_conclude(Ordering *o);

/* record.c */
OrderRecord *ordering_make_record(const Ordering *o, const AuthoritySettings *a);
/* A worker makes the key that is missing and writes the record, which is the callee's in any case; then the order runs. */
int ordering_write(Ordering *o, OrderRecord *record);
/* Writes where the order is; then it may be finalized. */
int ordering_write_place(Ordering *o);
/* Its record is written, and what was noted of it, too: it runs. */
void ordering_maybe_run(Ordering *o);
/* What was under way at the last stop, and its authority, if it still is what is wanted; NULL. */
const AuthoritySettings *ordering_take_up(Ordering *o, OrderRecord **ret);
void orders_forget_record(Orders *s, const char *name);
/* URLs of the orders that were under way then and were not gone on with yet. */
int orders_left_urls(Orders *s, char ***ret);

/* book.c, accounting.c, outage.c */
/* NULL when memory is short. */
Book *book_get(Orders *s, const AuthoritySettings *a);
/* With what is not on disk yet; nothing is being written any more. */
Book *book_close(Book *b);
/* What was noted in its ledger goes to disk. */
void book_changed(Book *b);
/* How the order is counted, before anything is asked. */
int ordering_note(Ordering *o);
/* The same for one that is gone on with: mostly it is still the attempt that was noted then. */
int ordering_note_resumed(Ordering *o);
/* Whether one that could be gone on with has to stay as it is, as the authority is in trouble, or its ledger cannot be read. */
bool ordering_must_stay(Ordering *o, const AuthoritySettings *a);
/* It answers as it should. */
void book_note_works(Book *b);
/* It does not; and wants to be left alone for so many seconds, 0: it did not say so. */
void book_note_outage(Book *b, int64_t retry_after);
/* And what came of it. */
void ordering_note_end(Ordering *o);
/* The order was placed as another one than was thought. */
void ordering_note_counted(Ordering *o);
/* Tells, when nothing else is being done, that those may be tried again that failed for want of the network, or of one
 * authority. */
void orders_signal_back(Orders *s, Book *b);
int orders_on_back(sd_event_source *source, void *userdata);
/* Those that wait for another one are looked at again. */
void orders_unhold(Orders *s);
/* Why a is not asked now, and until when. */
void ordering_explain_wait(Ordering *o, const AuthoritySettings *a, const LedgerWait *wait);

/* queue.c */
int queue_init(Orders *s);
/* Begins what may begin, when nothing else is being done. */
void queue_drive(Orders *s);

/* renewal-info.c */
void orders_give_up_checks(Orders *s);
bool orders_checks_with(const Orders *s, const Connection *p);

/* revocation.c */
bool orders_revoke_with(const Orders *s, const Connection *p);

/* authorities.c, eligibility.c */
bool authority_suits(const AuthoritySettings *a, char *const *names, const char *authority);
/* Whether there is a way to prove each name; nothing is asked of an authority before. */
bool orders_can_prove(const Orders *s, char *const *names, Problem *why);
/* Answers them as failed; after that no client may call back. */
void orders_give_up_revocations(Orders *s);
Connection *connection_free(Orders *s, Connection *p);
/* Those that nobody uses and that are not as they are configured, or not at all any more. */
void orders_clean_connections(Orders *s);
int connection_get(Orders *s, const AuthoritySettings *a, Connection **ret);
/* The first that may be asked now. NULL: there is none left, or all are to be waited for, which the ordering then says: held,
 * or until and problem. */
const AuthoritySettings *ordering_choose_authority(Ordering *o);
/* Whether it has to wait for a limit of the authority that it is at, and then until when and why. */
bool ordering_must_wait(Ordering *o);
/* Whether there is one that was not asked yet. */
bool ordering_has_other(const Ordering *o);
const AuthoritySettings *orders_find_authority(const Orders *s, const char *name);
