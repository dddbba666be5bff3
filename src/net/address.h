/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/socket.h>

#include "core/server-address.h"

/* Whether packets to the address stay on this machine or its link, or go to no single host: unspecified, loopback,
 * link-local, multicast, broadcast and reserved ones of IPv4 (RFC 6890) and IPv6 (RFC 4291), and the IPv6 forms that
 * stand for such an IPv4 address: mapped, compatible, translated (RFC 6052, RFC 7915, RFC 8215), 6to4 (RFC 3056). What
 * is neither IPv4 nor IPv6 is local. Private networks (RFC 1918, RFC 4193) are not local. */
bool address_is_local(const struct sockaddr *address, size_t size);
/* The same for an address as text; text that is no address is local. */
bool address_text_is_local(const char *text);
/* Without the port, "?" when it is neither IPv4 nor IPv6. */
void address_to_text(const struct sockaddr *address, size_t size, char ret[static ADDRESS_TEXT_SIZE]);
