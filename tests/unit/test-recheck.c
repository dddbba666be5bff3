/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orders-fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "core/now.h"
#include "util/text.h"

/* Self-checks without an order: of 127.0.0.1, at the port of the service's own listener, or at another one. */

#define NAME "127.0.0.1"

static char *names[] = { S(NAME), NULL };

static bool has_route = true;

/* Instead of net/routes.c. */
bool network_has_default_route(const Network *n _unused_)
{
    return has_route;
}

/* A socket at a port of its own. backlog -1: it does not listen. */
static int open_port(int backlog, uint16_t *ret)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&a, &size), ==, 0);
    if (backlog >= 0)
        g_assert_cmpint(listen(fd, backlog), ==, 0);
    *ret = ntohs(a.sin_port);
    return fd;
}

typedef struct Bed {
    OrdersFixture f;
    int fd; /* keeps the other port */
    uint16_t own, other;
    GString *said; /* "NAME+ " released, "NAME- " not */
} Bed;

static void bed_init(Bed *b, int backlog)
{
    g_autofree char *listen = NULL;
    AcmeSettings *acme;
    int fd;

    *b = (Bed){ .said = g_string_new(NULL) };
    has_route = true;
    orders_fixture_init(&b->f);
    acme = &b->f.settings->acme;
    fd = open_port(-1, &b->own);
    b->fd = open_port(backlog, &b->other);
    close(fd);
    strv_free(acme->http_listen);
    acme->http_listen = NULL;
    listen = g_strdup_printf(NAME ":%u", b->own);
    g_assert_cmpint(strv_split(listen, &acme->http_listen), ==, 0);
    acme->http_check_port = b->other;
    orders_start(&b->f);
    orders_set_network(b->f.orders, (const Network *)&has_route);
}

static void bed_done(Bed *b)
{
    orders_fixture_done(&b->f);
    g_string_free(b->said, TRUE);
    close(b->fd);
}
#define _cleanup_bed_ _cleanup_(bed_done)

/* As a check finds it whose only address cannot be reached. */
static uint64_t unreachable(void)
{
    return text_hash("unreachable", text_hash(NAME, 0));
}

/* An order of the service that was refused, and what the self-check had found; it is repeated now. */
static void foresee(Bed *b, uint64_t what)
{
    const SolverFinding found = { NAME, "http-01", what };
    Ledger *l = orders_ledger_file(&b->f)->ledger;
    int64_t before = clock_now() - HOUR;

    g_assert_cmpint(ledger_note_attempt(l, NAME, clock_now()), >, 0);
    g_assert_cmpint(ledger_note_failed(l, NAME, names, true, clock_now()), ==, 0);
    g_assert_cmpint(ledger_note_finding(l, NAME, &found, before), ==, 0);
    g_assert_cmpint(ledger_note_foreseen(l, NAME), ==, 0);
}

static int64_t next(Bed *b)
{
    bool soon;

    return orders_next_recheck(b->f.orders, names, NULL, NAME, &soon);
}

static void on_rechecked(const char *name, bool released, void *userdata)
{
    Bed *b = userdata;

    g_string_append_printf(b->said, "%s%c ", name, released ? '+' : '-');
}

static bool is_told(void *userdata)
{
    return ((Bed *)userdata)->said->len > 0;
}

static void begin(Bed *b)
{
    g_assert_cmpint(orders_recheck(b->f.orders, names, NULL, NAME, on_rechecked, b), ==, 0);
    g_assert_cmpstr(b->said->str, ==, ""); /* not from within */
}

static void assert_released(Bed *b, bool released)
{
    begin(b);
    g_assert_cmpint(next(b), ==, INT64_MAX); /* it is running */
    g_assert_cmpuint(orders_busy(b->f.orders), >=, 1);
    loop_until(b->f.event, is_told, b);
    g_assert_cmpstr(b->said->str, ==, released ? NAME "+ " : NAME "- ");
    g_string_truncate(b->said, 0);
    g_assert_cmpuint(orders_running_rechecks(b->f.orders), ==, 0);
    g_assert_cmpint(orders_after(b->f.orders, names, NULL, NAME) <= clock_now(), ==, released);
    orders_settle(&b->f);
}

/* Nothing has changed: it is looked for again later, and the order waits. */
static void test_same(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b, -1);
    g_assert_cmpint(next(&b), ==, INT64_MAX);
    foresee(&b, unreachable());
    g_assert_cmpint(next(&b), <, clock_now());
    assert_released(&b, false);
    g_assert_cmpint(next(&b), >, clock_now() + 400);
    g_assert_cmpint(next(&b), <, clock_now() + 800);
    orders_keep(&b.f, orders_ledger_file(&b.f));
    orders_stop(&b.f); /* it is on disk */
    orders_start(&b.f);
    g_assert_cmpint(next(&b), >, clock_now() + 400);
    g_assert_cmpint(next(&b), <, clock_now() + 800);
}

