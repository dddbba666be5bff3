/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/client.h"

#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>

#include "acme/header.h"
#include "acme/jws.h"
#include "core/limits.h"
#include "core/now.h"
#include "util/text.h"
#include "util/timer.h"

#define DIRECTORY_AGE_MAX (86400 * USEC_PER_SEC)

struct AcmeCall {
    TAILQ_ENTRY(AcmeCall) entry;
    AcmeClient *client;
    AcmeResource resource;
    AcmeSubject subject;
    char *url, *payload, *type;
    const AccountKey *key;
    bool plain;   /* an unsigned GET */
    bool sending; /* handed to http */
    bool failed;  /* about to be answered */
    bool doubted; /* refused as unauthorized once */
    unsigned tries;
    AcmeDone done; /* NULL: cancelled */
    void *userdata;
};

struct AcmeClient {
    sd_event *event;
    Http *http;
    const AcmeAuthority *authority;
    AcmeSigner *signer;

    AcmeDirectory *directory;
    uint64_t directory_until; /* CLOCK_BOOTTIME, usec */
    char *nonces[LIMIT_NONCES];
    size_t n_nonces, n_nonces_asked, n_directories_asked;

    TAILQ_HEAD(, AcmeCall) waiting, sent;
    sd_event_source *soon;
    size_t n_holds;       /* of the account key */
    uint64_t held_until;  /* CLOCK_BOOTTIME, usec: a key change does not wait for them any more */
    sd_event_source *due; /* then */
    unsigned n_refs;      /* its owner, outstanding replies, and functions on the stack */
    bool freed;
};

static bool needs_account(const AcmeCall *call)
{
    return !call->plain && !call->key;
}

static AcmeCall *call_free(AcmeCall *call)
{
    free(call->url);
    free(call->payload);
    free(call->type);
    free(call);
    return NULL;
}

static void client_unref(AcmeClient *c)
{
    if (--c->n_refs > 0)
        return;
    acme_directory_free(c->directory);
    for (size_t i = 0; i < c->n_nonces; i++)
        free(c->nonces[i]);
    free(c);
}

/* ---- answers */

static void answer(AcmeCall *call, const AcmeReply *reply, const AcmeFailure *failure)
{
    if (call->done)
        call->done(reply, failure, call->userdata);
    call_free(call);
}

static AcmeCall *find_failed(AcmeClient *c)
{
    AcmeCall *call;

    TAILQ_FOREACH (call, &c->waiting, entry)
        if (call->failed)
            return call;
    return NULL;
}

static bool is_within(const AcmeCall *call, AcmeScope scope)
{
    switch (scope) {
    case ACME_ALL_REQUESTS:
        return true;
    case ACME_REQUESTS_OF_ACCOUNT:
        return needs_account(call);
    default:
        return needs_account(call) && call->resource == ACME_URL;
    }
}

/* done() may cancel other calls, send new ones, or free the client. */
void acme_client_fail(AcmeClient *c, AcmeScope scope, const AcmeFailure *failure)
{
    AcmeCall *call;

    c->n_refs++;
    TAILQ_FOREACH (call, &c->waiting, entry)
        call->failed = call->failed || is_within(call, scope);
    while ((call = find_failed(c))) {
        TAILQ_REMOVE(&c->waiting, call, entry);
        answer(call, NULL, failure);
    }
    client_unref(c);
}

static AcmeFailure failure_of(const Problem *problem, int64_t retry_after)
{
    return (AcmeFailure){ problem, retry_after, problem_blames_authority(problem), false };
}

static void fail_all(AcmeClient *c, const Problem *problem, int64_t retry_after)
{
    AcmeFailure failure = failure_of(problem, retry_after);

    acme_client_fail(c, ACME_ALL_REQUESTS, &failure);
}

/* ---- nonces and the directory: what requests need first */

static HttpRequest request_to(const AcmeClient *c, HttpMethod method, const char *url)
{
    return (HttpRequest){
        .method = method,
        .url = url,
        .body_max = LIMIT_ACME_JSON,
        .time_max = LIMIT_ACME_TIME,
        .authorities = c->authority->trust_file,
    };
}

