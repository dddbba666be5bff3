/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#include "client.h"
#include "files.h"
#include "signals.h"

/* Module files come, change and go while the service runs: noticed by itself, by Reload and by SIGHUP. */

#define ONE "[Module]\nDescription=One\n[Certificate one.example.com]\n"
#define TWO "[Module]\nDescription=Two\n[Certificate two.example.com]\nAlternativeNames=also.example.com\n"

typedef struct Known {
    GDBusConnection *connection;
    const char *name;
    gboolean known;
} Known;

static gboolean is_known(gpointer userdata)
{
    const Known *k = userdata;

    return client_knows(k->connection, k->name) == k->known;
}

static void wait_known(Fixture *f, const char *name, gboolean known)
{
    wait_until(is_known, &(Known){ f->root, name, known }, name);
}

/* How the daemon is made to look at its configuration. */
typedef void (*Notice)(Fixture *f);

static void notice_by_itself(Fixture *f G_GNUC_UNUSED)
{
}

static void notice_by_reload(Fixture *f)
{
    g_autoptr(GVariant) reply G_GNUC_UNUSED = client_expect(f->root, PATH, MANAGER, "Reload", NULL);
}

static void notice_by_signal(Fixture *f)
{
    g_assert_cmpint(kill(f->daemon, SIGHUP), ==, 0);
}

static void test_come_and_go(gconstpointer userdata)
{
    const Notice *notice = userdata;
    g_autoptr(Fixture) f = fixture_new(0, ONE);
    g_autoptr(SignalLog) log = NULL;
    g_autofree char *one = NULL, *two = NULL, *kept = NULL, *first = NULL, *again = NULL;

    wait_known(f, "one.example.com", TRUE);
    one = client_find(f->root, "one.example.com");
    client_wait_state(f->root, one, "valid");
    first = client_get_string(f->root, one, "Fingerprint");
    log = signals_new(f->root);

    fixture_write_module(f, "two", TWO);
    (*notice)(f);
    wait_known(f, "two.example.com", TRUE);
    two = client_find(f->root, "also.example.com");
    client_wait_state(f->root, two, "valid");
    signals_wait(log, PATH, "InterfacesAdded", two, 1);

    fixture_write_module(f, "test", NULL);
    (*notice)(f);
    wait_known(f, "one.example.com", FALSE);
    signals_wait(log, PATH, "InterfacesRemoved", one, 1);
    signals_settle(log);
    g_assert_cmpuint(signals_count(log, PATH, "InterfacesAdded", two), ==, 1);
    g_assert_cmpuint(signals_count(log, PATH, "InterfacesRemoved", NULL), ==, 1);
    kept = g_build_filename(f->state, "certificates/one.example.com/current/privkey.pem", NULL);
    g_assert_true(g_file_test(kept, G_FILE_TEST_EXISTS));

    fixture_write_module(f, "test", ONE);
    (*notice)(f);
    wait_known(f, "one.example.com", TRUE);
    again = client_get_string(f->root, one, "Fingerprint");
    g_assert_cmpstr(again, ==, first);
}

static void test_shared(void)
{
    g_autoptr(Fixture) f = fixture_new(0, ONE);
    g_autofree char *path = client_find(f->root, "one.example.com"), *text = NULL;
    g_autoptr(GVariant) modules = NULL, reply = NULL;

    fixture_write_module(f, "also",
                         "[Module]\n[Certificate ONE.example.com.]\nAlternativeNames=more.example.com\n");
    g_free(client_register(f->root, "dynamic", "one.example.com", NULL));
    wait_known(f, "more.example.com", TRUE);
    modules = client_get(f->root, path, CERTIFICATE, "Modules");
    text = g_variant_print(modules, FALSE);
    g_assert_cmpstr(text, ==, "['also', 'test', 'dynamic']");
    fixture_write_module(f, "test", NULL);
    fixture_write_module(f, "also", NULL);
    wait_known(f, "more.example.com", FALSE);
    g_assert_true(client_knows(f->root, "one.example.com")); /* it is registered still */
    reply = client_expect(f->root, PATH, MANAGER, "Unregister",
                          g_variant_new("(ss)", "dynamic", "one.example.com"));
    g_assert_false(client_knows(f->root, "one.example.com"));
}

