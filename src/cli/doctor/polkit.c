/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/doctor/machine.h"
#include "cli/xalloc.h"

/* polkit, which authorizes everything that changes something, and its files. */

#define POLKIT_NAME "org.freedesktop.PolicyKit1"

static void check_actions(Findings *f)
{
    static const char file[] = DATADIR "/polkit-1/actions/" SERVICE ".policy";

    if (machine_is_installed() && access(file, F_OK) < 0)
        finding_add(f, SEVERITY_ERROR, "no-polkit-actions", file,
                    xasprintf(_("polkit does not know the actions of the service: %s is missing."), file),
                    advice_reinstall());
}

/* Debian lets only polkit itself and root look into the folder. */
static void check_rules(Findings *f)
{
    static const char file[] = DATADIR "/polkit-1/rules.d/" SERVICE ".rules";

    if (!machine_is_installed() || access(file, F_OK) == 0)
        return;
    if (errno == EACCES)
        finding_add_unseen(f, xasprintf(_("polkit: only root can look for %s."), file));
    else
        finding_add(
            f, SEVERITY_ERROR, "no-polkit-rules", file,
            xasprintf(
                _("The rules that let the service start deliveries and its timer start renewals are missing: %s."),
                file),
            advice_reinstall());
}

/* Whatever it answers. */
static bool answers(sd_bus *bus, sd_bus_error *error)
{
    return sd_bus_call_method(bus, POLKIT_NAME, "/org/freedesktop/PolicyKit1/Authority",
                              "org.freedesktop.DBus.Peer", "Ping", error, NULL, NULL) >= 0 ||
           sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_METHOD) ||
           sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED);
}

void check_polkit(const Machine *m _unused_, Findings *f)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

    if (machine_open_bus(&bus) < 0)
        return;
    if (answers(bus, &error)) {
        check_actions(f);
        check_rules(f);
        return;
    }
    finding_add(
        f, SEVERITY_ERROR, "no-polkit", POLKIT_NAME,
        xasprintf(_("polkit does not answer, so the service refuses everything that changes something: %s"),
                  strempty(error.message)),
        xstrdup(
            _("Install it: apt install polkitd; or look why it does not start: systemctl status polkit")));
}
