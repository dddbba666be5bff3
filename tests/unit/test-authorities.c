/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

#include "core/now.h"

/* Which authority is asked next, and connections to them. */

/* An ordering that waits, and two authorities. */
static Ordering *two_authorities(OrdersFixture *f, Asked *a, LedgerFile *ret[static 2])
{
    orders_fixture_init(f);
    orders_add_authority(f, "second");
    orders_start(f);
    for (int i = 0; i < 2; i++) {
        ret[i] = ledger_file_get(f->orders, f->settings->authorities + i);
        g_assert_nonnull(ret[i]);
    }
    orders_ask(f, "a.example", NULL, a);
    return a->ordering;
}

static void assert_chosen(Ordering *o, const char *name)
{
    const AuthoritySettings *a = ordering_choose_authority(o);

    g_assert_cmpstr(a ? a->name : NULL, ==, name);
}

/* The first one that was not asked yet. */
static void test_first(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    LedgerFile *files[2];
    Asked a;
    Ordering *o = two_authorities(&f, &a, files);

    assert_chosen(o, "away");
    g_assert_true(ordering_has_other(o));
    o->asked[o->n_asked++] = "away";
    assert_chosen(o, "second");
    o->asked[o->n_asked++] = "second";
    assert_chosen(o, NULL);
    g_assert_false(ordering_has_other(o));
    g_assert_cmpint(o->outcome.until, ==, 0);
    g_assert_cmpint(o->state, ==, ORDERING_WAITING);
    orders_cancel(&f, &a);
}

static void note_order(LedgerFile *l, int64_t when)
{
    char *const names[] = { S("z.example"), NULL };

    g_assert_cmpint(ledger_note_order(l->ledger, "z.example", names, LEDGER_NEW, when), ==, 0);
}

/* One whose limit is used up is skipped; when all are, the ordering waits for the first that is not any more. */
static void test_limits(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    int64_t now = clock_now();
    LedgerFile *files[2];
    Asked a;
    Ordering *o = two_authorities(&f, &a, files);

    for (int i = 0; i < 2; i++)
        f.settings->authorities[i].limits[LEDGER_ORDERS] = (RateLimit){ 1, HOUR };
    note_order(files[0], now);
    assert_chosen(o, "second");
    note_order(files[1], now - 1000);
    assert_chosen(o, NULL);
    g_assert_cmpint(o->outcome.until, ==, now - 1000 + HOUR + LIMIT_ACME_TIME);
    g_assert_cmpint(o->outcome.problem.code, ==, PROBLEM_LIMITS_EXCEEDED);
    g_assert_nonnull(strstr(o->outcome.problem.text, "second"));
    o->flags = ORDERING_MANUAL | ORDERING_REISSUE; /* for them as well */
    assert_chosen(o, NULL);
    orders_cancel(&f, &a);
}

/* After a failure, until its back-off is over or its cause is gone. */
static void test_back_off(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    int64_t now = clock_now(), after;
    LedgerFile *files[2];
    Asked a;
    Ordering *o = two_authorities(&f, &a, files);

    after = ledger_note_attempt(files[0]->ledger, "a.example", now);
    assert_chosen(o, "second");
    g_assert_cmpint(ledger_note_attempt(files[1]->ledger, "a.example", now + HOUR), >, after);
    assert_chosen(o, NULL);
    g_assert_cmpint(o->outcome.until, ==, after);
    o->flags = ORDERING_RETRY;
    assert_chosen(o, "away");
    o->flags = ORDERING_REISSUE;
    assert_chosen(o, "away");
    orders_cancel(&f, &a);
}

/* One with an outage is skipped; only a caller's orders are placed there. */
static void test_outage(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    LedgerFile *files[2];
    Asked a;
    Ordering *o = two_authorities(&f, &a, files);

    ledger_file_note_outage(files[0], HOUR);
    assert_chosen(o, "second");
    o->flags = ORDERING_RETRY;
    assert_chosen(o, "second");
    o->flags = ORDERING_MANUAL;
    assert_chosen(o, "away");
    orders_cancel(&f, &a);
}

