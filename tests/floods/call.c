/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "call.h"

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

static GVariant *make_body(const Call *c)
{
    g_autoptr(GError) error = NULL;
    GVariant *body;

    if (c->make_body)
        return c->make_body(c->bytes);
    body = g_variant_parse(NULL, c->body, NULL, NULL, &error);
    if (!body)
        g_error("%s: %s", c->body, error->message);
    return body;
}

/* GDBus marshals what it could send as well; which ones are sent is not its affair. */
static void announce_fds(GDBusMessage *m, guint n)
{
    g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    for (guint i = 0; i < n; i++)
        (void)g_unix_fd_list_append(fds, fd, NULL);
    close(fd);
    g_dbus_message_set_unix_fd_list(m, fds);
}

static GDBusMessage *new_message(const Call *c, const char *destination)
{
    GDBusMessage *m = g_dbus_message_new();
    GDBusMessageType type =
        c->type == G_DBUS_MESSAGE_TYPE_INVALID ? G_DBUS_MESSAGE_TYPE_METHOD_CALL : c->type;

    g_dbus_message_set_message_type(m, type);
    g_dbus_message_set_serial(m, 1);
    g_dbus_message_set_flags(m, c->flags);
    g_dbus_message_set_destination(m, c->destination ? c->destination : destination);
    if (type == G_DBUS_MESSAGE_TYPE_METHOD_CALL || type == G_DBUS_MESSAGE_TYPE_SIGNAL) {
        g_dbus_message_set_path(m, c->path);
        g_dbus_message_set_interface(m, c->interface);
        g_dbus_message_set_member(m, c->member);
    } else
        g_dbus_message_set_reply_serial(m, 1);
    if (type == G_DBUS_MESSAGE_TYPE_ERROR)
        g_dbus_message_set_error_name(m, "org.freedesktop.DBus.Error.Failed");
    if (c->body || c->make_body)
        g_dbus_message_set_body(m, make_body(c));
    if (c->fds > 0)
        announce_fds(m, c->fds);
    return m;
}

GBytes *call_marshal(const Call *c, const char *destination)
{
    g_autoptr(GDBusMessage) m = new_message(c, destination);
    g_autoptr(GError) error = NULL;
    gsize size;
    guchar *blob = g_dbus_message_to_blob(m, &size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, &error);

    if (!blob)
        g_error("%s: %s", c->member, error->message);
    return g_bytes_new_take(blob, size);
}

static char *make_text(guint bytes)
{
    char *text = g_malloc(bytes + 1UL);

    memset(text, 'x', bytes);
    text[bytes] = '\0';
    return text;
}

GVariant *body_text(guint bytes)
{
    return g_variant_new("(@s)", g_variant_new_take_string(make_text(bytes)));
}

GVariant *body_bytes(guint bytes)
{
    g_autoptr(GBytes) data = g_bytes_new_take(make_text(bytes), bytes);

    return g_variant_new("(@ay)", g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, data, TRUE));
}

/* So many entries that a reader has work. */
GVariant *body_options(guint bytes)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    for (guint i = 0; i < bytes / 32; i++) {
        g_autofree char *key = g_strdup_printf("key%07u", i);

        g_variant_builder_add(&b, "{sv}", key, g_variant_new_uint32(i));
    }
    return g_variant_new("(@a{sv})", g_variant_builder_end(&b));
}

GVariant *body_pairs(guint bytes)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE("a(yv)"));
    for (guint i = 0; i < bytes / 16; i++)
        g_variant_builder_add(&b, "(yv)", (guchar)i, g_variant_new_uint32(i));
    return g_variant_new("(@a(yv))", g_variant_builder_end(&b));
}

GVariant *body_property(guint bytes)
{
    return g_variant_new("(ssv)", MANAGER, "Version", g_variant_new_take_string(make_text(bytes)));
}
