/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <string.h>

#include "client.h"
#include "files.h"
#include "pending.h"
#include "process.h"
#include "signals.h"

/* Deliveries: certwright-deploy is started by systemd, whose part the test plays, or directly. A stand-in writes its
 * reports (deploy-stand-in.c). */

#define NAME "www.example.com"
#define MODULE \
    "[Module]\n[Certificate " NAME \
    "]\n[Deploy]\nFullChainFile=/etc/nginx/tls/%n.pem\nReload=nginx.service\n" \
    "Probe=https://127.0.0.1\n"
#define DIRECT  "[Deploy]\nExec=direct\n"
#define UNIT    "certwright-deploy@test.service"
#define SYSTEMD "org.freedesktop.systemd1"
#define NOBODY  65534

static void set_how(const Fixture *f, const char *how)
{
    g_autofree char *path = g_build_filename(f->reports, "how", NULL);

    file_replace(path, how);
}

static void write_stand_in(Fixture *f, const char *how)
{
    g_autofree char *program = g_build_filename(f->directory, "certwright-deploy", NULL);

    file_copy(g_getenv("CERTWRIGHT_DEPLOY_STAND_IN"), program, 0755);
    directory_make(f->reports, 0755);
    set_how(f, how);
}

/* Without a daemon yet. */
static Fixture *make(unsigned flags, const char *settings, const char *how)
{
    Fixture *f = fixture_new(FIXTURE_NO_DAEMON | flags, MODULE);

    fixture_write_settings(f, settings);
    write_stand_in(f, how);
    return f;
}

/* The only deployment of the certificate. */
static GVariant *get_deployment(const Fixture *f)
{
    g_autofree char *path = client_find(f->root, NAME);
    g_autoptr(GVariant) all = client_get(f->root, path, CERTIFICATE, "Deployments");

    return g_variant_n_children(all) == 1 ? g_variant_get_child_value(all, 0) : NULL;
}

static gboolean has_state(const Fixture *f, const char *state, const char *says)
{
    g_autoptr(GVariant) d = get_deployment(f);
    const char *module, *is, *detail;
    gint64 when;

    if (!d)
        return FALSE;
    g_variant_get(d, "(&s&s&sx)", &module, &is, &detail, &when);
    g_assert_cmpstr(module, ==, "test");
    if (strcmp(is, state) != 0)
        return FALSE;
    if (says && !strstr(detail, says))
        g_error("the detail is: %s", detail);
    if (strcmp(state, "pending") != 0)
        g_assert_cmpint(ABS(when - g_get_real_time() / G_USEC_PER_SEC), <, 60);
    return TRUE;
}

static void wait_state(const Fixture *f, const char *state, const char *says)
{
    for (int i = 0; i < 600 && !has_state(f, state, says); i++)
        wait_milliseconds(100);
    g_assert_true(has_state(f, state, says));
}

static char *deploy(GDBusConnection *c)
{
    g_autoptr(GVariant) reply =
        client_expect(c, PATH, MANAGER, "Deploy", g_variant_new("(s@a{sv})", "test", NO_OPTIONS));
    char *job;

    g_variant_get(reply, "(o)", &job);
    return job;
}

static void expect_result(SignalLog *log, const char *job, const char *result, const char *says)
{
    const char *kind, *certificate, *name, *is, *text;
    GVariant *args;

    signals_wait(log, PATH, "JobFinished", job, 1);
    args = signals_get(log, PATH, "JobFinished", job, 0);
    g_variant_get(args, "(&o&s&o&s&s(&s&s))", NULL, &kind, &certificate, &name, &is, NULL, &text);
    g_assert_cmpstr(kind, ==, "deploy");
    g_assert_cmpstr(certificate, ==, "/");
    g_assert_cmpstr(name, ==, "test");
    g_assert_cmpstr(is, ==, result);
    if (says)
        g_assert_nonnull(strstr(text, says));
    g_assert_cmpuint(signals_count(log, PATH, "JobStarted", job), ==, 1);
    signals_wait(log, PATH, "JobRemoved", job, 1);
}

/* ---- directly */

