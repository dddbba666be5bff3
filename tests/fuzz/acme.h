/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>

/* What holds of every object of an authority that was taken, whatever was sent. */
#include "acme/objects.h"
#include "core/limits.h"
#include "core/name.h"
#include "target.h"
#include "util/text.h"

#define WHOSE "The authority"

static inline void require_graphic(const char *s, size_t max)
{
    require(*s && strlen(s) <= max);
    for (; *s; s++)
        require(*s > ' ' && *s <= '~');
}

static inline void require_url(const char *s)
{
    require(strncmp(s, "https://", 8) == 0);
    require_graphic(s, LIMIT_URL);
}

static inline void require_optional_url(const char *s)
{
    if (s)
        require_url(s);
}

static inline void require_urls(char *const *l, size_t max)
{
    require(strv_length(l) <= max);
    for (; l && *l; l++)
        require_url(*l);
}

static inline void require_plain(const char *s, size_t max)
{
    require(s && strlen(s) <= max && text_is_plain(s));
}

static inline void require_name(const char *s)
{
    _cleanup_free_ char *again = NULL;

    require(name_canonicalize(s, &again, NULL) >= 0 && streq(s, again));
}

static inline void require_token(const char *s)
{
    require_graphic(s, LIMIT_TOKEN_MAX);
    require(strlen(s) >= LIMIT_TOKEN_MIN && !strpbrk(s, "!\"#$%&'()*+,./:;<=>?@[\\]^`{|}~"));
}

static inline void require_words(const AcmeProblem *p)
{
    require_plain(p->type, LIMIT_PROBLEM_TYPE);
    require_plain(p->detail, LIMIT_PROBLEM_TEXT);
    require(strncmp(p->type, "urn:ietf:params:acme:error:urn:", 31) == 0 ||
            strncmp(p->type, "urn:ietf:params:acme:error:", 27) != 0);
    require_optional_url(p->instance);
    if (p->identifier)
        require_plain(p->identifier, LIMIT_NAME_INPUT);
    require(strv_length(p->algorithms) <= LIMIT_ALGORITHMS);
    for (char *const *l = p->algorithms; l && *l; l++)
        require_graphic(*l, LIMIT_PROBLEM_TYPE);
}

static inline void require_problem(const AcmeProblem *p)
{
    _cleanup_problem_ Problem problem = {};

    if (!p)
        return;
    require_words(p);
    require(p->n_subproblems <= LIMIT_SUBPROBLEMS);
    for (size_t i = 0; i < p->n_subproblems; i++) {
        require_words(p->subproblems + i);
        require(p->subproblems[i].n_subproblems == 0 && !p->subproblems[i].subproblems);
    }
    require(acme_problem_describe(p, WHOSE, ACME_ABOUT_PROOF, &problem) < 0 &&
            problem.code == PROBLEM_AUTHORITY_REFUSED);
    require_plain(problem.text, LIMIT_PROBLEM_TEXT);
    require(strncmp(problem.text, WHOSE " refused the proof: ", strlen(WHOSE " refused the proof: ")) == 0);
    require(streq(problem.type, p->type));
}

static inline void require_challenge(const AcmeChallenge *c)
{
    require_url(c->url);
    require(c->status == ACME_PENDING || c->status == ACME_PROCESSING || c->status == ACME_VALID ||
            c->status == ACME_INVALID);
    require(streq(c->type, "http-01") || streq(c->type, "dns-01") || streq(c->type, "tls-alpn-01"));
    require_token(c->token);
    require_problem(c->problem);
}

static inline void require_refusal(int r, const Problem *problem)
{
    require(r == -EBADMSG && problem->code == PROBLEM_AUTHORITY_FAILED);
    require_plain(problem->text, LIMIT_PROBLEM_TEXT);
    require(strncmp(problem->text, WHOSE " sent ", strlen(WHOSE " sent ")) == 0);
}

/* Parses the input as a Type, which check() looks at when it is one. */
#define DEFINE_TARGET(Type, noun, check) \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) \
    { \
        _cleanup_(acme_##noun##_freep) Type *object = NULL; \
        _cleanup_problem_ Problem problem = {}; \
        int r = acme_##noun##_parse(WHOSE, data, size, &object, &problem); \
\
        if (r >= 0) \
            check(object); \
        else { \
            require_refusal(r, &problem); \
            require(!object); \
        } \
        return 0; \
    }
