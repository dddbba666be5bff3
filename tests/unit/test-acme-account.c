/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-client.h"

#include "acme/account.h"

#define URL       "https://ca.test/"
#define DIRECTORY URL "directory"
#define VALID     "{\"status\":\"valid\",\"orders\":\"" URL "orders\"}"

/* ---- the client of these tests */

static AcmeSigner *signer;
static AcmeDirectory directory;
static unsigned n_driven, n_failed, n_failed_former, n_clients;
static Problem failure; /* the last one */
static bool failed_at_authority;

int acme_client_new(sd_event *event, Http *http, const AcmeAuthority *authority, AcmeSigner *s,
                    AcmeClient **ret)
{
    g_assert_nonnull(event);
    g_assert_null(http);
    g_assert_cmpstr(authority->name, ==, "ca");
    signer = s;
    n_clients++;
    *ret = (AcmeClient *)&n_clients;
    return 0;
}

AcmeClient *acme_client_free(AcmeClient *c)
{
    AcmeCall *call;

    if (!c)
        return NULL;
    while ((call = g_queue_pop_head(&calls)))
        call_free(call);
    n_clients--;
    return NULL;
}

const AcmeDirectory *acme_client_directory(const AcmeClient *c _unused_)
{
    return &directory;
}

void acme_client_drive(AcmeClient *c _unused_)
{
    n_driven++;
}

void acme_client_fail(AcmeClient *c _unused_, AcmeScope scope, const AcmeFailure *f)
{
    g_assert_cmpint(scope, !=, ACME_ALL_REQUESTS);
    if (scope == ACME_REQUESTS_OF_FORMER_ACCOUNT) {
        n_failed_former++;
        return;
    }
    n_failed++;
    problem_clear(&failure);
    g_assert_cmpint(problem_copy(f->problem, &failure), ==, 0);
    failed_at_authority = f->at_authority;
}

/* ---- an account, and where it is kept */

typedef struct Desk {
    Folder folder;
    sd_event *event;
    Workers *workers;
    Account *account;
    char *key, *next_key, *url, *contact; /* in the store; key is NULL: nothing */
    int result;                           /* of writing */
    unsigned n_written, n_removed, n_done;
    Problem problem; /* of a change */
} Desk;

static int read_account(void *accounts, const char *authority, AccountRecord **ret)
{
    _cleanup_(account_record_freep) AccountRecord *record = NULL;
    const Desk *d = accounts;

    g_assert_cmpstr(authority, ==, "ca");
    if (!d->key)
        return -ENOENT;
    record = calloc(1, sizeof(AccountRecord));
    g_assert_nonnull(record);
    g_assert_cmpint(text_set(&record->key, d->key), ==, 0);
    g_assert_cmpint(text_set(&record->next_key, d->next_key), ==, 0);
    g_assert_cmpint(text_set(&record->url, d->url), ==, 0);
    g_assert_cmpint(text_set(&record->directory, DIRECTORY), ==, 0);
    if (d->contact)
        g_assert_cmpint(strv_extend(&record->contact, d->contact), ==, 0);
    *ret = TAKE_PTR(record);
    return 0;
}

static int write_account(void *accounts, const char *authority, const AccountRecord *record)
{
    Desk *d = accounts;

    g_assert_cmpstr(authority, ==, "ca");
    d->n_written++;
    if (d->result < 0)
        return d->result;
    g_assert_cmpint(text_set(&d->key, record->key), ==, 0);
    g_assert_cmpint(text_set(&d->next_key, record->next_key), ==, 0);
    g_assert_cmpint(text_set(&d->url, record->url), ==, 0);
    return text_set(&d->contact, record->contact ? record->contact[0] : NULL);
}

static int remove_account(void *accounts, const char *authority _unused_)
{
    Desk *d = accounts;

    d->n_removed++;
    return text_set(&d->key, NULL);
}

