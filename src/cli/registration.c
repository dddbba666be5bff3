/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/certificate.h"
#include "cli/json.h"
#include "cli/verbs.h"
#include "cli/words.h"

static int registration_append_names(sd_bus_message *call, const Options *o)
{
    int r;

    if (o->n_names == 0)
        return 0;
    r = sd_bus_message_open_container(call, 'e', "sv");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", "names");
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'v', "as");
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'a', "s");
    for (size_t i = 0; r >= 0 && i < o->n_names; i++)
        r = sd_bus_message_append(call, "s", o->names[i]);
    for (int i = 0; r >= 0 && i < 3; i++)
        r = sd_bus_message_close_container(call);
    return r;
}

static Exit registration_append_options(sd_bus_message *call, const Options *o)
{
    bool acme = o->acme && streq(o->acme, "yes");
    int r;

    if (o->acme && !acme && !streq(o->acme, "no"))
        return fail(EXIT_USAGE, _("--acme= is yes or no."));
    r = sd_bus_message_open_container(call, 'a', "{sv}");

    if (r >= 0)
        r = registration_append_names(call, o);
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
    return r < 0 ? session_fail(r, NULL, _("Cannot make a message for the bus")) : EXIT_DONE;
}

static Exit registration_print(Session *s, const char *path)
{
    _cleanup_certificates_ CertificateList list = {};
    _cleanup_free_ char *date = NULL, *left = NULL;
    Exit e = certificate_load(s, path, &list);
    const Certificate *c = list.items;

    if (e != EXIT_DONE)
        return e;
    if (s->json) {
        _cleanup_json_ Json *j = json_certificate(c);

        return json_print(j);
    }
    date = time_format_date(c->not_after);
    left = time_format_remaining(c->not_after);
    if (c->not_after == 0)
        print_line(stdout, _("%s is registered; its chain is being made."), c->name);
    else
        print_line(stdout, _("%s is registered; source of its chain: %s, valid until %s (%s)."), c->name,
                   source_to_text(c->source), strempty(date), strempty(left));
    return EXIT_DONE;
}

Exit verb_register(Session *s, const Options *o, char **arguments, int n _unused_)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    Exit e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "Register", &call);
    const char *path;
    int r;

    if (e == EXIT_DONE)
        e = message_append_text(call, arguments[0]);
    if (e == EXIT_DONE)
        e = message_append_text(call, arguments[1]);
    if (e == EXIT_DONE)
        e = registration_append_options(call, o);
    if (e == EXIT_DONE)
        e = session_send(s, call, _("Cannot register"), &reply);
    if (e != EXIT_DONE)
        return e;
    r = sd_bus_message_read(reply, "o", &path);
    return r < 0 ? session_fail_reply(r) : registration_print(s, path);
}

Exit verb_unregister(Session *s, const Options *o _unused_, char **arguments, int n _unused_)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    Exit e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "Unregister", &call);

    if (e == EXIT_DONE)
        e = message_append_text(call, arguments[0]);
    if (e == EXIT_DONE)
        e = message_append_text(call, arguments[1]);
    if (e == EXIT_DONE)
        e = session_send(s, call, _("Cannot unregister"), &reply);
    if (e == EXIT_DONE && !s->json)
        print_line(stdout, _("%s is no longer registered for %s."), arguments[1], arguments[0]);
    return e;
}
