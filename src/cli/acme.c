/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/acme-setup.h"
#include "cli/acme-status.h"
#include "cli/verbs.h"

Exit verb_acme(Session *s, const Options *o, char **arguments)
{
    const char *command = arguments[0], *name = arguments[1];
    Exit e;

    if (streq(command, "setup") && !name)
        return acme_setup(s, o);
    if (streq(command, "status") && !name) {
        e = options_check(o, "acme status", 0);
        return e == EXIT_DONE ? acme_status(s) : e;
    }
    if (streq(command, "test") && name) {
        e = options_check(o, "acme test", OPTION_AUTHORITY);
        return e == EXIT_DONE ? acme_test(s, name, o->authority) : e;
    }
    return fail(EXIT_USAGE, _("Unknown command \"acme %s\": it is setup, test NAME or status."), command);
}