static void desk_init(Desk *d, const AcmeAuthority *more)
{
    static char *contact[] = { S("mailto:a@b.test"), NULL };
    AcmeAuthority authority = more ? *more : (AcmeAuthority){};
    AccountContext context = { .read_account = read_account,
                               .write_account = write_account,
                               .remove_account = remove_account,
                               .accounts = d };

    *d = (Desk){ .folder = folder_new() };
    authority.name = S("ca");
    authority.directory = S(DIRECTORY);
    authority.contact = contact;
    authority.key_type = KEY_TYPE_ECDSA_P256;
    authority.terms_agreed = true;
    directory = (AcmeDirectory){ .new_account = S(URL "new-account"), .key_change = S(URL "key-change") };
    n_driven = n_failed = n_failed_former = n_sent = 0;
    broken = false;
    location = NULL;
    problem_clear(&failure);
    g_assert_cmpint(sd_event_new(&d->event), ==, 0);
    g_assert_cmpint(workers_new(d->event, "test", 1, NULL, &d->workers), ==, 0);
    context.event = d->event;
    context.workers = d->workers;
    g_assert_cmpint(account_new(&context, &authority, &d->account), ==, 0);
    g_assert_nonnull(account_client(d->account));
}

static void desk_done(Desk *d)
{
    account_free(d->account);
    workers_free(d->workers);
    sd_event_unref(d->event);
    erase_and_free(d->key);
    erase_and_free(d->next_key);
    free(d->url);
    free(d->contact);
    problem_clear(&d->problem);
    problem_clear(&failure);
    folder_done(&d->folder);
}
#define _cleanup_desk_ _cleanup_(desk_done)

static bool is_idle(void *userdata)
{
    return workers_pending(((Desk *)userdata)->workers) == 0;
}

static void settle(Desk *d)
{
    loop_until(d->event, is_idle, d);
}

/* A request waits. */
static void want(Desk *d)
{
    signer->wanted(signer);
    g_assert_cmpint(signer->state, ==, ACCOUNT_BUSY);
    settle(d);
}

static const AcmeCall *next_call(void)
{
    const AcmeCall *call = g_queue_peek_head(&calls);

    g_assert_nonnull(call);
    return call;
}

/* The authority takes the registration. */
static void answer_registration(Desk *d, const char *url)
{
    location = url;
    answer(ACME_URL, URL "new-account", VALID);
    location = NULL;
    settle(d);
}

static void make(Desk *d)
{
    want(d);
    answer_registration(d, URL "account");
    g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
}

static void test_new(void)
{
    _cleanup_desk_ Desk d;

    desk_init(&d, NULL);
    want(&d);
    /* the key is on disk before anybody knows of it */
    g_assert_cmpuint(d.n_written, ==, 1);
    g_assert_nonnull(d.key);
    g_assert_null(d.url);
    g_assert_true(next_call()->key == signer->key);
    g_assert_cmpstr(next_call()->payload, ==,
                    "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@b.test\"]}");
    g_assert_cmpint(signer->state, ==, ACCOUNT_BUSY);
    answer_registration(&d, URL "account");
    g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
    g_assert_cmpuint(n_driven, ==, 1);
    g_assert_cmpuint(n_failed, ==, 0);
    g_assert_cmpuint(d.n_written, ==, 2);
    g_assert_cmpstr(d.url, ==, URL "account");
    g_assert_cmpstr(d.contact, ==, "mailto:a@b.test");
    g_assert_cmpstr(signer->record->orders, ==, URL "orders");
}

/* What is in the store is used again, without a request. */
static void test_known(void)
{
    _cleanup_desk_ Desk d, again;

    desk_init(&d, NULL);
    make(&d);
    desk_init(&again, NULL);
    again.key = strdup(d.key);
    again.url = strdup(d.url);
    again.contact = strdup(d.contact);
    want(&again);
    g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
    g_assert_cmpuint(n_sent, ==, 0);
    g_assert_cmpuint(n_driven, ==, 1);
    g_assert_cmpuint(again.n_written, ==, 0);
}

