/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/dns-place.h"

#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "dns/request.h"
#include "util/text.h"

#define LABEL "_acme-challenge"

struct DnsPlace {
    Dns *dns;
    DnsQuery *query;
    char **owners;   /* the first name, and the targets of aliases */
    const char *cut; /* queried for the zone: the owner name, then its parents */
    bool wants_zone, guesses;
    DnsPlaceDone done;
    void *userdata;
};

static const char *owner_of(const DnsPlace *p)
{
    return p->owners[strv_length(p->owners) - 1];
}

/* The place must not be used after this. */
static void place_tell(DnsPlace *p, const char *zone)
{
    const Problem none = {};

    p->done(owner_of(p), zone, &none, p->userdata);
}

static void place_fail(DnsPlace *p, int r, Problem *problem)
{
    problem_set_errno(problem, r, "Looking for the place of a DNS record");
    p->done(NULL, NULL, problem, p->userdata);
}

/* ---- the zone */

static int ask_zone(DnsPlace *p, Problem *problem);

/* -ENOENT if only the root zone is above it. */
static int cut_label(DnsPlace *p)
{
    const char *dot = strchr(p->cut, '.');

    if (!dot || !dot[1])
        return -ENOENT;
    p->cut = dot + 1;
    return 0;
}

static void on_zone(DnsResult result, char *const *values, const Problem *why, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    DnsPlace *p = userdata;
    int r;

    p->query = NULL;
    if (result == DNS_FOUND && dns_name_is_in_zone(owner_of(p), values[0])) {
        place_tell(p, values[0]);
        return;
    }
    if (result == DNS_FAILED) {
        (void)problem_set(&problem, PROBLEM_CHALLENGE_FAILED,
                          "The zone of the record %s, which dns-01 needs, cannot be found: %s", owner_of(p),
                          why->text);
        r = -EHOSTUNREACH;
    } else if ((r = cut_label(p)) >= 0)
        r = ask_zone(p, &problem);
    else
        (void)problem_set(
            &problem, PROBLEM_CHALLENGE_FAILED,
            "No zone was found for the record %s, which dns-01 needs: the resolver returned no SOA "
            "record for it or for any name above it; see DNSResolvers= in [ACME].",
            owner_of(p));
    if (r < 0)
        place_fail(p, r, &problem);
}

static int ask_zone(DnsPlace *p, Problem *problem)
{
    return dns_query(p->dns, p->cut, DNS_SOA, NULL, on_zone, p, &p->query, problem);
}

/* ---- aliases */

static int ask_alias(DnsPlace *p, Problem *problem);

static int follow(DnsPlace *p, const char *target, Problem *problem)
{
    _cleanup_free_ char *chain = strv_join(p->owners, ", ");
    int r;

    if (!chain)
        return -ENOMEM;
    if (strv_contains(p->owners, target))
        return problem_set(problem, PROBLEM_CHALLENGE_FAILED,
                           "The alias (CNAME) %s, which dns-01 follows, leads back to itself: "
                           "%s, %s; correct it in the DNS.",
                           p->owners[0], chain, target);
    if (strv_length(p->owners) > LIMIT_DNS_ALIASES)
        return problem_set(problem, PROBLEM_CHALLENGE_FAILED,
                           "The alias (CNAME) %s, which dns-01 follows, leads to more than %d others: "
                           "%s, %s; shorten the chain in the DNS.",
                           p->owners[0], LIMIT_DNS_ALIASES, chain, target);
    r = strv_extend(&p->owners, target);
    return r < 0 ? r : ask_alias(p, problem);
}

static void on_alias(DnsResult result, char *const *values, const Problem *why, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    DnsPlace *p = userdata;
    int r = 0;

    p->query = NULL;
    if (result == DNS_FOUND)
        r = follow(p, values[0], &problem);
    else if (result == DNS_FAILED && !p->guesses)
        r = problem_set(
            &problem, PROBLEM_CHALLENGE_FAILED,
            "Failed to find out whether the record %s, which dns-01 needs, is an alias (CNAME): %s",
            owner_of(p), why->text);
    else if (p->wants_zone) {
        p->cut = owner_of(p);
        r = ask_zone(p, &problem);
    } else {
        place_tell(p, NULL);
        return;
    }
    if (r < 0)
        place_fail(p, r, &problem);
}

static int ask_alias(DnsPlace *p, Problem *problem)
{
    return dns_query(p->dns, owner_of(p), DNS_CNAME, NULL, on_alias, p, &p->query, problem);
}

/* ---- */

int dns_place_find(Dns *dns, const DnsPlaceWish *wish, DnsPlaceDone done, void *userdata, DnsPlace **ret,
                   Problem *problem)
{
    _cleanup_(dns_place_freep) DnsPlace *p = calloc(1, sizeof(DnsPlace));
    _cleanup_free_ char *owner = NULL;
    int r;

    if (!p)
        return -ENOMEM;
    *p = (DnsPlace){
        .dns = dns, .wants_zone = wish->zone, .guesses = wish->guess, .done = done, .userdata = userdata
    };
    if (asprintf(&owner, LABEL ".%s", wish->name) < 0) {
        owner = NULL;
        return -ENOMEM;
    }
    if (strlen(owner) > LIMIT_NAME)
        return problem_set(problem, PROBLEM_CHALLENGE_FAILED,
                           "dns-01 cannot prove %s: with \"" LABEL
                           "\" in front, the name is longer than the DNS allows.",
                           wish->name);
    r = strv_extend(&p->owners, owner);
    if (r >= 0)
        r = ask_alias(p, problem);
    if (r >= 0)
        *ret = TAKE_PTR(p);
    return r;
}

DnsPlace *dns_place_free(DnsPlace *p)
{
    if (!p)
        return NULL;
    dns_cancel(p->query);
    strv_free(p->owners);
    free(p);
    return NULL;
}
