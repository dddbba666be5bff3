/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pending.h"

#include "client.h"

static void on_answer(GObject *source, GAsyncResult *result, gpointer userdata)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply G_GNUC_UNUSED =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    Pending *p = userdata;

    p->error = client_error_name(error);
    p->answered = TRUE;
}

Pending *pending_new(GDBusConnection *c, const char *path, const char *interface, const char *member,
                     GVariant *arguments)
{
    Pending *p = g_new0(Pending, 1);

    g_dbus_connection_call(c, SERVICE, path, interface, member, arguments, NULL, 0, 100000, NULL, on_answer,
                           p);
    return p;
}

gboolean pending_is_answered(gpointer userdata)
{
    return ((const Pending *)userdata)->answered;
}

char *pending_finish(Pending *p)
{
    char *error;

    wait_until(pending_is_answered, p, "the answer of a call");
    error = p->error;
    g_free(p);
    return error;
}

void pending_expect(Pending *p, const char *error)
{
    g_autofree char *is = pending_finish(p);

    g_assert_cmpstr(is, ==, error);
}
