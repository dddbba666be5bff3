/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-client.h"
#include "fake-timer.h"

#include "acme/order.h"
#include "core/limits.h"

#define URL   "https://ca.test/"
#define ORDER URL "order/1"

static AcmeAuthority authority;
static AcmeDirectory directory;

const AcmeAuthority *acme_client_authority(const AcmeClient *c _unused_)
{
    return &authority;
}

const AcmeDirectory *acme_client_directory(const AcmeClient *c _unused_)
{
    return &directory;
}

static AccountKey *account_key;

const AccountKey *acme_client_key(const AcmeClient *c _unused_)
{
    return account_key;
}

static unsigned n_holds;

void acme_client_hold_key(AcmeClient *c _unused_)
{
    n_holds++;
}

void acme_client_release_key(AcmeClient *c _unused_)
{
    n_holds--;
}

/* ---- an order, and what is heard of it */

typedef struct Desk {
    sd_event *event;
    Workers *workers;
    Issued root, leaf;
    char *chain;
    OrderRecord record;
    Solver *solver; /* NULL: none */
    Order *order;
    unsigned n_placed, n_done, refused;
    double progress;
    Bundle *bundle;
    Problem problem;
    bool at_authority;
    int64_t retry_after;
} Desk;

static void on_progress(double progress, const char *step, void *userdata)
{
    Desk *d = userdata;

    g_assert_nonnull(step);
    g_assert_cmpfloat(progress, >=, d->progress);
    d->progress = progress;
}

static void on_placed(void *userdata)
{
    Desk *d = userdata;

    g_assert_cmpstr(d->record.url, ==, ORDER);
    d->n_placed++;
}

static void on_done(Bundle *bundle, const char *solver, const AcmeFailure *failure, unsigned refused,
                    void *userdata)
{
    Desk *d = userdata;

    g_assert_true(!bundle != !failure);
    g_assert_true(!solver == !d->solver); /* all names were proved before */
    d->n_done++;
    d->bundle = bundle;
    d->refused = refused;
    if (failure) {
        g_assert_cmpint(problem_copy(failure->problem, &d->problem), ==, 0);
        d->at_authority = failure->at_authority;
        d->retry_after = failure->retry_after;
    }
}

static void desk_init(Desk *d)
{
    static const CertificateSpec root = { .subject = "Example Root", .authority = true };
    static const CertificateSpec leaf = { .subject = "a.test",
                                          .names = "DNS:a.test",
                                          .usage = "serverAuth" };
    _cleanup_free_ char *leaf_pem = NULL, *root_pem = NULL;

    *d = (Desk){ .root = issue(&root, NULL, NULL) };
    d->leaf = issue(&leaf, &d->root, NULL);
    leaf_pem = pem_of(&d->leaf);
    root_pem = pem_of(&d->root);
    d->chain = text_join(leaf_pem, root_pem, NULL);
    d->record.key = key_pem_of(&d->leaf);
    d->record.name = S("a.test");
    g_assert_cmpint(strv_extend(&d->record.names, "a.test"), ==, 0);
    g_assert_cmpint(sd_event_new(&d->event), ==, 0);
    g_assert_cmpint(workers_new(d->event, "test", 1, NULL, &d->workers), ==, 0);
    authority = (AcmeAuthority){ .name = S("ca") };
    directory = (AcmeDirectory){ .new_order = S(URL "new-order") };
    links = NULL;
    location = NULL;
    reply_after = 0;
    haste = 1;
    broken = false;
    n_sent = 0;
}

static void desk_done(Desk *d)
{
    order_free(d->order);
    workers_free(d->workers);
    sd_event_unref(d->event);
    bundle_free(d->bundle);
    problem_clear(&d->problem);
    erase_and_free(d->record.key);
    strv_free(d->record.names);
    free(d->record.url);
    free(d->record.replaces);
    free(d->record.profile);
    free(d->chain);
    issued_done(&d->leaf);
    issued_done(&d->root);
    g_assert_true(g_queue_is_empty(&calls));
}
#define _cleanup_desk_ _cleanup_(desk_done)

