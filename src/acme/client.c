/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/client.h"

#include <errno.h>
#include <stdio.h>

#include "acme/client-internal.h"
#include "acme/header.h"
#include "acme/jws.h"
#include "core/limits.h"
#include "core/now.h"
#include "util/log.h"
#include "util/text.h"

const char *client_name(const AcmeClient *c)
{
    return c->authority.name;
}

static AcmeCall *call_free(AcmeCall *call)
{
    free(call->url);
    free(call->payload);
    free(call->type);
    free(call);
    return NULL;
}

/* ---- answers */

static void describe_status(const AcmeClient *c, const HttpReply *reply, const char *what, Problem *problem)
{
    problem_set(
        problem, PROBLEM_AUTHORITY_FAILED,
        "The authority %s answered %s with status %u and without a problem document; try again later, and "
        "check Directory= of [Authority %s].",
        client_name(c), what, reply->status, client_name(c));
}

bool client_reply_is(const HttpReply *reply, const char *type)
{
    return !http_reply_header(reply, "Content-Type", 1) &&
           header_is_type(http_reply_header(reply, "Content-Type", 0), type);
}

int64_t client_retry_after(const HttpReply *reply)
{
    const char *value = http_reply_header(reply, "Retry-After", 0);
    int64_t delay;

    return value && header_parse_retry_after(value, clock_now(), &delay) >= 0 ? delay : 0;
}

void client_describe_refusal(const AcmeClient *c, const HttpReply *reply, const char *what, Problem *problem)
{
    _cleanup_(acme_problem_freep) AcmeProblem *p = NULL;

    if (client_reply_is(reply, TYPE_PROBLEM) &&
        acme_problem_parse(client_name(c), reply->body, reply->size, &p, NULL) >= 0)
        (void)acme_problem_describe(p, client_name(c), problem);
    else
        describe_status(c, reply, what, problem);
}

static void answer(AcmeCall *call, const AcmeReply *reply, const Problem *problem, int64_t retry_after)
{
    AcmeFailure failure = {
        .problem = problem,
        .retry_after = retry_after,
        .at_authority = problem && problem_blames_authority(problem),
    };

    if (call->done)
        call->done(reply, problem ? &failure : NULL, call->userdata);
    call_free(call);
}

void client_fail_waiting(AcmeClient *c, bool all, const AcmeFailure *failure)
{
    struct AcmeCallQueue failed = TAILQ_HEAD_INITIALIZER(failed);
    AcmeCall *call, *next;

    for (call = TAILQ_FIRST(&c->waiting); call; call = next) {
        next = TAILQ_NEXT(call, entry);
        if (!all && (call->bare || call->plain))
            continue;
        TAILQ_REMOVE(&c->waiting, call, entry);
        TAILQ_INSERT_TAIL(&failed, call, entry);
    }
    while ((call = TAILQ_FIRST(&failed))) {
        TAILQ_REMOVE(&failed, call, entry);
        if (call->done)
            call->done(NULL, failure, call->userdata);
        call_free(call);
    }
}

void client_fail_all(AcmeClient *c, const Problem *problem, int64_t retry_after)
{
    AcmeFailure failure = { problem, retry_after, problem_blames_authority(problem) };

    client_fail_waiting(c, true, &failure);
}

void client_unref(AcmeClient *c)
{
    c->n_outside--;
    if (c->freed && c->n_outside == 0) {
        account_key_free(c->key);
        account_key_free(c->next_key);
        account_record_free(c->account);
        acme_directory_free(c->directory);
        acme_authority_done(&c->authority);
        for (size_t i = 0; i < c->n_nonces; i++)
            free(c->nonces[i]);
        free(c);
    }
}

/* ---- calls */

HttpRequest client_request_to(const AcmeClient *c, HttpMethod method, const char *url)
{
    return (HttpRequest){
        .method = method,
        .url = url,
        .body_max = LIMIT_ACME_JSON,
        .time_max = LIMIT_ACME_TIME,
        .authorities = c->authority.trust_file,
    };
}

