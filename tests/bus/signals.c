/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "signals.h"

#include <string.h>

#include "client.h"

typedef struct Signal {
    char *path, *interface, *member, *text;
    GVariant *parameters;
} Signal;

struct SignalLog {
    GDBusConnection *connection;
    guint subscription;
    GPtrArray *signals;
};

static void signal_free(gpointer data)
{
    Signal *s = data;

    g_free(s->path);
    g_free(s->interface);
    g_free(s->member);
    g_free(s->text);
    g_variant_unref(s->parameters);
    g_free(s);
}

static void on_signal(GDBusConnection *c G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED, const char *path,
                      const char *interface, const char *member, GVariant *parameters, gpointer userdata)
{
    SignalLog *l = userdata;
    Signal *s = g_new0(Signal, 1);

    s->path = g_strdup(path);
    s->interface = g_strdup(interface);
    s->member = g_strdup(member);
    s->text = g_variant_print(parameters, TRUE);
    s->parameters = g_variant_ref(parameters);
    g_ptr_array_add(l->signals, s);
}

static void take_in(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

SignalLog *signals_new(GDBusConnection *c)
{
    SignalLog *l = g_new0(SignalLog, 1);

    l->connection = g_object_ref(c);
    l->signals = g_ptr_array_new_with_free_func(signal_free);
    l->subscription =
        g_dbus_connection_signal_subscribe(c, SERVICE, NULL, NULL, NULL, NULL, 0, on_signal, l, NULL);
    signals_settle(l);
    signals_clear(l);
    return l;
}

void signals_free(SignalLog *l)
{
    g_dbus_connection_signal_unsubscribe(l->connection, l->subscription);
    take_in();
    g_object_unref(l->connection);
    g_ptr_array_unref(l->signals);
    g_free(l);
}

void signals_clear(SignalLog *l)
{
    take_in();
    g_ptr_array_set_size(l->signals, 0);
}

GVariant *signals_get(SignalLog *l, const char *path, const char *member, const char *has, guint n)
{
    for (guint i = 0; i < l->signals->len; i++) {
        const Signal *s = g_ptr_array_index(l->signals, i);

        if ((!path || strcmp(s->path, path) == 0) && (!member || strcmp(s->member, member) == 0) &&
            (!has || strstr(s->text, has)) && n-- == 0)
            return s->parameters;
    }
    return NULL;
}

guint signals_count(SignalLog *l, const char *path, const char *member, const char *has)
{
    guint n = 0;

    take_in();
    while (signals_get(l, path, member, has, n))
        n++;
    return n;
}

typedef struct SignalWait {
    SignalLog *log;
    const char *path, *member, *has;
    guint n;
} SignalWait;

static gboolean has_come(gpointer userdata)
{
    const SignalWait *w = userdata;

    return signals_count(w->log, w->path, w->member, w->has) >= w->n;
}

void signals_wait(SignalLog *l, const char *path, const char *member, const char *has, guint n)
{
    SignalWait w = { l, path, member, has, n };

    wait_until(has_come, &w, member ? member : "a signal");
}

/* What the daemon sent before it answered comes before the answer; what it was about to send comes right
 * after. */
void signals_settle(SignalLog *l)
{
    for (int i = 0; i < 3; i++) {
        g_autoptr(GVariant) reply G_GNUC_UNUSED =
            client_call(l->connection, PATH, "org.freedesktop.DBus.Peer", "Ping", NULL, NULL);

        wait_milliseconds(15);
    }
}

char *signals_print(SignalLog *l)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < l->signals->len; i++) {
        const Signal *s = g_ptr_array_index(l->signals, i);

        g_string_append_printf(text, "%s %s %s\n", s->path, s->member, s->text);
    }
    return g_string_free(text, FALSE);
}

/* The monitor. */

struct Monitor {
    GDBusConnection *connection;
    guint filter;
    GMutex mutex;
    GByteArray *data;
    guint messages;
};

static gboolean is_secret(GDBusMessage *message)
{
    static const char *const members[] = { "Upload",          "UploadFd", "UploadData", "CheckUpload",
                                           "CheckUploadData", "OpenKey",  NULL };

    return g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
           g_strcmp0(g_dbus_message_get_destination(message), SERVICE) == 0 &&
           g_dbus_message_get_member(message) &&
           g_strv_contains(members, g_dbus_message_get_member(message));
}

/* In GDBus's own thread. */
static GDBusMessage *on_message(GDBusConnection *c, GDBusMessage *message, gboolean incoming,
                                gpointer userdata)
{
    g_autofree guchar *blob = NULL;
    Monitor *m = userdata;
    gsize size;

    if (!incoming)
        return message;
    if (!is_secret(message))
        blob = g_dbus_message_to_blob(message, &size, g_dbus_connection_get_capabilities(c), NULL);
    g_mutex_lock(&m->mutex);
    if (blob)
        g_byte_array_append(m->data, blob, (guint)size);
    m->messages++;
    g_mutex_unlock(&m->mutex);
    if (g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
        return message;
    g_object_unref(message); /* or it would be answered */
    return NULL;
}

Monitor *monitor_new(const Fixture *f)
{
    Monitor *m = g_new0(Monitor, 1);
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    g_mutex_init(&m->mutex);
    m->data = g_byte_array_new();
    m->connection = client_connect(f, 0);
    m->filter = g_dbus_connection_add_filter(m->connection, on_message, m, NULL);
    reply = g_dbus_connection_call_sync(
        m->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Monitoring",
        "BecomeMonitor", g_variant_new("(@asu)", g_variant_new_strv(NULL, 0), 0), NULL, 0, -1, NULL, &error);
    g_assert_no_error(error);
    return m;
}

void monitor_free(Monitor *m)
{
    g_dbus_connection_remove_filter(m->connection, m->filter);
    g_dbus_connection_close_sync(m->connection, NULL, NULL);
    g_object_unref(m->connection);
    g_byte_array_unref(m->data);
    g_mutex_clear(&m->mutex);
    g_free(m);
}

guint monitor_messages(Monitor *m)
{
    guint n;

    g_mutex_lock(&m->mutex);
    n = m->messages;
    g_mutex_unlock(&m->mutex);
    return n;
}

gboolean monitor_contains(Monitor *m, const void *data, gsize size)
{
    gboolean found;

    g_mutex_lock(&m->mutex);
    found = memmem(m->data->data, m->data->len, data, size) != NULL;
    g_mutex_unlock(&m->mutex);
    return found;
}
