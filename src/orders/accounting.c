/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "core/now.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"
#include "util/timer.h"

/* What is asked of authorities is counted in their ledgers before it is asked, and what came of it afterwards. */

int ordering_note(Ordering *o)
{
    int64_t now = clock_now(), after = 0;
    Book *b = o->connection->book;
    int r = 0;

    if (o->tried != b && !o->reissue) {
        after = ledger_note_attempt(b->ledger, o->name, now);
        r = o->early && after >= 0 ? ledger_note_early(b->ledger, o->name, now) : 0;
    }
    if (after >= 0 && r >= 0)
        r = ledger_note_order(b->ledger, o->name, o->names, o->kind, now);
    if (after < 0 || r < 0)
        return -ENOMEM;
    o->tried = b;
    if (ledger_state(b->ledger, now) != LEDGER_CLOSED && !b->probing)
        b->probing = o;
    o->waits_for = b->noted + 1;
    book_changed(b);
    return 0;
}

void ordering_note_counted(Ordering *o)
{
    Book *b = o->connection->book;

    if (o->kind != LEDGER_IN_WINDOW || o->record->replaces)
        return;
    o->kind = LEDGER_NEW;
    if (ledger_note_order(b->ledger, o->name, o->names, o->kind, clock_now()) < 0)
        (void)log_oom();
    book_changed(b);
}

int ordering_note_resumed(Ordering *o)
{
    Book *b = o->connection->book;
    int64_t now = clock_now();

    o->tried = b;
    if (o->reissue || ledger_after(b->ledger, o->name) > now)
        return 0;
    if (ledger_note_resumed(b->ledger, o->name, now) < 0)
        return -ENOMEM;
    book_changed(b);
    return 0;
}

bool ordering_must_stay(Ordering *o, const AuthoritySettings *a)
{
    const Book *b = book_get(o->orders, a);
    int64_t now = clock_now();
    LedgerWait wait = { .until = b ? ledger_open_until(b->ledger) : now + READ_AGAIN,
                        .limit = b ? WAIT_OUTAGE : WAIT_READ };

    if (b && (o->reissue || o->manual || ledger_state(b->ledger, now) != LEDGER_OPEN))
        return false;
    o->until = wait.until;
    o->waited = o->keeps_record = true;
    ordering_explain_wait(o, a, &wait);
    return true;
}

void orders_unhold(Orders *s)
{
    Ordering *o;

    TAILQ_FOREACH (o, &s->orderings, entry)
        o->held = false;
}

void ordering_note_end(Ordering *o)
{
    int64_t now = clock_now();
    Book *b = o->connection->book;
    Ledger *l = b->ledger;
    int r = 0;

    if (o->bundle)
        r = ledger_note_issued(l, o->name);
    else if (o->owner != OWNER_WAITS)
        r = ledger_note_withdrawn(l, o->name, now);
    else if (o->answered ||
             (o->tried == b && !o->finalized && !o->resumed)) /* else there may be a certificate */
        r = ledger_note_failed(l, o->name, o->names, o->refused != 0, now);
    if (r < 0)
        (void)log_oom();
    if (!o->bundle && (o->tried == b || o->resumed))
        o->until = o->until > 0 ? MIN(o->until, ledger_after(l, o->name)) : ledger_after(l, o->name);
    if (b->probing == o)
        b->probing = NULL;
    orders_unhold(o->orders);
    if (o->bundle || o->answered)
        book_note_works(b);
    else if (o->at_authority && !problem_is_rate_limited(&o->problem))
        book_note_outage(b, o->retry_after);
    else
        book_changed(b);
}

static void explain_limit(Ordering *o, const AuthoritySettings *a, const LedgerWait *wait)
{
    static const char *const what[_LEDGER_LIMIT_MAX] = {
        [LEDGER_ORDERS] = "orders of one account",
        [LEDGER_DOMAIN] = "certificates for the domain ",
        [LEDGER_SET] = "certificates for exactly the same names",
        [LEDGER_FAILURES] = "failed validations of ",
    };
    const RateLimit *limit = a->limits + wait->limit;
    _cleanup_free_ char *text = NULL;
    char when[MOMENT_SIZE];

    if (asprintf(&text,
                 "The authority %s allows %u %s%s in %lld %s, which are used up; the order is placed at %s.",
                 a->name, limit->count, what[wait->limit], QUOTE(wait->subject, LIMIT_NAME),
                 (long long)(limit->span >= 7200 ? limit->span / 3600 : limit->span / 60),
                 limit->span >= 7200 ? "hours" : "minutes", moment_to_text(wait->until, when)) < 0)
        text = NULL;
    (void)problem_set_type(&o->problem, PROBLEM_LIMITS_EXCEEDED, "rateLimited", strempty(text));
}

void ordering_explain_wait(Ordering *o, const AuthoritySettings *a, const LedgerWait *wait)
{
    char when[MOMENT_SIZE];

    problem_clear(&o->problem);
    if (wait->limit < _LEDGER_LIMIT_MAX)
        explain_limit(o, a, wait);
    else if (wait->limit == WAIT_READ)
        problem_set(
            &o->problem, PROBLEM_STORAGE_FAILED,
            "What was asked of the authority %s before cannot be read, so nothing is asked of it now; see the journal, "
            "and acme/%s/ledger below the state directory.",
            a->name, a->name);
    else if (wait->limit == WAIT_AFTER)
        problem_set(
            &o->problem, PROBLEM_AUTHORITY_FAILED,
            "The last attempts at the authority %s came to nothing; the next one is made at %s, or at once by Reissue.",
            a->name, moment_to_text(wait->until, when));
    else if (wait->limit == WAIT_TRIED)
        problem_set(
            &o->problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s could not serve other orders just now, so this one was not placed; the next attempt "
            "can be made at %s.",
            a->name, moment_to_text(wait->until, when));
    else
        problem_set(
            &o->problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s was in trouble when it was asked last, and is left alone until %s; Reissue asks it "
            "at once.",
            a->name, moment_to_text(wait->until, when));
}

int64_t orders_after(Orders *s, char *const *names, const char *authority, const char *name)
{
    int64_t after = INT64_MAX;

    for (size_t i = 0; i < s->settings->n_authorities; i++) {
        const AuthoritySettings *a = s->settings->authorities + i;
        Book *b = authority_suits(a, names, authority) ? book_get(s, a) : NULL;

        if (b)
            after = MIN(after, ledger_after(b->ledger, name));
    }
    return after == INT64_MAX ? 0 : after;
}

bool orders_release(Orders *s, const char *authority, const char *name)
{
    bool released = false;
    Book *b;

    TAILQ_FOREACH (b, &s->books, entry)
        if (!b->retired && (!authority || streq(b->authority, authority)) &&
            ledger_note_released(b->ledger, name, clock_now()) > 0) {
            released = true;
            book_changed(b);
        }
    return released;
}
