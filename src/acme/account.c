/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/account.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "acme/binding-key.h"
#include "acme/jws.h"
#include "core/limits.h"
#include "util/encoding.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/text.h"

/* The account is read from the store. If there is none, a key is created and stored before the account is
 * registered: the authority returns the URL of an existing account for its key, so that no account is lost in
 * a crash. Everything that touches the disk or creates keys is a task of the workers, one at a time. */

struct Account {
    AcmeSigner signer; /* first: see account_of() */
    AccountContext context;
    AcmeAuthority authority;
    AcmeClient *client;
    AccountKey *next_key;
    struct {
        AccountDone done; /* NULL: no change in progress */
        void *userdata;
        AcmeCall *call; /* its request; NULL: none at present */
        bool deactivates;
    } change;
    unsigned n_refs; /* its owner, and tasks */
    bool fresh;      /* its key was made by this process */
    bool freed;
};

static Account *account_of(AcmeSigner *s)
{
    return (Account *)s;
}

typedef struct AccountTask {
    Account *account;
    AccountRecord *record; /* read, or to be written */
    AccountKey *key, *next_key;
    char *binding_secret; /* text of EABKeyFile= */
    Problem problem;
    int result;
    bool makes_key;
    int (*then)(Account *a, struct AccountTask *t);
} AccountTask;

static AccountTask *task_free(AccountTask *t)
{
    account_record_free(t->record);
    account_key_free(t->key);
    account_key_free(t->next_key);
    erase_and_free(t->binding_secret);
    problem_clear(&t->problem);
    free(t);
    return NULL;
}

static void account_unref(Account *a)
{
    if (--a->n_refs > 0)
        return;
    account_key_free(a->signer.key);
    account_key_free(a->next_key);
    account_record_free(a->signer.record);
    acme_authority_done(&a->authority);
    free(a);
}

static Account *account_ref(Account *a)
{
    a->n_refs++;
    return a;
}

/* Callbacks of requests and changes may free the account. */
DEFINE_CLEANUP(Account *, account_unref);
#define _cleanup_account_ _cleanup_(account_unrefp) _unused_

static void end_change(Account *a, const Problem *problem)
{
    AccountDone done = TAKE_PTR(a->change.done);

    if (done)
        done(problem, a->change.userdata);
}

static void account_fail(Account *a, const AcmeFailure *failure)
{
    _cleanup_account_ Account *held = account_ref(a);

    a->signer.state = ACCOUNT_UNKNOWN;
    end_change(a, failure->problem);
    if (!a->freed)
        acme_client_fail(a->client, ACME_REQUESTS_OF_ACCOUNT, failure);
}

/* Fails if r is a negative errno. */
static void account_check(Account *a, int r, Problem *problem)
{
    if (r >= 0 || a->freed)
        return;
    problem_set_errno(problem, r, "Preparing the account");
    account_fail(a, &(AcmeFailure){ problem, 0, problem->code == PROBLEM_AUTHORITY_FAILED });
}

static void on_task(void *data, void *userdata _unused_)
{
    AccountTask *t = data;
    Account *a = t->account;

    if (!a->freed)
        account_check(a, t->result < 0 ? t->result : t->then(a, t), &t->problem);
    task_free(t);
    account_unref(a);
}

static int start_task(Account *a, void (*run)(void *), int (*then)(Account *, AccountTask *))
{
    AccountTask *t = calloc(1, sizeof(AccountTask));

    if (!t)
        return -ENOMEM;
    *t = (AccountTask){ .account = a, .then = then, .result = -ECANCELED };
    if (workers_add(a->context.workers, run, on_task, t) < 0) {
        task_free(t);
        return -ENOMEM;
    }
    a->n_refs++;
    a->signer.state = ACCOUNT_BUSY;
    return 0;
}

/* ---- on disk */

