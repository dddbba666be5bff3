/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "core/limits.h"
#include "crypto/tls-alpn.h"
#include "solvers/tls-server.h"

/* The server alone; who abuses it is the matter of test-tls-alpn-01.c, and of which addresses it is of test-listen.c. */

#define NAME  "www.example.com"
#define OTHER "www.example.org"
#define PROOF "token.print"

typedef struct Server {
    sd_event *event;
    TlsListener *listener;
    char *addresses[2];
    uint16_t port;
} Server;

static uint16_t free_port(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(in);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&in, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&in, &size), ==, 0);
    return ntohs(in.sin_port);
}

static void server_init(Server *s)
{
    *s = (Server){ .port = free_port() };
    s->addresses[0] = g_strdup_printf("127.0.0.1:%u", s->port);
    g_assert_cmpint(sd_event_new(&s->event), ==, 0);
    g_assert_cmpint(tls_listener_new(s->event, &s->listener), ==, 0);
    g_assert_false(tls_listener_is_passed(s->listener));
}

static void server_done(Server *s)
{
    tls_listener_free(s->listener);
    sd_event_unref(s->event);
    g_free(s->addresses[0]);
}
#define _cleanup_server_ _cleanup_(server_done)

static void server_add(Server *s, const char *name, const char *proof)
{
    _cleanup_problem_ Problem problem = {};

    if (tls_listener_add(s->listener, s->addresses, name, proof, &problem) < 0)
        g_error("%s", problem.text);
}

static int connect_to(const Server *s)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_port = htons(s->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
        return fd;
    g_assert_cmpint(errno, ==, ECONNREFUSED);
    close(fd);
    return -ECONNREFUSED;
}

static void assert_closed(const Server *s)
{
    g_assert_cmpint(connect_to(s), ==, -ECONNREFUSED);
}

/* Whether a client of the protocol gets the proof. */
static bool shows(Server *s, const char *name, const char *proof)
{
    AlpnConnection *c = NULL;
    int fd = connect_to(s), r = 1;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fcntl(fd, F_SETFL, O_NONBLOCK), ==, 0);
    g_assert_cmpint(alpn_connect(fd, name, proof, &c), ==, 0);
    for (int i = 0; i < 6000 && r > 0; i++) {
        r = alpn_connection_handshake(c, NULL);
        g_assert_cmpint(sd_event_run(s->event, 10000), >=, 0);
    }
    alpn_connection_free(c);
    return r == 0;
}

/* It listens as long as there is a proof, and no longer. */
static void test_open_while_needed(void)
{
    _cleanup_server_ Server s;

    server_init(&s);
    for (unsigned i = 0; i < 3; i++) {
        assert_closed(&s);
        server_add(&s, NAME, PROOF);
        server_add(&s, OTHER, "another.proof");
        g_assert_true(shows(&s, NAME, PROOF));
        g_assert_true(shows(&s, OTHER, "another.proof"));
        tls_listener_remove(s.listener, NAME);
        g_assert_false(shows(&s, NAME, PROOF));
        g_assert_true(shows(&s, OTHER, "another.proof"));
        tls_listener_remove(s.listener, OTHER);
    }
    assert_closed(&s);
    server_add(&s, NAME, PROOF); /* the listener is freed with it */
}

static void test_another_proof(void)
{
    _cleanup_server_ Server s;

    server_init(&s);
    server_add(&s, NAME, PROOF);
    g_assert_false(shows(&s, OTHER, PROOF));
    g_assert_false(shows(&s, NAME, "another.proof"));
    g_assert_true(shows(&s, NAME, PROOF));
}

static bool is_closed(void *userdata)
{
    char buffer[64];
    ssize_t n = recv(*(int *)userdata, buffer, sizeof(buffer), MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN);
}

/* Who speaks another protocol is sent away before his time is over. */
static void test_no_tls(void)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
    _cleanup_close_ int fd = -EBADF;
    _cleanup_server_ Server s;
    gint64 begin = g_get_monotonic_time();

    server_init(&s);
    server_add(&s, NAME, PROOF);
    fd = connect_to(&s);
    g_assert_cmpint(send(fd, request, strlen(request), 0), ==, (ssize_t)strlen(request));
    loop_until(s.event, is_closed, &fd);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, LIMIT_CONNECTION_TIME * G_USEC_PER_SEC);
}

/* Who is connected when the last proof goes, goes as well. */
static void test_closed_in_the_middle(void)
{
    _cleanup_close_ int fd = -EBADF;
    _cleanup_server_ Server s;

    server_init(&s);
    server_add(&s, NAME, PROOF);
    fd = connect_to(&s);
    g_assert_cmpint(send(fd, "\x16", 1, 0), ==, 1);
    g_assert_cmpint(sd_event_run(s.event, G_USEC_PER_SEC), >=, 0);
    g_assert_false(is_closed(&fd));
    tls_listener_remove(s.listener, NAME);
    g_assert_true(is_closed(&fd));
    assert_closed(&s);
}

/* What cannot be listened to leaves nothing behind, and the next attempt is another. */
static void test_port_in_use(void)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_server_ Server s, other;

    server_init(&s);
    server_init(&other);
    server_add(&other, NAME, PROOF);
    g_assert_cmpint(tls_listener_add(s.listener, other.addresses, NAME, PROOF, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    g_assert_nonnull(strstr(problem.text, "TLSListen="));
    g_assert_nonnull(strstr(problem.text, other.addresses[0]));
    server_add(&s, NAME, PROOF);
    g_assert_true(shows(&s, NAME, PROOF));
    g_assert_true(shows(&other, NAME, PROOF));
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/tls-server/open-while-needed", test_open_while_needed);
    g_test_add_func("/tls-server/another-proof", test_another_proof);
    g_test_add_func("/tls-server/no-tls", test_no_tls);
    g_test_add_func("/tls-server/closed-in-the-middle", test_closed_in_the_middle);
    g_test_add_func("/tls-server/port-in-use", test_port_in_use);
    return g_test_run();
}
