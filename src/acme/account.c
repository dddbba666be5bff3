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
        bool deactivates;
        bool asked; /* the account is known to exist, and its change was requested */
    } change;
    unsigned n_refs; /* its owner, and tasks */
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

static void end_change(Account *a, const Problem *problem)
{
    AccountDone done = TAKE_PTR(a->change.done);

    if (done)
        done(problem, a->change.userdata);
}

static void account_fail(Account *a, const AcmeFailure *failure)
{
    a->n_refs++; /* done() of a change may free the account */
    a->signer.state = ACCOUNT_UNKNOWN;
    end_change(a, failure->problem);
    if (!a->freed)
        acme_client_fail(a->client, false, failure);
    account_unref(a);
}

/* Fails if r is a negative errno. */
static void account_check(Account *a, int r, Problem *problem)
{
    if (r >= 0)
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
    const Problem none = {};

    a->signer.state = a->signer.record ? ACCOUNT_READY : ACCOUNT_UNKNOWN;
    if (a->change.asked)
        end_change(a, &none);
    if (!a->freed)
        acme_client_drive(a->client);
    return 0;
}

static int write_account(Account *a)
{
    return start_task(a, run_write, account_ready);
}

/* ---- at the authority */

/* key: signs instead of the account. payload is NULL if it could not be made. */
static int ask(Account *a, const char *url, const char *payload, const AccountKey *key, AcmeDone done)
{
    AcmeRequest request = { .url = url, .payload = payload, .key = key };
    AcmeCall *call;

    return payload ? acme_client_send(a->client, &request, done, a, &call) : -ENOMEM;
}

static int take_account(Account *a, const AcmeReply *reply, Problem *problem)
{
    _cleanup_(acme_account_freep) AcmeAccount *object = NULL;
    AccountRecord *record = a->signer.record;
    int r;

    r = acme_account_parse(a->authority.name, reply->body, reply->size, &object, problem);
    if (r < 0)
        return r;
    if (object->status != ACME_VALID)
        return problem_set(
            problem, PROBLEM_AUTHORITY_REFUSED,
            "The account at %s is %s; remove the folder acme/%s from the state directory for a new one.",
            a->authority.name, acme_status_to_string(object->status), a->authority.name);
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
    return r < 0 ? r : text_set(&record->directory, a->authority.directory);
}

static void on_account(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = userdata;
    int r;

    if (failure) {
        account_fail(a, failure);
        return;
    }
    r = take_account(a, reply, &problem);
    if (r >= 0) {
        log_info("%s: using account %s.", a->authority.name, a->signer.record->url);
        r = write_account(a);
    }
    account_check(a, r, &problem);
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
    return ask(a, acme_client_directory(a->client)->new_account, payload, a->signer.key, on_account);
}

static int update_contact(Account *a)
{
    _cleanup_free_ char *payload = acme_contact_payload(a->authority.contact);

    a->signer.state = ACCOUNT_READY; /* so that the request is sent; others may be as well */
    return ask(a, a->signer.record->url, payload, NULL, on_account);
}

/* ---- keys */

static int adopt_next_key(Account *a)
{
    account_key_free(a->signer.key);
    a->signer.key = TAKE_PTR(a->next_key);
    erase_and_free(a->signer.record->key);
    a->signer.record->key = TAKE_PTR(a->signer.record->next_key);
    return write_account(a);
}

static int drop_next_key(Account *a)
{
    a->next_key = account_key_free(a->next_key);
    a->signer.record->next_key = erase_and_free(a->signer.record->next_key);
    return write_account(a);
}

static void on_key_changed(const AcmeReply *reply _unused_, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = userdata;

    if (!failure) {
        log_notice("%s: replaced the account key.", a->authority.name);
        account_check(a, adopt_next_key(a), &problem);
    } else {
        /* Without a reply, the result is unknown: the next start finds out by the key. */
        if (failure->problem->code == PROBLEM_AUTHORITY_REFUSED)
            a->signer.record->next_key = erase_and_free(a->signer.record->next_key);
        a->next_key = account_key_free(a->next_key);
        account_fail(a, failure);
    }
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
    const char *url = acme_client_directory(a->client)->key_change;
    _cleanup_free_ char *payload = NULL;
    int r;

    account_key_free(a->next_key);
    a->next_key = TAKE_PTR(t->next_key);
    a->signer.state = ACCOUNT_READY;
    r = sign_key_change(a, url, &payload);
    return r < 0 ? r : ask(a, url, payload, NULL, on_key_changed);
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
        account_check(a, failure ? drop_next_key(a) : adopt_next_key(a), &problem);
}

static int find_by_next_key(Account *a)
{
    _cleanup_free_ char *payload = acme_account_payload(true, a->authority.terms_agreed, NULL, NULL);

    return ask(a, acme_client_directory(a->client)->new_account, payload, a->next_key, on_next_key_known);
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

static void on_lost(AcmeSigner *s)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = account_of(s);

    log_notice("%s: account does not exist any more, creating another one with the same key.",
               a->authority.name);
    free(s->record->url);
    s->record->url = NULL;
    account_check(a, start_task(a, run_binding, register_account), &problem);
}

/* ---- changes */

static void on_deactivated(const AcmeReply *reply _unused_, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = userdata;

    if (failure) {
        account_fail(a, failure);
        return;
    }
    log_notice("%s: deactivated the account and removed its key.", a->authority.name);
    a->signer.record = account_record_free(a->signer.record);
    a->signer.key = account_key_free(a->signer.key);
    account_check(a, write_account(a), &problem);
}

static int ask_for_deactivation(Account *a)
{
    _cleanup_free_ char *payload = acme_deactivation_payload();

    return ask(a, a->signer.record->url, payload, NULL, on_deactivated);
}

static int ask_for_new_key(Account *a, Problem *problem)
{
    if (!acme_client_directory(a->client)->key_change)
        return problem_set(problem, PROBLEM_AUTHORITY_REFUSED,
                           "%s does not support changing the key of an account.", a->authority.name);
    return start_task(a, run_next_key, after_next_key);
}

static void on_prepared(const AcmeReply *reply _unused_, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Account *a = userdata;
    int r;

    if (failure) {
        account_fail(a, failure);
        return;
    }
    a->change.asked = true;
    r = a->change.deactivates ? ask_for_deactivation(a) : ask_for_new_key(a, &problem);
    if (r < 0) {
        problem_set_errno(&problem, r, "Changing the account");
        end_change(a, &problem);
    }
}

/* The account must exist first: a request for it ensures that, as for an order. */
int account_change(Account *a, bool deactivate, AccountDone done, void *userdata, Problem *problem)
{
    AcmeRequest request = { .resource = ACME_ACCOUNT };
    AcmeCall *call;
    int r;

    if (a->change.done)
        return problem_set(problem, PROBLEM_BUSY,
                           "The account at %s is being changed already; wait until that is over.",
                           a->authority.name);
    r = acme_client_send(a->client, &request, on_prepared, a, &call);
    if (r < 0)
        return r;
    a->change.done = done;
    a->change.userdata = userdata;
    a->change.deactivates = deactivate;
    a->change.asked = false;
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