static void test_contact(void)
{
    _cleanup_desk_ Desk d;

    desk_init(&d, NULL);
    make(&d);
    account_free(d.account);
    d.account = NULL;
    g_assert_cmpint(text_set(&d.contact, "mailto:old@b.test"), ==, 0);
    {
        _cleanup_desk_ Desk e;

        desk_init(&e, NULL);
        e.key = strdup(d.key);
        e.url = strdup(d.url);
        e.contact = strdup(d.contact);
        want(&e);
        g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
        g_assert_null(next_call()->key);
        answer(ACME_ACCOUNT, NULL, VALID);
        settle(&e);
        g_assert_cmpstr(e.contact, ==, "mailto:a@b.test");
    }
}

/* A registration that comes to nothing; the next request begins anew, with the same key. */
static void test_refused(void)
{
    static const struct {
        const char *body, *part;
        ProblemCode code;
    } cases[] = {
        { VALID, "did not return the URL of the account", PROBLEM_AUTHORITY_FAILED },
        { "{\"status\":\"revoked\"}", "The authority ca has revoked the account",
          PROBLEM_AUTHORITY_REFUSED },
        { "{}", "\"status\" is missing", PROBLEM_AUTHORITY_FAILED },
    };
    g_autofree char *key = NULL;
    _cleanup_desk_ Desk d;

    desk_init(&d, NULL);
    for (unsigned i = 0; i < ELEMENTSOF(cases); i++) {
        want(&d);
        answer(ACME_URL, URL "new-account", cases[i].body);
        g_assert_cmpuint(n_failed, ==, i + 1);
        g_assert_cmpint(failure.code, ==, cases[i].code);
        g_assert_nonnull(strstr(failure.text, cases[i].part));
        g_assert_cmpint(failed_at_authority, ==, cases[i].code == PROBLEM_AUTHORITY_FAILED);
        g_assert_cmpint(signer->state, ==, ACCOUNT_UNKNOWN);
        if (!key)
            key = g_strdup(d.key);
        g_assert_cmpstr(d.key, ==, key);
    }
    want(&d);
    answer_failure(ACME_URL, URL "new-account", PROBLEM_NETWORK_FAILED, NULL);
    g_assert_true(failed_at_authority);
    want(&d);
    answer_registration(&d, URL "account");
    g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
    g_assert_cmpuint(d.n_written, ==, 2);
}

static void test_disk(void)
{
    _cleanup_desk_ Desk d;

    desk_init(&d, NULL);
    d.result = -ENOSPC;
    want(&d);
    g_assert_cmpuint(n_failed, ==, 1);
    g_assert_cmpint(failure.code, ==, PROBLEM_STORAGE_FAILED);
    g_assert_cmpuint(n_sent, ==, 0); /* no account whose key is not on disk */
    g_assert_false(failed_at_authority);
    d.result = 0;
    d.key = strdup("nonsense");
    want(&d);
    g_assert_nonnull(strstr(failure.text, "restore acme/ca/account.key"));
    broken = true;
    g_assert_cmpint(text_set(&d.key, NULL), ==, 0);
    want(&d);
    g_assert_cmpuint(n_failed, ==, 3);
    g_assert_cmpint(signer->state, ==, ACCOUNT_UNKNOWN);
}

static void test_lost(void)
{
    g_autofree char *key = NULL;
    _cleanup_desk_ Desk d;

    desk_init(&d, NULL);
    make(&d);
    key = g_strdup(d.key);
    signer->lost(signer);
    settle(&d);
    g_assert_true(next_call()->key == signer->key);
    answer_registration(&d, URL "another");
    g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
    g_assert_cmpstr(d.url, ==, URL "another");
    g_assert_cmpstr(d.key, ==, key);
}

