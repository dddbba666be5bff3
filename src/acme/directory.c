/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "acme/client-internal.h"
#include "acme/header.h"
#include "util/timer.h"

#define DIRECTORY_AGE_MAX (86400 * USEC_PER_SEC)

/* Prerequisites of signed requests: the directory, read once a day, and nonces. */

/* ---- nonces */

void client_keep_nonce(AcmeClient *c, const HttpReply *reply)
{
    const char *nonce = http_reply_header(reply, "Replay-Nonce", 0);
    char *copy;

    if (!nonce || http_reply_header(reply, "Replay-Nonce", 1) || !header_is_nonce(nonce) ||
        c->n_nonces >= LIMIT_NONCES || !(copy = strdup(nonce)))
        return;
    c->nonces[c->n_nonces++] = copy;
}

static void on_nonce(const HttpReply *reply, const Problem *problem, void *userdata)
{
    AcmeClient *c = userdata;
    _cleanup_problem_ Problem wrong = {};
    size_t before = c->n_nonces;

    c->n_nonces_asked--;
    if (!c->freed) {
        if (reply)
            client_keep_nonce(c, reply);
        if (reply && c->n_nonces == before && reply->status >= 400)
            client_describe_refusal(c, reply, "the request for a nonce", &wrong);
        else if (reply && c->n_nonces == before)
            problem_set(&wrong, PROBLEM_AUTHORITY_FAILED,
                        "The authority %s gave no usable nonce (RFC 8555 section 7.2); try again later.",
                        client_name(c));
        if (problem || wrong.code)
            client_fail_all(c, problem ? problem : &wrong, reply ? client_retry_after(reply) : 0);
        client_drive(c);
    }
    client_unref(c);
}

void client_ask_nonce(AcmeClient *c)
{
    HttpRequest request = client_request_to(c, HTTP_HEAD, c->directory->new_nonce);
    _cleanup_problem_ Problem problem = {};

    c->n_outside++;
    c->n_nonces_asked++;
    if (http_send(c->context.http, &request, on_nonce, c, &problem) < 0) {
        c->n_nonces_asked--;
        c->n_outside--;
        client_fail_all(c, &problem, 0);
    }
}

/* ---- the directory */

bool client_directory_is_fresh(const AcmeClient *c)
{
    return c->directory && loop_now(c->context.event, CLOCK_BOOTTIME) < c->directory_until;
}

void acme_client_doubt_directory(AcmeClient *c)
{
    c->directory_until = 0;
}

static int check_directory(const AcmeClient *c, const AcmeDirectory *d, Problem *problem)
{
    const char *const urls[] = { d->new_nonce,   d->new_account, d->new_order,
                                 d->revoke_cert, d->key_change,  d->renewal_info };

    for (size_t i = 0; i < ELEMENTSOF(urls); i++)
        if (urls[i] && !acme_authority_has_url(&c->authority, urls[i]))
            return problem_set(
                problem, PROBLEM_AUTHORITY_FAILED,
                "The directory of the authority %s leads to another server, %s; check Directory=, or "
                "allow that server in Origins= of [Authority %s].",
                client_name(c), urls[i], client_name(c));
    return 0;
}

static int take_directory(AcmeClient *c, const HttpReply *reply, Problem *problem)
{
    AcmeDirectory *d;
    int r;

    if (reply->status != 200) {
        client_describe_refusal(c, reply, "the request for its directory", problem);
        return -EPROTO;
    }
    if (!client_reply_is(reply, TYPE_JSON))
        return problem_set(
            problem, PROBLEM_AUTHORITY_FAILED,
            "What %s returned is no directory: its type is not application/json; check Directory= of "
            "[Authority %s].",
            c->authority.directory, client_name(c));
    r = acme_directory_parse(client_name(c), reply->body, reply->size, &d, problem);
    if (r < 0)
        return r;
    r = check_directory(c, d, problem);
    if (r < 0) {
        acme_directory_free(d);
        return r;
    }
    acme_directory_free(c->directory);
    c->directory = d;
    c->directory_until = loop_now(c->context.event, CLOCK_BOOTTIME) + DIRECTORY_AGE_MAX;
    client_keep_nonce(c, reply);
    return 0;
}

static void on_directory(const HttpReply *reply, const Problem *problem, void *userdata)
{
    AcmeClient *c = userdata;
    _cleanup_problem_ Problem wrong = {};

    c->fetching_directory = false;
    if (!c->freed) {
        if (reply && take_directory(c, reply, &wrong) < 0) {
            problem_set_errno(&wrong, -ENOMEM, "Reading the authority's directory");
            problem = &wrong;
        }
        if (problem)
            client_fail_all(c, problem, reply ? client_retry_after(reply) : 0);
        client_drive(c);
    }
    client_unref(c);
}

void client_fetch_directory(AcmeClient *c)
{
    HttpRequest request = client_request_to(c, HTTP_GET, c->authority.directory);
    _cleanup_problem_ Problem problem = {};

    request.accept = TYPE_JSON;
    c->fetching_directory = true;
    c->n_outside++;
    if (http_send(c->context.http, &request, on_directory, c, &problem) < 0) {
        c->fetching_directory = false;
        c->n_outside--;
        client_fail_all(c, &problem, 0);
    }
}
