/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/configuration-error.h"
#include "cli/json.h"
#include "cli/verbs.h"

static Exit reload_report(Session *s)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_list_ List errors = {};
    Exit e = configuration_errors_load(s, &errors, &reply);

    if (e != EXIT_DONE)
        return e;
    if (errors.n > 0) {
        fail(EXIT_FAILED, _("The configuration was reloaded, but has errors:"));
        configuration_errors_print(stderr, &errors, "  ");
        return EXIT_FAILED;
    }
    if (!s->json)
        print_line(stdout, _("The configuration was reloaded."));
    return EXIT_DONE;
}

Exit verb_reload(Session *s, const Options *o _unused_, char **arguments _unused_)
{
    Exit e = session_call_manager(s, "Reload", NULL, 0, _("Cannot reload the configuration"), NULL);

    return e == EXIT_DONE ? reload_report(s) : e;
}

static Exit renew_due_print(Session *s, uint32_t started)
{
    Json *j;

    if (s->json) {
        j = json_object_new_object();
        json_set(j, "started", json_object_new_int64(started));
        return json_print(j);
    }
    if (started == 0)
        print_line(stdout, _("No renewal is due."));
    else
        print_line(
            stdout,
            ngettext("%u renewal was due and is started.", "%u renewals were due and are started.", started),
            started);
    return EXIT_DONE;
}

Exit verb_renew_due(Session *s, const Options *o _unused_, char **arguments _unused_)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    uint32_t started;
    Exit e = session_call_manager(s, "RenewDue", NULL, 0, _("Cannot renew"), &reply);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = sd_bus_message_read(reply, "u", &started);
    return r < 0 ? session_fail_reply(r) : renew_due_print(s, started);
}
