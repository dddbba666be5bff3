/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/authorization.h"

#include <errno.h>
#include <stdio.h>

#include "acme/header.h"
#include "core/limits.h"
#include "core/name.h"
#include "util/text.h"

#define WATCHED 8 /* authorizations per poll of the order */

/* The authorization of a name. */
typedef struct Authorization {
    Authorizations *all;
    char *url;
    AcmeCall *call;
    AcmeAuthorization *object;
    SolverTask *task;
    size_t solver;   /* current solver; n: none yet */
    unsigned tried;  /* solvers whose self-check failed, as bits */
    size_t fallback; /* the first of them whose self-check only advises; n: none */
    size_t forced; /* the solver with which the authority is asked, whatever the self-check finds; n: none */
    const AcmeChallenge *challenge;
    char *key_authorization;
    bool told;   /* the authority was asked to validate */
    bool seen;   /* and may have done so */
    bool done;   /* nothing left to do */
    bool proved; /* since it was told */
    Problem problem;
    Problem finding;     /* of a self-check that advises */
    SolverFinding found; /* the same, without a name */
} Authorization;

struct Authorizations {
    AcmeClient *client;
    const OrderSolvers *solvers;
    char *const *names;
    const AuthorizationsObserver *observer;
    void *userdata;
    bool explaining;
    bool holds_key; /* proofs contain its thumbprint */
    size_t solver;
    const Authorization
        *refused; /* whose proof was not accepted, preferably with a finding; NULL: not known */
    size_t next;  /* to be looked at while the order is pending */
    size_t n;
    Authorization items[];
};

static const char *whose(const Authorizations *s)
{
    return acme_client_authority(s->client)->name;
}

static void fail(Authorizations *s, const Problem *problem, bool at_authority)
{
    s->observer->failed(&(AcmeFailure){ problem, 0, at_authority }, s->userdata);
}

static bool all_seen(const Authorizations *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (!s->items[i].done || (s->items[i].told && !s->items[i].seen))
            return false;
    return true;
}

static void maybe_end(Authorizations *s)
{
    const Problem *first = NULL;

    for (size_t i = 0; i < s->n; i++) {
        if (!s->items[i].done)
            return;
        if (s->items[i].problem.code != PROBLEM_NONE && !first)
            first = &s->items[i].problem;
    }
    if (first) {
        fail(s, first, false);
        return;
    }
    s->observer->validating(s->userdata);
    if (all_seen(s))
        s->observer->seen(s->userdata);
}

/* The self-check requests proofs as well, but before the authority does. Once all proofs have been
 * requested, the authority is likely to be satisfied. */
static void on_seen(void *userdata)
{
    Authorization *a = userdata;

    if (a->seen || (!a->told && !a->call))
        return;
    a->seen = true;
    if (all_seen(a->all))
        a->all->observer->seen(a->all->userdata);
}

static void authorization_keep_problem(Authorization *a, int r, Problem *problem)
{
    problem_set_errno(problem, r, "Proving a name");
    if (a->problem.code == PROBLEM_NONE)
        problem_move(problem, &a->problem);
}

static void authorization_fail(Authorization *a, int r, Problem *problem)
{
    authorization_keep_problem(a, r, problem);
    a->done = true;
    maybe_end(a->all);
}

/* ---- refused proofs */

static void explain(const Authorization *a, Problem *problem)
{
    for (size_t i = 0; a->object && i < a->object->n_challenges; i++)
        if (a->object->challenges[i].problem) {
            _cleanup_problem_ Problem one = {};

            (void)acme_problem_describe(a->object->challenges[i].problem, whose(a->all), ACME_ABOUT_PROOF,
                                        &one);
            problem_set_type(problem, one.code, strempty(one.type), strempty(one.text));
        }
}

static bool was_refused(const Authorization *a)
{
    for (size_t i = 0; a->object && i < a->object->n_challenges; i++)
        if (a->object->challenges[i].problem || a->object->challenges[i].status == ACME_INVALID)
            return true;
    return a->object && a->object->status == ACME_INVALID;
}

static void note_refused(const Authorization *a)
{
    Authorizations *s = a->all;

    if (!s->refused || s->refused->finding.code == PROBLEM_NONE)
        s->refused = a;
}

static void describe_status(const Authorization *a, AcmeStatus status, Problem *problem)
{
    if (status == ACME_INVALID)
        problem_set(
            problem, PROBLEM_AUTHORITY_REFUSED,
            "The authority %s did not accept the proof for %s, and gave no reason; check that the name points to this "
            "machine.",
            whose(a->all), a->object->name);
    else
        problem_set(problem, PROBLEM_AUTHORITY_REFUSED,
                    "The authority %s accepts no proof for %s: its authorization is already %s.",
                    whose(a->all), a->object->name, acme_status_to_string(status));
}