static bool has_call(void *userdata)
{
    return !g_queue_is_empty(&calls) || ((Desk *)userdata)->n_done > 0;
}

static const AcmeCall *next_call(Desk *d)
{
    loop_until(d->event, has_call, d);
    g_assert_cmpuint(d->n_done, ==, 0);
    return g_queue_peek_head(&calls);
}

static bool is_done(void *userdata)
{
    return ((Desk *)userdata)->n_done > 0;
}

static void begin(Desk *d)
{
    static const OrderObserver observer = { on_progress, on_placed, on_done };
    OrderContext context = { .event = d->event,
                             .crypto = d->workers,
                             .solvers = { .list = &d->solver, .n = d->solver ? 1 : 0 } };

    g_assert_cmpint(order_start(&context, &d->record, &observer, d, &d->order), ==, 0);
    g_assert_true(g_queue_is_empty(&calls));
}

/* With more members, each followed by a comma. */
static char *order_text(const char *status, const char *more)
{
    return g_strdup_printf("{%s\"status\":\"%s\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}],"
                           "\"authorizations\":[\"" URL "z\"],\"finalize\":\"" URL "finalize\"}",
                           more, status);
}

static void place(Desk *d, const char *status, const char *more)
{
    g_autofree char *text = order_text(status, more);

    (void)next_call(d);
    location = ORDER;
    answer(ACME_NEW_ORDER, NULL, text);
    location = NULL;
}

static void answer_order(Desk *d, const char *url, const char *status, const char *more)
{
    g_autofree char *text = order_text(status, more);

    (void)next_call(d);
    answer(ACME_URL, url, text);
}

static void answer_authorization(Desk *d, const char *status)
{
    g_autofree char *text = g_strdup_printf(
        "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"}}", status);

    (void)next_call(d);
    answer(ACME_URL, URL "z", text);
}

static void assert_failed(Desk *d, ProblemCode code, const char *part)
{
    loop_until(d->event, is_done, d);
    g_assert_cmpuint(d->n_done, ==, 1);
    g_assert_cmpint(d->problem.code, ==, code);
    if (!strstr(strempty(d->problem.text), part))
        g_error("\"%s\" does not say \"%s\"", d->problem.text, part);
}

static void assert_issued(Desk *d)
{
    loop_until(d->event, is_done, d);
    g_assert_cmpuint(d->n_done, ==, 1);
    g_assert_cmpstr(strempty(d->problem.text), ==, "");
    g_assert_nonnull(d->bundle);
    g_assert_cmpstr(d->bundle->key, ==, d->record.key);
}

static void test_whole(void)
{
    _cleanup_desk_ Desk d;

    desk_init(&d);
    begin(&d);
    g_assert_cmpstr(next_call(&d)->payload, ==,
                    "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}]}");
    place(&d, "pending", "");
    g_assert_cmpuint(d.n_placed, ==, 1);
    answer_authorization(&d, "valid");
    answer_order(&d, ORDER, "pending", ""); /* not yet */
    answer_order(&d, ORDER, "ready", "");
    /* not before its URL is on disk */
    loop_for(d.event, 50000);
    g_assert_true(g_queue_is_empty(&calls));
    g_assert_false(order_was_finalized(d.order));
    order_noted(d.order);
    g_assert_true(g_str_has_prefix(next_call(&d)->payload, "{\"csr\":\""));
    g_assert_true(order_was_finalized(d.order));
    answer_order(&d, URL "finalize", "processing", "");
    answer_order(&d, ORDER, "valid", "\"certificate\":\"" URL "chain\",");
    (void)next_call(&d);
    answer(ACME_URL, URL "chain", d.chain);
    assert_issued(&d);
    g_assert_cmpuint(d.refused, ==, 0);
}

