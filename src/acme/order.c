/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/order-internal.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "core/limits.h"
#include "core/name.h"
#include "crypto/request.h"
#include "util/log.h"
#include "util/text.h"

#define TYPE_JSON     "application/json"
#define TYPE_CHAIN    "application/pem-certificate-chain"
#define USEC_PER_SEC  1000000ULL
#define POLL_MAX_USEC (10 * USEC_PER_SEC)

static void order_advance(Order *o);

const char *order_whose(const Order *o)
{
    return acme_client_settings(o->context.client)->name;
}

/* ---- the end */

void order_end(Order *o, Bundle *bundle, const AcmeFailure *failure)
{
    const char *solver = o->solver < o->context.n_solvers ? o->context.solvers[o->solver]->ops->type : NULL;

    if (o->ended) {
        bundle_free(bundle);
        return;
    }
    o->ended = true;
    o->observer.done(bundle, solver, failure, o->refused, o->userdata);
}

void order_fail(Order *o, const Problem *problem, bool at_authority)
{
    AcmeFailure failure = { problem, 0, at_authority };

    order_end(o, NULL, &failure);
}

void order_fail_errno(Order *o, int r, Problem *problem)
{
    problem_set_errno(problem, r, "Ordering a certificate");
    order_fail(o, problem, problem->code == PROBLEM_AUTHORITY_FAILED);
}

void order_tell(Order *o, double progress, const char *step)
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

    r = request_accept(order_whose(o), pem, o->record->key, o->record->names, (int64_t)time(NULL), &bundle,
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
    return request_accept(order_whose(o), pem, o->record->key, o->record->names, (int64_t)time(NULL),
                          &bundle, &problem) >= 0 &&
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

    order_tell(o, 0.9, "fetching the chain");
    if (!o->object->certificate)
        r = problem_set(
            &problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s says that the order is done, and not where the certificate is (RFC 8555 "
            "section 7.1.3).",
            order_whose(o));
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

    r = acme_order_parse(order_whose(o), reply->body, reply->size, &object, problem);
    if (r < 0)
        return r;
    acme_order_free(o->object);
    o->object = object;
    if (!has_same_names(o))
        return problem_set(problem, PROBLEM_AUTHORITY_FAILED,
                           "The authority %s made an order for other names than it was asked for.",
                           order_whose(o));
    return 0;
}

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
        order_look_later(o, reply->retry_after);
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

void order_look_later(Order *o, int64_t retry_after)
{
    uint64_t pause = o->pause;

    o->pause = MIN(o->pause * 2, POLL_MAX_USEC);
    arm(o->timer, retry_after > 0 ? MAX((uint64_t)retry_after * USEC_PER_SEC, pause) : pause);
}

/* ---- finalizing */

static void finalize(Order *o)
{
    _cleanup_free_ char *request = NULL, *payload = NULL;
    _cleanup_problem_ Problem problem = {};
    int r;

    order_tell(o, 0.8, "asking for the certificate");
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
        order_tell(o, 0.2, "proving the names");
        o->proving = true;
        order_ask_authorizations(o);
        break;
    case ACME_READY:
        o->held = !o->noted;
        if (o->noted)
            finalize(o);
        break;
    case ACME_PROCESSING:
        order_look_later(o, 0);
        break;
    case ACME_VALID:
        download(o);
        break;
    default:
        o->explaining = true;
        if (strv_length(o->object->authorizations) > 0)
            order_ask_authorizations(o);
        else
            order_explain(o);
    }
}

void order_noted(Order *o)
{
    o->noted = true;
    if (o->held && !o->ended)
        finalize(o);
    o->held = false;
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
                        order_whose(o));
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
    order_tell(o, 0.1, "placing the order");
    return acme_client_send(o->context.client, &request, on_placed, o, &o->call);
}

static int on_deadline(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Order *o = userdata;

    problem_set(&problem, PROBLEM_AUTHORITY_FAILED,
                "The authority %s did not finish the order within %d minutes; it is tried again later.",
                order_whose(o), LIMIT_ORDER_TIME / 60);
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
                  .noted = record->url != NULL,
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
    order_free_authorizations(o);
    acme_order_free(o->object);
    sd_event_source_disable_unref(o->timer);
    sd_event_source_disable_unref(o->deadline);
    free(o->chain);
    strv_free(o->alternates);
    free(o);
    return NULL;
}
