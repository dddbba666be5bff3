/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/order.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "core/limits.h"
#include "core/name.h"
#include "crypto/request.h"
#include "util/log.h"
#include "util/text.h"

#define TYPE_JSON       "application/json"
#define TYPE_CHAIN      "application/pem-certificate-chain"
#define USEC_PER_SEC    1000000ULL
#define POLL_FIRST_USEC (10 * 1000ULL)
#define POLL_MAX_USEC   (10 * USEC_PER_SEC)

/* A name that is being proved. */
typedef struct Authorization {
    Order *order;
    char *url;
    AcmeCall *call;
    AcmeAuthorization *object;
    SolverTask *task;
    size_t solver;  /* that proves it; n_solvers: none yet */
    unsigned tried; /* solvers that could not even show their proof here */
    const AcmeChallenge *challenge;
    char *key_authorization;
    bool told; /* the authority may look */
    bool done; /* nothing is to be done for it any more */
    Problem problem;
} Authorization;

struct Order {
    OrderContext context;
    OrderRecord *record;
    OrderObserver observer;
    void *userdata;
    AcmeOrder *object;
    AcmeCall *call;
    Authorization *authorizations;
    size_t n_authorizations;
    bool proving, explaining, finalized;
    sd_event_source *timer, *deadline;
    uint64_t pause; /* until the next look, usec */
    size_t solver;  /* that proved a name last */
    unsigned refused;
    char *chain; /* the one to take if no other is preferred */
    char **alternates;
    size_t next_alternate;
    bool ended;
};

static void order_advance(Order *o);
static void authorization_start(Authorization *a);

static const char *whose(const Order *o)
{
    return acme_client_settings(o->context.client)->name;
}

/* ---- the end */

static void order_end(Order *o, Bundle *bundle, const AcmeFailure *failure)
{
    const char *solver = o->solver < o->context.n_solvers ? o->context.solvers[o->solver]->ops->type : NULL;

    if (o->ended) {
        bundle_free(bundle);
        return;
    }
    o->ended = true;
    o->observer.done(bundle, solver, failure, o->refused, o->userdata);
}

static void order_fail(Order *o, const Problem *problem, bool at_authority)
{
    AcmeFailure failure = { problem, 0, at_authority };

    order_end(o, NULL, &failure);
}

static void order_fail_errno(Order *o, int r, Problem *problem)
{
    problem_set_errno(problem, r, "Ordering a certificate");
    order_fail(o, problem, problem->code == PROBLEM_AUTHORITY_FAILED);
}

static void tell(Order *o, double progress, const char *step)
{
    o->observer.progress(progress, step, o->userdata);
}

static int ask(Order *o, const char *url, const char *payload, const char *type, AcmeDone done)
{
    AcmeRequest request = { .url = url, .payload = payload, .type = type };

    return acme_client_send(o->context.client, &request, done, o, &o->call);
}

/* ---- the chain */

static void accept_chain(Order *o, const char *pem)
{
    _cleanup_problem_ Problem problem = {};
    Bundle *bundle = NULL;
    int r;

    r = request_accept(whose(o), pem, o->record->key, o->record->names, (int64_t)time(NULL), &bundle,
                       &problem);
    if (r < 0)
        order_fail_errno(o, r, &problem);
    else
        order_end(o, bundle, NULL);
}

static bool is_preferred(Order *o, const char *pem)
{
    const char *preferred = acme_client_settings(o->context.client)->preferred_chain;
    _cleanup_bundle_ Bundle *bundle = NULL;
    _cleanup_problem_ Problem problem = {};
    bool yes = false;

    if (!preferred)
        return true;
    return request_accept(whose(o), pem, o->record->key, o->record->names, (int64_t)time(NULL), &bundle,
                          &problem) >= 0 &&
           bundle_has_issuer(bundle, preferred, &yes) >= 0 && yes;
}

static void next_alternate(Order *o);