/* Whether it is over is tried with one ordering, for which the others are held. */
static void test_trial(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    LedgerFile *files[2];
    Asked a, b;
    Ordering *o = two_authorities(&f, &a, files);

    orders_ask(&f, "b.example", NULL, &b);
    o->asked[o->n_asked++] = "second";
    for (int i = 0; i < 2; i++)
        ledger_file_changed(files[0], ledger_note_outage(files[0]->ledger, 0, clock_now() - 2 * HOUR));
    g_assert_cmpint(ledger_state(files[0]->ledger, clock_now()), ==, LEDGER_HALF_OPEN);
    assert_chosen(o, "away");
    files[0]->outage.trial = b.ordering;
    assert_chosen(o, NULL);
    g_assert_cmpint(o->state, ==, ORDERING_HELD);
    g_assert_cmpint(o->outcome.until, ==, 0);
    queue_unhold(f.orders);
    g_assert_cmpint(o->state, ==, ORDERING_WAITING);
    files[0]->outage.trial = NULL;
    orders_cancel(&f, &a);
    orders_cancel(&f, &b);
}

/* So is an ordering for a name that is being proved. */
static void test_shared_name(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    LedgerFile *files[2];
    Asked a, b;
    Ordering *o = two_authorities(&f, &a, files);

    orders_ask(&f, "a.example", NULL, &b);
    assert_chosen(b.ordering, "away");
    o->state = ORDERING_PREPARING; /* it stands first */
    o->tried = files[0];
    assert_chosen(b.ordering, NULL);
    g_assert_cmpint(b.ordering->state, ==, ORDERING_HELD);
    o->state = ORDERING_WAITING;
    o->tried = NULL;
    orders_cancel(&f, &b);
    orders_cancel(&f, &a);
}

static size_t count_connections(const OrdersFixture *f)
{
    const Connection *p;
    size_t n = 0;

    TAILQ_FOREACH (p, &f->orders->connections, entry)
        n++;
    return n;
}

/* Other settings take another connection; the former one is closed when nobody uses it any more. */
static void test_connections(void)
{
    _cleanup_orders_ OrdersFixture f = {}, other = {};
    Connection *p, *again, *next;

    orders_fixture_init(&f);
    orders_fixture_init(&other);
    free(other.settings->authorities[0].directory);
    other.settings->authorities[0].directory = strdup("https://127.0.0.1:1/other");
    orders_start(&f);
    g_assert_cmpint(connection_get(f.orders, f.settings->authorities, &p), ==, 0);
    g_assert_cmpint(connection_get(f.orders, f.settings->authorities, &again), ==, 0);
    g_assert_true(p == again);
    connection_release(again);
    orders_configure(f.orders, other.settings);
    g_assert_cmpuint(count_connections(&f), ==, 1);
    g_assert_cmpint(connection_get(f.orders, other.settings->authorities, &next), ==, 0);
    g_assert_true(next != p && next->file != p->file);
    connection_release(next);
    connection_release(p);
    orders_clean_connections(f.orders);
    g_assert_cmpuint(count_connections(&f), ==, 1);
    g_assert_true(TAILQ_FIRST(&f.orders->connections) == next); /* it is as configured */
}

static void on_directory(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    g_assert_null(reply);
    g_assert_cmpint(failure->problem->code, ==, PROBLEM_NETWORK_FAILED);
    *(bool *)userdata = true;
}

static bool is_set(void *userdata)
{
    return *(bool *)userdata;
}

/* In advance of an order, one connection is opened, to the first authority that suits. */
static void test_expect(void)
{
    char *const names[] = { S("a.example"), NULL };
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;
    LedgerFile *files[2];
    const AcmeRequest request = { .resource = ACME_DIRECTORY };
    const Connection *p;
    bool failed = false;
    AcmeCall *call;

    (void)two_authorities(&f, &a, files);
    orders_cancel(&f, &a);
    orders_expect(f.orders, names, "nowhere");
    g_assert_cmpuint(count_connections(&f), ==, 0);
    for (int i = 0; i < 2; i++)
        orders_expect(f.orders, names, "second");
    g_assert_cmpuint(count_connections(&f), ==, 1);
    p = TAILQ_FIRST(&f.orders->connections);
    g_assert_cmpstr(p->authority->name, ==, "second");
    g_assert_true(p->expecting);
    g_assert_cmpuint(p->n_users, ==, 0);
    g_assert_cmpint(acme_client_send(p->client, &request, on_directory, &failed, &call), ==, 0);
    loop_until(f.event, is_set, &failed);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/authorities/first", test_first);
    g_test_add_func("/authorities/limits", test_limits);
    g_test_add_func("/authorities/back-off", test_back_off);
    g_test_add_func("/authorities/outage", test_outage);
    g_test_add_func("/authorities/trial", test_trial);
    g_test_add_func("/authorities/shared-name", test_shared_name);
    g_test_add_func("/authorities/connections", test_connections);
    g_test_add_func("/authorities/expect", test_expect);
    return g_test_run();
}
