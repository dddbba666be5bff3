/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* The results of all checks of an upload. All checks are run, so that everything that is wrong is reported
 * at once; a check has no result if it depends on one that failed. */

typedef enum Check {
    CHECK_FORMAT,     /* the file can be parsed: container, passphrase, limits */
    CHECK_KEY,        /* there is exactly one private key, of an accepted type */
    CHECK_LEAF,       /* there is exactly one leaf, or one authority for the root */
    CHECK_KEY_MATCH,  /* the key belongs to the leaf */
    CHECK_CHAIN,      /* the chain above it is complete, and there is nothing else */
    CHECK_SIGNATURES, /* all signatures verify, and use an accepted algorithm */
    CHECK_VALIDITY,   /* no certificate has expired */
    CHECK_NAMES,      /* the names of the certificate are covered */
    CHECK_PURPOSE,    /* it is allowed for that purpose */
    CHECK_OUTCOME,    /* what happens, or would happen */
    _CHECK_MAX,
} Check;

/* "format", "key", "leaf", "key-match", "chain", "signatures", "validity", "names", "purpose", "outcome". */
const char *check_to_string(Check c);

/* Passed if there is a text and no problem. */
typedef struct Finding {
    Problem problem;
    char *text;
} Finding;

typedef struct UploadReport {
    Finding findings[_CHECK_MAX];
} UploadReport;

void report_done(UploadReport *report);
#define _cleanup_report_ _cleanup_(report_done)
/* Returns the first problem, or NULL. */
const Problem *report_first_problem(const UploadReport *report);
bool finding_was_made(const Finding *f);
bool finding_passed(const Finding *f);
/* The text for people; "" if the check was not run. */
const char *finding_text(const Finding *f);
/* Sets the text of a passed check, unless there is a problem. */
void report_pass(UploadReport *report, Check c, const char *format, ...) _printf_(3, 4);
