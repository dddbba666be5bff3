/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* INET6_ADDRSTRLEN + IF_NAMESIZE: of an IPv4 or IPv6 address as text, with %ZONE and its NUL */
#define ADDRESS_TEXT_SIZE 62

/* Returns true for an IPv4 or IPv6 address without a port. Link-local ones of IPv6 may have a zone: the name or the index of
 * an interface (RFC 4007 section 11). */
bool server_address_is_valid(const char *text);
/* Parses the address of a server as in the settings: ADDRESS[:PORT] or [ADDRESS]:PORT. *ret_port is 0 if there is no
 * port. -EINVAL. */
int server_address_parse(const char *text, char ret_address[static ADDRESS_TEXT_SIZE], uint16_t *ret_port);
/* The reverse; port 0 is omitted. The caller frees the result. NULL on OOM. */
char *server_address_format(const char *address, uint16_t port);
