/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "acme/header.h"
#include "acme/order-internal.h"
#include "util/text.h"

/* The authorizations of an order (RFC 8555 section 7.1.4): for each name that is not proved yet a way to prove it is chosen, the
 * proof is put in its place, and the authority is told. When that is done for all, the order is looked at. */

static void authorization_start(Authorization *a);

static bool all_seen(const Order *o)
{
    for (size_t i = 0; i < o->n_authorizations; i++)
        if (o->authorizations[i].told && !o->authorizations[i].seen)
            return false;
    return true;
}

/* The authority was asked for everything: from now on, the order shows when it is ready. */
static void maybe_look(Order *o)
{
    const Problem *first = NULL;

    for (size_t i = 0; i < o->n_authorizations; i++) {
        const Authorization *a = o->authorizations + i;

        if (!a->done)
            return;
        if (a->problem.code != PROBLEM_NONE && !first)
            first = &a->problem;
    }
    if (first)
        order_fail(o, first, false);
    else {
        order_tell(o, 0.6, "waiting for the authority to look");
        o->pause = POLL_FIRST_USEC;
        order_look_later(o, 0);
        if (all_seen(o))
            order_look_now(o);
    }
}

/* The self-check requests proofs as well, but before the authority does. Once all proofs have been
 * requested, the authority is likely to be satisfied. */
static void on_seen(void *userdata)
{
    Authorization *a = userdata;
    Order *o = a->order;

    if (a->seen || (!a->told && !a->call))
        return;
    a->seen = true;
    if (all_seen(o) && !o->call)
        order_look_now(o);
}

static void authorization_fail(Authorization *a, int r, Problem *problem)
{
    problem_set_errno(problem, r, "Proving a name");
    if (a->problem.code == PROBLEM_NONE)
        problem_move(problem, &a->problem);
    a->done = true;
    maybe_look(a->order);
}

static void on_told(const AcmeReply *reply _unused_, const AcmeFailure *failure, void *userdata)
{
    Authorization *a = userdata;

    a->call = NULL;
    if (failure) {
        order_end(a->order, NULL, failure);
        return;
    }
    a->told = a->done = true;
    maybe_look(a->order);
}

static void on_ready(const Problem *problem, void *userdata)
{
    Authorization *a = userdata;
    Order *o = a->order;
    AcmeRequest request = { .url = a->challenge->url, .payload = "{}", .type = TYPE_JSON };
    _cleanup_problem_ Problem wrong = {};
    int r;

    if (problem->code != PROBLEM_NONE) {
        /* The authority was not involved; another solver may succeed. The first problem is the one to
         * report. */
        if (a->problem.code == PROBLEM_NONE)
            (void)problem_copy(problem, &a->problem);
        a->task = solver_task_end(a->task);
        authorization_start(a);
        return;
    }
    order_tell(o, 0.4, "telling the authority to look");
    r = acme_client_send(o->context.client, &request, on_told, a, &a->call);
    if (r < 0)
        authorization_fail(a, r, &wrong);
}

static const AcmeChallenge *find_challenge(const AcmeAuthorization *object, const char *type)
{
    for (size_t i = 0; i < object->n_challenges; i++)
        if (object->challenges[i].token && streq(object->challenges[i].type, type))
            return object->challenges + i;
    return NULL;
}

/* Rank of a solver: the last successful one first, the last failed ones last. */
static unsigned rank(const Order *o, size_t i)
{
    if (o->context.failed_solvers & (1U << i))
        return 2;
    return o->context.solver && streq(o->context.solver, o->context.solvers[i]->ops->type) ? 0 : 1;
}

/* Returns the next solver for the name; n_solvers with the reasons if there is none. */
static size_t choose_solver(Authorization *a, char **reasons)
{
    const OrderContext *x = &a->order->context;
    size_t best = x->n_solvers;

    for (size_t i = 0; i < x->n_solvers; i++) {
        _cleanup_problem_ Problem why = {};
        Solver *s = x->solvers[i];

        if (a->tried & (1U << i))
            continue;
        if (!s->ops->suits(s, a->object->name, a->object->wildcard, &why))
            (void)solver_add_reason(reasons, strempty(why.text));
        else if (!find_challenge(a->object, s->ops->type)) {
            problem_set(&why, PROBLEM_CHALLENGE_FAILED, "The authority %s does not offer %s for it",
                        order_whose(a->order), s->ops->type);
            (void)solver_add_reason(reasons, strempty(why.text));
        } else if (best == x->n_solvers || rank(a->order, i) < rank(a->order, best))
            best = i;
    }
    return best;
}

static int solve(Authorization *a, Problem *problem)
{
    Order *o = a->order;
    const AccountKey *key = acme_client_key(o->context.client);
    Solver *s = o->context.solvers[a->solver];
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
    o->solver = a->solver;
    r = s->ops->start(s, &proof, on_ready, a, &a->task, problem);
    if (r >= 0)
        a->task->seen = on_seen;
    return r;
}