/* A chain for the new names, and one signal for it. */
/* Modules with a file, their descriptions and units; those that only registered something are none. */
static void test_modules(void)
{
    g_autoptr(Fixture) f = fixture_new(0, ONE);
    g_autoptr(GVariant) modules = NULL;
    g_autofree char *text = NULL;

    fixture_write_module(
        f, "also",
        "[Module]\n[Certificate two.example.com]\n[Deploy]\nFullChainFile=/x/%n\nKeyFile=/k/%n\n"
        "Reload=a.service b.service\n[Deploy two.example.com]\nRestart=b.service c.service\n");
    g_free(client_register(f->root, "dynamic", "one.example.com", NULL));
    wait_known(f, "two.example.com", TRUE);
    modules = client_expect(f->root, PATH, MANAGER, "ListModules", NULL);
    text = g_variant_print(modules, FALSE);
    g_assert_cmpstr(text, ==,
                    "([('also', '', ['a.service', 'b.service', 'c.service']), ('test', 'One', [])],)");
}

static void test_names_change(void)
{
    g_autoptr(Fixture) f = fixture_new(0, ONE);
    g_autofree char *path = client_find(f->root, "one.example.com"), *text = NULL;
    g_autoptr(GVariant) names = NULL;
    g_autoptr(SignalLog) log = NULL;

    client_wait_state(f->root, path, "valid");
    log = signals_new(f->root);
    fixture_write_module(f, "test", ONE "AlternativeNames=more.example.com 192.0.2.1\n");
    signals_wait(log, path, "ChainChanged", NULL, 1);
    signals_settle(log);
    g_assert_cmpuint(signals_count(log, path, "ChainChanged", NULL), ==, 1);
    g_assert_cmpuint(signals_count(log, path, "PropertiesChanged", "'Names'"), >=, 1);
    names = client_get(f->root, path, CERTIFICATE, "Names");
    text = g_variant_print(names, FALSE);
    g_assert_cmpstr(text, ==, "['one.example.com', 'more.example.com', '192.0.2.1']");
}

/* What is wrong with one file is named, and the others are taken. */
static void test_broken(void)
{
    g_autoptr(Fixture) f = fixture_new(0, ONE);
    g_autofree char *said = NULL;

    fixture_write_module(
        f, "broken",
        "[Module]\n[Certificate a..b]\n[Certificate good.example.com]\nNoSuchKey=1\nnonsense\n");
    fixture_write_module(f, "two", TWO);
    wait_known(f, "two.example.com", TRUE);
    g_assert_true(client_knows(f->root, "one.example.com"));
    said = file_read(f->daemon_log);
    g_assert_nonnull(strstr(said, "modules.d/broken.conf:2:"));
    g_assert_nonnull(strstr(said, "modules.d/broken.conf:4:"));
    g_assert_nonnull(strstr(said, "NoSuchKey"));
}

/* ---- errors on the bus */

static char *errors_of(Fixture *f)
{
    g_autoptr(GVariant) errors = client_get(f->root, PATH, MANAGER, "ConfigurationErrors");

    g_assert_true(g_variant_is_of_type(errors, G_VARIANT_TYPE("a(suss)")));
    return g_variant_print(errors, FALSE);
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

/* Each with its place; signalled when they change, and in the journal once. */
static void test_errors(void)
{
    g_autoptr(Fixture) f = fixture_new(0, ONE);
    g_autofree char *none = errors_of(f), *some = NULL, *said = NULL, *again = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);

    g_assert_cmpstr(none, ==, "[]");
    fixture_write_settings(f, "[Renewal]\nIdleExit=soon\n");
    fixture_write_module(f, "two", TWO "NoSuchKey=\xff\n");
    notice_by_reload(f);
    some = errors_of(f);
    g_assert_nonnull(strstr(some, "/certwright.conf', 2, 'IdleExit', '"));
    g_assert_nonnull(strstr(some, "/modules.d/two.conf', 5, 'NoSuchKey', '"));
    g_assert_cmpuint(count(some, "('/"), ==, 2);
    signals_wait(log, PATH, "PropertiesChanged", "ConfigurationErrors", 1);
    notice_by_reload(f);
    notice_by_signal(f);
    wait_milliseconds(500);
    signals_settle(log);
    g_assert_cmpuint(signals_count(log, PATH, "PropertiesChanged", "ConfigurationErrors"), ==, 1);
    said = file_read(f->daemon_log);
    g_assert_cmpuint(count(said, "certwright.conf:2: IdleExit=: "), ==, 1);
    fixture_write_settings(f, "");
    fixture_write_module(f, "two", TWO);
    notice_by_reload(f);
    again = errors_of(f);
    g_assert_cmpstr(again, ==, "[]");
}

