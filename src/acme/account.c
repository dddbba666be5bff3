/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "acme/client-internal.h"
#include "acme/jws.h"
#include "core/limits.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/text.h"

/* The account (RFC 8555 section 7.3): read from the store; without one a key is made and stored, and the authority is told of
 * it. What has the key has the account: when its URL is lost, the authority finds it again by the key. Everything
 * that touches the disk or makes keys is a task in the workers, one at a time. */

typedef struct AccountTask {
    AcmeClient *client;
    AccountRecord *record; /* read, or to be written */
    AccountKey *key, *next_key;
    char *binding_secret; /* text of EABKeyFile= */
    Problem problem;
    int result;
    void (*then)(AcmeClient *c, struct AccountTask *t);
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

void client_end_change(AcmeClient *c, const Problem *problem)
{
    AcmeAccountDone done = TAKE_PTR(c->change.done);

    if (done)
        done(problem, c->change.userdata);
}

static void account_fail(AcmeClient *c, const Problem *problem, int64_t retry_after, bool at_authority)
{
    AcmeFailure failure = { problem, retry_after, at_authority };

    c->account_state = ACCOUNT_UNKNOWN;
    client_end_change(c, problem);
    client_fail_waiting(c, false, &failure);
}

static void on_task(void *data, void *userdata _unused_)
{
    AccountTask *t = data;
    AcmeClient *c = t->client;

    if (!c->freed && t->result < 0) {
        problem_set_errno(&t->problem, t->result, "Reading or writing the account");
        account_fail(c, &t->problem, 0, false);
    } else if (!c->freed)
        t->then(c, t);
    task_free(t);
    client_unref(c);
}

static void start_task(AcmeClient *c, AccountTask *t, void (*run)(void *),
                       void (*then)(AcmeClient *, AccountTask *))
{
    t->client = c;
    t->then = then;
    t->result = -ECANCELED;
    c->n_outside++;
    c->account_state = ACCOUNT_BUSY;
    if (workers_add(c->context.workers, run, on_task, t) < 0) {
        t->result = -ENOMEM;
        on_task(t, NULL);
    }
}

static AccountTask *task_new(AcmeClient *c)
{
    AccountTask *t = calloc(1, sizeof(AccountTask));
    Problem problem = { .code = PROBLEM_INTERNAL };

    if (!t)
        account_fail(c, &problem, 0, false);
    return t;
}

/* ---- on disk */

static int read_binding(AccountTask *t)
{
    const AcmeAuthority *s = &t->client->authority;
    int r;

    if (!s->eab_key_file || !s->eab_key_id)
        return 0;
    r = fs_read_at(AT_FDCWD, s->eab_key_file, LIMIT_KEY_FILE, &t->binding_secret, NULL);
    if (r < 0)
        return problem_set(
            &t->problem, PROBLEM_STORAGE_FAILED,
            "EABKeyFile=%s of [Authority %s] cannot be read: %s; the service's user, certwright, has to "
            "be allowed to.",
            s->eab_key_file, s->name, strerror(-r));
    t->binding_secret[strcspn(t->binding_secret, "\r\n \t")] = 0;
    return 0;
}

static int write_record(const AcmeClient *c, const AccountRecord *record)
{
    return c->context.write_account(c->context.accounts, c->authority.name, record);
}

static int make_key(AccountTask *t)
{
    int r;

    t->record = calloc(1, sizeof(AccountRecord));
    if (!t->record)
        return -ENOMEM;
    r = account_key_generate(t->client->authority.key_type, &t->key);
    if (r >= 0)
        r = account_key_to_pem(t->key, &t->record->key);
    return r < 0 ? r : write_record(t->client, t->record);
}

static void run_load(void *data)
{
    AccountTask *t = data;
    const AcmeClient *c = t->client;

    t->result = c->context.read_account(c->context.accounts, c->authority.name, &t->record);
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
                c->authority.name, c->authority.name);
    }
    if (t->result >= 0)
        t->result = read_binding(t);
}

