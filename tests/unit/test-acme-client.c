/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-http.h"
#include "fake-timer.h"

#include "acme/client.h"
#include "acme/header.h"
#include "core/limits.h"

#define URL           "https://ca.test/"
#define DIRECTORY     URL "directory"
#define NONCE         URL "nonce"
#define PROBLEM(type) "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"No.\"}"

static char *json[] = { S("Content-Type"), S("application/json"), NULL };
static char *json_nonce[] = { S("Content-Type"), S("application/json"), S("Replay-Nonce"), S("bm9uY2U"),
                              NULL };
static char *nonce[] = { S("Replay-Nonce"), S("bm9uY2U"), NULL };
static char *refusal[] = { S("Content-Type"), S("application/problem+json"), S("Replay-Nonce"), S("bm9uY2U"),
                           NULL };
static const char directory[] =
    "{\"newNonce\":\"" NONCE "\",\"newAccount\":\"" URL "new-account\",\"newOrder\":\"" URL
    "new-order\",\"keyChange\":\"" URL "key-change\",\"renewalInfo\":\"" URL "info\"}";

/* ---- a client, its account, and what is heard of requests */

typedef struct Desk {
    AcmeSigner signer; /* first */
    AccountRecord record;
    sd_event *event;
    AcmeClient *client;
    unsigned n_wanted, n_lost, n_doubted;
} Desk;

typedef struct Sent {
    AcmeCall *call;
    unsigned n_done;
    ProblemCode code;
    bool at_authority, lost;
    int64_t retry_after;
    char *body;
    struct Sent *cancels; /* when it is done */
    Desk *frees;
} Sent;

static const AcmeAuthority authority = { .name = S("ca"), .directory = S(DIRECTORY) };

static void on_wanted(AcmeSigner *s)
{
    ((Desk *)s)->n_wanted++;
    s->state = ACCOUNT_BUSY;
}

static void on_lost(AcmeSigner *s)
{
    ((Desk *)s)->n_lost++;
    s->state = ACCOUNT_BUSY;
}

static void on_doubted(AcmeSigner *s)
{
    ((Desk *)s)->n_doubted++;
    s->state = ACCOUNT_BUSY;
}

static void desk_init(Desk *d)
{
    *d = (Desk){
        .signer = { .wanted = on_wanted, .lost = on_lost, .doubted = on_doubted, .record = &d->record },
        .record.url = S(URL "account"),
        .record.orders = S(URL "orders")
    };
    http_broken = http_repeats = false;
    haste = 1;
    n_asked = 0;
    g_assert_cmpint(account_key_generate(KEY_TYPE_ECDSA_P256, &d->signer.key), ==, 0);
    g_assert_cmpint(sd_event_new(&d->event), ==, 0);
    g_assert_cmpint(acme_client_new(d->event, NULL, &authority, &d->signer, &d->client), ==, 0);
}

static void desk_done(Desk *d)
{
    acme_client_free(d->client);
    while (!g_queue_is_empty(&asked))
        http_answer_failure();
    account_key_free(d->signer.key);
    sd_event_unref(d->event);
}
#define _cleanup_desk_ _cleanup_(desk_done)

static void sent_done(Sent *s)
{
    g_free(s->body);
}
#define _cleanup_sent_ _cleanup_(sent_done)

static void on_done(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    Sent *s = userdata;

    g_assert_true(!reply != !failure);
    s->call = NULL;
    s->n_done++;
    if (reply)
        s->body = g_strndup(reply->body, reply->size);
    else {
        s->code = failure->problem->code;
        s->at_authority = failure->at_authority;
        s->lost = failure->lost;
        s->retry_after = failure->retry_after;
    }
    if (s->cancels)
        s->cancels->call = acme_call_cancel(s->cancels->call);
    if (s->frees)
        s->frees->client = acme_client_free(s->frees->client);
}

static bool has_asked(void *userdata _unused_)
{
    return !g_queue_is_empty(&asked);
}

static void settle(Desk *d)
{
    while (sd_event_run(d->event, 0) > 0)
        ;
}

static void send_request(Desk *d, const AcmeRequest *request, Sent *s)
{
    unsigned before = s->n_done;

    g_assert_cmpint(acme_client_send(d->client, request, on_done, s, &s->call), ==, 0);
    g_assert_cmpuint(s->n_done, ==, before);
    settle(d);
}

static void send_url(Desk *d, const char *url, Sent *s)
{
    send_request(d, &(AcmeRequest){ .url = url, .type = TYPE_JSON }, s);
}