static int read_binding(AccountTask *t)
{
    const AcmeAuthority *s = &t->account->authority;
    char *data = NULL;
    size_t size = 0;
    int r;

    if (!s->eab_key_file || !s->eab_key_id)
        return 0;
    r = fs_read_at(AT_FDCWD, s->eab_key_file, LIMIT_KEY_FILE, &data, &size);
    if (r >= 0)
        r = encoding_to_utf8(data, size, &t->binding_secret, NULL);
    if (data)
        explicit_bzero(data, size);
    free(data);
    if (r < 0)
        return problem_set(
            &t->problem, PROBLEM_STORAGE_FAILED,
            "EABKeyFile=%s of [Authority %s] cannot be read: %s; the service's user, certwright, needs "
            "read permission.",
            s->eab_key_file, s->name, strerror(-r));
    return 0;
}

static int write_record(const Account *a, const AccountRecord *record)
{
    return a->context.write_account(a->context.accounts, a->authority.name, record);
}

static int make_key(AccountTask *t)
{
    int r;

    t->makes_key = true;
    t->record = calloc(1, sizeof(AccountRecord));
    if (!t->record)
        return -ENOMEM;
    r = account_key_generate(t->account->authority.key_type, &t->key);
    if (r >= 0)
        r = account_key_to_pem(t->key, &t->record->key);
    return r < 0 ? r : write_record(t->account, t->record);
}

static void run_load(void *data)
{
    AccountTask *t = data;
    const Account *a = t->account;

    t->result = a->context.read_account(a->context.accounts, a->authority.name, &t->record);
    if (t->result == -ENOENT)
        t->result = make_key(t);
    else if (t->result >= 0) {
        t->result = account_key_from_pem(t->record->key, &t->key);
        if (t->result >= 0 && t->record->next_key)
            t->result = account_key_from_pem(t->record->next_key, &t->next_key);
        if (t->result == -EINVAL)
            t->result = problem_set(
                &t->problem, PROBLEM_STORAGE_FAILED,
                "The key of the account at %s cannot be read; restore acme/%s/account.key in the "
                "state directory, or remove it for a new account.",
                a->authority.name, a->authority.name);
    }
    if (t->result >= 0)
        t->result = read_binding(t);
}

static void run_write(void *data)
{
    AccountTask *t = data;
    const Account *a = t->account;

    t->result = a->signer.record ? write_record(a, a->signer.record)
                                 : a->context.remove_account(a->context.accounts, a->authority.name);
}

static int account_ready(Account *a, AccountTask *t _unused_)
{
    a->signer.state = a->signer.record ? ACCOUNT_READY : ACCOUNT_UNKNOWN;
    acme_client_drive(a->client);
    return 0;
}

static int change_written(Account *a, AccountTask *t)
{
    const Problem none = {};

    log_fields(LOG_NOTICE, NULL, FIELDS({ "AUTHORITY", a->authority.name }), "%s: %s.", a->authority.name,
               a->change.deactivates ? "the account is deactivated, removed its key"
                                     : "replaced the account key");
    end_change(a, &none);
    return a->freed ? 0 : account_ready(a, t);
}

static int write_account(Account *a, int (*then)(Account *a, AccountTask *t))
{
    return start_task(a, run_write, then);
}

/* ---- at the authority */

/* payload: NULL if it could not be made. */
static int ask(Account *a, AcmeRequest request, char *payload, AcmeDone done, AcmeCall **ret)
{
    request.payload = payload;
    return payload ? acme_client_send(a->client, &request, done, a, ret) : -ENOMEM;
}

static int ask_by_key(Account *a, char *payload, const AccountKey *key, AcmeDone done)
{
    const AcmeRequest request = { .url = acme_client_directory(a->client)->new_account,
                                  .subject = ACME_ABOUT_ACCOUNT,
                                  .key = key };
    AcmeCall *call;

    return ask(a, request, payload, done, &call);
}

static int account_gone(Account *a, AcmeStatus status, Problem *problem);