static void test_external(void)
{
    AcmeAuthority authority = { .eab_key_id = S("id"), .eab_algorithm = MAC_HS256 };
    _cleanup_desk_ Desk without, with;
    g_autofree char *path = NULL;

    desk_init(&without, NULL);
    directory.needs_external_account = true;
    want(&without);
    g_assert_cmpint(failure.code, ==, PROBLEM_AUTHORITY_REFUSED);
    g_assert_nonnull(strstr(failure.text, "set EABKeyId="));
    folder_write(&without.folder, "eab", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U\n");
    path = folder_path(&without.folder, "eab");
    authority.eab_key_file = path;
    desk_init(&with, &authority);
    directory.needs_external_account = true;
    want(&with);
    g_assert_nonnull(strstr(next_call()->payload, "\"externalAccountBinding\":{\"protected\":"));
    folder_write(&without.folder, "eab", "!!!");
    answer_failure(ACME_URL, URL "new-account", PROBLEM_AUTHORITY_REFUSED, "malformed");
    want(&with);
    g_assert_cmpint(failure.code, ==, PROBLEM_INVALID_ARGUMENT);
    folder_remove(&without.folder, "eab");
    want(&with);
    g_assert_nonnull(strstr(failure.text, "EABKeyFile="));
    g_assert_cmpint(failure.code, ==, PROBLEM_STORAGE_FAILED);
}

/* ---- changes */

static void on_changed(const Problem *problem, void *userdata)
{
    Desk *d = userdata;

    d->n_done++;
    problem_clear(&d->problem);
    g_assert_cmpint(problem_copy(problem, &d->problem), ==, 0);
}

static void change(Desk *d, bool deactivate)
{
    g_assert_cmpint(account_change(d->account, deactivate, on_changed, d, NULL), ==, 0);
}

static void test_rollover(void)
{
    g_autofree char *key = NULL, *next = NULL;
    _cleanup_problem_ Problem busy = {};
    _cleanup_desk_ Desk d;

    desk_init(&d, NULL);
    make(&d);
    key = g_strdup(d.key);
    change(&d, false);
    g_assert_cmpint(account_change(d.account, false, on_changed, &d, &busy), <, 0);
    g_assert_cmpint(busy.code, ==, PROBLEM_BUSY);
    answer(ACME_ACCOUNT, NULL, "");
    settle(&d);
    /* both keys are on disk before the authority knows of the new one */
    g_assert_cmpstr(d.key, ==, key);
    g_assert_nonnull(d.next_key);
    next = g_strdup(d.next_key);
    g_assert_nonnull(strstr(next_call()->payload, "\"signature\":"));
    answer(ACME_KEY_CHANGE, NULL, "");
    settle(&d);
    g_assert_cmpuint(d.n_done, ==, 1);
    g_assert_cmpint(d.problem.code, ==, PROBLEM_NONE);
    g_assert_cmpstr(d.key, ==, next);
    g_assert_null(d.next_key);
    g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
}

static void test_rollover_fails(void)
{
    g_autofree char *key = NULL;
    _cleanup_desk_ Desk d;

    desk_init(&d, NULL);
    make(&d);
    key = g_strdup(d.key);
    directory.key_change = NULL;
    change(&d, false);
    answer(ACME_ACCOUNT, NULL, "");
    g_assert_cmpuint(d.n_done, ==, 1);
    g_assert_nonnull(strstr(d.problem.text, "does not support changing the key"));
    directory.key_change = S(URL "key-change");
    change(&d, false);
    answer(ACME_ACCOUNT, NULL, "");
    settle(&d);
    g_assert_cmpint(signer->state, ==, ACCOUNT_CHANGING);
    answer_failure(ACME_KEY_CHANGE, NULL, PROBLEM_AUTHORITY_REFUSED, "malformed");
    settle(&d);
    g_assert_cmpuint(d.n_done, ==, 2);
    g_assert_cmpint(d.problem.code, ==, PROBLEM_AUTHORITY_REFUSED);
    g_assert_null(signer->record->next_key);
    g_assert_cmpstr(signer->record->key, ==, key);
    change(&d, false);
    answer_failure(ACME_ACCOUNT, NULL, PROBLEM_NETWORK_FAILED, NULL);
    g_assert_cmpuint(d.n_done, ==, 3);
    g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
    g_assert_cmpuint(n_failed, ==, 0); /* requests of others */
}

/* It is not known which key the authority has now: it is asked when the account is needed. */
static void test_rollover_unknown(void)
{
    g_autofree char *next = NULL;
    _cleanup_desk_ Desk d;

    desk_init(&d, NULL);
    make(&d);
    change(&d, false);
    answer(ACME_ACCOUNT, NULL, "");
    settle(&d);
    next = g_strdup(d.next_key);
    n_driven = 0;
    answer_failure(ACME_KEY_CHANGE, NULL, PROBLEM_NETWORK_FAILED, NULL);
    g_assert_cmpint(d.problem.code, ==, PROBLEM_NETWORK_FAILED);
    g_assert_cmpint(signer->state, ==, ACCOUNT_UNKNOWN);
    g_assert_cmpuint(n_driven, ==, 1);
    g_assert_cmpuint(n_failed, ==, 0);
    want(&d);
    answer(ACME_URL, URL "new-account", VALID);
    settle(&d);
    g_assert_cmpstr(d.key, ==, next);
    g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
}

/* The service stopped during a rollover: the authority is asked which key it has. */
static void test_rollover_interrupted(void)
{
    _cleanup_desk_ Desk d;
    g_autofree char *key = NULL, *next = NULL;

    desk_init(&d, NULL);
    make(&d);
    key = g_strdup(d.key);
    change(&d, false);
    answer(ACME_ACCOUNT, NULL, "");
    settle(&d);
    next = g_strdup(d.next_key);
    d.account = account_free(d.account);
    for (int i = 0; i < 3; i++) {
        _cleanup_desk_ Desk e;

        desk_init(&e, NULL);
        e.key = strdup(key);
        e.next_key = strdup(next);
        e.url = strdup(URL "account");
        e.contact = strdup("mailto:a@b.test");
        want(&e);
        g_assert_true(next_call()->key != signer->key);
        g_assert_cmpstr(next_call()->payload, ==,
                        "{\"onlyReturnExisting\":true,\"termsOfServiceAgreed\":true}");
        if (i == 0)
            answer(ACME_URL, URL "new-account", VALID);
        else
            answer_failure(ACME_URL, URL "new-account",
                           i == 1 ? PROBLEM_AUTHORITY_REFUSED : PROBLEM_NETWORK_FAILED,
                           "accountDoesNotExist");
        settle(&e);
        g_assert_cmpstr(e.key, ==, i == 0 ? next : key);
        g_assert_cmpstr(e.next_key, ==, i == 2 ? next : NULL);
        g_assert_cmpint(signer->state, ==, i == 2 ? ACCOUNT_UNKNOWN : ACCOUNT_READY);
    }
}

static void test_deactivate(void)
{
    _cleanup_desk_ Desk d;

    desk_init(&d, NULL);
    make(&d);
    change(&d, true);
    answer(ACME_ACCOUNT, NULL, "");
    g_assert_cmpstr(next_call()->payload, ==, "{\"status\":\"deactivated\"}");
    answer(ACME_ACCOUNT, NULL, "");
    settle(&d);
    g_assert_cmpuint(d.n_done, ==, 1);
    g_assert_cmpint(d.problem.code, ==, PROBLEM_NONE);
    g_assert_cmpuint(d.n_removed, ==, 1);
    g_assert_null(signer->key);
    g_assert_cmpint(signer->state, ==, ACCOUNT_UNKNOWN);
    make(&d); /* another one, with another key */
}

/* ---- accounts that the authority does not accept any more */

/* A request was refused as unauthorized. */
static void doubt(void)
{
    signer->doubted(signer);
    g_assert_cmpint(signer->state, ==, ACCOUNT_BUSY);
    g_assert_true(next_call()->key == signer->key);
    g_assert_cmpstr(next_call()->payload, ==, "{\"onlyReturnExisting\":true,\"termsOfServiceAgreed\":true}");
}

static void answer_unauthorized(Desk *d)
{
    answer_failure(ACME_URL, URL "new-account", PROBLEM_AUTHORITY_REFUSED, "unauthorized");
    settle(d);
}

/* There is nothing wrong with the account, or nothing can be learned. */
static void test_doubt_unfounded(void)
{
    static const char *const bodies[] = { VALID, "nonsense", "{}" };
    g_autofree char *key = NULL;
    _cleanup_desk_ Desk d;

    desk_init(&d, NULL);
    make(&d);
    key = g_strdup(d.key);
    for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
        doubt();
        answer(ACME_URL, URL "new-account", bodies[i]);
        settle(&d);
        g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
    }
    doubt();
    answer_failure(ACME_URL, URL "new-account", PROBLEM_AUTHORITY_REFUSED, "malformed");
    g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
    g_assert_cmpuint(d.n_written, ==, 2);
    doubt();
    location = URL "moved";
    answer(ACME_URL, URL "new-account", VALID);
    location = NULL;
    settle(&d);
    g_assert_cmpstr(d.url, ==, URL "moved");
    g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
    g_assert_cmpuint(n_failed + n_failed_former, ==, 0);
    doubt();
    answer_failure(ACME_URL, URL "new-account", PROBLEM_NETWORK_FAILED, NULL);
    g_assert_cmpuint(n_failed, ==, 1);
    g_assert_true(failed_at_authority);
    want(&d);
    doubt();
    answer_failure(ACME_URL, URL "new-account", PROBLEM_AUTHORITY_REFUSED, "accountDoesNotExist");
    settle(&d);
    answer_registration(&d, URL "again");
    g_assert_cmpstr(d.url, ==, URL "again");
    g_assert_cmpstr(d.key, ==, key);
}

