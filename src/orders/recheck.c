/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "core/now.h"
#include "crypto/base64url.h"
#include "crypto/digest.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"

/* Self-checks without an order. A proof that neither the self-check nor the authority has found is not shown to the authority
 * again soon, to spare its limits. But its cause may be corrected at any time, so the self-check is repeated with a proof that no
 * authority has asked for. When it finds something else, the order need not wait any more. The steps, and what was found last,
 * are in the ledger. */

#define TOKEN_BYTES 16 /* RFC 8555 section 8: at least 128 bits */

struct Recheck {
    LIST_ENTRY(Recheck) entry;
    Orders *orders;
    LedgerFile *file; /* has the finding */
    char *certificate;
    char *name; /* that is looked for */
    SolverTask *task;
    RecheckDone done;
    void *userdata;
};

static Recheck *recheck_free(Recheck *c)
{
    if (!c)
        return NULL;
    (void)solver_task_end(c->task);
    free(c->certificate);
    free(c->name);
    free(c);
    return NULL;
}
DEFINE_CLEANUP(Recheck *, recheck_free);

static void recheck_leave(Recheck *c)
{
    LIST_REMOVE(c, entry);
    (void)recheck_free(c);
}

static bool can_look(const Orders *s)
{
    return s->settings->acme.self_check != CHECK_NO &&
           (!s->network || network_has_default_route(s->network));
}

static Solver *find_solver(const Orders *s, const SolverFinding *found)
{
    const Solving *v = &s->solving;

    for (size_t i = 0; i < v->n_ordered; i++)
        if (streq(v->ordered[i]->ops->type, found->solver) && v->ordered[i]->ops->checks_alone)
            return v->ordered[i];
    return NULL;
}

/* ---- its result */

/* Returns true if the next order need not wait: at any authority where the same was found. */
static bool release(Orders *s, const char *certificate)
{
    int64_t now = clock_now();
    bool released = false;
    LedgerFile *f;

    TAILQ_FOREACH (f, &s->ledgers, entry)
        if (!f->retired) {
            int r = ledger_note_changed(f->ledger, certificate, now);

            if (r != 0)
                ledger_file_changed(f, r);
            released |= r > 0;
        }
    return released;
}

/* A check that could not be made says nothing. */
static bool has_changed(const Recheck *c, const Problem *problem)
{
    uint64_t found = c->task->found;
    LedgerFinding known;

    if (!can_look(c->orders) || !ledger_finding(c->file->ledger, c->certificate, &known))
        return false;
    if (problem->code == PROBLEM_NONE)
        return true;
    return found != FINDING_NONE && found != FINDING_UNKNOWN && found != known.found.what;
}

static void on_ready(const Problem *problem, void *userdata)
{
    Recheck *c = userdata;
    Orders *s = c->orders;
    _cleanup_free_ char *certificate = NULL;
    bool released = has_changed(c, problem) && release(s, c->certificate);
    const char *text = problem->code == PROBLEM_NONE ? "It finds the proof." : strempty(problem->text);
    RecheckDone done = c->done;
    void *owner = c->userdata;

    if (released)
        log_info("%s: The self-check of %s has another result than before the last order. %s%s",
                 c->certificate, c->name, text, text_full_stop(text));
    else
        ledger_file_changed(c->file, ledger_note_looked(c->file->ledger, c->certificate, clock_now()));
    certificate = TAKE_PTR(c->certificate);
    recheck_leave(c);
    done(certificate, released, owner);
}

/* ---- beginning */

int orders_make_token(char **ret)
{
    uint8_t bytes[TOKEN_BYTES];
    int r = random_bytes(bytes, sizeof(bytes));

    if (r < 0)
        return r;
    *ret = base64url_encode(bytes, sizeof(bytes));
    return *ret ? 0 : -ENOMEM;
}

