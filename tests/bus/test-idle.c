/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "files.h"
#include "signals.h"

/* The service ends when there is nothing to do, the next call starts it again, and no call is lost
 * between. */

#define MODULE   "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\n"
#define SETTINGS "[Renewal]\nIdleExit=1s\n"
#define SEED     20240229
#define CALLS    200U

static const char *const names[] = { "a.example.com", "b.example.com" };

/* Asked of the bus, which does not start it. */
static gboolean is_running(GDBusConnection *c)
{
    g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
        c, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
        g_variant_new("(s)", SERVICE), NULL, 0, -1, NULL, NULL);
    gboolean owned;

    g_variant_get(reply, "(b)", &owned);
    return owned;
}

static gboolean is_gone(gpointer userdata)
{
    return !is_running(userdata);
}

static Fixture *start(void)
{
    Fixture *f = fixture_new(FIXTURE_ACTIVATABLE | FIXTURE_IDLE_EXIT, MODULE);

    fixture_write_settings(f, SETTINGS);
    return f;
}

static void stop(Fixture *f)
{
    g_autofree char *said = NULL;

    wait_until(is_gone, f->root, "the service to end");
    wait_milliseconds(500);
    said = file_read(f->daemon_log);
    g_assert_null(strstr(said, "Sanitizer"));
    g_assert_null(strstr(said, "runtime error"));
    fixture_free(f);
}

static char *fingerprint_of(Fixture *f, const char *name)
{
    g_autofree char *path = client_find(f->root, name);

    client_wait_state(f->root, path, "valid");
    return client_get_string(f->root, path, "Fingerprint");
}

static void test_activation(void)
{
    Fixture *f = start();
    char *first[G_N_ELEMENTS(names)];

    g_assert_false(is_running(f->root));
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        first[i] = fingerprint_of(f, names[i]);
    for (int round = 0; round < 2; round++) {
        wait_until(is_gone, f->root, "the service to end");
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
            g_autofree char *again = fingerprint_of(f, names[i]);

            g_assert_cmpstr(again, ==, first[i]);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        g_free(first[i]);
    stop(f);
}

/* Whoever only listens does not keep it. Calls do. */
static void test_calls_keep_it(void)
{
    Fixture *f = start();
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(GVariant) before = NULL;

    for (int i = 0; i < 25; i++) {
        g_autoptr(GVariant) owner = NULL;

        g_free(client_find(f->root, names[0]));
        owner = g_dbus_connection_call_sync(f->root, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                            "org.freedesktop.DBus", "GetNameOwner",
                                            g_variant_new("(s)", SERVICE), NULL, 0, -1, NULL, NULL);
        g_assert_nonnull(owner);
        if (!before)
            before = g_variant_ref(owner);
        g_assert_true(g_variant_equal(before, owner));
        wait_milliseconds(150);
    }
    g_clear_pointer(&log, signals_free);
    stop(f);
}

/* A service that cannot start says why, long before the bus gives up; the next call tries again. */
static void test_cannot_start(void)
{
    Fixture *f = start();
    g_autofree char *version = g_build_filename(f->state, "version", NULL);

    file_write(version, "7\n");
    for (int i = 0; i < 2; i++) { /* the second is answered by the same process */
        client_expect_error(f->root, PATH, MANAGER, "RenewDue", NULL, "StorageFailed", "its file version");
        client_expect_error(f->root, PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL,
                            "StorageFailed", "install the newer program");
    }
    file_write(version, "1\n");
    wait_until(is_gone, f->root, "the service to end");
    g_free(fingerprint_of(f, names[0]));
    stop(f);
}

/* A shorter IdleExit= counts from the moment it is noticed, not when the former time is over. */
static void test_new_time(void)
{
    Fixture *f = fixture_new(FIXTURE_ACTIVATABLE | FIXTURE_IDLE_EXIT, MODULE);

    fixture_write_settings(f, "[Renewal]\nIdleExit=1h\n");
    g_free(client_find(f->root, names[0]));
    fixture_write_settings(f, SETTINGS);
    wait_until(is_gone, f->root, "the service to end");
    stop(f);
}

static void test_resident(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);

    fixture_write_settings(f, SETTINGS);
    g_free(client_find(f->root, names[0]));
    wait_milliseconds(3000);
    fixture_check_daemon(f);
    g_assert_true(is_running(f->root));
}

typedef struct Tally {
    guint answered, failed;
    char *failure;
} Tally;

static void on_answer(GObject *source, GAsyncResult *result, gpointer userdata)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    Tally *t = userdata;

    t->answered++;
    if (reply)
        return;
    t->failed++;
    if (!t->failure)
        t->failure = g_strdup(error->message);
}

typedef struct TallyWait {
    const Tally *tally;
    guint n;
} TallyWait;

static gboolean is_counted(gpointer userdata)
{
    const TallyWait *w = userdata;

    return w->tally->answered >= w->n;
}

static void call_any(Fixture *f, GRand *random, Tally *t)
{
    static const char *const members[][2] = { { MANAGER, "GetCertificate" },
                                              { MANAGER, "ExportRoot" },
                                              { MANAGER, "Reload" } };
    int n = g_rand_int_range(random, 0, G_N_ELEMENTS(members));

    g_dbus_connection_call(f->root, SERVICE, PATH, members[n][0], members[n][1],
                           n == 0   ? g_variant_new("(s)", names[0])
                           : n == 1 ? g_variant_new("(@a{sv})", NO_OPTIONS)
                                    : NULL,
                           NULL, 0, 60000, NULL, on_answer, t);
}

/* Close to the moment when the name is given back, before and after. */
static void wait_for_moment(Fixture *f, GRand *random)
{
    if (g_rand_boolean(random)) {
        wait_milliseconds((unsigned)g_rand_int_range(random, 950, 1080));
        return;
    }
    for (int i = 0; i < 20000 && is_running(f->root); i++)
        g_usleep(200);
    g_usleep((gulong)g_rand_int_range(random, 0, 15000));
}

static void test_moments(void)
{
    Fixture *f = start();
    GRand *random = g_rand_new_with_seed(SEED);
    Tally t = { 0, 0, NULL };
    guint calls = 0;

    g_free(fingerprint_of(f, names[0]));
    while (calls < CALLS) {
        guint burst = (guint)g_rand_int_range(random, 1, 6);

        wait_for_moment(f, random);
        for (guint i = 0; i < burst; i++, calls++)
            call_any(f, random, &t);
        wait_until(is_counted, &(TallyWait){ &t, calls }, "answers");
        if (t.failed > 0) {
            g_autofree char *said = file_read(f->daemon_log);

            g_error("call %u of %u: %s\n%s", calls, CALLS, t.failure, said);
        }
    }
    g_assert_cmpuint(t.failed, ==, 0);
    g_rand_free(random);
    stop(f);
}

static void add(void)
{
    g_test_add_func("/bus/idle/activation", test_activation);
    g_test_add_func("/bus/idle/calls-keep-it", test_calls_keep_it);
    g_test_add_func("/bus/idle/resident", test_resident);
    g_test_add_func("/bus/idle/new-time", test_new_time);
    g_test_add_func("/bus/idle/cannot-start", test_cannot_start);
    g_test_add_func("/bus/idle/moments", test_moments);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
