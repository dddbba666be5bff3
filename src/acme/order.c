/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/order.h"

#include <errno.h>
#include <stdio.h>

#include "acme/header.h"
#include "acme/order-crypto.h"
#include "core/limits.h"
#include "core/name.h"
#include "util/log.h"
#include "util/text.h"
#include "util/timer.h"

#define POLL_FIRST_USEC (10 * USEC_PER_MSEC)
#define POLL_MAX_USEC   (10 * USEC_PER_SEC)
#define POLL_LONG_USEC  (60 * USEC_PER_SEC) /* instead of a Retry-After beyond the end of the order */
#define POLL_SEEN_USEC  USEC_PER_MSEC       /* after the authority may have seen all proofs */
#define WATCH_USEC      USEC_PER_SEC        /* polls in quick succession do not look at authorizations */

/* Continues with a successful reply. */
typedef int (*OrderStep)(Order *o, const AcmeReply *reply, Problem *problem);

struct Order {
    OrderContext context;
    OrderRecord *record;
    OrderObserver observer;
    void *userdata;
    AcmeOrder *object;
    AcmeCall *call;
    OrderStep next;                 /* takes its reply */
    Authorizations *authorizations; /* NULL: not requested yet */
    unsigned acted;                 /* statuses that were acted upon, as bits */
    bool finalized;
    bool noted;
    bool held;         /* ready: finalize once noted and made */
    OrderWork *making; /* the request */
    OrderWork *accepting;
    OrderResults own; /* the request, and the chain to use if no other is preferred */
    sd_event_source *begin, *timer, *deadline;
    const char *profile; /* requested last; NULL */
    bool no_profile;     /* unknown to the authority */
    uint64_t ends;       /* CLOCK_BOOTTIME, usec */
    uint64_t pause;      /* until the next poll, usec */
    bool patient;        /* the authority set the time of the next poll */
    unsigned refused;
    char **alternates;
    size_t next_alternate;
    bool ended;
};

static int order_advance(Order *o, int64_t retry_after, Problem *problem);

static const char *order_whose(const Order *o)
{
    return acme_client_authority(o->context.client)->name;
}

/* ---- the end */

/* The index of the solver that proved a name last; n: none. */
static size_t last_solver(const Order *o)
{
    return o->authorizations ? authorizations_solver(o->authorizations) : o->context.solvers.n;
}

static void order_end(Order *o, Bundle *bundle, const AcmeFailure *failure)
{
    size_t i = last_solver(o);

    if (o->ended) {
        bundle_free(bundle);
        return;
    }
    o->ended = true;
    o->observer.done(bundle, i < o->context.solvers.n ? o->context.solvers.list[i]->ops->type : NULL,
                     failure, o->refused, o->userdata);
}

static void order_fail(Order *o, const Problem *problem, bool at_authority)
{
    AcmeFailure failure = { problem, 0, at_authority };

    order_end(o, NULL, &failure);
}

/* Fails the order if r is a negative errno. */
static void order_check(Order *o, int r, Problem *problem)
{
    if (r >= 0)
        return;
    problem_set_errno(problem, r, "Ordering a certificate");
    order_fail(o, problem, problem->code == PROBLEM_AUTHORITY_FAILED);
}

static void order_tell(Order *o, double progress, const char *step)
{
    o->observer.progress(progress, step, o->userdata);
}

static void on_reply(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Order *o = userdata;

    o->call = NULL;
    if (failure)
        order_end(o, NULL, failure);
    else
        order_check(o, o->next(o, reply, &problem), &problem);
}

static int ask(Order *o, const char *url, const char *payload, const char *type, OrderStep next)
{
    AcmeRequest request = { .url = url, .payload = payload, .type = type };

    o->next = next;
    return acme_client_send(o->context.client, &request, on_reply, o, &o->call);
}

/* ---- the chain */

static void end_with_own_chain(Order *o)
{
    if (o->own.bundle)
        order_end(o, TAKE_PTR(o->own.bundle), NULL);
    else
        order_check(o, o->own.result, &o->own.problem);
}

static void next_alternate(Order *o);

/* The first chain is kept until a preferred one is found: with its bundle, or with its problem. */
static void on_accepted(OrderResults *results, void *userdata)
{
    Order *o = userdata;

    o->accepting = NULL;
    if (results->result >= 0 && results->preferred)
        order_end(o, TAKE_PTR(results->bundle), NULL);
    else {
        if (o->next_alternate == 0) {
            o->own.bundle = TAKE_PTR(results->bundle);
            o->own.result = results->result;
            problem_move(&results->problem, &o->own.problem);
        }
        next_alternate(o);
    }
}

