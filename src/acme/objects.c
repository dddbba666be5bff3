/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/objects.h"

#include <errno.h>

#include "acme/json-reader.h"
#include "core/limits.h"
#include "core/name.h"
#include "util/text.h"

static const char *const statuses[_ACME_STATUS_MAX] = {
    [ACME_PENDING] = "pending", [ACME_PROCESSING] = "processing", [ACME_READY] = "ready",
    [ACME_VALID] = "valid",     [ACME_INVALID] = "invalid",       [ACME_DEACTIVATED] = "deactivated",
    [ACME_EXPIRED] = "expired", [ACME_REVOKED] = "revoked",
};

const char *acme_status_to_string(AcmeStatus s)
{
    return s >= 0 && s < _ACME_STATUS_MAX ? statuses[s] : NULL;
}

/* ---- common members */

#define BIT(status) (1U << (status))

/* RFC 8555 section 7.1.6. */
#define OF_ACCOUNT (BIT(ACME_VALID) | BIT(ACME_DEACTIVATED) | BIT(ACME_REVOKED))
#define OF_ORDER \
    (BIT(ACME_PENDING) | BIT(ACME_READY) | BIT(ACME_PROCESSING) | BIT(ACME_VALID) | BIT(ACME_INVALID))
#define OF_CHALLENGE (BIT(ACME_PENDING) | BIT(ACME_PROCESSING) | BIT(ACME_VALID) | BIT(ACME_INVALID))
#define OF_AUTHORIZATION \
    (BIT(ACME_PENDING) | BIT(ACME_VALID) | BIT(ACME_INVALID) | BIT(ACME_DEACTIVATED) | BIT(ACME_EXPIRED) | \
     BIT(ACME_REVOKED))

static bool text_is_status(const char *s)
{
    return TABLE_FROM_STRING(statuses, s) >= 0;
}

static int read_status(const Reader *r, unsigned allowed, AcmeStatus *ret)
{
    _cleanup_free_ char *text = NULL;
    int c = reader_read_text(r, "status", REQUIRED, text_is_status, &text), status;

    if (c < 0)
        return c;
    status = TABLE_FROM_STRING(statuses, text);
    if (!(BIT(status) & allowed))
        return reader_refuse(r, "status", "is not one of this kind of object");
    *ret = (AcmeStatus)status;
    return 0;
}

/* RFC 8555 section 9.7.7, RFC 8738: types other than "dns" and "ip" are never requested. */
static int read_name(const Reader *r, char **ret)
{
    _cleanup_free_ char *name = NULL;
    const char *type = reader_peek(r, "type"), *value = reader_peek(r, "value");
    int c;

    if (!type || !value || strlen(value) > LIMIT_NAME_INPUT)
        return reader_refuse(r, "value", "is not a name");
    c = name_canonicalize(value, &name, NULL);
    if (c < 0)
        return c == -ENOMEM ? c : reader_refuse(r, "value", "is not a name");
    if (!streq(type, name_is_address(name) ? "ip" : "dns"))
        return reader_refuse(r, "type", "does not suit its value");
    *ret = TAKE_PTR(name);
    return 0;
}

static int read_names(const Reader *r, char ***ret)
{
    _cleanup_strv_ char **names = NULL;
    Reader identifier;
    size_t n;
    int c = reader_count(r, "identifiers", LIMIT_NAMES, &n);

    if (c < 0)
        return c;
    if (n == 0)
        return reader_refuse(r, "identifiers", "is missing");
    names = calloc(n + 1, sizeof(char *));
    if (!names)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        c = reader_enter_item(r, "identifiers", i, "an identifier", &identifier);
        c = c < 0 ? c : read_name(&identifier, names + i);
        if (c < 0)
            return c;
    }
    *ret = TAKE_PTR(names);
    return 0;
}

static int read_problem(const Reader *r, AcmeProblem **ret)
{
    Reader document;

    return reader_peek_object(r, "error", "a problem document", &document)
               ? acme_problem_read(&document, ret)
               : 0;
}

static bool text_is_label(const char *s)
{
    return *s && strlen(s) <= LIMIT_ACME_LABEL && text_is_plain(s);
}

/* ---- directory: RFC 8555 section 7.1.1 */