static void answer_directory(void)
{
    http_answer(HTTP_GET, DIRECTORY, 200, json_nonce, directory);
}

/* The directory was read, and the account is ready. */
static void open_up(Desk *d)
{
    _cleanup_sent_ Sent s = {};

    d->signer.state = ACCOUNT_READY;
    send_request(d, &(AcmeRequest){ .resource = ACME_DIRECTORY }, &s);
    answer_directory();
    g_assert_cmpuint(s.n_done, ==, 1);
    g_assert_cmpint(s.code, ==, PROBLEM_NONE);
}

/* The member of the protected header of the oldest request. */
static void assert_header(const char *member, bool there)
{
    const Asked *a = g_queue_peek_head(&asked);
    const char *begin = strstr(a->body, "\"protected\":\"");
    g_autofree char *encoded = NULL;
    _cleanup_free_ void *header = NULL;
    size_t size;

    g_assert_nonnull(begin);
    begin += strlen("\"protected\":\"");
    encoded = g_strndup(begin, strcspn(begin, "\""));
    g_assert_cmpint(base64url_decode(encoded, &header, &size), ==, 0);
    if (!strstr(header, member) == there)
        g_error("%s: %s", member, (char *)header);
}

/* First the directory, then a nonce and the account, each once. */
static void test_first(void)
{
    static char *const no_nonce[] = { S("Content-Type"), S("application/json"), NULL };
    _cleanup_sent_ Sent a = {}, b = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    send_request(&d, &(AcmeRequest){ .resource = ACME_NEW_ORDER, .payload = "{}", .type = TYPE_JSON }, &a);
    send_url(&d, URL "x", &b);
    g_assert_cmpuint(n_asked, ==, 1);
    http_answer(HTTP_GET, DIRECTORY, 200, no_nonce, directory);
    g_assert_cmpuint(d.n_wanted, ==, 1);
    g_assert_cmpuint(n_asked, ==, 1);
    d.signer.state = ACCOUNT_READY;
    acme_client_drive(d.client);
    g_assert_cmpuint(n_asked, ==, 3);
    http_answer(HTTP_HEAD, NONCE, 200, nonce, "");
    http_answer(HTTP_HEAD, NONCE, 204, nonce, "");
    g_assert_cmpuint(g_queue_get_length(&asked), ==, 2);
    g_assert_cmpstr(((Asked *)g_queue_peek_head(&asked))->content_type, ==, "application/jose+json");
    assert_header("\"kid\":\"" URL "account\"", true);
    assert_header("\"nonce\":\"bm9uY2U\"", true);
    assert_header("\"url\":\"" URL "new-order\"", true);
    http_answer(HTTP_POST, URL "new-order", 201, json_nonce, "{\"a\":1}");
    g_assert_cmpstr(a.body, ==, "{\"a\":1}");
    http_answer(HTTP_POST, URL "x", 200, json, "{}");
    g_assert_cmpuint(b.n_done, ==, 1);
    g_assert_cmpuint(d.n_wanted, ==, 1);
    g_assert_cmpstr(acme_client_orders_url(d.client), ==, URL "orders");
    g_assert_true(acme_client_key(d.client) == d.signer.key);
}

/* Each reply has the nonce of the next request. */
static void test_nonces(void)
{
    _cleanup_sent_ Sent a = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    open_up(&d);
    for (unsigned i = 0; i < 3; i++) {
        _cleanup_sent_ Sent s = {};

        send_url(&d, URL "x", &s);
        http_answer(HTTP_POST, URL "x", 200, i < 2 ? json_nonce : json, "{}");
        g_assert_cmpuint(s.n_done, ==, 1);
    }
    send_url(&d, URL "x", &a);
    http_answer(HTTP_HEAD, NONCE, 200, json, "");
    g_assert_cmpint(a.code, ==, PROBLEM_AUTHORITY_FAILED);
    g_assert_true(a.at_authority);
}

static void test_bad_nonce(void)
{
    _cleanup_sent_ Sent a = {}, b = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    open_up(&d);
    send_url(&d, URL "x", &a);
    http_answer(HTTP_POST, URL "x", 400, refusal, PROBLEM("badNonce"));
    g_assert_cmpuint(a.n_done, ==, 0);
    http_answer(HTTP_POST, URL "x", 200, json_nonce, "{}");
    g_assert_cmpstr(a.body, ==, "{}");
    send_url(&d, URL "x", &b);
    for (int i = 0; i < LIMIT_NONCE_TRIES; i++) {
        g_assert_cmpuint(b.n_done, ==, 0);
        http_answer(HTTP_POST, URL "x", 400, refusal, PROBLEM("badNonce"));
    }
    g_assert_cmpuint(b.n_done, ==, 1);
    g_assert_cmpint(b.code, ==, PROBLEM_AUTHORITY_REFUSED);
}