static char *body_text(const AcmeReply *reply)
{
    if (memchr(reply->body, 0, reply->size))
        return strdup(""); /* which is no chain */
    return reply->size > 0 ? strndup(reply->body, reply->size) : strdup("");
}

static void on_alternate(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    Order *o = userdata;
    _cleanup_free_ char *pem = reply ? body_text(reply) : NULL;

    o->call = NULL;
    if (!failure && pem && is_preferred(o, pem))
        accept_chain(o, pem);
    else
        next_alternate(o);
}

static void next_alternate(Order *o)
{
    const AuthoritySettings *s = acme_client_settings(o->context.client);
    const char *url =
        o->next_alternate < LIMIT_ALTERNATES && o->alternates ? o->alternates[o->next_alternate] : NULL;

    if (url) {
        o->next_alternate++;
        if (ask(o, url, NULL, TYPE_CHAIN, on_alternate) >= 0)
            return;
    }
    log_notice("%s: %s has no chain that ends in \"%s\"; its default one is taken.", o->record->name,
               s->name, strempty(s->preferred_chain));
    accept_chain(o, o->chain);
}

static void on_chain(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Order *o = userdata;

    o->call = NULL;
    if (failure) {
        order_end(o, NULL, failure);
        return;
    }
    o->chain = body_text(reply);
    if (!o->chain || acme_reply_links(o->context.client, reply, "alternate", &o->alternates) < 0)
        order_fail_errno(o, -ENOMEM, &problem);
    else if (is_preferred(o, o->chain))
        accept_chain(o, o->chain);
    else
        next_alternate(o);
}

