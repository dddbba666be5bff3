/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client.h"

#include <string.h>
#include <unistd.h>

#define ERRORS       "org.certwright1.Error."
#define TIMEOUT_MSEC 120000

GDBusConnection *client_connect(const Fixture *f, uid_t uid)
{
    g_autoptr(GError) error = NULL;
    GDBusConnection *c;

    /* The bus takes the user from the socket, as it was when it was connected. */
    g_assert_cmpint(seteuid(uid), ==, 0);
    c = g_dbus_connection_new_for_address_sync(f->address,
                                               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                   G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                               NULL, NULL, &error);
    g_assert_cmpint(seteuid(0), ==, 0);
    if (!c)
        g_error("the bus cannot be reached as user %u: %s", (unsigned)uid, error->message);
    return c;
}

GVariant *client_call(GDBusConnection *c, const char *path, const char *interface, const char *member,
                      GVariant *arguments, GError **error)
{
    return g_dbus_connection_call_sync(c, SERVICE, path, interface, member, arguments, NULL,
                                       G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MSEC, NULL, error);
}

GVariant *client_call_interactive(GDBusConnection *c, const char *path, const char *interface,
                                  const char *member, GVariant *arguments, GError **error)
{
    return g_dbus_connection_call_sync(c, SERVICE, path, interface, member, arguments, NULL,
                                       G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, TIMEOUT_MSEC, NULL,
                                       error);
}

GVariant *client_expect(GDBusConnection *c, const char *path, const char *interface, const char *member,
                        GVariant *arguments)
{
    g_autoptr(GError) error = NULL;
    GVariant *reply = client_call(c, path, interface, member, arguments, &error);

    if (!reply)
        g_error("%s.%s at %s: %s", interface, member, path, error->message);
    return reply;
}

char *client_error_name(const GError *error)
{
    g_autofree char *name = error ? g_dbus_error_get_remote_error(error) : g_strdup("");

    if (!name)
        return g_strdup(error->message);
    return g_strdup(g_str_has_prefix(name, ERRORS) ? name + strlen(ERRORS) : name);
}

void client_expect_error(GDBusConnection *c, const char *path, const char *interface, const char *member,
                         GVariant *arguments, const char *name, const char *says)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply G_GNUC_UNUSED = client_call(c, path, interface, member, arguments, &error);
    g_autofree char *is = client_error_name(error);

    g_assert_cmpstr(is, ==, name);
    if (says && !strstr(error->message, says))
        g_error("%s.%s: the message \"%s\" does not say \"%s\"", interface, member, error->message, says);
    g_assert_cmpint(strlen(error->message), >, strlen(name) + 16);
}

GVariant *client_get(GDBusConnection *c, const char *path, const char *interface, const char *property)
{
    g_autoptr(GVariant) reply = client_expect(c, path, "org.freedesktop.DBus.Properties", "Get",
                                              g_variant_new("(ss)", interface, property));
    GVariant *value;

    g_variant_get(reply, "(v)", &value);
    return value;
}

char *client_get_string(GDBusConnection *c, const char *path, const char *property)
{
    g_autoptr(GVariant) value = client_get(c, path, CERTIFICATE, property);

    return g_variant_dup_string(value, NULL);
}

char *client_find(GDBusConnection *c, const char *name)
{
    g_autoptr(GVariant) reply =
        client_expect(c, PATH, MANAGER, "GetCertificate", g_variant_new("(s)", name));
    char *path;

    g_variant_get(reply, "(o)", &path);
    return path;
}

gboolean client_knows(GDBusConnection *c, const char *name)
{
    g_autoptr(GVariant) reply =
        client_call(c, PATH, MANAGER, "GetCertificate", g_variant_new("(s)", name), NULL);

    return reply != NULL;
}

GVariant *client_option(const char *key, GVariant *value)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", key, value);
    return g_variant_builder_end(&b);
}

char *client_bytes(GVariant *reply, gsize *ret_size)
{
    g_autoptr(GVariant) bytes = g_variant_get_child_value(reply, 0);
    gsize size;
    const void *data = g_variant_get_fixed_array(bytes, &size, 1);
    char *text = g_malloc0(size + 1);

    memcpy(text, data, size);
    if (ret_size)
        *ret_size = size;
    return text;
}

typedef struct StateWait {
    GDBusConnection *connection;
    const char *path, *state;
} StateWait;

static gboolean has_state(gpointer userdata)
{
    const StateWait *w = userdata;
    g_autofree char *state = client_get_string(w->connection, w->path, "State");

    return strcmp(state, w->state) == 0;
}

void client_wait_state(GDBusConnection *c, const char *path, const char *state)
{
    StateWait w = { c, path, state };

    wait_until(has_state, &w, state);
}

pid_t client_service_pid(GDBusConnection *c)
{
    g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
        c, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
        "GetConnectionUnixProcessID", g_variant_new("(s)", SERVICE), NULL, 0, 120000, NULL, NULL);
    guint32 pid = 0;

    if (reply)
        g_variant_get(reply, "(u)", &pid);
    return (pid_t)pid;
}

char *client_register(GDBusConnection *c, const char *module, const char *name, GVariant *options)
{
    g_autoptr(GVariant) reply =
        client_expect(c, PATH, MANAGER, "Register",
                      g_variant_new("(ss@a{sv})", module, name, options ? options : NO_OPTIONS));
    char *path;

    g_variant_get(reply, "(o)", &path);
    return path;
}

/* Conditions often call the service, which has work to do meanwhile. */
#define TICK_MSEC      10
#define LONG_TICK_MSEC 50 /* after a second */

static gboolean on_tick(gpointer userdata G_GNUC_UNUSED)
{
    return G_SOURCE_CONTINUE;
}

void wait_until(gboolean (*condition)(gpointer userdata), gpointer userdata, const char *what)
{
    gint64 begun = g_get_monotonic_time(), waited;
    guint tick = g_timeout_add(TICK_MSEC, on_tick, NULL);
    gboolean is_long = FALSE;

    while (!condition(userdata)) {
        waited = g_get_monotonic_time() - begun;
        if (waited > 180 * G_USEC_PER_SEC)
            g_error("waited three minutes for %s", what);
        if (!is_long && waited > G_USEC_PER_SEC) {
            is_long = TRUE;
            g_source_remove(tick);
            tick = g_timeout_add(LONG_TICK_MSEC, on_tick, NULL);
        }
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(tick);
}

void wait_milliseconds(unsigned milliseconds)
{
    gint64 end = g_get_monotonic_time() + milliseconds * 1000LL;
    guint tick = g_timeout_add(5, on_tick, NULL);

    while (g_get_monotonic_time() < end)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(tick);
}
