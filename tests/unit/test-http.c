/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http-fixture.h"

#include <dlfcn.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <semaphore.h>
#include <signal.h>

#include "net/address.h"

/* ---- names: this program's own resolver, of which libcurl asks in a thread */

static sem_t resolver_goes_on;
static int n_resolving, n_asked;

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    g_atomic_int_inc(&n_asked);
    if (name && streq(name, "stuck.test")) {
        g_atomic_int_inc(&n_resolving);
        while (sem_wait(&resolver_goes_on) < 0)
            ;
        g_atomic_int_add(&n_resolving, -1);
        return EAI_AGAIN;
    }
    if (name && streq(name, "local.test"))
        return real("127.0.0.1", service, hints, ret);
    return EAI_NONAME;
}

static void let_resolver_go_on(void)
{
    int n = g_atomic_int_get(&n_resolving);

    g_assert_cmpint(n, >, 0);
    for (int i = 0; i < n; i++)
        sem_post(&resolver_goes_on);
    while (g_atomic_int_get(&n_resolving) > 0)
        g_usleep(1000);
}

static void test_replies(void)
{
    static const struct {
        const char *path;
        unsigned status;
        const char *body;
        size_t size;
    } cases[] = {
        { "/ok", 200, TEXT("hello") },      { "/bytes", 200, TEXT("\0\xff\0") },
        { "/empty", 204, TEXT("") },        { "/missing", 404, TEXT("gone") },
        { "/chunked", 200, TEXT("hello") }, { "/close", 200, TEXT("hello") },
        { "/redirect", 302, TEXT("") },     { "/gzip", 200, TEXT(GZIP) },
    };
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};

    server_start(&s);
    client_init(&c);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_answer_ Answer a = {};

        client_ask_path(&c, &s, cases[i].path, &a);
        assert_reply(&a, cases[i].status, cases[i].body, cases[i].size);
        g_assert_cmpint(a.redirect != NULL, ==, cases[i].status == 302);
        g_assert_true(!a.redirect ||
                      (g_str_has_prefix(a.redirect, "http") && g_str_has_suffix(a.redirect, "/ok")));
    }
    /* nobody went where the redirect points to */
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, ELEMENTSOF(cases));
}

static void ask_at(Client *c, const char *url, const char *address, bool public_only, Answer *a)
{
    client_ask(c,
               &(HttpRequest){ .url = url,
                               .body_max = BODY_MAX,
                               .time_max = TIME_MAX,
                               .plain = true,
                               .address = address,
                               .public_only = public_only },
               a);
}

static void test_address(void)
{
    g_autofree char *url = NULL, *host = NULL;
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer there = {}, nowhere = {}, refused = {}, six = {};
    int n = g_atomic_int_get(&n_asked);

    server_start(&s);
    client_init(&c);
    url = g_strdup_printf("http://nowhere.test:%u/echo", s.port);
    host = g_strdup_printf("\r\nHost: nowhere.test:%u\r\n", s.port);
    ask_at(&c, url, "127.0.0.1", false, &there);
    g_assert_cmpuint(there.status, ==, 200);
    g_assert_nonnull(strstr(there.body->str, host));
    ask_at(&c, url, "127.0.0.1", true, &refused);
    assert_problem(&refused, PROBLEM_NETWORK_FAILED, "was not contacted: its address 127.0.0.1");
    ask_at(&c, url, "::1", false, &six);
    assert_problem(&six, PROBLEM_NETWORK_FAILED, "(at ::1)");
    g_assert_cmpint(g_atomic_int_get(&n_asked), ==, n);
    /* nobody else is taken there */
    ask_at(&c, url, NULL, false, &nowhere);
    assert_problem(&nowhere, PROBLEM_NETWORK_FAILED, "does not resolve");
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 1);
}

static void test_slow(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = {};
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    url = url_of(&s, "/slow");
    client_ask(&c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = 1, .plain = true }, &a);
    assert_problem(&a, PROBLEM_NETWORK_FAILED, "within 1 seconds");
}