static const char *url_of(const AcmeClient *c, const AcmeCall *call)
{
    switch (call->resource) {
    case ACME_NEW_ORDER:
        return c->directory->new_order;
    case ACME_REVOKE_CERT:
        return c->directory->revoke_cert;
    case ACME_ACCOUNT:
        return c->account->url;
    default:
        return call->url;
    }
}

static bool needs_account(const AcmeCall *call)
{
    return !call->bare && !call->plain && !call->key;
}

static int check_location(const AcmeClient *c, const HttpReply *reply, const char *location,
                          Problem *problem)
{
    const char *name = client_name(c);

    if (http_reply_header(reply, "Location", 1))
        return problem_set(
            problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s gave more than one Location; its administrator has to correct that.", name);
    if (location && !url_is_https(location))
        return problem_set(
            problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s gave a Location that is no https URL of at most %d characters; its administrator "
            "has to correct that.",
            name, LIMIT_URL);
    if (location && !acme_authority_has_url(&c->authority, location))
        return problem_set(
            problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s leads to another server; allow that in Origins= of [Authority %s] if it "
            "belongs to the authority.",
            name, name);
    return 0;
}

/* Returns 0 if the reply is an expected one. */
static int check_reply(AcmeCall *call, const HttpReply *reply, AcmeReply *ret, Problem *problem)
{
    const AcmeClient *c = call->client;
    const char *location = http_reply_header(reply, "Location", 0);

    if (reply->status < 200 || reply->status > 299) {
        client_describe_refusal(c, reply, call->url ? call->url : "a request", problem);
        return -EREMOTEIO;
    }
    if (call->type && !client_reply_is(reply, call->type))
        return problem_set(
            problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s answered with something else than %s; its administrator has to correct "
            "that.",
            client_name(c), call->type);
    if (check_location(c, reply, location, problem) < 0)
        return -EPROTO;
    *ret = (AcmeReply){
        .status = reply->status,
        .body = reply->body,
        .size = reply->size,
        .location = location,
        .retry_after = client_retry_after(reply),
        .http = reply,
    };
    return 0;
}

static void requeue(AcmeClient *c, AcmeCall *call)
{
    call->sending = false;
    TAILQ_INSERT_HEAD(&c->waiting, call, entry);
}

static void on_reply(const HttpReply *reply, const Problem *problem, void *userdata)
{
    _cleanup_problem_ Problem wrong = {};
    AcmeCall *call = userdata;
    AcmeClient *c = call->client;
    AcmeReply good = {};

    TAILQ_REMOVE(&c->sent, call, entry);
    if (c->freed) {
        call_free(call);
        client_unref(c);
        return;
    }
    if (reply)
        client_keep_nonce(c, reply);
    if (reply && check_reply(call, reply, &good, &wrong) < 0)
        problem = &wrong;
    if (problem && problem->type && streq(problem->type, "badNonce") && ++call->tries < LIMIT_NONCE_TRIES)
        requeue(c, call);
    else if (problem && problem->type && streq(problem->type, "accountDoesNotExist") &&
             needs_account(call) && ++call->tries < LIMIT_NONCE_TRIES && c->account_state == ACCOUNT_READY) {
        client_forget_account(c);
        requeue(c, call);
    } else
        answer(call, problem ? NULL : &good, problem, reply ? client_retry_after(reply) : 0);
    if (!c->freed)
        client_drive(c);
    client_unref(c);
}

static int sign_call(AcmeClient *c, AcmeCall *call, const char *url, char **ret)
{
    _cleanup_free_ char *nonce = c->nonces[--c->n_nonces];
    JwsHeader header = {
        .url = url,
        .nonce = nonce,
        .account = needs_account(call) ? c->account->url : NULL,
    };

    return jws_sign(call->key ? call->key : c->key, &header, call->payload, ret);
}

static void fail_call(AcmeCall *call, int r, Problem *problem)
{
    problem_set_errno(problem, r, "Asking the authority");
    answer(call, NULL, problem, 0);
}

static void send_call(AcmeClient *c, AcmeCall *call)
{
    const char *url = url_of(c, call);
    HttpRequest request = client_request_to(c, call->plain ? HTTP_GET : HTTP_POST, url);
    _cleanup_problem_ Problem problem = {};
    _cleanup_free_ char *body = NULL;
    const AcmeReply nothing = {};
    int r = 0;

    TAILQ_REMOVE(&c->waiting, call, entry);
    if (call->resource == ACME_DIRECTORY) {
        answer(call, &nothing, NULL, 0);
        return;
    }
    if (!url)
        r = problem_set(&problem, PROBLEM_AUTHORITY_FAILED, "The authority %s does not offer this.",
                        client_name(c));
    else if (!acme_authority_has_url(&c->authority, url))
        r = problem_set(
            &problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s leads to another server, %s; allow that in Origins= of [Authority %s] if it "
            "belongs to the authority.",
            client_name(c), url, client_name(c));
    else if (!call->plain)
        r = sign_call(c, call, url, &body);
    if (r < 0) {
        fail_call(call, r, &problem);
        return;
    }
    request.accept = call->type;
    if (!call->plain) {
        request.content_type = TYPE_JOSE;
        request.body = body;
        request.size = strlen(body);
    }
    c->n_outside++;
    r = http_send(c->context.http, &request, on_reply, call, &problem);
    if (r < 0) {
        c->n_outside--;
        fail_call(call, r, &problem);
        return;
    }
    call->sending = true;
    TAILQ_INSERT_TAIL(&c->sent, call, entry);
}

static AcmeCall *find_sendable(AcmeClient *c)
{
    AcmeCall *call;

    TAILQ_FOREACH (call, &c->waiting, entry)
        if (call->plain || (c->n_nonces > 0 && (!needs_account(call) || c->account_state == ACCOUNT_READY)))
            return call;
    return NULL;
}

/* Provides what waiting calls need: a nonce, an account, the directory; each is requested once. */
void client_drive(AcmeClient *c)
{
    bool wants_account = false;
    size_t wants_nonce = 0;
    AcmeCall *call;

    if (c->freed || TAILQ_EMPTY(&c->waiting))
        return;
    if (!client_directory_is_fresh(c)) {
        if (!c->fetching_directory)
            client_fetch_directory(c);
        return;
    }
    c->n_outside++;
    while (!c->freed && (call = find_sendable(c)))
        send_call(c, call);
    TAILQ_FOREACH (call, &c->waiting, entry)
        if (needs_account(call) && c->account_state != ACCOUNT_READY)
            wants_account = true;
        else
            wants_nonce++;
    while (!c->freed && c->n_nonces_asked < wants_nonce && c->n_nonces_asked < LIMIT_NONCES &&
           !TAILQ_EMPTY(&c->waiting))
        client_ask_nonce(c);
    if (!c->freed && wants_account)
        client_ensure_account(c);
    client_unref(c);
}

static int on_deferred(sd_event_source *s, void *userdata)
{
    AcmeClient *c = userdata;

    sd_event_source_disable_unref(s);
    client_drive(c);
    client_unref(c);
    return 0;
}

/* done() is never called from within a function of this file: the event loop takes the first step. */
static int drive_later(AcmeClient *c)
{
    sd_event_source *s;
    int r = sd_event_add_defer(c->context.event, &s, on_deferred, c);

    if (r >= 0)
        c->n_outside++;
    return r;
}

static int call_new(AcmeClient *c, const AcmeRequest *request, AcmeDone done, void *userdata, AcmeCall **ret)
{
    AcmeCall *call = calloc(1, sizeof(AcmeCall));

    if (!call)
        return -ENOMEM;
    *call = (AcmeCall){ .client = c,
                        .resource = request->resource,
                        .url = request->url ? strdup(request->url) : NULL,
                        .payload = request->payload ? strdup(request->payload) : NULL,
                        .type = request->type ? strdup(request->type) : NULL,
                        .key = request->key,
                        .plain = request->resource == ACME_DIRECTORY,
                        .done = done,
                        .userdata = userdata };
    if ((request->url && !call->url) || (request->payload && !call->payload) ||
        (request->type && !call->type)) {
        call_free(call);
        return -ENOMEM;
    }
    *ret = call;
    return 0;
}

static int call_start(AcmeClient *c, AcmeCall *call)
{
    int r = drive_later(c);

    if (r < 0) {
        call_free(call);
        return r;
    }
    TAILQ_INSERT_TAIL(&c->waiting, call, entry);
    return 0;
}

int acme_client_send(AcmeClient *c, const AcmeRequest *request, AcmeDone done, void *userdata,
                     AcmeCall **ret)
{
    AcmeCall *call;
    int r = call_new(c, request, done, userdata, &call);

    if (r >= 0)
        r = call_start(c, call);
    if (r >= 0)
        *ret = call;
    return r;
}

int client_call(AcmeClient *c, const char *url, const char *payload, bool bare, const AccountKey *key,
                AcmeDone done, AcmeCall **ret)
{
    AcmeRequest request = { .url = url, .payload = payload, .key = key };
    AcmeCall *call;
    int r = call_new(c, &request, done, c, &call);

    if (r < 0)
        return r;
    call->bare = bare;
    *ret = call;
    return call_start(c, call);
}

int acme_client_get_renewal_info(AcmeClient *c, const char *identifier, AcmeDone done, void *userdata,
                                 AcmeCall **ret)
{
    _cleanup_free_ char *url = NULL;
    AcmeRequest request = { .type = TYPE_JSON };
    AcmeCall *call;
    int r;

    if (!c->directory || !c->directory->renewal_info)
        return -EOPNOTSUPP;
    if (asprintf(&url, "%s/%s", c->directory->renewal_info, identifier) < 0)
        return -ENOMEM;
    request.url = url;
    r = call_new(c, &request, done, userdata, &call);
    if (r < 0)
        return r;
    call->plain = true;
    r = call_start(c, call);
    if (r >= 0)
        *ret = call;
    return r;
}

AcmeCall *acme_call_cancel(AcmeCall *call)
{
    if (!call)
        return NULL;
    call->done = NULL;
    if (!call->sending) {
        TAILQ_REMOVE(&call->client->waiting, call, entry);
        call_free(call);
    }
    return NULL;
}

int acme_reply_links(AcmeClient *c, const AcmeReply *reply, const char *relation, char ***ret)
{
    _cleanup_strv_ char **targets = NULL, **own = NULL;
    const char *value;
    int r = 0;

    for (size_t i = 0; r >= 0 && (value = http_reply_header(reply->http, "Link", i)); i++)
        if (header_parse_link(value, relation, &targets) == -ENOMEM)
            return -ENOMEM;
    for (size_t i = 0; targets && targets[i] && r >= 0; i++)
        if (acme_authority_has_url(&c->authority, targets[i]))
            r = strv_extend(&own, targets[i]);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(own);
    return 0;
}

/* ---- the client */

const AcmeAuthority *acme_client_authority(const AcmeClient *c)
{
    return &c->authority;
}

const AcmeDirectory *acme_client_directory(const AcmeClient *c)
{
    return c->directory;
}

const AccountKey *acme_client_key(const AcmeClient *c)
{
    return c->key;
}

const char *acme_client_orders_url(const AcmeClient *c)
{
    return c->account ? c->account->orders : NULL;
}

int acme_client_new(const AcmeContext *context, const AcmeAuthority *authority, AcmeClient **ret)
{
    AcmeClient *c = calloc(1, sizeof(AcmeClient));

    if (!c)
        return -ENOMEM;
    c->context = *context;
    TAILQ_INIT(&c->waiting);
    TAILQ_INIT(&c->sent);
    if (acme_authority_copy(authority, &c->authority) < 0) {
        acme_authority_done(&c->authority);
        free(c);
        return -ENOMEM;
    }
    *ret = c;
    return 0;
}

AcmeClient *acme_client_free(AcmeClient *c)
{
    _cleanup_problem_ Problem stopped = {};
    AcmeCall *call;

    if (!c)
        return NULL;
    problem_set(&stopped, PROBLEM_CANCELLED, "The service stops.");
    client_end_change(c, &stopped);
    c->freed = true;
    TAILQ_FOREACH (call, &c->sent, entry)
        call->done = NULL;
    while ((call = TAILQ_FIRST(&c->waiting))) {
        TAILQ_REMOVE(&c->waiting, call, entry);
        call_free(call);
    }
    c->n_outside++;
    client_unref(c);
    return NULL;
}