static void download(Order *o)
{
    _cleanup_problem_ Problem problem = {};
    int r;

    tell(o, 0.9, "fetching the chain");
    if (!o->object->certificate)
        r = problem_set(
            &problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s says that the order is done, and not where the certificate is (RFC 8555 "
            "section 7.1.3).",
            whose(o));
    else
        r = ask(o, o->object->certificate, NULL, TYPE_CHAIN, on_chain);
    if (r < 0)
        order_fail_errno(o, r, &problem);
}

/* ---- looking at the order */

static bool has_same_names(const Order *o)
{
    size_t n = strv_length(o->record->names);

    if (strv_length(o->object->names) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!strv_contains(o->object->names, o->record->names[i]))
            return false;
    return true;
}

static int take_order(Order *o, const AcmeReply *reply, Problem *problem)
{
    AcmeOrder *object;
    int r;

    r = acme_order_parse(whose(o), reply->body, reply->size, &object, problem);
    if (r < 0)
        return r;
    acme_order_free(o->object);
    o->object = object;
    if (!has_same_names(o))
        return problem_set(problem, PROBLEM_AUTHORITY_FAILED,
                           "The authority %s made an order for other names than it was asked for.",
                           whose(o));
    return 0;
}

static void look_later(Order *o, int64_t retry_after);

static void on_order(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    AcmeStatus before;
    Order *o = userdata;
    int r;

    o->call = NULL;
    if (failure) {
        order_end(o, NULL, failure);
        return;
    }
    before = o->object ? o->object->status : _ACME_STATUS_INVALID;
    r = take_order(o, reply, &problem);
    if (r < 0) {
        order_fail_errno(o, r, &problem);
        return;
    }
    if (o->object->status != before)
        o->pause = POLL_FIRST_USEC;
    if (o->object->status == ACME_PROCESSING || (o->object->status == ACME_PENDING && o->proving) ||
        (o->object->status == ACME_READY && o->finalized))
        look_later(o, reply->retry_after);
    else
        order_advance(o);
}

static void look(Order *o)
{
    _cleanup_problem_ Problem problem = {};
    int r = ask(o, o->record->url, NULL, TYPE_JSON, on_order);

    if (r < 0)
        order_fail_errno(o, r, &problem);
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Order *o = userdata;

    if (!o->call)
        look(o);
    return 0;
}

static void arm(sd_event_source *timer, uint64_t in_usec)
{
    uint64_t now = 0;

    (void)sd_event_now(sd_event_source_get_event(timer), CLOCK_BOOTTIME, &now);
    (void)sd_event_source_set_time(timer, now + in_usec);
    (void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void look_later(Order *o, int64_t retry_after)
{
    uint64_t pause = o->pause;

    o->pause = MIN(o->pause * 2, POLL_MAX_USEC);
    arm(o->timer, retry_after > 0 ? MAX((uint64_t)retry_after * USEC_PER_SEC, pause) : pause);
}

/* ---- proving */

/* All that can be told is told: from now on the order says when it is ready. */
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
        tell(o, 0.6, "waiting for the authority to look");
        o->pause = POLL_FIRST_USEC;
        look_later(o, 0);
    }
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
        /* The authority was spared; perhaps there is another way. The first problem is the one that is told. */
        if (a->problem.code == PROBLEM_NONE)
            (void)problem_copy(problem, &a->problem);
        a->task = solver_task_end(a->task);
        authorization_start(a);
        return;
    }
    tell(o, 0.4, "telling the authority to look");
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

/* How late a solver is tried: what worked last first, what failed last. */
static unsigned rank(const Order *o, size_t i)
{
    if (o->context.failed_solvers & (1U << i))
        return 2;
    return o->context.solver && streq(o->context.solver, o->context.solvers[i]->ops->type) ? 0 : 1;
}

static int add_reason(char **reasons, const char *type, const char *reason)
{
    _cleanup_free_ char *before = *reasons;

    if (asprintf(reasons, "%s%s%s: %s", strempty(before), before ? " " : "", type, reason) < 0) {
        *reasons = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* The next way to prove the name; n_solvers when there is none, with the reasons. */
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
            (void)add_reason(reasons, s->ops->type, strempty(why.text));
        else if (!find_challenge(a->object, s->ops->type))
            (void)add_reason(reasons, s->ops->type, "the authority does not offer it.");
        else if (best == x->n_solvers || rank(a->order, i) < rank(a->order, best))
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
    return s->ops->start(s, &proof, on_ready, a, &a->task, problem);
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

/* What the authority found wrong with each name. */
static void explain(Order *o)
{
    _cleanup_problem_ Problem problem = {};

    for (size_t i = 0; i < o->n_authorizations && problem.code == PROBLEM_NONE; i++) {
        const Authorization *a = o->authorizations + i;

        for (size_t k = 0; a->object && k < a->object->n_challenges; k++)
            if (a->object->challenges[k].problem) {
                _cleanup_problem_ Problem one = {};

                (void)acme_problem_describe(a->object->challenges[k].problem, whose(o), &one);
                problem_set_type(&problem, one.code, strempty(one.type), strempty(one.text));
            }
    }
    if (problem.code == PROBLEM_NONE && o->object->problem)
        (void)acme_problem_describe(o->object->problem, whose(o), &problem);
    problem_set(&problem, PROBLEM_AUTHORITY_REFUSED, "The authority %s ended the order without saying why.",
                whose(o));
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

    r = acme_authorization_parse(whose(o), reply->body, reply->size, &object, problem);
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
                           "The authority %s wants proof for %s, which is not in the order.", whose(o),
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
            explain(o);
    } else if (r < 0)
        order_fail_errno(o, r, &problem);
    else if (a->object->status == ACME_VALID) { /* proved before */
        a->done = true;
        maybe_look(o);
    } else if (a->object->status != ACME_PENDING) {
        problem_set(&problem, PROBLEM_AUTHORITY_REFUSED,
                    "The authority %s wants no proof for %s: it is %s already.", whose(o), a->object->name,
                    acme_status_to_string(a->object->status));
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

static void ask_authorizations(Order *o)
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
                        "The authority %s made an order without authorizations.", whose(o));
    if (r < 0)
        order_fail_errno(o, r, &problem);
}

/* ---- finalizing */

static void finalize(Order *o)
{
    _cleanup_free_ char *request = NULL, *payload = NULL;
    _cleanup_problem_ Problem problem = {};
    int r;

    tell(o, 0.8, "asking for the certificate");
    o->finalized = true;
    r = request_make(o->record->names, o->record->key, &request);
    if (r >= 0)
        payload = acme_finalize_payload(request);
    if (r >= 0)
        r = payload ? ask(o, o->object->finalize, payload, TYPE_JSON, on_order) : -ENOMEM;
    if (r < 0)
        order_fail_errno(o, r, &problem);
}

static void order_advance(Order *o)
{
    switch (o->object->status) {
    case ACME_PENDING:
        tell(o, 0.2, "proving the names");
        o->proving = true;
        ask_authorizations(o);
        break;
    case ACME_READY:
        finalize(o);
        break;
    case ACME_PROCESSING:
        look_later(o, 0);
        break;
    case ACME_VALID:
        download(o);
        break;
    default:
        o->explaining = true;
        if (strv_length(o->object->authorizations) > 0)
            ask_authorizations(o);
        else
            explain(o);
    }
}

/* ---- beginning */

static void on_placed(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Order *o = userdata;
    int r;

    o->call = NULL;
    if (failure) {
        order_end(o, NULL, failure);
        return;
    }
    if (!reply->location)
        r = problem_set(&problem, PROBLEM_AUTHORITY_FAILED,
                        "The authority %s did not tell where the order is (RFC 8555 section 7.4).",
                        whose(o));
    else
        r = (o->record->url = strdup(reply->location)) ? 0 : -ENOMEM;
    if (r >= 0)
        r = take_order(o, reply, &problem);
    if (r < 0) {
        order_fail_errno(o, r, &problem);
        return;
    }
    o->observer.placed(o->userdata);
    order_advance(o);
}

static int place(Order *o)
{
    _cleanup_free_ char *payload =
        acme_order_payload(o->record->names, o->record->profile, o->record->replaces);
    AcmeRequest request = { .resource = ACME_NEW_ORDER, .payload = payload, .type = TYPE_JSON };

    if (!payload)
        return -ENOMEM;
    tell(o, 0.1, "placing the order");
    return acme_client_send(o->context.client, &request, on_placed, o, &o->call);
}

static int on_deadline(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Order *o = userdata;

    problem_set(&problem, PROBLEM_AUTHORITY_FAILED,
                "The authority %s did not finish the order within %d minutes; it is tried again later.",
                whose(o), LIMIT_ORDER_TIME / 60);
    order_fail(o, &problem, true);
    return 0;
}

static int add_timer(Order *o, sd_event_source **source, sd_event_time_handler_t handler)
{
    int r = sd_event_add_time(o->context.event, source, CLOCK_BOOTTIME, UINT64_MAX, 1, handler, o);

    return r < 0 ? r : sd_event_source_set_enabled(*source, SD_EVENT_OFF);
}

int order_start(const OrderContext *context, OrderRecord *record, const OrderObserver *observer,
                void *userdata, Order **ret)
{
    _cleanup_(order_freep) Order *o = calloc(1, sizeof(Order));
    int r;

    if (!o)
        return -ENOMEM;
    *o = (Order){ .context = *context,
                  .record = record,
                  .observer = *observer,
                  .userdata = userdata,
                  .pause = POLL_FIRST_USEC,
                  .solver = context->n_solvers };
    if ((r = add_timer(o, &o->timer, on_timer)) < 0 || (r = add_timer(o, &o->deadline, on_deadline)) < 0)
        return r;
    arm(o->deadline, LIMIT_ORDER_TIME * USEC_PER_SEC);
    r = record->url ? ask(o, record->url, NULL, TYPE_JSON, on_order) : place(o);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(o);
    return 0;
}

Order *order_free(Order *o)
{
    if (!o)
        return NULL;
    acme_call_cancel(o->call);
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
    acme_order_free(o->object);
    sd_event_source_disable_unref(o->timer);
    sd_event_source_disable_unref(o->deadline);
    free(o->chain);
    strv_free(o->alternates);
    free(o);
    return NULL;
}