static int take_account(Account *a, const AcmeReply *reply, Problem *problem)
{
    _cleanup_(acme_account_freep) AcmeAccount *object = NULL;
    AccountRecord *record = a->signer.record;
    int r;

    r = acme_account_parse(a->authority.name, reply->body, reply->size, &object, problem);
    if (r < 0)
        return r;
    if (object->status != ACME_VALID)
        return account_gone(a, object->status, problem);
    if (!reply->location && !record->url)
        return problem_set(problem, PROBLEM_AUTHORITY_FAILED,
                           "The authority %s did not return the URL of the account (RFC 8555 section 7.3).",
                           a->authority.name);
    record->contact = strv_free(record->contact);
    r = strv_copy(a->authority.contact, &record->contact);
    if (r >= 0 && reply->location)
        r = text_set(&record->url, reply->location);
    if (r >= 0)
        r = text_set(&record->orders, object->orders);
    if (r >= 0)
        r = text_set(&record->directory, a->authority.directory);
    if (r >= 0)
        log_info("%s: using account %s.", a->authority.name, record->url);
    return r < 0 ? r : write_account(a, account_ready);
}

static bool failure_is(const AcmeFailure *failure, const char *type)
{
    return failure && streq(strempty(failure->problem->type), type);
}

static void on_account(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = userdata;
    _cleanup_account_ Account *held = account_ref(a);

    if (!failure)
        account_check(a, take_account(a, reply, &problem), &problem);
    else if (failure_is(failure, "unauthorized") && !a->signer.record->url && !a->fresh &&
             !a->authority.eab_key_id)
        account_check(a, account_gone(a, ACME_DEACTIVATED, &problem),
                      &problem); /* the account of this key */
    else
        account_fail(a, failure);
}

static int make_binding(Account *a, const char *secret_text, char **ret, Problem *problem)
{
    const AcmeDirectory *directory = acme_client_directory(a->client);
    const AcmeAuthority *s = &a->authority;
    _cleanup_blob_ Blob secret = {};
    const char *why;
    int r;

    if (!s->eab_key_id && directory->needs_external_account)
        return problem_set(
            problem, PROBLEM_AUTHORITY_REFUSED,
            "The authority %s requires an external account: set EABKeyId= and EABKeyFile= of [Authority "
            "%s] to the values that it gave you.",
            s->name, s->name);
    if (!s->eab_key_id || !secret_text)
        return 0;
    r = binding_key_parse(secret_text, &secret, &why);
    if (r == -EINVAL)
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "EABKeyFile=%s of [Authority %s] %s; it has to contain the HMAC key in base64, as the "
            "authority gave it.",
            s->eab_key_file, s->name, why);
    return r < 0 ? r
                 : jws_bind(a->signer.key, directory->new_account, s->eab_key_id, s->eab_algorithm,
                            secret.data, secret.size, ret);
}

static int register_account(Account *a, AccountTask *t)
{
    _cleanup_free_ char *binding = NULL, *payload = NULL;
    int r = make_binding(a, t->binding_secret, &binding, &t->problem);

    if (r < 0)
        return r;
    payload = acme_account_payload(false, a->authority.terms_agreed, a->authority.contact, binding);
    return ask_by_key(a, payload, a->signer.key, on_account);
}

static int update_contact(Account *a)
{
    const AcmeRequest request = { .resource = ACME_ACCOUNT, .subject = ACME_ABOUT_ACCOUNT };
    _cleanup_free_ char *payload = acme_contact_payload(a->authority.contact);
    AcmeCall *call;

    a->signer.state = ACCOUNT_READY; /* so that the request is sent; others may be as well */
    return ask(a, request, payload, on_account, &call);
}

/* ---- keys */

static int adopt_next_key(Account *a, int (*then)(Account *a, AccountTask *t))
{
    account_key_free(a->signer.key);
    a->signer.key = TAKE_PTR(a->next_key);
    erase_and_free(a->signer.record->key);
    a->signer.record->key = TAKE_PTR(a->signer.record->next_key);
    return write_account(a, then);
}

static int drop_next_key(Account *a)
{
    a->next_key = account_key_free(a->next_key);
    a->signer.record->next_key = erase_and_free(a->signer.record->next_key);
    return write_account(a, account_ready);
}

/* The account is read again, to find out which key the authority knows. */
static int account_reload(Account *a)
{
    a->signer.state = ACCOUNT_UNKNOWN;
    acme_client_drive(a->client);
    return 0;
}