static int accept_chain(Order *o, const AcmeReply *reply)
{
    const AcmeAuthority *a = acme_client_authority(o->context.client);
    _cleanup_free_ char *pem = reply->size == 0 || memchr(reply->body, 0, reply->size)
                                   ? strdup("")
                                   : strndup(reply->body, reply->size);
    OrderTask task = { o->record, pem, a->name, a->preferred_chain };

    return pem ? order_work_start(o->context.crypto, &task, on_accepted, o, &o->accepting) : -ENOMEM;
}

static void on_alternate(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    Order *o = userdata;

    o->call = NULL;
    if (failure || accept_chain(o, reply) < 0)
        next_alternate(o);
}

static void next_alternate(Order *o)
{
    const char *preferred = acme_client_authority(o->context.client)->preferred_chain;
    AcmeRequest request = { .type = TYPE_CHAIN };

    if (preferred && o->next_alternate < MIN(strv_length(o->alternates), (size_t)LIMIT_ALTERNATES)) {
        request.url = o->alternates[o->next_alternate++];
        if (acme_client_send(o->context.client, &request, on_alternate, o, &o->call) >= 0)
            return;
    }
    if (preferred)
        log_fields(LOG_NOTICE, MESSAGE_FAILURE,
                   FIELDS({ "NAME", o->record->name }, { "AUTHORITY", order_whose(o) }),
                   "%s: %s offers no chain of \"%s\", using its default chain.", o->record->name,
                   order_whose(o), preferred);
    end_with_own_chain(o);
}

static int take_chain(Order *o, const AcmeReply *reply, Problem *problem _unused_)
{
    int r = acme_reply_links(acme_client_authority(o->context.client), reply, "alternate", &o->alternates);

    return r < 0 ? r : accept_chain(o, reply);
}

