/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/schedule.h"
#include "core/solver.h"

/* Records requests to one authority and their results, as far as needed to decide when the next one may be
 * made. Pure except for its own memory; times in seconds since 1970-01-01 UTC. It is kept as lines of text
 * (see below) that are only appended: the result of ledger_take() is written first, then the request is
 * made. */
typedef struct Ledger Ledger;

/* Rate limits published by an authority. */
typedef enum LedgerLimit {
    LEDGER_ORDERS,   /* new orders of the account */
    LEDGER_DOMAIN,   /* certificates per registered domain (core/registered-domain.h) */
    LEDGER_SET,      /* certificates for exactly the same names */
    LEDGER_FAILURES, /* failed validations of a name */
    _LEDGER_LIMIT_MAX,
} LedgerLimit;

typedef struct RateLimit {
    unsigned count; /* maximum number; 0: no limit */
    int64_t span;   /* within any period of this length in seconds; at most LEDGER_SPAN_MAX */
} RateLimit;

#define LEDGER_SPAN_MAX (31 * INT64_C(86400))

typedef struct LedgerWait {
    int64_t until;     /* in the past: no wait is needed */
    LedgerLimit limit; /* the one that requires the longest wait */
    char *subject;     /* domain or name that the limit applies to; NULL: the account, or OOM */
} LedgerWait;

/* directory: URL of the authority. */
Ledger *ledger_new(const char *directory);
Ledger *ledger_free(Ledger *l);
DEFINE_CLEANUP(Ledger *, ledger_free);

/* Reads the text written before; skips lines that cannot be parsed and entries that have become irrelevant.
 * Delays of days can only be due to a wrong clock and are dropped, here and by ledger_text(). If the last
 * line is incomplete, the next result of ledger_take() begins with a newline. -ESTALE if the text is of
 * another authority, or is no ledger; -ENOMEM. */
int ledger_read(Ledger *l, const char *text, size_t size, int64_t now);
/* Returns the lines to append to the file, or NULL if there are none. The caller frees them. */
char *ledger_take(Ledger *l);
/* Returns true if most of the text, of this size including what was taken, is obsolete, so that it should be
 * rewritten. */
bool ledger_is_wasteful(const Ledger *l, size_t written);
/* Returns the whole text, to replace the file; NULL on OOM. */
char *ledger_text(Ledger *l, int64_t now);

/* How an authority counts an order (letsencrypt.org/docs/rate-limits). Failed validations are always
 * counted. */
typedef enum LedgerOrder {
    LEDGER_NEW, /* for a new set of names: all limits apply */
    /* it replaces a certificate of this authority in its window (RFC 9773 section 5): no limit applies */
    LEDGER_IN_WINDOW,
    /* it is for the names of a certificate of this authority: only the limit for equal names applies */
    LEDGER_AGAIN,
} LedgerOrder;

/* Returns the wait before an order for these names. The caller releases it with ledger_wait_done(). */
LedgerWait ledger_wait(const Ledger *l, const RateLimit limits[static _LEDGER_LIMIT_MAX], char *const *names,
                       LedgerOrder kind, int64_t now);
void ledger_wait_done(LedgerWait *wait);
/* Records that an attempt for the certificate is about to be made, which delays the next automatic one
 * unless it succeeds. Returns the time of the next one, or a negative errno on OOM. */
int64_t ledger_note_attempt(Ledger *l, const char *certificate, int64_t now);
/* The same for an interrupted attempt that is resumed, which is not counted as another one. */
int64_t ledger_note_resumed(Ledger *l, const char *certificate, int64_t now);
/* Records that the attempt places an order. -ENOMEM. */
int ledger_note_order(Ledger *l, const char *certificate, char *const *names, LedgerOrder kind, int64_t now);
/* Records that the attempt succeeded. */
int ledger_note_issued(Ledger *l, const char *certificate);
/* Records that the attempt failed, so that no certificate is counted. refused: the authority did not accept
 * the proofs of the names. */
int ledger_note_failed(Ledger *l, const char *certificate, char *const *names, bool refused, int64_t now);
/* Takes back an attempt that could not be made, as this machine has no network, and its order; attempted: it was recorded by
 * ledger_note_attempt(). -ENOMEM. */
