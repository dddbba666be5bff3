/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <uthash.h>

#include "core/ledger.h"

/* Shared by ledger-lines.c, which writes lines; ledger.c above it, which counts and decides; and ledger-text.c above
 * both, which reads and writes whole ledgers. */

#define LEDGER_FINGERPRINT 16 /* characters of it, enough to distinguish two leaves of the same name */

/* A key consists of a letter for the kind of counter, and of its subject. */
#define LEDGER_LETTERS "odsfx"
#define ORDERS_KEY     "o"
#define EXEMPT_KEY     "x" /* orders that the authority does not count, but OrdersPerMinute= does */

typedef struct Counter {
    char *key;
    int64_t *times; /* sorted */
    size_t n;
    UT_hash_handle hh;
} Counter;

/* A SolverFinding, and when to look again. */
typedef struct Foreseen {
    char *name; /* NULL: there is none */
    char *solver;
    uint64_t what;
    unsigned looks;
    int64_t due;
} Foreseen;

/* Of a certificate. */
typedef struct Entry {
    char *name;
    unsigned attempts;
    int64_t tried; /* the last attempt; earlier if the next need not wait for the whole back-off */
    int64_t early;
    int64_t ordered; /* when the order that counts a certificate was placed; 0: none */
    bool again;      /* it counts only for the same names */
    bool refused;
    unsigned released;
    Foreseen foreseen;
    char fingerprint[LEDGER_FINGERPRINT + 1]; /* of the leaf that the window is for; "": none */
    int64_t check;
    RenewalWindow window;
    char *explanation_url;
    UT_hash_handle hh;
} Entry;

typedef struct Breaker {
    unsigned failures, openings;
    int64_t until, probe;
    bool unreached; /* at the last probe */
} Breaker;

struct Ledger {
    char *directory;
    Counter *counters;
    Entry *entries;
    Breaker breaker;
    char *fresh; /* lines that were not taken yet */
    size_t n_fresh, room;
    size_t n_whole; /* size of the whole text when it was last read or written */
    bool reading;
};

/* ledger.c */
void counter_free(Ledger *l, Counter *c);
/* -ENOMEM. */
int counter_add(Ledger *l, const char *key, int64_t when);
int counter_remove(Ledger *l, const char *key, int64_t when);
/* Returns NULL on OOM. */
Entry *ledger_get_entry(Ledger *l, const char *name);
void entry_free(Ledger *l, Entry *e);
void foreseen_clear(Foreseen *f);
/* Like ledger_after(). */
int64_t entry_after(const Entry *e);
/* Lets the next attempt be made now. */
void entry_end_wait(Entry *e, int64_t now);

/* ledger-lines.c. Each appends one line to the result of ledger_take(). -ENOMEM. */
int ledger_write_line(Ledger *l, const char *format, ...) _printf_(2, 3);
int ledger_write_count(Ledger *l, bool add, int64_t when, const char *key);
int ledger_write_attempt(Ledger *l, const Entry *e);
int ledger_write_refused(Ledger *l, const Entry *e);
int ledger_write_released(Ledger *l, const Entry *e);
int ledger_write_foreseen(Ledger *l, const Entry *e);
int ledger_write_early(Ledger *l, const Entry *e);
int ledger_write_window(Ledger *l, const Entry *e);
int ledger_write_breaker(Ledger *l);
/* Appends any text of n bytes, without its NUL. */
int ledger_append(Ledger *l, const char *text, size_t n);
