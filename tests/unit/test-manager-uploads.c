/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/pair.h"
#include "manager/manager-internal.h"
#include "util/memfd.h"
#include "util/text.h"

/* Which of several uploads a certificate serves, and what is said of the others: from files to files, and as time goes by. */

#define NAME   "www.example.com"
#define MODULE "[Module]\n[Certificate " NAME "]\n"

/* A chain with its key, and what it is called. */
typedef struct Upload {
    char *pem, *fingerprint;
} Upload;

static void upload_done(Upload *u)
{
    g_free(u->pem);
    g_free(u->fingerprint);
}
#define _cleanup_upload_ _cleanup_(upload_done)

/* Relative to now, seconds. */
static Upload upload_make(int64_t from, int64_t to)
{
    _cleanup_issued_ Issued leaf = issue(&(CertificateSpec){ .subject = NAME,
                                                             .names = "DNS:" NAME,
                                                             .usage = "serverAuth",
                                                             .not_before = from,
                                                             .not_after = to },
                                         NULL, NULL);
    _cleanup_free_ char *pem = pem_of(&leaf), *key = key_pem_of(&leaf);
    _cleanup_bundle_ Bundle *b = NULL;

    g_assert_cmpint(bundle_from_pem(pem, "", key, &b), ==, 0);
    return (Upload){ text_join(pem, key, NULL), g_strdup(chain_leaf(b->chain)->fingerprint) };
}

static void start(Service *s, const char *module)
{
    service_init(s);
    folder_write(&s->config, "modules.d/web.conf", module);
    service_start(s);
    service_settle(s);
}

static void restart(Service *s)
{
    service_stop(s);
    service_start(s);
    service_settle(s);
}

/* ---- what is answered */

typedef struct Answer {
    bool done;
    size_t n_fits;
    bool served;
    char *fingerprint, *reason, *outcome;
} Answer;

static void answer_done(Answer *a)
{
    g_free(a->fingerprint);
    g_free(a->reason);
    g_free(a->outcome);
    *a = (Answer){};
}
#define _cleanup_answer_ _cleanup_(answer_done)

static void on_uploaded(const UploadOutcome *outcome, const Problem *problem, void *userdata)
{
    Answer *a = userdata;

    if (problem->code != PROBLEM_NONE)
        g_error("the upload is refused: %s", problem->text);
    a->done = true;
    a->n_fits = outcome->n_fits;
    a->fingerprint = g_strdup(outcome->fingerprint);
    for (size_t i = 0; i < outcome->n_fits; i++) {
        const UploadFit *fit = outcome->fits + i;

        /* one of both is said */
        g_assert_cmpint(fit->served, ==, fit->reason == NULL);
        a->served = fit->served;
        g_free(a->reason);
        a->reason = g_strdup(fit->reason);
    }
}

static void on_checked(const UploadReport *report, const Problem *problem, void *userdata)
{
    Answer *a = userdata;

    g_assert_cmpint(problem->code, ==, PROBLEM_NONE);
    g_assert_null(report_first_problem(report));
    a->done = true;
    a->outcome = g_strdup(finding_text(report->findings + CHECK_OUTCOME));
}

static bool is_done(void *userdata)
{
    return ((Answer *)userdata)->done;
}

static void ask(Service *s, const Upload *u, const char *target, bool check, Answer *ret)
{
    Certificate *c = target ? service_find(s, target) : NULL;
    UploadOptions options = { .key_fd = -EBADF, .passphrase_fd = -EBADF };
    _cleanup_problem_ Problem problem = {};
    _cleanup_close_ int fd = memfd_new("upload", u->pem, strlen(u->pem));
    int r;

    if (check)
        r = manager_check_upload(s->manager, c, fd, &options, on_checked, ret, &problem);
    else
        r = manager_upload(s->manager, c, fd, &options, on_uploaded, ret, &problem);
    g_assert_cmpint(r, >=, 0);
    loop_until(s->event, is_done, ret);
}

static void assert_serves(Service *s, const Upload *u)
{
    const Certificate *c = service_find(s, NAME);

    g_assert_cmpint(c->record->served, ==, SOURCE_UPLOADED);
    g_assert_cmpstr(service_fingerprint(s, NAME), ==, u->fingerprint);
}

static void assert_serves_local(Service *s)
{
    g_assert_cmpint(service_find(s, NAME)->record->served, ==, SOURCE_LOCAL);
}

