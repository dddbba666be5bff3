/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/schedule.h"

/* What was asked of one authority, and what came of it: as much as decides when it may be asked again. Pure but for its own
 * memory; times in seconds since 1970-01-01 UTC. It is kept as lines of text (see below) of which new ones are only ever
 * appended: first to what ledger_take() gives to be written, then something is asked. */
typedef struct Ledger Ledger;

/* The published limits of an authority that are kept to. */
typedef enum LedgerLimit {
    LEDGER_ORDERS,   /* new orders of the account */
    LEDGER_DOMAIN,   /* certificates per registered domain (core/domain.h) */
    LEDGER_SET,      /* certificates for exactly the same names */
    LEDGER_FAILURES, /* failed validations of a name */
    _LEDGER_LIMIT_MAX,
} LedgerLimit;

typedef struct RateLimit {
    unsigned count; /* so many; 0: there is no limit */
    int64_t span;   /* within so many seconds, whenever they begin; at most LEDGER_SPAN_MAX */
} RateLimit;

#define LEDGER_SPAN_MAX (31 * INT64_C(86400))

typedef struct LedgerWait {
    int64_t until;     /* not later than the present: it need not wait */
    LedgerLimit limit; /* that it waits for the longest */
    char *subject;     /* domain or name that this one is for; NULL: it is for all, or memory was short */
} LedgerWait;

/* directory: URL of the authority that it is about. */
Ledger *ledger_new(const char *directory);
Ledger *ledger_free(Ledger *l);
DEFINE_CLEANUP(Ledger *, ledger_free);

/* Takes what was written before; lines that cannot be understood are passed over, and so is what is not worth keeping any
 * more. What was put off by days was so by a wrong clock, and is due, here and by ledger_text(). When the last line has no
 * end, the next that is taken begins with what ends it. -ESTALE when it is about another authority, or is no ledger; -ENOMEM. */
int ledger_read(Ledger *l, const char *text, size_t size, int64_t now);
/* Lines to be appended to what is there already; NULL when there is none. The caller's. */
char *ledger_take(Ledger *l);
/* Whether what is written, so many bytes with what was taken, is mostly of no use any more; then the whole anew is shorter. */
bool ledger_is_wasteful(const Ledger *l, size_t written);
/* The whole of it, instead of all that is there; NULL when memory is short. */
char *ledger_text(Ledger *l, int64_t now);

/* How an authority looks at an order (letsencrypt.org/docs/rate-limits). Failed validations are counted whatever it is. */
typedef enum LedgerOrder {
    LEDGER_NEW,       /* for names that it has not seen together: every limit counts */
    LEDGER_IN_WINDOW, /* it replaces a certificate of its own in its window (RFC 9773 section 5): no limit does */
    LEDGER_AGAIN, /* it is for just the names of a certificate of its own: that for certificates of the same names does */
} LedgerOrder;

/* Before an order for these names is made. The wait is to be ended by ledger_wait_done(). */
LedgerWait ledger_wait(const Ledger *l, const RateLimit limits[static _LEDGER_LIMIT_MAX], char *const *names,
                       LedgerOrder kind, int64_t now);
void ledger_wait_done(LedgerWait *wait);
/* An attempt for the certificate is about to be made: the next one that it makes by itself is this much later, unless it
 * comes to something. Returns that moment, or negative when memory is short. */
int64_t ledger_note_attempt(Ledger *l, const char *certificate, int64_t now);
/* The same for one that was interrupted by a stop of the service, and goes on: it is no other attempt. */
int64_t ledger_note_resumed(Ledger *l, const char *certificate, int64_t now);
/* And in it an order is placed. -ENOMEM. */
int ledger_note_order(Ledger *l, const char *certificate, char *const *names, LedgerOrder kind, int64_t now);
/* It came to a chain. */
int ledger_note_issued(Ledger *l, const char *certificate);
/* It did not: no certificate is counted. refused: the authority did not accept the proofs of its names. */
int ledger_note_failed(Ledger *l, const char *certificate, char *const *names, bool refused, int64_t now);
/* It was given up here, so that another one need not wait; what was placed stays counted. */
int ledger_note_withdrawn(Ledger *l, const char *certificate, int64_t now);
/* Attempts since the last that came to a chain, and when the next may be made; 0: whenever. */
unsigned ledger_attempts(const Ledger *l, const char *certificate);
int64_t ledger_after(const Ledger *l, const char *certificate);
/* What kept it from coming to a chain is over: it need not wait, unless proofs of its names were refused meanwhile, or it was
 * released for that as often as it may be until it comes to a chain. Whether it is released; -ENOMEM. */
int ledger_note_released(Ledger *l, const char *certificate, int64_t now);
/* New orders within the last so many seconds. */
unsigned ledger_recent_orders(const Ledger *l, int64_t span, int64_t now);

/* The circuit breaker. An authority that has failed twice in a row, for whichever certificate, is left alone for as long as a
 * certificate would be (schedule_retry()), but for six hours at most; then one order is tried. What has never come to an
 * order, as the authority could not be reached at all, is looked for once an hour besides, so that nothing waits for hours when
 * it comes back. */
typedef enum LedgerState {
    LEDGER_CLOSED,    /* it works as far as is known */
    LEDGER_OPEN,      /* it is left alone */
    LEDGER_HALF_OPEN, /* one order may be tried */
} LedgerState;
LedgerState ledger_state(const Ledger *l, int64_t now);
/* Until when it is left alone. */
int64_t ledger_open_until(const Ledger *l);
/* When it is due to be looked for; INT64_MAX: it need not be. */
int64_t ledger_probe_due(const Ledger *l);
/* retry_after: seconds that it wants to be left alone for; 0: not said. */
int ledger_note_outage(Ledger *l, int64_t retry_after, int64_t now);
int ledger_note_works(Ledger *l);
/* Its directory could be read, or not. Returns 1 when it has come back, so that what waits for it may be tried; -ENOMEM. */
int ledger_note_probe(Ledger *l, bool reached, int64_t now);
/* What kept it from being reached is over: it may be tried at once. */
int ledger_note_back(Ledger *l, int64_t now);

/* The window of renewal that it suggests for a certificate with this leaf. */
typedef struct LedgerWindow {
    RenewalWindow window;
    int64_t check;    /* when it is asked for again; 0: it was not asked for yet */
    const char *page; /* a URL for people that says why; NULL: none. Borrowed until the next note. */
} LedgerWindow;
LedgerWindow ledger_window(const Ledger *l, const char *certificate, const char *fingerprint);
int ledger_note_window(Ledger *l, const char *certificate, const char *fingerprint,
                       const LedgerWindow *window);
/* When it was renewed for the sake of a window last; 0: never. */
int64_t ledger_early(const Ledger *l, const char *certificate);
int ledger_note_early(Ledger *l, const char *certificate, int64_t now);