/* Another account with another key is made, once unless that works. */
static void test_gone(void)
{
    for (int i = 0; i < 2; i++) {
        g_autofree char *key = NULL;
        _cleanup_desk_ Desk d;

        desk_init(&d, NULL);
        make(&d);
        signer->works = true;
        key = g_strdup(d.key);
        doubt();
        if (i == 0)
            answer_unauthorized(&d);
        else
            answer(ACME_URL, URL "new-account", "{\"status\":\"deactivated\"}");
        settle(&d);
        g_assert_cmpuint(n_failed_former, ==, 1);
        g_assert_cmpstr(d.key, !=, key);
        g_assert_null(d.url);
        answer_registration(&d, URL "another");
        g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
        g_assert_cmpstr(d.url, ==, URL "another");
        g_assert_cmpuint(n_failed, ==, 0);
        doubt();
        answer_unauthorized(&d);
        g_assert_cmpuint(n_failed, ==, 1);
        g_assert_nonnull(strstr(failure.text, "is deactivated, which was made just now"));
        want(&d);
        signer->works = true;
        doubt();
        answer_unauthorized(&d);
        answer_registration(&d, URL "third");
        g_assert_cmpstr(d.url, ==, URL "third");
    }
}

/* The service stopped between the key and its registration, or the directory has moved. */
static void test_gone_before(void)
{
    g_autofree char *key = NULL;
    _cleanup_desk_ Desk d, e;

    desk_init(&d, NULL);
    make(&d);
    desk_init(&e, NULL);
    e.key = strdup(d.key);
    key = g_strdup(d.key);
    want(&e);
    answer_unauthorized(&e);
    g_assert_cmpstr(e.key, !=, key);
    answer_unauthorized(&e); /* nor with a new key */
    g_assert_cmpuint(n_failed, ==, 1);
    g_assert_cmpstr(failure.type, ==, "unauthorized");
    want(&e);
    answer_registration(&e, URL "account");
    g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
}