/* The check before it foretells what comes of it. */
static void upload(Service *s, const Upload *u, bool served, const char *says)
{
    g_autofree char *before = g_strdup(service_fingerprint(s, NAME));
    _cleanup_answer_ Answer check = {}, answer = {};

    ask(s, u, NULL, true, &check);
    g_assert_cmpint(g_str_has_prefix(check.outcome, "It would be served for " NAME), ==, served);
    g_assert_cmpstr(service_fingerprint(s, NAME), ==, before);
    ask(s, u, NULL, false, &answer);
    g_assert_cmpuint(answer.n_fits, ==, 1);
    g_assert_cmpstr(answer.fingerprint, ==, u->fingerprint);
    g_assert_cmpint(answer.served, ==, served);
    if (served)
        assert_serves(s, u);
    else {
        g_assert_cmpstr(service_fingerprint(s, NAME), !=, u->fingerprint);
        if (!strstr(answer.reason, says) || !strstr(check.outcome, says))
            g_error("neither says \"%s\": %s %s", says, answer.reason, check.outcome);
    }
}

static void remove_upload(Service *s, const Upload *u)
{
    g_assert_cmpint(service_remove_upload(s, u->fingerprint), ==, PROBLEM_NONE);
}

/* ---- the order of uploads */

/* With the same end, a sooner one, a later one; whether it was given for one certificate or for all; across a restart. */
static void test_latest(void)
{
    _cleanup_upload_ Upload first = upload_make(-100 * DAY, 200 * DAY), same = upload_make(-DAY, 200 * DAY),
                            shorter = upload_make(0, 46 * DAY), longest = upload_make(-DAY, 3650 * DAY);
    _cleanup_service_ Service s = {};
    _cleanup_answer_ Answer a = {};

    start(&s, MODULE);
    upload(&s, &longest, true, NULL);
    upload(&s, &first, true, NULL);
    ask(&s, &same, NAME, false, &a);
    g_assert_true(a.served);
    assert_serves(&s, &same);
    upload(&s, &shorter, true, NULL);
    restart(&s);
    assert_serves(&s, &shorter);
    remove_upload(&s, &shorter);
    assert_serves(&s, &same);
    remove_upload(&s, &first);
    assert_serves(&s, &same);
    remove_upload(&s, &same);
    assert_serves(&s, &longest);
    remove_upload(&s, &longest);
    assert_serves_local(&s);
}

static const BlockedLeaf *find_blocked(Service *s, const Upload *u)
{
    return blocklist_find(&service_find(s, NAME)->record->blocked, u->fingerprint);
}

/* No service may go back to an upload that was removed, whether it was served until then or had a successor already, until
 * it is uploaded again. */
