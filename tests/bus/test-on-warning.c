/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "descriptors.h"
#include "files.h"
#include "pki.h"
#include "process.h"
#include "signals.h"

/* The unit of OnWarning=, which is started when the end of a chain comes near. The test plays the part of systemd. */

#define MODULE   "[Module]\n[Certificate a-b.example.com]\n[Certificate *.c.example.com]\n"
#define TEMPLATE "[Renewal]\nOnWarning=certwright-warning@.service\n"
#define SYSTEMD  "org.freedesktop.systemd1"
#define DAY      86400
#define ESCAPED  "certwright-warning@a\\x2db.example.com.service"

typedef struct MockSystemd {
    GDBusConnection *connection;
    guint filter;
    GAsyncQueue *calls; /* GDBusMessage, of StartUnit */
} MockSystemd;

/* In GDBus's own thread. */
static GDBusMessage *on_message(GDBusConnection *c G_GNUC_UNUSED, GDBusMessage *message, gboolean incoming,
                                gpointer userdata)
{
    MockSystemd *s = userdata;

    if (!incoming || g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL ||
        g_strcmp0(g_dbus_message_get_member(message), "StartUnit") != 0)
        return message;
    g_async_queue_push(s->calls, message);
    return NULL;
}

static MockSystemd *systemd_new(const Fixture *f)
{
    MockSystemd *s = g_new0(MockSystemd, 1);
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    s->calls = g_async_queue_new_full(g_object_unref);
    s->connection = client_connect(f, 0);
    s->filter = g_dbus_connection_add_filter(s->connection, on_message, s, NULL);
    reply = g_dbus_connection_call_sync(s->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "RequestName",
                                        g_variant_new("(su)", SYSTEMD, 0U), NULL, 0, -1, NULL, &error);
    g_assert_no_error(error);
    return s;
}

static void systemd_free(MockSystemd *s)
{
    g_dbus_connection_remove_filter(s->connection, s->filter);
    g_dbus_connection_close_sync(s->connection, NULL, NULL);
    g_object_unref(s->connection);
    g_async_queue_unref(s->calls);
    g_free(s);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MockSystemd, systemd_free)

/* The next call, which is for this unit; not answered yet. */
static GDBusMessage *systemd_wait(MockSystemd *s, const char *unit)
{
    GDBusMessage *call = g_async_queue_timeout_pop(s->calls, 60 * G_USEC_PER_SEC);
    const char *is, *mode;

    if (!call)
        g_error("nothing was asked of systemd within a minute");
    g_assert_cmpstr(g_dbus_message_get_path(call), ==, "/org/freedesktop/systemd1");
    g_assert_cmpstr(g_dbus_message_get_interface(call), ==, SYSTEMD ".Manager");
    g_assert_cmpstr(g_dbus_message_get_signature(call), ==, "ss");
    g_variant_get(g_dbus_message_get_body(call), "(&s&s)", &is, &mode);
    g_assert_cmpstr(is, ==, unit);
    g_assert_cmpstr(mode, ==, "replace");
    return call;
}

static void systemd_answer(MockSystemd *s, GDBusMessage *call, gboolean well)
{
    g_autoptr(GDBusMessage) reply =
        well ? g_dbus_message_new_method_reply(call)
             : g_dbus_message_new_method_error_literal(
                   call, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
                   "Nobody may do that.");
    g_autoptr(GError) error = NULL;

    if (well)
        g_dbus_message_set_body(reply, g_variant_new("(o)", "/org/freedesktop/systemd1/job/1"));
    g_dbus_connection_send_message(s->connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, &error);
    g_assert_no_error(error);
    g_object_unref(call);
}

static void check_asked_no_more(Fixture *f, MockSystemd *s)
{
    g_autoptr(GVariant) started G_GNUC_UNUSED = client_expect(f->root, PATH, MANAGER, "RenewDue", NULL);
    g_autoptr(GVariant) reloaded G_GNUC_UNUSED = client_expect(f->root, PATH, MANAGER, "Reload", NULL);

    wait_milliseconds(1000);
    g_assert_cmpint(g_async_queue_length(s->calls), ==, 0);
}

/* Ends in so many days. */
static char *upload(Fixture *f, Pki *pki, const char *name, int days)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_autofree char *san = g_strdup_printf("DNS:%s", name), *bundle = NULL;
    g_autoptr(PkiLeaf) leaf = pki_issue_between(pki, name, san, now - 20 * DAY, now + days * DAY + 600);
    char *path = client_find(f->root, name);

    client_wait_state(f->root, path, "valid");
    bundle = pki_bundle(leaf);
    descriptor_expect_upload(f->root, path, bundle);
    return path;
}

static Fixture *begin(unsigned flags, const char *settings)
{
    Fixture *f = fixture_new(FIXTURE_NO_DAEMON | FIXTURE_SYSTEMD, MODULE);

    fixture_write_settings(f, settings);
    fixture_start_daemon(f, flags);
    return f;
}

