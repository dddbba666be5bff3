/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdarg.h>

#include "util/macro.h"

/* What a person must read when something fails: a code, which is the last part of the bus error's name, and
 * a sentence that says what was wrong, in which input, and what to do. */
typedef enum ProblemCode {
    PROBLEM_NONE,
    PROBLEM_NO_SUCH_CERTIFICATE,
    PROBLEM_NO_SUCH_JOB,
    PROBLEM_INVALID_NAME,
    PROBLEM_INVALID_ARGUMENT,
    PROBLEM_INVALID_BUNDLE,
    PROBLEM_NAME_MISMATCH,
    PROBLEM_KEY_MISMATCH,
    PROBLEM_CHAIN_INCOMPLETE,
    PROBLEM_NOT_A_CERTIFICATE_AUTHORITY,
    PROBLEM_EXPIRED,
    PROBLEM_WEAK_KEY,
    PROBLEM_PASSPHRASE_REQUIRED,
    PROBLEM_NOT_AUTHORIZED,
    PROBLEM_LIMITS_EXCEEDED,
    PROBLEM_BUSY,
    PROBLEM_STORAGE_FAILED,
    PROBLEM_NETWORK_FAILED,
    PROBLEM_ACME_DISABLED,
    PROBLEM_AUTHORITY_REFUSED,
    PROBLEM_AUTHORITY_FAILED, /* it does not keep to the protocol, or says that it is out of order */
    PROBLEM_CHALLENGE_FAILED, /* a name could not be proved, as was seen here */
    PROBLEM_CANCELLED,
    PROBLEM_INTERNAL,
    _PROBLEM_MAX,
} ProblemCode;

typedef struct Problem {
    ProblemCode code;
    char *text;
    char *
        type; /* of PROBLEM_AUTHORITY_REFUSED, as RFC 8555 section 6.7 names it ("rateLimited"); else NULL */
    bool unreachable; /* of PROBLEM_NETWORK_FAILED: nothing was sent, as there was no route, or no name server answered */
} Problem;

/* Sets the problem, unless there is one already, and returns a negative errno that suits the code. What is not plain text
 * (text_is_plain()) becomes "?", and it is cut at LIMIT_PROBLEM_TEXT; what others wrote is put into it with QUOTE(). */
int problem_set(Problem *p, ProblemCode code, const char *format, ...) _printf_(3, 4);
int problem_setv(Problem *p, ProblemCode code, const char *format, va_list ap) _printf_(3, 0);
/* Sets the code that suits a negative errno if there is no problem yet; returns r. */
int problem_set_errno(Problem *p, int r, const char *doing);
/* The same for what an authority says, with its type, made plain. */
int problem_set_type(Problem *p, ProblemCode code, const char *type, const char *text);
/* Its type if it has one, else the code's name. */
const char *problem_name(const Problem *p);
/* Whether it is the fault of an authority, or of the way to it, and not of what it was asked for. */
bool problem_blames_authority(const Problem *p);
/* Whether a limit of an authority was reached, as it says itself or as its ledger does. */
bool problem_is_rate_limited(const Problem *p);
void problem_clear(Problem *p);
void problem_move(Problem *from, Problem *to);
int problem_copy(const Problem *from, Problem *to);
const char *problem_code_to_string(ProblemCode code);
ProblemCode problem_code_from_string(const char *s);

#define _cleanup_problem_ _cleanup_(problem_clear)
