/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verbs.h"

typedef struct Action {
    const char *name, *method, *purpose, *done;
} Action;

static const Action actions[] = {
    { "rollover", "RolloverAccountKey", N_("Cannot change the account key"),
      N_("the account has a new key.") },
    { "deactivate", "DeactivateAccount", N_("Cannot deactivate the account"),
      N_("the account is deactivated. The next order creates a new one, unless Enabled=no is set in the "
         "[Authority] section.") },
};

Exit verb_account(Session *s, const Options *o _unused_, char **arguments)
{
    for (const Action *a = actions; a < actions + ELEMENTSOF(actions); a++)
        if (streq(arguments[0], a->name)) {
            Exit e = session_call_manager(s, a->method, arguments + 1, 1, _(a->purpose), NULL);

            if (e == EXIT_DONE && !s->json)
                print_line(stdout, "%s: %s", arguments[1], _(a->done));
            return e;
        }
    return fail(EXIT_USAGE, _("Unknown account command \"%s\": it is rollover or deactivate."),
                arguments[0]);
}