static void authorization_start(Authorization *a)
{
    for (;;) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_free_ char *reasons = NULL;
        int r;

        a->solver = choose_solver(a, &reasons);
        if (a->solver == a->order->context.n_solvers) {
            problem_set(&problem, PROBLEM_CHALLENGE_FAILED, "There is no way to prove %s%s. %s",
                        a->object->wildcard ? "*." : "", a->object->name, strempty(reasons));
            authorization_fail(a, -EHOSTUNREACH, &problem);
            return;
        }
        a->tried |= 1U << a->solver;
        r = solve(a, &problem);
        if (r >= 0)
            return;
        problem_set_errno(&problem, r, "Proving a name");
        if (a->problem.code == PROBLEM_NONE)
            problem_move(&problem, &a->problem);
    }
}

/* ---- authorizations */

static void explain(const Authorization *a, Problem *problem)
{
    for (size_t i = 0; a->object && i < a->object->n_challenges; i++)
        if (a->object->challenges[i].problem) {
            _cleanup_problem_ Problem one = {};

            (void)acme_problem_describe(a->object->challenges[i].problem, order_whose(a->order), &one);
            problem_set_type(problem, one.code, strempty(one.type), strempty(one.text));
        }
}

/* Collects the problems that the authority found with each name. */
void order_explain(Order *o)
{
    _cleanup_problem_ Problem problem = {};

    for (size_t i = 0; i < o->n_authorizations && problem.code == PROBLEM_NONE; i++)
        explain(o->authorizations + i, &problem);
    if (problem.code == PROBLEM_NONE && o->object->problem)
        (void)acme_problem_describe(o->object->problem, order_whose(o), &problem);
    problem_set(&problem, PROBLEM_AUTHORITY_REFUSED, "The authority %s ended the order without saying why.",
                order_whose(o));
    if (o->solver < o->context.n_solvers)
        o->refused |= 1U << o->solver;
    order_fail(o, &problem, false);
}

static bool all_explained(const Order *o)
{
    for (size_t i = 0; i < o->n_authorizations; i++)
        if (o->authorizations[i].call)
            return false;
    return true;
}

static int take_authorization(Authorization *a, const AcmeReply *reply, Problem *problem)
{
    Order *o = a->order;
    _cleanup_free_ char *name = NULL;
    AcmeAuthorization *object;
    int r;

    r = acme_authorization_parse(order_whose(o), reply->body, reply->size, &object, problem);
    if (r < 0)
        return r;
    acme_authorization_free(a->object);
    a->object = object;
    a->challenge = NULL;
    if (asprintf(&name, "%s%s", object->wildcard ? "*." : "", object->name) < 0) {
        name = NULL;
        return -ENOMEM;
    }
    if (!strv_contains(o->record->names, name))
        return problem_set(problem, PROBLEM_AUTHORITY_FAILED,
                           "The authority %s wants proof for %s, which is not in the order.", order_whose(o),
                           name);
    return 0;
}

static void on_authorization(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Authorization *a = userdata;
    Order *o = a->order;
    int r;

    a->call = NULL;
    if (failure && !o->explaining) {
        order_end(o, NULL, failure);
        return;
    }
    r = failure ? 0 : take_authorization(a, reply, &problem);
    if (o->explaining) {
        if (all_explained(o))
            order_explain(o);
    } else if (r < 0)
        order_fail_errno(o, r, &problem);
    else if (a->object->status == ACME_VALID) { /* proved before */
        a->done = true;
        maybe_look(o);
    } else if (a->object->status != ACME_PENDING) {
        problem_set(&problem, PROBLEM_AUTHORITY_REFUSED,
                    "The authority %s wants no proof for %s: it is %s already.", order_whose(o),
                    a->object->name, acme_status_to_string(a->object->status));
        authorization_fail(a, -EREMOTEIO, &problem);
    } else
        authorization_start(a);
}

static int make_authorizations(Order *o)
{
    size_t n = strv_length(o->object->authorizations);

    if (o->authorizations)
        return 0;
    o->authorizations = calloc(n + 1, sizeof(Authorization));
    if (!o->authorizations)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        Authorization *a = o->authorizations + i;

        *a = (Authorization){ .order = o, .solver = o->context.n_solvers };
        a->url = strdup(o->object->authorizations[i]);
        if (!a->url)
            return -ENOMEM;
        o->n_authorizations++;
    }
    return 0;
}

void order_ask_authorizations(Order *o)
{
    _cleanup_problem_ Problem problem = {};
    int r = make_authorizations(o);

    for (size_t i = 0; i < o->n_authorizations && r >= 0; i++) {
        Authorization *a = o->authorizations + i;
        AcmeRequest request = { .url = a->url, .type = TYPE_JSON };

        r = acme_client_send(o->context.client, &request, on_authorization, a, &a->call);
    }
    if (r >= 0 && o->n_authorizations == 0)
        r = problem_set(&problem, PROBLEM_AUTHORITY_FAILED,
                        "The authority %s made an order without authorizations.", order_whose(o));
    if (r < 0)
        order_fail_errno(o, r, &problem);
}

void order_free_authorizations(Order *o)
{
    for (size_t i = 0; i < o->n_authorizations; i++) {
        Authorization *a = o->authorizations + i;

        acme_call_cancel(a->call);
        (void)solver_task_end(a->task);
        acme_authorization_free(a->object);
        problem_clear(&a->problem);
        free(a->key_authorization);
        free(a->url);
    }
    free(o->authorizations);
}
