/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/problem-document.h"

#include <errno.h>
#include <stdio.h>

#include "acme/json-reader.h"
#include "core/limits.h"
#include "util/text.h"

#define URN "urn:ietf:params:acme:error:"

/* Advice by type (RFC 8555 section 6.7, RFC 9773 section 5). */
static const struct {
    const char *type, *advice;
} advices[] = {
    { "accountDoesNotExist", "remove the account's key to make a new account" },
    { "alreadyReplaced", "no action is needed, the order is placed again without it" },
    { "badRevocationReason", "give another reason" },
    { "caa", "correct the CAA records of the name" },
    { "connection", "check that the name points to this machine and that no firewall blocks it" },
    { "dns", "correct the records of the name" },
    { "externalAccountRequired", "set the external account of this authority in certwright.conf" },
    { "incorrectResponse", "check that the name points to this machine" },
    { "invalidContact", "correct Contact= of this authority" },
    { "invalidProfile", "correct Profile=" },
    { "rateLimited", "it will be retried later" },
    { "rejectedIdentifier", "use another authority for this name" },
    { "serverInternal", "it will be retried later" },
    { "tls", "check that the name points to this machine" },
    { "unauthorized", "check that the name points to this machine, and check the account" },
    { "unsupportedContact", "correct Contact= of this authority" },
    { "unsupportedIdentifier", "use another authority for this name" },
    { "userActionRequired", "do what it requests" },
};

static const char *advice_for(const char *type)
{
    for (size_t i = 0; i < ELEMENTSOF(advices); i++)
        if (streq(advices[i].type, type))
            return advices[i].advice;
    return NULL;
}

static int copy_plain(const char *s, size_t max, char **ret)
{
    char *copy = strdup(strempty(s));

    if (!copy)
        return -ENOMEM;
    text_make_plain(copy, max);
    *ret = copy;
    return 0;
}

static int read_type(const Reader *r, AcmeProblem *p)
{
    const char *type = strempty(reader_peek(r, "type"));

    if (strncmp(type, URN, strlen(URN)) == 0)
        type += strlen(URN);
    return copy_plain(streq(type, "about:blank") ? "" : type, LIMIT_PROBLEM_TYPE, &p->type);
}

static int read_identifier(const Reader *r, AcmeProblem *p)
{
    Reader identifier;
    const char *name = NULL;

    if (reader_enter(r, "identifier", REQUIRED, r->what, &identifier) >= 0)
        name = reader_peek(&identifier, "value");
    return name ? copy_plain(name, LIMIT_NAME_INPUT, &p->identifier) : 0;
}

/* RFC 7518 section 3.1. */
static int read_algorithms(const Reader *r, AcmeProblem *p)
{
    size_t n = MIN(reader_peek_count(r, "algorithms"), (size_t)LIMIT_ALGORITHMS);

    for (size_t i = 0; i < n; i++) {
        const char *word = reader_peek_word(r, "algorithms", i);

        if (word && text_consists_of(word, TEXT_ALNUM "-", 1, LIMIT_PROBLEM_TYPE) &&
            strv_extend(&p->algorithms, word) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int read_words(const Reader *r, AcmeProblem *p)
{
    int c = read_type(r, p);

    c = c < 0 ? c : copy_plain(reader_peek(r, "detail"), LIMIT_PROBLEM_TEXT, &p->detail);
    c = c < 0 ? c : reader_peek_url(r, "instance", &p->instance);
    c = c < 0 ? c : read_identifier(r, p);
    return c < 0 ? c : read_algorithms(r, p);
}

/* Subproblems have none. */
static int read_subproblems(const Reader *r, AcmeProblem *p)
{
    size_t n = MIN(reader_peek_count(r, "subproblems"), (size_t)LIMIT_SUBPROBLEMS);
    Reader item;

    if (n == 0)
        return 0;
    p->subproblems = calloc(n, sizeof(AcmeProblem));
    if (!p->subproblems)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (reader_enter_item(r, "subproblems", i, r->what, &item) < 0)
            continue;
        p->n_subproblems++;
        if (read_words(&item, p->subproblems + p->n_subproblems - 1) < 0)
            return -ENOMEM;
    }
    return 0;
}

int acme_problem_read(const Reader *r, AcmeProblem **ret)
{
    _cleanup_(acme_problem_freep) AcmeProblem *p = calloc(1, sizeof(AcmeProblem));
    Reader quiet = *r;

    quiet.problem = NULL; /* invalid members are ignored (RFC 9457 section 3.1) */
    if (!p || read_words(&quiet, p) < 0 || read_subproblems(&quiet, p) < 0)
        return -ENOMEM;
    *ret = TAKE_PTR(p);
    return 0;
}

int acme_problem_parse(const char *whose, const void *data, size_t size, AcmeProblem **ret, Problem *problem)
{
    _cleanup_(reader_close) Reader r = {};
    int c = reader_open(&r, whose, "a problem document", data, size, problem);

    return c < 0 ? c : reader_finish(acme_problem_read(&r, ret), problem);
}

static void words_clear(AcmeProblem *p)
{
    free(p->type);
    free(p->detail);
    free(p->instance);
    free(p->identifier);
    strv_free(p->algorithms);
}

AcmeProblem *acme_problem_free(AcmeProblem *p)
{
    if (!p)
        return NULL;
    for (size_t i = 0; i < p->n_subproblems; i++)
        words_clear(p->subproblems + i);
    free(p->subproblems);
    words_clear(p);
    free(p);
    return NULL;
}

/* ---- text for people */

/* Detail and type, as far as present. */
static void print_words(FILE *f, const AcmeProblem *p)
{
    size_t n = strlen(p->detail);

    while (n > 0 && strchr(". ", p->detail[n - 1]))
        n--;
    if (n > 0)
        (void)fwrite(p->detail, 1, n, f);
    if (*p->type)
        fprintf(f, n > 0 ? " (%s)" : "%s", p->type);
    if (n == 0 && !*p->type)
        fputs("it gives no reason", f);
}

static void print_problem(FILE *f, const AcmeProblem *p, const char *whose)
{
    const char *advice = advice_for(p->type);

    fprintf(f, "%s refused: ", whose);
    print_words(f, p);
    for (size_t i = 0; i < p->n_subproblems; i++) {
        fprintf(f, "; %s: ", p->subproblems[i].identifier ? p->subproblems[i].identifier : "also");
        print_words(f, p->subproblems + i);
    }
    for (size_t i = 0; p->algorithms && p->algorithms[i]; i++)
        fprintf(f, "%s%s", i == 0 ? "; it takes " : ", ", p->algorithms[i]);
    if (p->instance)
        fprintf(f, "; see %s", p->instance);
    if (advice)
        fprintf(f, "; %s", advice);
}

int acme_problem_describe(const AcmeProblem *p, const char *whose, Problem *problem)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return problem_set_errno(problem, -ENOMEM, "Reading what an authority says");
    print_problem(f, p, whose);
    if (fclose(f) != 0)
        return problem_set_errno(problem, -ENOMEM, "Reading what an authority says");
    return problem_set_type(problem, PROBLEM_AUTHORITY_REFUSED, p->type, text);
}
