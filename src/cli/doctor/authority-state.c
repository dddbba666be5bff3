/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include "cli/doctor/machine.h"
#include "cli/xalloc.h"

/* The authorities: outages, and what is left of their limits. */

#define NEARLY(limit) ((limit) - (limit) / 5)

typedef struct Authority {
    const char *name, *directory, *account;
    int is_public;
    int64_t avoided_until, span;
    uint32_t orders, limit; /* within the span; limit 0: none is known */
} Authority;

static const Field fields[] = {
    { NULL, NULL, "s", offsetof(Authority, name) },
    { NULL, NULL, "s", offsetof(Authority, directory) },
    { NULL, NULL, "s", offsetof(Authority, account) },
    { NULL, NULL, "b", offsetof(Authority, is_public) },
    { NULL, NULL, "x", offsetof(Authority, avoided_until) },
    { NULL, NULL, "u", offsetof(Authority, orders) },
    { NULL, NULL, "u", offsetof(Authority, limit) },
    { NULL, NULL, "x", offsetof(Authority, span) },
};

static const Record record = RECORD("sssbxuux", Authority, fields);

static void check_authority(Findings *f, const Authority *a)
{
    _cleanup_free_ char *until = time_format(a->avoided_until);
    long long hours = (long long)((a->span + 3599) / 3600);

    if (a->avoided_until > time(NULL))
        finding_add(
            f, SEVERITY_WARNING, "authority-outage", a->name,
            xasprintf(_("The authority %s had an outage, and is not asked before %s."), a->name, until),
            xstrdup(_("A reissue asks it at once: certwright reissue NAME")));
    if (a->limit > 0 && a->orders >= a->limit)
        finding_add(f, SEVERITY_WARNING, "limit-used-up", a->name,
                    xasprintf(_("The %u orders that the authority %s permits in %lld hours are used up."),
                              a->limit, a->name, hours),
                    xstrdup(_("Wait: the service places further orders by itself when the limit permits.")));
    else if (a->limit > 0 && a->orders >= NEARLY(a->limit))
        finding_add(
            f, SEVERITY_NOTE, "limit-near", a->name,
            xasprintf(_("Of the %u orders that the authority %s permits in %lld hours, %u are left."),
                      a->limit, a->name, hours, a->limit - a->orders),
            NULL);
}

/* A service of before has no such method, and says in the errors of certificates what is used up. */
void check_authorities(const Machine *m, Findings *f)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_list_ List l = {};

    if (!m->service->acme || machine_open_bus(&bus) < 0 ||
        sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER_INTERFACE, "ListAuthorities", NULL, &reply,
                           NULL) < 0 ||
        list_read(&l, &record, "a(sssbxuux)", reply) < 0)
        return;
    for (const Authority *a = l.items; a < (const Authority *)l.items + l.n; a++)
        check_authority(f, a);
}