static void fetch(AcmeClient *c, HttpMethod method, const char *url, const char *accept, size_t *n_asked,
                  HttpDone done)
{
    HttpRequest request = request_to(c, method, url);
    _cleanup_problem_ Problem problem = {};

    request.accept = accept;
    c->n_refs++;
    (*n_asked)++;
    if (http_send(c->http, &request, done, c, &problem) < 0) {
        (*n_asked)--;
        c->n_refs--;
        fail_all(c, &problem, 0);
    }
}

static void fetched(AcmeClient *c, const HttpReply *reply, const Problem *problem)
{
    if (problem)
        fail_all(c, problem, reply ? reply_retry_after(reply) : 0);
    acme_client_drive(c);
    client_unref(c);
}

static bool keep_nonce(AcmeClient *c, const HttpReply *reply)
{
    const char *nonce = http_reply_header(reply, "Replay-Nonce", 0);
    char *copy;

    if (!nonce || http_reply_header(reply, "Replay-Nonce", 1) || !header_is_nonce(nonce) ||
        c->n_nonces >= LIMIT_NONCES || !(copy = strdup(nonce)))
        return false;
    c->nonces[c->n_nonces++] = copy;
    return true;
}

static void on_nonce(const HttpReply *reply, const Problem *problem, void *userdata)
{
    _cleanup_problem_ Problem wrong = {};
    AcmeClient *c = userdata;

    c->n_nonces_asked--;
    if (reply && !c->freed && !keep_nonce(c, reply)) {
        if (reply->status >= 400)
            reply_describe_refusal(c->authority, reply, ACME_ABOUT_NONCE, &wrong);
        problem_set(&wrong, PROBLEM_AUTHORITY_FAILED,
                    "The authority %s sent no usable nonce (RFC 8555 section 7.2); try again later.",
                    c->authority->name);
        problem = &wrong;
    }
    fetched(c, reply, problem);
}

static bool directory_is_fresh(const AcmeClient *c)
{
    return c->directory && loop_now(c->event, CLOCK_BOOTTIME) < c->directory_until;
}

void acme_client_doubt_directory(AcmeClient *c)
{
    c->directory_until = 0;
}

/* Checks the URLs that every order needs; others are checked when they are used. */
static int check_directory(const AcmeClient *c, const AcmeDirectory *d, Problem *problem)
{
    const char *const urls[] = { d->new_nonce, d->new_account, d->new_order };

    for (size_t i = 0; i < ELEMENTSOF(urls); i++)
        if (!acme_authority_has_url(c->authority, urls[i]))
            return problem_set(
                problem, PROBLEM_AUTHORITY_FAILED,
                "The directory of the authority %s leads to another server, %s; check Directory=, or "
                "allow that server in Origins= of [Authority %s].",
                c->authority->name, urls[i], c->authority->name);
    return 0;
}

static int take_directory(AcmeClient *c, const HttpReply *reply, Problem *problem)
{
    _cleanup_(acme_directory_freep) AcmeDirectory *d = NULL;
    int r;

    if (reply->status != 200) {
        reply_describe_refusal(c->authority, reply, ACME_ABOUT_DIRECTORY, problem);
        return -EPROTO;
    }
    if (!reply_is(reply, TYPE_JSON))
        return problem_set(
            problem, PROBLEM_AUTHORITY_FAILED,
            "The reply of %s is not a directory: its type is not application/json; check Directory= of "
            "[Authority %s].",
            c->authority->directory, c->authority->name);
    r = acme_directory_parse(c->authority->name, reply->body, reply->size, &d, problem);
    if (r < 0)
        return r;
    r = check_directory(c, d, problem);
    if (r < 0)
        return r;
    acme_directory_free(c->directory);
    c->directory = TAKE_PTR(d);
    c->directory_until = loop_now(c->event, CLOCK_BOOTTIME) + DIRECTORY_AGE_MAX;
    (void)keep_nonce(c, reply);
    return 0;
}

static void on_directory(const HttpReply *reply, const Problem *problem, void *userdata)
{
    _cleanup_problem_ Problem wrong = {};
    AcmeClient *c = userdata;

    c->n_directories_asked--;
    if (reply && !c->freed && take_directory(c, reply, &wrong) < 0) {
        problem_set_errno(&wrong, -ENOMEM, "Reading the authority's directory");
        problem = &wrong;
    }
    fetched(c, reply, problem);
}

