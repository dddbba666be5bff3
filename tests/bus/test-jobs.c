/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <string.h>

#include "client.h"
#include "files.h"
#include "pending.h"
#include "pki.h"
#include "signals.h"

/* Reissues, the jobs that do them, and what is told of them. */

#define MODULE \
    "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\n[Certificate c.example.com]\n"

static const char *const all_names[] = { "a.example.com", "b.example.com", "c.example.com" };

static Fixture *start(unsigned flags)
{
    Fixture *f = fixture_new(flags, MODULE);

    for (size_t i = 0; i < G_N_ELEMENTS(all_names); i++) {
        g_autofree char *path = client_find(f->root, all_names[i]);

        client_wait_state(f->root, path, "valid");
    }
    return f;
}

static char *reissue(Fixture *f, const char *path)
{
    g_autoptr(GVariant) reply =
        client_expect(f->root, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    char *job;

    g_variant_get(reply, "(o)", &job);
    return job;
}

static char *export(Fixture *f, const char *path, const char *interface, const char *member)
{
    g_autoptr(GVariant) reply =
        client_expect(f->root, path, interface, member, g_variant_new("(@a{sv})", NO_OPTIONS));

    return client_bytes(reply, NULL);
}

static void check_message_of_chain(SignalLog *log, const char *path, const char *name,
                                   const char *fingerprint, const char *previous)
{
    GVariant *object = signals_get(log, path, "ChainChanged", NULL, 0),
             *manager = signals_get(log, PATH, "ChainChanged", path, 0);
    const char *source, *is, *was, *reason, *about, *named;

    g_assert_nonnull(object);
    g_assert_nonnull(manager);
    g_variant_get(object, "(&s&s&s&s)", &source, &is, &was, &reason);
    g_assert_cmpstr(source, ==, "local");
    g_assert_cmpstr(is, ==, fingerprint);
    g_assert_cmpstr(was, ==, previous);
    g_assert_cmpint(strlen(reason), >, 10);
    g_variant_get(manager, "(&o&s&s&s)", &about, &named, &source, &is);
    g_assert_cmpstr(about, ==, path);
    g_assert_cmpstr(named, ==, name);
    g_assert_cmpstr(is, ==, fingerprint);
}

static void test_reissue(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autofree char *path = client_find(f->root, "a.example.com"),
                    *serial = client_get_string(f->root, path, "Serial"),
                    *fingerprint = client_get_string(f->root, path, "Fingerprint"), *job = NULL,
                    *new_serial = NULL, *new_fingerprint = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);

    job = reissue(f, path);
    signals_wait(log, PATH, "JobRemoved", job, 1);
    new_serial = client_get_string(f->root, path, "Serial");
    new_fingerprint = client_get_string(f->root, path, "Fingerprint");
    g_assert_cmpstr(new_serial, !=, serial);
    g_assert_cmpstr(new_fingerprint, !=, fingerprint);
    signals_settle(log);
    g_assert_nonnull(signals_get(log, PATH, "JobRemoved", "'done'", 0));
    g_assert_cmpuint(signals_count(log, PATH, "JobNew", job), ==, 1);
    g_assert_cmpuint(signals_count(log, PATH, "JobRemoved", job), ==, 1);
    g_assert_cmpuint(signals_count(log, PATH, "InterfacesAdded", job), ==, 1);
    g_assert_cmpuint(signals_count(log, PATH, "InterfacesRemoved", job), ==, 1);
    g_assert_cmpuint(signals_count(log, path, "ChainChanged", NULL), ==, 1);
    g_assert_cmpuint(signals_count(log, PATH, "ChainChanged", NULL), ==, 1);
    g_assert_cmpuint(signals_count(log, path, "PropertiesChanged", "'Fingerprint'"), ==, 1);
    g_assert_cmpuint(signals_count(log, path, "PropertiesChanged", NULL), <=, 2);
    check_message_of_chain(log, path, "a.example.com", new_fingerprint, fingerprint);
}

/* When JobRemoved is there, the properties are already what they will be, and so was their signal. */
static void test_order(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autofree char *path = client_find(f->root, "a.example.com"), *job = NULL, *said = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);
    const char *changed, *removed;

    job = reissue(f, path);
    signals_wait(log, PATH, "JobRemoved", job, 1);
    said = signals_print(log);
    changed = strstr(said, "'Fingerprint'");
    removed = strstr(said, "JobRemoved");
    g_assert_true(changed && removed && changed < removed);
}

