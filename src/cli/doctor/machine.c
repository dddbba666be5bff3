/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/machine.h"

#include "cli/xalloc.h"
#include "core/name.h"
#include "util/text.h"
#include "util/time.h"

#define CALL_TIMEOUT_USEC (10 * USEC_PER_SEC)

static bool names_cover(char *const *patterns, const char *name)
{
    for (; patterns && *patterns; patterns++)
        if (name_covers(*patterns, name))
            return true;
    return false;
}

bool machine_wants(const Machine *m, const Certificate *c)
{
    for (char *const *name = m->names; name && *name; name++)
        if (names_cover(c->names, *name))
            return true;
    return !m->names;
}

bool machine_is_installed(void)
{
    return access(DATADIR "/dbus-1/system-services/" SERVICE ".service", F_OK) == 0;
}

char *advice_reinstall(void)
{
    return xstrdup(_(
        "Install Certwright again: apt install --reinstall certwright; or, from its source: sudo data/setup"));
}

int machine_open_bus(sd_bus **ret)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    int r = sd_bus_open_system_with_description(&bus, "certwright");

    if (r >= 0)
        r = sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT_USEC);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(bus);
    return 0;
}

static bool names_contain(sd_bus *bus, const char *member, const char *name)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_strv_ char **names = NULL;

    return sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                              member, NULL, &reply, NULL) >= 0 &&
           sd_bus_message_read_strv(reply, &names) >= 0 && strv_contains(names, name);
}

bool bus_has_name(sd_bus *bus, const char *name, bool *ret_owned)
{
    bool owned = names_contain(bus, "ListNames", name);

    if (ret_owned)
        *ret_owned = owned;
    return owned || names_contain(bus, "ListActivatableNames", name);
}

bool error_is_of_proof(const Certificate *c)
{
    static const char *const codes[] = { "ChallengeFailed",   "connection", "dns", "unauthorized", "tls",
                                         "incorrectResponse", "caa" };

    for (size_t i = 0; i < ELEMENTSOF(codes); i++)
        if (streq(c->error.code, codes[i]))
            return true;
    return false;
}
