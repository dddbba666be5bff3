/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "config/settings.h"
#include "core/now.h"
#include "core/solver.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"

/* Everything for a chain but placing the order: the authority that would be asked answers, its limits permit an order, and
 * each name can be proved with a token that is made up. One step after the other; the event loop runs the next one when
 * `next` is enabled. */

struct Rehearsal {
    TAILQ_ENTRY(Rehearsal) entry;
    Orders *orders;
    Settings *settings; /* when it began */
    char **names, *authority;
    RehearsalDone done;
    void *userdata;
    RehearsalFinding findings[LIMIT_FINDINGS];
    size_t n_findings;
    sd_event_source *next;
    Connection *connection; /* NULL: not asked yet */
    AcmeCall *call;         /* for the directory */
    bool asked;
    size_t name, solver; /* that are proved next */
    SolverTask *task;
    const char *type;                /* of the challenge of the task; static */
    char *token, *key_authorization; /* likewise */
    Problem found;                   /* by the task that has ended */
};

static void rehearsal_free(Rehearsal *r)
{
    TAILQ_REMOVE(&r->orders->rehearsals, r, entry);
    for (size_t i = 0; i < r->n_findings; i++)
        free(r->findings[i].text);
    sd_event_source_disable_unref(r->next);
    if (r->call)
        acme_call_cancel(r->call);
    solver_task_end(r->task);
    connection_release(r->connection);
    problem_clear(&r->found);
    free(r->token);
    free(r->key_authorization);
    strv_free(r->names);
    free(r->authority);
    settings_unref(r->settings);
    free(r);
}

static void rehearsal_end(Rehearsal *r, const Problem *problem)
{
    r->done(r->findings, r->n_findings, problem, r->userdata);
    rehearsal_free(r);
}

/* The text is copied; more than there is room for are dropped. */
static void rehearsal_note(Rehearsal *r, const char *check, bool passed, const char *text)
{
    RehearsalFinding *f = r->findings + r->n_findings;
    char *copy = r->n_findings < ELEMENTSOF(r->findings) ? strdup(text) : NULL;

    if (!copy)
        return;
    *f = (RehearsalFinding){ .check = check, .passed = passed, .text = copy };
    r->n_findings++;
}

static void rehearsal_note_problem(Rehearsal *r, const char *check, const Problem *problem)
{
    rehearsal_note(r, check, false, strempty(problem->text));
}

static void rehearsal_go_on(Rehearsal *r)
{
    (void)sd_event_source_set_enabled(r->next, SD_EVENT_ONESHOT);
}

/* ---- authority */

static const AuthoritySettings *rehearsal_choose(const Rehearsal *r)
{
    FOREACH_AUTHORITY (a, r->settings)
        if (authority_suits(a, r->names, r->authority))
            return a;
    return NULL;
}

static void rehearsal_note_limits(Rehearsal *r)
{
    const AuthoritySettings *a = r->connection->authority;
    const LedgerFile *f = r->connection->file;
    int64_t now = clock_now();
    _cleanup_(ledger_wait_done) LedgerWait wait =
        ledger_wait(f->ledger, a->limits, r->names, LEDGER_NEW, now);
    _cleanup_problem_ Problem problem = {};
    _cleanup_free_ char *text = NULL;
    const RateLimit *limit = a->limits + LEDGER_ORDERS;

    if (ledger_state(f->ledger, now) == LEDGER_OPEN && wait.until <= now)
        wait = (LedgerWait){ .until = ledger_open_until(f->ledger), .limit = WAIT_OUTAGE };
    if (wait.until > now) {
        wait_explain(a, &wait, &problem);
        rehearsal_note_problem(r, "limits", &problem);
    } else if (limit->count == 0) {
        rehearsal_note(r, "limits", true, "An order can be placed now.");
    } else if (asprintf(&text, "An order can be placed now; %u of %u orders are left.",
                        limit->count - MIN(ledger_recent_orders(f->ledger, limit->span, now), limit->count),
                        limit->count) >= 0) {
        rehearsal_note(r, "limits", true, text);
    }
}

static void on_directory(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    Rehearsal *r = userdata;
    const AuthoritySettings *a = r->connection->authority;
    _cleanup_free_ char *text = NULL;

    r->call = NULL;
    if (!reply)
        rehearsal_note_problem(r, "authority", failure->problem);
    else if (asprintf(&text, "%s answers at %s.", a->name, a->directory) >= 0)
        rehearsal_note(r, "authority", true, text);
    rehearsal_note_limits(r);
    rehearsal_go_on(r);
}

static int rehearsal_ask(Rehearsal *r)
{
    static const AcmeRequest request = { .resource = ACME_DIRECTORY };
    const AuthoritySettings *a = rehearsal_choose(r);
    _cleanup_problem_ Problem why = {};
    int k;

    r->asked = true;
    if (!acme_settings_suit(r->settings, r->names, r->authority, &why) || !a) {
        rehearsal_note_problem(r, "names", &why);
        r->name = strv_length(r->names);
        return 0;
    }
    rehearsal_note(r, "names", true, "An authority may be asked for them.");
    k = connection_get(r->orders, a, &r->connection);
    if (k < 0)
        return k;
    acme_client_doubt_directory(r->connection->client);
    k = acme_client_send(r->connection->client, &request, on_directory, r, &r->call);
    return k < 0 ? k : 1;
}

