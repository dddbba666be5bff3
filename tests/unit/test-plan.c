/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "lifecycle/plan.h"

/* Every combination of what there is, what is requested, what came of an order, and the root's state, against rules that are
 * written down once more below. */

#define NOW INT64_C(1800000000)

static char *names[] = { S("www.example.com"), NULL };
static char *others[] = { S("www.example.com"), S("mail.example.com"), NULL };

typedef enum Upload { UPLOAD_NONE, UPLOAD_USABLE, UPLOAD_FUTURE, UPLOAD_HELD, _UPLOAD_MAX } Upload;
typedef enum Acme { ACME_NONE, ACME_USABLE, ACME_EXPIRED, _ACME_MAX } Acme;
typedef enum Local { LOCAL_NONE, LOCAL_CURRENT, LOCAL_OTHER_NAMES, _LOCAL_MAX } Local;
typedef enum Root { ROOT_NONE, ROOT_CURRENT, ROOT_NEW, _ROOT_MAX } Root;
typedef enum Asked {
    ASKED_NOTHING,
    ASKED_SETTLE,
    ASKED_REISSUE,
    ASKED_REISSUE_KEEP,
    ASKED_RENEW,
    ASKED_REVOKED,
    ASKED_REMOVE,
    _ASKED_MAX,
} Asked;
typedef enum Outcome {
    OUTCOME_NONE,
    OUTCOME_CHAIN,
    OUTCOME_OTHER_NAMES,
    OUTCOME_USELESS,
    OUTCOME_REFUSED,
    OUTCOME_WAITED,
    OUTCOME_OFFLINE,
    _OUTCOME_MAX,
} Outcome;
typedef enum Waiting { WAITING_ORDER, WAITING_REISSUE, WAITING_KEEP, _WAITING_MAX } Waiting;

typedef struct Case {
    Upload upload;
    Acme acme;
    Local local;
    Root root;
    Asked asked;
    Outcome outcome;
    Waiting waiting;
    AcmeEligibility eligibility;
} Case;

static Chain *good, *good_for_others, *expired, *future, *elsewhere, *arrived;

static void put(Record *rec, Source source, Chain *chain, uint64_t root)
{
    record_set_slot(rec, source, ++rec->stored.last_generation, chain, root, 0);
}

static Record *record_of(const Case *k)
{
    Record *rec = record_new(RECORD_CERTIFICATE, "www.example.com");
    Candidate candidates[_SOURCE_MAX];

    g_assert_nonnull(rec);
    if (k->upload == UPLOAD_HELD)
        put(rec, SOURCE_UPLOADED, good, 0);
    if (k->acme != ACME_NONE)
        put(rec, SOURCE_ACME, k->acme == ACME_USABLE ? arrived : expired, 0);
    if (k->local != LOCAL_NONE)
        put(rec, SOURCE_LOCAL, k->local == LOCAL_CURRENT ? good : good_for_others, 1);
    record_candidates(rec, candidates);
    rec->served = choose(candidates, names, NOW).source;
    return rec;
}

static Record *root_of(const Case *k)
{
    Record *rec = record_new(RECORD_ROOT, "root");

    g_assert_nonnull(rec);
    for (int i = 0; i < (int)k->root; i++)
        put(rec, SOURCE_LOCAL, good, 0);
    rec->served = k->root == ROOT_NONE ? _SOURCE_INVALID : SOURCE_LOCAL;
    return rec;
}

static Record *upload_of(const Case *k)
{
    Record *rec = k->upload == UPLOAD_NONE ? NULL : record_new(RECORD_UPLOAD, "upload");

    if (rec)
        put(rec, SOURCE_UPLOADED, k->upload == UPLOAD_FUTURE ? future : good, 0);
    return rec;
}