/* Nobody listens; nobody knows the name. */
static void test_nobody(void)
{
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer refused = {}, unknown = {};
    g_autofree char *url = NULL;
    Server s = {};

    server_start(&s);
    url = url_of(&s, "/ok");
    server_stop(&s);
    client_init(&c);
    client_ask(&c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = TIME_MAX, .plain = true },
               &refused);
    assert_problem(&refused, PROBLEM_NETWORK_FAILED, "Connection refused");
    g_assert_false(refused.problem.sent);
    client_ask(&c,
               &(HttpRequest){ .url = "https://nowhere.test/", .body_max = BODY_MAX, .time_max = TIME_MAX },
               &unknown);
    assert_problem(&unknown, PROBLEM_NETWORK_FAILED, "nowhere.test: the name does not resolve");
}

/* A resolver that hangs holds up nobody: not the loop, and not who frees the Http. */
static void test_stuck_resolver(void)
{
    HttpRequest request = { .url = "https://stuck.test/", .body_max = BODY_MAX, .time_max = 1 };
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer late = {}, cancelled = {};

    client_init(&c);
    client_ask(&c, &request, &late);
    assert_problem(&late, PROBLEM_NETWORK_FAILED, "stuck.test");
    g_assert_cmpint(g_atomic_int_get(&n_resolving), ==, 1);
    request.time_max = TIME_MAX;
    client_start(&c, &request, &cancelled);
    for (int i = 0; i < 1000 && g_atomic_int_get(&n_resolving) < 2; i++)
        loop_for(c.event, 10000);
    g_assert_cmpint(g_atomic_int_get(&n_resolving), ==, 2);
    c.http = http_free(c.http);
    assert_problem(&cancelled, PROBLEM_CANCELLED, "stuck.test");
    let_resolver_go_on();
}

static void ask_public_only(Client *c, const char *url, Answer *a)
{
    client_ask(
        c,
        &(HttpRequest){
            .url = url, .body_max = BODY_MAX, .time_max = TIME_MAX, .plain = true, .public_only = true },
        a);
}

static void test_public_only(void)
{
    static const char *const hosts[] = {
        "127.0.0.1",     "127.1",      "2130706433",      "0x7f000001",           "[::1]",
        "localhost",     "local.test", "0.0.0.0",         "169.254.1.1",          "[::ffff:127.0.0.1]",
        "[::127.0.0.1]", "224.0.0.1",  "255.255.255.255", "[64:ff9b::127.0.0.1]", "[fe80::1]",
        "[ff02::1]",     "[::]",
    };
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};

    server_start_at(&s, INADDR_ANY);
    client_init(&c);
    for (size_t i = 0; i < ELEMENTSOF(hosts); i++) {
        g_autofree char *url = g_strdup_printf("http://%s:%u/ok", hosts[i], s.port);
        _cleanup_answer_ Answer a = {};

        ask_public_only(&c, url, &a);
        assert_problem(&a, PROBLEM_NETWORK_FAILED, "was not contacted: its address ");
    }
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 0);
}

/* An open connection to a local address is not for those who may not open one. */
static void test_public_only_reuse(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer local = {}, public = {};
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    url = g_strdup_printf("http://local.test:%u/ok", s.port);
    client_ask(&c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = TIME_MAX, .plain = true },
               &local);
    assert_reply(&local, 200, TEXT("hello"));
    ask_public_only(&c, url, &public);
    assert_problem(&public, PROBLEM_NETWORK_FAILED, "127.0.0.1 belongs to this machine");
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, 1);
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 1);
}

/* An address of an interface that is not local, NULL if the machine has none. */
static char *find_address(void)
{
    struct ifaddrs *all, *i;
    char text[ADDRESS_TEXT_SIZE], *found = NULL;

    g_assert_cmpint(getifaddrs(&all), ==, 0);
    for (i = all; i && !found; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET &&
            !address_is_local(i->ifa_addr, sizeof(struct sockaddr_in))) {
            address_to_text(i->ifa_addr, sizeof(struct sockaddr_in), text);
            found = g_strdup(text);
        }
    freeifaddrs(all);
    return found;
}

static void test_public_only_allows(void)
{
    g_autofree char *address = find_address(), *url = NULL;
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = {}, again = {};

    if (!address) {
        g_test_skip("this machine has no IPv4 address but local ones");
        return;
    }
    _cleanup_server_ Server s = {};

    server_start_at(&s, INADDR_ANY);
    client_init(&c);
    url = g_strdup_printf("http://%s:%u/ok", address, s.port);
    ask_public_only(&c, url, &a);
    assert_reply(&a, 200, TEXT("hello"));
    ask_public_only(&c, url, &again);
    assert_reply(&again, 200, TEXT("hello"));
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 1);
}