static int recheck_start(Recheck *c, Solver *solver, Problem *problem)
{
    _cleanup_free_ char *token = NULL, *thumbprint = NULL, *key_authorization = NULL;
    Proof proof = { .name = c->name };
    int r;

    if (!solver)
        return problem_set(problem, PROBLEM_CHALLENGE_FAILED,
                           "Challenges= does not contain its challenge any more.");
    if ((r = orders_make_token(&token)) < 0 || (r = orders_make_token(&thumbprint)) < 0)
        return r;
    if (asprintf(&key_authorization, "%s.%s", token, thumbprint) < 0) {
        key_authorization = NULL;
        return -ENOMEM;
    }
    proof.token = token;
    proof.thumbprint = thumbprint;
    proof.key_authorization = key_authorization;
    return solver->ops->start(solver, &proof, on_ready, c, &c->task, problem);
}

/* Returns the ledger whose finding is due first; NULL: there is none. */
static LedgerFile *find_due(Orders *s, char *const *names, const char *authority, const char *name,
                            LedgerFinding *ret)
{
    LedgerFile *best = NULL;

    FOREACH_AUTHORITY (a, s->settings) {
        LedgerFile *f = authority_suits(a, names, authority) ? ledger_file_get(s, a) : NULL;
        LedgerFinding known;

        if (f && ledger_finding(f->ledger, name, &known) && known.found.what != FINDING_NONE &&
            (!best || known.due < ret->due)) {
            *ret = known;
            best = f;
        }
    }
    return best;
}

static bool is_rechecked(const Orders *s, const char *name)
{
    const Recheck *c;

    LIST_FOREACH (c, &s->rechecks, entry)
        if (streq(c->certificate, name))
            return true;
    return false;
}

int64_t orders_next_recheck(Orders *s, char *const *names, const char *authority, const char *name,
                            bool *ret_soon)
{
    LedgerFinding known;

    *ret_soon = false;
    if (!can_look(s) || !find_due(s, names, authority, name, &known) || is_rechecked(s, name))
        return INT64_MAX;
    *ret_soon = known.soon;
    return known.due;
}

int orders_recheck(Orders *s, char *const *names, const char *authority, const char *name, RecheckDone done,
                   void *userdata)
{
    _cleanup_(recheck_freep) Recheck *c = NULL;
    _cleanup_problem_ Problem problem = {};
    LedgerFinding known;
    LedgerFile *f = find_due(s, names, authority, name, &known);
    int r = orders_open(s);

    if (r < 0 || !f || is_rechecked(s, name) || orders_running_rechecks(s) >= LIMIT_RECHECKS)
        return r;
    c = calloc(1, sizeof(Recheck));
    if (!c)
        return -ENOMEM;
    *c = (Recheck){ .orders = s, .file = f, .done = done, .userdata = userdata };
    if (text_set(&c->certificate, name) < 0 || text_set(&c->name, known.found.name) < 0)
        return -ENOMEM;
    r = recheck_start(c, find_solver(s, &known.found), &problem);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        log_debug("%s: Failed to repeat the self-check of %s: %s", name, c->name, strempty(problem.text));
        return ledger_file_changed(f, ledger_note_looked(f->ledger, name, clock_now()));
    }
    LIST_INSERT_HEAD(&s->rechecks, c, entry);
    TAKE_PTR(c);
    return 0;
}

/* ---- what is known, and the end */

bool orders_foresaw(const Orders *s, const char *certificate)
{
    const LedgerFile *f;
    LedgerFinding known;

    TAILQ_FOREACH (f, &s->ledgers, entry)
        if (!f->retired && ledger_finding(f->ledger, certificate, &known))
            return true;
    return false;
}

size_t orders_running_rechecks(const Orders *s)
{
    const Recheck *c;
    size_t n = 0;

    LIST_FOREACH (c, &s->rechecks, entry)
        n++;
    return n;
}

void orders_end_rechecks(Orders *s, char *const *names)
{
    Recheck *c, *next;

    for (c = LIST_FIRST(&s->rechecks); c; c = next) {
        next = LIST_NEXT(c, entry);
        if (strv_contains(names, c->name))
            recheck_leave(c);
    }
}

void orders_give_up_rechecks(Orders *s)
{
    while (!LIST_EMPTY(&s->rechecks))
        recheck_leave(LIST_FIRST(&s->rechecks));
}