static void on_key_changed(const AcmeReply *reply _unused_, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = userdata;
    _cleanup_account_ Account *held = account_ref(a);
    int r = 0;

    a->change.call = NULL;
    if (!failure)
        r = adopt_next_key(a, change_written);
    else {
        end_change(a, failure->problem);
        if (!a->freed)
            r = failure->at_authority ? account_reload(a) : drop_next_key(a);
    }
    account_check(a, r, &problem);
}

static int sign_key_change(const Account *a, const char *url, char **ret)
{
    _cleanup_free_ char *inner =
        acme_key_change_payload(a->signer.record->url, account_key_jwk(a->signer.key));
    JwsHeader header = { .url = url };

    return inner ? jws_sign(a->next_key, &header, inner, ret) : -ENOMEM;
}

static int after_next_key(Account *a, AccountTask *t)
{
    const AcmeRequest request = { .resource = ACME_KEY_CHANGE, .subject = ACME_ABOUT_KEY_CHANGE };
    _cleanup_free_ char *payload = NULL;
    int r;

    account_key_free(a->next_key);
    a->next_key = TAKE_PTR(t->next_key);
    a->signer.state = ACCOUNT_CHANGING;
    r = sign_key_change(a, acme_client_directory(a->client)->key_change, &payload);
    return r < 0 ? r : ask(a, request, payload, on_key_changed, &a->change.call);
}

static void run_next_key(void *data)
{
    AccountTask *t = data;
    Account *a = t->account;

    t->result = account_key_generate(a->authority.key_type, &t->next_key);
    if (t->result >= 0)
        t->result = account_key_to_pem(t->next_key, &a->signer.record->next_key);
    if (t->result >= 0)
        t->result = write_record(a, a->signer.record);
}

/* The service stopped during a rollover: the authority knows one of the two keys. */
static void on_next_key_known(const AcmeReply *reply _unused_, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = userdata;

    if (failure && failure->at_authority)
        account_fail(a, failure);
    else
        account_check(a, failure ? drop_next_key(a) : adopt_next_key(a, account_ready), &problem);
}

static int find_by_next_key(Account *a)
{
    _cleanup_free_ char *payload = acme_account_payload(true, a->authority.terms_agreed, NULL, NULL);

    return ask_by_key(a, payload, a->next_key, on_next_key_known);
}

/* ---- starting */

static int after_load(Account *a, AccountTask *t)
{
    AccountRecord *record = t->record;

    account_record_free(a->signer.record);
    account_key_free(a->signer.key);
    account_key_free(a->next_key);
    a->signer.record = TAKE_PTR(t->record);
    a->signer.key = TAKE_PTR(t->key);
    a->next_key = TAKE_PTR(t->next_key);
    if (t->makes_key) {
        a->fresh = true;
        a->signer.works = false;
    }
    if (!record->url || !record->directory || !streq(record->directory, a->authority.directory) ||
        !acme_authority_has_url(&a->authority, record->url))
        return register_account(a, t);
    if (a->next_key)
        return find_by_next_key(a);
    if (!strv_equal(record->contact, a->authority.contact))
        return update_contact(a);
    return account_ready(a, t);
}

static void on_wanted(AcmeSigner *s)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = account_of(s);

    account_check(a, start_task(a, run_load, after_load), &problem);
}

static void run_binding(void *data)
{
    AccountTask *t = data;

    t->result = read_binding(t);
}

static int register_again(Account *a)
{
    log_fields(LOG_NOTICE, MESSAGE_FAILURE, FIELDS({ "AUTHORITY", a->authority.name }),
               "%s: account does not exist any more, creating another one with the same key.",
               a->authority.name);
    free(a->signer.record->url);
    a->signer.record->url = NULL;
    return start_task(a, run_binding, register_account);
}

static void on_lost(AcmeSigner *s)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = account_of(s);

    account_check(a, register_again(a), &problem);
}

/* ---- an account that the authority does not accept any more */

