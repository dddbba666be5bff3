/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "config/settings.h"
#include "core/now.h"
#include "core/private-name.h"
#include "crypto/request.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"

bool orders_can_prove(const Orders *s, char *const *names, Problem *why)
{
    for (size_t i = 0; names[i]; i++)
        if (!solvers_suit(s->ordered, s->n_ordered, names[i], why))
            return false;
    return true;
}

Connection *connection_free(Orders *s, Connection *p)
{
    TAILQ_REMOVE(&s->connections, p, entry);
    order_search_free(p->search);
    account_free(p->account);
    settings_unref(p->settings);
    free(p);
    return NULL;
}

/* Whether the configuration still has it just so. */
static bool is_current(const Orders *s, const Connection *p)
{
    const AuthoritySettings *is = orders_find_authority(s, p->authority->name);

    return is && authority_settings_equal(is, p->authority);
}

static bool is_used(const Orders *s, const Connection *p)
{
    const Ordering *o;

    TAILQ_FOREACH (o, &s->orderings, entry)
        if (o->connection == p)
            return true;
    return (p->book->looking && p->book->looked_with == p->client) || orders_checks_with(s, p) ||
           orders_revoke_with(s, p);
}

/* Orders end where they were made. */
void orders_clean_connections(Orders *s)
{
    Connection *p, *next;

    for (p = TAILQ_FIRST(&s->connections); p; p = next) {
        next = TAILQ_NEXT(p, entry);
        if (!is_current(s, p) && !is_used(s, p))
            connection_free(s, p);
    }
}

static Connection *find_connection(Orders *s, const char *name)
{
    Connection *p;

    TAILQ_FOREACH (p, &s->connections, entry)
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

static int make_account(const Orders *s, const AuthoritySettings *a, Account **ret)
{
    const AccountContext context = { .event = s->event,
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

    return account_new(&context, &authority, ret);
}

/* a is one of the settings in force. */
int connection_get(Orders *s, const AuthoritySettings *a, Connection **ret)
{
    Connection *p = find_connection(s, a->name);
    int r;

    if (!p) {
        p = calloc(1, sizeof(Connection));
        if (!p)
            return -ENOMEM;
        p->book = book_get(s, a);
        r = p->book ? make_account(s, a, &p->account) : -ENOMEM;
        if (r < 0) {
            free(p);
            return r;
        }
        p->client = account_client(p->account);
        p->settings = settings_ref(s->settings);
        p->authority = a;
        TAILQ_INSERT_TAIL(&s->connections, p, entry);
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
    const Orders *s = o->orders;

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
    known = orders_window(o->orders, o->former);
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
        return (LedgerWait){ .limit = WAIT_OUTAGE };
    if (b->outage_at >= o->begun)
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
        wait = (LedgerWait){ .until = ledger_open_until(b->ledger), .limit = WAIT_OUTAGE };
    else if (state == LEDGER_HALF_OPEN && b->probing)
        wait = (LedgerWait){ .limit = WAIT_OUTAGE };
    else if (!o->retry && after > now && b != o->tried)
        wait = (LedgerWait){ .until = after, .limit = WAIT_AFTER };
    return wait;
}

bool ordering_must_wait(Ordering *o)
{
    const AuthoritySettings *a = orders_find_authority(o->orders, o->asked_now);
    int64_t now = clock_now();
    LedgerWait wait;

    if (!a)
        return false;
    o->kind = judge_order(o, a, now);
    wait = wait_for_limits(o, a, o->connection->book, o->kind, now);
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

    TAILQ_FOREACH (other, &o->orders->orderings, entry) {
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
    Orders *s = o->orders;
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

void orders_expect(Orders *s, char *const *names, const char *authority)
{
    const AcmeRequest request = { .resource = ACME_DIRECTORY };
    AcmeCall *call;
    Connection *p;

    for (size_t i = 0; i < s->settings->n_authorities; i++) {
        const AuthoritySettings *a = s->settings->authorities + i;

        if (!authority_suits(a, names, authority))
            continue;
        if (orders_open(s) < 0 || connection_get(s, a, &p) < 0)
            (void)log_oom();
        else if (!p->expecting)
            p->expecting = acme_client_send(p->client, &request, NULL, NULL, &call) >= 0;
        return;
    }
}

const AuthoritySettings *orders_find_authority(const Orders *s, const char *name)
{
    for (size_t i = 0; i < s->settings->n_authorities; i++)
        if (streq(s->settings->authorities[i].name, name))
            return s->settings->authorities + i;
    return NULL;
}
