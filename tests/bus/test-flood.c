/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "process.h"
#include "signals.h"

/* One user floods; others go on being served and the daemon stays small. */

#define MODULE     "[Module]\n[Certificate a.example.com]\n"
#define CALLS      20000
#define GROWTH_KIB (16 * 1024)
#define ANSWER_USEC \
    (20 * G_USEC_PER_SEC) /* generous: calls are answered in their order, sanitizers take their time */

typedef struct Flood {
    const char *path, *interface, *member, *arguments;
    gboolean waits; /* the bus lets through what it can remember the answers for, and refuses the rest */
} Flood;

typedef struct Sending {
    GDBusConnection *connection;
    gboolean done;
} Sending;

static void send_last(Sending *s);

static void on_done(GObject *source, GAsyncResult *result, gpointer userdata)
{
    g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);
    Sending *s = userdata;

    if (reply)
        s->done = TRUE;
    else
        send_last(s);
}

static void send_last(Sending *s)
{
    g_dbus_connection_call(s->connection, SERVICE, PATH, "org.freedesktop.DBus.Peer", "Ping", NULL, NULL, 0,
                           300000, NULL, on_done, s);
}

/* Does not wait. All have been read when the answer to what is sent behind them is there. */
static void send_calls(Sending *s, const Flood *flood, guint n)
{
    g_autoptr(GVariant) body =
        flood->arguments ? g_variant_ref_sink(g_variant_new_parsed(flood->arguments)) : NULL;

    for (guint i = 0; i < n; i++) {
        g_autoptr(GDBusMessage) m =
            g_dbus_message_new_method_call(SERVICE, flood->path, flood->interface, flood->member);

        if (!flood->waits)
            g_dbus_message_set_flags(m, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
        if (body)
            g_dbus_message_set_body(m, body);
        g_dbus_connection_send_message(s->connection, m, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
    }
    s->done = FALSE;
    send_last(s);
}

static gboolean is_sent(gpointer userdata)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
    return ((const Sending *)userdata)->done;
}

static gint64 ask(GDBusConnection *c)
{
    gint64 begin = g_get_monotonic_time();
    g_autofree char *state = client_get_string(c, PATH "/certificate/a_2eexample_2ecom", "State");

    g_assert_cmpstr(state, ==, "valid");
    return g_get_monotonic_time() - begin;
}

static long daemon_memory(const Fixture *f)
{
    return process_memory(f->daemon);
}

static Fixture *start(void)
{
    Fixture *f = fixture_new(0, MODULE);

    client_wait_state(f->root, PATH "/certificate/a_2eexample_2ecom", "valid");
    wait_milliseconds(2500); /* its index is written */
    return f;
}

static void test_flood(gconstpointer userdata)
{
    const Flood *flood = userdata;
    g_autoptr(Fixture) f = start();
    g_autoptr(GDBusConnection) flooder = client_connect(f, fixture_uid("nobody")),
                               other = client_connect(f, fixture_uid("daemon"));
    Sending sending = { flooder, FALSE };
    gint64 worst = 0;
    long before, most;
    guint asked = 0;

    send_calls(&sending, flood, CALLS / 20);
    wait_until(is_sent, &sending, "a small flood to end");
    before = most = daemon_memory(f);
    g_assert_cmpint(before, >, 0);
    for (send_calls(&sending, flood, CALLS); !is_sent(&sending); asked++) {
        worst = MAX(worst, ask(other));
        most = MAX(most, daemon_memory(f));
    }
    fixture_check_daemon(f);
    g_test_message("%u questions, the slowest answer took %" G_GINT64_FORMAT
                   " ms; memory %ld KiB, at most %ld",
                   asked, worst / 1000, before, most);
    g_assert_cmpuint(asked, >, 0);
    g_assert_cmpint(worst, <, ANSWER_USEC);
    if (ADDRESS_SPACE_IS_LIMITED) /* else a sanitizer keeps what is freed */
        g_assert_cmpint(most - before, <, GROWTH_KIB);
}

/* Other users' calls that need polkit are served too, while the flood asks for it. */
static void test_authorization_for_others(void)
{
    static const Flood flood = { PATH, MANAGER, "Reload", NULL, FALSE };
    g_autoptr(Fixture) f = start();
    g_autoptr(GDBusConnection) flooder = client_connect(f, fixture_uid("nobody")),
                               other = client_connect(f, fixture_uid("daemon"));
    Sending sending = { flooder, FALSE };

    send_calls(&sending, &flood, CALLS / 10);
    for (guint i = 0; i < 50; i++) {
        g_autoptr(GVariant) reply G_GNUC_UNUSED =
            client_expect(other, PATH, MANAGER, "ExportRoot", g_variant_new("(@a{sv})", NO_OPTIONS));

        if (is_sent(&sending))
            send_calls(&sending, &flood, CALLS / 10);
    }
    wait_until(is_sent, &sending, "the flood to end");
}

/* So many registrations that are denied leave nothing behind. */
static void test_nothing_left(void)
{
    g_autoptr(Fixture) f = start();
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));
    g_autoptr(GVariant) before = client_get(f->root, PATH, MANAGER, "Certificates"), after = NULL;

    for (guint i = 0; i < 200; i++) {
        g_autofree char *name = g_strdup_printf("n%u.example.com", i);

        client_expect_error(nobody, PATH, MANAGER, "Register",
                            g_variant_new("(ss@a{sv})", "m", name, NO_OPTIONS), "NotAuthorized", NULL);
    }
    after = client_get(f->root, PATH, MANAGER, "Certificates");
    g_assert_true(g_variant_equal(before, after));
}

static void add(void)
{
    static const Flood properties = { PATH, "org.freedesktop.DBus.Properties", "GetAll", "('" MANAGER "',)",
                                      FALSE },
                       objects = { PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL,
                                   FALSE },
                       waiting = { PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL,
                                   TRUE },
                       lookups = { PATH, MANAGER, "GetCertificate", "('none.example.com',)", TRUE },
                       gated = { PATH, MANAGER, "Reload", NULL, FALSE },
                       unknown = { PATH "/certificate/none", CERTIFICATE, "Nothing", NULL, TRUE };

    g_test_add_data_func("/bus/flood/properties", &properties, test_flood);
    g_test_add_data_func("/bus/flood/objects", &objects, test_flood);
    g_test_add_data_func("/bus/flood/waiting", &waiting, test_flood);
    g_test_add_data_func("/bus/flood/lookups", &lookups, test_flood);
    g_test_add_data_func("/bus/flood/gated", &gated, test_flood);
    g_test_add_data_func("/bus/flood/unknown", &unknown, test_flood);
    g_test_add_func("/bus/flood/nothing-left", test_nothing_left);
    g_test_add_func("/bus/flood/authorization-for-others", test_authorization_for_others);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
