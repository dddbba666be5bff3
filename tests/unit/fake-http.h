/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

#include <errno.h>

#include "net/http.h"
#include "util/text.h"

/* Instead of net/http.c and net/http-headers.c, in one source of a program: keeps requests until the test answers them.
 * The header fields of a reply are names and values in turn. */

typedef struct Asked {
    HttpMethod method;
    char *url, *body, *accept, *content_type;
    HttpDone done;
    void *userdata;
} Asked;

static GQueue asked _unused_ = G_QUEUE_INIT;
static unsigned n_asked _unused_;
static bool http_broken _unused_;  /* nothing can be sent */
static bool http_repeats _unused_; /* requests are sent, twice */

const char *http_reply_header(const HttpReply *reply, const char *name, size_t n)
{
    for (char *const *f = reply->easy; f && *f; f += 2)
        if (streq(*f, name) && n-- == 0)
            return f[1];
    return NULL;
}

int http_date_parse(const char *s _unused_, int64_t now _unused_, int64_t *ret _unused_)
{
    return -EINVAL;
}

int http_send(Http *h _unused_, const HttpRequest *request, HttpDone done, void *userdata, Problem *problem)
{
    Asked *a;

    if (http_broken)
        return problem_set(problem, PROBLEM_NETWORK_FAILED, "The network is away.");
    a = g_new(Asked, 1);
    *a = (Asked){ .method = request->method,
                  .url = g_strdup(request->url),
                  .body = g_strndup(request->body, request->size),
                  .accept = g_strdup(request->accept),
                  .content_type = g_strdup(request->content_type),
                  .done = done,
                  .userdata = userdata };
    g_queue_push_tail(&asked, a);
    n_asked++;
    return 0;
}

static void asked_free(Asked *a)
{
    g_free(a->url);
    g_free(a->body);
    g_free(a->accept);
    g_free(a->content_type);
    g_free(a);
}

/* Answers the oldest request, which is for this URL. */
static void _unused_ http_answer(HttpMethod method, const char *url, unsigned status, char *const *fields,
                                 const char *body)
{
    HttpReply reply = { .status = status,
                        .body = body,
                        .size = strlen(body),
                        .easy = (void *)(uintptr_t)fields,
                        .repeated = http_repeats };
    Asked *a = g_queue_pop_head(&asked);

    g_assert_nonnull(a);
    g_assert_cmpint(a->method, ==, method);
    g_assert_cmpstr(a->url, ==, url);
    a->done(&reply, NULL, a->userdata);
    asked_free(a);
}

static void _unused_ http_answer_failure(void)
{
    const Problem problem = { .code = PROBLEM_NETWORK_FAILED, .sent = http_repeats };
    Asked *a = g_queue_pop_head(&asked);

    g_assert_nonnull(a);
    a->done(NULL, &problem, a->userdata);
    asked_free(a);
}