static void send_order(Desk *d, Sent *sent)
{
    const AcmeRequest request = { .resource = ACME_NEW_ORDER, .payload = S("{}"), .type = TYPE_JSON };

    g_assert_cmpint(acme_client_send(d->client, &request, on_done, sent, &sent->call), ==, 0);
    loop_until(d->event, has_asked, NULL);
}

/* Another nonce would make a second order. */
static void test_order_sent_twice(void)
{
    _cleanup_sent_ Sent a = {}, b = {}, c = {}, e = {}, g = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    open_up(&d);
    send_order(&d, &a);
    http_repeats = true;
    http_answer(HTTP_POST, URL "new-order", 400, refusal, PROBLEM("badNonce"));
    g_assert_cmpuint(a.n_done, ==, 1);
    g_assert_cmpint(a.code, ==, PROBLEM_NETWORK_FAILED);
    g_assert_true(a.lost);
    g_assert_true(g_queue_is_empty(&asked));
    send_order(&d, &b); /* the first one did not arrive */
    http_answer(HTTP_POST, URL "new-order", 201, json_nonce, "{}");
    g_assert_cmpstr(b.body, ==, "{}");
    send_url(&d, URL "x", &c);
    http_answer(HTTP_POST, URL "x", 400, refusal, PROBLEM("badNonce"));
    g_assert_cmpuint(c.n_done, ==, 0);
    http_repeats = false;
    http_answer(HTTP_POST, URL "x", 200, json_nonce, "{}");
    g_assert_cmpstr(c.body, ==, "{}");
    send_order(&d, &e);
    http_answer(HTTP_POST, URL "new-order", 400, refusal, PROBLEM("badNonce"));
    g_assert_cmpuint(e.n_done, ==, 0);
    http_answer_failure(); /* e.g. it could not connect */
    g_assert_cmpuint(e.n_done, ==, 1);
    g_assert_false(e.lost);
    send_order(&d, &g);
    http_answer(HTTP_HEAD, NONCE, 200, nonce, "");
    http_repeats = true;
    http_answer_failure();
    g_assert_true(g.lost);
}

static void test_lost(void)
{
    _cleanup_sent_ Sent a = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    open_up(&d);
    send_url(&d, URL "x", &a);
    http_answer(HTTP_POST, URL "x", 400, refusal, PROBLEM("accountDoesNotExist"));
    g_assert_cmpuint(d.n_lost, ==, 1);
    g_assert_true(g_queue_is_empty(&asked));
    d.signer.state = ACCOUNT_READY;
    d.record.url = S(URL "another");
    acme_client_drive(d.client);
    assert_header("\"kid\":\"" URL "another\"", true);
    http_answer(HTTP_POST, URL "x", 200, json, "{}");
    g_assert_cmpuint(a.n_done, ==, 1);
    g_assert_cmpint(a.code, ==, PROBLEM_NONE);
}

/* Refused requests are sent once more after a look at the account, one look for all of them. */
static void test_doubted(void)
{
    _cleanup_sent_ Sent a = {}, b = {}, own = {};
    _cleanup_account_key_ AccountKey *key = NULL;
    _cleanup_desk_ Desk d;

    desk_init(&d);
    g_assert_cmpint(account_key_generate(KEY_TYPE_ECDSA_P256, &key), ==, 0);
    open_up(&d);
    send_url(&d, URL "a", &a);
    send_url(&d, URL "b", &b);
    http_answer(HTTP_POST, URL "a", 403, refusal, PROBLEM("unauthorized"));
    http_answer(HTTP_HEAD, NONCE, 200, nonce, "");
    g_assert_cmpuint(d.n_doubted, ==, 1);
    g_assert_true(g_queue_is_empty(&asked)); /* b waits as well */
    send_request(&d, &(AcmeRequest){ .url = URL "own", .payload = "{}", .key = key }, &own);
    http_answer(HTTP_POST, URL "own", 403, refusal, PROBLEM("unauthorized"));
    g_assert_cmpuint(own.n_done, ==, 1);
    d.signer.state = ACCOUNT_READY;
    acme_client_drive(d.client);
    http_answer(HTTP_POST, URL "a", 200, json_nonce, "{}");
    g_assert_cmpuint(a.n_done, ==, 1);
    g_assert_cmpint(a.code, ==, PROBLEM_NONE);
    g_assert_true(d.signer.works);
    http_answer(HTTP_POST, URL "b", 403, refusal, PROBLEM("unauthorized"));
    g_assert_cmpuint(d.n_doubted, ==, 2);
    d.signer.state = ACCOUNT_READY;
    acme_client_drive(d.client);
    http_answer(HTTP_POST, URL "b", 403, refusal, PROBLEM("unauthorized"));
    g_assert_cmpuint(b.n_done, ==, 1);
    g_assert_cmpint(b.code, ==, PROBLEM_AUTHORITY_REFUSED);
    g_assert_cmpuint(d.n_doubted, ==, 2);
}