/* Ends the order at once, as if it had become invalid: some authorities leave it pending (RFC 8555 section 7.5.1). */
static void authorization_refuse(Authorization *a, AcmeStatus status, const AcmeProblem *why)
{
    _cleanup_problem_ Problem problem = {};
    Authorizations *s = a->all;

    if (why)
        (void)acme_problem_describe(why, whose(s), ACME_ABOUT_PROOF, &problem);
    explain(a, &problem);
    describe_status(a, status, &problem);
    s->solver = a->solver;
    note_refused(a);
    s->observer->explained(&problem, s->userdata);
}

static const AcmeChallenge *find_challenge(const AcmeAuthorization *object, const char *type)
{
    for (size_t i = 0; i < object->n_challenges; i++)
        if (object->challenges[i].token && streq(object->challenges[i].type, type))
            return object->challenges + i;
    return NULL;
}

/* Returns true if the authorization, or the challenge that was answered, cannot become valid any more. */
static bool has_failed(const Authorization *a, AcmeStatus *ret)
{
    const Solver *solver = a->all->solvers->list[a->solver];
    const AcmeChallenge *challenge = find_challenge(a->object, solver->ops->type);

    *ret = a->object->status;
    if (a->object->status == ACME_PENDING && challenge)
        *ret = challenge->status;
    return *ret != ACME_PENDING && *ret != ACME_PROCESSING && *ret != ACME_VALID;
}

static int take_authorization(Authorization *a, const AcmeReply *reply, Problem *problem);

/* A reply that cannot be used is left to the order's next poll. */
static void on_watched(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    Authorization *a = userdata;
    AcmeStatus status;

    a->call = NULL;
    if (failure || take_authorization(a, reply, NULL) < 0)
        return;
    a->proved = a->object->status == ACME_VALID;
    if (has_failed(a, &status))
        authorization_refuse(a, status, NULL);
}

void authorizations_watch(Authorizations *s)
{
    size_t n_asked = 0;

    for (size_t i = 0; i < s->n && n_asked < WATCHED; i++) {
        Authorization *a = s->items + s->next;
        AcmeRequest request = { .url = a->url, .type = TYPE_JSON };

        s->next = (s->next + 1) % s->n;
        if (!a->told || a->proved || a->call)
            continue;
        if (acme_client_send(s->client, &request, on_watched, a, &a->call) >= 0)
            n_asked++;
    }
}

/* The authority may have validated the proof already. */
static void on_told(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_(acme_challenge_freep) AcmeChallenge *challenge = NULL;
    Authorization *a = userdata;

    a->call = NULL;
    if (failure) {
        a->all->observer->failed(failure, a->all->userdata);
        return;
    }
    problem_clear(&a->problem); /* of a solver that failed before */
    a->told = a->done = true;
    if (acme_challenge_parse(whose(a->all), reply->body, reply->size, &challenge, NULL) >= 0 &&
        challenge->status == ACME_INVALID)
        authorization_refuse(a, ACME_INVALID, challenge->problem);
    else
        maybe_end(a->all);
}

/* ---- proving a name */

static void authorization_start(Authorization *a);
static size_t choose_solver(Authorization *a, char **reasons);

/* Returns true if the proof is for the account's present key. */
static bool proof_is_current(const Authorization *a)
{
    return text_ends_with(a->key_authorization, account_key_thumbprint(acme_client_key(a->all->client)));
}

/* Returns true if the authority is asked in spite of what the self-check found: no other solver is left to be tried. */
static bool is_last_resort(Authorization *a, const Problem *problem)
{
    _cleanup_free_ char *reasons = NULL;
    size_t n = a->all->solvers->n;

    if (!a->task->advises)
        return false;
    if (a->finding.code == PROBLEM_NONE) {
        (void)problem_copy(problem, &a->finding);
        a->found =
            (SolverFinding){ .solver = a->all->solvers->list[a->solver]->ops->type, .what = a->task->found };
    }
    if (a->forced == a->solver)
        return true;
    if (a->fallback < n)
        return false;
    a->fallback = a->solver;
    return choose_solver(a, &reasons) == n;
}

