/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock-polkit.h"

#include <string.h>

#include "client.h"

#define NAME "org.freedesktop.PolicyKit1"

struct MockPolkit {
    GDBusConnection *connection;
    guint filter;
    GAsyncQueue *questions;
    gint cancelled;
};

void mock_question_free(MockQuestion *q)
{
    g_object_unref(q->message);
    g_free(q->caller);
    g_free(q->kind);
    g_free(q->action);
    g_free(q->cancellation);
    g_variant_unref(q->details);
    g_free(q);
}

static MockQuestion *question_new(GDBusMessage *message)
{
    MockQuestion *q = g_new0(MockQuestion, 1);
    g_autoptr(GVariant) subject = NULL;

    q->message = message;
    g_variant_get(g_dbus_message_get_body(message), "((s@a{sv})s@a{ss}us)", &q->kind, &subject, &q->action,
                  &q->details, &q->flags, &q->cancellation);
    g_variant_lookup(subject, "name", "s", &q->caller);
    return q;
}

static void reply_nothing(GDBusConnection *c, GDBusMessage *message)
{
    g_autoptr(GDBusMessage) reply = g_dbus_message_new_method_reply(message);

    g_dbus_connection_send_message(c, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
}

/* In GDBus's own thread. */
static GDBusMessage *on_message(GDBusConnection *c, GDBusMessage *message, gboolean incoming,
                                gpointer userdata)
{
    const char *member = g_dbus_message_get_member(message);
    MockPolkit *p = userdata;

    if (!incoming || g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
        return message;
    if (strcmp(member, "CheckAuthorization") == 0) {
        g_async_queue_push(p->questions, question_new(message));
        return NULL;
    }
    if (strcmp(member, "CancelCheckAuthorization") == 0) {
        g_atomic_int_inc(&p->cancelled);
        reply_nothing(c, message);
        g_object_unref(message);
        return NULL;
    }
    return message;
}

MockPolkit *mock_polkit_new(const Fixture *f)
{
    MockPolkit *p = g_new0(MockPolkit, 1);
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    p->questions = g_async_queue_new_full((GDestroyNotify)mock_question_free);
    p->connection = client_connect(f, 0);
    p->filter = g_dbus_connection_add_filter(p->connection, on_message, p, NULL);
    reply = g_dbus_connection_call_sync(p->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "RequestName",
                                        g_variant_new("(su)", NAME, 0U), NULL, 0, -1, NULL, &error);
    g_assert_no_error(error);
    return p;
}

void mock_polkit_free(MockPolkit *p)
{
    g_dbus_connection_remove_filter(p->connection, p->filter);
    g_dbus_connection_close_sync(p->connection, NULL, NULL);
    g_object_unref(p->connection);
    g_async_queue_unref(p->questions);
    g_free(p);
}

MockQuestion *mock_polkit_take(MockPolkit *p)
{
    return g_async_queue_try_pop(p->questions);
}

MockQuestion *mock_polkit_wait(MockPolkit *p)
{
    MockQuestion *q = g_async_queue_timeout_pop(p->questions, 60 * G_USEC_PER_SEC);

    if (!q)
        g_error("polkit was not asked within a minute");
    return q;
}

guint mock_polkit_cancelled(MockPolkit *p)
{
    return (guint)g_atomic_int_get(&p->cancelled);
}

void mock_polkit_answer(MockPolkit *p, const MockQuestion *q, GVariant *body)
{
    g_autoptr(GDBusMessage) reply = g_dbus_message_new_method_reply(q->message);
    g_autoptr(GError) error = NULL;

    if (body)
        g_dbus_message_set_body(reply, body);
    g_dbus_connection_send_message(p->connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, &error);
    g_assert_no_error(error);
}

static GVariant *verdict(gboolean authorized, gboolean challenge)
{
    return g_variant_new("((bb@a{ss}))", authorized, challenge,
                         g_variant_new_array(G_VARIANT_TYPE("{ss}"), NULL, 0));
}

void mock_polkit_answer_yes(MockPolkit *p, const MockQuestion *q)
{
    mock_polkit_answer(p, q, verdict(TRUE, FALSE));
}

void mock_polkit_answer_no(MockPolkit *p, const MockQuestion *q)
{
    mock_polkit_answer(p, q, verdict(FALSE, FALSE));
}

void mock_polkit_answer_error(MockPolkit *p, const MockQuestion *q)
{
    g_autoptr(GDBusMessage) reply = g_dbus_message_new_method_error_literal(
        q->message, "org.freedesktop.PolicyKit1.Error.Failed", "It failed.");

    g_dbus_connection_send_message(p->connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
}

void mock_polkit_wait_gone(MockPolkit *p, const char *unique_name)
{
    for (int i = 0; i < 60000; i++) {
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
            p->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
            "NameHasOwner", g_variant_new("(s)", unique_name), NULL, 0, -1, NULL, NULL);
        gboolean owned = TRUE;

        g_assert_nonnull(reply);
        g_variant_get(reply, "(b)", &owned);
        if (!owned)
            return;
        g_usleep(1000);
    }
    g_error("%s did not leave the bus", unique_name);
}
