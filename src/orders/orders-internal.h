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

/* The ledger of an authority, in memory and on disk. It outlives settings of that name, so that limits stay counted. */
typedef struct Book {
    TAILQ_ENTRY(Book) entry;
    Orders *orders;
    char *authority, *directory;
    Ledger *ledger;
    size_t written; /* bytes of the file */
    bool rewrites;  /* write the whole file next time */
    bool writing;
    bool retired;             /* another directory uses this name now */
    int64_t unreadable_until; /* next try to read the file, CLOCK_BOOTTIME in seconds; 0: it was read */
    uint64_t noted, kept;     /* number of changes made, and of those on disk */
    struct Ordering *probing; /* the order that is tried while the others wait; NULL: none */
    uint64_t outage_at;       /* last failure that counted for an outage, CLOCK_MONOTONIC in usec; 0: none */
    bool is_back;             /* the observer has to be notified */
    AcmeCall *looking;        /* a probe; NULL: none is running */
    AcmeClient *looked_with;
} Book;

/* A configured authority in use; created for the first request to it. */
typedef struct Connection {
    TAILQ_ENTRY(Connection) entry;
    Account *account;
    AcmeClient *client; /* of the account */
    Settings *settings; /* when it was created */
    const AuthoritySettings *authority;
    Book *book;
    OrderSearch *search; /* for orders lost in a crash; NULL: not needed yet */
    bool expecting;      /* its directory was requested in advance */
} Connection;

/* Values of LedgerWait.limit for waits that no limit causes. */
#define WAIT_OUTAGE _LEDGER_LIMIT_MAX       /* outage of the authority */
#define WAIT_AFTER  (_LEDGER_LIMIT_MAX + 1) /* back-off of the certificate */
#define WAIT_READ   (_LEDGER_LIMIT_MAX + 2) /* unreadable ledger */
#define WAIT_TRIED  (_LEDGER_LIMIT_MAX + 3) /* an outage that another order has just run into */
#define READ_AGAIN  60                      /* seconds until the next try to read it */

typedef struct Revocation Revocation;
typedef struct WindowCheck WindowCheck;

typedef enum OrderingState {
    ORDERING_WAITING,
    ORDERING_PREPARING, /* a worker reads or writes the record */
    ORDERING_RUNNING,
    ORDERING_OVER, /* not in the queue any more */
} OrderingState;

/* What the owner still wants. */
typedef enum OrderingOwner {
    OWNER_WAITS,
    OWNER_STOPPED, /* cancelled, but not freed yet */
    OWNER_GONE,
} OrderingOwner;

struct Ordering {
    TAILQ_ENTRY(Ordering) entry;
    Orders *orders;
    OrderingState state;
    char *name, **names, *authority, *solver;
    KeyType key_type;
    Record *former; /* whose ACME chain is renewed; NULL: none */
    bool keeps_key; /* of that chain */
    bool reissue;
    bool keeps_record; /* so that the next attempt resumes the order */
    bool manual;       /* waits for nothing but limits */
    bool retry;        /* skips the back-off */
    bool early;        /* because of the window of the authority */
    int64_t not_after; /* when the chain is needed */
    struct RequestQueue requests;
    OrderingOwner owner;
    bool automatic;
    bool offline;
    bool forgets;
    bool resumed; /* interrupted by the last stop */
    bool outside; /* a worker uses it */
    bool ends;    /* when the worker is done */

    const char *asked[LIMIT_AUTHORITIES]; /* names of authorities asked so far, borrowed from the settings */
    size_t n_asked;
    Book *tried;        /* ledger that has this attempt; NULL: none yet */
    LedgerOrder kind;   /* how the authority will count it */
    bool finalized;     /* the authority may issue a certificate from now on */
    bool held;          /* waits for another ordering */
    uint64_t waits_for; /* Book.noted that has to be on disk before it runs */
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
    int64_t until;  /* earliest retry; 0: unknown */
    bool waited;    /* no attempt was made */
    bool attempted; /* an order was placed, or tried to be */
    uint64_t begun; /* CLOCK_MONOTONIC in usec */
    bool answered;  /* the authority explained the failure */
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
    TAILQ_HEAD(WindowQueue, WindowCheck) checks; /* running ones first */
    size_t n_checks;                             /* running */
    sd_event_source *pace_timer;
    const Network *network;
    const OrdersObserver *observer;
    void *userdata;
    sd_event_source *back_source, *drive_source; /* run when the event loop is idle */
    bool network_is_back;                        /* the observer has to be notified */
    struct OrderingQueue orderings;
    size_t n_running;
    bool closing;
    TAILQ_HEAD(, Revocation) revocations;
    char **left; /* names of certificates whose orders were interrupted by the last stop */
    char **kept; /* of those without an answer after finalization; the next attempt resumes them */
};

