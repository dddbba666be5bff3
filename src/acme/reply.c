/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/reply.h"

#include <errno.h>

#include "acme/header.h"
#include "acme/problem-document.h"
#include "core/limits.h"
#include "core/now.h"
#include "util/text.h"

bool reply_is(const HttpReply *reply, const char *type)
{
    return !http_reply_header(reply, "Content-Type", 1) &&
           header_is_type(http_reply_header(reply, "Content-Type", 0), type);
}

int64_t reply_retry_after(const HttpReply *reply)
{
    const char *value = http_reply_header(reply, "Retry-After", 0);
    int64_t delay;

    return value && header_parse_retry_after(value, clock_now(), &delay) >= 0 ? delay : 0;
}

void reply_describe_refusal(const AcmeAuthority *a, const HttpReply *reply, const char *what,
                            Problem *problem)
{
    _cleanup_(acme_problem_freep) AcmeProblem *p = NULL;

    if (reply_is(reply, TYPE_PROBLEM) &&
        acme_problem_parse(a->name, reply->body, reply->size, &p, NULL) >= 0)
        (void)acme_problem_describe(p, a->name, problem);
    else
        problem_set(problem, PROBLEM_AUTHORITY_FAILED,
                    "The authority %s answered %s with status %u and without a problem document; try again "
                    "later, and check Directory= of [Authority %s].",
                    a->name, what, reply->status, a->name);
}

static int check_location(const AcmeAuthority *a, const HttpReply *reply, const char *location,
                          Problem *problem)
{
    const char *name = a->name;

    if (http_reply_header(reply, "Location", 1))
        return problem_set(
            problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s sent more than one Location field; its administrator has to correct that.",
            name);
    if (location && !url_is_https(location))
        return problem_set(
            problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s sent a Location that is not an https URL of at most %d characters; its "
            "administrator has to correct that.",
            name, LIMIT_URL);
    if (location && !acme_authority_has_url(a, location))
        return problem_set(
            problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s leads to another server; allow that in Origins= of [Authority %s] if it "
            "belongs to the authority.",
            name, name);
    return 0;
}

int reply_check(const AcmeAuthority *a, const HttpReply *reply, const char *what, const char *type,
                AcmeReply *ret, Problem *problem)
{
    const char *location = http_reply_header(reply, "Location", 0);

    if (reply->status < 200 || reply->status > 299) {
        reply_describe_refusal(a, reply, what, problem);
        return -EREMOTEIO;
    }
    if (type && !reply_is(reply, type))
        return problem_set(
            problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s sent a reply that is not %s; its administrator has to correct that.", a->name,
            type);
    if (check_location(a, reply, location, problem) < 0)
        return -EPROTO;
    *ret = (AcmeReply){
        .body = reply->body,
        .size = reply->size,
        .location = location,
        .retry_after = reply_retry_after(reply),
        .http = reply,
    };
    return 0;
}

int acme_reply_links(const AcmeAuthority *a, const AcmeReply *reply, const char *relation, char ***ret)
{
    _cleanup_strv_ char **targets = NULL, **own = NULL;
    const char *value;
    int r = 0;

    for (size_t i = 0; r >= 0 && (value = http_reply_header(reply->http, "Link", i)); i++)
        if (header_parse_link(value, relation, &targets) == -ENOMEM)
            return -ENOMEM;
    for (size_t i = 0; targets && targets[i] && r >= 0; i++)
        if (acme_authority_has_url(a, targets[i]))
            r = strv_extend(&own, targets[i]);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(own);
    return 0;
}