/* ---- calls */

static const char *url_of(const AcmeClient *c, const AcmeCall *call)
{
    switch (call->resource) {
    case ACME_NEW_ORDER:
        return c->directory->new_order;
    case ACME_REVOKE_CERT:
        return c->directory->revoke_cert;
    case ACME_KEY_CHANGE:
        return c->directory->key_change;
    case ACME_ACCOUNT:
        return c->signer->record->url;
    default:
        return call->url;
    }
}

static void fail(AcmeCall *call, const Problem *problem, int64_t retry_after)
{
    AcmeFailure failure = failure_of(problem, retry_after);

    answer(call, NULL, &failure);
}

static void fail_errno(AcmeCall *call, int r, Problem *problem)
{
    problem_set_errno(problem, r, "Asking the authority");
    fail(call, problem, 0);
}

static void requeue(AcmeClient *c, AcmeCall *call)
{
    call->sending = false;
    TAILQ_INSERT_HEAD(&c->waiting, call, entry);
}

/* Puts a refused request back in the queue if another nonce, or another look at the account, may help. Requests that arrive
 * at a lost account together wait for the same look. */
static bool call_repeat(AcmeClient *c, AcmeCall *call, const char *type)
{
    AcmeSigner *s = c->signer;
    bool lost = streq(type, "accountDoesNotExist"), ready = s->state == ACCOUNT_READY;

    if (streq(type, "unauthorized") && needs_account(call) && !call->doubted)
        call->doubted = true;
    else if ((!streq(type, "badNonce") && !(lost && needs_account(call))) ||
             ++call->tries >= LIMIT_NONCE_TRIES)
        return false;
    requeue(c, call);
    if (ready && lost)
        s->lost(s);
    else if (ready && streq(type, "unauthorized"))
        s->doubted(s);
    return true;
}

/* libcurl sends a request again when a kept connection breaks. The nonce tells whether the first one arrived; if so, there is
 * an order already, and another nonce would make a second one. */
static bool made_order_before(const AcmeCall *call, const HttpReply *reply, const Problem *problem)
{
    return call->resource == ACME_NEW_ORDER && reply && reply->repeated &&
           streq(strempty(problem->type), "badNonce");
}

static void fail_lost(AcmeCall *call, const Problem *problem)
{
    AcmeFailure failure = failure_of(problem, 0);

    failure.lost = true;
    answer(call, NULL, &failure);
}

static void fail_sent(AcmeCall *call, const HttpReply *reply, const Problem *problem)
{
    _cleanup_problem_ Problem lost = {};

    if (made_order_before(call, reply, problem)) {
        (void)problem_set(
            &lost, PROBLEM_NETWORK_FAILED,
            "The connection to the authority %s broke before its reply to the order arrived; the "
            "order is looked for before another one is placed",
            call->client->authority->name);
        fail_lost(call, &lost);
    } else if (!reply && problem->sent)
        fail_lost(call, problem);
    else
        fail(call, problem, reply ? reply_retry_after(reply) : 0);
}

/* Of others, whatever it is, nobody reads the Location. */
static bool makes_object(const AcmeCall *call)
{
    return call->resource == ACME_NEW_ORDER || (call->resource == ACME_URL && call->key);
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
        (void)keep_nonce(c, reply);
    if (reply &&
        reply_check(c->authority, reply, call->subject, call->type, makes_object(call), &good, &wrong) < 0)
        problem = &wrong;
    if (!problem) {
        c->signer->works = c->signer->works || needs_account(call);
        answer(call, &good, NULL);
    } else if (made_order_before(call, reply, problem) || !call_repeat(c, call, strempty(problem->type)))
        fail_sent(call, reply, problem);
    acme_client_drive(c);
    client_unref(c);
}

static int sign_call(AcmeClient *c, AcmeCall *call, const char *url, char **ret)
{
    _cleanup_free_ char *nonce = c->nonces[--c->n_nonces];
    JwsHeader header = {
        .url = url,
        .nonce = nonce,
        .account = needs_account(call) ? c->signer->record->url : NULL,
    };

    return jws_sign(call->key ? call->key : c->signer->key, &header, call->payload, ret);
}