/* Creates workers, HTTP client, resolver and solvers for the first order. */
int orders_open(Orders *s);

/* Chooses the authority and writes the record. */
void ordering_begin(Ordering *o);
void ordering_run(Ordering *o);
void ordering_fail(Ordering *o, int r, const char *doing);
void ordering_end_later(Ordering *o);
/* Removes it from the queue and frees what it worked with. */
void ordering_detach(Ordering *o);
/* Ends an ordering that was cancelled, once no worker uses it any more. */
void ordering_conclude(Ordering *o);

/* record.c */
OrderRecord *ordering_make_record(const Ordering *o, const AuthoritySettings *a);
/* Takes the record. A worker generates the key if it is missing and writes the record; then the order runs. */
int ordering_write(Ordering *o, OrderRecord *record);
/* Writes the URL of the order, which may be finalized then. */
int ordering_write_place(Ordering *o);
/* Runs the order if its record and its attempt are on disk. */
void ordering_maybe_run(Ordering *o);
/* Returns the interrupted order and its authority if it still fits; NULL otherwise. */
const AuthoritySettings *ordering_take_up(Ordering *o, OrderRecord **ret);
/* URLs of interrupted orders that were not resumed yet. */
int orders_left_urls(Orders *s, char ***ret);

/* book.c, accounting.c, outage.c */
/* NULL when memory is short. */
Book *book_get(Orders *s, const AuthoritySettings *a);
/* Writes what is not on disk yet, and frees it. No worker may use it any more. */
Book *book_close(Book *b);
/* Writes changes of the ledger to disk. */
void book_changed(Book *b);
/* Records the attempt, before the authority is asked. */
int ordering_note(Ordering *o);
/* The same for a resumed order, whose attempt is on record already in most cases. */
int ordering_note_resumed(Ordering *o);
/* Whether an interrupted order cannot be resumed now because of an outage or an unreadable ledger. */
bool ordering_must_stay(Ordering *o, const AuthoritySettings *a);
/* The authority answered as it should. */
void book_note_works(Book *b);
/* It did not. retry_after: delay in seconds that it asked for; 0: none. */
void book_note_outage(Book *b, int64_t retry_after);
/* Records how the attempt ended. */
void ordering_note_end(Ordering *o);
/* The authority counts the order differently than expected. */
void ordering_note_counted(Ordering *o);
/* Notifies the observer, when the event loop is idle, that an authority is back; b NULL: that the network is. */
void orders_signal_back(Orders *s, Book *b);
int orders_on_back(sd_event_source *source, void *userdata);
/* Orderings that wait for another one are considered again. */
void orders_unhold(Orders *s);
/* Sets the problem to the reason why a is not asked now, and until when. */
void ordering_explain_wait(Ordering *o, const AuthoritySettings *a, const LedgerWait *wait);

/* queue.c */
int queue_init(Orders *s);
/* Starts waiting orders as far as limits allow, when the event loop is idle. */
void queue_drive(Orders *s);

/* renewal-info.c */
void orders_give_up_checks(Orders *s);
bool orders_checks_with(const Orders *s, const Connection *p);

/* revocation.c */
bool orders_revoke_with(const Orders *s, const Connection *p);

/* authorities.c, eligibility.c */
bool authority_suits(const AuthoritySettings *a, char *const *names, const char *authority);
/* Whether each name can be proved; checked before an authority is asked. */
bool orders_can_prove(const Orders *s, char *const *names, Problem *why);
/* Answers all of them as failed. No client may call back after that. */
void orders_give_up_revocations(Orders *s);
Connection *connection_free(Orders *s, Connection *p);
/* Frees unused connections whose authority is configured differently, or not at all any more. */
void orders_clean_connections(Orders *s);
int connection_get(Orders *s, const AuthoritySettings *a, Connection **ret);
/* Returns the first authority that may be asked now. NULL: there is none left, or all have to be waited for; held, or until
 * and problem of the ordering say so then. */
const AuthoritySettings *ordering_choose_authority(Ordering *o);
/* Whether a limit of its authority delays it; sets until and problem. */
bool ordering_must_wait(Ordering *o);
/* Whether there is an authority that was not asked yet. */
bool ordering_has_other(const Ordering *o);
const AuthoritySettings *orders_find_authority(const Orders *s, const char *name);