static void test_busy(void)
{
    g_autoptr(Fixture) f = start(FIXTURE_HOLD_DISK);
    g_autofree char *path = client_find(f->root, "a.example.com"), *job = NULL, *fingerprint = NULL,
                    *still = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);

    fingerprint = client_get_string(f->root, path, "Fingerprint");
    fixture_hold_disk(f);
    job = reissue(f, path);
    client_expect_error(f->root, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS), "Busy",
                        "job");
    still = client_get_string(f->root, path, "Fingerprint");
    g_assert_cmpstr(still, ==, fingerprint);
    g_assert_cmpuint(signals_count(log, NULL, "ChainChanged", NULL), ==, 0);
    fixture_release_disk(f);
    signals_wait(log, PATH, "JobRemoved", "'done'", 1);
    g_assert_cmpuint(signals_count(log, NULL, "JobNew", NULL), ==, 1);
}

static void check_job(Fixture *f, const char *job, const char *kind, const char *certificate,
                      const char *state)
{
    g_autoptr(GVariant)
        id = client_get(f->root, job, JOB, "Id"),
        is_kind = client_get(f->root, job, JOB, "Kind"),
        is_certificate = client_get(f->root, job, JOB, "Certificate"),
        is_state = client_get(f->root, job, JOB, "State"),
        progress = client_get(f->root, job, JOB, "Progress"), step = client_get(f->root, job, JOB, "Step"),
        started = client_get(f->root, job, JOB, "Started"), error = client_get(f->root, job, JOB, "Error");
    g_autofree char *own = g_strdup_printf(PATH "/job/%" G_GUINT64_FORMAT, g_variant_get_uint64(id)),
                    *failure = g_variant_print(error, FALSE);

    g_assert_cmpstr(own, ==, job);
    g_assert_cmpstr(g_variant_get_string(is_kind, NULL), ==, kind);
    g_assert_cmpstr(g_variant_get_string(is_certificate, NULL), ==, certificate);
    g_assert_cmpstr(g_variant_get_string(is_state, NULL), ==, state);
    g_assert_cmpfloat(g_variant_get_double(progress), >=, 0);
    g_assert_cmpfloat(g_variant_get_double(progress), <, 1);
    g_assert_cmpint(strlen(g_variant_get_string(step, NULL)), >, 3);
    g_assert_cmpint(ABS(g_variant_get_int64(started) - g_get_real_time() / G_USEC_PER_SEC), <, 100);
    g_assert_cmpstr(failure, ==, "('', '')");
}

static guint jobs_running(Fixture *f)
{
    g_autoptr(GVariant) n = client_get(f->root, PATH, MANAGER, "JobsRunning");

    return g_variant_get_uint32(n);
}

static void test_job_properties(void)
{
    g_autoptr(Fixture) f = start(FIXTURE_HOLD_DISK);
    g_autofree char *path = client_find(f->root, "a.example.com"), *job = NULL;
    g_autoptr(GVariant) of_certificate = NULL, later = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);

    fixture_hold_disk(f);
    job = reissue(f, path);
    check_job(f, job, "reissue", path, "running");
    of_certificate = client_get(f->root, path, CERTIFICATE, "Job");
    g_assert_cmpstr(g_variant_get_string(of_certificate, NULL), ==, job);
    g_assert_cmpuint(jobs_running(f), ==, 1);
    fixture_release_disk(f);
    signals_wait(log, PATH, "JobRemoved", job, 1);
    later = client_get(f->root, path, CERTIFICATE, "Job");
    g_assert_cmpstr(g_variant_get_string(later, NULL), ==, "/");
    g_assert_cmpuint(jobs_running(f), ==, 0);
    client_expect_error(f->root, job, JOB, "Cancel", NULL, "NoSuchJob", "may have ended");
    client_expect_error(f->root, job, "org.freedesktop.DBus.Properties", "Get",
                        g_variant_new("(ss)", JOB, "State"), "NoSuchJob", "may have ended");
}

static void on_ready(GObject *source, GAsyncResult *result, gpointer userdata)
{
    g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);

    *(int *)userdata = reply ? 1 : -1;
}

static gboolean is_answered(gpointer userdata)
{
    return *(const int *)userdata != 0;
}

/* One that waits for another change of its certificate can be taken back, one that is being written
 * cannot. */