static bool request_of(Asked asked, Request *ret)
{
    static const RequestKind kinds[_ASKED_MAX] = {
        [ASKED_SETTLE] = REQUEST_SETTLE,        [ASKED_REISSUE] = REQUEST_REISSUE,
        [ASKED_REISSUE_KEEP] = REQUEST_REISSUE, [ASKED_RENEW] = REQUEST_RENEW,
        [ASKED_REVOKED] = REQUEST_REVOKED,      [ASKED_REMOVE] = REQUEST_REMOVE,
    };

    *ret = (Request){ .kind = kinds[asked], .options.keep_current = asked == ASKED_REISSUE_KEEP };
    return asked != ASKED_NOTHING;
}

static OrderingOutcome order_of(const Case *k, const Problem *problem, const struct RequestQueue *requests)
{
    return (OrderingOutcome){
        .chain = k->outcome == OUTCOME_CHAIN         ? good_for_others
                 : k->outcome == OUTCOME_OTHER_NAMES ? elsewhere
                 : k->outcome == OUTCOME_USELESS     ? expired
                                                     : NULL,
        .authority = "pebble",
        .solver = "http-01",
        .problem = problem,
        .requests = requests,
        .until = k->outcome == OUTCOME_WAITED ? NOW + 300 : 0,
        .waited = k->outcome == OUTCOME_WAITED,
        .attempted = k->outcome != OUTCOME_WAITED,
        .offline = k->outcome == OUTCOME_OFFLINE,
        .automatic = k->waiting == WAITING_ORDER,
    };
}

/* ---- the rules */

static bool is_tried(const Case *k)
{
    return k->outcome == OUTCOME_USELESS || k->outcome == OUTCOME_REFUSED;
}

static bool is_withdrawn(const Case *k)
{
    bool fell_back = is_tried(k) && (k->waiting == WAITING_REISSUE ||
                                     (k->waiting == WAITING_KEEP && k->acme != ACME_USABLE));

    return fell_back || (k->asked == ASKED_REISSUE && k->eligibility == ACME_ELIGIBILITY_UNWANTED);
}

static bool is_replaced(const Case *k)
{
    return k->asked == ASKED_REISSUE || k->asked == ASKED_REISSUE_KEEP || k->asked == ASKED_RENEW ||
           is_withdrawn(k);
}

static Source expected(const Case *k)
{
    bool local = k->local == LOCAL_CURRENT && k->root == ROOT_CURRENT;

    if (k->asked == ASKED_REMOVE)
        return _SOURCE_INVALID;
    if (k->upload == UPLOAD_USABLE)
        return SOURCE_UPLOADED; /* the best there is */
    if (k->upload == UPLOAD_FUTURE && (k->acme == ACME_USABLE || local))
        return SOURCE_UPLOADED; /* kept for its first moment */
    if (k->outcome == OUTCOME_CHAIN)
        return SOURCE_ACME;
    if (k->upload == UPLOAD_HELD)
        return _SOURCE_INVALID; /* it is served */
    if (k->acme == ACME_USABLE && k->asked != ASKED_REVOKED && !is_withdrawn(k))
        return _SOURCE_INVALID;
    return local && !is_replaced(k) ? _SOURCE_INVALID : SOURCE_LOCAL;
}

static void check_failure(const Case *k, const Plan *p, const Record *after)
{
    bool automatic = k->waiting == WAITING_ORDER;

    g_assert_cmpint(p->tried, ==, is_tried(k));
    g_assert_cmpint(p->order_problem.code, !=, PROBLEM_NONE);
    g_assert_cmpint(p->order, ==,
                    automatic     ? PLAN_ORDER_FAILED_SCHEDULED
                    : is_tried(k) ? PLAN_ORDER_FAILED_MANUAL
                                  : PLAN_ORDER_FAILED);
    if (automatic || is_tried(k)) {
        g_assert_true(after->order_failed);
        g_assert_cmpint(after->order_after, >, NOW);
    }
    g_assert_cmpuint(after->failure.attempts, ==, automatic && k->outcome != OUTCOME_WAITED ? 1 : 0);
}

