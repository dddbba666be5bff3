/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/registered-domain.h"

#include <arpa/inet.h>
#include <libpsl.h>
#include <pthread.h>

#include "core/name.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const psl_ctx_t *list;

/* The newest list: the distribution's file, or the one built into the library. It is kept for the lifetime
 * of the process. */
static void read_list(void)
{
    list = psl_latest(NULL);
    if (!list)
        list = psl_builtin();
}

static char *network_of(const char *address)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr in6;

    if (inet_pton(AF_INET6, address, &in6) != 1)
        return strdup(address);
    memset(in6.s6_addr + 8, 0, 8);
    return inet_ntop(AF_INET6, &in6, text, sizeof(text)) ? strdup(text) : strdup(address);
}

char *domain_registered(const char *name)
{
    const char *registered;

    if (name_is_address(name))
        return network_of(name);
    name = name_base(name);
    (void)pthread_once(&once, read_list);
    registered = list ? psl_registrable_domain(list, name) : NULL;
    return strdup(registered ? registered : name);
}
