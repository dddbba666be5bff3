/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/deployment.h"
#include "cli/doctor/machine.h"
#include "cli/xalloc.h"

/* The last deliveries to the services of this machine, as certwrightd reports them. */

static void check_delivery(Findings *f, const Certificate *c, const Deployment *d)
{
    _cleanup_free_ char *subject = xasprintf("%s: %s", d->module, c->name);
    char *line = deployment_to_line(c->name, d->module, d->state, d->detail);

    if (deployment_is_of_revoked(c, d))
        finding_add(f, SEVERITY_ERROR, "revoked-in-use", subject,
                    xasprintf(_("%s may still present a chain that was revoked. %s"), d->module, line),
                    xasprintf(_("Deliver its successor: certwright deploy %s"), d->module));
    else if (deployment_is_failure(d))
        finding_add(f, SEVERITY_ERROR,
                    streq(d->state, "failed") ? "delivery-failed" : "delivery-rolled-back", subject,
                    xstrdup(line),
                    xasprintf(_("Correct that, then: certwright deploy %s; root sees more in: journalctl -u "
                                "certwright-deploy@%s.service"),
                              d->module, d->module));
    else if (streq(d->state, "pending") && !isempty(d->detail))
        finding_add(f, SEVERITY_ERROR, "delivery-held", subject, xstrdup(line),
                    xasprintf(_("Correct that, then: certwright deploy %s"), d->module));
    else if (streq(d->state, "pending"))
        finding_add(f, SEVERITY_WARNING, "delivery-pending", subject, xstrdup(line),
                    xasprintf(_("Deliver it now: certwright deploy %s"), d->module));
    else if (streq(d->state, "written") && !isempty(d->detail))
        finding_add(f, SEVERITY_NOTE, "delivery-not-seen", subject, xstrdup(line), NULL);
    else if (streq(d->state, "waiting"))
        finding_add(f, SEVERITY_NOTE, "delivery-waits", subject, xstrdup(line), NULL);
    free(line);
}

void check_deliveries(const Machine *m, Findings *f)
{
    for (size_t i = 0; i < m->service->list.n; i++) {
        const Certificate *c = &m->service->list.items[i];

        for (size_t k = 0; machine_wants(m, c) && k < c->deployments.n; k++)
            check_delivery(f, c, (const Deployment *)c->deployments.items + k);
    }
}