/* The leaf that was withdrawn or revoked is never served again, whatever takes its place. */
static void check_blocked(const Case *k, const Plan *p, const Record *after)
{
    bool lives = k->asked != ASKED_REMOVE && k->acme == ACME_USABLE;
    bool withdrawn = lives && is_withdrawn(k) && p->source != SOURCE_UPLOADED && p->order != PLAN_ORDER_TAKE;
    const BlockedLeaf *leaf = blocklist_find(&after->blocked, chain_leaf(arrived)->fingerprint);

    g_assert_cmpuint(after->blocked.n, ==, (lives && k->asked == ASKED_REVOKED) || withdrawn);
    g_assert_true((after->blocked.n > 0) == (leaf != NULL));
    if (leaf)
        g_assert_cmpint(leaf->reason, ==, k->asked == ASKED_REVOKED ? BLOCK_REVOKED : BLOCK_WITHDRAWN);
}

static void check(const Case *k, const Plan *p, const Record *after)
{
    static const PlanOrder orders[_OUTCOME_MAX] = {
        [OUTCOME_NONE] = PLAN_ORDER_KEEP,          [OUTCOME_CHAIN] = PLAN_ORDER_TAKE,
        [OUTCOME_OTHER_NAMES] = PLAN_ORDER_RETURN, [OUTCOME_USELESS] = PLAN_ORDER_FAILED,
        [OUTCOME_REFUSED] = PLAN_ORDER_FAILED,     [OUTCOME_WAITED] = PLAN_ORDER_FAILED,
        [OUTCOME_OFFLINE] = PLAN_ORDER_FAILED,
    };

    g_assert_cmpint(p->source, ==, expected(k));
    g_assert_cmpint(p->work == PLAN_REMOVE, ==, k->asked == ASKED_REMOVE);
    g_assert_cmpint(p->work, !=, PLAN_MAKE_ROOT);
    check_blocked(k, p, after);
    if (k->asked == ASKED_REMOVE || p->source == SOURCE_UPLOADED) {
        g_assert_cmpint(p->order, ==, PLAN_ORDER_KEEP); /* until it is settled again */
        return;
    }
    g_assert_cmpint(p->again, ==, k->upload == UPLOAD_FUTURE);
    if (orders[k->outcome] == PLAN_ORDER_FAILED)
        check_failure(k, p, after);
    else
        g_assert_cmpint(p->order, ==, orders[k->outcome]);
    if (p->order == PLAN_ORDER_TAKE)
        g_assert_cmpstr(after->authority, ==, "pebble");
    else if (k->acme != ACME_NONE) {
        g_assert_cmpint(after->slots[SOURCE_ACME].withdrawn, ==, is_withdrawn(k));
        g_assert_cmpint(after->slots[SOURCE_ACME].revoked, ==, k->asked == ASKED_REVOKED);
    }
    if (p->source >= 0)
        g_assert_cmpint(p->work, ==, PLAN_CHANGE);
}

static void try(const Case *k)
{
    struct RequestQueue requests = STAILQ_HEAD_INITIALIZER(requests),
                        waiting = STAILQ_HEAD_INITIALIZER(waiting);
    _cleanup_record_ Record *rec = record_of(k), *after = record_copy(rec), *root = root_of(k),
                            *upload = upload_of(k);
    _cleanup_problem_ Problem problem = {};
    Request q, w = { .kind = k->waiting == WAITING_ORDER ? REQUEST_ORDER : REQUEST_REISSUE,
                     .options.keep_current = k->waiting == WAITING_KEEP };
    OrderingOutcome order;
    PlanFacts facts = {
        .record = rec,
        .requests = &requests,
        .stored = true,
        .wanted = true,
        .names = names,
        .key_type = good->key_type,
        .upload = upload,
        .eligibility = k->eligibility,
        .root = root,
        .now = NOW,
    };
    Plan p;

    if (request_of(k->asked, &q))
        STAILQ_INSERT_TAIL(&requests, &q, entry);
    STAILQ_INSERT_TAIL(&waiting, &w, entry);
    problem_set(&problem, k->outcome == OUTCOME_REFUSED ? PROBLEM_AUTHORITY_REFUSED : PROBLEM_NETWORK_FAILED,
                "It did not work.");
    order = order_of(k, &problem, &waiting);
    facts.order = k->outcome == OUTCOME_NONE ? NULL : &order;
    g_assert_cmpint(plan(&facts, after, false, &p), ==, 0);
    check(k, &p, after);
    problem_clear(&p.order_problem);
}

