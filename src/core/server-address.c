/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/server-address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "util/text.h"

_Static_assert(ADDRESS_TEXT_SIZE == INET6_ADDRSTRLEN + IF_NAMESIZE, "any address fits");

#define ZONE_LETTERS TEXT_ALNUM "-_." /* fewer than the kernel allows: they get into lists and scripts */

bool server_address_is_valid(const char *text)
{
    const char *zone = strchr(text, '%');
    size_t n = zone ? (size_t)(zone - text) : strlen(text);
    char address[INET6_ADDRSTRLEN];
    struct in6_addr bytes;

    if (n >= sizeof(address))
        return false;
    memcpy(address, text, n);
    address[n] = 0;
    if (inet_pton(strchr(address, ':') ? AF_INET6 : AF_INET, address, &bytes) != 1)
        return false;
    return !zone || (strchr(address, ':') && IN6_IS_ADDR_LINKLOCAL(&bytes) &&
                     text_consists_of(zone + 1, ZONE_LETTERS, 1, IF_NAMESIZE - 1));
}

int server_address_parse(const char *text, char ret_address[static ADDRESS_TEXT_SIZE], uint16_t *ret_port)
{
    const char *end, *port = NULL;
    char address[ADDRESS_TEXT_SIZE];
    bool bracket = *text == '[';

    text += bracket;
    if (bracket)
        end = strchr(text, ']');
    else
        end = strchr(text, ':') && strchr(text, ':') == strrchr(text, ':') ? strchr(text, ':')
                                                                           : text + strlen(text);
    if (!end || (size_t)(end - text) >= sizeof(address))
        return -EINVAL;
    memcpy(address, text, (size_t)(end - text));
    address[end - text] = 0;
    end += bracket;
    if (*end == ':')
        port = end + 1;
    else if (*end)
        return -EINVAL;
    if (!server_address_is_valid(address) || (bracket && !strchr(address, ':')))
        return -EINVAL;
    *ret_port = 0;
    if (port && parse_ip_port(port, ret_port) < 0)
        return -EINVAL;
    memcpy(ret_address, address, sizeof(address));
    return 0;
}

char *server_address_format(const char *address, uint16_t port)
{
    char *s = NULL;
    int n;

    if (port == 0)
        return strdup(address);
    n = asprintf(&s, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, (unsigned)port);
    return n < 0 ? NULL : s;
}