static void run_write(void *data)
{
    AccountTask *t = data;
    const AcmeClient *c = t->client;

    t->result = c->account ? write_record(c, c->account)
                           : c->context.remove_account(c->context.accounts, c->authority.name);
}

static void account_ready(AcmeClient *c)
{
    const Problem none = {};

    c->account_state = c->account ? ACCOUNT_READY : ACCOUNT_UNKNOWN;
    if (c->change.asked)
        client_end_change(c, &none);
    client_drive(c);
}

static void after_write(AcmeClient *c, AccountTask *t _unused_)
{
    account_ready(c);
}

static void write_account(AcmeClient *c)
{
    AccountTask *t = task_new(c);

    if (t)
        start_task(c, t, run_write, after_write);
}

/* ---- at the authority */

static void on_call_failed(AcmeClient *c, const AcmeFailure *failure)
{
    account_fail(c, failure->problem, failure->retry_after, failure->at_authority);
}

static int take_account(AcmeClient *c, const AcmeReply *reply, Problem *problem)
{
    _cleanup_(acme_account_freep) AcmeAccount *a = NULL;
    int r;

    r = acme_account_parse(c->authority.name, reply->body, reply->size, &a, problem);
    if (r < 0)
        return r;
    if (a->status != ACME_VALID)
        return problem_set(
            problem, PROBLEM_AUTHORITY_REFUSED,
            "The account at %s is %s; remove the folder acme/%s from the state directory for a new one.",
            c->authority.name, acme_status_to_string(a->status), c->authority.name);
    if (!reply->location && !c->account->url)
        return problem_set(problem, PROBLEM_AUTHORITY_FAILED,
                           "The authority %s did not tell where the account is (RFC 8555 section 7.3).",
                           c->authority.name);
    strv_free(c->account->contact);
    c->account->contact = NULL;
    r = strv_copy(c->authority.contact, &c->account->contact);
    if (r >= 0 && reply->location)
        r = text_set(&c->account->url, reply->location);
    if (r >= 0)
        r = text_set(&c->account->orders, a->orders);
    return r < 0 ? r : text_set(&c->account->directory, c->authority.directory);
}

static void on_account(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    AcmeClient *c = userdata;
    int r;

    if (failure) {
        on_call_failed(c, failure);
        return;
    }
    r = take_account(c, reply, &problem);
    if (r < 0) {
        problem_set_errno(&problem, r, "Making an account");
        account_fail(c, &problem, 0, problem.code == PROBLEM_AUTHORITY_FAILED);
        return;
    }
    log_info("%s: using account %s.", c->authority.name, c->account->url);
    write_account(c);
}

static int make_binding(AcmeClient *c, const char *secret_text, char **ret, Problem *problem)
{
    const AcmeAuthority *s = &c->authority;
    void *secret = NULL;
    size_t size = 0;
    int r;

    if (!s->eab_key_id && c->directory->needs_external_account)
        return problem_set(
            problem, PROBLEM_AUTHORITY_REFUSED,
            "The authority %s wants accounts to be bound to one that you have there: set EABKeyId= and "
            "EABKeyFile= of [Authority %s] to what it gave you.",
            s->name, s->name);
    if (!s->eab_key_id || !secret_text)
        return 0;
    r = base64url_decode(secret_text, &secret, &size);
    if (r == -EINVAL)
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "EABKeyFile=%s of [Authority %s] does not hold one line of base64url, as the authority gave "
            "it.",
            s->eab_key_file, s->name);
    if (r >= 0)
        r = jws_bind(c->key, c->directory->new_account, s->eab_key_id, s->eab_algorithm, secret, size, ret);
    if (secret)
        explicit_bzero(secret, size);
    free(secret);
    return r;
}