/* From wherever it was before a crash. */
static void test_resume(void)
{
    for (int i = 0; i < 3; i++) {
        _cleanup_desk_ Desk d;

        desk_init(&d);
        d.record.url = strdup(ORDER);
        begin(&d);
        if (i == 0) {
            answer_order(&d, ORDER, "pending", "");
            answer_authorization(&d, "valid");
        }
        if (i <= 1) {
            answer_order(&d, ORDER, "ready", "");
            answer_order(&d, URL "finalize", "valid", "\"certificate\":\"" URL "chain\",");
        } else
            answer_order(&d, ORDER, "valid", "\"certificate\":\"" URL "chain\",");
        (void)next_call(&d);
        answer(ACME_URL, URL "chain", d.chain);
        assert_issued(&d);
        g_assert_cmpuint(d.n_placed, ==, 0);
        g_assert_cmpint(order_was_finalized(d.order), ==, i <= 1);
    }
}

#define HASTE 100 /* a minute in 0.6 s */

/* An order that is processed: the authority asks for more patience than an order has. */
static void test_long_retry_after(void)
{
    static const int64_t delays[] = { DAY, 1801 };

    for (size_t i = 0; i < ELEMENTSOF(delays); i++) {
        _cleanup_desk_ Desk d;
        uint64_t began;

        desk_init(&d);
        haste = HASTE;
        d.record.url = strdup(ORDER);
        begin(&d);
        answer_order(&d, ORDER, "ready", "");
        (void)next_call(&d);
        began = loop_now(d.event, CLOCK_BOOTTIME);
        reply_after = delays[i];
        answer_order(&d, URL "finalize", "processing", "");
        answer_order(&d, ORDER, "processing", "");
        answer_order(&d, ORDER, "valid", "\"certificate\":\"" URL "chain\",");
        (void)next_call(&d);
        answer(ACME_URL, URL "chain", d.chain);
        assert_issued(&d);
        g_assert_cmpuint(loop_now(d.event, CLOCK_BOOTTIME) - began, >=,
                         120 * USEC_PER_SEC); /* two long pauses */
    }
}

/* What can be waited for is; at the end the order is looked at once more before it is given up. */
static void test_deadline(void)
{
    for (int late = 0; late < 2; late++) {
        _cleanup_desk_ Desk d;
        uint64_t began, now;

        desk_init(&d);
        haste = 4 * HASTE;
        d.record.url = strdup(ORDER);
        began = loop_now(d.event, CLOCK_BOOTTIME);
        begin(&d);
        reply_after = 1600;
        answer_order(&d, ORDER, "processing", "");
        (void)next_call(&d);
        now = loop_now(d.event, CLOCK_BOOTTIME);
        g_assert_cmpuint(now - began, >=, 1600 * USEC_PER_SEC);
        reply_after = DAY;
        while (now - began < LIMIT_ORDER_TIME * USEC_PER_SEC) {
            answer_order(&d, ORDER, "processing", "");
            (void)next_call(&d);
            now = loop_now(d.event, CLOCK_BOOTTIME);
        }
        if (late) {
            answer_order(&d, ORDER, "processing", "");
            assert_failed(&d, PROBLEM_AUTHORITY_FAILED, "did not complete the order within 30 minutes");
            g_assert_true(d.at_authority);
        } else {
            answer_order(&d, ORDER, "valid", "\"certificate\":\"" URL "chain\",");
            (void)next_call(&d);
            answer(ACME_URL, URL "chain", d.chain);
            assert_issued(&d);
        }
    }
}