static int read_meta(const Reader *r, AcmeDirectory *d)
{
    Reader meta;
    int c;

    if (!reader_peek_object(r, "meta", "the \"meta\" of a directory", &meta))
        return 0;
    c = reader_read_boolean(&meta, "externalAccountRequired", &d->needs_external_account);
    return c < 0 ? c : reader_peek_names(&meta, "profiles", text_is_label, LIMIT_PROFILES, &d->profiles);
}

static int read_directory(const Reader *r, AcmeDirectory *d)
{
    int c = reader_read_text(r, "newNonce", REQUIRED, text_is_url, &d->new_nonce);

    c = c < 0 ? c : reader_read_text(r, "newAccount", REQUIRED, text_is_url, &d->new_account);
    c = c < 0 ? c : reader_read_text(r, "newOrder", REQUIRED, text_is_url, &d->new_order);
    c = c < 0 ? c : reader_peek_url(r, "revokeCert", &d->revoke_cert);
    c = c < 0 ? c : reader_peek_url(r, "keyChange", &d->key_change);
    c = c < 0 ? c : reader_peek_url(r, "renewalInfo", &d->renewal_info);
    return c < 0 ? c : read_meta(r, d);
}

AcmeDirectory *acme_directory_free(AcmeDirectory *d)
{
    if (!d)
        return NULL;
    strv_free(d->profiles);
    free(d->new_nonce);
    free(d->new_account);
    free(d->new_order);
    free(d->revoke_cert);
    free(d->key_change);
    free(d->renewal_info);
    free(d);
    return NULL;
}

/* ---- account: section 7.1.2 */

static int read_account(const Reader *r, AcmeAccount *a)
{
    int c = read_status(r, OF_ACCOUNT, &a->status);

    return c < 0 ? c : reader_peek_url(r, "orders", &a->orders);
}

AcmeAccount *acme_account_free(AcmeAccount *a)
{
    if (!a)
        return NULL;
    free(a->orders);
    free(a);
    return NULL;
}

/* ---- order: section 7.1.3, RFC 9773 section 5 */

/* The URLs of what is still to be done; whatever stands there afterwards. */
static int read_steps(const Reader *r, AcmeOrder *o)
{
    bool pending = o->status == ACME_PENDING;
    Reader quiet = *r;
    int c;

    quiet.problem = NULL;
    c = reader_read_texts(pending ? r : &quiet, "authorizations", text_is_url, LIMIT_NAMES,
                          &o->authorizations);
    if (c < 0 && (pending || c == -ENOMEM))
        return c;
    if (pending || o->status == ACME_READY)
        return reader_read_text(r, "finalize", REQUIRED, text_is_url, &o->finalize);
    return reader_peek_url(r, "finalize", &o->finalize);
}

static int read_order(const Reader *r, AcmeOrder *o)
{
    int c = read_status(r, OF_ORDER, &o->status);

    c = c < 0 ? c : read_names(r, &o->names);
    c = c < 0 ? c : read_steps(r, o);
    c = c < 0 ? c : reader_peek_url(r, "certificate", &o->certificate);
    c = c < 0 ? c : reader_peek_text(r, "profile", text_is_label, &o->profile);
    return c < 0 ? c : read_problem(r, &o->problem);
}

AcmeOrder *acme_order_free(AcmeOrder *o)
{
    if (!o)
        return NULL;
    strv_free(o->names);
    strv_free(o->authorizations);
    free(o->finalize);
    free(o->certificate);
    free(o->profile);
    acme_problem_free(o->problem);
    free(o);
    return NULL;
}

/* ---- challenge: sections 7.1.5 and 8 */

static bool challenge_is_supported(const Reader *r)
{
    static const char *const types[] = { "http-01", "dns-01", "tls-alpn-01" };

    return TABLE_FROM_STRING(types, strempty(reader_peek(r, "type"))) >= 0;
}

static int read_challenge(const Reader *r, AcmeChallenge *challenge)
{
    int c;

    if (!challenge_is_supported(r))
        return reader_refuse(r, "type", "is not supported");
    c = reader_peek_text(r, "type", text_is_plain, &challenge->type);
    c = c < 0 ? c : reader_read_text(r, "url", REQUIRED, text_is_url, &challenge->url);
    c = c < 0 ? c : read_status(r, OF_CHALLENGE, &challenge->status);
    c = c < 0 ? c : reader_read_text(r, "token", REQUIRED, text_is_token, &challenge->token);
    return c < 0 ? c : read_problem(r, &challenge->problem);
}

static void challenge_clear(AcmeChallenge *c)
{
    free(c->type);
    free(c->url);
    free(c->token);
    acme_problem_free(c->problem);
}

