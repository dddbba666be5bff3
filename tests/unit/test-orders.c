/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

#include "util/text.h"

/* What orders work with: made for the first one, configured, and freed. */

/* The ordering has copies of all that the request says. */
static void test_copies(void)
{
    char name[] = "a.example", other[] = "b.example", authority[] = "away", solver[] = "http-01";
    char *names[] = { name, other, NULL };
    const OrderingRequest request = { .name = name,
                                      .names = names,
                                      .key_type = KEY_TYPE_ED25519,
                                      .authority = authority,
                                      .solver = solver,
                                      .flags = ORDERING_EARLY,
                                      .not_after = 1000 };
    _cleanup_orders_ OrdersFixture f = {};
    Ordering *o = NULL;

    orders_fixture_init(&f);
    orders_start(&f);
    g_assert_cmpint(orders_begin(f.orders, &request, &o), ==, 0);
    name[0] = other[0] = authority[0] = solver[0] = 'X';
    names[1] = NULL;
    g_assert_cmpstr(ordering_name(o), ==, "a.example");
    g_assert_cmpuint(strv_length(ordering_names(o)), ==, 2);
    g_assert_cmpstr(ordering_names(o)[0], ==, "a.example");
    g_assert_cmpstr(ordering_names(o)[1], ==, "b.example");
    g_assert_cmpstr(o->wanted.authority, ==, "away");
    g_assert_cmpstr(o->wanted.solver, ==, "http-01");
    g_assert_cmpint(o->wanted.key_type, ==, KEY_TYPE_ED25519);
    g_assert_cmpint(o->wanted.not_after, ==, 1000);
    g_assert_cmpint(o->flags, ==, ORDERING_EARLY);
    g_assert_null(o->wanted.former);
    g_assert_true(ordering_outcome(o).automatic);
    g_assert_true(STAILQ_EMPTY(ordering_requests(o)));
    g_assert_false(ordering_is_over(o));
    ordering_free(f.orders, o, false);
}

/* Nothing is opened before there is an order, and the service may exit when that is over. */
static void test_busy(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;

    orders_fixture_init(&f);
    orders_start(&f);
    g_assert_cmpuint(orders_busy(f.orders), ==, 0);
    g_assert_null(f.orders->solving.context.http);
    g_assert_null(f.orders->workers);
    orders_ask(&f, "a.example", NULL, &a);
    g_assert_nonnull(f.orders->solving.context.http);
    g_assert_cmpuint(orders_busy(f.orders), ==, 1);
    g_assert_cmpuint(orders_running(f.orders), ==, 0); /* it waits for its turn */
    orders_await(&f, &a);
    orders_settle(&f);
    g_assert_cmpuint(orders_running(f.orders), ==, 0);
}

static void assert_solvers(const OrdersFixture *f, const char *expected)
{
    GString *types = g_string_new(NULL);

    for (size_t i = 0; i < f->orders->solving.n_ordered; i++)
        g_string_append_printf(types, "%s ", f->orders->solving.ordered[i]->ops->type);
    g_assert_cmpstr(types->str, ==, expected);
    g_string_free(types, TRUE);
}

/* Solvers stand in the order of Challenges=, also after a change. */
static void test_configure(void)
{
    _cleanup_orders_ OrdersFixture f = {}, other = {};
    Asked a;

    orders_fixture_init(&f);
    orders_fixture_init(&other);
    other.settings->acme.challenges[0] = CHALLENGE_DNS_01;
    other.settings->acme.challenges[1] = CHALLENGE_HTTP_01;
    other.settings->acme.n_challenges = 2;
    orders_start(&f);
    orders_ask(&f, "a.example", NULL, &a);
    assert_solvers(&f, "http-01 tls-alpn-01 dns-01 ");
    a.ordering->asked[a.ordering->n_asked++] = "away";
    a.ordering->state = ORDERING_HELD;
    orders_configure(f.orders, other.settings);
    assert_solvers(&f, "dns-01 http-01 ");
    g_assert_true(f.orders->solving.context.settings == &other.settings->acme);
    g_assert_cmpuint(a.ordering->n_asked, ==, 0); /* it is considered again */
    g_assert_cmpint(a.ordering->state, ==, ORDERING_WAITING);
    orders_cancel(&f, &a);
}

/* An ordering outlives them for its owner, who is not notified any more. */
static void test_free(void)
{
    _cleanup_orders_ OrdersFixture f = {};
    Asked a;

    orders_fixture_init(&f);
    orders_start(&f);
    orders_ask(&f, "a.example", NULL, &a);
    while (!orders_are_left(&f, "a.example"))
        g_assert_cmpint(sd_event_run(f.event, 100000), >=, 0);
    f.orders = orders_free(f.orders);
    g_assert_false(a.done);
    g_assert_true(ordering_is_over(a.ordering));
    g_assert_null(ordering_outcome(a.ordering).chain);
    orders_cancel(&f, &a);
    g_assert_true(orders_are_left(&f, "a.example")); /* the next start resumes it */
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/orders/copies", test_copies);
    g_test_add_func("/orders/busy", test_busy);
    g_test_add_func("/orders/configure", test_configure);
    g_test_add_func("/orders/free", test_free);
    return g_test_run();
}
