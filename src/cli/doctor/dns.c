/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>

#include "cli/doctor/machine.h"
#include "cli/xalloc.h"
#include "core/name.h"
#include "core/private-name.h"
#include "util/text.h"
#include "util/time.h"

/* The names that an authority has to find, in the DNS as this machine sees it. All are looked up side by side. */

#define LOOKUPS_MAX 64
#define LOOKUP_MSEC 10000

typedef struct Lookup {
    struct gaicb request;
    const Certificate *certificate;
} Lookup;

typedef struct Lookups {
    Lookup items[LOOKUPS_MAX];
    size_t n, left_out;
} Lookups;

/* Names by what is wrong with them. */
typedef struct Wrong {
    char **missing, **silent, **elsewhere;
    bool missing_hurts, elsewhere_hurts; /* an order has failed, perhaps for this reason */
    char *elsewhere_address;             /* of the first one */
} Wrong;

static void wrong_done(Wrong *w)
{
    strv_free(w->missing);
    strv_free(w->silent);
    strv_free(w->elsewhere);
    free(w->elsewhere_address);
}

/* ---- what to look up */

static bool lookups_have(const Lookups *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (streq(l->items[i].request.ar_name, name))
            return true;
    return false;
}

static void lookups_add(Lookups *l, const Certificate *c, const char *name)
{
    static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };

    if (name_is_address(name) || name_is_wildcard(name) || name_private_reason(name) ||
        lookups_have(l, name))
        return;
    if (l->n == LOOKUPS_MAX)
        l->left_out++;
    else
        l->items[l->n++] = (Lookup){ { .ar_name = name, .ar_request = &hints }, c };
}

/* An upload needs no authority. */
static void lookups_collect(Lookups *l, const Machine *m)
{
    for (size_t i = 0; i < m->service->list.n; i++) {
        const Certificate *c = &m->service->list.items[i];

        if (!machine_wants(m, c) || (streq(c->source, "uploaded") && isempty(c->error.code)))
            continue;
        for (char **name = c->names; name && *name; name++)
            lookups_add(l, c, *name);
    }
}

static void lookups_run(Lookups *l)
{
    struct gaicb *requests[LOOKUPS_MAX];
    int64_t end = monotonic_msec() + LOOKUP_MSEC, now;

    for (size_t i = 0; i < l->n; i++)
        requests[i] = &l->items[i].request;
    if (l->n == 0 || getaddrinfo_a(GAI_NOWAIT, requests, (int)l->n, NULL) != 0)
        return;
    while ((now = monotonic_msec()) < end) {
        struct timespec left = { (end - now) / MSEC_PER_SEC, (end - now) % MSEC_PER_SEC * 1000000 };
        size_t waiting = 0;

        for (size_t i = 0; i < l->n; i++)
            if (gai_error(&l->items[i].request) == EAI_INPROGRESS)
                requests[waiting++] = &l->items[i].request;
        if (waiting == 0 ||
            gai_suspend((const struct gaicb *const *)requests, (int)waiting, &left) == EAI_AGAIN)
            return;
    }
}

static bool lookups_are_over(const Lookups *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (gai_error((struct gaicb *)(uintptr_t)&l->items[i].request) == EAI_INPROGRESS)
            return false;
    return true;
}

/* ---- what they are */

static char *address_to_text(const struct sockaddr *a)
{
    char text[INET6_ADDRSTRLEN] = "";

    if (a->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, text, sizeof text);
    else if (a->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, text, sizeof text);
    return xstrdup(text);
}

/* Returns true if an interface has the address. */
static bool machine_has(const struct ifaddrs *interfaces, const struct sockaddr *address)
{
    _cleanup_free_ char *text = address_to_text(address);

    for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next) {
        _cleanup_free_ char *own = NULL;

        if (!i->ifa_addr || i->ifa_addr->sa_family != address->sa_family)
            continue;
        own = address_to_text(i->ifa_addr);
        if (streq(own, text))
            return true;
    }
    return false;
}

