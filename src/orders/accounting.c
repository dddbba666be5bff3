/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "core/now.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"
#include "util/timer.h"

/* Each order is counted in the ledger of its authority before it is placed, and its result is recorded afterwards. */

int ordering_note(Ordering *o)
{
    OrderAttempt *a = &o->attempt;
    LedgerFile *f = a->connection->file;
    int64_t now = clock_now(), after = 0;
    int r = 0;

    if (o->tried != f && !(o->flags & ORDERING_REISSUE)) {
        after = ledger_note_attempt(f->ledger, o->wanted.name, now);
        if (after >= 0 && o->flags & ORDERING_EARLY)
            r = ledger_note_early(f->ledger, o->wanted.name, now);
    }
    if (after >= 0 && r >= 0)
        r = ledger_note_order(f->ledger, o->wanted.name, o->wanted.names, a->kind, now);
    if (after < 0 || r < 0)
        return -ENOMEM;
    o->tried = f;
    if (ledger_state(f->ledger, now) != LEDGER_CLOSED && !f->outage.trial)
        f->outage.trial = o;
    a->waits_for = f->noted + 1;
    ledger_file_changed(f, 0);
    return 0;
}

void ordering_note_counted(Ordering *o)
{
    OrderAttempt *a = &o->attempt;
    LedgerFile *f = a->connection->file;

    if (a->kind != LEDGER_IN_WINDOW || a->record->replaces)
        return;
    a->kind = LEDGER_NEW;
    ledger_file_changed(f,
                        ledger_note_order(f->ledger, o->wanted.name, o->wanted.names, a->kind, clock_now()));
}

int ordering_note_resumed(Ordering *o)
{
    LedgerFile *f = o->attempt.connection->file;
    int64_t now = clock_now();

    o->tried = f;
    if (o->flags & ORDERING_REISSUE || ledger_after(f->ledger, o->wanted.name) > now)
        return 0;
    return ledger_file_changed(f, ledger_note_resumed(f->ledger, o->wanted.name, now)) < 0 ? -ENOMEM : 0;
}

bool ordering_must_stay(Ordering *o, const AuthoritySettings *a)
{
    const LedgerFile *f = ledger_file_get(o->orders, a);
    int64_t now = clock_now();
    LedgerWait wait = { .until = f ? ledger_open_until(f->ledger) : now + READ_AGAIN,
                        .limit = f ? WAIT_OUTAGE : WAIT_READ };

    if (f &&
        (o->flags & (ORDERING_REISSUE | ORDERING_MANUAL) || ledger_state(f->ledger, now) != LEDGER_OPEN))
        return false;
    ordering_note_wait(o, a, &wait);
    return true;
}

/* To spare the limits of the authority, what failed here and there alike is not tried soon. */
static int note_foreseen(Ordering *o, LedgerFile *f, int64_t now)
{
    const SolverFinding *found = o->attempt.foreseen.name ? &o->attempt.foreseen : NULL;
    const char *name = o->wanted.name;
    int r = ledger_note_finding(f->ledger, name, found, now);

    if (r < 0 || !found || o->flags & ORDERING_REISSUE)
        return r;
    return ledger_note_foreseen(f->ledger, name);
}

/* What an authority refused before another one issued does not matter any more. */
static void forget_findings(Orders *s, const char *name)
{
    LedgerFile *f;
    LedgerFinding known;

    TAILQ_FOREACH (f, &s->ledgers, entry)
        if (!f->retired && ledger_finding(f->ledger, name, &known))
            ledger_file_changed(f, ledger_note_finding(f->ledger, name, NULL, 0));
}

