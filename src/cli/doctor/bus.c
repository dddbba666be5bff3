/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <systemd/sd-daemon.h>

#include "cli/doctor/machine.h"
#include "cli/xalloc.h"

/* The bus: it runs, can start the service, and lets it have its name. */

#define POLICY      "dbus-1/system.d/" SERVICE ".conf"
#define BUS_ADDRESS "/run/dbus/system_bus_socket"

static void add_unreachable(Findings *f, int r)
{
    const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
    char *advice;

    if (!isempty(address))
        advice = xasprintf(_(
            "The address is from DBUS_SYSTEM_BUS_ADDRESS in the environment: unset it, or start a bus there."));
    else if (sd_booted() > 0)
        advice = xstrdup(_("Start it: systemctl start dbus.socket"));
    else
        advice = xstrdup(_("Start it: dbus-daemon --system --fork; then start certwrightd --no-idle-exit."));
    finding_add(f, SEVERITY_ERROR, "no-bus", isempty(address) ? BUS_ADDRESS : address,
                xasprintf(_("The system bus at %s cannot be reached: %s."),
                          isempty(address) ? BUS_ADDRESS : address, strerror(-r)),
                advice);
}

/* The bus denies what no file permits: to own the name, and to call it. */
static bool check_policy(Findings *f)
{
    if (access(DATADIR "/" POLICY, F_OK) == 0 || access("/etc/" POLICY, F_OK) == 0)
        return true;
    finding_add(
        f, SEVERITY_ERROR, "no-bus-policy", DATADIR "/" POLICY,
        xasprintf(_("The bus policy of the service is missing, so the bus does not let it start: %s."),
                  DATADIR "/" POLICY),
        advice_reinstall());
    return false;
}

static void check_activation(Findings *f, sd_bus *bus)
{
    bool owned;

    if (bus_has_name(bus, SERVICE, &owned)) {
        if (!owned && machine_is_installed())
            (void)check_policy(f);
        return;
    }
    if (!machine_is_installed())
        finding_add(f, SEVERITY_ERROR, "not-installed", SERVICE,
                    xasprintf(_("The service is not installed: the bus cannot start %s."), SERVICE),
                    advice_reinstall());
    else
        finding_add(f, SEVERITY_ERROR, "not-activatable", SERVICE,
                    xasprintf(_("The bus has not read the file that tells it how to start %s."), SERVICE),
                    xstrdup(_("Let it read its files again: systemctl reload dbus")));
}

void check_bus(const Machine *m _unused_, Findings *f)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    int r = machine_open_bus(&bus);

    if (r < 0)
        add_unreachable(f, r);
    else
        check_activation(f, bus);
}