/* Returns true if an interface has a public address of IPv4 or, with_ipv6, of any kind. Behind NAT, none has, and nothing can
 * be said about an address of others; IPv6 has no NAT. */
static bool machine_is_public(const struct ifaddrs *interfaces, bool with_ipv6)
{
    for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next) {
        _cleanup_free_ char *own = NULL;

        if (!i->ifa_addr ||
            (i->ifa_addr->sa_family != AF_INET && !(with_ipv6 && i->ifa_addr->sa_family == AF_INET6)))
            continue;
        own = address_to_text(i->ifa_addr);
        if (!name_private_reason(own))
            return true;
    }
    return false;
}

/* An authority may choose any of the addresses, and prefers IPv6. */
static void judge_addresses(Wrong *w, const Lookup *l, const struct ifaddrs *interfaces)
{
    for (const struct addrinfo *a = l->request.ar_result; a; a = a->ai_next) {
        if (machine_has(interfaces, a->ai_addr) || !machine_is_public(interfaces, a->ai_family == AF_INET6))
            continue;
        if (!w->elsewhere)
            w->elsewhere_address = address_to_text(a->ai_addr);
        xstrv_add(&w->elsewhere, l->request.ar_name);
        w->elsewhere_hurts = w->elsewhere_hurts || error_is_of_proof(l->certificate);
        return;
    }
}

static void judge(Wrong *w, Lookup *l, const struct ifaddrs *interfaces)
{
    switch (gai_error(&l->request)) {
    case 0:
        judge_addresses(w, l, interfaces);
        freeaddrinfo(l->request.ar_result);
        break;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        xstrv_add(&w->missing, l->request.ar_name);
        w->missing_hurts = w->missing_hurts || !isempty(l->certificate->error.code);
        break;
    default:
        xstrv_add(&w->silent, l->request.ar_name);
    }
}

static void wrong_report(const Wrong *w, Findings *f)
{
    _cleanup_free_ char *missing = names_quote(w->missing), *silent = names_quote(w->silent),
                        *elsewhere = names_quote(w->elsewhere);

    if (w->silent)
        finding_add(f, SEVERITY_ERROR, "dns-silent", silent,
                    xasprintf(_("The name servers give no answer for: %s."), silent),
                    xstrdup(_("Look at /etc/resolv.conf, and try: getent hosts NAME")));
    if (w->missing)
        finding_add(
            f, w->missing_hurts ? SEVERITY_ERROR : SEVERITY_WARNING, "dns-missing", missing,
            xasprintf(_("Not in the DNS, so no authority can find it: %s."), missing),
            xstrdup(_(
                "Add an A or AAAA record that leads to this machine; or, if only the inside does not see it, "
                "set DNSResolvers= of certwright.conf(5).")));
    if (w->elsewhere)
        finding_add(
            f, w->elsewhere_hurts ? SEVERITY_ERROR : SEVERITY_WARNING, "dns-elsewhere", elsewhere,
            xasprintf(_("In the DNS with an address that this machine does not have (%s): %s."),
                      w->elsewhere_address, elsewhere),
            xstrdup(
                _("Correct its A and AAAA records, unless that address forwards port 80 to this machine.")));
}

void check_dns(const Machine *m, Findings *f)
{
    _cleanup_(wrong_done) Wrong w = {};
    static Lookups *l; /* lookups that are not over yet write to it until the command exits */
    struct ifaddrs *interfaces = NULL;

    if (!m->service->acme)
        return;
    l = xcheck(calloc(1, sizeof *l));
    lookups_collect(l, m);
    lookups_run(l);
    if (getifaddrs(&interfaces) < 0)
        interfaces = NULL;
    for (size_t i = 0; i < l->n; i++)
        judge(&w, &l->items[i], interfaces);
    freeifaddrs(interfaces);
    wrong_report(&w, f);
    if (l->left_out > 0)
        finding_add_unseen(
            f, xasprintf(_("dns: %zu more names; \"certwright doctor NAME\" looks at one."), l->left_out));
    if (lookups_are_over(l)) {
        free(l);
        l = NULL;
    }
}
