/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/choose.h"

#include "util/text.h"

/* An uploaded or ACME chain yields to the next best one for the last part of its lifetime, but no earlier than an
 * hour before its end, as clients trust it more than its successor, and no later than five minutes, as clocks may
 * be slightly wrong. */
#define MARGIN_SHARE     50
#define MARGIN_MAX       3600
#define MARGIN_MIN       300
#define MARGIN_AUTHORITY 7200 /* two turns of the timer that wakes the service */

static const char *const sources[_SOURCE_MAX] = {
    [SOURCE_UPLOADED] = "uploaded",
    [SOURCE_ACME] = "acme",
    [SOURCE_LOCAL] = "local",
};

static const char *const verdicts[_VERDICT_MAX] = {
    [VERDICT_USABLE] = "",
    [VERDICT_ABSENT] = "there is none",
    [VERDICT_BROKEN] = "its files cannot be read",
    [VERDICT_KEY_MISMATCH] = "its key does not belong to its certificate",
    [VERDICT_NAME_MISMATCH] = "it does not cover every name",
    [VERDICT_NOT_YET_VALID] = "it is not valid yet",
    [VERDICT_EXPIRED] = "it has expired",
    [VERDICT_EXPIRING] = "it is about to expire",
    [VERDICT_REVOKED] = "it is revoked",
    [VERDICT_WITHDRAWN] = "it was withdrawn by a reissue",
};

const char *source_to_string(Source s)
{
    return s >= 0 ? sources[s] : "";
}

Source source_from_string(const char *s)
{
    return (Source)TABLE_FROM_STRING(sources, s);
}

const char *verdict_to_string(Verdict v)
{
    return verdicts[v];
}

/* An authority is replaced at the last possible time to sign everything again before it expires: clients
 * that only trust it have nothing else. */
static int64_t margin_begins(const Chain *c, Source source)
{
    int64_t end = source_chain_ends(source, c), share = (end - chain_leaf(c)->not_before) / MARGIN_SHARE;

    if (source == SOURCE_LOCAL)
        return end;
    if (c->is_authority)
        return end - MIN((int64_t)MARGIN_AUTHORITY, share);
    return end - MAX((int64_t)MARGIN_MIN, MIN((int64_t)MARGIN_MAX, share));
}

static Verdict judge_time(const Chain *c, Source source, int64_t now)
{
    for (unsigned i = 0; i < c->n_entries; i++)
        if (now < c->entries[i].not_before)
            return VERDICT_NOT_YET_VALID;
    if (now > source_chain_ends(source, c))
        return VERDICT_EXPIRED;
    return now > margin_begins(c, source) ? VERDICT_EXPIRING : VERDICT_USABLE;
}

Verdict candidate_judge(const Candidate *candidate, Source source, char *const *names, int64_t now)
{
    if (candidate->broken)
        return VERDICT_BROKEN;
    if (!candidate->chain)
        return VERDICT_ABSENT;
    if (candidate->key_mismatch)
        return VERDICT_KEY_MISMATCH;
    if (candidate->revoked)
        return VERDICT_REVOKED;
    if (candidate->withdrawn)
        return VERDICT_WITHDRAWN;
    if (!chain_covers(candidate->chain, names, NULL))
        return VERDICT_NAME_MISMATCH;
    return judge_time(candidate->chain, source, now);
}

Choice choose(const Candidate candidates[static _SOURCE_MAX], char *const *names, int64_t now)
{
    Choice choice = { .source = _SOURCE_INVALID };

    for (Source s = 0; s < _SOURCE_MAX; s++) {
        choice.verdicts[s] = candidate_judge(candidates + s, s, names, now);
        if (choice.source < 0 && choice.verdicts[s] == VERDICT_USABLE)
            choice.source = s;
    }
    for (Source s = 0; s < _SOURCE_MAX && choice.source < 0; s++)
        if (choice.verdicts[s] == VERDICT_EXPIRING)
            choice.source = s;
    return choice;
}

int64_t choose_next_change(const Candidate candidates[static _SOURCE_MAX], int64_t now)
{
    int64_t next = INT64_MAX;

    for (Source s = 0; s < _SOURCE_MAX; s++) {
        const Chain *c = candidates[s].chain;

        if (!c)
            continue;
        for (unsigned i = 0; i < c->n_entries; i++)
            if (c->entries[i].not_before > now)
                next = MIN(next, c->entries[i].not_before);
        if (margin_begins(c, s) >= now)
            next = MIN(next, margin_begins(c, s) + 1);
        if (source_chain_ends(s, c) >= now)
            next = MIN(next, source_chain_ends(s, c) + 1);
    }
    return next;
}

static const char *const local_reasons[] = {
    [ACME_ELIGIBILITY_OFF] =
        "No uploaded chain fits and ACME is not enabled, so the local root signed this one.",
    [ACME_ELIGIBILITY_TERMS] =
        "No uploaded chain fits and nothing is ordered before TermsOfServiceAgreed=yes, so the local root signed this one.",
    [ACME_ELIGIBILITY_PRIVATE] =
        "No uploaded chain fits and no public authority issues for such names, so the local root signed this one.",
    [ACME_ELIGIBILITY_UNWANTED] =
        "No uploaded chain fits and this certificate is not to come from ACME, so the local root signed it.",
    [ACME_ELIGIBILITY_MISSING] =
        "No uploaded chain fits and the authority that Authority= names is not configured, so the local root signed this one.",
    [ACME_ELIGIBILITY_FAILED] =
        "No uploaded chain fits and the last order from ACME failed, so the local root signed this one.",
    [ACME_ELIGIBILITY_ASKED] =
        "No uploaded chain fits and there is none from ACME yet, so the local root signed this one.",
};

const char *choice_explain(const Choice *choice, AcmeEligibility eligibility)
{
    Verdict uploaded = choice->verdicts[SOURCE_UPLOADED];

    switch (choice->source) {
    case SOURCE_UPLOADED:
        return "An uploaded chain covers every name.";
    case SOURCE_ACME:
        return uploaded == VERDICT_ABSENT
                   ? "No uploaded chain fits, and an ACME authority has issued this one."
                   : "The uploaded chain cannot be served, and an ACME authority has issued this one.";
    case SOURCE_LOCAL:
        return uploaded == VERDICT_ABSENT
                   ? local_reasons[eligibility]
                   : "The uploaded chain cannot be served, so the local root signed this one.";
    default:
        return "There is no chain that can be served; one is being made.";
    }
}