static bool next(Case *k)
{
    int *digits[] = { (int *)&k->upload, (int *)&k->acme,    (int *)&k->local,  (int *)&k->root,
                      (int *)&k->asked,  (int *)&k->outcome, (int *)&k->waiting };
    static const int most[] = { _UPLOAD_MAX, _ACME_MAX,    _LOCAL_MAX,  _ROOT_MAX,
                                _ASKED_MAX,  _OUTCOME_MAX, _WAITING_MAX };

    for (size_t i = 0; i < ELEMENTSOF(digits); i++) {
        if (++*digits[i] < most[i])
            return true;
        *digits[i] = 0;
    }
    return false;
}

static void test_every_combination(void)
{
    static const AcmeEligibility stances[] = { ACME_ELIGIBILITY_ASKED, ACME_ELIGIBILITY_UNWANTED };
    unsigned n = 0;

    for (size_t i = 0; i < ELEMENTSOF(stances); i++) {
        Case k = { .eligibility = stances[i] };

        do {
            try(&k);
            n++;
        } while (next(&k));
    }
    g_assert_cmpuint(n, ==, 2 * 4 * 3 * 3 * 3 * 7 * 7 * 3);
}

static PlanFacts facts_of(const Record *rec, struct RequestQueue *requests, const Record *upload,
                          const Record *root)
{
    return (PlanFacts){ .record = rec,
                        .requests = requests,
                        .stored = true,
                        .wanted = true,
                        .names = names,
                        .key_type = good->key_type,
                        .upload = upload,
                        .root = root,
                        .now = NOW };
}

/* ---- uploads that are removed */

/* Also of an upload that is not, or no longer, the certificate's. */
static void test_withdrawn(void)
{
    static const Upload uploads[] = { UPLOAD_HELD, UPLOAD_NONE };

    for (size_t i = 0; i < ELEMENTSOF(uploads); i++) {
        const Case k = { .upload = uploads[i], .local = LOCAL_CURRENT, .root = ROOT_CURRENT };
        struct RequestQueue requests = STAILQ_HEAD_INITIALIZER(requests);
        _cleanup_record_ Record *rec = record_of(&k), *after = record_copy(rec), *root = root_of(&k),
                                *upload = upload_of(&k), *again = NULL;
        Request q = { .kind = REQUEST_WITHDRAWN, .chain = good };
        PlanFacts facts = facts_of(rec, &requests, upload, root);
        Plan p;

        STAILQ_INSERT_TAIL(&requests, &q, entry);
        g_assert_cmpint(plan(&facts, after, false, &p), ==, 0);
        g_assert_cmpint(p.work, ==, PLAN_CHANGE);
        g_assert_cmpint(p.source, <, 0);
        g_assert_cmpuint(after->blocked.n, ==, 1);
        g_assert_cmpint(after->blocked.leaves[0].reason, ==, BLOCK_WITHDRAWN);
        again = record_copy(after);
        g_assert_cmpint(plan(&facts, again, false, &p), ==, 0);
        g_assert_cmpint(p.work, ==, PLAN_NOTHING);
    }
}

