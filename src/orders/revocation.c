/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "crypto/request.h"
#include "orders/orders-internal.h"
#include "util/text.h"

/* Revokes chains, with the account key first, except for keyCompromise. The other key is tried when that is refused. */

#define REVOKED_FOR_KEY 1 /* keyCompromise, RFC 5280 section 5.3.1 */

struct Revocation {
    TAILQ_ENTRY(Revocation) entry;
    Orders *orders;
    Connection *connection;
    AccountKey *key;
    char *payload;
    bool by_key, tried_other;
    RevokeDone done;
    void *userdata;
};

static void revocation_free(Revocation *v)
{
    TAILQ_REMOVE(&v->orders->revocations, v, entry);
    account_key_free(v->key);
    free(v->payload);
    free(v);
}

static void revocation_end(Revocation *v)
{
    connection_release(v->connection);
    revocation_free(v);
}

void orders_give_up_revocations(Orders *s)
{
    _cleanup_problem_ Problem stopped = {};
    Revocation *v;

    problem_set(&stopped, PROBLEM_CANCELLED, "The service stops.");
    while ((v = TAILQ_FIRST(&s->revocations))) {
        v->done(&stopped, v->userdata);
        revocation_free(v);
    }
}

static void on_revoked(const AcmeReply *reply, const AcmeFailure *failure, void *userdata);

static int revocation_send(Revocation *v)
{
    AcmeRequest request = { .resource = ACME_REVOKE_CERT,
                            .subject = ACME_ABOUT_REVOCATION,
                            .payload = v->payload,
                            .key = v->by_key ? v->key : NULL };
    AcmeCall *call;

    return acme_client_send(v->connection->client, &request, on_revoked, v, &call);
}

static void on_revoked(const AcmeReply *reply _unused_, const AcmeFailure *failure, void *userdata)
{
    const char *type = failure ? strempty(failure->problem->type) : "";
    const Problem none = {};
    Revocation *v = userdata;

    if (failure && !v->tried_other && !failure->at_authority && !streq(type, "alreadyRevoked")) {
        v->tried_other = true;
        v->by_key = !v->by_key;
        if (revocation_send(v) >= 0)
            return;
    }
    v->done(failure && !streq(type, "alreadyRevoked") ? failure->problem : &none, v->userdata);
    revocation_end(v);
}

static int open_connection(Orders *s, const char *authority, Connection **ret, Problem *problem)
{
    const AuthoritySettings *a = orders_find_authority(s, authority);

    if (!a)
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "There is no [Authority %s] in the configuration; property Authorities lists them.", authority);
    return connection_get(s, a, ret);
}

int orders_revoke(Orders *s, const char *authority, const Bundle *bundle, int reason, RevokeDone done,
                  void *userdata, Problem *problem)
{
    _cleanup_free_ char *certificate = NULL;
    Revocation *v = calloc(1, sizeof(Revocation));
    int r;

    if (!v)
        return -ENOMEM;
    *v =
        (Revocation){ .orders = s, .by_key = reason == REVOKED_FOR_KEY, .done = done, .userdata = userdata };
    TAILQ_INSERT_TAIL(&s->revocations, v, entry);
    r = open_connection(s, authority, &v->connection, problem);
    if (r >= 0)
        r = certificate_to_base64url(bundle->leaf, &certificate);
    if (r >= 0)
        r = (v->payload = acme_revocation_payload(certificate, reason)) ? 0 : -ENOMEM;
    if (r >= 0)
        r = account_key_from_pem(bundle->key, &v->key);
    if (r >= 0)
        r = revocation_send(v);
    if (r < 0)
        revocation_end(v);
    return r;
}

static bool has_account(Orders *s, const char *authority)
{
    AccountRecord *record = NULL;
    int r = store_read_account(s->store, authority, &record);

    account_record_free(record);
    return r != -ENOENT;
}

/* A change begins with a request for the account, which agrees to the terms or makes the account. */
static int check_agreement(Orders *s, const char *authority, bool deactivate, Problem *problem)
{
    if (s->settings->acme.terms_agreed || !orders_find_authority(s, authority))
        return 0;
    if (!has_account(s, authority))
        return problem_set(
            problem, PROBLEM_ACME_DISABLED,
            "There is no account at %s yet: the first order makes it, once you agree to the authority's terms of "
            "service with TermsOfServiceAgreed=yes in [ACME] of certwright.conf.",
            authority);
    return deactivate
               ? 0
               : problem_set(problem, PROBLEM_ACME_DISABLED,
                             "The account at %s cannot be used before you agree to the authority's terms of "
                             "service: TermsOfServiceAgreed=yes in [ACME] of certwright.conf.",
                             authority);
}

int orders_change_account(Orders *s, const char *authority, bool deactivate, RevokeDone done, void *userdata,
                          Problem *problem)
{
    Connection *p;
    int r = check_agreement(s, authority, deactivate, problem);

    if (r >= 0)
        r = open_connection(s, authority, &p, problem);
    if (r < 0)
        return r;
    r = account_change(p->account, deactivate, done, userdata, problem);
    connection_release(p);
    return r;
}