static int download(Order *o, Problem *problem)
{
    order_tell(o, 0.9, "downloading the chain");
    if (!o->object->certificate)
        return problem_set(
            problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s reports a valid order, but not the URL of its certificate (RFC 8555 "
            "section 7.1.3).",
            order_whose(o));
    return ask(o, o->object->certificate, NULL, TYPE_CHAIN, take_chain);
}

/* ---- polling the order */

static int read_order(Order *o, const AcmeReply *reply, Problem *problem)
{
    AcmeOrder *object;
    int r;

    r = acme_order_parse(order_whose(o), reply->body, reply->size, &object, problem);
    if (r < 0)
        return r;
    acme_order_free(o->object);
    o->object = object;
    if (!strv_equal_sets(o->object->names, o->record->names))
        return problem_set(problem, PROBLEM_AUTHORITY_FAILED,
                           "The authority %s created an order for other names than requested.",
                           order_whose(o));
    return 0;
}

static int take_order(Order *o, const AcmeReply *reply, Problem *problem)
{
    AcmeStatus before = o->object ? o->object->status : _ACME_STATUS_INVALID;
    int r = read_order(o, reply, problem);

    if (r < 0)
        return r;
    if (o->object->status != before)
        o->pause = POLL_FIRST_USEC;
    return order_advance(o, reply->retry_after, problem);
}

static int look(Order *o)
{
    return ask(o, o->record->url, NULL, TYPE_JSON, take_order);
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Order *o = userdata;

    if (!o->call)
        order_check(o, look(o), &problem);
    return 0;
}

static int64_t usec_left(const Order *o)
{
    return (int64_t)(o->ends - loop_now(o->context.event, CLOCK_BOOTTIME));
}

static void order_time_out(Order *o);

static void order_look_later(Order *o, int64_t retry_after)
{
    uint64_t pause = o->pause, wanted = (uint64_t)retry_after * USEC_PER_SEC;
    int64_t left = usec_left(o);

    if (left <= 0) {
        order_time_out(o);
        return;
    }
    o->pause = MIN(o->pause * 2, POLL_MAX_USEC);
    o->patient = retry_after > 0;
    if (wanted >= (uint64_t)left)
        wanted = POLL_LONG_USEC;
    (void)timer_arm(o->timer, MAX(wanted, pause));
}

/* ---- finalizing */

bool order_was_finalized(const Order *o)
{
    return o->finalized;
}

static int finalize(Order *o)
{
    _cleanup_free_ char *payload = o->own.request ? acme_finalize_payload(o->own.request) : NULL;

    order_tell(o, 0.8, "requesting the certificate");
    o->finalized = true;
    if (o->own.result < 0)
        return o->own.result;
    return payload ? ask(o, o->object->finalize, payload, TYPE_JSON, take_order) : -ENOMEM;
}

static void maybe_finalize(Order *o)
{
    _cleanup_problem_ Problem problem = {};

    if (!o->held || !o->noted || o->making || o->ended)
        return;
    o->held = false;
    order_check(o, finalize(o), &problem);
}

static void on_request(OrderResults *results, void *userdata)
{
    Order *o = userdata;

    o->making = NULL;
    o->own.result = results->result;
    o->own.request = TAKE_PTR(results->request);
    maybe_finalize(o);
}

void order_noted(Order *o)
{
    o->noted = true;
    maybe_finalize(o);
}

/* ---- what its status requires */

static void on_progress(double progress, const char *step, void *userdata)
{
    order_tell(userdata, progress, step);
}

static void on_validating(void *userdata)
{
    Order *o = userdata;

    order_tell(o, 0.6, "waiting for validation");
    o->pause = POLL_FIRST_USEC;
    order_look_later(o, 0);
}

/* Polls immediately if a poll is scheduled, unless the authority set its time. */
static void on_seen(void *userdata)
{
    Order *o = userdata;

    if (!o->call && timer_is_armed(o->timer) && !o->patient && !o->finalized)
        (void)timer_arm(o->timer, POLL_SEEN_USEC);
}

static void on_failed(const AcmeFailure *failure, void *userdata)
{
    order_end(userdata, NULL, failure);
}

static const Problem *order_finding(const Order *o)
{
    return o->authorizations ? authorizations_finding(o->authorizations) : NULL;
}

bool order_was_foreseen(const Order *o, SolverFinding *ret)
{
    return o->refused != 0 && o->authorizations && authorizations_were_foreseen(o->authorizations, ret);
}

/* Appends the finding of the self-check, which may explain the error of the authority. */
static void add_finding(const Order *o, Problem *problem)
{
    const char *text = strempty(problem->text);
    const Problem *finding = order_finding(o);
    _cleanup_problem_ Problem both = {};
    _cleanup_free_ char *joined = NULL;

    if (!finding)
        return;
    if (asprintf(&joined, "%s%s The check made from here before (SelfCheck=, DNSResolvers=) found: %s", text,
                 text_full_stop(text), strempty(finding->text)) < 0) {
        joined = NULL;
        return;
    }
    (void)problem_set_type(&both, problem->code, strempty(problem->type), joined);
    problem_move(&both, problem);
}

static void note_refused(Order *o)
{
    if (last_solver(o) < o->context.solvers.n)
        o->refused |= 1U << last_solver(o);
}

/* An authority may look for a proof again and again without an end: that is not an outage. */
static void order_time_out(Order *o)
{
    _cleanup_problem_ Problem problem = {};
    bool proving = o->object && o->object->status == ACME_PENDING && o->authorizations;

    if (proving)
        authorizations_explain(o->authorizations, &problem);
    proving = problem.code != PROBLEM_NONE || (proving && order_finding(o));
    problem_set(&problem, PROBLEM_AUTHORITY_FAILED,
                "The authority %s did not complete the order within %d minutes; it will be retried later.",
                order_whose(o), LIMIT_ORDER_TIME / 60);
    if (proving) {
        note_refused(o);
        add_finding(o, &problem);
    }
    order_fail(o, &problem, !proving);
}

static void on_explained(Problem *problem, void *userdata)
{
    Order *o = userdata;

    if (problem->code == PROBLEM_NONE && o->object->problem)
        (void)acme_problem_describe(o->object->problem, order_whose(o), ACME_ABOUT_ORDER, problem);
    problem_set(problem, PROBLEM_AUTHORITY_REFUSED,
                "The authority %s ended the order without giving a reason.", order_whose(o));
    note_refused(o);
    add_finding(o, problem);
    order_fail(o, problem, false);
}

static int fetch_authorizations(Order *o, bool explain)
{
    static const AuthorizationsObserver observer = { on_progress, on_validating, on_seen, on_failed,
                                                     on_explained };
    int r = 0;

    if (!o->authorizations)
        r = authorizations_new(o->context.client, &o->context.solvers, o->record->names,
                               o->object->authorizations, &observer, o, &o->authorizations);
    return r < 0 ? r : authorizations_fetch(o->authorizations, explain);
}

static int prove(Order *o, Problem *problem)
{
    order_tell(o, 0.2, "proving the names");
    if (!o->object->authorizations)
        return problem_set(problem, PROBLEM_AUTHORITY_FAILED,
                           "The authority %s created an order without authorizations.", order_whose(o));
    return fetch_authorizations(o, false);
}

static int hold(Order *o, Problem *problem _unused_)
{
    o->held = true;
    maybe_finalize(o);
    return 0;
}

static int explain(Order *o, Problem *problem)
{
    if (o->object->authorizations)
        return fetch_authorizations(o, true);
    on_explained(problem, o);
    return 0;
}

/* RFC 8555 section 7.1.6: each status is acted upon once; afterwards, or without an action, the order is
 * polled. */
static int (*const actions[_ACME_STATUS_MAX])(Order *o, Problem *problem) = {
    [ACME_PENDING] = prove,  [ACME_READY] = hold,      [ACME_PROCESSING] = NULL,
    [ACME_VALID] = download, [ACME_INVALID] = explain,
};

static int order_advance(Order *o, int64_t retry_after, Problem *problem)
{
    AcmeStatus status = o->object->status;

    if (status != ACME_PENDING && o->authorizations)
        authorizations_settle(o->authorizations);
    if (!actions[status] || (o->acted & (1U << status))) {
        if (status == ACME_PENDING && o->authorizations && (retry_after > 0 || o->pause > WATCH_USEC))
            authorizations_watch(o->authorizations);
        order_look_later(o, retry_after);
        return 0;
    }
    o->acted |= 1U << status;
    return actions[status](o, problem);
}

/* ---- beginning */

static int place(Order *o, const AcmeReply *reply, Problem *problem);

/* Returns true if the order is placed again with fewer members: an authority that refuses "replaces", or
 * does not know the profile, may issue nevertheless. */
static bool ask_for_less(Order *o, const AcmeFailure *failure)
{
    static const char *const replacing[] = { "alreadyReplaced", "malformed", "unauthorized" };
    const AcmeAuthority *s = acme_client_authority(o->context.client);
    const char *type = strempty(failure->problem->type), *text = strempty(failure->problem->text);

    if (o->record->replaces && TABLE_FROM_STRING(replacing, type) >= 0) {
        log_fields(LOG_NOTICE, MESSAGE_FAILURE,
                   FIELDS({ "NAME", o->record->name }, { "AUTHORITY", order_whose(o) }),
                   "%s: %s%s Placing the order without \"replaces\".", o->record->name, text,
                   text_full_stop(text));
        free(o->record->replaces);
        o->record->replaces = NULL;
        return true;
    }
    if (o->profile && !s->needs_profile && streq(type, "invalidProfile")) {
        log_fields(LOG_NOTICE, MESSAGE_FAILURE,
                   FIELDS({ "NAME", o->record->name }, { "AUTHORITY", order_whose(o) }),
                   "%s: %s%s Placing the order without a profile.", o->record->name, text,
                   text_full_stop(text));
        o->no_profile = true;
        return true;
    }
    return false;
}

static int take_new_order(Order *o, const AcmeReply *reply, Problem *problem)
{
    int r;

    if (!reply->location)
        return problem_set(problem, PROBLEM_AUTHORITY_FAILED,
                           "The authority %s did not return the URL of the order (RFC 8555 section 7.4).",
                           order_whose(o));
    o->record->url = strdup(reply->location);
    if (!o->record->url)
        return -ENOMEM;
    r = read_order(o, reply, problem);
    if (r < 0)
        return r;
    if (o->profile && acme_client_authority(o->context.client)->needs_profile &&
        !streq(strempty(o->object->profile), o->profile))
        return problem_set(
            problem, PROBLEM_AUTHORITY_REFUSED,
            "The authority %s created an order with %s%s%s instead of the profile \"%s\", which "
            "RequireProfile=yes requires.",
            order_whose(o), o->object->profile ? "the profile \"" : "no profile",
            strempty(o->object->profile), o->object->profile ? "\"" : "", o->profile);
    o->observer.placed(o->userdata);
    return order_advance(o, reply->retry_after, problem);
}

static void on_placed(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Order *o = userdata;

    o->call = NULL;
    if (failure && ask_for_less(o, failure))
        order_check(o, place(o, NULL, &problem), &problem);
    else
        on_reply(reply, failure, userdata);
}

static int choose_profile(Order *o, Problem *problem)
{
    const AcmeDirectory *d = acme_client_directory(o->context.client);
    _cleanup_free_ char *known = NULL;

    o->profile = o->no_profile ? NULL : o->record->profile;
    if (!o->profile)
        return 0;
    if (strv_contains(d->profiles, o->profile))
        return 0;
    known = strv_join(d->profiles, ", ");
    if (acme_client_authority(o->context.client)->needs_profile)
        return problem_set(
            problem, PROBLEM_AUTHORITY_REFUSED,
            "The authority %s has no profile \"%s\" (available: %s); correct Profile= of [Authority %s], "
            "or set RequireProfile=no to do without.",
            order_whose(o), o->profile, d->profiles ? strempty(known) : "none", order_whose(o));
    log_fields(LOG_NOTICE, MESSAGE_FAILURE,
               FIELDS({ "NAME", o->record->name }, { "AUTHORITY", order_whose(o) }),
               "%s: The authority %s has no profile \"%s\" (available: %s), placing the order without one.",
               o->record->name, order_whose(o), o->profile, d->profiles ? strempty(known) : "none");
    o->profile = NULL;
    return 0;
}

/* Once the directory was read (the empty reply): it lists profiles, and shows support for "replaces". */
static int place(Order *o, const AcmeReply *reply _unused_, Problem *problem)
{
    AcmeRequest request = { .resource = ACME_NEW_ORDER, .type = TYPE_JSON };
    _cleanup_free_ char *payload = NULL;
    int r;

    r = choose_profile(o, problem);
    if (r < 0)
        return r;
    if (o->record->replaces && !acme_client_directory(o->context.client)->renewal_info) {
        free(o->record->replaces);
        o->record->replaces = NULL;
    }
    request.payload = payload = acme_order_payload(o->record->names, o->profile, o->record->replaces);
    if (!payload)
        return -ENOMEM;
    order_tell(o, 0.1, "placing the order");
    o->next = take_new_order;
    return acme_client_send(o->context.client, &request, on_placed, o, &o->call);
}

static int on_begin(sd_event_source *s _unused_, void *userdata)
{
    AcmeRequest directory = { .resource = ACME_DIRECTORY };
    _cleanup_problem_ Problem problem = {};
    Order *o = userdata;
    int r;

    o->begin = sd_event_source_disable_unref(o->begin);
    o->next = place;
    if (o->record->url)
        r = look(o);
    else if (o->record->profile || o->record->replaces)
        r = acme_client_send(o->context.client, &directory, on_reply, o, &o->call);
    else
        r = place(o, NULL, &problem);
    order_check(o, r, &problem);
    return 0;
}

/* Polls once more before giving up. What is being received has the time of one more request. */
static int on_deadline(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    const int64_t more = LIMIT_ACME_TIME * USEC_PER_SEC;
    Order *o = userdata;
    bool polls = timer_is_armed(o->timer);

    if (usec_left(o) <= -more || (!polls && !o->call && !o->accepting)) {
        order_time_out(o);
        return 0;
    }
    (void)timer_arm(o->deadline, (uint64_t)more);
    if (polls)
        (void)timer_arm(o->timer, POLL_SEEN_USEC);
    return 0;
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
                  .noted = record->url != NULL,
                  .observer = *observer,
                  .userdata = userdata,
                  .ends = loop_now(context->event, CLOCK_BOOTTIME) + LIMIT_ORDER_TIME * USEC_PER_SEC,
                  .pause = POLL_FIRST_USEC };
    if ((r = timer_add(context->event, &o->timer, CLOCK_BOOTTIME, 1, on_timer, o)) < 0 ||
        (r = timer_add(context->event, &o->deadline, CLOCK_BOOTTIME, 1, on_deadline, o)) < 0)
        return r;
    (void)timer_arm_at(o->deadline, o->ends);
    r = order_work_start(context->crypto, &(OrderTask){ .record = record }, on_request, o, &o->making);
    if (r < 0)
        return r;
    r = sd_event_add_defer(context->event, &o->begin, on_begin, o);
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
    authorizations_free(o->authorizations);
    acme_order_free(o->object);
    sd_event_source_disable_unref(o->begin);
    sd_event_source_disable_unref(o->timer);
    sd_event_source_disable_unref(o->deadline);
    order_work_forget(o->making);
    order_work_forget(o->accepting);
    free(o->own.request);
    bundle_free(o->own.bundle);
    problem_clear(&o->own.problem);
    strv_free(o->alternates);
    free(o);
    return NULL;
}
