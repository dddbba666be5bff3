/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/json.h"

/* Results of the checks of "certwright doctor". */

typedef enum Severity {
    SEVERITY_ERROR,   /* something does not work, or soon will not */
    SEVERITY_WARNING, /* something may fail, or only a part works */
    SEVERITY_NOTE,    /* nothing is wrong, but somebody may wonder */
} Severity;

typedef struct Finding {
    Severity severity;
    const char *check, *code; /* static, stable words */
    char *subject;            /* names, a unit, a file or the like; NULL: the machine */
    char *text;               /* a sentence that says what is wrong */
    char *advice;             /* what to do; NULL: the text says it */
    Json *services;           /* array of those that it is about, as in certwright(1); NULL: none */
    size_t order;             /* of the check, then as they were found */
} Finding;

typedef struct Findings {
    Finding *items;
    size_t n;
    char **unseen;     /* what could not be looked at, one sentence each */
    const char *check; /* set by the caller of a check */
    size_t rank;       /* of the check */
} Findings;

void findings_done(Findings *f);
#define _cleanup_findings_ _cleanup_(findings_done)

/* subject is copied; takes text and advice, which are allocated. */
void finding_add(Findings *f, Severity severity, const char *code, const char *subject, char *text,
                 char *advice);
/* Adds a service to the last finding; takes it. */
void finding_add_service(Findings *f, Json *service);
/* Takes a sentence. */
void finding_add_unseen(Findings *f, char *sentence);
/* Moves everything, and leaves from empty. */
void findings_move(Findings *from, Findings *to);
/* The worst first, then in the order of the checks: causes before what follows from them. */
void findings_sort(Findings *f);
/* Returns true if there is one as bad or worse. */
bool findings_have(const Findings *f, Severity severity);
bool findings_have_code(const Findings *f, const char *code);
void findings_print(const Findings *f);
Json *findings_to_json(const Findings *f);

/* Names to quote: "a, b, c and 7 more"; allocated. */
char *names_quote(char *const *names);
