/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/session.h"

#include <errno.h>
#include <poll.h>

#include "cli/agent.h"
#include "cli/suggestion.h"
#include "util/time.h"

#define CALL_TIMEOUT_USEC        (90 * USEC_PER_SEC)  /* the service may have to be started first */
#define CALL_TIMEOUT_ASKING_USEC (300 * USEC_PER_SEC) /* somebody may have to type a password */

static Exit session_fail_open(int error)
{
    const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");

    fail(EXIT_NO_SERVICE, _("Cannot connect to the system bus at %s: %s"),
         isempty(address) ? "/run/dbus/system_bus_socket" : address, strerror(-error));
    if (isempty(address))
        hint(_("Is it running? With systemd: systemctl status dbus.socket"));
    else
        hint(_("The address is from DBUS_SYSTEM_BUS_ADDRESS in the environment."));
    return EXIT_NO_SERVICE;
}

Exit session_open(Session *s)
{
    int r = sd_bus_open_system_with_description(&s->bus, "certwright");

    if (r < 0)
        return session_fail_open(r);
    r = sd_bus_set_method_call_timeout(s->bus, CALL_TIMEOUT_USEC);
    return r < 0 ? session_fail(r, NULL, _("Cannot set up the connection to the bus")) : EXIT_DONE;
}

void session_close(Session *s)
{
    sd_bus_message_unref(s->found);
    s->bus = sd_bus_flush_close_unref(s->bus);
    agent_stop(s->agent);
    s->agent = 0;
}

/* polkit never asks root for a password. */
static bool session_needs_agent(const Session *s)
{
    return s->agent == 0 && s->ask_password && geteuid() != 0 &&
           isatty(s->input_taken ? STDERR_FILENO : STDIN_FILENO);
}

Exit session_new_call(Session *s, const char *path, const char *interface, const char *member,
                      sd_bus_message **ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
    int r = sd_bus_message_new_method_call(s->bus, &m, SERVICE, path, interface, member);

    if (r >= 0)
        r = sd_bus_message_set_allow_interactive_authorization(m, s->ask_password);
    if (r < 0)
        return message_check(r);
    if (session_needs_agent(s))
        s->agent = agent_start();
    *ret = TAKE_PTR(m);
    return EXIT_DONE;
}

Exit message_check(int r)
{
    return r < 0 ? session_fail(r, NULL, _("Cannot create a bus message")) : EXIT_DONE;
}

Exit message_append_text(sd_bus_message *m, const char *text)
{
    int r = sd_bus_message_append(m, "s", text);

    if (r == -EINVAL)
        return fail(EXIT_USAGE, _("Not valid UTF-8, which the bus requires: \"%s\""), text);
    return message_check(r);
}

bool message_is_from(sd_bus_message *m, const char *sender)
{
    const char *actual = sd_bus_message_get_sender(m);

    return sender && actual && streq(sender, actual);
}

int session_match_owner(Session *s, sd_bus_slot **ret_slot, sd_bus_message_handler_t handler, void *userdata)
{
    return sd_bus_add_match(s->bus, ret_slot,
                            "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                            "member='NameOwnerChanged',arg0='" SERVICE "'",
                            handler, userdata);
}

int session_wait(Session *s, uint64_t usec)
{
    struct pollfd p[] = {
        { .fd = sd_bus_get_fd(s->bus), .events = (short)sd_bus_get_events(s->bus) },
        { .fd = STDOUT_FILENO }, /* its end is always reported */
    };
    uint64_t due, now = usec_now(CLOCK_MONOTONIC);
    int r = sd_bus_get_timeout(s->bus, &due);

    if (r < 0)
        return r;
    if (due != UINT64_MAX)
        usec = MIN(usec, due > now ? due - now : 0);
    r = poll(p, ELEMENTSOF(p),
             usec == UINT64_MAX ? -1 : (int)MIN(usec / USEC_PER_MSEC + 1, (uint64_t)INT32_MAX));
    return r < 0 ? -errno : r;
}

int session_call(Session *s, sd_bus_message *call, sd_bus_error *ret_error, sd_bus_message **ret_reply)
{
    return sd_bus_call(s->bus, call, CALL_TIMEOUT_ASKING_USEC, ret_error, ret_reply);
}

Exit session_send(Session *s, sd_bus_message *call, const char *purpose, sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = session_call(s, call, &error, ret_reply);

    return r < 0 ? session_fail_call(s, r, &error, purpose) : EXIT_DONE;
}

Exit session_call_manager(Session *s, const char *member, char *const *texts, size_t n, const char *purpose,
                          sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    Exit e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, member, &call);

    for (size_t i = 0; i < n && e == EXIT_DONE; i++)
        e = message_append_text(call, texts[i]);
    return e == EXIT_DONE ? session_send(s, call, purpose, ret_reply) : e;
}

Exit session_get_all(Session *s, const char *path, const char *interface, sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = sd_bus_call_method(s->bus, SERVICE, path, PROPERTIES_INTERFACE, "GetAll", &error, ret_reply, "s",
                               interface);

    return r < 0 ? session_fail(r, &error, _("Cannot read the properties")) : EXIT_DONE;
}

Exit session_get_objects(Session *s, sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = sd_bus_call_method(s->bus, SERVICE, MANAGER_PATH, "org.freedesktop.DBus.ObjectManager",
                               "GetManagedObjects", &error, ret_reply, NULL);

    return r < 0 ? session_fail(r, &error, _("Cannot list the certificates")) : EXIT_DONE;
}

static Exit session_fail_not_found(Session *s, const char *name)
{
    fail(EXIT_NOT_FOUND, _("There is no certificate for \"%s\"."), name);
    suggestion_print(s, name);
    return EXIT_NOT_FOUND;
}

/* *ret_r: a negative errno if the call failed, and what is in error. */
static Exit session_call_certificate(Session *s, const char *name, sd_bus_error *error, int *ret_r)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(s->bus, &call, SERVICE, MANAGER_PATH, MANAGER_INTERFACE,
                                           "GetCertificate");
    Exit e = r < 0 ? message_check(r) : message_append_text(call, name);

    if (e != EXIT_DONE)
        return e;
    s->found = sd_bus_message_unref(s->found);
    *ret_r = sd_bus_call(s->bus, call, 0, error, &s->found);
    return EXIT_DONE;
}

Exit session_find_certificate(Session *s, const char *name, const char **ret_path)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = 0;
    Exit e = session_call_certificate(s, name, &error, &r);

    if (e != EXIT_DONE)
        return e;
    if (sd_bus_error_has_name(&error, SERVICE ".Error.NoSuchCertificate"))
        return session_fail_not_found(s, name);
    if (r < 0)
        return session_fail(r, &error, _("Cannot find the certificate"));
    r = sd_bus_message_read(s->found, "o", ret_path);
    return r < 0 ? session_fail_reply(r) : EXIT_DONE;
}

Exit session_look_up(Session *s, const char *name, const char **ret_path)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = 0;
    Exit e = session_call_certificate(s, name, &error, &r);

    if (e == EXIT_DONE && r >= 0)
        r = sd_bus_message_read(s->found, "o", ret_path);
    return e;
}

Exit session_find_target(Session *s, bool root, const char *name, const char **ret_path)
{
    if (root == (name != NULL))
        return fail(EXIT_USAGE, _("Give either a NAME or --root."));
    if (!root)
        return session_find_certificate(s, name, ret_path);
    *ret_path = ROOT_PATH;
    return EXIT_DONE;
}
