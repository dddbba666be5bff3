/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "solvers/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

/* The sockets alone; what is done with them, and what is no address, is the matter of test-http-server.c. */

static const AcceptorUse use = {
    .name = "test-01", .key = "TestListen=", .instead = "stop the other program"
};

/* A socket that listens on the port of its own; the port. */
static int occupy(uint16_t *ret_port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&in, size), ==, 0);
    g_assert_cmpint(listen(fd, 10), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&in, &size), ==, 0);
    *ret_port = ntohs(in.sin_port);
    return fd;
}

static bool accepts(const char *address, uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(inet_pton(AF_INET, address, &in.sin_addr), ==, 1);
    return connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0;
}

static void init(Acceptor *a)
{
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;

    g_assert_cmpint(sd_event_new(&event), ==, 0);
    g_assert_cmpint(acceptor_init(a, event, &use, NULL), ==, 0);
}

/* Listens at the addresses, on a port that is free now. Another program may be faster. */
static uint16_t listen_somewhere(const char *first, const char *second, Acceptor *a)
{
    for (int i = 0; i < 100; i++) {
        _cleanup_problem_ Problem problem = {};
        uint16_t port = 0;
        int fd = occupy(&port), r;
        g_autofree char *one = g_strdup_printf("%s:%u", first, port),
                        *two = second ? g_strdup_printf("%s:%u", second, port) : NULL;

        close(fd);
        r = acceptor_listen(a, (char *[]){ one, two, NULL }, &problem);
        if (r >= 0)
            return port;
        g_assert_cmpint(problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    }
    g_error("no port is free");
}

static int option_of(int fd, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);

    g_assert_cmpint(getsockopt(fd, SOL_SOCKET, option, &value, &size), ==, 0);
    return value;
}

static void test_open(void)
{
    Acceptor a;
    uint16_t port;

    init(&a);
    g_assert_false(a.passed);
    g_assert_null(a.timer);
    port = listen_somewhere("127.0.0.1", "127.0.0.2", &a);
    g_assert_nonnull(a.timer);
    g_assert_cmpuint(a.n_ports, ==, 2);
    for (size_t i = 0; i < a.n_ports; i++) {
        g_assert_cmpint(option_of(a.ports[i].fd, SO_ACCEPTCONN), ==, 1);
        g_assert_cmpint(fcntl(a.ports[i].fd, F_GETFL) & O_NONBLOCK, !=, 0);
        g_assert_cmpint(fcntl(a.ports[i].fd, F_GETFD) & FD_CLOEXEC, !=, 0);
    }
    g_assert_true(accepts("127.0.0.1", port));
    g_assert_true(accepts("127.0.0.2", port));
    g_assert_false(accepts("127.0.0.3", port));
    acceptor_close(&a);
    g_assert_cmpuint(a.n_ports, ==, 0);
    g_assert_null(a.timer);
    g_assert_false(accepts("127.0.0.1", port));
    acceptor_done(&a);
}

/* A port of all addresses is one of each family that the kernel has. */
static void test_everywhere(void)
{
    _cleanup_close_ int six = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_any };
    bool has_six = six >= 0 && bind(six, (struct sockaddr *)&in6, sizeof(in6)) == 0;
    Acceptor a;
    uint16_t port;

    init(&a);
    port = listen_somewhere("", NULL, &a);
    g_assert_cmpuint(a.n_ports, ==, has_six ? 2 : 1);
    g_assert_cmpint(option_of(a.ports[0].fd, SO_DOMAIN), ==, AF_INET);
    if (has_six)
        g_assert_cmpint(option_of(a.ports[1].fd, SO_DOMAIN), ==, AF_INET6);
    g_assert_true(accepts("127.0.0.3", port));
    acceptor_done(&a);
}

/* If one of them cannot be had, the ones before it are given back, and it is told whose setting that is. */
static void test_all_or_none(void)
{
    _cleanup_problem_ Problem problem = {};
    uint16_t taken = 0, port;
    _cleanup_close_ int fd = occupy(&taken);
    g_autofree char *good = NULL, *bad = g_strdup_printf("127.0.0.1:%u", taken);
    Acceptor a;

    g_assert_cmpint(fd, >=, 0);
    init(&a);
    port = listen_somewhere("127.0.0.1", NULL, &a);
    acceptor_close(&a);
    good = g_strdup_printf("127.0.0.2:%u", port);
    g_assert_cmpint(acceptor_listen(&a, (char *[]){ good, bad, NULL }, &problem), <, 0);
    g_assert_cmpuint(a.n_ports, ==, 0);
    g_assert_null(a.timer);
    g_assert_false(accepts("127.0.0.2", port));
    g_assert_cmpint(problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    g_assert_nonnull(strstr(problem.text, bad));
    g_assert_nonnull(strstr(problem.text, use.key));
    g_assert_nonnull(strstr(problem.text, use.instead));
    acceptor_done(&a);
}

/* Sockets of the wrong name, that do not listen or are of another type stay what they are. */
static void use_passed(void)
{
    static const char names[] = "test-01:other:test-01:test-01:test-01";
    g_autofree char *pid = g_strdup_printf("%d", getpid());
    uint16_t ports[3];
    const int fds[] = { occupy(ports), occupy(ports + 1), occupy(ports + 2), socket(AF_INET, SOCK_DGRAM, 0),
                        socket(AF_INET, SOCK_STREAM, 0) };
    Acceptor a, none;

    for (int i = 0; i < (int)ELEMENTSOF(fds); i++)
        g_assert_cmpint(fcntl(fds[i], F_DUPFD, 100 + i), ==, 100 + i);
    for (int i = 0; i < (int)ELEMENTSOF(fds); i++)
        g_assert_cmpint(dup2(100 + i, SD_LISTEN_FDS_START + i), ==, SD_LISTEN_FDS_START + i);
    g_setenv("LISTEN_PID", pid, true);
    g_setenv("LISTEN_FDS", "5", true);
    g_setenv("LISTEN_FDNAMES", names, true);
    g_assert_true(sockets_are_passed());
    init(&a);
    g_assert_true(a.passed);
    g_assert_cmpuint(a.n_ports, ==, 2);
    g_assert_cmpint(a.ports[0].fd, ==, SD_LISTEN_FDS_START);
    g_assert_cmpint(a.ports[1].fd, ==, SD_LISTEN_FDS_START + 2);
    g_assert_cmpint(fcntl(a.ports[0].fd, F_GETFL) & O_NONBLOCK, !=, 0);
    g_assert_cmpint(fcntl(SD_LISTEN_FDS_START + 1, F_GETFL) & O_NONBLOCK, ==, 0);
    acceptor_done(&a);
    g_assert_true(a.passed);
    for (int i = 0; i < (int)ELEMENTSOF(fds); i++)
        g_assert_cmpint(fcntl(SD_LISTEN_FDS_START + i, F_GETFD), >=, 0);
    g_unsetenv("LISTEN_FDS");
    g_assert_false(sockets_are_passed());
    init(&none);
    g_assert_false(none.passed);
    acceptor_done(&none);
}

static void test_passed(void)
{
    if (g_test_subprocess()) {
        use_passed();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/listen/open", test_open);
    g_test_add_func("/listen/everywhere", test_everywhere);
    g_test_add_func("/listen/all-or-none", test_all_or_none);
    g_test_add_func("/listen/passed", test_passed);
    return g_test_run();
}
