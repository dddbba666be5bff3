/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verbs.h"

typedef struct Action {
    const char *name, *method, *purpose;
} Action;

static const Action rollover = { "rollover", "RolloverAccountKey",
                                 N_("Cannot change the key of the account") };
static const Action deactivate = { "deactivate", "DeactivateAccount", N_("Cannot end the account") };

static const Action *action_find(const char *word)
{
    return streq(word, rollover.name) ? &rollover : streq(word, deactivate.name) ? &deactivate : NULL;
}

Exit verb_account(Session *s, const Options *o _unused_, char **arguments, int n _unused_)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    const Action *action = action_find(arguments[0]);
    Exit e;

    if (!action) {
        fail(EXIT_USAGE, _("\"%s\" is nothing that is done to an account: that is rollover or deactivate."),
             arguments[0]);
        return EXIT_USAGE;
    }
    e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, action->method, &call);
    if (e == EXIT_DONE)
        e = message_append_text(call, arguments[1]);
    if (e == EXIT_DONE)
        e = session_send(s, call, _(action->purpose), &reply);
    if (e == EXIT_DONE && !s->json)
        print_line(
            stdout,
            action == &rollover
                ? _("%s: the account has a new key.")
                : _("%s: the account is ended. The next order there makes a new one; Enabled=no in its "
                    "[Authority] section prevents that."),
            arguments[1]);
    return e;
}
