/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/name-constraint.h"

#include <arpa/inet.h>
#include <errno.h>

#include "core/name.h"
#include "util/text.h"

/* ADDRESS/BITS */
static int parse_network(const char *text, uint8_t ret[static 32], int *ret_size)
{
    _cleanup_free_ char *address = strdup(text);
    char *slash = address ? strchr(address, '/') : NULL;
    uint64_t bits;
    int size;

    if (!address)
        return -ENOMEM;
    if (slash)
        *slash = 0;
    size = strchr(address, ':') ? 16 : 4;
    if (inet_pton(size == 16 ? AF_INET6 : AF_INET, address, ret) != 1)
        return -EINVAL;
    bits = 8 * (uint64_t)size;
    if (slash && (parse_uint64(slash + 1, &bits) < 0 || bits > 8 * (uint64_t)size))
        return -EINVAL;
    for (int i = 0; i < size; i++) {
        int ones = (int)bits - 8 * i;

        ret[size + i] = ones >= 8 ? 0xff : ones <= 0 ? 0 : (uint8_t)(0xff << (8 - ones));
        ret[i] &= ret[size + i];
    }
    *ret_size = 2 * size;
    return 0;
}

int name_constraint_parse(const char *text, NameConstraint *ret)
{
    NameConstraint c = { .excluded = text[0] == '!' };
    _cleanup_free_ char *domain = NULL;
    int r;

    text += c.excluded;
    r = parse_network(text, c.network, &c.network_size);
    if (r == -EINVAL) {
        r = name_canonicalize(text + (text[0] == '.'), &domain, NULL);
        if (r >= 0 && (name_is_address(domain) || name_is_wildcard(domain)))
            r = -EINVAL;
    }
    if (r < 0)
        return r;
    c.domain = TAKE_PTR(domain);
    *ret = c;
    return 0;
}
