/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/configuration-error.h"
#include "cli/doctor/machine.h"
#include "cli/xalloc.h"

/* Errors in the configuration, as the service lists them. */

void check_configuration(const Machine *m, Findings *f)
{
    const List *l = &m->service->errors;

    for (size_t i = 0; i < l->n; i++) {
        _cleanup_free_ char *place = NULL;
        char *text = configuration_error_format(l, i, &place);

        finding_add(
            f, SEVERITY_ERROR, "configuration", place, text,
            xstrdup(
                _("Correct it; the service notices that by itself, and \"certwright reload\" shows what is "
                  "left. See certwright.conf(5).")));
    }
}