/* An administrator who uploads it once more wants it. */
static void test_uploaded_again(void)
{
    const Case k = { .upload = UPLOAD_USABLE, .local = LOCAL_CURRENT, .root = ROOT_CURRENT };
    struct RequestQueue requests = STAILQ_HEAD_INITIALIZER(requests);
    _cleanup_record_ Record *rec = record_of(&k), *after = NULL, *root = root_of(&k),
                            *upload = upload_of(&k);
    PlanFacts facts = facts_of(rec, &requests, upload, root);
    Plan p;

    g_assert_cmpint(record_block(rec, good, BLOCK_WITHDRAWN, NOW), ==, 1);
    after = record_copy(rec);
    g_assert_cmpint(plan(&facts, after, false, &p), ==, 0);
    g_assert_cmpint(p.source, ==, SOURCE_UPLOADED);
    g_assert_cmpuint(after->blocked.n, ==, 0);
}

/* ---- revocation */

/* A renewal took the place of the chain while the authority was asked. */
static void test_revoked_and_renewed(void)
{
    static const char other[] = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
    const ChainEntry entry = { "CN=subject", "CN=issuer", "0B", other, NOW - DAY, NOW + DAY };
    _cleanup_chain_ Chain *former =
        chain_new(&entry, 1, (const char *const *)names, 1, KEY_TYPE_ECDSA_P256, false);
    const Case k = { .acme = ACME_USABLE, .root = ROOT_CURRENT };
    struct RequestQueue requests = STAILQ_HEAD_INITIALIZER(requests);
    _cleanup_record_ Record *rec = record_of(&k), *after = record_copy(rec), *root = root_of(&k);
    Request q = { .kind = REQUEST_REVOKED, .chain = former };
    PlanFacts facts = facts_of(rec, &requests, NULL, root);
    Plan p;

    STAILQ_INSERT_TAIL(&requests, &q, entry);
    g_assert_cmpint(plan(&facts, after, false, &p), ==, 0);
    g_assert_cmpint(p.work, ==, PLAN_CHANGE);
    g_assert_cmpint(p.source, <, 0);
    g_assert_false(after->slots[SOURCE_ACME].revoked);
    g_assert_cmpuint(after->blocked.n, ==, 1);
    g_assert_cmpstr(after->blocked.leaves[0].fingerprint, ==, other);
    g_assert_cmpint(after->blocked.leaves[0].reason, ==, BLOCK_REVOKED);
}

/* ---- who wants it */

static void test_abandoned(void)
{
    static const struct {
        bool stored, dirty;
        int64_t abandoned, expected;
        bool changes;
    } rows[] = {
        { true, true, 0, NOW, true },
        { true, false, 0, NOW, true },
        { true, true, NOW - DAY, NOW - DAY, true },
        { true, false, NOW - DAY, NOW - DAY, false },
        { false, true, 0, 0, false },
    };
    struct RequestQueue requests = STAILQ_HEAD_INITIALIZER(requests);
    const Case k = { .acme = ACME_USABLE, .root = ROOT_CURRENT };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_record_ Record *rec = record_of(&k), *after = NULL, *root = root_of(&k);
        PlanFacts facts = { .record = rec,
                            .requests = &requests,
                            .stored = rows[i].stored,
                            .names = names,
                            .root = root,
                            .now = NOW };
        Plan p;

        rec->abandoned = rows[i].abandoned;
        after = record_copy(rec);
        g_assert_cmpint(plan(&facts, after, rows[i].dirty, &p), ==, 0);
        g_assert_cmpint(p.work, ==, rows[i].changes ? PLAN_CHANGE : PLAN_NOTHING);
        g_assert_cmpint(after->abandoned, ==, rows[i].expected);
        g_assert_cmpint(p.source, <, 0);
        problem_clear(&p.order_problem);
    }
}

/* ---- the root */