/* The proof is there, or it fails otherwise: the order need not wait any more. */
static void test_changed(void)
{
    static const uint64_t before[] = { 77, FINDING_UNKNOWN };
    _cleanup_bed_ Bed passes;

    bed_init(&passes, -1);
    foresee(&passes, unreachable());
    passes.f.settings->acme.http_check_port = passes.own;
    assert_released(&passes, true);
    for (size_t i = 0; i < ELEMENTSOF(before); i++) {
        _cleanup_bed_ Bed differs;

        bed_init(&differs, -1);
        foresee(&differs, before[i]);
        assert_released(&differs, true);
    }
}

/* What cannot be looked for is not. */
static void test_never(void)
{
    char *others[] = { S("127.0.0.2"), NULL };
    _cleanup_bed_ Bed b;
    bool soon;

    bed_init(&b, -1);
    foresee(&b, unreachable());
    g_assert_cmpint(next(&b), <, INT64_MAX);
    g_assert_cmpint(orders_next_recheck(b.f.orders, others, NULL, "127.0.0.2", &soon), ==, INT64_MAX);
    g_assert_cmpint(orders_next_recheck(b.f.orders, names, "another", NAME, &soon), ==, INT64_MAX);
    b.f.settings->acme.self_check = CHECK_NO;
    g_assert_cmpint(next(&b), ==, INT64_MAX);
    b.f.settings->acme.self_check = CHECK_REQUIRE;
    g_assert_cmpint(next(&b), <, INT64_MAX);
    has_route = false;
    g_assert_cmpint(next(&b), ==, INT64_MAX);
    has_route = true;
    foresee(&b, FINDING_NONE); /* of dns-01, whose proof changes the DNS */
    g_assert_cmpint(next(&b), ==, INT64_MAX);
}

/* A check that cannot be made says nothing of the name. */
static void test_not_made(void)
{
    _cleanup_bed_ Bed taken, lost, gone;
    char *nowhere[] = { S(NAME ":1"), NULL };
    const SolverFinding found = { "www.example.com", "http-01", 77 };

    bed_init(&taken, -1);
    foresee(&taken, 77);
    strv_free(taken.f.settings->acme.http_listen);
    taken.f.settings->acme.http_listen = NULL; /* no listener */
    begin(&taken);
    g_assert_cmpuint(orders_running_rechecks(taken.f.orders), ==, 0);
    g_assert_cmpint(next(&taken), >, clock_now());
    orders_settle(&taken.f);

    bed_init(&lost, -1); /* no name server answers */
    g_assert_cmpint(strv_copy(nowhere, &lost.f.settings->acme.dns_resolvers), ==, 0);
    foresee(&lost, 77);
    g_assert_cmpint(
        ledger_note_finding(orders_ledger_file(&lost.f)->ledger, NAME, &found, clock_now() - HOUR), ==, 0);
    assert_released(&lost, false);

    bed_init(&gone, -1); /* the route goes meanwhile */
    foresee(&gone, 77);
    begin(&gone);
    has_route = false;
    loop_until(gone.f.event, is_told, &gone);
    g_assert_cmpstr(gone.said->str, ==, NAME "- ");
    orders_settle(&gone.f);
}

/* An order has its own, so nobody hears of another one; and nobody does when the service stops. */
static void test_ends(void)
{
    _cleanup_bed_ Bed b;
    Asked a;

    bed_init(&b, 5); /* connections are made, and nothing is answered */
    foresee(&b, 77);
    begin(&b);
    begin(&b); /* there is one */
    loop_for(b.f.event, 20000);
    g_assert_cmpuint(orders_running_rechecks(b.f.orders), ==, 1);
    orders_ask(&b.f, NAME, &(OrderingRequest){ .flags = ORDERING_MANUAL | ORDERING_REISSUE }, &a);
    orders_await(&b.f, &a);
    g_assert_cmpuint(orders_running_rechecks(b.f.orders), ==, 0);
    foresee(&b, 77);
    begin(&b);
    orders_stop(&b.f);
    g_assert_cmpstr(b.said->str, ==, "");
}

/* Not too many at a time; the others stay due. */
static void test_limit(void)
{
    const SolverFinding found = { NAME, "http-01", 77 };
    _cleanup_bed_ Bed b;

    bed_init(&b, 50);
    for (int i = 0; i < LIMIT_RECHECKS + 3; i++) {
        g_autofree char *name = g_strdup_printf("n%d.example", i);

        g_assert_cmpint(
            ledger_note_finding(orders_ledger_file(&b.f)->ledger, name, &found, clock_now() - HOUR), ==, 0);
        g_assert_cmpint(orders_recheck(b.f.orders, names, NULL, name, on_rechecked, &b), ==, 0);
    }
    g_assert_cmpuint(orders_running_rechecks(b.f.orders), ==, LIMIT_RECHECKS);
    orders_stop(&b.f);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/recheck/same", test_same);
    g_test_add_func("/recheck/changed", test_changed);
    g_test_add_func("/recheck/never", test_never);
    g_test_add_func("/recheck/not-made", test_not_made);
    g_test_add_func("/recheck/ends", test_ends);
    g_test_add_func("/recheck/limit", test_limit);
    return g_test_run();
}