/* ---- proofs */

static void on_ready(const Problem *problem, void *userdata)
{
    Rehearsal *r = userdata;

    problem_clear(&r->found);
    if (problem->code != PROBLEM_NONE)
        (void)problem_set(&r->found, problem->code, "%s", strempty(problem->text));
    rehearsal_go_on(r);
}

/* Returns true if no other way is to be tried. */
static bool rehearsal_note_proof(Rehearsal *r)
{
    const char *name = r->names[r->name];
    _cleanup_free_ char *text = NULL;
    bool found = r->found.code == PROBLEM_NONE;

    if (asprintf(&text, found ? "%s by %s%s%s" : "%s by %s: %s%s", name, r->type, found ? "" : r->found.text,
                 found && r->settings->acme.self_check == CHECK_NO
                     ? ", as far as it is looked for (SelfCheck=no)."
                     : "") < 0)
        return true;
    rehearsal_note(r, "proof", found, text);
    return found;
}

static int rehearsal_make_token(Rehearsal *r)
{
    int k;

    free(r->token);
    free(r->key_authorization);
    r->token = r->key_authorization = NULL;
    k = orders_make_token(&r->token);
    if (k < 0)
        return k;
    if (asprintf(&r->key_authorization, "%s.rehearsal", r->token) < 0) {
        r->key_authorization = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int rehearsal_prove(Rehearsal *r, Solver *solver, const char *name, bool wildcard)
{
    int k = rehearsal_make_token(r);
    const Proof proof = { .name = name,
                          .wildcard = wildcard,
                          .token = r->token,
                          .key_authorization = r->key_authorization,
                          .thumbprint = "rehearsal" };

    r->type = solver->ops->type;
    problem_clear(&r->found);
    if (k >= 0)
        k = solver->ops->start(solver, &proof, on_ready, r, &r->task, &r->found);
    return k < 0 && r->found.code == PROBLEM_NONE ? problem_set_errno(&r->found, k, "Proving the name") : k;
}

/* Starts the next proof; returns 0 if there is none. */
static int rehearsal_prove_next(Rehearsal *r)
{
    const Solving *v = &r->orders->solving;

    for (; r->names[r->name]; r->name++, r->solver = 0) {
        const char *name = r->names[r->name];
        bool wildcard = strncmp(name, "*.", 2) == 0, any = r->solver > 0;
        _cleanup_problem_ Problem why = {};

        for (; r->solver < v->n_ordered; r->solver++) {
            Solver *s = v->ordered[r->solver];
            _cleanup_problem_ Problem unused = {};

            if (!s->ops->suits(s, wildcard ? name + 2 : name, wildcard, &unused))
                continue;
            any = true;
            if (rehearsal_prove(r, s, wildcard ? name + 2 : name, wildcard) >= 0)
                return 1;
            (void)rehearsal_note_proof(r);
        }
        if (!any && !solvers_suit(v->ordered, v->n_ordered, name, &why))
            rehearsal_note_problem(r, "proof", &why);
    }
    return 0;
}

static void rehearsal_take_proof(Rehearsal *r)
{
    bool enough = rehearsal_note_proof(r);

    r->task = solver_task_end(r->task);
    r->solver++;
    if (!enough)
        return;
    r->name++;
    r->solver = 0;
}

/* ---- all steps */

static int on_next(sd_event_source *source _unused_, void *userdata)
{
    Rehearsal *r = userdata;
    _cleanup_problem_ Problem problem = {};
    int k = 0;

    if (r->task)
        rehearsal_take_proof(r);
    if (!r->asked)
        k = rehearsal_ask(r);
    if (k == 0 && r->connection)
        k = rehearsal_prove_next(r);
    if (k > 0)
        return 0;
    if (k < 0)
        (void)problem_set_errno(&problem, k, "Testing the order");
    rehearsal_end(r, &problem);
    return 0;
}

int orders_rehearse(Orders *s, char *const *names, const char *authority, RehearsalDone done, void *userdata)
{
    Rehearsal *r = calloc(1, sizeof(Rehearsal));
    int k;

    if (!r)
        return -ENOMEM;
    *r = (Rehearsal){
        .orders = s, .settings = settings_ref(s->settings), .done = done, .userdata = userdata
    };
    TAILQ_INSERT_TAIL(&s->rehearsals, r, entry);
    k = orders_open(s);
    if (k >= 0)
        k = strv_copy(names, &r->names);
    if (k >= 0)
        k = text_set(&r->authority, authority);
    if (k >= 0)
        k = sd_event_add_defer(s->event, &r->next, on_next, r);
    if (k < 0)
        rehearsal_free(r);
    return k;
}

void orders_give_up_rehearsals(Orders *s)
{
    _cleanup_problem_ Problem stopped = {};
    Rehearsal *r;

    problem_set(&stopped, PROBLEM_CANCELLED, "The service stops.");
    while ((r = TAILQ_FIRST(&s->rehearsals)))
        rehearsal_end(r, &stopped);
}