static void test_direct(void)
{
    g_autoptr(Fixture) f = make(0, DIRECT, "verified");
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autofree char *path = NULL;
    g_autoptr(GVariant) reply = NULL;

    fixture_start_daemon(f, FIXTURE_ROOT);
    wait_state(f, "verified", NULL);
    path = client_find(f->root, NAME);
    signals_wait(log, path, "DeploymentChanged", "verified", 1);
    g_assert_cmpuint(signals_count(log, path, "PropertiesChanged", "Deployments"), >=, 1);
    set_how(f, "rolled-back");
    reply = client_expect(f->root, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    signals_wait(log, path, "DeploymentChanged", "pending", 1);
    wait_state(f, "rolled-back", "The probe of https://127.0.0.1");
    signals_wait(log, path, "DeploymentChanged", "('test', 'rolled-back', 'The probe of", 1);
    signals_settle(log);
    g_assert_cmpuint(signals_count(log, path, "DeploymentChanged", NULL), ==, 3);
    /* after a restart, without another run */
    fixture_stop_daemon(f);
    fixture_start_daemon(f, FIXTURE_ROOT);
    g_assert_true(has_state(f, "rolled-back", "The probe of"));
}

/* Both properties, as they are at one moment. */
static char *get_leaf_and_state(const Fixture *f, const char *path)
{
    g_autoptr(GVariant) reply = client_expect(f->root, path, "org.freedesktop.DBus.Properties", "GetAll",
                                              g_variant_new("(s)", CERTIFICATE));
    g_autoptr(GVariant) all = g_variant_get_child_value(reply, 0);
    g_autoptr(GVariant) deployments = g_variant_lookup_value(all, "Deployments", NULL);
    const char *leaf = NULL, *state = NULL;

    g_assert_true(g_variant_lookup(all, "Fingerprint", "&s", &leaf));
    g_variant_get_child(deployments, 0, "(&s&s&sx)", NULL, &state, NULL, NULL);
    return g_strconcat(leaf, " ", state, NULL);
}

/* Whoever sees the new leaf sees that it is not delivered, and is told so by the same signal. */
static void test_pending_at_once(void)
{
    g_autoptr(Fixture) f = make(0, DIRECT, "verified");
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autofree char *path = NULL, *former = NULL, *fresh = NULL;
    g_autoptr(GVariant) reply = NULL;

    fixture_start_daemon(f, FIXTURE_ROOT);
    wait_state(f, "verified", NULL);
    signals_settle(log);
    signals_clear(log);
    path = client_find(f->root, NAME);
    former = get_leaf_and_state(f, path);
    g_assert_true(g_str_has_suffix(former, " verified"));
    reply = client_expect(f->root, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    for (int i = 0; i < 6000 && (!fresh || strncmp(fresh, former, 64) == 0); i++) {
        g_free(fresh);
        fresh = get_leaf_and_state(f, path);
    }
    g_assert_true(g_str_has_suffix(fresh, " pending"));
    signals_wait(log, path, "PropertiesChanged", "'Fingerprint'", 1);
    g_assert_true(signals_get(log, path, "PropertiesChanged", "'Deployments'", 0) ==
                  signals_get(log, path, "PropertiesChanged", "'Fingerprint'", 0));
    wait_state(f, "verified", NULL);
}

static void test_job(void)
{
    g_autoptr(Fixture) f = make(0, DIRECT, "rolled-back");
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autofree char *failed = NULL, *done = NULL, *idle = NULL;

    fixture_start_daemon(f, FIXTURE_ROOT);
    wait_state(f, "rolled-back", NULL);
    failed = deploy(f->root);
    expect_result(log, failed, "failed", NAME ": The probe of https://127.0.0.1 showed");
    set_how(f, "verified");
    done = deploy(f->root);
    expect_result(log, done, "done", NULL);
    g_assert_true(has_state(f, "verified", NULL));
    idle = deploy(f->root);
    expect_result(log, idle, "done", NULL);
}

static void test_arguments(void)
{
    g_autoptr(Fixture) f = make(0, DIRECT, "verified");

    fixture_write_module(f, "plain", "[Module]\n[Certificate plain.example.com]\n");
    fixture_start_daemon(f, FIXTURE_ROOT);
    client_expect_error(f->root, PATH, MANAGER, "Deploy", g_variant_new("(s@a{sv})", "../x", NO_OPTIONS),
                        "InvalidArgument", "module's name");
    client_expect_error(f->root, PATH, MANAGER, "Deploy", g_variant_new("(s@a{sv})", "other", NO_OPTIONS),
                        "InvalidArgument", "modules.d");
    client_expect_error(f->root, PATH, MANAGER, "Deploy", g_variant_new("(s@a{sv})", "plain", NO_OPTIONS),
                        "InvalidArgument", "[Deploy]");
    client_expect_error(
        f->root, PATH, MANAGER, "Deploy",
        g_variant_new("(s@a{sv})", "test", client_option("hurry", g_variant_new_boolean(TRUE))),
        "InvalidArgument", "hurry");
}

static void test_killed(void)
{
    g_autoptr(Fixture) f = make(0, DIRECT, "crash");
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autofree char *nothing = NULL, *done = NULL;

    fixture_start_daemon(f, FIXTURE_ROOT);
    wait_state(f, "failed", "signal 9");
    set_how(f, "nothing");
    nothing = deploy(f->root);
    expect_result(log, nothing, "failed", "without a report");
    set_how(f, "verified");
    done = deploy(f->root);
    expect_result(log, done, "done", NULL);
    g_assert_true(has_state(f, "verified", NULL));
}

/* A job that the service does not see the end of is told to have ended with it. */
static void test_stop(void)
{
    g_autoptr(Fixture) f = make(0, DIRECT, "hang");
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autofree char *job = NULL;

    fixture_start_daemon(f, FIXTURE_ROOT);
    job = deploy(f->root);
    signals_wait(log, job, "PropertiesChanged", "'running'", 1);
    fixture_stop_daemon(f);
    expect_result(log, job, "cancelled", "The service is stopping");
    g_assert_cmpuint(signals_count(log, job, "PropertiesChanged", "'cancelled'"), ==, 1);
    set_how(f, "verified");
}

/* While the program hangs, everybody is answered; the job cannot be cancelled, and another one waits its turn. */
static void test_hangs(void)
{
    g_autoptr(Fixture) f = make(0, DIRECT, "hang");
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autofree char *job = NULL;

    fixture_start_daemon(f, FIXTURE_ROOT);
    job = deploy(f->root);
    wait_milliseconds(3000);
    for (int i = 0; i < 20; i++) {
        gint64 before = g_get_monotonic_time();

        g_assert_true(has_state(f, "pending", NULL));
        g_assert_cmpint(g_get_monotonic_time() - before, <, G_USEC_PER_SEC);
    }
    client_expect_error(f->root, job, JOB, "Cancel", NULL, "Busy", "not interrupted");
    client_expect_error(f->root, PATH, MANAGER, "Deploy", g_variant_new("(s@a{sv})", "test", NO_OPTIONS),
                        "Busy", "wait until it has finished");
    set_how(f, "verified");
    expect_result(log, job, "done", NULL);
    wait_state(f, "verified", NULL);
}

/* The service does not exit while the program runs, nor before a try that is due within minutes. */
static void test_idle(void)
{
    g_autoptr(Fixture) f = make(0, DIRECT "[Renewal]\nIdleExit=2s\n", "hang");
    g_autofree char *job = NULL;
    int status;

    fixture_start_daemon(f, FIXTURE_ROOT | FIXTURE_IDLE_EXIT);
    wait_milliseconds(6000);
    fixture_check_daemon(f);
    set_how(f, "rolled-back");
    wait_state(f, "rolled-back", NULL);
    wait_milliseconds(6000);
    fixture_check_daemon(f);
    set_how(f, "verified");
    job = deploy(f->root);
    wait_state(f, "verified", NULL);
    g_assert_true(process_wait(f->daemon, 60000, &status));
    g_assert_cmpint(status, ==, 0);
    f->daemon = 0;
}

static void test_not_root(void)
{
    g_autoptr(Fixture) f = make(0, DIRECT, "verified");

    fixture_start_daemon(f, 0);
    wait_state(f, "failed", "runs as root");
}

static void test_rights(void)
{
    g_autoptr(Fixture) f = make(0, DIRECT, "verified");
    g_autoptr(GDBusConnection) user = client_connect(f, NOBODY);
    g_autofree char *job = NULL;

    fixture_start_daemon(f, FIXTURE_ROOT);
    wait_state(f, "verified", NULL);
    client_expect_error(user, PATH, MANAGER, "Deploy", g_variant_new("(s@a{sv})", "test", NO_OPTIONS),
                        "NotAuthorized", NULL);
    fixture_set_rules(f, "polkit.addRule(function(action, subject) {"
                         "if (action.id == 'org.certwright1.deploy' && action.lookup('module') == 'test')"
                         " return polkit.Result.YES; });");
    job = deploy(user);
}

static void move_to(char **path, const char *directory, const char *name, int mode)
{
    g_free(*path);
    *path = g_build_filename(directory, name, NULL);
    directory_make(*path, mode);
}

/* Configuration, state and targets are in a folder in which nobody else can write. */
static char *make_strict(Fixture *f)
{
    char *directory = g_strdup("/run/certwright-test-XXXXXX");
    g_autofree char *program = g_build_filename(f->directory, "certwright-deploy", NULL), *modules = NULL,
                    *text = NULL;

    g_assert_nonnull(g_mkdtemp(directory));
    file_copy(g_getenv("CERTWRIGHT_DEPLOY"), program, 0755);
    g_assert_cmpint(chmod(directory, 0755), ==, 0);
    move_to(&f->config, directory, "config", 0755);
    move_to(&f->state, directory, "state", 0700);
    move_to(&f->reports, directory, "reports", 0755);
    move_to(&modules, f->config, "modules.d", 0755);
    text = g_strdup_printf("[Module]\n[Certificate " NAME "]\n[Deploy]\nFullChainFile=%s/tls/%%n.pem\n",
                           directory);
    fixture_write_module(f, "test", text);
    fixture_write_settings(f, DIRECT);
    g_clear_pointer(&modules, g_free);
    move_to(&modules, directory, "tls", 0755);
    return directory;
}

/* The program itself: the files are there, and without unit and probe there is no more to be done. */
static void test_program(void)
{
    g_autoptr(Fixture) f = make(0, DIRECT, "verified");
    g_autofree char *directory = make_strict(f), *file = NULL, *path = NULL, *before = NULL, *after = NULL;
    g_autoptr(GVariant) reply = NULL;

    fixture_start_daemon(f, FIXTURE_ROOT);
    wait_state(f, "written", NULL);
    file = g_strdup_printf("%s/tls/" NAME ".pem", directory);
    before = file_read(file);
    g_assert_true(g_str_has_prefix(before, "-----BEGIN CERTIFICATE-----"));
    path = client_find(f->root, NAME);
    reply = client_expect(f->root, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    for (int i = 0; i < 600 && (!after || strcmp(before, after) == 0); i++) {
        wait_milliseconds(100);
        g_free(after);
        after = file_read(file);
    }
    g_assert_cmpstr(before, !=, after);
    wait_state(f, "written", NULL);
    fixture_stop_daemon(f);
    directory_remove(directory);
}

/* ---- by systemd */

typedef struct MockSystemd {
    const Fixture *fixture;
    GDBusConnection *connection;
    guint filter;
    GMutex lock;
    guint started;       /* calls of StartUnit */
    guint asked;         /* for the state, since then */
    const char *refusal; /* name of an error; NULL: none */
    gboolean is_hanging; /* the unit stays active */
} MockSystemd;

static void run_stand_in(const MockSystemd *s)
{
    g_autofree char *program = g_build_filename(s->fixture->directory, "certwright-deploy", NULL),
                    *config = g_strdup_printf("--config=%s", s->fixture->config),
                    *state = g_strdup_printf("--state=%s", s->fixture->state),
                    *reports = g_strdup_printf("--deploy-state=%s", s->fixture->reports);
    const char *const argv[] = { program, config, state, reports, "test", NULL };

    g_free(process_run(argv, NULL, NULL));
}

static GDBusMessage *answer_start(MockSystemd *s, GDBusMessage *call)
{
    const char *unit, *mode;
    GDBusMessage *reply;

    g_variant_get(g_dbus_message_get_body(call), "(&s&s)", &unit, &mode);
    g_assert_cmpstr(unit, ==, UNIT);
    g_assert_cmpstr(mode, ==, "replace");
    s->started++;
    s->asked = 0;
    if (s->refusal)
        return g_dbus_message_new_method_error_literal(call, s->refusal,
                                                       "Interactive authentication required.");
    reply = g_dbus_message_new_method_reply(call);
    g_dbus_message_set_body(reply, g_variant_new("(o)", "/org/freedesktop/systemd1/job/1"));
    return reply;
}

/* The job is queued at first, then the unit starts, then it has ended. */
static GDBusMessage *answer_get(MockSystemd *s, GDBusMessage *call)
{
    GDBusMessage *reply = g_dbus_message_new_method_reply(call);
    const char *interface, *property;

    g_variant_get(g_dbus_message_get_body(call), "(&s&s)", &interface, &property);
    g_assert_cmpstr(g_dbus_message_get_path(call), ==,
                    "/org/freedesktop/systemd1/unit/certwright_2ddeploy_40test_2eservice");
    if (strcmp(property, "Job") == 0) {
        g_dbus_message_set_body(reply, g_variant_new("(v)", g_variant_new("(uo)", s->asked == 1 ? 7U : 0U,
                                                                          s->asked == 1 ? "/job/7" : "/")));
        return reply;
    }
    s->asked++;
    if (s->asked == 3 && !s->is_hanging)
        run_stand_in(s);
    g_dbus_message_set_body(
        reply, g_variant_new("(v)", g_variant_new_string(s->asked == 1                    ? "inactive"
                                                         : s->asked == 2 || s->is_hanging ? "activating"
                                                                                          : "inactive")));
    return reply;
}

/* In GDBus's own thread. */
static GDBusMessage *on_message(GDBusConnection *c, GDBusMessage *message, gboolean incoming,
                                gpointer userdata)
{
    const char *member = g_dbus_message_get_member(message);
    g_autoptr(GDBusMessage) reply = NULL;
    MockSystemd *s = userdata;

    if (!incoming || g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
        return message;
    g_mutex_lock(&s->lock);
    if (g_strcmp0(member, "StartUnit") == 0)
        reply = answer_start(s, message);
    else if (g_strcmp0(member, "Get") == 0)
        reply = answer_get(s, message);
    g_mutex_unlock(&s->lock);
    if (!reply)
        return message;
    (void)g_dbus_connection_send_message(c, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
    g_object_unref(message);
    return NULL;
}

static MockSystemd *systemd_new(const Fixture *f, const char *refusal)
{
    MockSystemd *s = g_new0(MockSystemd, 1);
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    s->fixture = f;
    s->refusal = refusal;
    g_mutex_init(&s->lock);
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
    g_mutex_clear(&s->lock);
    g_free(s);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MockSystemd, systemd_free)

static guint systemd_started(MockSystemd *s)
{
    guint n;

    g_mutex_lock(&s->lock);
    n = s->started;
    g_mutex_unlock(&s->lock);
    return n;
}

static void systemd_set(MockSystemd *s, const char *refusal, gboolean is_hanging)
{
    g_mutex_lock(&s->lock);
    s->refusal = refusal;
    s->is_hanging = is_hanging;
    g_mutex_unlock(&s->lock);
}

static void test_unit(void)
{
    g_autoptr(Fixture) f = make(FIXTURE_SYSTEMD, "", "verified");
    g_autoptr(MockSystemd) systemd = systemd_new(f, NULL);
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(GVariant) reply = NULL;
    g_autofree char *path = NULL;

    fixture_start_daemon(f, 0);
    wait_state(f, "verified", NULL);
    g_assert_cmpuint(systemd_started(systemd), ==, 1);
    path = client_find(f->root, NAME);
    reply = client_expect(f->root, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    signals_wait(log, path, "DeploymentChanged", "pending", 1);
    signals_wait(log, path, "DeploymentChanged", "verified", 2);
    g_assert_cmpuint(systemd_started(systemd), ==, 2);
    wait_milliseconds(2500);
    g_assert_cmpuint(systemd_started(systemd), ==, 2);
}

/* A unit that cannot be started: the reason is reported, and the start is retried. */
static void test_refused(void)
{
    g_autoptr(Fixture) f = make(FIXTURE_SYSTEMD, "", "verified");
    g_autoptr(MockSystemd) systemd =
        systemd_new(f, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired");
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autofree char *missing = NULL, *done = NULL;

    fixture_start_daemon(f, 0);
    wait_state(f, "failed", "org.certwright1.rules");
    systemd_set(systemd, SYSTEMD ".NoSuchUnit", FALSE);
    missing = deploy(f->root);
    expect_result(log, missing, "failed", "did not start " UNIT);
    systemd_set(systemd, NULL, FALSE);
    done = deploy(f->root);
    expect_result(log, done, "done", NULL);
}

static void test_no_systemd(void)
{
    g_autoptr(Fixture) f = make(FIXTURE_SYSTEMD, "", "verified");

    fixture_start_daemon(f, 0);
    wait_state(f, "failed", "Exec=direct");
    fixture_check_daemon(f);
}

/* The bus is lost and comes back while the unit runs: its end is seen all the same. */
static void test_bus_restarts(void)
{
    g_autoptr(Fixture) f = make(FIXTURE_SYSTEMD, "", "verified");
    g_autoptr(MockSystemd) systemd = NULL;
    MockSystemd *former = systemd_new(f, NULL);

    former->is_hanging = TRUE;
    g_dbus_connection_set_exit_on_close(former->connection, FALSE);
    fixture_start_daemon(f, 0);
    for (int i = 0; i < 600 && systemd_started(former) == 0; i++)
        wait_milliseconds(100);
    wait_milliseconds(1000);
    systemd_free(former);
    fixture_stop_bus(f);
    fixture_start_bus(f, FIXTURE_SYSTEMD);
    systemd = systemd_new(f, NULL);
    wait_state(f, "verified", NULL);
    g_assert_cmpuint(systemd_started(systemd), ==, 0);
}

/* Without [Deploy] systemd is asked nothing. */
static void test_none(void)
{
    g_autoptr(Fixture) f =
        fixture_new(FIXTURE_NO_DAEMON | FIXTURE_SYSTEMD, "[Module]\n[Certificate " NAME "]\n");
    g_autoptr(MockSystemd) systemd = systemd_new(f, NULL);
    g_autoptr(GVariant) deployment = NULL;
    g_autofree char *path = NULL;

    fixture_start_daemon(f, 0);
    path = client_find(f->root, NAME);
    client_wait_state(f->root, path, "valid");
    wait_milliseconds(2500);
    deployment = get_deployment(f);
    g_assert_null(deployment);
    g_assert_cmpuint(systemd_started(systemd), ==, 0);
}

static void add(void)
{
    g_test_add_func("/bus/deploy/direct", test_direct);
    g_test_add_func("/bus/deploy/pending-at-once", test_pending_at_once);
    g_test_add_func("/bus/deploy/job", test_job);
    g_test_add_func("/bus/deploy/arguments", test_arguments);
    g_test_add_func("/bus/deploy/killed", test_killed);
    g_test_add_func("/bus/deploy/hangs", test_hangs);
    g_test_add_func("/bus/deploy/stop", test_stop);
    g_test_add_func("/bus/deploy/idle", test_idle);
    g_test_add_func("/bus/deploy/not-root", test_not_root);
    g_test_add_func("/bus/deploy/rights", test_rights);
    g_test_add_func("/bus/deploy/program", test_program);
    g_test_add_func("/bus/deploy/unit", test_unit);
    g_test_add_func("/bus/deploy/refused", test_refused);
    g_test_add_func("/bus/deploy/no-systemd", test_no_systemd);
    g_test_add_func("/bus/deploy/bus-restarts", test_bus_restarts);
    g_test_add_func("/bus/deploy/none", test_none);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