/* With an external account, and after a revocation by the authority, the administrator decides. */
static void test_gone_for_good(void)
{
    AcmeAuthority authority = { .eab_key_id = S("id"), .eab_algorithm = MAC_HS256 };
    _cleanup_desk_ Desk d, e;

    desk_init(&d, &authority);
    make(&d);
    signer->works = true;
    doubt();
    answer_unauthorized(&d);
    g_assert_cmpuint(n_failed, ==, 1);
    g_assert_nonnull(strstr(failure.text, "is deactivated. Run \"certwright account deactivate ca\""));
    g_assert_nonnull(strstr(failure.text, "EABKeyId="));
    desk_init(&e, NULL);
    make(&e);
    doubt();
    answer(ACME_URL, URL "new-account", "{\"status\":\"revoked\"}");
    g_assert_cmpuint(n_failed, ==, 1);
    g_assert_nonnull(strstr(failure.text, "certwright account deactivate ca"));
}

/* Deactivating what is deactivated ends well; a new key for it is a new account's. */
static void test_change_gone(void)
{
    for (int i = 0; i < 4; i++) {
        bool deactivate = i % 2 == 0, shown = i >= 2;
        g_autofree char *key = NULL;
        _cleanup_desk_ Desk d;

        desk_init(&d, NULL);
        make(&d);
        signer->works = true;
        key = g_strdup(d.key);
        change(&d, deactivate);
        if (shown)
            answer(ACME_ACCOUNT, NULL, "{\"status\":\"deactivated\"}");
        else { /* the client keeps the request */
            AcmeCall *prepare = g_queue_pop_head(&calls);

            doubt();
            if (deactivate)
                g_queue_push_tail(&calls, prepare); /* to be cancelled */
            answer_unauthorized(&d);
            if (!deactivate)
                g_queue_push_tail(&calls, prepare);
        }
        settle(&d);
        if (deactivate) {
            g_assert_cmpuint(d.n_removed, ==, 1);
            g_assert_null(signer->key);
            g_assert_true(g_queue_is_empty(&calls));
        } else {
            AcmeCall *first = g_queue_pop_head(&calls), *second = g_queue_pop_head(&calls);

            g_queue_push_tail(&calls, first->resource == ACME_ACCOUNT ? second : first);
            g_queue_push_tail(&calls, first->resource == ACME_ACCOUNT ? first : second);
            answer_registration(&d, URL "another");
            answer(ACME_ACCOUNT, NULL, VALID);
            settle(&d);
            answer(ACME_KEY_CHANGE, NULL, "");
            settle(&d);
            g_assert_cmpint(signer->state, ==, ACCOUNT_READY);
            g_assert_cmpstr(d.url, ==, URL "another");
            g_assert_cmpstr(d.key, !=, key);
        }
        g_assert_cmpuint(d.n_done, ==, 1);
        g_assert_cmpint(d.problem.code, ==, PROBLEM_NONE);
        g_assert_cmpuint(n_failed, ==, 0);
    }
}

