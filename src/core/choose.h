/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/chain.h"

/* In order of precedence. */
typedef enum Source {
    SOURCE_UPLOADED,
    SOURCE_ACME,
    SOURCE_LOCAL,
    _SOURCE_MAX,
    _SOURCE_INVALID = -22,
} Source;

const char *source_to_string(Source s); /* "" for _SOURCE_INVALID */
Source source_from_string(const char *s);

/* Why a chain can, or cannot, be served. */
typedef enum Verdict {
    VERDICT_USABLE,
    VERDICT_ABSENT,
    VERDICT_BROKEN, /* does not parse */
    VERDICT_KEY_MISMATCH,
    VERDICT_NAME_MISMATCH,
    VERDICT_NOT_YET_VALID,
    VERDICT_EXPIRED,
    VERDICT_EXPIRING, /* so near its end (an hour or less) that a source below is preferred */
    VERDICT_REVOKED,
    VERDICT_WITHDRAWN, /* by a reissue */
    _VERDICT_MAX,
} Verdict;

const char *verdict_to_string(Verdict v); /* what is wrong, in words; "" for VERDICT_USABLE */

/* One source's chain as choose() sees it. */
typedef struct Candidate {
    const Chain *chain; /* NULL: there is none, or it is broken */
    bool broken;
    bool key_mismatch;
    bool revoked;
    bool withdrawn;
} Candidate;

typedef struct Choice {
    Source source; /* _SOURCE_INVALID: nothing can be served */
    Verdict verdicts[_SOURCE_MAX];
} Choice;

Verdict candidate_judge(const Candidate *candidate, Source source, char *const *names, int64_t now);
/* The first usable candidate in order of precedence. A chain that is only VERDICT_EXPIRING is served when
 * there is none. Pure: depends on its arguments alone. now is in seconds since 1970-01-01 UTC. */
Choice choose(const Candidate candidates[static _SOURCE_MAX], char *const *names, int64_t now);
/* When the answer of choose() changes by time alone: the next moment after now at which a candidate begins
 * or ceases to be usable, INT64_MAX for never. */
int64_t choose_next_change(const Candidate candidates[static _SOURCE_MAX], int64_t now);
/* Why there is, or is not, a chain from ACME. */
typedef enum AcmeEligibility {
    ACME_ELIGIBILITY_OFF,      /* it is not enabled */
    ACME_ELIGIBILITY_TERMS,    /* the terms of service are not agreed to */
    ACME_ELIGIBILITY_PRIVATE,  /* no public authority issues for its names, and there is no other */
    ACME_ELIGIBILITY_UNWANTED, /* the certificate shall have none */
    ACME_ELIGIBILITY_UNSUITED, /* no authority that is configured issues for its names */
    ACME_ELIGIBILITY_FAILED,   /* the last order failed */
    ACME_ELIGIBILITY_ASKED,
} AcmeEligibility;

/* Why, as one sentence; a static string. */
const char *choice_explain(const Choice *choice, AcmeEligibility eligibility);