int ledger_note_unsent(Ledger *l, const char *certificate, char *const *names, bool attempted, int64_t now);
/* Records that the attempt failed as it was predicted here: the next one is made after 100 minutes at the earliest. -ENOMEM. */
int ledger_note_foreseen(Ledger *l, const char *certificate);

/* A self-check that had found no proof either. It is repeated after 1, 10 and 100 minutes, then every 100 minutes, until it finds
 * something else. */
typedef struct LedgerFinding {
    SolverFinding found; /* borrowed until the next note */
    int64_t due; /* the next self-check; INT64_MAX: none, as the maximum number of releases is reached */
    bool soon;   /* it is one of the first, minutes after the attempt */
} LedgerFinding;
/* Returns false if there is none: the last attempt succeeded, or failed otherwise. */
bool ledger_finding(const Ledger *l, const char *certificate, LedgerFinding *ret);
/* found: NULL for none. Continues with the steps if the same was found before. -ENOMEM. */
int ledger_note_finding(Ledger *l, const char *certificate, const SolverFinding *found, int64_t now);
/* Records that the self-check found the same again, or could not be made. -ENOMEM. */
int ledger_note_looked(Ledger *l, const char *certificate, int64_t now);
/* Records that the self-check finds something else: the next attempt need not wait. Returns whether it was released, as
 * ledger_note_released() does, but regardless of refused proofs. */
int ledger_note_changed(Ledger *l, const char *certificate, int64_t now);
/* Records that the attempt was cancelled locally, so that the next one need not wait; placed orders stay
 * counted. */
int ledger_note_withdrawn(Ledger *l, const char *certificate, int64_t now);
/* The number of attempts since the last success, and the time before which no other is made at this authority; 0: any time.
 * It is derived from the last attempt; only the record of the certificate stores such a time (order_after), before which none
 * is made anywhere. */
unsigned ledger_attempts(const Ledger *l, const char *certificate);
int64_t ledger_after(const Ledger *l, const char *certificate);
/* Records that the reason of the failure is gone: the next attempt need not wait, unless proofs of the names
 * were refused meanwhile, or the maximum number of releases since the last success is reached. Returns
 * whether it was released, or -ENOMEM. */
int ledger_note_released(Ledger *l, const char *certificate, int64_t now);
/* Returns the number of new orders within the last span seconds. */
unsigned ledger_recent_orders(const Ledger *l, int64_t span, int64_t now);

/* The circuit breaker. An authority that has failed twice in a row, for any certificates, is avoided for the
 * same period as a failed certificate (schedule_back_off()), but at most for six hours; then one order is
 * tried. An authority that was unreachable is also probed once an hour, so that nothing waits for hours
 * after it is back. */
typedef enum LedgerState {
    LEDGER_CLOSED,    /* it works as far as known */
    LEDGER_OPEN,      /* it is avoided */
    LEDGER_HALF_OPEN, /* one order may be tried */
} LedgerState;
LedgerState ledger_state(const Ledger *l, int64_t now);
/* Until when the authority is avoided. */
int64_t ledger_open_until(const Ledger *l);
/* When the next probe is due; INT64_MAX: never. */
int64_t ledger_probe_due(const Ledger *l);
/* retry_after: delay in seconds that the authority asked for; 0: none. */
int ledger_note_outage(Ledger *l, int64_t retry_after, int64_t now);
int ledger_note_works(Ledger *l);
/* Records the result of a probe. Returns 1 if the authority is back, so that waiting orders may be retried;
 * -ENOMEM. */
int ledger_note_probe(Ledger *l, bool reached, int64_t now);
/* Records that the reason why it was unreachable is gone: it may be tried immediately. */
int ledger_note_back(Ledger *l, int64_t now);

/* The renewal window that the authority suggests for a certificate with this leaf. */
typedef struct LedgerWindow {
    RenewalWindow window;
    int64_t check;               /* when it is queried next; 0: not queried yet */
    const char *explanation_url; /* explanation URL; NULL: none. Borrowed until the next note. */
} LedgerWindow;
LedgerWindow ledger_window(const Ledger *l, const char *certificate, const char *fingerprint);
int ledger_note_window(Ledger *l, const char *certificate, const char *fingerprint,
                       const LedgerWindow *window);
/* When the certificate was last renewed because of a window; 0: never. */
int64_t ledger_early(const Ledger *l, const char *certificate);
int ledger_note_early(Ledger *l, const char *certificate, int64_t now);