static void test_withdrawn(void)
{
    _cleanup_upload_ Upload first = upload_make(-DAY, 80 * DAY), second = upload_make(-DAY, 80 * DAY),
                            third = upload_make(-DAY, 80 * DAY);
    _cleanup_service_ Service s = {};

    start(&s, MODULE);
    g_assert_cmpint(service_upload(&s, NULL, first.pem, NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(service_upload(&s, NULL, second.pem, NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(service_upload(&s, NULL, third.pem, NULL), ==, PROBLEM_NONE);
    g_assert_null(find_blocked(&s, &first)); /* it was only replaced */
    remove_upload(&s, &first);
    remove_upload(&s, &third);
    for (int i = 0; i < 2; i++) {
        g_assert_cmpint(find_blocked(&s, &first)->reason, ==, BLOCK_WITHDRAWN);
        g_assert_cmpint(find_blocked(&s, &third)->reason, ==, BLOCK_WITHDRAWN);
        g_assert_null(find_blocked(&s, &second));
        restart(&s);
    }
    g_assert_cmpstr(service_fingerprint(&s, NAME), ==, second.fingerprint);
    g_assert_cmpint(service_upload(&s, NULL, first.pem, NULL), ==, PROBLEM_NONE);
    g_assert_cmpstr(service_fingerprint(&s, NAME), ==, first.fingerprint);
    g_assert_null(find_blocked(&s, &first));
    g_assert_nonnull(find_blocked(&s, &third));
}

/* What is there already is uploaded once more, and is the latest from then on. */
static void test_again(void)
{
    _cleanup_upload_ Upload a = upload_make(-DAY, 200 * DAY), b = upload_make(-DAY, 300 * DAY);
    _cleanup_service_ Service s = {};

    start(&s, MODULE);
    upload(&s, &a, true, NULL);
    upload(&s, &b, true, NULL);
    upload(&s, &a, true, NULL);
    restart(&s);
    assert_serves(&s, &a);
    upload(&s, &b, true, NULL);
    service_stop(&s);
    folder_remove(&s.state, "index");
    service_start(&s);
    service_settle(&s);
    assert_serves(&s, &b);
    upload(&s, &b, true, NULL); /* it is the latest already */
    remove_upload(&s, &b);
    assert_serves(&s, &a);
}

static char *record_of(const Upload *u)
{
    return g_strdup_printf("uploads/%s/record.json", u->fingerprint);
}

/* As a version without numbers wrote it, at that time. */
static void make_old(Service *s, const Upload *u, const char *time)
{
    g_autofree char *path = record_of(u), *text = folder_read(&s->state, path), *when = NULL, *bare = NULL,
                    *old = NULL;
    g_autoptr(GRegex) number = g_regex_new(",\\s*\"upload-number\":\\s*[0-9]+", 0, 0, NULL);
    g_autoptr(GRegex) moment = g_regex_new("\"time\":\\s*[0-9]+", 0, 0, NULL);

    g_assert_true(g_regex_match(number, text, 0, NULL));
    g_assert_true(g_regex_match(moment, text, 0, NULL));
    bare = g_regex_replace_literal(number, text, -1, 0, "", 0, NULL);
    when = g_strconcat("\"time\":", time, NULL);
    old = g_regex_replace_literal(moment, bare, -1, 0, when, 0, NULL);
    folder_write(&s->state, path, old);
}

/* Uploads of before are ordered by their time, and every new one comes after them. */
static void test_old_records(void)
{
    _cleanup_upload_ Upload a = upload_make(-DAY, 200 * DAY), b = upload_make(-DAY, 300 * DAY),
                            c = upload_make(-DAY, 100 * DAY);
    _cleanup_service_ Service s = {};

    start(&s, MODULE);
    upload(&s, &a, true, NULL);
    upload(&s, &b, true, NULL);
    upload(&s, &c, true, NULL);
    service_stop(&s);
    make_old(&s, &a, "1700000002");
    make_old(&s, &b, "1700000003");
    make_old(&s, &c, "1700000001");
    folder_write(&s.state, "index", "certwright-ix-4\nof another version");
    service_start(&s);
    service_settle(&s);
    assert_serves(&s, &b);
    restart(&s); /* from the index */
    assert_serves(&s, &b);
    remove_upload(&s, &b);
    assert_serves(&s, &a);
    upload(&s, &c, true, NULL);
    restart(&s);
    assert_serves(&s, &c);
}

/* The same leaf below a renewed issuer is another chain: it is stored, and served. */
static void test_renewed_issuer(void)
{
    _cleanup_issued_ Issued root = issue(
        &(CertificateSpec){ .subject = "Root", .authority = true, .not_after = 3000 * DAY }, NULL, NULL);
    CertificateSpec spec = { .subject = "Issuing", .authority = true, .not_after = 100 * DAY };
    _cleanup_issued_ Issued issuer = issue(&spec, &root, NULL), renewed = {}, leaf = {};
    _cleanup_free_ char *leaf_pem = NULL, *key = NULL, *issuer_pem = pem_of(&issuer), *renewed_pem = NULL;
    _cleanup_upload_ Upload first = {}, second = {};
    _cleanup_service_ Service s = {};
    _cleanup_answer_ Answer a = {}, b = {};

    EVP_PKEY_up_ref(issuer.key);
    spec.not_after = 900 * DAY;
    renewed = issue(&spec, &root, issuer.key);
    leaf = issue(&(CertificateSpec){ .subject = NAME, .names = "DNS:" NAME, .usage = "serverAuth" }, &issuer,
                 NULL);
    leaf_pem = pem_of(&leaf);
    key = key_pem_of(&leaf);
    renewed_pem = pem_of(&renewed);
    first.pem = text_join(leaf_pem, issuer_pem, key, NULL);
    second.pem = text_join(leaf_pem, renewed_pem, key, NULL);
    start(&s, MODULE);
    ask(&s, &first, NULL, false, &a);
    g_assert_true(a.served);
    g_assert_cmpint(certificate_chain(service_find(&s, NAME))->entries[1].not_after, <,
                    now_seconds() + 200 * DAY);
    ask(&s, &second, NULL, false, &b);
    g_assert_true(b.served);
    g_assert_cmpstr(a.fingerprint, ==, b.fingerprint);
    g_assert_cmpint(certificate_chain(service_find(&s, NAME))->entries[1].not_after, >,
                    now_seconds() + 800 * DAY);
    restart(&s);
    g_assert_cmpint(certificate_chain(service_find(&s, NAME))->entries[1].not_after, >,
                    now_seconds() + 800 * DAY);
}

/* One whose files were damaged is mended by being uploaded once more. */
static void test_damaged(void)
{
    _cleanup_upload_ Upload u = upload_make(-DAY, 200 * DAY);
    g_autofree char *path = g_strdup_printf("uploads/%s/1/certificate.pem", u.fingerprint);
    _cleanup_service_ Service s = {};

    start(&s, MODULE);
    upload(&s, &u, true, NULL);
    service_stop(&s);
    folder_write(&s.state, path, "nothing");
    folder_remove(&s.state, "index");
    service_start(&s);
    service_settle(&s);
    assert_serves_local(&s);
    upload(&s, &u, true, NULL);
    restart(&s);
    assert_serves(&s, &u);
}

/* ---- time */

/* For loop_until(). */
typedef struct Awaited {
    Service *service;
    const Upload *upload; /* NULL: the local chain */
    const Upload *never;  /* that must not be served in between */
} Awaited;

static bool is_served(void *userdata)
{
    const Awaited *a = userdata;
    const Certificate *c = service_find(a->service, NAME);

    if (a->never)
        g_assert_cmpstr(service_fingerprint(a->service, NAME), !=, a->never->fingerprint);
    return a->upload ? streq(service_fingerprint(a->service, NAME), a->upload->fingerprint)
                     : c->record->served == SOURCE_LOCAL;
}

static void await(Service *s, const Upload *u, const Upload *never)
{
    Awaited a = { s, u, never };

    loop_until(s->event, is_served, &a);
    service_settle(s);
}

/* It has a week left of a year, as administrators have it: clients trust nothing else. */
static void test_near_its_end(void)
{
    _cleanup_upload_ Upload week = upload_make(-391 * DAY, 7 * DAY),
                            ten = upload_make(-3590 * DAY, 60 * DAY),
                            hours = upload_make(-391 * DAY, 2 * HOUR),
                            minutes = upload_make(-391 * DAY, 30 * 60);
    _cleanup_service_ Service s = {};

    start(&s, MODULE);
    upload(&s, &week, true, NULL);
    service_settle(&s);
    g_assert_cmpint(certificate_state(service_find(&s, NAME), now_seconds()), ==, CERTIFICATE_EXPIRING);
    g_assert_cmpuint(s.n_warnings, >=, 1);
    upload(&s, &ten, true, NULL);
    upload(&s, &hours, true, NULL);
    upload(&s, &minutes, false, "too soon");
    assert_serves(&s, &hours);
    remove_upload(&s, &hours);
    assert_serves(&s, &ten);
    remove_upload(&s, &ten);
    remove_upload(&s, &week);
    assert_serves_local(&s);
}

/* Its margin begins in some seconds; another one is there, and takes its place by itself. */
static void test_next_best(void)
{
    _cleanup_upload_ Upload old = upload_make(-DAY, 200 * DAY), later = upload_make(-4 * HOUR, 300 + 6);
    _cleanup_service_ Service s = {};

    start(&s, MODULE);
    upload(&s, &old, true, NULL);
    upload(&s, &later, true, NULL);
    g_assert_true(manager_awaits_change(s.manager));
    await(&s, &old, NULL);
    g_assert_false(manager_awaits_change(s.manager));
}

/* What is uploaded last, and not valid yet, is served from its first moment, also by a service that was started meanwhile. */
static void test_begins(void)
{
    for (int restarts = 0; restarts < 2; restarts++) {
        _cleanup_upload_ Upload now = upload_make(-DAY, 200 * DAY), later = upload_make(6, 100 * DAY);
        _cleanup_service_ Service s = {};

        start(&s, MODULE);
        upload(&s, &now, true, NULL);
        upload(&s, &later, false, "not valid yet");
        assert_serves(&s, &now);
        if (restarts)
            restart(&s);
        else
            g_assert_true(manager_awaits_change(s.manager));
        await(&s, &later, NULL);
        restart(&s);
        assert_serves(&s, &later);
    }
}

/* One that was uploaded before the one that is served does not take its place when it begins. */
static void test_begins_and_is_older(void)
{
    _cleanup_upload_ Upload early = upload_make(4, 100 * DAY), now = upload_make(-DAY, 200 * DAY);
    _cleanup_service_ Service s = {};

    start(&s, MODULE);
    upload(&s, &early, false, "not valid yet");
    upload(&s, &now, true, NULL);
    loop_for(s.event, 6 * 1000000ULL);
    assert_serves(&s, &now);
    remove_upload(&s, &now);
    assert_serves(&s, &early);
}

/* A name that comes when there is nothing but that: it has a chain at once. */
static void test_new_name_and_early_upload(void)
{
    _cleanup_upload_ Upload early = upload_make(DAY, 100 * DAY);
    _cleanup_service_ Service s = {};
    const Certificate *c;
    size_t served;

    service_init(&s);
    service_start(&s);
    g_assert_cmpint(service_upload(&s, NULL, early.pem, &served), ==, PROBLEM_NONE);
    g_assert_cmpint(service_register(&s, "m", NAME, NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    assert_serves_local(&s);
    service_settle(&s);
    assert_serves_local(&s);
    c = service_find(&s, NAME);
    g_assert_nonnull(c->record->slots[SOURCE_UPLOADED].chain);
    g_assert_cmpint(certificate_choose(c, now_seconds()).verdicts[SOURCE_UPLOADED], ==,
                    VERDICT_NOT_YET_VALID);
}

/* The only chain that can be served comes to its end, and another one is not valid yet: the local root steps in, at no moment
 * the other one. */
static void test_gap(void)
{
    _cleanup_upload_ Upload now = upload_make(-4 * HOUR, 300 + 6), early = upload_make(DAY, 100 * DAY);
    _cleanup_service_ Service s = {};

    service_init(&s);
    service_start(&s);
    g_assert_cmpint(service_upload(&s, NULL, now.pem, NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(service_upload(&s, NULL, early.pem, NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(service_register(&s, "m", NAME, NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    assert_serves(&s, &now);
    g_assert_null(service_find(&s, NAME)->record->slots[SOURCE_LOCAL].chain);
    await(&s, NULL, &early);
    loop_for(s.event, 500000);
    assert_serves_local(&s);
    g_assert_cmpint(service_remove_upload(&s, now.fingerprint), ==, PROBLEM_NONE);
    assert_serves_local(&s);
}

/* Two at once, of which each waits for its reply: the one that was stored later wins, and both are told the truth. */
static void test_at_once(void)
{
    _cleanup_upload_ Upload a = upload_make(-DAY, 200 * DAY), b = upload_make(-DAY, 300 * DAY);
    UploadOptions options = { .key_fd = -EBADF, .passphrase_fd = -EBADF };
    int first = memfd_new("upload", a.pem, strlen(a.pem)),
        second = memfd_new("upload", b.pem, strlen(b.pem));
    _cleanup_answer_ Answer one = {}, two = {};
    _cleanup_service_ Service s = {};
    const char *now;

    start(&s, MODULE);
    g_assert_cmpint(manager_upload(s.manager, NULL, first, &options, on_uploaded, &one, NULL), >=, 0);
    g_assert_cmpint(manager_upload(s.manager, NULL, second, &options, on_uploaded, &two, NULL), >=, 0);
    loop_until(s.event, is_done, &one);
    loop_until(s.event, is_done, &two);
    service_settle(&s);
    now = service_fingerprint(&s, NAME);
    g_assert_true(streq(now, a.fingerprint) || streq(now, b.fingerprint));
    g_assert_true(streq(now, a.fingerprint) ? one.served : two.served);
    if (one.reason || two.reason)
        g_assert_nonnull(strstr(one.reason ? one.reason : two.reason, now));
    close(first);
    close(second);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/manager-uploads/latest", test_latest);
    g_test_add_func("/manager-uploads/again", test_again);
    g_test_add_func("/manager-uploads/old-records", test_old_records);
    g_test_add_func("/manager-uploads/renewed-issuer", test_renewed_issuer);
    g_test_add_func("/manager-uploads/damaged", test_damaged);
    g_test_add_func("/manager-uploads/near-its-end", test_near_its_end);
    g_test_add_func("/manager-uploads/next-best", test_next_best);
    g_test_add_func("/manager-uploads/begins", test_begins);
    g_test_add_func("/manager-uploads/begins-and-is-older", test_begins_and_is_older);
    g_test_add_func("/manager-uploads/new-name-and-early-upload", test_new_name_and_early_upload);
    g_test_add_func("/manager-uploads/gap", test_gap);
    g_test_add_func("/manager-uploads/withdrawn", test_withdrawn);
    g_test_add_func("/manager-uploads/at-once", test_at_once);
    return g_test_run();
}
