/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "config/settings.h"
#include "core/now.h"
#include "core/private-name.h"
#include "crypto/request.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"

#define REVOKED_FOR_KEY 1 /* keyCompromise, RFC 5280 section 5.3.1 */

struct Revocation {
    TAILQ_ENTRY(Revocation) entry;
    AcmeSource *source;
    AcmeClient *client;
    AccountKey *key;
    char *payload;
    bool by_key, tried_other;
    RevokeDone done;
    void *userdata;
};

/* ---- who is asked */

bool acme_settings_are_on(const Settings *settings)
{
    if (!settings->acme.enabled || !settings->acme.terms_agreed)
        return false;
    for (size_t i = 0; i < settings->n_authorities; i++)
        if (settings->authorities[i].enabled)
            return true;
    return false;
}

static const char *private_name(char *const *names, const char **ret_reason)
{
    for (size_t i = 0; names[i]; i++) {
        *ret_reason = name_private_reason(names[i]);
        if (*ret_reason)
            return names[i];
    }
    return NULL;
}

bool authority_suits(const AuthoritySettings *a, char *const *names, const char *authority)
{
    const char *reason;

    return a->enabled && (!authority || streq(a->name, authority)) &&
           (!a->is_public || !private_name(names, &reason));
}

AcmeStance acme_settings_judge(const Settings *settings, char *const *names, const char *authority)
{
    const char *reason;

    if (!settings->acme.terms_agreed && settings->acme.enabled && settings->n_authorities > 0)
        return ACME_STANCE_TERMS;
    if (!acme_settings_are_on(settings))
        return ACME_STANCE_OFF;
    if (acme_settings_suit(settings, names, authority, NULL))
        return ACME_STANCE_ASKED;
    return private_name(names, &reason) ? ACME_STANCE_PRIVATE : ACME_STANCE_UNSUITED;
}

bool acme_settings_suit(const Settings *settings, char *const *names, const char *authority, Problem *why)
{
    const char *reason = NULL, *name;

    if (!settings->acme.enabled)
        problem_set(why, PROBLEM_ACME_DISABLED,
                    "ACME is switched off; Enabled=yes in [ACME] switches it on.");
    else if (!settings->acme.terms_agreed)
        problem_set(why, PROBLEM_ACME_DISABLED,
                    "Nothing is ordered before you agree to the authority's terms of service: "
                    "TermsOfServiceAgreed=yes in [ACME].");
    else if (!acme_settings_are_on(settings))
        problem_set(why, PROBLEM_ACME_DISABLED,
                    "No ACME authority is configured; see [Authority] in "
                    "certwright.conf(5).");
    else {
        for (size_t i = 0; i < settings->n_authorities; i++)
            if (authority_suits(settings->authorities + i, names, authority))
                return true;
        name = private_name(names, &reason);
        if (name)
            problem_set(
                why, PROBLEM_ACME_DISABLED,
                "No public authority issues for %s: it is %s; an internal one can be set up with Public=no.",
                name, reason);
        else
            problem_set(
                why, PROBLEM_ACME_DISABLED,
                "There is no [Authority %s] that is enabled; correct Authority= of this certificate.",
                strempty(authority));
    }
    return false;
}

bool source_can_prove(const AcmeSource *s, char *const *names, Problem *why)
{
    for (size_t i = 0; names[i]; i++)
        if (!solvers_suit(s->ordered, s->n_ordered, names[i], why))
            return false;
    return true;
}

Peer *peer_free(AcmeSource *s, Peer *p)
{
    TAILQ_REMOVE(&s->peers, p, entry);
    order_search_free(p->search);
    acme_client_free(p->client);
    settings_unref(p->settings);
    free(p);
    return NULL;
}

/* Whether the configuration still has it just so. */
static bool is_current(const AcmeSource *s, const Peer *p)
{
    const AuthoritySettings *is = source_find_authority(s, p->authority->name);

    return is && authority_settings_equal(is, p->authority);
}