static void on_ready(const Problem *problem, void *userdata)
{
    Authorization *a = userdata;
    Authorizations *s = a->all;
    AcmeRequest request = {
        .url = a->challenge->url, .subject = ACME_ABOUT_PROOF, .payload = "{}", .type = TYPE_JSON
    };
    _cleanup_problem_ Problem wrong = {};
    int r;

    if (!proof_is_current(a)) {
        a->tried &= ~(1U << a->solver);
        a->task = solver_task_end(a->task);
        authorization_start(a);
        return;
    }
    if (problem->code != PROBLEM_NONE && !is_last_resort(a, problem)) {
        /* The authority was not involved; another solver may succeed. The first problem is the one to
         * report. */
        if (a->problem.code == PROBLEM_NONE)
            (void)problem_copy(problem, &a->problem);
        a->task = solver_task_end(a->task);
        authorization_start(a);
        return;
    }
    if (problem->code == PROBLEM_NONE)
        problem_clear(&a->finding); /* of another solver */
    s->observer->progress(0.4, "requesting validation", s->userdata);
    r = acme_client_send(s->client, &request, on_told, a, &a->call);
    if (r < 0)
        authorization_fail(a, r, &wrong);
}

/* Rank of a solver: the last successful one first, the last failed ones last. */
static unsigned rank(const OrderSolvers *s, size_t i)
{
    if (s->failed & (1U << i))
        return 2;
    return s->preferred && streq(s->preferred, s->list[i]->ops->type) ? 0 : 1;
}

/* Returns the next solver for the name; n with the reasons if there is none. */
static size_t choose_solver(Authorization *a, char **reasons)
{
    const OrderSolvers *x = a->all->solvers;
    size_t best = x->n;

    for (size_t i = 0; i < x->n; i++) {
        _cleanup_problem_ Problem why = {};
        const AcmeChallenge *challenge;
        Solver *s = x->list[i];

        if (a->tried & (1U << i))
            continue;
        challenge = find_challenge(a->object, s->ops->type);
        if (!s->ops->suits(s, a->object->name, a->object->wildcard, &why))
            (void)solver_add_reason(reasons, strempty(why.text));
        else if (!challenge || challenge->status == ACME_INVALID) {
            problem_set(&why, PROBLEM_CHALLENGE_FAILED, "The authority %s %s %s for it", whose(a->all),
                        challenge ? "has already refused" : "does not offer", s->ops->type);
            (void)solver_add_reason(reasons, strempty(why.text));
        } else if (best == x->n || rank(x, i) < rank(x, best))
            best = i;
    }
    return best;
}

static int solve(Authorization *a, Problem *problem)
{
    Authorizations *all = a->all;
    const AccountKey *key = acme_client_key(all->client);
    Solver *s = all->solvers->list[a->solver];
    Proof proof;
    int r;

    a->challenge = find_challenge(a->object, s->ops->type);
    free(a->key_authorization);
    if (asprintf(&a->key_authorization, "%s.%s", a->challenge->token, account_key_thumbprint(key)) < 0) {
        a->key_authorization = NULL;
        return -ENOMEM;
    }
    proof = (Proof){
        .name = a->object->name,
        .wildcard = a->object->wildcard,
        .token = a->challenge->token,
        .key_authorization = a->key_authorization,
        .thumbprint = account_key_thumbprint(key),
    };
    all->solver = a->solver;
    if (!all->holds_key)
        acme_client_hold_key(all->client);
    all->holds_key = true;
    r = s->ops->start(s, &proof, on_ready, a, &a->task, problem);
    if (r >= 0)
        a->task->seen = on_seen;
    return r;
}

static void authorization_start(Authorization *a)
{
    size_t n = a->all->solvers->n;

    for (;;) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_free_ char *reasons = NULL;
        int r;

        a->solver = choose_solver(a, &reasons);
        if (a->solver == n) {
            a->solver = a->forced = a->fallback;
            a->fallback = n;
        }
        if (a->solver == n) {
            problem_set(&problem, PROBLEM_CHALLENGE_FAILED, "There is no way to prove %s%s. %s",
                        a->object->wildcard ? "*." : "", a->object->name, strempty(reasons));
            authorization_fail(a, -EHOSTUNREACH, &problem);
            return;
        }
        a->tried |= 1U << a->solver;
        r = solve(a, &problem);
        if (r >= 0)
            return;
        authorization_keep_problem(a, r, &problem);
    }
}

/* ---- authorizations */

void authorizations_explain(Authorizations *s, Problem *problem)
{
    for (size_t i = 0; i < s->n && problem->code == PROBLEM_NONE; i++)
        explain(s->items + i, problem);
    for (size_t i = 0; i < s->n; i++)
        if (was_refused(s->items + i))
            note_refused(s->items + i);
}

static void maybe_explain(Authorizations *s)
{
    _cleanup_problem_ Problem problem = {};

    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].call)
            return;
    authorizations_explain(s, &problem);
    s->observer->explained(&problem, s->userdata);
}