/* Those that belong to a former account: all about its objects. */
static void test_former(void)
{
    const Problem problem = { .code = PROBLEM_AUTHORITY_REFUSED };
    _cleanup_sent_ Sent url = {}, order = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    send_url(&d, URL "x", &url);
    send_request(&d, &(AcmeRequest){ .resource = ACME_NEW_ORDER, .payload = "{}" }, &order);
    acme_client_fail(d.client, ACME_REQUESTS_OF_FORMER_ACCOUNT, &(AcmeFailure){ &problem, 0, false });
    g_assert_cmpuint(url.n_done, ==, 1);
    g_assert_cmpuint(order.n_done, ==, 0);
}

static void change_key(Desk *d, Sent *s)
{
    d->signer.state = ACCOUNT_CHANGING;
    send_request(d, &(AcmeRequest){ .resource = ACME_KEY_CHANGE, .payload = "{}" }, s);
}

/* Nothing is pending while the key changes, and nothing that is signed with the former key follows. */
static void test_key_change(void)
{
    _cleanup_sent_ Sent before = {}, change = {}, after = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    open_up(&d);
    send_url(&d, URL "before", &before);
    change_key(&d, &change);
    send_url(&d, URL "after", &after);
    g_assert_cmpuint(g_queue_get_length(&asked), ==, 1);
    http_answer(HTTP_POST, URL "before", 200, json_nonce, "{}");
    g_assert_cmpuint(before.n_done, ==, 1);
    g_assert_cmpuint(g_queue_get_length(&asked), ==, 1);
    http_answer(HTTP_POST, URL "key-change", 200, json_nonce, "{}");
    g_assert_cmpuint(change.n_done, ==, 1);
    g_assert_true(g_queue_is_empty(&asked));
    d.signer.state = ACCOUNT_READY;
    acme_client_drive(d.client);
    http_answer(HTTP_POST, URL "after", 200, json_nonce, "{}");
    g_assert_cmpuint(after.n_done, ==, 1);
}

/* Proofs that may be validated are waited for; the orders that they belong to go on, and no others begin. */
static void test_key_held(void)
{
    for (int late = 0; late < 2; late++) {
        _cleanup_sent_ Sent change = {}, order = {}, proof = {};
        _cleanup_desk_ Desk d;

        desk_init(&d);
        haste = late ? 600 : 1; /* a minute in 100 ms */
        open_up(&d);
        acme_client_hold_key(d.client);
        change_key(&d, &change);
        send_request(&d, &(AcmeRequest){ .resource = ACME_NEW_ORDER, .payload = "{}", .type = TYPE_JSON },
                     &order);
        g_assert_true(g_queue_is_empty(&asked));
        if (late) { /* not for ever */
            loop_until(d.event, has_asked, NULL);
            http_answer(HTTP_POST, URL "key-change", 200, json_nonce, "{}");
            acme_client_release_key(d.client);
            continue;
        }
        send_url(&d, URL "proof", &proof);
        http_answer(HTTP_POST, URL "proof", 200, json_nonce, "{}");
        g_assert_cmpuint(proof.n_done, ==, 1);
        g_assert_true(g_queue_is_empty(&asked));
        acme_client_release_key(d.client);
        settle(&d);
        http_answer(HTTP_POST, URL "key-change", 200, json_nonce, "{}");
        g_assert_cmpuint(change.n_done, ==, 1);
        d.signer.state = ACCOUNT_READY;
        acme_client_drive(d.client);
        http_answer(HTTP_POST, URL "new-order", 201, json_nonce, "{}");
        g_assert_cmpuint(order.n_done, ==, 1);
    }
}