static bool is_used(const AcmeSource *s, const Peer *p)
{
    const Revocation *v;
    const Ordering *o;

    TAILQ_FOREACH (o, &s->orderings, entry)
        if (o->peer == p)
            return true;
    TAILQ_FOREACH (v, &s->revocations, entry)
        if (v->client == p->client)
            return true;
    return (p->book->looking && p->book->looked_with == p->client) || source_checks_with(s, p);
}

/* Orders end where they were made. */
void source_clean_peers(AcmeSource *s)
{
    Peer *p, *next;

    for (p = TAILQ_FIRST(&s->peers); p; p = next) {
        next = TAILQ_NEXT(p, entry);
        if (!is_current(s, p) && !is_used(s, p))
            peer_free(s, p);
    }
}

static Peer *find_peer(AcmeSource *s, const char *name)
{
    Peer *p;

    TAILQ_FOREACH (p, &s->peers, entry)
        if (streq(p->authority->name, name) && is_current(s, p))
            return p;
    return NULL;
}

static int read_account(void *accounts, const char *authority, AccountRecord **ret)
{
    return store_read_account(accounts, authority, ret);
}

static int write_account(void *accounts, const char *authority, const AccountRecord *account)
{
    return store_write_account(accounts, authority, account);
}

static int remove_account(void *accounts, const char *authority)
{
    return store_remove_account(accounts, authority);
}

static int client_new(const AcmeSource *s, const AuthoritySettings *a, AcmeClient **ret)
{
    const AcmeContext context = { .event = s->event,
                                  .http = s->http,
                                  .workers = s->workers,
                                  .read_account = read_account,
                                  .write_account = write_account,
                                  .remove_account = remove_account,
                                  .accounts = s->store };
    const AcmeAuthority authority = { .name = a->name,
                                      .directory = a->directory,
                                      .trust_file = a->trust_file,
                                      .origins = a->origins,
                                      .contact = a->contact,
                                      .preferred_chain = a->preferred_chain,
                                      .eab_key_id = a->eab_key_id,
                                      .eab_key_file = a->eab_key_file,
                                      .eab_algorithm = a->eab_algorithm,
                                      .key_type = a->key_type,
                                      .needs_profile = a->needs_profile,
                                      .terms_agreed = s->settings->acme.terms_agreed };

    return acme_client_new(&context, &authority, ret);
}

/* a is one of the settings in force. */
int peer_get(AcmeSource *s, const AuthoritySettings *a, Peer **ret)
{
    Peer *p = find_peer(s, a->name);
    int r;

    if (!p) {
        p = calloc(1, sizeof(Peer));
        if (!p)
            return -ENOMEM;
        p->book = book_get(s, a);
        r = p->book ? client_new(s, a, &p->client) : -ENOMEM;
        if (r < 0) {
            free(p);
            return r;
        }
        p->settings = settings_ref(s->settings);
        p->authority = a;
        TAILQ_INSERT_TAIL(&s->peers, p, entry);
    }
    *ret = p;
    return 0;
}

static bool was_asked(const Ordering *o, const char *name)
{
    for (size_t i = 0; i < o->n_asked; i++)
        if (streq(o->asked[i], name))
            return true;
    return false;
}

bool ordering_has_other(const Ordering *o)
{
    const AcmeSource *s = o->source;

    for (size_t i = 0; i < s->settings->n_authorities; i++)
        if (authority_suits(s->settings->authorities + i, o->names, o->authority) &&
            !was_asked(o, s->settings->authorities[i].name))
            return true;
    return false;
}

/* Whether the certificate that is renewed has just these names, in whichever order. */
static bool has_same_names(const Chain *chain, char *const *names)
{
    size_t n = strv_length(names);

    for (size_t i = 0; i < chain->n_names; i++)
        if (!strv_contains(names, chain->names[i]))
            return false;
    return n == chain->n_names;
}

/* How the authority will count it. */
static LedgerOrder judge_order(const Ordering *o, const AuthoritySettings *a, int64_t now)
{
    const Chain *chain = o->former ? o->former->slots[SOURCE_ACME].chain : NULL;
    LedgerWindow known;

    if (!chain || !o->former->authority || !streq(o->former->authority, a->name))
        return LEDGER_NEW;
    known = acme_source_window(o->source, o->former);
    if (known.window.start <= now && now < known.window.end)
        return LEDGER_IN_WINDOW;
    return has_same_names(chain, o->names) ? LEDGER_AGAIN : LEDGER_NEW;
}

