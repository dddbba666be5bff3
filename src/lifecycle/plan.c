/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lifecycle/plan.h"

#include <errno.h>

#include "core/now.h"
#include "core/schedule.h"
#include "util/text.h"

/* Returns true if the root would sign the same again, except for serial and dates. */
static bool local_is_current(const PlanFacts *f, const Record *after)
{
    const Slot *slot = &after->slots[SOURCE_LOCAL];

    if (!slot->chain || slot->broken || slot->chain->n_names != strv_length(f->names))
        return false;
    for (unsigned i = 0; i < slot->chain->n_names; i++)
        if (!streq(slot->chain->names[i], f->names[i]))
            return false;
    return f->root->served >= 0 && slot->chain->key_type == f->key_type && slot->purposes == f->purposes &&
           record_is_signed_by(after, f->root);
}

static const Chain *uploaded_chain(const Record *upload)
{
    return upload->slots[SOURCE_UPLOADED].chain;
}

static bool holds_upload(const Record *after, const Record *upload)
{
    const Slot *slot = &after->slots[SOURCE_UPLOADED];

    return slot->chain && !slot->broken && chain_equal(slot->chain, uploaded_chain(upload));
}

/* An upload that cannot be served now must not replace one that is; it waits until another source has an up-to-date chain to
 * serve instead. */
static bool may_take_upload(const PlanFacts *f, const Record *after)
{
    const Candidate taken = { .chain = uploaded_chain(f->upload) };
    Candidate candidates[_SOURCE_MAX];
    Choice choice;

    if (candidate_judge(&taken, SOURCE_UPLOADED, f->names, f->now) == VERDICT_USABLE)
        return true;
    record_candidates(after, candidates);
    candidates[SOURCE_UPLOADED] = (Candidate){};
    choice = choose(candidates, f->names, f->now);
    return choice.source >= 0 && choice.verdicts[choice.source] == VERDICT_USABLE &&
           (choice.source != SOURCE_LOCAL || local_is_current(f, after));
}

static void plan_upload(const PlanFacts *f, Record *after, Plan *p)
{
    const Record *best = f->upload;

    if (best && holds_upload(after, best))
        return;
    if (best && !may_take_upload(f, after)) {
        p->again = true;
        best = NULL;
    }
    if (best) {
        p->source = SOURCE_UPLOADED;
        (void)blocklist_pardon(&after->blocked, chain_leaf(uploaded_chain(best))->fingerprint);
    } else if (after->slots[SOURCE_UPLOADED].chain) {
        record_clear_slot(after, SOURCE_UPLOADED);
        p->work = PLAN_CHANGE;
    }
}

/* ---- an order that is over */

/* Returns true if the authority was really asked, and its answer or its silence is the cause of the failure. */
static bool was_tried(const OrderingOutcome *o, const Problem *problem)
{
    return o->attempted && !o->waited && !problem_is_rate_limited(problem) && !o->offline &&
           (problem->code == PROBLEM_CHALLENGE_FAILED || problem->code == PROBLEM_AUTHORITY_REFUSED ||
            problem_blames_authority(problem));
}

bool plan_falls_back(const PlanFacts *f, const Plan *p, const Request *q)
{
    return q->kind == REQUEST_REISSUE && p->tried &&
           !(q->options.keep_current && record_usable_acme(f->record, f->names, f->now));
}

static int64_t retry_delay(const Record *after, unsigned failures)
{
    return schedule_back_off(after->name, failures);
}

/* A certificate that keeps waiting for an outage to end is not recorded each time: there may be many. */
static bool just_waits(const OrderingOutcome *o, const Record *after, const Problem *problem)
{
    return o->waited && o->until > 0 && after->order_failed && !problem_is_rate_limited(problem);
}

/* A manual attempt leaves the schedule alone: the next automatic attempt is made as planned, or after the first back-off if
 * none was planned. */
static void plan_manual_failure(const PlanFacts *f, Record *after, Plan *p)
{
    unsigned attempts = after->failure.attempts;
    int64_t due = after->order_failed ? after->order_after : 0;

    if (!p->tried)
        return;
    p->order = PLAN_ORDER_FAILED_MANUAL;
    p->work = PLAN_CHANGE;
    record_set_failure(after, &p->order_problem, f->now);
    after->failure.attempts = attempts;
    after->order_failed = true;
    after->order_after = due > f->now ? due : f->now + retry_delay(after, 1);
}