void ordering_note_end(Ordering *o)
{
    const OrderAttempt *a = &o->attempt;
    const char *name = o->wanted.name;
    LedgerFile *f = a->connection->file;
    bool issued = o->outcome.bundle, counted = o->tried == f && a->left != LEFT_CERTIFICATE && !a->resumed;
    bool offline = a->failure == FAILED_AT_AUTHORITY && ordering_is_offline(o);
    int64_t now = clock_now();
    int r = 0;

    if (issued)
        r = ledger_note_issued(f->ledger, name);
    else if (o->owner != OWNER_WAITS)
        r = ledger_note_withdrawn(f->ledger, name, now);
    else if (offline && counted && o->outcome.problem.unreachable && !a->record->url) /* nothing was sent */
        r = ledger_note_unsent(f->ledger, name, o->wanted.names, !(o->flags & ORDERING_REISSUE), now);
    else if (a->failure == FAILED_BY_ANSWER || counted) /* else there may be a certificate */
        r = ledger_note_failed(f->ledger, name, o->wanted.names, a->refused != 0, now);
    if (r >= 0 && (issued || o->owner == OWNER_WAITS))
        r = note_foreseen(o, f, now);
    if (r < 0)
        (void)log_oom();
    if (issued)
        forget_findings(o->orders, name);
    if (!issued && o->owner == OWNER_WAITS && o->tried == f)
        ordering_note_until(o, ledger_after(f->ledger, name));
    if (f->outage.trial == o)
        f->outage.trial = NULL;
    queue_unhold(o->orders);
    if (issued || a->failure == FAILED_BY_ANSWER)
        ledger_file_note_works(f);
    else if (a->failure == FAILED_AT_AUTHORITY && !offline && !problem_is_rate_limited(&o->outcome.problem))
        ledger_file_note_outage(f, a->retry_after);
    else
        ledger_file_changed(f, 0);
}

static void explain_limit(const AuthoritySettings *a, const LedgerWait *wait, Problem *problem)
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
    (void)problem_set_type(problem, PROBLEM_LIMITS_EXCEEDED, "rateLimited", strempty(text));
}

void wait_explain(const AuthoritySettings *a, const LedgerWait *wait, Problem *problem)
{
    static const char *const why[] = {
        [WAIT_OUTAGE] =
            "had an outage when it was last used; unless a reissue is requested, it is not used before",
        [WAIT_AFTER] =
            "completed none of the last orders; unless a reissue is requested, the next one is placed at",
        [WAIT_TRIED] =
            "has just failed to complete other orders, so this one was not placed; the next one can be "
            "placed at",
        [WAIT_LOST] =
            "cannot tell whether it has the order that was being placed when the service was stopped; "
            "another one is placed at",
    };
    char when[MOMENT_SIZE];

    if (wait->limit < _LEDGER_LIMIT_MAX)
        explain_limit(a, wait, problem);
    else if (wait->limit == WAIT_READ)
        problem_set(
            problem, PROBLEM_STORAGE_FAILED,
            "The record of earlier orders at the authority %s cannot be read, so nothing is ordered from it "
            "now; see the journal, and acme/%s/ledger below the state directory.",
            a->name, a->name);
    else
        problem_set(problem, PROBLEM_AUTHORITY_FAILED, "The authority %s %s %s.", a->name, why[wait->limit],
                    moment_to_text(wait->until, when));
}

int64_t orders_after(Orders *s, char *const *names, const char *authority, const char *name)
{
    int64_t after = INT64_MAX;

    FOREACH_AUTHORITY (a, s->settings) {
        LedgerFile *f = authority_suits(a, names, authority) ? ledger_file_get(s, a) : NULL;

        if (f)
            after = MIN(after, ledger_after(f->ledger, name));
    }
    return after == INT64_MAX ? 0 : after;
}

bool orders_release(Orders *s, const char *authority, const char *name)
{
    bool released = false;
    LedgerFile *f;

    TAILQ_FOREACH (f, &s->ledgers, entry)
        if (!f->retired && (!authority || streq(f->authority, authority)) &&
            ledger_note_released(f->ledger, name, clock_now()) > 0) {
            released = true;
            ledger_file_changed(f, 0);
        }
    return released;
}