AcmeChallenge *acme_challenge_free(AcmeChallenge *c)
{
    if (!c)
        return NULL;
    challenge_clear(c);
    free(c);
    return NULL;
}

/* ---- authorization: section 7.1.4 */

static int read_challenges(const Reader *r, AcmeAuthorization *a)
{
    Reader item;
    size_t n;
    int c = reader_count(r, "challenges", LIMIT_CHALLENGES, &n);

    if (c < 0 || n == 0)
        return c;
    a->challenges = calloc(n, sizeof(AcmeChallenge));
    if (!a->challenges)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        c = reader_enter_item(r, "challenges", i, "a challenge", &item);
        if (c < 0)
            return c;
        if (!challenge_is_supported(&item))
            continue;
        c = read_challenge(&item, a->challenges + a->n_challenges++);
        if (c < 0)
            return c;
    }
    return 0;
}

static int read_authorization(const Reader *r, AcmeAuthorization *a)
{
    Reader identifier;
    int c = reader_enter(r, "identifier", REQUIRED, "an identifier", &identifier);

    c = c < 0 ? c : read_name(&identifier, &a->name);
    if (c >= 0 && name_is_wildcard(a->name))
        return reader_refuse(&identifier, "value", "is a wildcard");
    c = c < 0 ? c : reader_read_boolean(r, "wildcard", &a->wildcard);
    c = c < 0 ? c : read_status(r, OF_AUTHORIZATION, &a->status);
    return c < 0 || a->status == ACME_VALID ? c : read_challenges(r, a);
}

AcmeAuthorization *acme_authorization_free(AcmeAuthorization *a)
{
    if (!a)
        return NULL;
    for (size_t i = 0; i < a->n_challenges; i++)
        challenge_clear(a->challenges + i);
    free(a->challenges);
    free(a->name);
    free(a);
    return NULL;
}

/* ---- list of orders: section 7.1.2.1 */

static int read_order_list(const Reader *r, AcmeOrderList *l)
{
    return reader_read_texts(r, "orders", text_is_url, LIMIT_ORDER_LIST, &l->orders);
}

AcmeOrderList *acme_order_list_free(AcmeOrderList *l)
{
    if (!l)
        return NULL;
    strv_free(l->orders);
    free(l);
    return NULL;
}

/* ---- renewal information: RFC 9773 section 4.2 */

static int read_renewal_info(const Reader *r, AcmeRenewalInfo *i)
{
    Reader window;
    int c = reader_enter(r, "suggestedWindow", REQUIRED, "a window of renewal", &window);

    c = c < 0 ? c : reader_read_time(&window, "start", REQUIRED, &i->start);
    c = c < 0 ? c : reader_read_time(&window, "end", REQUIRED, &i->end);
    if (c >= 0 && i->start >= i->end)
        return reader_refuse(&window, "end", "is not after its start");
    return c < 0 ? c : reader_peek_url(r, "explanationURL", &i->explanation);
}

AcmeRenewalInfo *acme_renewal_info_free(AcmeRenewalInfo *i)
{
    if (!i)
        return NULL;
    free(i->explanation);
    free(i);
    return NULL;
}

/* ---- common: read into a new object, which is returned if everything is valid */

#define DEFINE_PARSE(Type, noun, what) \
    int acme_##noun##_parse(const char *whose, const void *data, size_t size, Type **ret, Problem *problem) \
    { \
        _cleanup_(acme_##noun##_freep) Type *object = calloc(1, sizeof(Type)); \
        _cleanup_(reader_close) Reader r = {}; \
        int c = object ? reader_open(&r, whose, what, data, size, problem) : -ENOMEM; \
\
        c = c < 0 ? c : read_##noun(&r, object); \
        if (c < 0) \
            return reader_finish(c, problem); \
        *ret = TAKE_PTR(object); \
        return 0; \
    }

DEFINE_PARSE(AcmeDirectory, directory, "a directory")
DEFINE_PARSE(AcmeAccount, account, "an account")
DEFINE_PARSE(AcmeOrder, order, "an order")
DEFINE_PARSE(AcmeAuthorization, authorization, "an authorization")
DEFINE_PARSE(AcmeChallenge, challenge, "a challenge")
DEFINE_PARSE(AcmeOrderList, order_list, "a list of orders")
DEFINE_PARSE(AcmeRenewalInfo, renewal_info, "renewal information")
