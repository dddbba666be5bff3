/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/ledger.h"
#include "core/limits.h"

/* world.c has chance, time and the authority, simulate.c the service, results.c what came of it. */

#define SECOND         INT64_C(1000) /* the clock's */
#define HOUR           INT64_C(3600)
#define DAY            (24 * HOUR)
#define BEGIN          (INT64_C(1800000000) * SECOND)
#define DIRECTORY      "https://authority.example/directory"
#define RATE           10                 /* orders in any minute */
#define LATE           (45 * 60 * SECOND) /* that a timer of the service may be */
#define LATENCY_MAX    (3 * SECOND)
#define FINALIZED      10   /* one order in so many that nobody answered for has come to a certificate */
#define LONE_ERRORS    1000 /* one order in so many comes to nothing, with no outage */
#define NAMES_MAX      2
#define FIRST_WAIT_MAX (21 * DAY) /* for the first chain: three times the longest limit */
#define FILE_SHARE     800        /* bytes of the ledger's file for each certificate */
#define FILE_LEAST     (128 * 1024)
#define NEVER          INT64_MAX

typedef enum Kind {
    KIND_DUE,
    KIND_WAKE,
    KIND_ASKED,
    KIND_END,
    KIND_PROBE,
    KIND_NETWORK_BACK,
    KIND_REVOCATION,
    KIND_NOTICE,
    KIND_RESTART,
} Kind;

typedef enum Break {
    BREAK_NONE,
    BREAK_LIMITS,
    BREAK_NAMES,
    BREAK_RATE,
    BREAK_BREAKER,
    BREAK_BACKOFF,
    BREAK_RESTART,
    BREAK_DUE,
    BREAK_LOST,
    BREAK_WASTE,
    BREAK_ANEW,
} Break;
extern const char *const breaks[];

/* What an order comes to. */
typedef enum Fault {
    FAULT_NONE,
    FAULT_NAME,
    FAULT_AUTHORITY,
    FAULT_NETWORK,
    _FAULT_MAX,
} Fault;

typedef enum State {
    STATE_IDLE, /* its next moment is an event */
    STATE_QUEUED,
    STATE_RUNNING,
} State;

/* For events, and for what waits to be ordered. */

typedef struct Item {
    int64_t key; /* the least comes first */
    uint64_t sequence;
    Kind kind;
    uint32_t which;      /* certificate */
    uint32_t generation; /* an event of another than the certificate's is out of date */
} Item;

typedef struct Heap {
    Item *items;
    size_t n, size;
    uint64_t sequence;
} Heap;

/* Of moments, for what is looked at within a span. */
typedef struct Times {
    int64_t *times;
    size_t begin, n, size;
} Times;

typedef struct Outage {
    int64_t from, to;
    bool soft; /* the directory can be read all the same */
    unsigned n_orders;
} Outage;

typedef struct Outages {
    Outage *list;
    size_t n, size;
} Outages;

typedef struct Life {
    int64_t span;
    unsigned n, n_issued, n_renewed, n_failed[_FAULT_MAX];
    unsigned n_expired, n_excused;  /* excused: the authority could not be reached for a whole day */
    int64_t first_wait, wait, left; /* longest, longest, least; milliseconds */
} Life;

typedef struct Certificate {
    char name[24], own_name[48];
    char *names[NAMES_MAX + 1];
    Life *life;
    uint32_t domain, set;
    State state;
    uint32_t generation;
    Chain *chain;
    int64_t first_order;  /* schedule_first_order() */
    int64_t refused_from; /* its proofs are refused from then on */
    int64_t since;        /* when it was due first; 0: it is not */
    int64_t joined;       /* when it came to the queue; 0: not since its last order */
    Fault fault;          /* of the last order */
    Fault outcome;        /* of the one that runs */
    LedgerOrder kind;     /* of its order that is running */
    bool
        kept; /* an order that nobody answered for, which has come to a certificate: it is fetched by the next attempt */
    bool crowded; /* as many others as the authority allows have the same names */
    bool retry, early, revoked;
    bool refused; /* since its last chain */
    unsigned n_attempts;
    Times failures;
} Certificate;

typedef struct Domain {
    char name[24];
    Times issued, failures;
} Domain;

typedef struct Simulation {
    uint64_t random, seed;
    int64_t now, end;
    unsigned years;
    Break broken;
    Heap events, free, counted; /* queues: what the authority does not count, and what it does */
    int64_t counted_until;      /* the account's limit of orders is used up until then */
    int64_t wake;
    Certificate *certificates;
    Domain *domains;
    Times *sets;
    size_t n, n_domains, n_sets;
    Certificate *running[LIMIT_ORDERS], **held;
    const Certificate *probing; /* whose order is the one that is tried while the breaker is half open */
    size_t n_running, n_held;
    Life lives[3];
    Outages authority, network, down;
    int64_t revocation, revocation_longest;
    int64_t reachable; /* the longest that the authority was, while a chain that was due came to its end */
    size_t n_revocations, n_revoked;
    /* the ledger, and its file */
    Ledger *ledger;
    RateLimit longer[_LEDGER_LIMIT_MAX]; /* as long as the service takes them to be */
    char *file;
    size_t n_file, size_file, file_longest;
    unsigned n_restarts, n_lost, n_rewritten;
    /* what the authority counted */
    Times orders, minute;
    size_t most[_LEDGER_LIMIT_MAX], most_minute;
    unsigned n_over[_LEDGER_LIMIT_MAX], n_over_minute;
    uint64_t n_orders, n_exempt, n_events;
} Simulation;

extern const RateLimit limits[_LEDGER_LIMIT_MAX];

/* Memory that is not there ends the simulation. */
void *check_memory(void *p);
void check(int64_t r);

/* Chance: SplitMix64; from 0 to 1, neither included; and a moment. */
uint64_t chance(Simulation *s);
double fraction(Simulation *s);
int64_t between(Simulation *s, int64_t from, int64_t to);
int64_t seconds(const Simulation *s);

bool item_is_before(const Item *a, const Item *b);
void heap_push(Heap *h, Item item);
Item heap_pop(Heap *h);
void add_event(Simulation *s, Kind kind, const Certificate *c, int64_t at);

/* How many there are within the span that ends now. */
size_t times_add(Times *t, int64_t now, int64_t span);
void authority_count(Simulation *s, LedgerLimit limit, Times *times);

/* The first that ends after then. */
Outage *outage_after(const Outages *o, int64_t when);
bool is_down(const Outages *o, int64_t from, int64_t to);
bool directory_answers(const Simulation *s);
/* So many a year, each as likely to be of an order of magnitude as of another. */
void draw_outages(Simulation *s, Outages *o, double a_year, int64_t shortest, int64_t longest);
/* Stretches in which nothing changes, and orders come to nothing. */
void join_outages(Simulation *s);

/* What comes to its end without another. */
void count_end_of_chain(Simulation *s, const Certificate *c);
/* Prints the table and the tests; whether all was kept. */
bool print_results(Simulation *s, double took);