static void send_call(AcmeClient *c, AcmeCall *call)
{
    const char *url = url_of(c, call);
    HttpRequest request = request_to(c, call->plain ? HTTP_GET : HTTP_POST, url);
    _cleanup_problem_ Problem problem = {};
    _cleanup_free_ char *body = NULL;
    const AcmeReply nothing = {};
    int r = 0;

    TAILQ_REMOVE(&c->waiting, call, entry);
    if (call->resource == ACME_DIRECTORY) {
        answer(call, &nothing, NULL);
        return;
    }
    if (!url)
        r = problem_set(&problem, PROBLEM_AUTHORITY_FAILED, "The authority %s does not offer this.",
                        c->authority->name);
    else if (!acme_authority_has_url(c->authority, url))
        r = problem_set(
            &problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s leads to another server, %s; allow that in Origins= of [Authority %s] if it "
            "belongs to the authority.",
            c->authority->name, url, c->authority->name);
    else if (!call->plain)
        r = sign_call(c, call, url, &body);
    if (r < 0) {
        fail_errno(call, r, &problem);
        return;
    }
    request.accept = call->type;
    if (!call->plain) {
        request.content_type = TYPE_JOSE;
        request.body = body;
        request.size = strlen(body);
    }
    c->n_refs++;
    r = http_send(c->http, &request, on_reply, call, &problem);
    if (r < 0) {
        c->n_refs--;
        fail_errno(call, r, &problem);
        return;
    }
    call->sending = true;
    TAILQ_INSERT_TAIL(&c->sent, call, entry);
}

static bool has_sent_for_account(const AcmeClient *c)
{
    const AcmeCall *call;

    TAILQ_FOREACH (call, &c->sent, entry)
        if (needs_account(call))
            return true;
    return false;
}

/* While a key change waits for proofs, the orders that they belong to go on; new ones do not begin. */
static bool account_permits(const AcmeClient *c, const AcmeCall *call)
{
    bool held = c->n_holds > 0 && loop_now(c->event, CLOCK_BOOTTIME) < c->held_until;

    if (c->signer->state != ACCOUNT_CHANGING)
        return c->signer->state == ACCOUNT_READY;
    if (call->resource == ACME_KEY_CHANGE)
        return !held && !has_sent_for_account(c);
    return held && call->resource != ACME_NEW_ORDER;
}

static bool is_sendable(const AcmeClient *c, const AcmeCall *call)
{
    return call->plain || (c->n_nonces > 0 && (!needs_account(call) || account_permits(c, call)));
}

static AcmeCall *find_sendable(AcmeClient *c)
{
    AcmeCall *call;

    TAILQ_FOREACH (call, &c->waiting, entry)
        if (is_sendable(c, call))
            return call;
    return NULL;
}

/* Requests what waiting calls need: a nonce, an account, the directory; each is requested once. */
void acme_client_drive(AcmeClient *c)
{
    bool wants_account = false;
    size_t wants_nonce = 0;
    AcmeCall *call;

    if (c->freed || TAILQ_EMPTY(&c->waiting))
        return;
    if (!directory_is_fresh(c)) {
        if (c->n_directories_asked == 0)
            fetch(c, HTTP_GET, c->authority->directory, TYPE_JSON, &c->n_directories_asked, on_directory);
        return;
    }
    c->n_refs++;
    while (!c->freed && (call = find_sendable(c)))
        send_call(c, call);
    TAILQ_FOREACH (call, &c->waiting, entry)
        if (needs_account(call) && !account_permits(c, call))
            wants_account = true;
        else
            wants_nonce++;
    while (c->n_nonces_asked < wants_nonce && c->n_nonces_asked < LIMIT_NONCES && !TAILQ_EMPTY(&c->waiting))
        fetch(c, HTTP_HEAD, c->directory->new_nonce, NULL, &c->n_nonces_asked, on_nonce);
    if (!c->freed && wants_account && c->signer->state == ACCOUNT_UNKNOWN)
        c->signer->wanted(c->signer);
    client_unref(c);
}

static int on_soon(sd_event_source *s _unused_, void *userdata)
{
    acme_client_drive(userdata);
    return 0;
}

