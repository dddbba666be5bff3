/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "files.h"
#include "process.h"

/* What data/examples has for the authors of services, as somebody runs it who has copied it. */

#define NAME   "app.example.com"
#define MODULE "[Module]\n[Certificate " NAME "]\n[Certificate other.example.com]\n"

typedef struct Example {
    Fixture *fixture;
    char *program, *log;
    char *environment[3];
} Example;

/* A copy that everybody may run, in the directory of the test. */
static char *copy_example(Fixture *f, const char *file)
{
    g_autofree char *from = g_build_filename(g_getenv("CERTWRIGHT_SOURCE"), "data/examples", file, NULL);
    char *to = g_build_filename(f->directory, file, NULL);

    file_copy(from, to, 0755);
    return to;
}

static Example example_begin(const char *file)
{
    Fixture *f = fixture_new(0, MODULE);
    g_autofree char *path = client_find(f->root, NAME), *other = client_find(f->root, "other.example.com");
    Example e = { f, file ? copy_example(f, file) : NULL, NULL, { NULL } };

    client_wait_state(f->root, path, "valid");
    client_wait_state(f->root, other, "valid");
    e.log = g_build_filename(f->directory, "example.log", NULL);
    file_write(e.log, "");
    e.environment[0] = g_strdup_printf("DBUS_SYSTEM_BUS_ADDRESS=%s", f->address);
    e.environment[1] = g_strdup("PYTHONDONTWRITEBYTECODE=1");
    return e;
}

static void example_end(Example *e)
{
    fixture_free(e->fixture);
    g_free(e->program);
    g_free(e->log);
    g_free(e->environment[0]);
    g_free(e->environment[1]);
}

/* ---- subscribers */

typedef struct Said {
    Example *example;
    char *fingerprint; /* what the last line has to end with */
} Said;

static gboolean is_said(gpointer userdata)
{
    Said *s = userdata;
    g_autofree char *text = file_read(s->example->log), *end = g_strdup_printf(" %s\n", s->fingerprint);

    return g_str_has_suffix(text, end);
}

static void wait_for_chain(Example *e, const char *what)
{
    Fixture *f = e->fixture;
    g_autofree char *path = client_find(f->root, NAME), *fingerprint = NULL;

    client_wait_state(f->root, path, "valid");
    fingerprint = client_get_string(f->root, path, "Fingerprint");
    wait_until(is_said, &(Said){ e, fingerprint }, what);
}

typedef struct Change {
    GDBusConnection *connection;
    const char *path, *former;
} Change;

static gboolean has_changed(gpointer userdata)
{
    Change *c = userdata;
    g_autofree char *fingerprint = client_get_string(c->connection, c->path, "Fingerprint");

    return !g_str_equal(fingerprint, c->former);
}

static void reissue(Fixture *f, const char *path)
{
    g_autofree char *former = client_get_string(f->root, path, "Fingerprint");

    g_variant_unref(
        client_expect(f->root, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS)));
    wait_until(has_changed, &(Change){ f->root, path, former }, "the reissue");
}

/* Another run of the service, in whose absence everything has changed. */
static void restart_without_state(Fixture *f)
{
    g_autofree char *certificates = g_build_filename(f->state, "certificates", NAME, NULL);

    fixture_stop_daemon(f);
    directory_remove(certificates);
    fixture_start_daemon(f, 0);
}

static void check_follower(const char *file, const char *const *more)
{
    Example e = example_begin(file);
    g_autofree char *path = client_find(e.fixture->root, NAME), *text = NULL;
    g_auto(GStrv) lines = NULL;
    const char *argv[8] = { e.program, NAME };
    pid_t pid;

    for (size_t i = 0; more[i]; i++)
        argv[2 + i] = more[i];
    pid = process_start(argv, (const char *const *)e.environment, e.log, NULL, NULL);
    wait_for_chain(&e, "the first chain");
    reissue(e.fixture, path);
    wait_for_chain(&e, "the chain of the reissue");
    restart_without_state(e.fixture);
    wait_for_chain(&e, "the chain of another run of the service");
    g_assert_true(process_is_running(pid));
    (void)process_stop(pid);
    text = file_read(e.log);
    lines = g_strsplit(g_strchomp(text), "\n", -1);
    for (char **line = lines; *line; line++)
        if (!g_str_has_prefix(*line, "local "))
            g_error("%s also says: %s", file, *line);
    example_end(&e);
}

static void test_follow_python(void)
{
    check_follower("follow-certificate.py", (const char *const[]){ "example", NULL });
    check_follower("follow-certificate.py", (const char *const[]){ NULL });
}

static void test_follow_shell(void)
{
    check_follower("follow-certificate.sh", (const char *const[]){ "echo", NULL });
}

/* ---- keys */

/* Runs it as the user "nobody"; NULL if it fails. */
static char *run_as_nobody(Example *e, const char *name, char **ret_errors)
{
    const char *const argv[] = {
        "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", e->program, name, NULL
    };

    return process_run(argv, (const char *const *)e->environment, ret_errors);
}

