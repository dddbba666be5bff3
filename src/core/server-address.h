/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

#define ADDRESS_TEXT_SIZE 46 /* INET6_ADDRSTRLEN: of an IPv4 or IPv6 address as text, with its NUL */

/* Parses the address of a server as in the settings: ADDRESS[:PORT] or [ADDRESS]:PORT. *ret_port is 0 if there is no
 * port. -EINVAL. */
int server_address_parse(const char *text, char ret_address[static ADDRESS_TEXT_SIZE], uint16_t *ret_port);
/* The reverse; port 0 is omitted. The caller frees the result. NULL on OOM. */
char *server_address_format(const char *address, uint16_t port);