/* The authority counts a certificate when it is issued, here it is counted when it is ordered: so as much longer. And it counts
 * an order when the request has come to it. */
static LedgerWait wait_for_limits(const Ordering *o, const AuthoritySettings *a, const Book *b,
                                  LedgerOrder kind, int64_t now)
{
    RateLimit limits[_LEDGER_LIMIT_MAX];

    memcpy(limits, a->limits, sizeof(limits));
    limits[LEDGER_ORDERS].span += LIMIT_ACME_TIME;
    limits[LEDGER_DOMAIN].span += LIMIT_ORDER_TIME;
    limits[LEDGER_SET].span += LIMIT_ORDER_TIME;
    return ledger_wait(b->ledger, limits, o->names, kind, now);
}

/* One of many that somebody asked for, at an authority in trouble: one is tried, and answers for the others. */
static LedgerWait wait_as_reissue(const Ordering *o, const Book *b, LedgerWait wait)
{
    if (b->probing && b->probing != o)
        return (LedgerWait){ .limit = WAIT_TROUBLE };
    if (b->troubled >= o->begun)
        return (LedgerWait){ .until = ledger_open_until(b->ledger), .limit = WAIT_TRIED };
    return wait;
}

/* What it has to wait for there; until 0: another order, that is tried first. */
static LedgerWait wait_for(const Ordering *o, const AuthoritySettings *a, const Book *b, LedgerOrder kind,
                           int64_t now)
{
    LedgerWait wait = wait_for_limits(o, a, b, kind, now);
    LedgerState state = ledger_state(b->ledger, now);
    int64_t after = ledger_after(b->ledger, o->name);

    if (wait.until > now || o->manual || (o->reissue && state == LEDGER_CLOSED))
        return wait;
    if (o->reissue)
        return wait_as_reissue(o, b, wait);
    if (state == LEDGER_OPEN)
        wait = (LedgerWait){ .until = ledger_open_until(b->ledger), .limit = WAIT_TROUBLE };
    else if (state == LEDGER_HALF_OPEN && b->probing)
        wait = (LedgerWait){ .limit = WAIT_TROUBLE };
    else if (!o->anew && after > now && b != o->tried)
        wait = (LedgerWait){ .until = after, .limit = WAIT_AFTER };
    return wait;
}

bool ordering_must_wait(Ordering *o)
{
    const AuthoritySettings *a = source_find_authority(o->source, o->peer_name);
    int64_t now = clock_now();
    LedgerWait wait;

    if (!a)
        return false;
    o->kind = judge_order(o, a, now);
    wait = wait_for_limits(o, a, o->peer->book, o->kind, now);
    if (wait.until > now) {
        o->until = wait.until;
        ordering_explain_wait(o, a, &wait);
    }
    ledger_wait_done(&wait);
    return o->until > now;
}

/* That a name's proof is refused is known when its order has ended: more at once could be more than the authority allows. */
static bool shares_name(const Ordering *o)
{
    const Ordering *other;

    TAILQ_FOREACH (other, &o->source->orderings, entry) {
        if (other == o)
            continue;
        if (other->state == ORDERING_WAITING) /* those that have begun stand first */
            break;
        for (size_t i = 0; other->tried && o->names[i]; i++)
            if (strv_contains(other->names, o->names[i]))
                return true;
    }
    return false;
}