static void set_example_rules(Fixture *f)
{
    g_autofree char *path =
                        g_build_filename(g_getenv("CERTWRIGHT_SOURCE"), "data/examples/polkit.rules", NULL),
                    *text = file_read(path);
    g_autoptr(GString) rules = g_string_new(text);

    g_assert_cmpuint(
        g_string_replace(rules, "subject.user == \"exampled\"", "subject.user == \"nobody\"", 0), ==, 1);
    fixture_set_rules(f, rules->str);
}

static void expect_denied(GDBusConnection *c, const char *path, const char *interface, const char *member,
                          GVariant *arguments)
{
    client_expect_error(c, path, interface, member, arguments, "NotAuthorized", NULL);
}

/* Its own key, and nothing else. */
static void test_rules(void)
{
    Example e = example_begin(NULL);
    g_autoptr(GDBusConnection) nobody = client_connect(e.fixture, fixture_uid("nobody"));
    g_autofree char *own = client_find(e.fixture->root, NAME),
                    *other = client_find(e.fixture->root, "other.example.com");
    g_autoptr(GVariant) key = NULL;

    expect_denied(nobody, own, CERTIFICATE, "OpenKey", g_variant_new("(@a{sv})", NO_OPTIONS));
    set_example_rules(e.fixture);
    key = client_expect(nobody, own, CERTIFICATE, "OpenKey", g_variant_new("(@a{sv})", NO_OPTIONS));
    expect_denied(nobody, other, CERTIFICATE, "OpenKey", g_variant_new("(@a{sv})", NO_OPTIONS));
    expect_denied(nobody, PATH_ROOT, CERTIFICATE, "OpenKey", g_variant_new("(@a{sv})", NO_OPTIONS));
    expect_denied(nobody, own, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    expect_denied(nobody, own, CERTIFICATE, "Revoke", g_variant_new("(s)", "unspecified"));
    expect_denied(nobody, own, CERTIFICATE, "Upload", g_variant_new("(s@a{sv})", "", NO_OPTIONS));
    expect_denied(nobody, PATH, MANAGER, "Register",
                  g_variant_new("(ss@a{sv})", "exampled", NAME, NO_OPTIONS));
    expect_denied(nobody, PATH, MANAGER, "Reload", NULL);
    example_end(&e);
}

static void test_open_key_python(void)
{
    Example e = example_begin("open-key.py");
    g_autofree char *path = client_find(e.fixture->root, NAME), *output = NULL, *errors = NULL,
                    *expected = NULL, *fingerprint = client_get_string(e.fixture->root, path, "Fingerprint");

    g_assert_null(run_as_nobody(&e, NAME, &errors));
    g_assert_nonnull(strstr(errors, "OpenKey is not allowed"));
    set_example_rules(e.fixture);
    output = run_as_nobody(&e, NAME, NULL);
    expected = g_strdup_printf("%s\n", fingerprint);
    g_assert_cmpstr(output, ==, expected);
    example_end(&e);
}

static void test_open_key_c(void)
{
    Example e = example_begin(NULL);
    g_autofree char *errors = NULL, *output = NULL;
    const char *const argv[] = { g_getenv("CERTWRIGHT_OPEN_KEY"), NAME, NULL }, *const unknown[] = {
        argv[0], "unknown.example.com", NULL
    };

    output = process_run(argv, (const char *const *)e.environment, NULL);
    g_assert_cmpstr(output, ==, "CN=" NAME "\n");
    g_assert_null(process_run(unknown, (const char *const *)e.environment, &errors));
    g_assert_nonnull(strstr(errors, "No certificate has or covers the name unknown.example.com"));
    example_end(&e);
}

/* ---- a module of a package */

typedef struct Delivered {
    GDBusConnection *connection;
    const char *path;
} Delivered;

static gboolean has_deployment(gpointer userdata)
{
    Delivered *d = userdata;
    g_autoptr(GVariant) deployments = client_get(d->connection, d->path, CERTIFICATE, "Deployments");

    return g_variant_n_children(deployments) == 1;
}

static void test_module(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autofree char *path =
                        g_build_filename(g_getenv("CERTWRIGHT_SOURCE"), "data/examples/exampled.conf", NULL),
                    *text = file_read(path), *object = NULL;
    g_autoptr(GString) module = g_string_new(text);
    g_autoptr(GVariant) errors = NULL;

    /* for a host name that is one */
    g_assert_cmpuint(g_string_replace(module, "%H]", "box.example.com]", 0), ==, 1);
    fixture_write_module(f, "exampled", module->str);
    g_variant_unref(client_expect(f->root, PATH, MANAGER, "Reload", NULL));
    errors = client_get(f->root, PATH, MANAGER, "ConfigurationErrors");
    g_assert_cmpuint(g_variant_n_children(errors), ==, 0);
    object = client_find(f->root, "box.example.com");
    wait_until(has_deployment, &(Delivered){ f->root, object }, "the delivery to the module");
}

static void add(void)
{
    g_test_add_func("/bus/examples/follow-python", test_follow_python);
    g_test_add_func("/bus/examples/follow-shell", test_follow_shell);
    g_test_add_func("/bus/examples/rules", test_rules);
    g_test_add_func("/bus/examples/open-key-python", test_open_key_python);
    g_test_add_func("/bus/examples/open-key-c", test_open_key_c);
    g_test_add_func("/bus/examples/module", test_module);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