static void test_cancel(void)
{
    static const char *const names[] = { "more.example.com", NULL };
    g_autoptr(Fixture) f = start(FIXTURE_HOLD_DISK);
    g_autofree char *path = client_find(f->root, "a.example.com"),
                    *other = client_find(f->root, "b.example.com"), *queued = NULL, *running = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(GVariant) reply = NULL;
    int registered = 0;

    fixture_hold_disk(f);
    g_dbus_connection_call(f->root, SERVICE, PATH, MANAGER, "Register",
                           g_variant_new("(ss@a{sv})", "m", "a.example.com",
                                         client_option("names", g_variant_new_strv(names, -1))),
                           NULL, 0, -1, NULL, on_ready, &registered);
    signals_settle(log);
    g_assert_cmpint(registered, ==, 0);
    queued = reissue(f, path);
    running = reissue(f, other);
    check_job(f, queued, "reissue", path, "queued");
    signals_settle(log);
    client_expect_error(f->root, running, JOB, "Cancel", NULL, "Busy", "wait");
    reply = client_expect(f->root, queued, JOB, "Cancel", NULL);
    signals_wait(log, PATH, "JobRemoved", queued, 1);
    g_assert_nonnull(signals_get(log, PATH, "JobRemoved", "'cancelled'", 0));
    client_expect_error(f->root, queued, JOB, "Cancel", NULL, "NoSuchJob", NULL);
    fixture_release_disk(f);
    wait_until(is_answered, &registered, "Register");
    g_assert_cmpint(registered, ==, 1);
    signals_wait(log, PATH, "JobRemoved", running, 1);
    signals_settle(log);
    g_assert_cmpuint(signals_count(log, path, "ChainChanged", NULL), ==, 1);
}

/* How often it was told before the job was over. */
static guint count_before_end(SignalLog *log, const char *member)
{
    g_autofree char *text = signals_print(log);
    const char *at = text, *end = strstr(text, "JobRemoved");
    guint n = 0;

    g_assert_nonnull(end);
    while ((at = strstr(at, member)) && at < end) {
        at++;
        n++;
    }
    return n;
}

/* The job is over when every chain is signed again; who trusts the old root alone goes on trusting. */
static void test_root(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autofree char *old = export(f, PATH, MANAGER, "ExportRoot"), *new = NULL, *job = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(GVariant) before = client_get(f->root, PATH, MANAGER, "RootFingerprint"), after = NULL;

    job = reissue(f, PATH_ROOT);
    signals_wait(log, PATH, "JobRemoved", job, 1);
    signals_settle(log);
    g_assert_cmpuint(count_before_end(log, "ChainChanged"), ==, 2 * (G_N_ELEMENTS(all_names) + 1));
    g_assert_nonnull(signals_get(log, PATH, "JobRemoved", "'done'", 0));
    new = export(f, PATH, MANAGER, "ExportRoot");
    after = client_get(f->root, PATH, MANAGER, "RootFingerprint");
    g_assert_cmpstr(old, !=, new);
    g_assert_cmpstr(g_variant_get_string(before, NULL), !=, g_variant_get_string(after, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(all_names); i++) {
        g_autofree char *path = client_find(f->root, all_names[i]),
                        *chain = export(f, path, CERTIFICATE, "Export");

        g_assert_true(openssl_verify(new, chain));
        g_assert_true(openssl_verify(old, chain));
        g_assert_cmpuint(signals_count(log, path, "ChainChanged", NULL), ==, 1);
        g_assert_cmpuint(signals_count(log, path, "PropertiesChanged", "'Fingerprint'"), ==, 1);
    }
    g_assert_cmpuint(signals_count(log, PATH_ROOT, "ChainChanged", NULL), ==, 1);
    g_assert_cmpuint(signals_count(log, PATH, "ChainChanged", NULL), ==, G_N_ELEMENTS(all_names) + 1);
    g_assert_cmpuint(signals_count(log, PATH, "PropertiesChanged", "RootFingerprint"), >=, 1);
}

/* Whatever a job has come to when the service stops is told like any other end, and calls are answered. */
static void test_stop(void)
{
    g_autoptr(Fixture) f = start(FIXTURE_HOLD_DISK);
    g_autofree char *job = NULL, *said = NULL, *end = NULL, *error = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);
    Pending *call;
    const char *result, *state, *finished, *removed, *interfaces;

    fixture_hold_disk(f);
    job = reissue(f, PATH_ROOT);
    signals_wait(log, job, "PropertiesChanged", "'running'", 1);
    call = pending_new(f->root, PATH, MANAGER, "Register",
                       g_variant_new("(ss@a{sv})", "m", "fresh.example.com", NO_OPTIONS));
    signals_settle(log);
    g_assert_false(pending_is_answered(call));
    g_assert_cmpint(kill(f->daemon, SIGTERM), ==, 0);
    wait_milliseconds(100);
    fixture_release_disk(f);
    fixture_stop_daemon(f);
    signals_wait(log, PATH, "InterfacesRemoved", job, 1);
    said = signals_print(log);
    error = pending_finish(call);
    if (*error)
        g_assert_cmpstr(error, ==, "Cancelled");
    /* whether it is done or cancelled depends on how far it has come */
    g_variant_get(signals_get(log, PATH, "JobRemoved", job, 0), "(&o&s)", NULL, &result);
    end = g_strdup_printf("{'State': <'%s'>", result);
    state = strstr(said, end);
    finished = strstr(said, "JobFinished");
    removed = strstr(said, "JobRemoved");
    interfaces = strstr(said, "InterfacesRemoved");
    g_assert_true(state && finished && removed && interfaces);
    g_assert_true(state < finished && finished < removed && removed < interfaces);
}