const AuthoritySettings *ordering_choose_authority(Ordering *o)
{
    int64_t now = clock_now(), until = INT64_MAX;
    AcmeSource *s = o->source;
    bool held = false;

    o->held = shares_name(o);
    if (o->held)
        return NULL;
    for (size_t i = 0; i < s->settings->n_authorities; i++) {
        const AuthoritySettings *a = s->settings->authorities + i;
        LedgerWait wait = {};
        LedgerOrder kind;
        Book *b;

        if (!authority_suits(a, o->names, o->authority) || was_asked(o, a->name))
            continue;
        b = book_get(s, a);
        kind = judge_order(o, a, now);
        wait =
            b ? wait_for(o, a, b, kind, now) : (LedgerWait){ .until = now + READ_AGAIN, .limit = WAIT_READ };
        if (wait.until == now) {
            o->kind = kind;
            ledger_wait_done(&wait);
            return a;
        }
        held |= wait.until == 0;
        if (wait.until > 0 && wait.until < until) {
            until = wait.until;
            ordering_explain_wait(o, a, &wait);
        }
        ledger_wait_done(&wait);
    }
    o->held = held;
    if (until < INT64_MAX && !held)
        o->until = o->tried && o->until > 0 ? MIN(o->until, until) : until;
    if (held)
        problem_clear(&o->problem);
    return NULL;
}

void acme_source_expect(AcmeSource *s, char *const *names, const char *authority)
{
    const AcmeRequest request = { .resource = ACME_DIRECTORY };
    AcmeCall *call;
    Peer *p;

    for (size_t i = 0; i < s->settings->n_authorities; i++) {
        const AuthoritySettings *a = s->settings->authorities + i;

        if (!authority_suits(a, names, authority))
            continue;
        if (source_open(s) < 0 || peer_get(s, a, &p) < 0)
            (void)log_oom();
        else if (!p->expecting)
            p->expecting = acme_client_send(p->client, &request, NULL, NULL, &call) >= 0;
        return;
    }
}

/* ---- revocation and accounts */

static void revocation_free(Revocation *v)
{
    TAILQ_REMOVE(&v->source->revocations, v, entry);
    account_key_free(v->key);
    free(v->payload);
    free(v);
}

void source_give_up_revocations(AcmeSource *s)
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
                            .payload = v->payload,
                            .key = v->by_key ? v->key : NULL };
    AcmeCall *call;

    return acme_client_send(v->client, &request, on_revoked, v, &call);
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
    revocation_free(v);
}

const AuthoritySettings *source_find_authority(const AcmeSource *s, const char *name)
{
    for (size_t i = 0; i < s->settings->n_authorities; i++)
        if (streq(s->settings->authorities[i].name, name))
            return s->settings->authorities + i;
    return NULL;
}

static int open_peer(AcmeSource *s, const char *authority, Peer **ret, Problem *problem)
{
    const AuthoritySettings *a = source_find_authority(s, authority);
    int r;

    if (!a)
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "There is no [Authority %s] in the configuration; property Authorities lists them.", authority);
    r = source_open(s);
    return r < 0 ? r : peer_get(s, a, ret);
}

int acme_source_revoke(AcmeSource *s, const char *authority, const Bundle *bundle, int reason,
                       RevokeDone done, void *userdata, Problem *problem)
{
    _cleanup_free_ char *certificate = NULL;
    Revocation *v;
    Peer *peer;
    int r = open_peer(s, authority, &peer, problem);

    if (r < 0)
        return r;
    r = certificate_to_base64url(bundle->leaf, &certificate);
    v = r >= 0 ? calloc(1, sizeof(Revocation)) : NULL;
    if (!v)
        return r < 0 ? r : -ENOMEM;
    *v = (Revocation){ .source = s,
                       .client = peer->client,
                       .payload = acme_revocation_payload(certificate, reason),
                       .by_key = reason == REVOKED_FOR_KEY,
                       .done = done,
                       .userdata = userdata };
    TAILQ_INSERT_TAIL(&s->revocations, v, entry);
    r = v->payload ? account_key_from_pem(bundle->key, &v->key) : -ENOMEM;
    if (r >= 0)
        r = revocation_send(v);
    if (r < 0)
        revocation_free(v);
    return r;
}

int acme_source_change_account(AcmeSource *s, const char *authority, bool deactivate, RevokeDone done,
                               void *userdata, Problem *problem)
{
    Peer *peer;
    int r = open_peer(s, authority, &peer, problem);

    if (r < 0)
        return r;
    return acme_client_change_account(peer->client, deactivate, done, userdata, problem);
}