static void plan_automatic_failure(const PlanFacts *f, Record *after, Plan *p)
{
    const OrderingOutcome *o = f->order;
    unsigned attempts = after->failure.attempts;

    p->order = PLAN_ORDER_FAILED_SCHEDULED;
    p->work = PLAN_CHANGE;
    record_set_failure(after, &p->order_problem, f->now);
    if (o->waited)
        after->failure.attempts = attempts;
    after->order_failed = true;
    after->order_after = f->now + (o->until > 0 ? MAX(o->until - f->now, INT64_C(1))
                                                : retry_delay(after, after->failure.attempts));
}

static void plan_failure(const PlanFacts *f, Record *after, const Problem *problem, Plan *p)
{
    const OrderingOutcome *o = f->order;

    p->order = PLAN_ORDER_FAILED;
    p->tried = was_tried(o, problem);
    if (o->offline)
        problem_set(&p->order_problem, PROBLEM_NETWORK_FAILED,
                    "This machine has no default route, so the authority cannot be reached. %s",
                    strempty(problem->text));
    else
        (void)problem_copy(problem, &p->order_problem);
    if (!o->automatic)
        plan_manual_failure(f, after, p);
    else if (!just_waits(o, after, problem))
        plan_automatic_failure(f, after, p);
}

/* A useless chain is a failure like others; otherwise the next order would follow at once. */
static int plan_order(const PlanFacts *f, Record *after, Plan *p)
{
    const OrderingOutcome *o = f->order;
    const Candidate candidate = { .chain = o ? o->chain : NULL };
    _cleanup_problem_ Problem useless = {};
    Verdict verdict;

    if (!o)
        return 0;
    if (!o->chain) {
        plan_failure(f, after, o->problem, p);
        return 0;
    }
    if (!chain_covers(o->chain, f->names, NULL)) {
        p->order = PLAN_ORDER_RETURN;
        p->work = PLAN_CHANGE;
        return 0;
    }
    verdict = candidate_judge(&candidate, SOURCE_ACME, f->names, f->now);
    if (verdict != VERDICT_USABLE) {
        (void)problem_set(
            &useless, PROBLEM_AUTHORITY_FAILED,
            "The authority %s issued a chain that is not served: %s. Are its lifetime and this machine's clock right?",
            strempty(o->authority), verdict_to_string(verdict));
        plan_failure(f, after, &useless, p);
        return 0;
    }
    p->order = PLAN_ORDER_TAKE;
    p->source = SOURCE_ACME;
    return record_set_authority(after, o->authority, o->solver);
}

/* ---- the local root */

/* Returns true if a reissue withdraws the chain from ACME: its order failed, or a module does not want one. */
static bool withdraws_acme(const PlanFacts *f, const Plan *p)
{
    const Request *q;

    STAILQ_FOREACH (q, f->requests, entry)
        if (q->kind == REQUEST_REISSUE && !q->options.keep_current &&
            f->eligibility == ACME_ELIGIBILITY_UNWANTED)
            return true;
    if (p->order < PLAN_ORDER_FAILED)
        return false;
    STAILQ_FOREACH (q, f->order->requests, entry)
        if (plan_falls_back(f, p, q))
            return true;
    return false;
}

/* The local root has to sign if no better chain can be served, and its own is missing, outdated, due, or to be replaced. */
static int plan_local(const PlanFacts *f, Record *after, Plan *p)
{
    bool withdraws = withdraws_acme(f, p);
    bool replaces = withdraws || requests_have(f->requests, REQUEST_REISSUE) ||
                    requests_have(f->requests, REQUEST_RENEW);
    Candidate candidates[_SOURCE_MAX];
    Slot *acme = &after->slots[SOURCE_ACME];
    Choice choice;

    if (withdraws && acme->chain) {
        acme->withdrawn = true;
        if (record_block(after, acme->chain, BLOCK_WITHDRAWN, f->now) < 0)
            return -ENOMEM;
    }
    record_candidates(after, candidates);
    choice = choose(candidates, f->names, f->now);
    if ((choice.source >= 0 && choice.source != SOURCE_LOCAL &&
         choice.verdicts[choice.source] == VERDICT_USABLE) ||
        (choice.source == SOURCE_LOCAL && !replaces && local_is_current(f, after))) {
        if (choice.source != after->served)
            p->work = PLAN_CHANGE;
        return 0;
    }
    p->source = SOURCE_LOCAL;
    return 0;
}

/* ---- leaves that must not be served again */

static bool is_same_leaf(const Chain *a, const Chain *b)
{
    return a && b && streq(chain_leaf(a)->fingerprint, chain_leaf(b)->fingerprint);
}

