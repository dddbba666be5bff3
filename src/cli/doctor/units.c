/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/sightings.h"
#include "cli/doctor/unit-state.h"
#include "cli/xalloc.h"

/* The units of the service, as systemd sees them. */

typedef struct Unit {
    const char *name;
    Severity severity; /* if it is off */
    const char *
        purpose; /* what does not happen without it; NULL: the service does not start, or nothing is missing */
    enum {
        RUNS,    /* it has to be active */
        ENDS,    /* it has to be enabled, but is over soon */
        STARTED, /* others start it */
    } kind;
    bool of_dns; /* it is for dns-01 alone */
} Unit;

static const Unit units[] = {
    { "certwrightd.service", SEVERITY_ERROR, NULL, STARTED },
    { "certwright-renew.timer", SEVERITY_ERROR, N_("nothing is renewed while the service is idle"), RUNS },
    { "certwright-renew.service", SEVERITY_ERROR, N_("nothing is renewed while the service is idle"),
      STARTED },
    { "certwright-deploy@doctor.service", SEVERITY_ERROR, N_("chains cannot be delivered"), STARTED },
    { "certwright-config.path", SEVERITY_WARNING,
      N_("changes of the configuration are not noticed while the service is idle"), RUNS },
    { "certwright-config.service", SEVERITY_WARNING,
      N_("changes of the configuration are not noticed while the service is idle"), STARTED },
    { "certwright-dns.socket", SEVERITY_WARNING, N_("names cannot be proved by the DNS (dns-01)"), RUNS,
      true },
    { "certwright-recover.timer", SEVERITY_WARNING,
      N_("deliveries that a shutdown interrupts are undone late"), ENDS },
    { "certwright-http.socket", SEVERITY_ERROR, NULL, STARTED },
};

static void add_masked(Findings *f, const Unit *u)
{
    if (streq(u->name, units[0].name))
        finding_add(f, u->severity, "unit-masked", u->name,
                    xasprintf(_("%s is masked, so nobody can start the service."), u->name),
                    xasprintf(_("Permit it again: systemctl unmask %s"), u->name));
    else if (u->purpose && u->kind == STARTED)
        finding_add(f, u->severity, "unit-masked", u->name,
                    xasprintf(_("%s is masked, so %s."), u->name, _(u->purpose)),
                    xasprintf(_("Permit it again: systemctl unmask %s"), u->name));
    else if (u->purpose)
        finding_add(f, u->severity, "unit-masked", u->name,
                    xasprintf(_("%s is masked, so %s."), u->name, _(u->purpose)),
                    xasprintf(_("Permit it again: systemctl unmask %s && systemctl enable --now %s"),
                              u->name, u->name));
}

static void add_failed(Findings *f, const Unit *u)
{
    finding_add(f, SEVERITY_ERROR, "unit-failed", u->name, xasprintf(_("%s has failed."), u->name),
                xasprintf(_("The journal says why: journalctl -u %s; then: systemctl restart %s"), u->name,
                          u->name));
}

static void add_off(Findings *f, const Unit *u, const UnitState *s)
{
    if (streq(s->file, "disabled"))
        finding_add(f, u->severity, "unit-disabled", u->name,
                    xasprintf(_("%s is disabled, so %s."), u->name, _(u->purpose)),
                    xasprintf(_("Switch it on: systemctl enable --now %s"), u->name));
    else
        finding_add(f, u->severity, "unit-inactive", u->name,
                    xasprintf(_("%s does not run, so %s."), u->name, _(u->purpose)),
                    xasprintf(_("Start it: systemctl start %s"), u->name));
}

static bool unit_is_off(const Unit *u, const UnitState *s)
{
    return u->kind != STARTED &&
           (streq(s->file, "disabled") || (u->kind == RUNS && streq(s->active, "inactive")));
}

/* Nobody misses what is switched off and would not be used. */
static bool unit_is_needless(const Unit *u, const UnitState *s)
{
    return u->of_dns && (streq(s->load, "masked") || unit_is_off(u, s)) && !dns_is_used();
}

static void check_unit(Findings *f, const Unit *u, const UnitState *s)
{
    if (unit_is_needless(u, s))
        return;
    if (streq(s->load, "masked"))
        add_masked(f, u);
    else if (streq(s->load, "not-found"))
        finding_add(
            f, u->severity, "unit-missing", u->name, xasprintf(_("systemd does not know %s."), u->name),
            xstrdup(_(
                "If its files were changed just now: systemctl daemon-reload; if not, install Certwright again: apt "
                "install --reinstall certwright; or, from its source: sudo data/setup")));
    else if (streq(s->active, "failed"))
        add_failed(f, u);
    else if (unit_is_off(u, s))
        add_off(f, u, s);
}

void check_units(const Machine *m _unused_, Findings *f)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;

    if (machine_open_bus(&bus) < 0)
        return;
    if (!bus_has_systemd(bus)) {
        finding_add(f, SEVERITY_NOTE, "no-systemd", NULL,
                    xstrdup(_("systemd does not run here, so its timers do not wake the service.")),
                    xstrdup(_("Keep the service running: start certwrightd with --no-idle-exit.")));
        return;
    }
    for (const Unit *u = units; u < units + ELEMENTSOF(units); u++) {
        _cleanup_unit_state_ UnitState s = {};

        if (unit_state_load(bus, u->name, &s) < 0)
            finding_add_unseen(f, xasprintf(_("units: systemd does not tell the state of %s."), u->name));
        else
            check_unit(f, u, &s);
    }
}