/* Requests that an account signs fail with it; others do not. */
static void test_own_key(void)
{
    _cleanup_sent_ Sent own = {}, account = {};
    const Problem problem = { .code = PROBLEM_STORAGE_FAILED };
    const AcmeFailure failure = { .problem = &problem, .retry_after = 9 };
    _cleanup_account_key_ AccountKey *key = NULL;
    _cleanup_desk_ Desk d;

    desk_init(&d);
    g_assert_cmpint(account_key_generate(KEY_TYPE_ECDSA_P256, &key), ==, 0);
    send_url(&d, URL "x", &account);
    send_request(&d, &(AcmeRequest){ .url = URL "y", .payload = "{}", .key = key }, &own);
    acme_client_fail(d.client, ACME_REQUESTS_OF_ACCOUNT, &failure);
    g_assert_cmpuint(own.n_done, ==, 0);
    g_assert_cmpint(account.code, ==, PROBLEM_STORAGE_FAILED);
    g_assert_cmpint(account.retry_after, ==, 9);
    answer_directory();
    g_assert_cmpuint(d.n_wanted, ==, 0);
    assert_header("\"jwk\":", true);
    assert_header("\"kid\":", false);
    http_answer(HTTP_POST, URL "y", 200, NULL, "");
    g_assert_cmpuint(own.n_done, ==, 1);
}

static void test_directory_fails(void)
{
    static const struct {
        unsigned status;
        char **fields;
        const char *body;
    } cases[] = {
        { 500, json, "" },
        { 200, NULL, directory },
        { 200, json, "{}" },
        { 200, json,
          "{\"newNonce\":\"https://elsewhere.test/\",\"newAccount\":\"" URL "a\",\"newOrder\":\"" URL
          "o\"}" },
    };
    _cleanup_sent_ Sent network = {}, broken = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_sent_ Sent s = {};

        send_url(&d, URL "x", &s);
        http_answer(HTTP_GET, DIRECTORY, cases[i].status, cases[i].fields, cases[i].body);
        g_assert_cmpuint(s.n_done, ==, 1);
        g_assert_cmpint(s.code, ==, PROBLEM_AUTHORITY_FAILED);
        g_assert_true(s.at_authority);
    }
    send_url(&d, URL "x", &network);
    http_answer_failure();
    g_assert_cmpint(network.code, ==, PROBLEM_NETWORK_FAILED);
    http_broken = true;
    send_url(&d, URL "x", &broken);
    g_assert_cmpint(broken.code, ==, PROBLEM_NETWORK_FAILED);
    http_broken = false;
    open_up(&d);
}

/* Of the directory, once a day or when it is doubted. */
static void test_doubt(void)
{
    _cleanup_sent_ Sent a = {}, b = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    g_assert_null(acme_client_directory(d.client));
    open_up(&d);
    g_assert_cmpstr(acme_client_directory(d.client)->new_nonce, ==, NONCE);
    send_request(&d, &(AcmeRequest){ .resource = ACME_DIRECTORY }, &a);
    g_assert_cmpuint(a.n_done, ==, 1);
    g_assert_cmpuint(n_asked, ==, 1);
    acme_client_doubt_directory(d.client);
    send_request(&d, &(AcmeRequest){ .resource = ACME_DIRECTORY }, &b);
    g_assert_cmpuint(b.n_done, ==, 0);
    answer_directory();
    g_assert_cmpuint(b.n_done, ==, 1);
}

static void test_not_sent(void)
{
    _cleanup_sent_ Sent missing = {}, foreign = {}, broken = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    open_up(&d);
    send_request(&d, &(AcmeRequest){ .resource = ACME_REVOKE_CERT, .payload = "{}" }, &missing);
    g_assert_cmpint(missing.code, ==, PROBLEM_AUTHORITY_FAILED);
    send_url(&d, "https://elsewhere.test/", &foreign);
    g_assert_cmpint(foreign.code, ==, PROBLEM_AUTHORITY_FAILED);
    http_broken = true;
    send_url(&d, URL "x", &broken);
    g_assert_cmpint(broken.code, ==, PROBLEM_NETWORK_FAILED);
    g_assert_cmpuint(n_asked, ==, 1);
}