static void test_refused_order(void)
{
    static const struct {
        const char *location, *body, *part;
    } cases[] = {
        { NULL, "{}", "did not return the URL of the order" },
        { ORDER, "{}", "\"status\" is missing" },
        { ORDER,
          "{\"status\":\"pending\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"b.test\"}],\"authorizations\":[\"" URL
          "z\"],\"finalize\":\"" URL "f\"}",
          "created an order for other names" },
        { ORDER,
          "{\"status\":\"pending\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}],\"authorizations\":[],"
          "\"finalize\":\"" URL "f\"}",
          "created an order without authorizations" },
        { ORDER,
          "{\"status\":\"valid\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}],\"authorizations\":[],"
          "\"finalize\":\"" URL "f\"}",
          "not the URL of its certificate" },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_desk_ Desk d;

        desk_init(&d);
        begin(&d);
        (void)next_call(&d);
        location = cases[i].location;
        answer(ACME_NEW_ORDER, NULL, cases[i].body);
        assert_failed(&d, PROBLEM_AUTHORITY_FAILED, cases[i].part);
        g_assert_true(d.at_authority);
    }
}

/* A failed request ends the order as it is. */
static void test_failure(void)
{
    _cleanup_desk_ Desk d, e;

    desk_init(&d);
    begin(&d);
    (void)next_call(&d);
    answer_failure(ACME_NEW_ORDER, NULL, PROBLEM_NETWORK_FAILED, NULL);
    assert_failed(&d, PROBLEM_NETWORK_FAILED, "");
    g_assert_true(d.at_authority);
    g_assert_cmpint(d.retry_after, ==, 7);
    desk_init(&e);
    broken = true;
    begin(&e);
    assert_failed(&e, PROBLEM_INTERNAL, "");
}

/* The authority says why, of a name or of the order; a solver had no part in it. */
static void test_invalid(void)
{
    static const char connection[] =
        "{\"status\":\"invalid\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},\"challenges\":[{\"type\":"
        "\"http-01\",\"url\":\"" URL
        "c\",\"status\":\"invalid\",\"token\":\"evaGxfADs6pSRb2LAv9IZf\",\"error\":{"
        "\"type\":\"urn:ietf:params:acme:error:connection\"}}]}";
    static const struct {
        const char *more, *type, *part;
    } cases[] = {
        { "", "connection", "ca refused the proof: connection" },
        { "\"error\":{\"type\":\"urn:ietf:params:acme:error:caa\"},", "caa", "ca refused the order: caa" },
        { "", NULL, "ended the order without giving a reason" },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_desk_ Desk d;

        desk_init(&d);
        d.record.url = strdup(ORDER);
        begin(&d);
        answer_order(&d, ORDER, "invalid", cases[i].more);
        if (i == 0) {
            (void)next_call(&d);
            answer(ACME_URL, URL "z", connection);
        } else
            answer_authorization(&d, "invalid");
        assert_failed(&d, PROBLEM_AUTHORITY_REFUSED, cases[i].part);
        g_assert_cmpstr(d.problem.type, ==, cases[i].type);
        g_assert_false(d.at_authority);
        g_assert_cmpuint(d.refused, ==, 0);
    }
}

/* A solver whose self-check does not find the proof. */
static bool suits(Solver *s _unused_, const char *name _unused_, bool wildcard _unused_,
                  Problem *why _unused_)
{
    return true;
}

static SolverReady blind_ready;
static void *blind_userdata;
static SolverTask blind_task;

static int blind_start(Solver *s, const Proof *proof _unused_, SolverReady ready, void *userdata,
                       SolverTask **ret, Problem *problem _unused_)
{
    blind_ready = ready;
    blind_userdata = userdata;
    blind_task = (SolverTask){ .solver = s, .advises = true };
    *ret = &blind_task;
    return 0;
}

static SolverTask *blind_end(SolverTask *t _unused_)
{
    return NULL;
}

