/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/machine.h"
#include "cli/doctor/unit-state.h"
#include "cli/xalloc.h"
#include "util/text.h"

/* The units of modules, which present the chains. A delivery to one that does not run is no failure, so a misspelt name
 * would not be noticed. */

static void check_unit(Findings *f, const Module *module, const char *unit, const UnitState *s)
{
    if (streq(s->load, "not-found"))
        finding_add(
            f, SEVERITY_ERROR, "service-missing", unit,
            xasprintf(_("The module %s names %s, which systemd does not know."), module->name, unit),
            xasprintf(
                _("Correct its name in the [Deploy] section of modules.d/%s.conf, or install the service."),
                module->name));
    else if (streq(s->load, "masked"))
        finding_add(f, SEVERITY_WARNING, "service-masked", unit,
                    xasprintf(_("%s is masked, so it cannot present the chains of the module %s."), unit,
                              module->name),
                    xasprintf(_("Permit it again: systemctl unmask %s"), unit));
    else if (streq(s->active, "inactive") && streq(s->file, "enabled"))
        finding_add(
            f, SEVERITY_WARNING, "service-stopped", unit,
            xasprintf(_("%s is enabled, but does not run, so nobody presents the chains of the module %s."),
                      unit, module->name),
            xasprintf(_("Start it: systemctl start %s"), unit));
    else if (streq(s->active, "failed"))
        finding_add(
            f, SEVERITY_ERROR, "service-failed", unit,
            xasprintf(_("%s has failed, so nobody presents the chains of the module %s."), unit,
                      module->name),
            xasprintf(_("The journal says why: journalctl -u %s; then: systemctl restart %s"), unit, unit));
}

static void check_module(Findings *f, sd_bus *bus, const Module *module, char ***seen)
{
    for (char **unit = module->units; unit && *unit; unit++) {
        _cleanup_unit_state_ UnitState s = {};

        if (strv_contains(*seen, *unit))
            continue;
        xcheck(strv_extend(seen, *unit) < 0 ? NULL : *seen);
        if (unit_state_load(bus, *unit, &s) >= 0)
            check_unit(f, module, *unit, &s);
    }
}

void check_services(const Machine *m, Findings *f)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_strv_ char **seen = NULL;
    const Module *modules = m->service->modules.modules.items;

    if (m->names || machine_open_bus(&bus) < 0 || !bus_has_systemd(bus))
        return;
    for (size_t i = 0; i < m->service->modules.modules.n; i++)
        check_module(f, bus, modules + i, &seen);
}