static void test_reuse(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};

    server_start(&s);
    client_init(&c);
    for (int i = 0; i < 10; i++) {
        _cleanup_answer_ Answer a = {};

        client_ask_path(&c, &s, i % 2 ? "/missing" : "/ok", &a);
        g_assert_cmpint(a.problem.code, ==, PROBLEM_NONE);
    }
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, 10);
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 1);
    g_assert_cmpuint(http_connections(c.http), ==, 1);
}

/* On a connection of its own, a request is sent once; on one that was kept, it may be sent twice, and that is said. */
static void test_lost_reply(void)
{
    _cleanup_answer_ Answer fresh = {}, good = {}, kept = {}, later = {};
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};

    server_start(&s);
    client_init(&c);
    g_atomic_int_set(&s.n_lost, 1);
    client_ask_path(&c, &s, "/lost", &fresh);
    g_assert_cmpint(fresh.problem.code, ==, PROBLEM_NETWORK_FAILED);
    g_assert_true(fresh.problem.sent);
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, 1);
    client_ask_path(&c, &s, "/ok", &good);
    g_assert_false(good.repeated);
    g_atomic_int_set(&s.n_lost, 1);
    client_ask_path(&c, &s, "/lost", &kept);
    assert_reply(&kept, 200, TEXT("hello"));
    g_assert_true(kept.repeated);
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, 4);
    client_ask_path(&c, &s, "/lost", &later);
    assert_reply(&later, 200, TEXT("hello"));
    g_assert_false(later.repeated);
}

static void test_slow_neighbour(void)
{
    _cleanup_server_ Server s = {};

    server_start(&s);
    check_slow_neighbour(&s, NULL);
}

static void test_parallel(void)
{
    g_autofree Answer *answers = g_new0(Answer, PARALLEL);
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};

    server_start(&s);
    client_init(&c);
    for (int i = 0; i < PARALLEL; i++)
        client_start_path(&c, &s, i % 3 == 0 ? "/close" : i % 3 == 1 ? "/ok" : "/broken", answers + i);
    g_assert_cmpuint(http_pending(c.http), ==, PARALLEL);
    loop_until(c.event, is_idle, &c);
    for (int i = 0; i < PARALLEL; i++) {
        if (i % 3 == 2)
            assert_problem(answers + i, PROBLEM_NETWORK_FAILED, "was truncated");
        else
            assert_reply(answers + i, 200, TEXT("hello"));
        answer_done(answers + i);
    }
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, PARALLEL);
    g_assert_cmpint(g_atomic_int_get(&s.n_open_max), <=, 64 + 32);
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, (int)http_connections(c.http));
}

/* More than connections are allowed, and none comes to anything: those that only wait are told as well. */
static void test_parallel_deaf(void)
{
    g_autofree Answer *answers = g_new0(Answer, PARALLEL);
    _cleanup_server_ Server s = { .deaf = true };
    _cleanup_client_ Client c = {};
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    url = url_of(&s, "/ok");
    for (int i = 0; i < PARALLEL; i++)
        client_start(&c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = 3, .plain = true },
                     answers + i);
    loop_for(c.event, 500000); /* the first to give up makes room for another */
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), <=, 64);
    loop_until(c.event, is_idle, &c);
    for (int i = 0; i < PARALLEL; i++) {
        assert_problem(answers + i, PROBLEM_NETWORK_FAILED, "within 3 seconds");
        answer_done(answers + i);
    }
}

static void test_get_in_done(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer second = {}, first = { .client = &c, .next_answer = &second };
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    first.next = url = url_of(&s, "/missing");
    client_start_path(&c, &s, "/ok", &first);
    loop_until(c.event, is_answered, &second);
    assert_reply(&first, 200, TEXT("hello"));
    assert_reply(&second, 404, TEXT("gone"));
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 1);
}

/* path is that whose done frees the Http: by success, by failure, by its deadline. */
static void free_in_done(const char *path, unsigned time_max)
{
    Answer answers[10] = {};
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer first = { .client = &c, .free = true };
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    url = url_of(&s, path);
    for (size_t i = 0; i < ELEMENTSOF(answers); i++)
        client_start_path(&c, &s, "/slow", answers + i);
    client_ask(&c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = time_max, .plain = true },
               &first);
    g_assert_null(c.http);
    for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
        assert_problem(answers + i, PROBLEM_CANCELLED, "127.0.0.1");
        answer_done(answers + i);
    }
    loop_for(c.event, 10000);
    g_assert_cmpuint(first.n_done, ==, 1);
}

