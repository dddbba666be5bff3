/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <resolv.h>
#include <sys/uio.h>
#include <unistd.h>

#include "net/address.h"
#include "net/resolver-internal.h"
#include "util/text.h"

/* c-ares before 1.28, of which versions before 1.24 drop the zones of addresses. So inside of c-ares, the index of the
 * interface is part of the address: the server fe80::HOST%ZONE is ff80:0:INDEX::HOST, a multicast address, which no
 * server has. The functions for sockets, the only way out of c-ares, translate both ways. */

#define INDEX_AT 4

static void zone_hide(struct sockaddr_in6 *address)
{
    uint32_t index = htonl(address->sin6_scope_id);

    if (!IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr))
        return;
    address->sin6_addr.s6_addr[0] = 0xff;
    memcpy(address->sin6_addr.s6_addr + INDEX_AT, &index, sizeof(index));
    address->sin6_scope_id = 0;
}

static void zone_show(struct sockaddr_in6 *address)
{
    uint8_t *bytes = address->sin6_addr.s6_addr;
    uint32_t index;

    if (bytes[0] != 0xff || bytes[1] != 0x80)
        return;
    bytes[0] = 0xfe;
    memcpy(&index, bytes + INDEX_AT, sizeof(index));
    memset(bytes + INDEX_AT, 0, sizeof(index));
    address->sin6_scope_id = ntohl(index);
}

/* ---- servers */

/* Without its interface, a server is an address that cannot be reached. */
char *dns_server_format(const char *address, uint16_t port)
{
    const char *zone = strchr(address, '%');
    char text[ADDRESS_TEXT_SIZE];
    SocketAddress a;

    if (!zone)
        return server_address_format(address, port);
    if (address_from_text(address, port, &a) == 0) {
        memcpy(text, address, (size_t)(zone - address));
        text[zone - address] = 0;
        (void)address_from_text(text, port, &a);
    }
    zone_hide(&a.in6);
    address_to_text(&a.any, sizeof(a.in6), text);
    return server_address_format(text, port);
}

/* Returns true if a server has a zone; else c-ares knows them all. */
static bool has_zone(const struct __res_state *state)
{
    for (int i = 0; i < state->nscount; i++)
        if (state->nsaddr_list[i].sin_family != AF_INET && state->_u._ext.nsaddrs[i] &&
            state->_u._ext.nsaddrs[i]->sin6_scope_id > 0)
            return true;
    return false;
}

static int add_server(char **list, const struct sockaddr_in *four, const struct sockaddr_in6 *six)
{
    SocketAddress address = {};
    char text[ADDRESS_TEXT_SIZE];

    if (four->sin_family == AF_INET)
        address.in4 = *four;
    else if (six)
        address.in6 = *six;
    else
        return 0;
    if (address.any.sa_family == AF_INET6)
        zone_hide(&address.in6);
    address_to_text(&address.any, sizeof(address), text);
    return dns_servers_append(list, text, 0);
}

int dns_system_servers(char **ret)
{
    struct __res_state state = {};
    int r = 0;

    if (res_ninit(&state) < 0)
        return 0; /* c-ares has its own way of reading it */
    for (int i = 0; has_zone(&state) && i < state.nscount && r >= 0; i++)
        r = add_server(ret, state.nsaddr_list + i, state._u._ext.nsaddrs[i]);
    res_nclose(&state);
    return r;
}

/* ---- sockets */

static ares_socket_t open_socket(int family, int type, int protocol, void *userdata _unused_)
{
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static int close_socket(ares_socket_t fd, void *userdata _unused_)
{
    return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *address, ares_socklen_t size,
                          void *userdata _unused_)
{
    struct sockaddr_in6 six;

    if (address->sa_family != AF_INET6 || size < sizeof(six))
        return connect(fd, address, size);
    memcpy(&six, address, sizeof(six));
    zone_show(&six);
    return connect(fd, (struct sockaddr *)&six, sizeof(six));
}

/* c-ares compares the sender with the server. */
static ares_ssize_t receive(ares_socket_t fd, void *data, size_t size, int flags, struct sockaddr *from,
                            ares_socklen_t *from_size, void *userdata _unused_)
{
    ssize_t n = recvfrom(fd, data, size, flags, from, from_size);
    struct sockaddr_in6 six;

    if (n >= 0 && from && from_size && *from_size >= sizeof(six) && from->sa_family == AF_INET6) {
        memcpy(&six, from, sizeof(six));
        zone_hide(&six);
        memcpy(from, &six, sizeof(six));
    }
    return n;
}

static ares_ssize_t send_parts(ares_socket_t fd, const struct iovec *parts, int n, void *userdata _unused_)
{
    return writev(fd, parts, n);
}

void dns_channel_enable_zones(struct ares_channeldata *channel)
{
    static const struct ares_socket_functions functions = { .asocket = open_socket,
                                                            .aclose = close_socket,
                                                            .aconnect = connect_socket,
                                                            .arecvfrom = receive,
                                                            .asendv = send_parts };

    ares_set_socket_functions(channel, &functions, NULL);
}
