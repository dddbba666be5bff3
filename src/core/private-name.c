/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/private-name.h"

#include <arpa/inet.h>

#include "core/name.h"
#include "util/text.h"

/* Domains without globally unique names: IANA's special-use domain names, and names that are never delegated
 * because private networks use them (RFC 6762 appendix G, ICANN's resolution 2018.02.04.12). */
static const struct {
    const char *domain;
    const char *reason;
} domains[] = {
    { "local", "a name below \"local\", which each network has for itself" },
    { "lan", "a name below \"lan\", which each network has for itself" },
    { "internal", "a name below \"internal\", which each network has for itself" },
    { "intranet", "a name below \"intranet\", which each network has for itself" },
    { "private", "a name below \"private\", which each network has for itself" },
    { "home", "a name below \"home\", which each network has for itself" },
    { "corp", "a name below \"corp\", which each network has for itself" },
    { "mail", "a name below \"mail\", which each network has for itself" },
    { "localdomain", "a name below \"localdomain\", which each network has for itself" },
    { "home.arpa", "a name below \"home.arpa\", which each network has for itself" },
    { "localhost", "a name below \"localhost\", which each machine has for itself" },
    { "test", "a name below \"test\", which is reserved for tests" },
    { "invalid", "a name below \"invalid\", which is never valid" },
    { "example", "a name below \"example\", which is reserved for documentation" },
    { "example.com", "a name below \"example.com\", which is reserved for documentation" },
    { "example.net", "a name below \"example.net\", which is reserved for documentation" },
    { "example.org", "a name below \"example.org\", which is reserved for documentation" },
    { "onion", "a name below \"onion\", which is not in the DNS" },
    { "alt", "a name below \"alt\", which is not in the DNS" },
    { "in-addr.arpa", "a name of a reverse zone" },
    { "ip6.arpa", "a name of a reverse zone" },
    { "arpa", "a name below \"arpa\", which is the infrastructure of the internet" },
};

#define PRIVATE_NETWORK "an address of a private network"
#define SHARED          "an address behind a provider's translation (RFC 6598)"
#define LOOPBACK        "an address of the machine itself"
#define LINK_LOCAL      "a link-local address"
#define DOCUMENTATION   "an address reserved for documentation"
#define MULTICAST       "a multicast address"
#define RESERVED        "a reserved address"
#define TRANSLATED      "an IPv6 address that stands for an IPv4 address"

/* IANA's special-purpose address registries, more specific prefixes first; no reason: globally reachable. */
typedef struct Prefix {
    const char *address;
    unsigned bits;
    const char *reason;
} Prefix;

static const Prefix prefixes4[] = {
    { "0.0.0.0", 8, RESERVED },
    { "10.0.0.0", 8, PRIVATE_NETWORK },
    { "100.64.0.0", 10, SHARED },
    { "127.0.0.0", 8, LOOPBACK },
    { "169.254.0.0", 16, LINK_LOCAL },
    { "172.16.0.0", 12, PRIVATE_NETWORK },
    { "192.0.0.9", 32, NULL },
    { "192.0.0.10", 32, NULL },
    { "192.0.0.0", 24, RESERVED },
    { "192.0.2.0", 24, DOCUMENTATION },
    { "192.88.99.0", 24, RESERVED },
    { "192.168.0.0", 16, PRIVATE_NETWORK },
    { "198.18.0.0", 15, RESERVED },
    { "198.51.100.0", 24, DOCUMENTATION },
    { "203.0.113.0", 24, DOCUMENTATION },
    { "224.0.0.0", 4, MULTICAST },
    { "240.0.0.0", 4, RESERVED },
    { "0.0.0.0", 0, NULL },
};

static const Prefix prefixes6[] = {
    { "::1", 128, LOOPBACK },
    { "::ffff:0:0", 96, TRANSLATED },
    { "64:ff9b::", 96, TRANSLATED },
    { "64:ff9b:1::", 48, TRANSLATED },
    { "2001:1::1", 128, NULL },
    { "2001:1::2", 128, NULL },
    { "2001:1::3", 128, NULL },
    { "2001:3::", 32, NULL },
    { "2001:4:112::", 48, NULL },
    { "2001:20::", 28, NULL },
    { "2001:30::", 28, NULL },
    { "2001::", 23, RESERVED },
    { "2001:db8::", 32, DOCUMENTATION },
    { "2002::", 16, TRANSLATED },
    { "3fff::", 20, DOCUMENTATION },
    { "2000::", 3, NULL },
    { "fc00::", 7, PRIVATE_NETWORK },
    { "fe80::", 10, LINK_LOCAL },
    { "fec0::", 10, PRIVATE_NETWORK },
    { "ff00::", 8, MULTICAST },
    { "::", 0, RESERVED },
};

static bool prefix_holds(const uint8_t *prefix, const uint8_t *address, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    return memcmp(prefix, address, whole) == 0 &&
           (rest == 0 || (prefix[whole] ^ address[whole]) >> (8 - rest) == 0);
}

static const char *address_reason(int family, const char *text, const Prefix *prefixes, size_t n)
{
    uint8_t address[16], prefix[16];

    if (inet_pton(family, text, address) != 1)
        return RESERVED;
    for (size_t i = 0; i < n; i++)
        if (inet_pton(family, prefixes[i].address, prefix) == 1 &&
            prefix_holds(prefix, address, prefixes[i].bits))
            return prefixes[i].reason;
    return RESERVED;
}

static bool is_below(const char *name, const char *domain)
{
    const char *at = text_ends_with(name, domain);

    return at && (at == name || at[-1] == '.');
}

const char *name_private_reason(const char *name)
{
    bool wildcard = name_is_wildcard(name);

    if (name_is_address(name))
        return strchr(name, ':') ? address_reason(AF_INET6, name, prefixes6, ELEMENTSOF(prefixes6))
                                 : address_reason(AF_INET, name, prefixes4, ELEMENTSOF(prefixes4));
    name = name_base(name);
    for (size_t i = 0; i < ELEMENTSOF(domains); i++)
        if ((wildcard || strchr(name, '.')) && is_below(name, domains[i].domain))
            return domains[i].reason;
    if (!strchr(name, '.'))
        return wildcard ? "a wildcard right below a top-level domain" : "a name without a dot";
    return NULL;
}