static void register_account(AcmeClient *c, const char *secret)
{
    _cleanup_free_ char *binding = NULL, *payload = NULL;
    _cleanup_problem_ Problem problem = {};
    AcmeCall *call;
    int r;

    r = make_binding(c, secret, &binding, &problem);
    if (r >= 0) {
        payload = acme_account_payload(false, c->authority.terms_agreed, c->authority.contact, binding);
        r = payload ? client_call(c, c->directory->new_account, payload, true, NULL, on_account, &call)
                    : -ENOMEM;
    }
    if (r < 0) {
        problem_set_errno(&problem, r, "Making an account");
        account_fail(c, &problem, 0, false);
    }
}

static void update_contact(AcmeClient *c)
{
    _cleanup_free_ char *payload = acme_contact_payload(c->authority.contact);
    Problem problem = { .code = PROBLEM_INTERNAL };
    AcmeCall *call;

    c->account_state = ACCOUNT_READY; /* so that the request is sent; others may be as well */
    if (!payload || client_call(c, c->account->url, payload, false, NULL, on_account, &call) < 0)
        account_fail(c, &problem, 0, false);
}

/* ---- keys */

static void adopt_next_key(AcmeClient *c)
{
    account_key_free(c->key);
    c->key = TAKE_PTR(c->next_key);
    erase_and_free(c->account->key);
    c->account->key = TAKE_PTR(c->account->next_key);
    write_account(c);
}

static void drop_next_key(AcmeClient *c)
{
    c->next_key = account_key_free(c->next_key);
    c->account->next_key = erase_and_free(c->account->next_key);
    write_account(c);
}

static void on_key_changed(const AcmeReply *reply _unused_, const AcmeFailure *failure, void *userdata)
{
    AcmeClient *c = userdata;

    if (!failure) {
        log_notice("%s: replaced the account key.", c->authority.name);
        adopt_next_key(c);
    } else {
        /* Without a reply, the result is unknown: the next start finds out by the key. */
        if (failure->problem->code == PROBLEM_AUTHORITY_REFUSED)
            c->account->next_key = erase_and_free(c->account->next_key);
        c->next_key = account_key_free(c->next_key);
        on_call_failed(c, failure);
    }
}

static int sign_key_change(AcmeClient *c, char **ret)
{
    _cleanup_free_ char *inner = acme_key_change_payload(c->account->url, account_key_jwk(c->key));
    JwsHeader header = { .url = c->directory->key_change };

    return inner ? jws_sign(c->next_key, &header, inner, ret) : -ENOMEM;
}

static void after_next_key(AcmeClient *c, AccountTask *t)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_free_ char *payload = NULL;
    AcmeCall *call;
    int r;

    account_key_free(c->next_key);
    c->next_key = TAKE_PTR(t->next_key);
    c->account_state = ACCOUNT_READY;
    r = sign_key_change(c, &payload);
    if (r >= 0)
        r = client_call(c, c->directory->key_change, payload, false, NULL, on_key_changed, &call);
    if (r < 0) {
        problem_set_errno(&problem, r, "Changing the key");
        account_fail(c, &problem, 0, false);
    }
}

static void run_next_key(void *data)
{
    AccountTask *t = data;
    AcmeClient *c = t->client;

    t->result = account_key_generate(c->authority.key_type, &t->next_key);
    if (t->result >= 0)
        t->result = account_key_to_pem(t->next_key, &c->account->next_key);
    if (t->result >= 0)
        t->result = write_record(c, c->account);
}

/* The service stopped during a rollover: the authority knows one of the two keys. */
static void on_next_key_known(const AcmeReply *reply _unused_, const AcmeFailure *failure, void *userdata)
{
    AcmeClient *c = userdata;

    if (!failure)
        adopt_next_key(c);
    else if (failure->at_authority)
        on_call_failed(c, failure);
    else
        drop_next_key(c);
}

static void find_by_next_key(AcmeClient *c)
{
    _cleanup_free_ char *payload = acme_account_payload(true, c->authority.terms_agreed, NULL, NULL);
    Problem problem = { .code = PROBLEM_INTERNAL };
    AcmeCall *call;

    if (!payload ||
        client_call(c, c->directory->new_account, payload, true, c->next_key, on_next_key_known, &call) < 0)
        account_fail(c, &problem, 0, false);
}

