/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/presented.h"
#include "cli/doctor/unit-state.h"
#include "cli/xalloc.h"
#include "util/text.h"

/* The services of modules: whether their units run, and what they present. A delivery to a unit that does not run is no
 * failure, so a misspelt name would not be noticed; and who reads an older file after a delivery, neither. */

static char *say_stopped(const Module *module, const char *unit, bool enabled, const char *places)
{
    if (!places)
        return xasprintf(
            _("%s is enabled, but does not run, so nobody presents the chains of the module %s."), unit,
            module->name);
    if (!enabled)
        return xasprintf(_("%s does not run, so nobody presents the chains of the module %s at %s."), unit,
                         module->name, places);
    return xasprintf(
        _("%s is enabled, but does not run, so nobody presents the chains of the module %s at %s."), unit,
        module->name, places);
}

static char *say_failed(const Module *module, const char *unit, const char *places)
{
    if (!places)
        return xasprintf(_("%s has failed, so nobody presents the chains of the module %s."), unit,
                         module->name);
    return xasprintf(_("%s has failed, so nobody presents the chains of the module %s at %s."), unit,
                     module->name, places);
}

/* Others start what is static: a timer, a socket. */
static bool may_be_started(const UnitState *s)
{
    return !streq(s->file, "static") && !streq(s->file, "alias");
}

/* places: where nobody accepts connections; NULL: none. Returns true if the unit is the cause, which was added. */
static bool check_unit(Findings *f, const Module *module, const char *unit, const UnitState *s,
                       const char *places)
{
    bool enabled = streq(s->file, "enabled");

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
    else if (streq(s->active, "inactive") && (enabled || (places && may_be_started(s))))
        finding_add(f, SEVERITY_WARNING, "service-stopped", unit, say_stopped(module, unit, enabled, places),
                    xasprintf(_("Start it: systemctl start %s"), unit));
    else if (streq(s->active, "failed"))
        finding_add(
            f, SEVERITY_ERROR, "service-failed", unit, say_failed(module, unit, places),
            xasprintf(_("The journal says why: journalctl -u %s; then: systemctl restart %s"), unit, unit));
    else
        return false;
    return true;
}

/* Units that others have told about, or that nobody asks about, matter where they are a cause. */
static void check_module(Findings *f, sd_bus *bus, const Module *module, bool is_wanted, Presented *p,
                         char ***seen)
{
    _cleanup_free_ char *places = presented_refused(p, module->name);

    for (char **unit = module->units; unit && *unit; unit++) {
        _cleanup_unit_state_ UnitState s = {};

        if (!places && (!is_wanted || strv_contains(*seen, *unit)))
            continue;
        xcheck(strv_extend(seen, *unit) < 0 ? NULL : *seen);
        if (unit_state_load(bus, *unit, &s) >= 0 && check_unit(f, module, *unit, &s, places))
            presented_add_refused(p, module, f);
    }
}

void check_services(const Machine *m, Findings *f)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_presented_ Presented p = {};
    _cleanup_strv_ char **seen = NULL;
    const Module *modules = m->service->modules.modules.items;

    if (machine_open_bus(&bus) < 0)
        return;
    presented_look(&p, m, bus, f);
    if (bus_has_systemd(bus))
        for (size_t i = 0; i < m->service->modules.modules.n; i++)
            check_module(f, bus, modules + i, !m->names, &p, &seen);
    presented_check(&p, m, f);
}
