/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>

static bool in4_is_local(const uint8_t a[static 4])
{
    return a[0] == 0 || a[0] == 127 || (a[0] == 169 && a[1] == 254) || a[0] >= 224;
}

/* Prefixes of IPv6 addresses that contain an IPv4 address, and its position. A prefix is listed more than
 * once if the position depends on the configuration of the translator. */
static const struct {
    uint8_t prefix[12];
    size_t length;
    uint8_t at[4];
} embedding[] = {
    { {}, 12, { 12, 13, 14, 15 } }, /* compatible, also :: and ::1 */
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 12, { 12, 13, 14, 15 } }, /* mapped */
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0 }, 12, { 12, 13, 14, 15 } }, /* translated */
    { { 0, 0x64, 0xff, 0x9b }, 12, { 12, 13, 14, 15 } },                      /* NAT64 */
    { { 0, 0x64, 0xff, 0x9b, 0, 1 }, 6, { 6, 7, 9, 10 } },                    /* NAT64 of a site, /48 */
    { { 0, 0x64, 0xff, 0x9b, 0, 1 }, 6, { 7, 9, 10, 11 } },                   /* ... /56 */
    { { 0, 0x64, 0xff, 0x9b, 0, 1 }, 6, { 9, 10, 11, 12 } },                  /* ... /64 */
    { { 0, 0x64, 0xff, 0x9b, 0, 1 }, 6, { 12, 13, 14, 15 } },                 /* ... /96 */
    { { 0x20, 0x02 }, 2, { 2, 3, 4, 5 } },                                    /* 6to4 */
};

static bool in6_is_local(const uint8_t a[static 16])
{
    if ((a[0] == 0xfe && (a[1] & 0xc0) == 0x80) || a[0] == 0xff)
        return true;
    for (size_t i = 0; i < ELEMENTSOF(embedding); i++) {
        const uint8_t *at = embedding[i].at;

        if (memcmp(a, embedding[i].prefix, embedding[i].length) == 0 &&
            in4_is_local((uint8_t[]){ a[at[0]], a[at[1]], a[at[2]], a[at[3]] }))
            return true;
    }
    return false;
}

/* Returns the bytes of the address and its family; AF_UNSPEC for other families. */
static int address_read(const struct sockaddr *address, size_t size, uint8_t ret[static 16])
{
    struct sockaddr_in6 in6;
    struct sockaddr_in in4;

    if (size >= sizeof(in4) && address->sa_family == AF_INET) {
        memcpy(&in4, address, sizeof(in4));
        memcpy(ret, &in4.sin_addr, 4);
        return AF_INET;
    }
    if (size >= sizeof(in6) && address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof(in6));
        memcpy(ret, &in6.sin6_addr, 16);
        return AF_INET6;
    }
    return AF_UNSPEC;
}

bool address_is_local(const struct sockaddr *address, size_t size)
{
    uint8_t bytes[16];

    switch (address_read(address, size, bytes)) {
    case AF_INET:
        return in4_is_local(bytes);
    case AF_INET6:
        return in6_is_local(bytes);
    default:
        return true;
    }
}

/* An interface that does not exist has no index. */
static socklen_t zoned_from_text(const char *text, uint16_t port, SocketAddress *ret)
{
    static const struct addrinfo hints = { .ai_family = AF_INET6, .ai_flags = AI_NUMERICHOST };
    struct addrinfo *found;

    if (getaddrinfo(text, NULL, &hints, &found) != 0)
        return 0;
    memcpy(&ret->in6, found->ai_addr, sizeof(ret->in6));
    freeaddrinfo(found);
    ret->in6.sin6_port = htons(port);
    return sizeof(ret->in6);
}

socklen_t address_from_text(const char *text, uint16_t port, SocketAddress *ret)
{
    if (strchr(text, '%'))
        return zoned_from_text(text, port, ret);
    *ret = (SocketAddress){ .in4 = { .sin_family = AF_INET, .sin_port = htons(port) } };
    if (inet_pton(AF_INET, text, &ret->in4.sin_addr) == 1)
        return sizeof(ret->in4);
    *ret = (SocketAddress){ .in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) } };
    return inet_pton(AF_INET6, text, &ret->in6.sin6_addr) == 1 ? sizeof(ret->in6) : 0;
}

bool address_text_is_local(const char *text)
{
    SocketAddress address;
    socklen_t size = address_from_text(text, 0, &address);

    return address_is_local(&address.any, size);
}

void address_to_text(const struct sockaddr *address, size_t size, char ret[static ADDRESS_TEXT_SIZE])
{
    uint8_t bytes[16];
    int family = address_read(address, size, bytes);

    if (family == AF_UNSPEC || !inet_ntop(family, bytes, ret, ADDRESS_TEXT_SIZE))
        strcpy(ret, "?");
}