static void test_renewal_info(void)
{
    _cleanup_sent_ Sent s = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    g_assert_cmpint(acme_client_get_renewal_info(d.client, "a.b", on_done, &s, &s.call), ==, -EOPNOTSUPP);
    open_up(&d);
    d.signer.state = ACCOUNT_UNKNOWN;
    g_assert_cmpint(acme_client_get_renewal_info(d.client, "a.b", on_done, &s, &s.call), ==, 0);
    settle(&d);
    http_answer(HTTP_GET, URL "info/a.b", 200, json, "{}");
    g_assert_cmpstr(s.body, ==, "{}");
    g_assert_cmpuint(d.n_wanted, ==, 0);
}

static void test_cancel(void)
{
    _cleanup_sent_ Sent waiting = {}, sent = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    open_up(&d);
    send_url(&d, URL "x", &sent);
    g_assert_null(acme_call_cancel(sent.call));
    http_answer(HTTP_POST, URL "x", 200, json_nonce, "{}");
    d.signer.state = ACCOUNT_BUSY;
    send_url(&d, URL "x", &waiting);
    g_assert_null(acme_call_cancel(waiting.call));
    d.signer.state = ACCOUNT_READY;
    acme_client_drive(d.client);
    g_assert_true(g_queue_is_empty(&asked));
    g_assert_cmpuint(sent.n_done + waiting.n_done, ==, 0);
    g_assert_null(acme_call_cancel(NULL));
}

/* Of requests that fail together, one may cancel the others, send one more, or free the client. */
static void test_fail_together(void)
{
    _cleanup_sent_ Sent a = {}, b = {}, c = {}, more = {};
    _cleanup_desk_ Desk d;

    desk_init(&d);
    a.cancels = &c;
    send_url(&d, URL "a", &a);
    send_url(&d, URL "b", &b);
    send_url(&d, URL "c", &c);
    http_answer(HTTP_GET, DIRECTORY, 500, json, "");
    g_assert_cmpuint(a.n_done, ==, 1);
    g_assert_cmpuint(b.n_done, ==, 1);
    g_assert_cmpuint(c.n_done, ==, 0);
    send_url(&d, URL "more", &more);
    more.frees = &d;
    a.cancels = NULL;
    send_url(&d, URL "a", &a);
    http_answer(HTTP_GET, DIRECTORY, 500, json, "");
    g_assert_cmpuint(more.n_done, ==, 1);
    g_assert_cmpuint(a.n_done, ==, 1); /* dropped with the client */
}

/* Replies that come later are for nobody: desk_done() answers all that was asked. */
static void test_free(void)
{
    _cleanup_sent_ Sent a = {}, b = {}, c = {};
    _cleanup_desk_ Desk d, early;

    desk_init(&early);
    send_url(&early, URL "x", &a);
    early.client = acme_client_free(early.client);
    desk_init(&d);
    http_answer_failure();
    open_up(&d);
    send_url(&d, URL "b", &b);
    send_url(&d, URL "c", &c);
    d.client = acme_client_free(d.client);
    g_assert_cmpuint(g_queue_get_length(&asked), ==, 2);
    http_answer(HTTP_POST, URL "b", 200, json_nonce, "{}");
    http_answer(HTTP_HEAD, NONCE, 200, nonce, "");
    g_assert_cmpuint(a.n_done + b.n_done + c.n_done, ==, 0);
    g_assert_null(acme_client_free(NULL));
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/acme-client/first", test_first);
    g_test_add_func("/acme-client/nonces", test_nonces);
    g_test_add_func("/acme-client/bad-nonce", test_bad_nonce);
    g_test_add_func("/acme-client/order-sent-twice", test_order_sent_twice);
    g_test_add_func("/acme-client/lost", test_lost);
    g_test_add_func("/acme-client/doubted", test_doubted);
    g_test_add_func("/acme-client/former", test_former);
    g_test_add_func("/acme-client/key-change", test_key_change);
    g_test_add_func("/acme-client/key-held", test_key_held);
    g_test_add_func("/acme-client/own-key", test_own_key);
    g_test_add_func("/acme-client/directory-fails", test_directory_fails);
    g_test_add_func("/acme-client/doubt", test_doubt);
    g_test_add_func("/acme-client/not-sent", test_not_sent);
    g_test_add_func("/acme-client/renewal-info", test_renewal_info);
    g_test_add_func("/acme-client/cancel", test_cancel);
    g_test_add_func("/acme-client/fail-together", test_fail_together);
    g_test_add_func("/acme-client/free", test_free);
    return g_test_run();
}
