/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "util/text.h"

#define BACKLOG 4096 /* backlog of the kernel; net.core.somaxconn may be less */

typedef union SocketAddress {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
} SocketAddress;

/* ---- those that systemd passed */

static int endpoints_add_passed(Endpoints *e, int fd)
{
    int flags, r;

    r = sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1);
    if (r <= 0 || e->n == ENDPOINTS_MAX)
        return r;
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    e->fds[e->n++] = fd;
    return 0;
}

int endpoints_find_passed(const EndpointUse *use, Endpoints *ret)
{
    _cleanup_strv_ char **names = NULL;
    Endpoints e = { .passed = true };
    int n, r;

    n = sd_listen_fds_with_names(false, &names);
    for (int i = 0; i < n; i++) {
        r = streq(names[i], use->passed) ? endpoints_add_passed(&e, SD_LISTEN_FDS_START + i) : 0;
        if (r < 0)
            return r;
    }
    if (n < 0)
        return n;
    *ret = e;
    return 0;
}

/* ---- those that are opened here */

static bool parse_port(const char *text, in_port_t *ret)
{
    uint64_t port;

    if (parse_uint64(text, &port) < 0 || port == 0 || port > UINT16_MAX)
        return false;
    *ret = htons((uint16_t)port);
    return true;
}

/* ADDRESS:PORT and [ADDRESS]:PORT. */
static bool parse_address(const char *text, SocketAddress *ret)
{
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN] = {};
    bool six = text[0] == '[';
    in_port_t port;
    size_t size;

    if (!colon || !parse_port(colon + 1, &port))
        return false;
    size = (size_t)(colon - text);
    if (six && (size < 2 || colon[-1] != ']'))
        return false;
    if (six) {
        text++;
        size -= 2;
    }
    if (size >= sizeof(host))
        return false;
    memcpy(host, text, size);
    *ret = (SocketAddress){};
    if (six) {
        ret->in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
        return inet_pton(AF_INET6, host, &ret->in6.sin6_addr) == 1;
    }
    ret->in4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port };
    return inet_pton(AF_INET, host, &ret->in4.sin_addr) == 1;
}

static int socket_listen(const SocketAddress *address, int *ret)
{
    bool six = address->any.sa_family == AF_INET6;
    _cleanup_close_ int fd = -EBADF;
    int yes = 1;

    fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
        (six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) < 0) ||
        bind(fd, &address->any, six ? sizeof(address->in6) : sizeof(address->in4)) < 0 ||
        listen(fd, BACKLOG) < 0)
        return -errno;
    *ret = TAKE_FD(fd);
    return 0;
}

/* An unavailable address that was not given explicitly is skipped. */
static bool family_is_missing(int r)
{
    return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL;
}

static int endpoints_add(Endpoints *e, const SocketAddress *address)
{
    int r;

    if (e->n == ENDPOINTS_MAX)
        return -E2BIG;
    r = socket_listen(address, e->fds + e->n);
    if (r >= 0)
        e->n++;
    return r;
}

static int endpoints_add_everywhere(Endpoints *e, in_port_t port)
{
    SocketAddress in4 = { .in4 = { .sin_family = AF_INET, .sin_port = port } };
    SocketAddress in6 = { .in6 = { .sin6_family = AF_INET6, .sin6_port = port } };
    int four, six;

    four = endpoints_add(e, &in4);
    if (four < 0 && !family_is_missing(four))
        return four;
    six = endpoints_add(e, &in6);
    return four < 0 || !family_is_missing(six) ? six : 0;
}

static int describe(const EndpointUse *use, const char *address, int r, Problem *problem)
{
    const char *what, *advice = use->instead;

    switch (r) {
    case -EADDRINUSE:
        what = "another program has the port";
        break;
    case -EACCES:
    case -EPERM:
        what = "the service may not use the port";
        advice =
            "give its unit CAP_NET_BIND_SERVICE, or take a port from 1024 on to which a proxy or the firewall "
            "leads";
        break;
    case -EADDRNOTAVAIL:
    case -EAFNOSUPPORT:
        what = "this machine does not have the address";
        advice = "correct the setting, or give the address to an interface";
        break;
    case -EINVAL:
        what = "it is no address with a port";
        advice = "write ADDRESS:PORT, [ADDRESS]:PORT or :PORT";
        break;
    default:
        what = strerror(-r);
    }
    problem_set(problem, PROBLEM_CHALLENGE_FAILED, "Nothing can be listened to at %s (%s): %s; %s", address,
                use->key, what, advice);
    return r;
}

int endpoints_open(const EndpointUse *use, char *const *addresses, Endpoints *ret, Problem *problem)
{
    _cleanup_(endpoints_close) Endpoints e = {};
    int r;

    for (size_t i = 0; addresses && addresses[i]; i++) {
        SocketAddress address;
        in_port_t port;

        if (addresses[i][0] == ':' && parse_port(addresses[i] + 1, &port))
            r = endpoints_add_everywhere(&e, port);
        else
            r = parse_address(addresses[i], &address) ? endpoints_add(&e, &address) : -EINVAL;
        if (r < 0)
            return describe(use, addresses[i], r, problem);
    }
    *ret = e;
    e = (Endpoints){};
    return 0;
}

void endpoints_close(Endpoints *e)
{
    for (size_t i = 0; i < e->n && !e->passed; i++)
        close(e->fds[i]);
    *e = (Endpoints){ .passed = e->passed };
}