static void test_free(void)
{
    _cleanup_desk_ Desk d;

    desk_init(&d, NULL);
    make(&d);
    change(&d, true);
    d.account = account_free(d.account);
    g_assert_cmpuint(d.n_done, ==, 1);
    g_assert_cmpint(d.problem.code, ==, PROBLEM_CANCELLED);
    g_assert_null(account_free(NULL));
}

/* While a task runs, which then has nobody to tell. */
static void test_free_busy(void)
{
    _cleanup_desk_ Desk d;

    desk_init(&d, NULL);
    signer->wanted(signer);
    d.account = account_free(d.account);
    settle(&d);
    g_assert_cmpuint(n_sent + n_driven + n_failed, ==, 0);
}

int main(int argc, char **argv)
{
    int r;

    fixture_init(&argc, &argv);
    g_test_add_func("/acme-account/new", test_new);
    g_test_add_func("/acme-account/known", test_known);
    g_test_add_func("/acme-account/contact", test_contact);
    g_test_add_func("/acme-account/refused", test_refused);
    g_test_add_func("/acme-account/disk", test_disk);
    g_test_add_func("/acme-account/lost", test_lost);
    g_test_add_func("/acme-account/external", test_external);
    g_test_add_func("/acme-account/rollover", test_rollover);
    g_test_add_func("/acme-account/rollover-fails", test_rollover_fails);
    g_test_add_func("/acme-account/rollover-interrupted", test_rollover_interrupted);
    g_test_add_func("/acme-account/deactivate", test_deactivate);
    g_test_add_func("/acme-account/rollover-unknown", test_rollover_unknown);
    g_test_add_func("/acme-account/doubt-unfounded", test_doubt_unfounded);
    g_test_add_func("/acme-account/gone", test_gone);
    g_test_add_func("/acme-account/gone-before", test_gone_before);
    g_test_add_func("/acme-account/gone-for-good", test_gone_for_good);
    g_test_add_func("/acme-account/change-gone", test_change_gone);
    g_test_add_func("/acme-account/free", test_free);
    g_test_add_func("/acme-account/free-busy", test_free_busy);
    r = g_test_run();
    g_assert_cmpuint(n_clients, ==, 0);
    return r;
}
