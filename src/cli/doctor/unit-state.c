/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/unit-state.h"

#include "cli/doctor/machine.h"

#define SYSTEMD "org.freedesktop.systemd1"

static const Field fields[] = {
    { "LoadState", NULL, "s", offsetof(UnitState, load) },
    { "ActiveState", NULL, "s", offsetof(UnitState, active) },
    { "UnitFileState", NULL, "s", offsetof(UnitState, file) },
};

void unit_state_done(UnitState *s)
{
    sd_bus_message_unref(s->reply);
}

bool bus_has_systemd(sd_bus *bus)
{
    bool owned = false;

    (void)bus_has_name(bus, SYSTEMD, &owned);
    return owned;
}

int unit_state_load(sd_bus *bus, const char *name, UnitState *s)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *unit = NULL;
    const char *path;
    int r = sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "LoadUnit",
                               NULL, &unit, "s", name);

    fields_init(fields, ELEMENTSOF(fields), s);
    if (r >= 0)
        r = sd_bus_message_read(unit, "o", &path);
    if (r >= 0)
        r = sd_bus_call_method(bus, SYSTEMD, path, PROPERTIES_INTERFACE, "GetAll", NULL, &s->reply, "s",
                               SYSTEMD ".Unit");
    return r < 0 ? r : fields_read_properties(fields, ELEMENTSOF(fields), s->reply, s);
}
