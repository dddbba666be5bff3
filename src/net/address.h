/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "core/server-address.h"

typedef union SocketAddress {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
} SocketAddress;

/* Reads an IPv4 or IPv6 address without a port, the latter also with a zone. Returns its size, or 0 if it is neither or
 * there is no such zone. */
socklen_t address_from_text(const char *text, uint16_t port, SocketAddress *ret);
/* Returns true if packets to the address stay on this machine or its link, or reach no single host:
 * unspecified, loopback, link-local, multicast, broadcast and reserved addresses of IPv4 (RFC 6890) and IPv6
 * (RFC 4291), and IPv6 forms of such IPv4 addresses: mapped, compatible, translated (RFC 6052, RFC 7915, RFC
 * 8215), 6to4 (RFC 3056). Other address families are local. Private networks (RFC 1918, RFC 4193) are not
 * local. */
bool address_is_local(const struct sockaddr *address, size_t size);
/* The same for an address as text; text that is not an address is local. */
bool address_text_is_local(const char *text);
/* Formats the address without the port; "?" if it is neither IPv4 nor IPv6. */
void address_to_text(const struct sockaddr *address, size_t size, char ret[static ADDRESS_TEXT_SIZE]);