static void test_once(void)
{
    g_autoptr(Fixture) f = begin(0, TEMPLATE);
    g_autoptr(MockSystemd) systemd = systemd_new(f);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autofree char *path = upload(f, pki, "a-b.example.com", 2);

    systemd_answer(systemd, systemd_wait(systemd, ESCAPED), TRUE);
    check_asked_no_more(f, systemd);
    client_wait_state(f->root, path, "expiring");
    fixture_stop_daemon(f);
    fixture_start_daemon(f, 0);
    client_wait_state(f->root, path, "expiring");
    check_asked_no_more(f, systemd);
}

/* What is not near its end does not start it, and each certificate has its own. */
static void test_each(void)
{
    g_autoptr(Fixture) f = begin(0, TEMPLATE);
    g_autoptr(MockSystemd) systemd = systemd_new(f);
    g_autoptr(Pki) pki = pki_new(f->directory);

    g_free(upload(f, pki, "a-b.example.com", 60));
    check_asked_no_more(f, systemd);
    g_free(upload(f, pki, "*.c.example.com", 2));
    systemd_answer(systemd, systemd_wait(systemd, "certwright-warning@\\x2a.c.example.com.service"), TRUE);
    check_asked_no_more(f, systemd);
}

static void test_plain_unit(void)
{
    g_autoptr(Fixture) f = begin(0, "[Renewal]\nOnWarning=tell-the-administrator.service\n");
    g_autoptr(MockSystemd) systemd = systemd_new(f);
    g_autoptr(Pki) pki = pki_new(f->directory);

    g_free(upload(f, pki, "a-b.example.com", 2));
    systemd_answer(systemd, systemd_wait(systemd, "tell-the-administrator.service"), TRUE);
    check_asked_no_more(f, systemd);
}

static void test_none(void)
{
    g_autoptr(Fixture) f = begin(0, "");
    g_autoptr(MockSystemd) systemd = systemd_new(f);
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autofree char *path = upload(f, pki, "a-b.example.com", 2);

    signals_wait(log, PATH, "ExpiryWarning", path, 1);
    check_asked_no_more(f, systemd);
}

static gboolean is_in_log(gpointer userdata)
{
    const Fixture *f = userdata;
    g_autofree char *said = file_read(f->daemon_log);

    return strstr(said, "Failed to start the unit of OnWarning=") != NULL;
}

/* The signal is sent, the log tells why the unit is not started, and that is all. */
static void test_refused(void)
{
    g_autoptr(Fixture) f = begin(0, TEMPLATE);
    g_autoptr(MockSystemd) systemd = systemd_new(f);
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autofree char *path = upload(f, pki, "a-b.example.com", 2), *said = NULL;

    systemd_answer(systemd, systemd_wait(systemd, ESCAPED), FALSE);
    wait_until(is_in_log, f, "a line in the log");
    said = file_read(f->daemon_log);
    g_assert_nonnull(strstr(said, "Nobody may do that."));
    signals_wait(log, PATH, "ExpiryWarning", path, 1);
    check_asked_no_more(f, systemd);
    fixture_check_daemon(f);
}

static void test_no_systemd(void)
{
    g_autoptr(Fixture) f = begin(0, TEMPLATE);
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autofree char *path = upload(f, pki, "a-b.example.com", 2);

    signals_wait(log, PATH, "ExpiryWarning", path, 1);
    wait_until(is_in_log, f, "a line in the log");
    fixture_check_daemon(f);
}

/* The service does not end before it knows what came of it. On a busy machine it takes seconds to make the upload. */
static void test_waits(void)
{
    g_autoptr(Fixture) f = begin(FIXTURE_IDLE_EXIT, TEMPLATE "IdleExit=10s\n");
    g_autoptr(MockSystemd) systemd = systemd_new(f);
    g_autoptr(Pki) pki = pki_new(f->directory);
    GDBusMessage *call;
    int status;

    g_free(upload(f, pki, "a-b.example.com", 2));
    call = systemd_wait(systemd, ESCAPED);
    wait_milliseconds(14000);
    fixture_check_daemon(f);
    systemd_answer(systemd, call, TRUE);
    g_assert_true(process_wait(f->daemon, 60000, &status));
    g_assert_cmpint(status, ==, 0);
    f->daemon = 0;
}

static void add(void)
{
    g_test_add_func("/bus/on-warning/once", test_once);
    g_test_add_func("/bus/on-warning/each", test_each);
    g_test_add_func("/bus/on-warning/plain-unit", test_plain_unit);
    g_test_add_func("/bus/on-warning/none", test_none);
    g_test_add_func("/bus/on-warning/refused", test_refused);
    g_test_add_func("/bus/on-warning/no-systemd", test_no_systemd);
    g_test_add_func("/bus/on-warning/waits", test_waits);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
