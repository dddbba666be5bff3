/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/acme-setup.h"
#include "cli/acme-status.h"
#include "cli/verbs.h"

/* A known command with a name too many or too few. */
static Exit acme_fail_usage(const char *command)
{
    static const struct {
        const char *name, *usage;
    } commands[] = {
        { "setup", "setup [OPTION]..." },
        { "test", "test NAME [--authority=NAME]" },
        { "status", "status" },
    };

    for (size_t i = 0; i < ELEMENTSOF(commands); i++)
        if (streq(commands[i].name, command))
            return verb_fail_usage(&(const Verb){ .name = "acme", .usage = commands[i].usage });
    return fail(EXIT_USAGE, _("Unknown command \"acme %s\": it is setup, test NAME or status."), command);
}

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
    return acme_fail_usage(command);
}