/* ---- starting */

static void after_load(AcmeClient *c, AccountTask *t)
{
    bool known;

    account_record_free(c->account);
    account_key_free(c->key);
    account_key_free(c->next_key);
    c->account = TAKE_PTR(t->record);
    c->key = TAKE_PTR(t->key);
    c->next_key = TAKE_PTR(t->next_key);
    known = c->account->url && c->account->directory &&
            streq(c->account->directory, c->authority.directory) &&
            acme_authority_has_url(&c->authority, c->account->url);
    if (!known)
        register_account(c, t->binding_secret);
    else if (c->next_key)
        find_by_next_key(c);
    else if (!strv_equal(c->account->contact, c->authority.contact))
        update_contact(c);
    else
        account_ready(c);
}

void client_ensure_account(AcmeClient *c)
{
    AccountTask *t;

    if (c->account_state != ACCOUNT_UNKNOWN)
        return;
    t = task_new(c);
    if (t)
        start_task(c, t, run_load, after_load);
}

static void after_forget(AcmeClient *c, AccountTask *t)
{
    register_account(c, t->binding_secret);
}

static void run_binding(void *data)
{
    AccountTask *t = data;

    t->result = read_binding(t);
}

void client_forget_account(AcmeClient *c)
{
    AccountTask *t = task_new(c);

    log_notice("%s: account does not exist any more, creating another one with the same key.",
               c->authority.name);
    free(c->account->url);
    c->account->url = NULL;
    if (t)
        start_task(c, t, run_binding, after_forget);
}

static void on_deactivated(const AcmeReply *reply _unused_, const AcmeFailure *failure, void *userdata)
{
    AcmeClient *c = userdata;

    if (failure) {
        on_call_failed(c, failure);
        return;
    }
    log_notice("%s: deactivated the account and removed its key.", c->authority.name);
    c->account = account_record_free(c->account);
    c->key = account_key_free(c->key);
    write_account(c);
}

static int ask_for_deactivation(AcmeClient *c)
{
    _cleanup_free_ char *payload = acme_deactivation_payload();
    AcmeCall *call;

    return payload ? client_call(c, c->account->url, payload, false, NULL, on_deactivated, &call) : -ENOMEM;
}

static int ask_for_new_key(AcmeClient *c, Problem *problem)
{
    AccountTask *t;

    if (!c->directory->key_change)
        return problem_set(problem, PROBLEM_AUTHORITY_REFUSED,
                           "%s does not offer to change the key of an account.", c->authority.name);
    t = task_new(c);
    if (!t)
        return -ENOMEM;
    start_task(c, t, run_next_key, after_next_key);
    return 0;
}

static void on_prepared(const AcmeReply *reply _unused_, const AcmeFailure *failure, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    AcmeClient *c = userdata;
    int r;

    if (failure) {
        on_call_failed(c, failure);
        return;
    }
    c->change.asked = true;
    r = c->change.deactivates ? ask_for_deactivation(c) : ask_for_new_key(c, &problem);
    if (r < 0) {
        problem_set_errno(&problem, r, "Changing the account");
        client_end_change(c, &problem);
    }
}

/* The account must exist first: a request for it ensures that, as for an order. */
int acme_client_change_account(AcmeClient *c, bool deactivate, AcmeAccountDone done, void *userdata,
                               Problem *problem)
{
    AcmeRequest request = { .resource = ACME_ACCOUNT };
    AcmeCall *call;
    int r;

    if (c->change.done)
        return problem_set(problem, PROBLEM_BUSY,
                           "The account at %s is being changed already; wait until that is over.",
                           c->authority.name);
    r = acme_client_send(c, &request, on_prepared, c, &call);
    if (r < 0)
        return r;
    c->change.done = done;
    c->change.userdata = userdata;
    c->change.deactivates = deactivate;
    c->change.asked = false;
    return 0;
}
