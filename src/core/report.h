/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* What was found out about an upload, check by check. All are made, so that one look tells everything that is wrong; a
 * check that says nothing could not be made for want of what an earlier one looks for. */

typedef enum Check {
    CHECK_FORMAT,     /* the file can be read: container, passphrase, limits */
    CHECK_KEY,        /* there is one private key, of an accepted type */
    CHECK_LEAF,       /* there is exactly one certificate to be served, or one authority for the root */
    CHECK_KEY_MATCH,  /* the key is its key */
    CHECK_CHAIN,      /* what leads up from it is there, and nothing else */
    CHECK_SIGNATURES, /* each signature verifies, and is made with an algorithm that still counts */
    CHECK_VALIDITY,   /* no part has expired */
    CHECK_NAMES,      /* the names are those that it is for */
    CHECK_PURPOSE,    /* it may be used for that */
    CHECK_OUTCOME,    /* what happens, or would happen, with it */
    _CHECK_MAX,
} Check;

/* "format", "key", "leaf", "key-match", "chain", "signatures", "validity", "names", "purpose", "outcome". */
const char *check_to_string(Check c);

/* Passed when there is text and no problem. */
typedef struct Finding {
    Problem problem;
    char *text;
} Finding;

typedef struct UploadReport {
    Finding findings[_CHECK_MAX];
} UploadReport;

void report_done(UploadReport *report);
#define _cleanup_report_ _cleanup_(report_done)
/* The first of what is wrong; NULL: nothing. */
const Problem *report_first_problem(const UploadReport *report);
bool finding_was_made(const Finding *f);
bool finding_passed(const Finding *f);
/* What a person reads of it; "" when the check was not made. */
const char *finding_text(const Finding *f);
/* Sets the text of a check that is passed, unless there is a problem. */
void report_pass(UploadReport *report, Check c, const char *format, ...) _printf_(3, 4);
