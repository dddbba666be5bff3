/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "broker.h"
#include "client.h"
#include "files.h"
#include "process.h"
#include "signals.h"

/* The service ends when there is nothing to do, the next call starts it again, and no call is lost
 * between. */

#define MODULE   "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\n"
#define SETTINGS "[Renewal]\nIdleExit=1s\n"
#define SEED     20240229
#define CALLS    200U
#define OBJECTS  "org.freedesktop.DBus.ObjectManager"

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

static char *owner_of_service(GDBusConnection *c)
{
    g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
        c, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner",
        g_variant_new("(s)", SERVICE), NULL, 0, -1, NULL, NULL);
    char *owner = NULL;

    if (reply)
        g_variant_get(reply, "(s)", &owner);
    return owner;
}

/* For twice as long as it would be idle. */
static void expect_stay(Fixture *f, const char *owner)
{
    g_autofree char *now = NULL;

    wait_milliseconds(2000);
    now = owner_of_service(f->root);
    g_assert_cmpstr(now, ==, owner);
}

static void list_objects(GDBusConnection *c)
{
    g_autoptr(GVariant) objects G_GNUC_UNUSED = client_expect(c, PATH, OBJECTS, "GetManagedObjects", NULL);
}

static void leave(GDBusConnection *c)
{
    g_dbus_connection_close_sync(c, NULL, NULL);
    g_object_unref(c);
}

/* Of those who have listed the objects, as any user, the last one to leave lets it go. */
static void test_viewers_keep_it(void)
{
    Fixture *f = start();
    uid_t nobody = fixture_uid("nobody");
    GDBusConnection *window = client_connect(f, nobody), *page = client_connect(f, nobody),
                    *caller = client_connect(f, nobody);
    g_autofree char *owner = NULL;

    list_objects(window);
    list_objects(page);
    list_objects(page);
    g_free(client_find(caller, names[0]));
    owner = owner_of_service(f->root);
    expect_stay(f, owner);
    leave(page);
    expect_stay(f, owner);
    leave(window);
    wait_until(is_gone, f->root, "the service to end");
    leave(caller); /* was on the bus all the time */
    stop(f);
}

/* Its list stays complete, and follows. */
static void test_object_manager_client(void)
{
    Fixture *f = start();
    GDBusConnection *window = client_connect(f, fixture_uid("nobody"));
    g_autofree char *path = client_find(f->root, names[0]), *owner = NULL, *fresh = NULL;
    g_autoptr(GDBusObjectManager) manager = NULL;
    g_autoptr(GDBusObject) object = NULL, added = NULL;
    g_autoptr(GError) error = NULL;

    manager =
        g_dbus_object_manager_client_new_sync(window, 0, SERVICE, PATH, NULL, NULL, NULL, NULL, &error);
    g_assert_no_error(error);
    owner = owner_of_service(f->root);
    expect_stay(f, owner);
    object = g_dbus_object_manager_get_object(manager, path);
    g_assert_nonnull(object);
    fresh = client_register(f->root, "m", "fresh.example.com", NULL);
    for (int i = 0; i < 100 && !added; i++) {
        wait_milliseconds(20);
        added = g_dbus_object_manager_get_object(manager, fresh);
    }
    g_assert_nonnull(added);
    g_clear_object(&object);
    g_clear_object(&added);
    g_clear_object(&manager);
    leave(window);
    stop(f);
}

/* A call that only looks like it does not, nor does a client that has left before it is served. */
static void test_others_do_not(void)
{
    Fixture *f = start();
    GDBusConnection *caller = client_connect(f, fixture_uid("nobody")),
                    *hasty = client_connect(f, fixture_uid("nobody"));
    g_autoptr(GError) error = NULL;

    g_free(client_find(f->root, names[0]));
    g_assert_null(client_call(caller, PATH_ROOT, OBJECTS, "GetManagedObjects", NULL, &error));
    g_assert_nonnull(error);
    g_dbus_connection_call(hasty, SERVICE, PATH, OBJECTS, "GetManagedObjects", NULL, NULL, 0, -1, NULL, NULL,
                           NULL);
    g_dbus_connection_flush_sync(hasty, NULL, NULL);
    leave(hasty);
    wait_until(is_gone, f->root, "the service to end");
    leave(caller);
    stop(f);
}

