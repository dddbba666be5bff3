/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/certificate.h"
#include "cli/verbs.h"
#include "cli/words.h"

static int registration_append_names(sd_bus_message *call, char **names)
{
    int r;

    if (!names)
        return 0;
    r = sd_bus_message_open_container(call, 'e', "sv");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", "names");
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'v', "as");
    if (r >= 0)
        r = sd_bus_message_append_strv(call, names);
    for (int i = 0; r >= 0 && i < 2; i++)
        r = sd_bus_message_close_container(call);
    return r;
}

static Exit registration_append_options(sd_bus_message *call, const Options *o)
{
    bool acme = o->acme && streq(o->acme, "yes");
    int r;

    if (o->acme && !acme && !streq(o->acme, "no"))
        return fail(EXIT_USAGE, _("--acme= takes yes or no."));
    r = sd_bus_message_open_container(call, 'a', "{sv}");
    if (r >= 0)
        r = registration_append_names(call, o->names);
    if (r >= 0 && o->key_type)
        r = sd_bus_message_append(call, "{sv}", "key-type", "s", o->key_type);
    if (r >= 0 && o->acme)
        r = sd_bus_message_append(call, "{sv}", "acme", "b", acme);
    if (r >= 0 && o->authority)
        r = sd_bus_message_append(call, "{sv}", "authority", "s", o->authority);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r == -EINVAL)
        return fail(EXIT_USAGE, _("The value of an option is not valid UTF-8, which the bus requires."));
    return message_check(r);
}

static Exit registration_print(Session *s, const char *path)
{
    _cleanup_certificates_ CertificateList list = {};
    _cleanup_free_ char *expiry = NULL;
    Exit e = certificate_load(s, path, &list);
    const Certificate *c = list.items;

    if (e != EXIT_DONE)
        return e;
    if (s->json)
        return json_print(certificate_to_json(c));
    expiry = time_format_expiry(c->not_after);
    if (c->not_after == 0)
        print_line(stdout, _("%s is registered; its chain is being made."), c->name);
    else
        print_line(stdout, _("%s is registered; source of its chain: %s, valid until %s."), c->name,
                   word_to_text(c->source), expiry);
    return EXIT_DONE;
}

Exit verb_register(Session *s, const Options *o, char **arguments)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    Exit e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "Register", &call);
    const char *path;
    int r;

    for (int i = 0; i < 2 && e == EXIT_DONE; i++)
        e = message_append_text(call, arguments[i]);
    if (e == EXIT_DONE)
        e = registration_append_options(call, o);
    if (e == EXIT_DONE)
        e = session_send(s, call, _("Cannot register"), &reply);
    if (e != EXIT_DONE)
        return e;
    r = sd_bus_message_read(reply, "o", &path);
    return r < 0 ? session_fail_reply(r) : registration_print(s, path);
}

Exit verb_unregister(Session *s, const Options *o _unused_, char **arguments)
{
    Exit e = session_call_manager(s, "Unregister", arguments, 2, _("Cannot unregister"), NULL);

    if (e == EXIT_DONE && !s->json)
        print_line(stdout, _("%s is no longer registered for %s."), arguments[1], arguments[0]);
    return e;
}
