/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/reply.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "acme/header.h"
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

/* ---- refusals */

/* Skips a tag of HTML, with what a style or a script contains. Returns its last character. */
static const char *skip_tag(const char *s, const char *end)
{
    bool hidden = end - s > 7 && (strncasecmp(s, "<style", 6) == 0 || strncasecmp(s, "<script", 7) == 0);

    if (hidden)
        while (s < end - 1 && strncmp(s + 1, "</", 2) != 0)
            s++;
    while (s < end && *s != '>')
        s++;
    return s;
}

/* Extracts the beginning of a text, with white space as one blank, and HTML without its tags. */
static void extract_text(const HttpReply *reply, bool html, char ret[static QUOTE_SIZE(LIMIT_REFUSAL_TEXT)])
{
    const char *s = reply->body, *end = s + reply->size;
    char text[LIMIT_REFUSAL_TEXT + 3];
    bool blank = false;
    size_t n = 0;

    for (; s < end && n <= LIMIT_REFUSAL_TEXT; s++) {
        bool tag = html && *s == '<';

        if (tag)
            s = skip_tag(s, end);
        if (tag || strchr(" \t\r\n", *s))
            blank = n > 0;
        else {
            if (blank)
                text[n++] = ' ';
            text[n++] = *s;
            blank = false;
        }
    }
    text[n] = 0;
    (void)text_quote(text, LIMIT_REFUSAL_TEXT, ret);
}

/* Returns true if the body is a text for people or programs. */
static bool has_text(const HttpReply *reply)
{
    const char *type = strempty(http_reply_header(reply, "Content-Type", 0));

    return reply->size > 0 && !memchr(reply->body, 0, reply->size) &&
           (strncasecmp(type, "text/", 5) == 0 || strstr(type, "json") || strstr(type, "xml") ||
            isempty(type));
}

static void describe_status(const AcmeAuthority *a, const HttpReply *reply, AcmeSubject subject,
                            Problem *problem)
{
    char text[QUOTE_SIZE(LIMIT_REFUSAL_TEXT)] = "";
    const char *what = acme_subject_to_string(subject);
    _cleanup_free_ char *sentence = NULL;

    if (has_text(reply))
        extract_text(reply, header_is_type(http_reply_header(reply, "Content-Type", 0), "text/html"), text);
    if (asprintf(
            &sentence,
            "The authority %s answered %s with status %u%s%s%s; %s, and check Directory= of [Authority %s].",
            a->name, what, reply->status, *text ? ": \"" : " and without a reason", text, *text ? "\"" : "",
            reply->status >= 400 && reply->status < 500 ? "see its documentation" : "try again later",
            a->name) < 0)
        sentence = NULL;
    (void)problem_set_type(problem, PROBLEM_AUTHORITY_FAILED, reply->status == 429 ? "rateLimited" : "",
                           strempty(sentence));
}

/* An object of another type has to look like a problem document (RFC 9457 section 3.1). */
static bool is_problem_document(const HttpReply *reply, const AcmeProblem *p)
{
    return reply_is(reply, TYPE_PROBLEM) || *p->type || *p->detail;
}

void reply_describe_refusal(const AcmeAuthority *a, const HttpReply *reply, AcmeSubject subject,
                            Problem *problem)
{
    _cleanup_(acme_problem_freep) AcmeProblem *p = NULL;
    _cleanup_problem_ Problem refusal = {};

    if (acme_problem_parse(a->name, reply->body, reply->size, &p, NULL) < 0 ||
        !is_problem_document(reply, p)) {
        describe_status(a, reply, subject, problem);
        return;
    }
    (void)acme_problem_describe(p, a->name, subject, &refusal);
    if (!*p->type && reply->status >= 500)
        problem_set(problem, PROBLEM_AUTHORITY_FAILED, "%s", strempty(refusal.text));
    else
        (void)problem_set_type(problem, refusal.code,
                               !*p->type && reply->status == 429 ? "rateLimited" : p->type,
                               strempty(refusal.text));
}

/* ---- replies */

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

int reply_check(const AcmeAuthority *a, const HttpReply *reply, AcmeSubject subject, const char *type,
                bool located, AcmeReply *ret, Problem *problem)
{
    const char *location = located ? http_reply_header(reply, "Location", 0) : NULL;

    if (reply->status < 200 || reply->status > 299) {
        reply_describe_refusal(a, reply, subject, problem);
        return -EREMOTEIO;
    }
    if (type && !reply_is(reply, type))
        return problem_set(
            problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s sent a reply that is not %s; its administrator has to correct that.", a->name,
            type);
    if (located && check_location(a, reply, location, problem) < 0)
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