/* What was found here explains what the authority says. */
static void test_finding(void)
{
    static const SolverOps ops = {
        .type = "http-01", .suits = suits, .start = blind_start, .end = blind_end
    };
    static const char failed[] =
        "{\"type\":\"http-01\",\"url\":\"" URL
        "c\",\"status\":\"invalid\",\"token\":\"evaGxfADs6pSRb2LAv9IZf\","
        "\"error\":{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"Refused.\"}}";
    static const char pending[] =
        "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},\"challenges\":[{\"type\":"
        "\"http-01\",\"url\":\"" URL "c\",\"status\":\"pending\",\"token\":\"evaGxfADs6pSRb2LAv9IZf\"}]}";
    const Problem finding = { .code = PROBLEM_CHALLENGE_FAILED, .text = S("The router answers.") };
    AccountKey *key;

    g_assert_cmpint(account_key_generate(KEY_TYPE_ECDSA_P256, &key), ==, 0);
    account_key = key;
    for (int i = 0; i < 2; i++) {
        Solver solver = { .ops = &ops };
        SolverFinding found;
        _cleanup_desk_ Desk d;

        desk_init(&d);
        d.solver = &solver;
        begin(&d);
        place(&d, "pending", "");
        (void)next_call(&d);
        answer(ACME_URL, URL "z", pending);
        blind_task.advises = i == 0;
        blind_task.found = 7;
        blind_ready(i == 0 ? &finding : &(Problem){}, blind_userdata);
        (void)next_call(&d);
        answer(ACME_URL, URL "c", failed);
        assert_failed(&d, PROBLEM_AUTHORITY_REFUSED, "ca refused the proof: Refused (connection)");
        g_assert_cmpstr(d.problem.type, ==, "connection");
        g_assert_true(!strstr(d.problem.text, "(SelfCheck=, DNSResolvers=) found: The router answers.") ==
                      (i == 1));
        g_assert_cmpuint(d.refused, ==, 1);
        g_assert_cmpint(order_was_foreseen(d.order, &found), ==, i == 0);
        if (i == 0) {
            g_assert_cmpstr(found.name, ==, "a.test");
            g_assert_cmpstr(found.solver, ==, "http-01");
            g_assert_cmpuint(found.what, ==, 7);
        }
    }
    account_key = account_key_free(key);
}

/* Polls an order that stays pending, and its authorization, until the order has ended. */
static void poll_to_the_end(Desk *d, const char *authorization)
{
    g_autofree char *order = order_text("pending", "");

    for (;;) {
        loop_until(d->event, has_call, d);
        if (d->n_done > 0)
            return;
        if (streq(strempty(((AcmeCall *)g_queue_peek_head(&calls))->url), ORDER))
            answer(ACME_URL, ORDER, order);
        else
            answer(ACME_URL, URL "z", authorization);
    }
}

/* An authority that looks for a proof until the order's time is up has no outage: what it found, or the self-check, is said. */
static void test_proving_without_end(void)
{
    static const SolverOps ops = {
        .type = "http-01", .suits = suits, .start = blind_start, .end = blind_end
    };
#define AUTHORIZATION(more) \
    "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},\"challenges\":[{\"type\":\"http-01\"," \
    "\"url\":\"" URL "c\",\"token\":\"evaGxfADs6pSRb2LAv9IZf\",\"status\":" more "}]}"
    static const char pending[] = AUTHORIZATION("\"pending\"");
    static const char looking[] = AUTHORIZATION(
        "\"processing\",\"error\":{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"SERVFAIL.\"}");
    static const struct {
        bool found, error;
        const char *text, *also;
    } cases[] = {
        { true, true, "ca refused the proof: SERVFAIL (dns)", "found: The router answers." },
        { false, true, "ca refused the proof: SERVFAIL (dns)", "" },
        { true, false, "did not complete the order within 30 minutes", "found: The router answers." },
        { false, false, "did not complete the order within 30 minutes", "" },
    };
    const Problem finding = { .code = PROBLEM_CHALLENGE_FAILED, .text = S("The router answers.") };
    AccountKey *key;

    g_assert_cmpint(account_key_generate(KEY_TYPE_ECDSA_P256, &key), ==, 0);
    account_key = key;
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        bool blamed = !cases[i].found && !cases[i].error;
        Solver solver = { .ops = &ops };
        SolverFinding found;
        _cleanup_desk_ Desk d;

        desk_init(&d);
        haste = 40 * HASTE;
        d.solver = &solver;
        begin(&d);
        place(&d, "pending", "");
        (void)next_call(&d);
        answer(ACME_URL, URL "z", pending);
        blind_task.found = 7;
        blind_ready(cases[i].found ? &finding : &(Problem){}, blind_userdata);
        (void)next_call(&d);
        answer(ACME_URL, URL "c", "{}");
        poll_to_the_end(&d, cases[i].error ? looking : pending);
        if (!strstr(d.problem.text, cases[i].text) || !strstr(d.problem.text, cases[i].also))
            note_failure("case %zu: %s", i, d.problem.text);
        g_assert_cmpint(d.at_authority, ==, blamed);
        g_assert_cmpuint(d.refused, ==, blamed ? 0 : 1);
        g_assert_cmpint(order_was_foreseen(d.order, &found), ==, cases[i].found);
    }
    account_key = account_key_free(key);
}

