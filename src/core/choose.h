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

/* Returns until when clients accept the chain: until the first of its certificates expires. Bridges to a former local root are
 * optional, and do not count. */
static inline int64_t source_chain_ends(Source source, const Chain *c)
{
    return source == SOURCE_LOCAL ? chain_leaf(c)->not_after : chain_not_after(c);
}

/* Why a chain is usable, or is not. */
typedef enum Verdict {
    VERDICT_USABLE,
    VERDICT_ABSENT,
    VERDICT_BROKEN, /* cannot be parsed */
    VERDICT_KEY_MISMATCH,
    VERDICT_NAME_MISMATCH,
    VERDICT_NOT_YET_VALID,
    VERDICT_EXPIRED,
    VERDICT_EXPIRING, /* so close to its end (an hour or less) that other sources are preferred */
    VERDICT_REVOKED,
    VERDICT_WITHDRAWN, /* by a reissue */
    _VERDICT_MAX,
} Verdict;

const char *verdict_to_string(Verdict v); /* reason as text; "" for VERDICT_USABLE */

/* A source's chain, as input of choose(). */
typedef struct Candidate {
    const Chain *chain; /* NULL: missing or broken */
    bool broken;
    bool key_mismatch;
    bool revoked;
    bool withdrawn;
} Candidate;

typedef struct Choice {
    Source source; /* _SOURCE_INVALID: no chain can be served */
    Verdict verdicts[_SOURCE_MAX];
} Choice;

Verdict candidate_judge(const Candidate *candidate, Source source, char *const *names, int64_t now);
/* Chooses the first usable candidate in order of precedence, or else one that is only VERDICT_EXPIRING.
 * Pure: the result depends on the arguments only. now is in seconds since 1970-01-01 UTC. */
Choice choose(const Candidate candidates[static _SOURCE_MAX], char *const *names, int64_t now);
/* Returns the next time after now at which a candidate becomes usable or ceases to be, that is, at which the
 * result of choose() may change; INT64_MAX for never. */
int64_t choose_next_change(const Candidate candidates[static _SOURCE_MAX], int64_t now);
/* Why there is, or is not, a chain of an ACME authority. */
typedef enum AcmeEligibility {
    ACME_ELIGIBILITY_OFF,      /* ACME is disabled */
    ACME_ELIGIBILITY_TERMS,    /* the terms of service are not agreed to */
    ACME_ELIGIBILITY_PRIVATE,  /* no public authority issues for the names, and no other one is configured */
    ACME_ELIGIBILITY_UNWANTED, /* disabled for this certificate */
    ACME_ELIGIBILITY_MISSING,  /* the only authority that may be asked is not configured */
    ACME_ELIGIBILITY_FAILED,   /* the last order failed */
    ACME_ELIGIBILITY_ASKED,
} AcmeEligibility;

/* Explains the choice in one sentence; a static string. */
const char *choice_explain(const Choice *choice, AcmeEligibility eligibility);