/* With a umask of 077, root makes what the service may not read: it says so, and keeps what it knows. */
static void test_unreadable(void)
{
    g_autoptr(Fixture) f = fixture_new(0, ONE);
    g_autofree char *modules = g_build_filename(f->config, "modules.d", NULL),
                    *settings = g_build_filename(f->config, "certwright.conf", NULL), *folder = NULL,
                    *file = NULL, *said = NULL, *none = NULL, *line = NULL;

    wait_known(f, "one.example.com", TRUE);
    g_assert_cmpint(g_chmod(modules, 0700), ==, 0);
    fixture_write_settings(f, "");
    g_assert_cmpint(g_chmod(settings, 0600), ==, 0);
    notice_by_reload(f);
    folder = errors_of(f);
    line = g_strdup_printf("('%s', 0, '', 'the user certwright", modules);
    g_assert_nonnull(strstr(folder, line));
    g_assert_cmpuint(count(folder, "chmod o+rx"), ==, 1);
    g_assert_cmpuint(count(folder, "chmod o+r /"), ==, 1);
    g_assert_true(client_knows(f->root, "one.example.com"));
    fixture_stop_daemon(f);
    fixture_start_daemon(f, 0);
    file = errors_of(f);
    g_assert_cmpstr(file, ==, folder);
    said = file_read(f->daemon_log);
    g_assert_null(strstr(said, ":0:"));
    g_assert_cmpint(g_chmod(modules, 0755), ==, 0);
    g_assert_cmpint(g_chmod(settings, 0644), ==, 0);
    wait_known(f, "one.example.com", TRUE); /* noticed by itself */
    notice_by_reload(f);
    none = errors_of(f);
    g_assert_cmpstr(none, ==, "[]");
}

/* New settings are for what is made from now on. */
static void test_settings(void)
{
    g_autoptr(Fixture) f = fixture_new(0, NULL);
    g_autofree char *path = NULL, *type = NULL;
    g_autoptr(GVariant) reply = NULL;

    fixture_write_settings(f, "[Local]\nKeyType=ecdsa-p384\n");
    reply = client_expect(f->root, PATH, MANAGER, "Reload", NULL);
    path = client_register(f->root, "m", "a.example.com", NULL);
    type = client_get_string(f->root, path, "KeyType");
    g_assert_cmpstr(type, ==, "ecdsa-p384");
}

/* Many changes in a row end where the last one leads. */
static void test_burst(void)
{
    g_autoptr(Fixture) f = fixture_new(0, ONE);

    for (int i = 0; i < 50; i++) {
        g_autofree char *text = g_strdup_printf("[Module]\n[Certificate n%d.example.com]\n", i);

        fixture_write_module(f, "burst", text);
        if (i % 10 == 0)
            notice_by_reload(f);
        if (i % 7 == 0)
            notice_by_signal(f);
        g_usleep(5000);
    }
    wait_known(f, "n49.example.com", TRUE);
    for (int i = 0; i < 49; i++) {
        g_autofree char *name = g_strdup_printf("n%d.example.com", i);

        wait_known(f, name, FALSE);
    }
    g_assert_true(client_knows(f->root, "one.example.com"));
    fixture_check_daemon(f);
}

static void add(void)
{
    static const Notice by_itself = notice_by_itself, by_reload = notice_by_reload,
                        by_signal = notice_by_signal;

    g_test_add_data_func("/bus/configuration/by-itself", &by_itself, test_come_and_go);
    g_test_add_data_func("/bus/configuration/by-reload", &by_reload, test_come_and_go);
    g_test_add_data_func("/bus/configuration/by-signal", &by_signal, test_come_and_go);
    g_test_add_func("/bus/configuration/shared", test_shared);
    g_test_add_func("/bus/configuration/modules", test_modules);
    g_test_add_func("/bus/configuration/names-change", test_names_change);
    g_test_add_func("/bus/configuration/broken", test_broken);
    g_test_add_func("/bus/configuration/errors", test_errors);
    g_test_add_func("/bus/configuration/unreadable", test_unreadable);
    g_test_add_func("/bus/configuration/settings", test_settings);
    g_test_add_func("/bus/configuration/burst", test_burst);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