/* What an authority does without is left out, and the order is placed again. */
static void test_less(void)
{
    char *profiles[] = { S("short"), NULL };
    _cleanup_desk_ Desk d;

    desk_init(&d);
    directory.profiles = profiles;
    directory.renewal_info = S(URL "info");
    d.record.profile = strdup("short");
    d.record.replaces = strdup("x.y");
    begin(&d);
    g_assert_cmpint(next_call(&d)->resource, ==, ACME_DIRECTORY);
    answer(ACME_DIRECTORY, NULL, "");
    g_assert_true(g_str_has_suffix(next_call(&d)->payload, "\"profile\":\"short\",\"replaces\":\"x.y\"}"));
    answer_failure(ACME_NEW_ORDER, NULL, PROBLEM_AUTHORITY_REFUSED, "alreadyReplaced");
    g_assert_null(d.record.replaces);
    g_assert_true(g_str_has_suffix(next_call(&d)->payload, ",\"profile\":\"short\"}"));
    answer_failure(ACME_NEW_ORDER, NULL, PROBLEM_AUTHORITY_REFUSED, "invalidProfile");
    g_assert_null(strstr(next_call(&d)->payload, "profile"));
    answer_failure(ACME_NEW_ORDER, NULL, PROBLEM_AUTHORITY_REFUSED, "invalidProfile");
    assert_failed(&d, PROBLEM_AUTHORITY_REFUSED, "");
}

/* The directory shows that there is no such thing. */
static void test_unsupported(void)
{
    _cleanup_desk_ Desk d, strict;

    desk_init(&d);
    d.record.profile = strdup("short");
    d.record.replaces = strdup("x.y");
    begin(&d);
    (void)next_call(&d);
    answer(ACME_DIRECTORY, NULL, "");
    g_assert_null(strstr(next_call(&d)->payload, "profile"));
    g_assert_null(strstr(next_call(&d)->payload, "replaces"));
    answer_failure(ACME_NEW_ORDER, NULL, PROBLEM_AUTHORITY_REFUSED, "malformed");
    desk_init(&strict);
    authority.needs_profile = true;
    strict.record.profile = strdup("short");
    begin(&strict);
    (void)next_call(&strict);
    answer(ACME_DIRECTORY, NULL, "");
    assert_failed(&strict, PROBLEM_AUTHORITY_REFUSED, "has no profile \"short\" (available: none)");
}

static void test_other_profile(void)
{
    char *profiles[] = { S("classic"), S("short"), NULL };
    _cleanup_desk_ Desk d, unknown;

    desk_init(&d);
    directory.profiles = profiles;
    authority.needs_profile = true;
    d.record.profile = strdup("short");
    begin(&d);
    (void)next_call(&d);
    answer(ACME_DIRECTORY, NULL, "");
    place(&d, "pending", "\"profile\":\"classic\",");
    assert_failed(&d, PROBLEM_AUTHORITY_REFUSED,
                  "with the profile \"classic\" instead of the profile \"short\"");
    desk_init(&unknown);
    directory.profiles = profiles;
    authority.needs_profile = true;
    unknown.record.profile = strdup("long");
    begin(&unknown);
    (void)next_call(&unknown);
    answer(ACME_DIRECTORY, NULL, "");
    assert_failed(&unknown, PROBLEM_AUTHORITY_REFUSED, "(available: classic, short)");
}