/* The same on the other message bus. */
static void test_broker(void)
{
    const char *obstacle = broker_obstacle();
    GDBusConnection *window;
    int status;
    Fixture *f;

    if (obstacle) {
        g_test_skip(obstacle);
        return;
    }
    f = fixture_new(FIXTURE_BROKER | FIXTURE_NO_DAEMON, MODULE);
    fixture_write_settings(f, SETTINGS);
    fixture_start_daemon(f, FIXTURE_IDLE_EXIT);
    window = client_connect(f, fixture_uid("nobody"));
    list_objects(window);
    wait_milliseconds(3000);
    fixture_check_daemon(f);
    leave(window);
    g_assert_true(process_wait(f->daemon, 60000, &status));
    g_assert_cmpint(status, ==, 0);
    f->daemon = 0;
    fixture_free(f);
}

typedef struct Lines {
    const char *path;
    guint n;
} Lines;

static gboolean has_lines(gpointer userdata)
{
    const Lines *l = userdata;
    g_autofree char *text = file_read(l->path);
    guint n = 0;

    for (const char *at = text; (at = strchr(at, '\n')); at++)
        n++;
    return n >= l->n;
}

/* That the last line is about the chain of the name, as the service has it. */
static void expect_last(Fixture *f, const char *path)
{
    g_autofree char *text = file_read(path), *fingerprint = fingerprint_of(f, "follow.example.com"),
                    *end = g_strdup_printf(" %s\n", fingerprint);

    g_assert_true(g_str_has_prefix(text, "local "));
    g_assert_true(g_str_has_suffix(text, end));
}

static void remove_state(Fixture *f)
{
    g_autoptr(GDir) state = g_dir_open(f->state, 0, NULL);
    const char *entry;

    while ((entry = g_dir_read_name(state))) {
        g_autofree char *path = g_build_filename(f->state, entry, NULL);

        directory_remove(path);
    }
}

/* The example of the documentation does not keep it, and learns of each chain: by the signal, and of what happened in its
 * absence when it has started again. */
static void test_follower(void)
{
    Fixture *f = start();
    g_autofree char *said = g_build_filename(f->directory, "follower.log", NULL), *path = NULL,
                    *address = g_strdup_printf("DBUS_SYSTEM_BUS_ADDRESS=%s", f->address);
    const char *const argv[] = { g_getenv("CERTWRIGHT_FOLLOW"), "follower", "follow.example.com", NULL },
                      *const env[] = { address, NULL };
    g_autoptr(GVariant) reply = NULL;
    pid_t pid;

    file_write(said, "");
    pid = process_start(argv, env, said, NULL, NULL);
    wait_until(has_lines, &(Lines){ said, 1 }, "the first chain");
    wait_until(is_gone, f->root, "the service to end");
    path = client_find(f->root, "follow.example.com");
    reply = client_expect(f->root, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    wait_until(has_lines, &(Lines){ said, 2 }, "the second chain");
    expect_last(f, said);
    wait_until(is_gone, f->root, "the service to end");
    remove_state(f);
    g_free(client_find(f->root, names[0]));
    wait_until(has_lines, &(Lines){ said, 3 }, "the third chain");
    expect_last(f, said);
    g_assert_true(process_is_running(pid));
    (void)process_stop(pid);
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
    g_test_add_func("/bus/idle/viewers-keep-it", test_viewers_keep_it);
    g_test_add_func("/bus/idle/object-manager-client", test_object_manager_client);
    g_test_add_func("/bus/idle/others-do-not", test_others_do_not);
    g_test_add_func("/bus/idle/broker", test_broker);
    g_test_add_func("/bus/idle/follower", test_follower);
    g_test_add_func("/bus/idle/resident", test_resident);
    g_test_add_func("/bus/idle/new-time", test_new_time);
    g_test_add_func("/bus/idle/cannot-start", test_cannot_start);
    g_test_add_func("/bus/idle/moments", test_moments);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
