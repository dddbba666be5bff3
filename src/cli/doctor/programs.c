/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/machine.h"
#include "cli/xalloc.h"

/* The programs that make up the service. */

static const struct {
    const char *file, *purpose;
} programs[] = {
    { LIBEXECDIR "/certwrightd", N_("the service cannot start") },
    { LIBEXECDIR "/certwright-import", N_("nothing can be uploaded") },
    { LIBEXECDIR "/certwright-deploy", N_("chains cannot be delivered") },
    { LIBEXECDIR "/certwright-dns", N_("names cannot be proved by the DNS (dns-01)") },
};

void check_programs(const Machine *m _unused_, Findings *f)
{
    for (size_t i = 0; machine_is_installed() && i < ELEMENTSOF(programs); i++)
        if (access(programs[i].file, X_OK) < 0)
            finding_add(f, SEVERITY_ERROR, "program-missing", programs[i].file,
                        xasprintf(_("%s is missing or cannot be run, so %s."), programs[i].file,
                                  _(programs[i].purpose)),
                        advice_reinstall());
}
