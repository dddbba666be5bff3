/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdarg.h>

#include "util/macro.h"

/* An error for people: a code, which is the last component of the bus error name, and a sentence that says
 * what is wrong, in which input, and what to do. */
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
    PROBLEM_AUTHORITY_FAILED,  /* it violates the protocol, or reports an outage */
    PROBLEM_CHALLENGE_FAILED,  /* a name could not be proved, as seen from here */
    PROBLEM_DEPLOYMENT_FAILED, /* a service was not brought to use a chain */
    PROBLEM_CANCELLED,
    PROBLEM_INTERNAL,
    _PROBLEM_MAX,
} ProblemCode;

typedef struct Problem {
    ProblemCode code;
    char *text;
    char *type; /* of PROBLEM_AUTHORITY_REFUSED, as in RFC 8555 section 6.7 ("rateLimited"); else NULL */
    /* of PROBLEM_NETWORK_FAILED: nothing was sent, since there was no route or no name server answered */
    bool unreachable;
    bool silent; /* of PROBLEM_NETWORK_FAILED: nothing was received; the network may be gone */
    bool sent;   /* of PROBLEM_NETWORK_FAILED: a request was sent, and may have been carried out */
} Problem;

/* Sets the problem unless one is set already, and returns the negative errno of the code. The text is made
 * plain (text_is_plain()) and truncated to LIMIT_PROBLEM_TEXT; quote untrusted text with QUOTE(). */
int problem_set(Problem *p, ProblemCode code, const char *format, ...) _printf_(3, 4);
int problem_setv(Problem *p, ProblemCode code, const char *format, va_list ap) _printf_(3, 0);
/* Sets the code for a negative errno unless a problem is set already; returns r. */
int problem_set_errno(Problem *p, int r, const char *doing);
/* The same for an error of an authority with its type; the text is made plain. */
int problem_set_type(Problem *p, ProblemCode code, const char *type, const char *text);
/* Returns the type if there is one, else the name of the code. */
const char *problem_name(const Problem *p);
/* Returns true if the authority, or the connection to it, caused the problem, and not the request. */
bool problem_blames_authority(const Problem *p);
/* Returns true if a rate limit of an authority was reached, according to the authority or to its ledger. */
bool problem_is_rate_limited(const Problem *p);
void problem_clear(Problem *p);
void problem_move(Problem *from, Problem *to);
int problem_copy(const Problem *from, Problem *to);
const char *problem_code_to_string(ProblemCode code);
ProblemCode problem_code_from_string(const char *s);

#define _cleanup_problem_ _cleanup_(problem_clear)