typedef struct LogWait {
    const Fixture *fixture;
    const char *said;
} LogWait;

static gboolean is_logged(gpointer userdata)
{
    const LogWait *w = userdata;
    g_autofree char *log = file_read(w->fixture->daemon_log);

    return strstr(log, w->said) != NULL;
}

/* A job is reported as started when it is, and as done when it is done, each time with who wanted it. */
static void test_journal(void)
{
    static const char began[] = "User nobody asked for Reissue of a.example.com: started job 1\n",
                      ended[] = "Reissue of a.example.com, requested by user nobody, is done (job 1).\n";
    g_autoptr(Fixture) f = start(FIXTURE_HOLD_DISK);
    GDBusConnection *nobody = client_connect(f, fixture_uid("nobody"));
    g_autofree char *path = client_find(f->root, "a.example.com");
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(GVariant) first = NULL;

    fixture_set_rules(f, "polkit.addRule(function(action, subject) { return polkit.Result.YES; });\n");
    fixture_hold_disk(f);
    first = client_expect(nobody, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    wait_until(is_logged, &(LogWait){ f, began }, "the line of the call");
    signals_settle(log);
    g_assert_false(is_logged(&(LogWait){ f, ended }));
    fixture_release_disk(f);
    wait_until(is_logged, &(LogWait){ f, ended }, "the line of the job");
    g_dbus_connection_close_sync(nobody, NULL, NULL);
    g_object_unref(nobody);
}

/* Twice more: whoever trusts the first root still verifies. */
static void test_root_again(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autofree char *first = export(f, PATH, MANAGER, "ExportRoot"),
                    *path = client_find(f->root, "a.example.com"), *chain = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);

    for (guint i = 0; i < 2; i++) {
        g_autofree char *job = reissue(f, PATH_ROOT);

        signals_wait(log, PATH, "JobRemoved", job, 1);
    }
    chain = export(f, path, CERTIFICATE, "Export");
    g_assert_true(openssl_verify(first, chain));
}

static void test_reissue_all(void)
{
    g_autoptr(Fixture) f = start(FIXTURE_HOLD_DISK);
    g_autofree char *path = client_find(f->root, "b.example.com"), *running = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(GVariant) reply = NULL, jobs = NULL;

    fixture_hold_disk(f);
    running = reissue(f, path);
    reply = client_expect(f->root, PATH, MANAGER, "ReissueAll", g_variant_new("(@a{sv})", NO_OPTIONS));
    jobs = g_variant_get_child_value(reply, 0);
    g_assert_cmpuint(g_variant_n_children(jobs), ==, G_N_ELEMENTS(all_names) - 1);
    g_assert_cmpuint(jobs_running(f), ==, G_N_ELEMENTS(all_names));
    fixture_release_disk(f);
    signals_wait(log, PATH, "JobRemoved", "'done'", G_N_ELEMENTS(all_names));
    signals_settle(log);
    for (size_t i = 0; i < G_N_ELEMENTS(all_names); i++) {
        g_autofree char *each = client_find(f->root, all_names[i]);

        g_assert_cmpuint(signals_count(log, each, "ChainChanged", NULL), ==, 1);
    }
    g_assert_cmpuint(signals_count(log, PATH_ROOT, NULL, NULL), ==, 0);
    client_expect_error(f->root, PATH, MANAGER, "ReissueAll",
                        g_variant_new("(@a{sv})", client_option("fast", g_variant_new_boolean(TRUE))),
                        "InvalidArgument", "fast");
    client_expect_error(f->root, path, CERTIFICATE, "Reissue",
                        g_variant_new("(@a{sv})", client_option("keep", g_variant_new_boolean(TRUE))),
                        "InvalidArgument", "keep");
}