/* The flags of a slot end with its chain, which a renewal may have replaced since the authority was asked; the list of the
 * record keeps the leaf from coming back to a service. An upload is entered although it may never have been served: former
 * ones are not known. */
static int plan_blocked(const PlanFacts *f, Record *after, Plan *p)
{
    Slot *acme = &after->slots[SOURCE_ACME];
    const Request *q;
    int r = 0;

    STAILQ_FOREACH (q, f->requests, entry) {
        bool revoked = q->kind == REQUEST_REVOKED;
        const Chain *chain = revoked && !q->chain ? acme->chain : q->chain;

        if (r < 0 || (!revoked && q->kind != REQUEST_WITHDRAWN))
            continue;
        r = chain ? record_block(after, chain, revoked ? BLOCK_REVOKED : BLOCK_WITHDRAWN, f->now) : 0;
        acme->revoked |= revoked && is_same_leaf(chain, acme->chain);
        if (revoked || r > 0)
            p->work = PLAN_CHANGE;
    }
    return MIN(r, 0);
}

/* A warning is recorded in a change of its own, so that it is given once. */
static void plan_warning(const PlanFacts *f, Record *after, Plan *p)
{
    if (f->warning_due == 0 || after->served < 0 || !clock_is_trusted() ||
        record_current(after) != record_current(f->record))
        return;
    after->warned = f->warning_due;
    p->warns = true;
    p->work = PLAN_CHANGE;
}

static int plan_leaf(const PlanFacts *f, Record *after, Plan *p)
{
    int r = 0;

    if (!f->stored && !f->wanted) {
        p->work = PLAN_NOTHING;
        return 0;
    }
    if (f->wanted == (after->abandoned > 0)) {
        after->abandoned = f->wanted ? 0 : f->now;
        p->work = PLAN_CHANGE;
    }
    if (!f->wanted)
        return 0;
    plan_upload(f, after, p);
    r = plan_blocked(f, after, p);
    if (r >= 0 && p->source < 0)
        r = plan_order(f, after, p);
    if (r >= 0 && p->source < 0)
        r = plan_local(f, after, p);
    if (r >= 0 && p->source < 0)
        plan_warning(f, after, p);
    return r;
}

static Request *last_root_request(const struct RequestQueue *requests)
{
    Request *q, *last = NULL;

    STAILQ_FOREACH (q, requests, entry)
        if (q->kind == REQUEST_REISSUE || q->kind == REQUEST_RENEW || q->kind == REQUEST_REPLACE)
            last = q;
    return last;
}

/* A root made by the machine keeps the name of the one before, unless that was uploaded. */
static void plan_root(const PlanFacts *f, Record *after, Plan *p)
{
    Request *q = last_root_request(f->requests);
    Candidate candidates[_SOURCE_MAX];
    Choice choice;

    record_candidates(f->record, candidates);
    choice = choose(candidates, NULL, f->now);
    if (!q && choice.source >= 0 && choice.verdicts[choice.source] == VERDICT_USABLE) {
        if (choice.source == after->served)
            plan_warning(f, after, p);
        else
            p->work = PLAN_CHANGE;
        return;
    }
    p->work = PLAN_MAKE_ROOT;
    p->replacement = q && q->kind == REQUEST_REPLACE ? q : NULL;
    p->source = p->replacement ? SOURCE_UPLOADED : SOURCE_LOCAL;
    p->keeps_name = f->record->served == SOURCE_LOCAL;
    if (!p->replacement && (requests_have(f->requests, REQUEST_REISSUE) ||
                            choice.verdicts[SOURCE_UPLOADED] != VERDICT_NOT_YET_VALID))
        record_clear_slot(after, SOURCE_UPLOADED);
}

int plan(const PlanFacts *facts, Record *after, bool changed, Plan *ret)
{
    int r = 0;

    *ret = (Plan){ .source = _SOURCE_INVALID, .work = changed ? PLAN_CHANGE : PLAN_NOTHING };
    if (requests_have(facts->requests, REQUEST_REMOVE))
        ret->work = PLAN_REMOVE;
    else if (facts->record->kind == RECORD_ROOT)
        plan_root(facts, after, ret);
    else if (facts->record->kind == RECORD_CERTIFICATE)
        r = plan_leaf(facts, after, ret);
    if (ret->work == PLAN_NOTHING && ret->source >= 0)
        ret->work = PLAN_CHANGE;
    return r;
}
