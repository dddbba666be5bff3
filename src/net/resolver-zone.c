/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ares.h>
#include <stdio.h>

#include "core/server-address.h"
#include "net/resolver-internal.h"
#include "util/text.h"

/* c-ares 1.28 and later, which writes the zone behind the port. */

char *dns_server_format(const char *address, uint16_t port)
{
    const char *zone = strchr(address, '%');
    _cleanup_free_ char *host = NULL, *server = NULL;
    char *s = NULL;

    if (!zone)
        return server_address_format(address, port);
    host = strndup(address, (size_t)(zone - address));
    server = host ? server_address_format(host, port) : NULL;
    return !server || asprintf(&s, "%s%s", server, zone) < 0 ? NULL : s;
}

int dns_system_servers(char **ret _unused_)
{
    return 0;
}

void dns_channel_enable_zones(struct ares_channeldata *channel _unused_)
{
}