/* The chain with the preferred issuer, else the first one. */
static void test_alternates(void)
{
    static const CertificateSpec other = { .subject = "Other Root", .authority = true };
    static const CertificateSpec leaf = { .subject = "a.test",
                                          .names = "DNS:a.test",
                                          .usage = "serverAuth" };
    static char *const alternates[] = { S(URL "2"), S(URL "3"), NULL };

    for (int i = 0; i < 2; i++) {
        _cleanup_free_ char *leaf_pem = NULL, *root_pem = NULL, *chain = NULL;
        _cleanup_issued_ Issued root = issue(&other, NULL, NULL), same = {};
        _cleanup_desk_ Desk d;

        desk_init(&d);
        EVP_PKEY_up_ref(d.leaf.key);
        same = issue(&leaf, &root, d.leaf.key);
        leaf_pem = pem_of(&same);
        root_pem = pem_of(&root);
        chain = text_join(leaf_pem, root_pem, NULL);
        authority.preferred_chain = i == 0 ? S("Other Root") : S("No Root");
        d.record.url = strdup(ORDER);
        begin(&d);
        answer_order(&d, ORDER, "valid", "\"certificate\":\"" URL "1\",");
        (void)next_call(&d);
        links = alternates;
        answer(ACME_URL, URL "1", d.chain);
        (void)next_call(&d);
        answer_failure(ACME_URL, URL "2", PROBLEM_NETWORK_FAILED, NULL);
        (void)next_call(&d);
        answer(ACME_URL, URL "3", chain);
        assert_issued(&d);
        g_assert_cmpstr(d.bundle->anchor, ==,
                        i == 0 ? root_pem : strstr(strstr(d.chain, "-----END"), "-----BEGIN"));
    }
}

static void test_wrong_chain(void)
{
    _cleanup_desk_ Desk d;

    desk_init(&d);
    d.record.url = strdup(ORDER);
    begin(&d);
    answer_order(&d, ORDER, "valid", "\"certificate\":\"" URL "chain\",");
    (void)next_call(&d);
    answer(ACME_URL, URL "chain", "nonsense");
    assert_failed(&d, PROBLEM_INVALID_BUNDLE, "ca");
}

/* desk_done() looks whether requests are left. */
static void test_free(void)
{
    _cleanup_desk_ Desk early, placing, proving;

    desk_init(&early);
    begin(&early);
    desk_init(&placing);
    begin(&placing);
    (void)next_call(&placing);
    early.order = order_free(early.order);
    placing.order = order_free(placing.order);
    desk_init(&proving);
    begin(&proving);
    place(&proving, "pending", "");
    (void)next_call(&proving);
    proving.order = order_free(proving.order);
    g_assert_cmpuint(early.n_done + placing.n_done + proving.n_done, ==, 0);
    g_assert_null(order_free(NULL));
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/acme-order/whole", test_whole);
    g_test_add_func("/acme-order/resume", test_resume);
    g_test_add_func("/acme-order/long-retry-after", test_long_retry_after);
    g_test_add_func("/acme-order/deadline", test_deadline);
    g_test_add_func("/acme-order/refused", test_refused_order);
    g_test_add_func("/acme-order/failure", test_failure);
    g_test_add_func("/acme-order/invalid", test_invalid);
    g_test_add_func("/acme-order/finding", test_finding);
    g_test_add_func("/acme-order/proving-without-end", test_proving_without_end);
    g_test_add_func("/acme-order/less", test_less);
    g_test_add_func("/acme-order/unsupported", test_unsupported);
    g_test_add_func("/acme-order/other-profile", test_other_profile);
    g_test_add_func("/acme-order/alternates", test_alternates);
    g_test_add_func("/acme-order/wrong-chain", test_wrong_chain);
    g_test_add_func("/acme-order/free", test_free);
    return g_test_run();
}
