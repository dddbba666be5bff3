/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "config/settings.h"
#include "core/now.h"
#include "core/private-name.h"
#include "crypto/request.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"

void connection_free(Orders *s, Connection *p)
{
    TAILQ_REMOVE(&s->connections, p, entry);
    order_search_free(p->search);
    account_free(p->account);
    settings_unref(p->settings);
    free(p);
}

/* Returns true if the authority is still configured as it was. */
static bool is_current(const Orders *s, const Connection *p)
{
    const AuthoritySettings *is = orders_find_authority(s, p->authority->name);

    return is && authority_settings_equal(is, p->authority);
}

/* Orders end where they were placed. */
void orders_clean_connections(Orders *s)
{
    Connection *p, *next;

    for (p = TAILQ_FIRST(&s->connections); p; p = next) {
        next = TAILQ_NEXT(p, entry);
        if (p->n_users == 0 && !is_current(s, p))
            connection_free(s, p);
    }
}

static Connection *find_connection(const Orders *s, const AuthoritySettings *a)
{
    Connection *p;

    TAILQ_FOREACH (p, &s->connections, entry)
        if (authority_settings_equal(p->authority, a))
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
                                     .http = s->solving.context.http,
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

int connection_get(Orders *s, const AuthoritySettings *a, Connection **ret)
{
    Connection *p = find_connection(s, a);
    int r;

    if (!p) {
        r = orders_open(s);
        p = r >= 0 ? calloc(1, sizeof(Connection)) : NULL;
        if (!p)
            return r < 0 ? r : -ENOMEM;
        p->file = ledger_file_get(s, a);
        r = p->file ? make_account(s, a, &p->account) : -ENOMEM;
        if (r < 0) {
            free(p);
            return r;
        }
        p->client = account_client(p->account);
        p->settings = settings_ref(s->settings);
        p->authority = a;
        TAILQ_INSERT_TAIL(&s->connections, p, entry);
    }
    p->n_users++;
    *ret = p;
    return 0;
}

void connection_release(Connection *p)
{
    if (p)
        p->n_users--;
}

static bool was_asked(const Ordering *o, const char *name)
{
    for (size_t i = 0; i < o->n_asked; i++)
        if (streq(o->asked[i], name))
            return true;
    return false;
}

/* Returns true if the authority suits the ordering and was not asked yet. */
static bool may_be_asked(const Ordering *o, const AuthoritySettings *a)
{
    return authority_suits(a, o->wanted.names, o->wanted.authority) && !was_asked(o, a->name);
}

bool ordering_has_other(const Ordering *o)
{
    FOREACH_AUTHORITY (a, o->orders->settings)
        if (may_be_asked(o, a))
            return true;
    return false;
}

/* Predicts how the authority will count the order. */
static LedgerOrder judge_order(const Ordering *o, const AuthoritySettings *a, int64_t now)
{
    const Record *former = o->wanted.former;
    const Chain *chain = former ? former->slots[SOURCE_ACME].chain : NULL;
    LedgerWindow known;

    if (!chain || !former->authority || !streq(former->authority, a->name))
        return LEDGER_NEW;
    known = orders_window(o->orders, former);
    if (known.window.start <= now && now < known.window.end)
        return LEDGER_IN_WINDOW;
    return strv_equal_sets(chain->names, o->wanted.names) ? LEDGER_AGAIN : LEDGER_NEW;
}

/* Authorities count a certificate when it is issued, and an order when the request arrives, whereas the ledger counts both
 * before: so they are counted longer here. */
static LedgerWait wait_for_limits(const Ordering *o, const AuthoritySettings *a, const LedgerFile *f,
                                  LedgerOrder kind, int64_t now)
{
    RateLimit limits[_LEDGER_LIMIT_MAX];

    memcpy(limits, a->limits, sizeof(limits));
    limits[LEDGER_ORDERS].span += LIMIT_ACME_TIME;
    limits[LEDGER_DOMAIN].span += LIMIT_ORDER_TIME;
    limits[LEDGER_SET].span += LIMIT_ORDER_TIME;
    return ledger_wait(f->ledger, limits, o->wanted.names, kind, now);
}

/* At an authority with an outage, one of many reissues is tried first, and decides for the others. */
static LedgerWait wait_as_reissue(const Ordering *o, const LedgerFile *f, LedgerWait wait)
{
    if (f->outage.trial && f->outage.trial != o)
        return (LedgerWait){ .limit = WAIT_OUTAGE };
    if (f->outage.last >= o->wanted.begun)
        return (LedgerWait){ .until = ledger_open_until(f->ledger), .limit = WAIT_TRIED };
    return wait;
}

/* Computes the wait for this authority. until 0: for another ordering, which is tried first. */
static LedgerWait wait_for(const Ordering *o, const AuthoritySettings *a, const LedgerFile *f,
                           LedgerOrder kind, int64_t now)
{
    LedgerWait wait = wait_for_limits(o, a, f, kind, now);
    LedgerState state = ledger_state(f->ledger, now);
    int64_t after = ledger_after(f->ledger, o->wanted.name);
    bool reissue = o->flags & ORDERING_REISSUE;

    if (wait.until > now || o->flags & ORDERING_MANUAL || (reissue && state == LEDGER_CLOSED))
        return wait;
    if (reissue)
        return wait_as_reissue(o, f, wait);
    if (state == LEDGER_OPEN)
        wait = (LedgerWait){ .until = ledger_open_until(f->ledger), .limit = WAIT_OUTAGE };
    else if (state == LEDGER_HALF_OPEN && f->outage.trial)
        wait = (LedgerWait){ .limit = WAIT_OUTAGE };
    else if (!(o->flags & ORDERING_RETRY) && after > now && f != o->tried)
        wait = (LedgerWait){ .until = after, .limit = WAIT_AFTER };
    return wait;
}

bool ordering_must_wait(Ordering *o)
{
    const AuthoritySettings *a = o->attempt.connection->authority;
    int64_t now = clock_now();
    _cleanup_(ledger_wait_done) LedgerWait wait = {};

    o->attempt.kind = judge_order(o, a, now);
    wait = wait_for_limits(o, a, o->attempt.connection->file, o->attempt.kind, now);
    if (wait.until > now)
        ordering_note_wait(o, a, &wait);
    return wait.until > now;
}

/* Returns true if an ordering that has begun has one of its names. Refused proofs are only known when that has ended, and more
 * orders at once could exceed what the authority allows. */
static bool shares_name(const Ordering *o)
{
    const Ordering *other;

    TAILQ_FOREACH (other, &o->orders->queue.orderings, entry) {
        if (other == o)
            continue;
        if (ordering_is_waiting(other)) /* so are those behind it */
            break;
        for (size_t i = 0; other->tried && o->wanted.names[i]; i++)
            if (strv_contains(other->wanted.names, o->wanted.names[i]))
                return true;
    }
    return false;
}

const AuthoritySettings *ordering_choose_authority(Ordering *o)
{
    _cleanup_(ledger_wait_done) LedgerWait first = { .until = INT64_MAX };
    const AuthoritySettings *first_of = NULL;
    int64_t now = clock_now();
    bool held = false;

    if (shares_name(o)) {
        o->state = ORDERING_HELD;
        return NULL;
    }
    FOREACH_AUTHORITY (a, o->orders->settings) {
        _cleanup_(ledger_wait_done) LedgerWait wait = { .until = now + READ_AGAIN, .limit = WAIT_READ };
        LedgerOrder kind;
        LedgerFile *f;

        if (!may_be_asked(o, a))
            continue;
        kind = judge_order(o, a, now);
        f = ledger_file_get(o->orders, a);
        if (f)
            wait = wait_for(o, a, f, kind, now);
        if (wait.until == now) {
            o->attempt.kind = kind;
            return a;
        }
        held |= wait.until == 0;
        if (wait.until > 0 && wait.until < first.until) {
            ledger_wait_done(&first);
            first = wait;
            wait = (LedgerWait){}; /* its subject has moved */
            first_of = a;
        }
    }
    if (held)
        o->state = ORDERING_HELD;
    else if (first_of)
        ordering_note_wait(o, first_of, &first);
    return NULL;
}

void orders_expect(Orders *s, char *const *names, const char *authority)
{
    const AcmeRequest request = { .resource = ACME_DIRECTORY };
    AcmeCall *call;
    Connection *p;

    FOREACH_AUTHORITY (a, s->settings) {
        if (!authority_suits(a, names, authority))
            continue;
        if (connection_get(s, a, &p) < 0) {
            (void)log_oom();
            return;
        }
        if (!p->expecting)
            p->expecting = acme_client_send(p->client, &request, NULL, NULL, &call) >= 0;
        connection_release(p);
        return;
    }
}

const AuthoritySettings *orders_find_authority(const Orders *s, const char *name)
{
    FOREACH_AUTHORITY (a, s->settings)
        if (streq(a->name, name))
            return a;
    return NULL;
}
