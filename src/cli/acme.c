/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/acme-setup.h"
#include "cli/verbs.h"

static Exit acme_check_no_options(const Options *o, const char *command)
{
    return options_check(o, command, 0);
}

Exit verb_acme(Session *s, const Options *o, char **arguments)
{
    if (streq(arguments[0], "setup") && !arguments[1])
        return acme_setup(s, o);
    (void)acme_check_no_options;
    return fail(EXIT_USAGE, _("Unknown command \"acme %s\": it is setup."), arguments[0]);
}