/* Fails requests about orders of the account. */
static void fail_former(Account *a)
{
    _cleanup_problem_ Problem problem = {};

    problem_set(
        &problem, PROBLEM_AUTHORITY_REFUSED,
        "The account at the authority %s was deactivated, and with it the order; the next one is placed with a new "
        "account.",
        a->authority.name);
    acme_client_fail(a->client, ACME_REQUESTS_OF_FORMER_ACCOUNT, &(AcmeFailure){ &problem, 0, false });
}

/* Removes the account from the store, and ends the change well. */
static int account_forget(Account *a)
{
    a->change.call = acme_call_cancel(a->change.call);
    a->signer.record = account_record_free(a->signer.record);
    a->signer.key = account_key_free(a->signer.key);
    fail_former(a);
    return a->freed ? 0 : write_account(a, change_written);
}

static void run_replace(void *data)
{
    AccountTask *t = data;

    t->result = make_key(t);
}

/* The key of a deactivated account cannot be used for another one (RFC 8555 section 7.3.6), so a new one is made; once, unless
 * that works. An external account may only be good for one account. */
static int account_gone(Account *a, AcmeStatus status, Problem *problem)
{
    const char *name = a->authority.name;

    if (a->change.done && a->change.deactivates)
        return account_forget(a);
    if (status == ACME_REVOKED)
        return problem_set(
            problem, PROBLEM_AUTHORITY_REFUSED,
            "The authority %s has revoked the account of this machine; ask it why. \"certwright account "
            "deactivate %s\" removes the account's key, so that the next order makes a new account.",
            name, name);
    if (a->authority.eab_key_id)
        return problem_set(
            problem, PROBLEM_AUTHORITY_REFUSED,
            "The account at the authority %s is deactivated. Run \"certwright account deactivate %s\" to remove "
            "its key, so that the next order makes a new account, and set EABKeyId= and EABKeyFile= to new "
            "values before, if the authority accepts them only once.",
            name, name);
    if (a->fresh && !a->signer.works)
        return problem_set(
            problem, PROBLEM_AUTHORITY_REFUSED,
            "The authority %s reports that the account is deactivated, which was made just now; ask it why.",
            name);
    log_fields(LOG_WARNING, MESSAGE_FAILURE, FIELDS({ "AUTHORITY", name }),
               "%s: the account is deactivated, creating another one with a new key.", name);
    fail_former(a);
    return a->freed ? 0 : start_task(a, run_replace, after_load);
}

/* Takes what the authority knows of the account's key. A reply that does not tell changes nothing. */
static int take_examined(Account *a, const AcmeReply *reply, Problem *problem)
{
    _cleanup_(acme_account_freep) AcmeAccount *object = NULL;
    int r = acme_account_parse(a->authority.name, reply->body, reply->size, &object, NULL);

    if (r < 0 && r != -ENOMEM)
        return account_ready(a, NULL);
    if (r >= 0 && object->status != ACME_VALID)
        return account_gone(a, object->status, problem);
    if (r < 0 || !reply->location || streq(reply->location, a->signer.record->url))
        return r < 0 ? r : account_ready(a, NULL);
    r = text_set(&a->signer.record->url, reply->location);
    return r < 0 ? r : write_account(a, account_ready);
}

static void on_examined(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = userdata;
    _cleanup_account_ Account *held = account_ref(a);
    int r;

    if (failure && failure->at_authority) {
        account_fail(a, failure);
        return;
    }
    if (failure_is(failure, "accountDoesNotExist"))
        r = register_again(a);
    else if (failure_is(failure, "unauthorized"))
        r = account_gone(a, ACME_DEACTIVATED, &problem);
    else
        r = failure ? account_ready(a, NULL) : take_examined(a, reply, &problem);
    account_check(a, r, &problem);
}

/* Asks for the account of the key (RFC 8555 section 7.3.1). */
static void on_doubted(AcmeSigner *s)
{
    Account *a = account_of(s);
    _cleanup_free_ char *payload = acme_account_payload(true, a->authority.terms_agreed, NULL, NULL);
    _cleanup_problem_ Problem problem = {};

    s->state = ACCOUNT_BUSY;
    account_check(a, ask_by_key(a, payload, s->key, on_examined), &problem);
}