/* While the disk hangs, questions are answered all the same. */
static void test_answers_meanwhile(void)
{
    g_autoptr(Fixture) f = start(FIXTURE_HOLD_DISK);
    g_autofree char *path = client_find(f->root, "a.example.com"), *job = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);

    fixture_hold_disk(f);
    job = reissue(f, path);
    for (int i = 0; i < 50; i++) {
        g_autofree char *state = client_get_string(f->root, path, "State"), *chain = NULL;
        g_autoptr(GVariant) objects G_GNUC_UNUSED =
            client_expect(f->root, PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL);

        g_assert_cmpstr(state, ==, "valid");
        chain = export(f, path, CERTIFICATE, "Export");
        g_assert_nonnull(strstr(chain, "CERTIFICATE"));
    }
    g_assert_cmpuint(signals_count(log, PATH, "JobRemoved", NULL), ==, 0);
    fixture_release_disk(f);
    signals_wait(log, PATH, "JobRemoved", job, 1);
}

typedef struct ManagerWait {
    GDBusObjectManager *manager;
    const char *path;
    gboolean there;
} ManagerWait;

static gboolean is_listed(gpointer userdata)
{
    const ManagerWait *w = userdata;
    g_autoptr(GDBusObject) object = g_dbus_object_manager_get_object(w->manager, w->path);

    return (object != NULL) == w->there;
}

/* A client that keeps all objects, as GLib's does, learns of each that comes and goes. */
static void test_object_manager_client(void)
{
    g_autoptr(Fixture) f = start(FIXTURE_HOLD_DISK);
    g_autofree char *path = client_find(f->root, "a.example.com"), *fresh = NULL, *job = NULL;
    g_autoptr(GDBusObjectManager) manager = NULL;
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    manager =
        g_dbus_object_manager_client_new_sync(f->root, 0, SERVICE, PATH, NULL, NULL, NULL, NULL, &error);
    g_assert_no_error(error);
    fixture_hold_disk(f);
    job = reissue(f, path);
    wait_until(is_listed, &(ManagerWait){ manager, job, TRUE }, "the job's object");
    fixture_release_disk(f);
    wait_until(is_listed, &(ManagerWait){ manager, job, FALSE }, "the job's end");
    fresh = client_register(f->root, "m", "fresh.example.com", NULL);
    wait_until(is_listed, &(ManagerWait){ manager, fresh, TRUE }, "the certificate's object");
    reply =
        client_expect(f->root, PATH, MANAGER, "Unregister", g_variant_new("(ss)", "m", "fresh.example.com"));
    wait_until(is_listed, &(ManagerWait){ manager, fresh, FALSE }, "the certificate's end");
}

static void test_renew_due(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(GVariant) reply = client_expect(f->root, PATH, MANAGER, "RenewDue", NULL);
    guint started;

    g_variant_get(reply, "(u)", &started);
    g_assert_cmpuint(started, ==, 0);
}

static void add(void)
{
    g_test_add_func("/bus/jobs/reissue", test_reissue);
    g_test_add_func("/bus/jobs/order", test_order);
    g_test_add_func("/bus/jobs/busy", test_busy);
    g_test_add_func("/bus/jobs/properties", test_job_properties);
    g_test_add_func("/bus/jobs/cancel", test_cancel);
    g_test_add_func("/bus/jobs/root", test_root);
    g_test_add_func("/bus/jobs/root-again", test_root_again);
    g_test_add_func("/bus/jobs/stop", test_stop);
    g_test_add_func("/bus/jobs/journal", test_journal);
    g_test_add_func("/bus/jobs/reissue-all", test_reissue_all);
    g_test_add_func("/bus/jobs/answers-meanwhile", test_answers_meanwhile);
    g_test_add_func("/bus/jobs/object-manager-client", test_object_manager_client);
    g_test_add_func("/bus/jobs/renew-due", test_renew_due);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