static void test_free_in_done(void)
{
    free_in_done("/ok", TIME_MAX);
    free_in_done("/broken", TIME_MAX);
    free_in_done("/slow", 1);
}

/* Several are finished in one turn when the first frees the Http. */
static void test_free_in_done_many(void)
{
    Answer answers[50] = {};
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    unsigned n_cancelled = 0;

    server_start(&s);
    client_init(&c);
    for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
        answers[i] = (Answer){ .client = &c, .free = true };
        client_start_path(&c, &s, "/ok", answers + i);
    }
    g_usleep(1000);
    while (c.http)
        g_assert_cmpint(sd_event_run(c.event, 100000), >=, 0);
    for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
        g_assert_cmpuint(answers[i].n_done, ==, 1);
        n_cancelled += answers[i].problem.code == PROBLEM_CANCELLED;
        answer_done(answers + i);
    }
    g_assert_cmpuint(n_cancelled, ==, ELEMENTSOF(answers) - 1);
}

/* Nothing new is begun by who is told that all is over. */
static void test_free(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer second = {}, first = { .client = &c, .next_answer = &second };
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    first.next = url = url_of(&s, "/ok");
    client_start_path(&c, &s, "/slow", &first);
    loop_for(c.event, 100000);
    g_assert_cmpuint(http_pending(c.http), ==, 1);
    c.http = http_free(c.http);
    assert_problem(&first, PROBLEM_CANCELLED, "was cancelled");
    g_assert_cmpint(first.next_result, ==, -ECANCELED);
    loop_for(c.event, 10000);
    g_assert_cmpuint(second.n_done, ==, 0);
}

static void test_free_at_once(void)
{
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = {};

    client_init(&c);
    client_start(&c, &(HttpRequest){ .url = "https://localhost/", .body_max = 1, .time_max = TIME_MAX }, &a);
    c.http = http_free(c.http);
    assert_problem(&a, PROBLEM_CANCELLED, "localhost");
    g_assert_null(http_free(NULL));
}

/* All tests have these. */
static void set_proxies(void)
{
    static const char *const names[] = { "http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy",
                                         "ALL_PROXY" };

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        g_assert_cmpint(setenv(names[i], "http://127.0.0.1:1", 1), ==, 0);
}

static void test_environment(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = {};

    server_start(&s);
    client_init(&c);
    g_assert_nonnull(getenv("http_proxy"));
    client_ask_path(&c, &s, "/ok", &a);
    assert_reply(&a, 200, TEXT("hello"));
}

int main(int argc, char **argv)
{
    set_proxies();
    fixture_init(&argc, &argv);
    (void)signal(SIGPIPE, SIG_IGN);
    sem_init(&resolver_goes_on, 0, 0);
    g_test_add_func("/http/replies", test_replies);
    g_test_add_func("/http/address", test_address);
    g_test_add_func("/http/slow", test_slow);
    g_test_add_func("/http/nobody", test_nobody);
    g_test_add_func("/http/stuck-resolver", test_stuck_resolver);
    g_test_add_func("/http/public-only", test_public_only);
    g_test_add_func("/http/public-only-reuse", test_public_only_reuse);
    g_test_add_func("/http/public-only-allows", test_public_only_allows);
    g_test_add_func("/http/reuse", test_reuse);
    g_test_add_func("/http/lost-reply", test_lost_reply);
    g_test_add_func("/http/slow-neighbour", test_slow_neighbour);
    g_test_add_func("/http/parallel", test_parallel);
    g_test_add_func("/http/parallel-deaf", test_parallel_deaf);
    g_test_add_func("/http/get-in-done", test_get_in_done);
    g_test_add_func("/http/free-in-done", test_free_in_done);
    g_test_add_func("/http/free-in-done-many", test_free_in_done_many);
    g_test_add_func("/http/free", test_free);
    g_test_add_func("/http/free-at-once", test_free_at_once);
    g_test_add_func("/http/environment", test_environment);
    return g_test_run();
}
