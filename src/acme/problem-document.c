/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/problem-document.h"

#include <errno.h>
#include <stdio.h>

#include "acme/json-reader.h"
#include "core/limits.h"
#include "util/text.h"

#define URN "urn:ietf:params:acme:error:"

static const char *const subjects[_ACME_SUBJECT_MAX] = {
    [ACME_ABOUT_ORDER] = "the order",
    [ACME_ABOUT_PROOF] = "the proof",
    [ACME_ABOUT_ACCOUNT] = "the account",
    [ACME_ABOUT_KEY_CHANGE] = "the new account key",
    [ACME_ABOUT_DEACTIVATION] = "the deactivation of the account",
    [ACME_ABOUT_REVOCATION] = "the revocation",
    [ACME_ABOUT_RENEWAL_INFO] = "the request for renewal information",
    [ACME_ABOUT_NONCE] = "the request for a nonce",
    [ACME_ABOUT_DIRECTORY] = "the request for its directory",
};

const char *acme_subject_to_string(AcmeSubject subject)
{
    return subjects[subject];
}

#define ABOUT(subject) (1U << ACME_ABOUT_##subject)
#define RETRIED \
    (ABOUT(ORDER) | ABOUT(PROOF) | ABOUT(ACCOUNT) | ABOUT(RENEWAL_INFO) | ABOUT(NONCE) | ABOUT(DIRECTORY))
#define ACCOUNTS (ABOUT(ACCOUNT) | ABOUT(KEY_CHANGE) | ABOUT(DEACTIVATION))
#define ANY      (~0U)

/* Advice by type (RFC 8555 section 6.7, RFC 9773 section 5) and subject; the first one applies. */
static const struct {
    const char *type;
    unsigned about;
    const char *advice;
} advices[] = {
    { "accountDoesNotExist", ANY,
      "\"certwright account deactivate AUTHORITY\" removes the account's key, so that the next order makes a new account" },
    { "alreadyReplaced", ANY, "no action is needed, the order is placed again without it" },
    { "alreadyRevoked", ANY, "no action is needed" },
    { "badRevocationReason", ANY, "give another reason" },
    { "caa", ANY, "correct the CAA records of the name" },
    { "connection", ANY, "check that the name points to this machine and that no firewall blocks it" },
    { "dns", ANY, "correct the records of the name" },
    { "externalAccountRequired", ANY, "set the external account of this authority in certwright.conf" },
    { "incorrectResponse", ANY,
      "check that the name points to this machine, or for dns-01 that its zone has the record" },
    { "invalidContact", ANY, "correct Contact= of this authority" },
    { "invalidProfile", ANY, "correct Profile=" },
    { "rateLimited", RETRIED, "it will be retried later" },
    { "rateLimited", ANY, "try again later" },
    { "rejectedIdentifier", ANY, "use another authority for this name" },
    { "serverInternal", RETRIED, "it will be retried later" },
    { "serverInternal", ANY, "try again later" },
    { "tls", ANY, "check that the name points to this machine" },
    { "unauthorized", ABOUT(PROOF),
      "check that the name points to this machine, or for dns-01 that its zone has the record" },
    { "unauthorized", ABOUT(ORDER), "check the account, and for which names it may order" },
    { "unauthorized", ABOUT(ACCOUNT),
      "check the account, and EABKeyId= and EABKeyFile= of this authority if they are set" },
    { "unauthorized", ABOUT(REVOCATION),
      "the account that ordered the certificate, or the key of the certificate, has to request it" },
    { "unauthorized", ACCOUNTS, "check the account" },
    { "unsupportedContact", ANY, "correct Contact= of this authority" },
    { "unsupportedIdentifier", ANY, "use another authority for this name" },
    { "userActionRequired", ANY, "do what it requests" },
};

static const char *advice_for(const char *type, AcmeSubject subject)
{
    for (size_t i = 0; i < ELEMENTSOF(advices); i++)
        if (streq(advices[i].type, type) && advices[i].about & (1U << subject))
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
    const char *detail = reader_peek(r, "detail");
    int c = read_type(r, p);

    c = c < 0
            ? c
            : copy_plain(isempty(detail) ? reader_peek(r, "title") : detail, LIMIT_PROBLEM_TEXT, &p->detail);
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

static void print_problem(FILE *f, const AcmeProblem *p, const char *whose, AcmeSubject subject)
{
    const char *advice = advice_for(p->type, subject);

    fprintf(f, "%s refused %s: ", whose, subjects[subject]);
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

int acme_problem_describe(const AcmeProblem *p, const char *whose, AcmeSubject subject, Problem *problem)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return problem_set_errno(problem, -ENOMEM, "Reading what an authority says");
    print_problem(f, p, whose, subject);
    if (fclose(f) != 0)
        return problem_set_errno(problem, -ENOMEM, "Reading what an authority says");
    return problem_set_type(problem, PROBLEM_AUTHORITY_REFUSED, p->type, text);
}
