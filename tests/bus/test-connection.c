/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <string.h>

#include "client.h"
#include "files.h"
#include "process.h"
#include "signals.h"

/* A bus that restarts, or that does not read any more, does not end the service, nor what is under way. */

#define MODULE "[Module]\n[Certificate a.example.com]\n"
#define PATH_A PATH "/certificate/a_2eexample_2ecom"
#define MANY   2000

static char *reissue(Fixture *f)
{
    g_autoptr(GVariant) reply =
        client_expect(f->root, PATH_A, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    char *job;

    g_variant_get(reply, "(o)", &job);
    return job;
}

static Fixture *start(unsigned flags)
{
    Fixture *f = fixture_new(flags, MODULE);

    client_wait_state(f->root, PATH_A, "valid");
    return f;
}

static gboolean has_said(const Fixture *f, const char *text)
{
    g_autofree char *said = file_read(f->daemon_log);

    return strstr(said, text) != NULL;
}

static void test_restart(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autofree char *before = client_get_string(f->root, PATH_A, "Fingerprint"), *after = NULL;

    for (int i = 0; i < 3; i++) {
        fixture_stop_bus(f);
        if (i > 0)
            wait_milliseconds(1500); /* attempts to connect fail meanwhile */
        fixture_start_bus(f, 0);
        fixture_check_daemon(f);
    }
    after = client_get_string(f->root, PATH_A, "Fingerprint");
    g_assert_cmpstr(before, ==, after);
    g_assert_true(has_said(f, "Reconnected to the message bus."));
}

/* Authorization works again as well, and signals. */
static void test_works_afterwards(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(SignalLog) log = NULL;
    g_autoptr(GDBusConnection) nobody = NULL;
    g_autofree char *job = NULL;

    fixture_stop_bus(f);
    fixture_start_bus(f, 0);
    log = signals_new(f->root);
    job = reissue(f);
    signals_wait(log, PATH, "JobRemoved", "'done'", 1);
    g_assert_cmpuint(signals_count(log, PATH_A, "ChainChanged", NULL), ==, 1);
    nobody = client_connect(f, fixture_uid("nobody"));
    client_expect_error(nobody, PATH, MANAGER, "Reload", NULL, "NotAuthorized", NULL);
}

/* What is being written when the bus goes is written, and the next owner of the name shows it. */
static void test_job_goes_on(void)
{
    g_autoptr(Fixture) f = start(FIXTURE_HOLD_DISK);
    g_autofree char *before = client_get_string(f->root, PATH_A, "Fingerprint"), *job = NULL, *after = NULL;

    fixture_hold_disk(f);
    job = reissue(f);
    fixture_stop_bus(f);
    fixture_release_disk(f);
    fixture_start_bus(f, 0);
    client_wait_state(f->root, PATH_A, "valid");
    after = client_get_string(f->root, PATH_A, "Fingerprint");
    g_assert_cmpstr(before, !=, after);
    fixture_check_daemon(f);
}

/* A call whose caller can get no answer any more leaves nothing behind. */
static void test_calls_are_lost(void)
{
    g_autoptr(Fixture) f = start(FIXTURE_HOLD_DISK);

    fixture_hold_disk(f);
    for (int i = 0; i < 20; i++) {
        g_autofree char *name = g_strdup_printf("n%d.example.com", i);

        g_dbus_connection_call(f->root, SERVICE, PATH, MANAGER, "Register",
                               g_variant_new("(ss@a{sv})", "m", name, NO_OPTIONS), NULL, 0, -1, NULL, NULL,
                               NULL);
    }
    g_dbus_connection_flush_sync(f->root, NULL, NULL);
    wait_milliseconds(300);
    fixture_stop_bus(f);
    fixture_release_disk(f);
    fixture_start_bus(f, 0);
    wait_milliseconds(300);
    g_assert_false(has_said(f, "Failed to answer"));
    g_assert_false(has_said(f, "Failed to send"));
    fixture_check_daemon(f);
}

static gboolean has_stalled(gpointer userdata)
{
    return has_said(userdata, "The message bus has stopped reading");
}

static gboolean is_back(gpointer userdata)
{
    return has_said(userdata, "Reconnected to the message bus.");
}

/* The bus is stopped: it reads nothing, and closes nothing. */
static void test_stalls(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(GString) module = g_string_new("[Module]\n");

    g_assert_cmpint(kill(f->bus, SIGSTOP), ==, 0);
    for (int i = 0; i < MANY; i++)
        g_string_append_printf(module, "[Certificate n%d.example.com]\n", i);
    fixture_write_module(f, "many", module->str);
    for (int i = 0; i < 1800 && !has_stalled(f); i++)
        g_usleep(100000);
    g_assert_true(has_stalled(f));
    g_assert_cmpint(kill(f->bus, SIGCONT), ==, 0);
    wait_until(is_back, f, "the service to connect again");
    fixture_check_daemon(f);
    g_assert_true(client_knows(f->root, "n7.example.com"));
}

static void add(void)
{
    g_test_add_func("/bus/connection/restart", test_restart);
    g_test_add_func("/bus/connection/works-afterwards", test_works_afterwards);
    g_test_add_func("/bus/connection/job-goes-on", test_job_goes_on);
    g_test_add_func("/bus/connection/calls-are-lost", test_calls_are_lost);
    g_test_add_func("/bus/connection/stalls", test_stalls);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
