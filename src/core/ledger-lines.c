/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/ledger-internal.h"

/* Each line states how something is now, regardless of earlier lines:
 *
 *     ledger 1 DIRECTORY                             the first one
 *     count TIME KEY                                 a counted event happened
 *     uncount TIME KEY                               an event does not count after all
 *     tried CERTIFICATE ATTEMPTS TIME ORDERED        ORDERED: time of the order that counts; 0: none
 *     again CERTIFICATE                              that order only counts for the same names
 *     refused CERTIFICATE                            the authority did not accept a proof in one of these attempts
 *     released CERTIFICATE TIMES                     the wait after an outage was ended this many times
 *     foreseen CERTIFICATE NAME SOLVER FINDING LOOKS TIME
 *                                                    found by the self-check before the last attempt, and when it is repeated
 *     unforeseen CERTIFICATE
 *     early CERTIFICATE TIME
 *     window CERTIFICATE FINGERPRINT CHECK START END PAGE
 *     breaker FAILURES OPENINGS UNTIL PROBE UNREACHED
 *
 * "-" is an empty word. */

int ledger_append(Ledger *l, const char *text, size_t n)
{
    size_t room = MAX(l->room, (size_t)256);
    char *grown = l->fresh;

    while (room <= l->n_fresh + n)
        room *= 2;
    if (!l->fresh || room > l->room)
        grown = realloc(l->fresh, room);
    if (!grown)
        return -ENOMEM;
    l->fresh = grown;
    l->room = room;
    memcpy(grown + l->n_fresh, text, n + 1);
    l->n_fresh += n;
    return 0;
}

int ledger_write_line(Ledger *l, const char *format, ...)
{
    _cleanup_free_ char *line = NULL;
    va_list ap;
    int n;

    if (l->reading)
        return 0;
    va_start(ap, format);
    n = vasprintf(&line, format, ap);
    va_end(ap);
    return n < 0 ? -ENOMEM : ledger_append(l, line, (size_t)n);
}

int ledger_write_attempt(Ledger *l, const Entry *e)
{
    int r = ledger_write_line(l, "tried %s %u %" PRIi64 " %" PRIi64 "\n", e->name, e->attempts, e->tried,
                              e->ordered);

    return r >= 0 && e->again ? ledger_write_line(l, "again %s\n", e->name) : r;
}

int ledger_write_refused(Ledger *l, const Entry *e)
{
    return ledger_write_line(l, "refused %s\n", e->name);
}

int ledger_write_window(Ledger *l, const Entry *e)
{
    return ledger_write_line(l, "window %s %s %" PRIi64 " %" PRIi64 " %" PRIi64 " %s\n", e->name,
                             e->fingerprint, e->check, e->window.start, e->window.end,
                             e->explanation_url ? e->explanation_url : "-");
}

int ledger_write_breaker(Ledger *l)
{
    const Breaker *b = &l->breaker;

    return ledger_write_line(l, "breaker %u %u %" PRIi64 " %" PRIi64 " %d\n", b->failures, b->openings,
                             b->until, b->probe, b->unreached);
}

char *ledger_take(Ledger *l)
{
    l->n_fresh = l->room = 0;
    return TAKE_PTR(l->fresh);
}

int ledger_write_count(Ledger *l, bool add, int64_t when, const char *key)
{
    return ledger_write_line(l, "%s %" PRIi64 " %s\n", add ? "count" : "uncount", when, key);
}

int ledger_write_early(Ledger *l, const Entry *e)
{
    return ledger_write_line(l, "early %s %" PRIi64 "\n", e->name, e->early);
}

int ledger_write_foreseen(Ledger *l, const Entry *e)
{
    const Foreseen *f = &e->foreseen;

    if (!f->name)
        return ledger_write_line(l, "unforeseen %s\n", e->name);
    return ledger_write_line(l, "foreseen %s %s %s %016" PRIx64 " %u %" PRIi64 "\n", e->name, f->name,
                             f->solver, f->what, f->looks, f->due);
}

int ledger_write_released(Ledger *l, const Entry *e)
{
    return ledger_write_line(l, "released %s %u\n", e->name, e->released);
}
