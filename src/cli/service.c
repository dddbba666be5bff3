/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/json.h"
#include "cli/verbs.h"

Exit verb_reload(Session *s, const Options *o _unused_, char **arguments _unused_, int n _unused_)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    Exit e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "Reload", &call);

    if (e == EXIT_DONE)
        e = session_send(s, call, _("Cannot reload the configuration"), &reply);
    if (e == EXIT_DONE && !s->json)
        print_line(stdout, _("The configuration is read again. What could not be read is in the journal: "
                             "journalctl -u certwrightd.service"));
    return e;
}

static Exit renew_due_print(Session *s, uint32_t started)
{
    _cleanup_json_ Json *j = NULL;

    if (!s->json) {
        if (started == 0)
            print_line(stdout, _("No renewal is due."));
        else
            print_line(stdout,
                       ngettext("%u renewal was due and is started.",
                                "%u renewals were due and are started.", started),
                       started);
        return EXIT_DONE;
    }
    j = json_object_new_object();
    json_set(j, "started", json_object_new_int64(started));
    return json_print(j);
}

Exit verb_renew_due(Session *s, const Options *o _unused_, char **arguments _unused_, int n _unused_)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    uint32_t started;
    Exit e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "RenewDue", &call);
    int r;

    if (e == EXIT_DONE)
        e = session_send(s, call, _("Cannot renew"), &reply);
    if (e != EXIT_DONE)
        return e;
    r = sd_bus_message_read(reply, "u", &started);
    return r < 0 ? session_fail_reply(r) : renew_due_print(s, started);
}