static int take_authorization(Authorization *a, const AcmeReply *reply, Problem *problem)
{
    Authorizations *s = a->all;
    _cleanup_free_ char *name = NULL;
    AcmeAuthorization *object;
    int r;

    r = acme_authorization_parse(whose(s), reply->body, reply->size, &object, problem);
    if (r < 0)
        return r;
    acme_authorization_free(a->object);
    a->object = object;
    a->challenge = NULL;
    if (asprintf(&name, "%s%s", object->wildcard ? "*." : "", object->name) < 0) {
        name = NULL;
        return -ENOMEM;
    }
    if (!strv_contains(s->names, name))
        return problem_set(problem, PROBLEM_AUTHORITY_FAILED,
                           "The authority %s requires proof for %s, which is not in the order.", whose(s),
                           name);
    return 0;
}

static void on_authorization(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Authorization *a = userdata;
    Authorizations *s = a->all;
    int r;

    a->call = NULL;
    if (failure && !s->explaining) {
        s->observer->failed(failure, s->userdata);
        return;
    }
    r = failure ? 0 : take_authorization(a, reply, &problem);
    if (s->explaining)
        maybe_explain(s);
    else if (r < 0) {
        problem_set_errno(&problem, r, "Ordering a certificate");
        fail(s, &problem, problem.code == PROBLEM_AUTHORITY_FAILED);
    } else if (a->object->status == ACME_VALID) { /* proved before */
        a->done = true;
        maybe_end(s);
    } else if (a->object->status != ACME_PENDING) {
        explain(a, &problem);
        describe_status(a, a->object->status, &problem);
        authorization_fail(a, -EREMOTEIO, &problem);
    } else
        authorization_start(a);
}

int authorizations_fetch(Authorizations *s, bool explain)
{
    int r = 0;

    s->explaining = explain;
    for (size_t i = 0; i < s->n && r >= 0; i++) {
        Authorization *a = s->items + i;
        AcmeRequest request = { .url = a->url, .type = TYPE_JSON };

        a->call = acme_call_cancel(a->call);
        r = acme_client_send(s->client, &request, on_authorization, a, &a->call);
    }
    return r;
}

void authorizations_settle(Authorizations *s)
{
    if (s->holds_key)
        acme_client_release_key(s->client);
    s->holds_key = false;
}

/* Returns the name as the order has it; NULL: it has none like that. */
static const char *name_of(const Authorization *a)
{
    for (size_t i = 0; a->object && a->all->names[i]; i++)
        if (streq(name_base(a->all->names[i]), a->object->name) &&
            name_is_wildcard(a->all->names[i]) == a->object->wildcard)
            return a->all->names[i];
    return NULL;
}

static const Authorization *find_finding(const Authorizations *s)
{
    if (s->refused && s->refused->finding.code != PROBLEM_NONE)
        return s->refused;
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].finding.code != PROBLEM_NONE && !s->items[i].proved)
            return s->items + i;
    return NULL;
}

const Problem *authorizations_finding(const Authorizations *s)
{
    const Authorization *a = find_finding(s);

    return a ? &a->finding : NULL;
}

bool authorizations_were_foreseen(const Authorizations *s, SolverFinding *ret)
{
    const Authorization *a = find_finding(s);
    const char *name = a ? name_of(a) : NULL;

    if (!name || (s->refused && s->refused != a)) /* another name was refused */
        return false;
    *ret = a->found;
    ret->name = name;
    return true;
}

size_t authorizations_solver(const Authorizations *s)
{
    return s->solver;
}

int authorizations_new(AcmeClient *client, const OrderSolvers *solvers, char *const *names,
                       char *const *urls, const AuthorizationsObserver *observer, void *userdata,
                       Authorizations **ret)
{
    size_t n = strv_length(urls);
    Authorizations *s = calloc(1, sizeof(Authorizations) + n * sizeof(Authorization));

    if (!s)
        return -ENOMEM;
    *s = (Authorizations){ client, solvers, names, observer, userdata, .solver = solvers->n, .n = n };
    for (size_t i = 0; i < n; i++) {
        s->items[i] = (Authorization){ .all = s,
                                       .url = strdup(urls[i]),
                                       .solver = solvers->n,
                                       .fallback = solvers->n,
                                       .forced = solvers->n };
        if (!s->items[i].url) {
            authorizations_free(s);
            return -ENOMEM;
        }
    }
    *ret = s;
    return 0;
}

Authorizations *authorizations_free(Authorizations *s)
{
    if (s)
        authorizations_settle(s);
    for (size_t i = 0; s && i < s->n; i++) {
        Authorization *a = s->items + i;

        acme_call_cancel(a->call);
        (void)solver_task_end(a->task);
        acme_authorization_free(a->object);
        problem_clear(&a->problem);
        problem_clear(&a->finding);
        free(a->key_authorization);
        free(a->url);
    }
    free(s);
    return NULL;
}