/* ---- changes */

/* Ends the change, not the requests of others. */
static void change_check(Account *a, int r, Problem *problem)
{
    if (r >= 0)
        return;
    problem_set_errno(problem, r, "Changing the account");
    end_change(a, problem);
}

static void on_deactivated(const AcmeReply *reply _unused_, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = userdata;
    _cleanup_account_ Account *held = account_ref(a);

    a->change.call = NULL;
    if (failure)
        end_change(a, failure->problem);
    else
        change_check(a, account_forget(a), &problem);
}

static int ask_for_deactivation(Account *a)
{
    const AcmeRequest request = { .resource = ACME_ACCOUNT, .subject = ACME_ABOUT_DEACTIVATION };
    _cleanup_free_ char *payload = acme_deactivation_payload();

    return ask(a, request, payload, on_deactivated, &a->change.call);
}

static int ask_for_new_key(Account *a, Problem *problem)
{
    if (!acme_client_directory(a->client)->key_change)
        return problem_set(problem, PROBLEM_AUTHORITY_REFUSED,
                           "%s does not support changing the key of an account.", a->authority.name);
    return start_task(a, run_next_key, after_next_key);
}

static int prepare_change(Account *a);

/* Some authorities show a deactivated account rather than to refuse the request. */
static int start_change(Account *a, const AcmeReply *reply, Problem *problem)
{
    _cleanup_(acme_account_freep) AcmeAccount *object = NULL;
    int r = acme_account_parse(a->authority.name, reply->body, reply->size, &object, NULL);

    if (r < 0 || object->status == ACME_VALID)
        return a->change.deactivates ? ask_for_deactivation(a) : ask_for_new_key(a, problem);
    r = account_gone(a, object->status, problem);
    return r < 0 || a->freed || a->change.deactivates ? r : prepare_change(a);
}

static void on_prepared(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = userdata;
    _cleanup_account_ Account *held = account_ref(a);

    a->change.call = NULL;
    if (failure)
        end_change(a, failure->problem);
    else
        change_check(a, start_change(a, reply, &problem), &problem);
}

/* The account must exist first: a request for it ensures that, as for an order. */
static int prepare_change(Account *a)
{
    const AcmeRequest request = { .resource = ACME_ACCOUNT, .subject = ACME_ABOUT_ACCOUNT };

    return acme_client_send(a->client, &request, on_prepared, a, &a->change.call);
}

int account_change(Account *a, bool deactivate, AccountDone done, void *userdata, Problem *problem)
{
    int r;

    if (a->change.done)
        return problem_set(problem, PROBLEM_BUSY,
                           "The account at %s is being changed already; wait until that is over.",
                           a->authority.name);
    r = prepare_change(a);
    if (r < 0)
        return r;
    a->change.done = done;
    a->change.userdata = userdata;
    a->change.deactivates = deactivate;
    return 0;
}

/* ---- the account */

AcmeClient *account_client(const Account *a)
{
    return a->client;
}

int account_new(const AccountContext *context, const AcmeAuthority *authority, Account **ret)
{
    _cleanup_(account_freep) Account *a = calloc(1, sizeof(Account));
    int r;

    if (!a)
        return -ENOMEM;
    a->n_refs = 1;
    a->context = *context;
    a->signer.wanted = on_wanted;
    a->signer.lost = on_lost;
    a->signer.doubted = on_doubted;
    r = acme_authority_copy(authority, &a->authority);
    if (r >= 0)
        r = acme_client_new(context->event, context->http, &a->authority, &a->signer, &a->client);
    if (r >= 0)
        *ret = TAKE_PTR(a);
    return r;
}

Account *account_free(Account *a)
{
    _cleanup_problem_ Problem stopped = {};

    if (!a)
        return NULL;
    problem_set(&stopped, PROBLEM_CANCELLED, "The service stops.");
    end_change(a, &stopped);
    acme_client_free(a->client);
    a->freed = true;
    account_unref(a);
    return NULL;
}