static int on_due(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    acme_client_drive(userdata);
    return 0;
}

void acme_client_hold_key(AcmeClient *c)
{
    c->n_holds++;
}

void acme_client_release_key(AcmeClient *c)
{
    if (--c->n_holds == 0)
        (void)sd_event_source_set_enabled(c->soon, SD_EVENT_ONESHOT);
}

static int call_start(AcmeClient *c, const AcmeRequest *request, bool plain, AcmeDone done, void *userdata,
                      AcmeCall **ret)
{
    AcmeCall *call = calloc(1, sizeof(AcmeCall));

    if (!call)
        return -ENOMEM;
    *call = (AcmeCall){ .client = c,
                        .resource = request->resource,
                        .subject = request->subject,
                        .key = request->key,
                        .plain = plain,
                        .done = done,
                        .userdata = userdata };
    if (text_set(&call->url, request->url) < 0 || text_set(&call->payload, request->payload) < 0 ||
        text_set(&call->type, request->type) < 0) {
        call_free(call);
        return -ENOMEM;
    }
    TAILQ_INSERT_TAIL(&c->waiting, call, entry);
    (void)sd_event_source_set_enabled(c->soon, SD_EVENT_ONESHOT);
    if (request->resource == ACME_KEY_CHANGE) {
        c->held_until = loop_now(c->event, CLOCK_BOOTTIME) + LIMIT_KEY_CHANGE_WAIT * USEC_PER_SEC;
        (void)timer_arm_at(c->due, c->held_until);
    }
    *ret = call;
    return 0;
}

int acme_client_send(AcmeClient *c, const AcmeRequest *request, AcmeDone done, void *userdata,
                     AcmeCall **ret)
{
    return call_start(c, request, request->resource == ACME_DIRECTORY, done, userdata, ret);
}

int acme_client_get_renewal_info(AcmeClient *c, const char *identifier, AcmeDone done, void *userdata,
                                 AcmeCall **ret)
{
    _cleanup_free_ char *url = NULL;
    AcmeRequest request = { .type = TYPE_JSON, .subject = ACME_ABOUT_RENEWAL_INFO };

    if (!c->directory || !c->directory->renewal_info)
        return -EOPNOTSUPP;
    if (asprintf(&url, "%s/%s", c->directory->renewal_info, identifier) < 0)
        return -ENOMEM;
    request.url = url;
    return call_start(c, &request, true, done, userdata, ret);
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

/* ---- the client */

const AcmeAuthority *acme_client_authority(const AcmeClient *c)
{
    return c->authority;
}

const AcmeDirectory *acme_client_directory(const AcmeClient *c)
{
    return c->directory;
}

const AccountKey *acme_client_key(const AcmeClient *c)
{
    return c->signer->key;
}

const char *acme_client_orders_url(const AcmeClient *c)
{
    return c->signer->record ? c->signer->record->orders : NULL;
}

int acme_client_new(sd_event *event, Http *http, const AcmeAuthority *authority, AcmeSigner *signer,
                    AcmeClient **ret)
{
    AcmeClient *c = calloc(1, sizeof(AcmeClient));
    int r;

    if (!c)
        return -ENOMEM;
    *c = (AcmeClient){ .n_refs = 1, .event = event, .http = http, .authority = authority, .signer = signer };
    TAILQ_INIT(&c->waiting);
    TAILQ_INIT(&c->sent);
    r = deferred_add(event, &c->soon, on_soon, c);
    if (r >= 0)
        r = timer_add(event, &c->due, CLOCK_BOOTTIME, 1, on_due, c);
    if (r < 0)
        acme_client_free(c);
    else
        *ret = c;
    return r;
}

AcmeClient *acme_client_free(AcmeClient *c)
{
    AcmeCall *call;

    if (!c)
        return NULL;
    c->freed = true;
    c->soon = sd_event_source_disable_unref(c->soon);
    c->due = sd_event_source_disable_unref(c->due);
    TAILQ_FOREACH (call, &c->sent, entry)
        call->done = NULL;
    while ((call = TAILQ_FIRST(&c->waiting))) {
        TAILQ_REMOVE(&c->waiting, call, entry);
        call_free(call);
    }
    client_unref(c);
    return NULL;
}
