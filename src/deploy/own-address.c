/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/own-address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>

#include "net/address.h"
#include "util/text.h"
#include "util/wait.h"

#define LOOPBACK "lo"

typedef struct OwnAddress {
    SocketAddress address;
    socklen_t size;
    bool loopback;
} OwnAddress;

static bool is_loopback(const SocketAddress *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohl(a->in4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

static bool is_same(const SocketAddress *a, const struct sockaddr *b)
{
    SocketAddress other;

    if (!b || b->sa_family != a->any.sa_family)
        return false;
    if (b->sa_family == AF_INET) {
        memcpy(&other.in4, b, sizeof(other.in4));
        return other.in4.sin_addr.s_addr == a->in4.sin_addr.s_addr;
    }
    memcpy(&other.in6, b, sizeof(other.in6));
    return IN6_ARE_ADDR_EQUAL(&other.in6.sin6_addr, &a->in6.sin6_addr);
}

/* An address of a link is one of an interface, too. */
static void set_interface(SocketAddress *a, const struct sockaddr *own)
{
    SocketAddress other;

    if (a->any.sa_family != AF_INET6)
        return;
    memcpy(&other.in6, own, sizeof(other.in6));
    a->in6.sin6_scope_id = other.in6.sin6_scope_id;
}

static int find_own(OwnAddress *a)
{
    struct ifaddrs *all;
    int r = -EADDRNOTAVAIL;

    if (getifaddrs(&all) < 0)
        return -errno;
    for (const struct ifaddrs *i = all; i && r < 0; i = i->ifa_next)
        if (is_same(&a->address, i->ifa_addr)) {
            set_interface(&a->address, i->ifa_addr);
            r = 0;
        }
    freeifaddrs(all);
    return r;
}

static int resolve(const char *text, uint16_t port, OwnAddress *ret)
{
    OwnAddress a = {};

    a.size = address_from_text(text, port, &a.address);
    if (a.size == 0)
        return -EINVAL;
    a.loopback = is_loopback(&a.address);
    *ret = a;
    return a.loopback ? 0 : find_own(ret);
}

/* A socket with an own address as its source has no way to one that is not ours: such packets are not sent, or not
 * answered. */
static int tie(int fd, const OwnAddress *a)
{
    SocketAddress source = a->address;

    if (a->loopback)
        return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, LOOPBACK, sizeof(LOOPBACK)) < 0 ? -errno : 0;
    if (source.any.sa_family == AF_INET)
        source.in4.sin_port = 0;
    else
        source.in6.sin6_port = 0;
    return bind(fd, &source.any, a->size) < 0 ? -errno : 0;
}

static int finish(int fd, int64_t deadline)
{
    socklen_t size = sizeof(int);
    int error = 0, r = wait_until_ready(fd, POLLOUT, deadline);

    if (r < 0)
        return r;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -errno : -error;
}

static int connect_to(const OwnAddress *a, int64_t deadline, int *ret)
{
    _cleanup_close_ int fd = socket(a->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int r;

    if (fd < 0)
        return -errno;
    r = tie(fd, a);
    if (r >= 0 && connect(fd, &a->address.any, a->size) < 0)
        r = errno == EINPROGRESS ? finish(fd, deadline) : -errno;
    if (r >= 0)
        *ret = TAKE_FD(fd);
    return r;
}

int own_address_connect(const char *host, uint16_t port, int64_t deadline, int *ret, Problem *problem)
{
    static const char *const localhost[] = { "127.0.0.1", "::1" };
    const char *const *names = streq(host, "localhost") ? localhost : &host;
    size_t n = names == localhost ? ELEMENTSOF(localhost) : 1;
    OwnAddress a;
    int r = -EINVAL;

    for (size_t i = 0; i < n; i++) {
        r = resolve(names[i], port, &a);
        if (r == -EINVAL || r == -EADDRNOTAVAIL)
            return problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                               "\"%s\" is not an address of this machine; only these are probed.",
                               QUOTE(host, 64));
        if (r >= 0)
            r = connect_to(&a, deadline, ret);
        if (r >= 0)
            return 0;
    }
    (void)problem_set(problem, PROBLEM_NETWORK_FAILED, "%s.", strerror(-r));
    return r;
}
