/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

#include <errno.h>

#include "acme/client.h"
#include "util/text.h"

/* Instead of acme/client.c, in one source of a program: keeps requests until the test answers them. */

struct AcmeCall {
    AcmeResource resource;
    char *url, *payload;
    const AccountKey *key;
    AcmeDone done;
    void *userdata;
};

static GQueue calls = G_QUEUE_INIT;
static unsigned n_sent;
static bool broken; /* nothing can be sent */
/* Of the next reply. */
static char *const *links;
static const char *location;
static int64_t reply_after; /* Retry-After */

static void call_free(AcmeCall *call)
{
    g_free(call->url);
    g_free(call->payload);
    g_free(call);
}

int acme_client_send(AcmeClient *c _unused_, const AcmeRequest *request, AcmeDone done, void *userdata,
                     AcmeCall **ret)
{
    AcmeCall *call;

    if (broken)
        return -ENOMEM;
    g_assert_true((request->resource == ACME_URL) == (request->url != NULL));
    call = g_new(AcmeCall, 1);
    *call = (AcmeCall){ .resource = request->resource,
                        .url = g_strdup(request->url),
                        .payload = g_strdup(request->payload),
                        .key = request->key,
                        .done = done,
                        .userdata = userdata };
    g_queue_push_tail(&calls, call);
    n_sent++;
    *ret = call;
    return 0;
}

AcmeCall *acme_call_cancel(AcmeCall *call)
{
    if (call) {
        g_assert_true(g_queue_remove(&calls, call));
        call_free(call);
    }
    return NULL;
}

int acme_reply_links(const AcmeAuthority *a _unused_, const AcmeReply *reply _unused_,
                     const char *relation _unused_, char ***ret)
{
    return strv_copy(links, ret);
}

static void take_call(AcmeResource resource, const char *url, const AcmeReply *reply,
                      const AcmeFailure *failure)
{
    AcmeCall *call = g_queue_pop_head(&calls);

    g_assert_nonnull(call);
    g_assert_cmpint(call->resource, ==, resource);
    g_assert_cmpstr(call->url, ==, url);
    call->done(reply, failure, call->userdata);
    call_free(call);
}

/* Answers the oldest request. url: of ACME_URL, else NULL. */
static void answer(AcmeResource resource, const char *url, const char *body)
{
    AcmeReply reply = {
        .body = body, .size = strlen(body), .location = location, .retry_after = reply_after
    };

    take_call(resource, url, &reply, NULL);
}

static void answer_failure(AcmeResource resource, const char *url, ProblemCode code, const char *type)
{
    const Problem problem = { .code = code, .type = S(type) };
    AcmeFailure failure = { .problem = &problem,
                            .retry_after = 7,
                            .at_authority = problem_blames_authority(&problem) };

    take_call(resource, url, NULL, &failure);
}
