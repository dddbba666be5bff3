/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tls-server-fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "deploy/own-address.h"
#include "util/text.h"
#include "util/time.h"

#define TIMEOUT 5000

static int connect_to(const char *host, uint16_t port, Problem *problem)
{
    int fd, r = own_address_connect(host, port, monotonic_msec() + TIMEOUT, &fd, problem);

    return r < 0 ? r : fd;
}

static void check_refused(const char *host)
{
    _cleanup_problem_ Problem problem = {};

    if (connect_to(host, 9, &problem) != -EINVAL || problem.code != PROBLEM_INVALID_ARGUMENT ||
        !strstr(problem.text, "is not an address of this machine"))
        note_failure("%s: %s", host, strempty(problem.text));
}

static void test_foreign(void)
{
    static const char *const hosts[] = { "203.0.113.99", "2001:db8::1",      "0.0.0.0",
                                         "::",           "255.255.255.255",  "224.0.0.1",
                                         "ff02::1",      "::ffff:127.0.0.1", "localhost.",
                                         "example.com",  "127.0.0.1.nip.io", "" };

    for (size_t i = 0; i < ELEMENTSOF(hosts); i++)
        check_refused(hosts[i]);
}

static void check_connects(const char *host, const char *address)
{
    _cleanup_tls_server_ TlsServer s = { .manner = SERVER_HANGS_UP };
    _cleanup_problem_ Problem problem = {};
    _cleanup_close_ int fd = -EBADF;

    tls_server_start_at(&s, address);
    fd = connect_to(host, s.port, &problem);
    if (fd < 0)
        note_failure("%s: %s", host, strempty(problem.text));
}

static bool has_ipv6(void)
{
    _cleanup_close_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

    return fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
}

static void test_loopback(void)
{
    check_connects("127.0.0.1", "127.0.0.1");
    check_connects("127.1.2.3", "127.1.2.3");
    check_connects("localhost", "127.0.0.1");
    if (!has_ipv6()) {
        g_test_message("there is no IPv6 here");
        return;
    }
    check_connects("::1", "::1");
    check_connects("localhost", "::1"); /* nobody listens at 127.0.0.1 */
}

/* The socket is bound to the interface. */
static void test_bound(void)
{
    _cleanup_tls_server_ TlsServer s = { .manner = SERVER_IS_SILENT };
    _cleanup_close_ int fd = -EBADF;
    char name[IFNAMSIZ] = "";
    socklen_t size = sizeof(name);

    tls_server_start_at(&s, "127.0.0.1");
    fd = connect_to("127.0.0.1", s.port, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size), ==, 0);
    g_assert_cmpstr(name, ==, "lo");
}

static void check_own(const struct sockaddr *address)
{
    const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)address;
    _cleanup_tls_server_ TlsServer s = { .manner = SERVER_IS_SILENT };
    _cleanup_close_ int fd = -EBADF;
    _cleanup_problem_ Problem problem = {};
    struct sockaddr_in own;
    socklen_t size = sizeof(own);
    char text[INET_ADDRSTRLEN];

    g_assert_nonnull(inet_ntop(AF_INET, &a->sin_addr, text, sizeof(text)));
    tls_server_start_at(&s, text);
    fd = connect_to(text, s.port, &problem);
    g_test_message("%s: %s", text, strempty(problem.text));
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&own, &size), ==, 0);
    g_assert_cmpuint(own.sin_addr.s_addr, ==, a->sin_addr.s_addr);
}

static void test_own(void)
{
    struct ifaddrs *all;
    unsigned n = 0;

    g_assert_cmpint(getifaddrs(&all), ==, 0);
    for (const struct ifaddrs *i = all; i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && !(i->ifa_flags & IFF_LOOPBACK)) {
            check_own(i->ifa_addr);
            n++;
        }
    freeifaddrs(all);
    if (n == 0)
        g_test_skip("this machine has no address but loopback");
}

/* A listener whose queue is full does not answer. */
static void test_full(void)
{
    _cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int64_t start = monotonic_msec();
    socklen_t size = sizeof(a);
    int fds[8], r = 0;
    size_t n = 0;

    g_assert_cmpint(bind(listener, (struct sockaddr *)&a, size), ==, 0);
    g_assert_cmpint(listen(listener, 0), ==, 0);
    g_assert_cmpint(getsockname(listener, (struct sockaddr *)&a, &size), ==, 0);
    while (r >= 0 && n < ELEMENTSOF(fds))
        if ((r = own_address_connect("127.0.0.1", ntohs(a.sin_port), monotonic_msec() + 300, fds + n,
                                     NULL)) >= 0)
            n++;
    g_assert_cmpint(r, <, 0);
    g_assert_cmpint(monotonic_msec() - start, >=, 300);
    while (n > 0)
        close(fds[--n]);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/own-address/foreign", test_foreign);
    g_test_add_func("/own-address/loopback", test_loopback);
    g_test_add_func("/own-address/bound", test_bound);
    g_test_add_func("/own-address/own", test_own);
    g_test_add_func("/own-address/full", test_full);
    return g_test_run();
}