static void test_root(void)
{
    static const struct {
        bool local, uploaded, uploaded_ended;
        RequestKind kind; /* REQUEST_SETTLE: none */
        bool makes, replaces, keeps_name, clears;
    } rows[] = {
        { .makes = true, .kind = REQUEST_SETTLE, .clears = true },
        { .local = true, .kind = REQUEST_SETTLE },
        { .local = true, .kind = REQUEST_REISSUE, .makes = true, .keeps_name = true, .clears = true },
        { .local = true, .kind = REQUEST_RENEW, .makes = true, .keeps_name = true, .clears = true },
        { .local = true, .kind = REQUEST_REPLACE, .makes = true, .replaces = true, .keeps_name = true },
        { .local = true, .uploaded = true, .kind = REQUEST_SETTLE },
        { .local = true, .uploaded = true, .kind = REQUEST_REISSUE, .makes = true, .clears = true },
        { .uploaded = true, .uploaded_ended = true, .kind = REQUEST_SETTLE, .makes = true, .clears = true },
        { .local = true, .uploaded = true, .uploaded_ended = true, .kind = REQUEST_SETTLE },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        struct RequestQueue requests = STAILQ_HEAD_INITIALIZER(requests);
        _cleanup_record_ Record *rec = record_new(RECORD_ROOT, "root"), *after = NULL;
        PlanFacts facts = { .record = rec, .requests = &requests, .stored = true, .root = rec, .now = NOW };
        Request q = { .kind = rows[i].kind };
        Plan p;

        if (rows[i].local)
            put(rec, SOURCE_LOCAL, good, 0);
        if (rows[i].uploaded)
            put(rec, SOURCE_UPLOADED, rows[i].uploaded_ended ? expired : good, 0);
        rec->served = rows[i].uploaded ? SOURCE_UPLOADED : rows[i].local ? SOURCE_LOCAL : _SOURCE_INVALID;
        after = record_copy(rec);
        if (q.kind != REQUEST_SETTLE)
            STAILQ_INSERT_TAIL(&requests, &q, entry);
        g_test_message("row %zu", i);
        g_assert_cmpint(plan(&facts, after, false, &p), ==, 0);
        g_assert_cmpint(p.work == PLAN_MAKE_ROOT, ==, rows[i].makes);
        g_assert_cmpint(p.replacement != NULL, ==, rows[i].replaces);
        g_assert_cmpint(p.source, ==,
                        rows[i].replaces ? SOURCE_UPLOADED
                        : rows[i].makes  ? SOURCE_LOCAL
                                         : _SOURCE_INVALID);
        if (rows[i].makes)
            g_assert_cmpint(p.keeps_name, ==, rows[i].keeps_name);
        g_assert_cmpint(after->slots[SOURCE_UPLOADED].chain != NULL, ==,
                        rows[i].uploaded && !rows[i].clears);
        problem_clear(&p.order_problem);
    }
}

int main(int argc, char *argv[])
{
    static char *mail[] = { S("mail.example.com"), NULL };
    int status;

    fixture_init(&argc, &argv);
    good = chain_make(names, NOW - DAY, NOW + 89 * DAY);
    arrived = chain_make(names, NOW - 2 * DAY, NOW + 88 * DAY);
    good_for_others = chain_make(others, NOW - DAY, NOW + 89 * DAY);
    expired = chain_make(names, NOW - 90 * DAY, NOW - DAY);
    future = chain_make(names, NOW + DAY, NOW + 90 * DAY);
    elsewhere = chain_make(mail, NOW - DAY, NOW + 89 * DAY);
    g_test_add_func("/plan/every-combination", test_every_combination);
    g_test_add_func("/plan/revoked-and-renewed", test_revoked_and_renewed);
    g_test_add_func("/plan/withdrawn", test_withdrawn);
    g_test_add_func("/plan/uploaded-again", test_uploaded_again);
    g_test_add_func("/plan/abandoned", test_abandoned);
    g_test_add_func("/plan/root", test_root);
    status = g_test_run();
    chain_unref(good);
    chain_unref(arrived);
    chain_unref(good_for_others);
    chain_unref(expired);
    chain_unref(future);
    chain_unref(elsewhere);
    return status;
}
