/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <string.h>

#include "client.h"
#include "files.h"
#include "pki.h"
#include "process.h"

/* The bus as people use it, with busctl and gdbus alone: what README.md shows in its first session. */

#define HOST      "box.example.com"
#define HOST_PATH PATH "/certificate/box_2eexample_2ecom"
#define MODULE \
    "[Module]\nDescription=Web interface\n[Certificate " HOST "]\n[Certificate mail.example.com]\n"

typedef struct Session {
    Fixture *fixture;
    char *environment[2];
} Session;

static Session session_begin(void)
{
    Session s = { fixture_new(0, MODULE), { NULL, NULL } };
    g_autofree char *path = client_find(s.fixture->root, HOST);

    client_wait_state(s.fixture->root, path, "valid");
    s.environment[0] = g_strdup_printf("DBUS_SYSTEM_BUS_ADDRESS=%s", s.fixture->address);
    return s;
}

static void session_end(Session *s)
{
    fixture_free(s->fixture);
    g_free(s->environment[0]);
}

/* The words of a command line, as a shell would take them; what it printed. */
static char *run(Session *s, const char *command)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *errors = NULL;
    g_auto(GStrv) argv = NULL;
    char *output;

    if (!g_shell_parse_argv(command, NULL, &argv, &error))
        g_error("%s: %s", command, error->message);
    output = process_run((const char *const *)argv, (const char *const *)s->environment, &errors);
    if (!output)
        g_error("%s: %s", command, errors);
    return output;
}

static void run_and_expect(Session *s, const char *command, const char *says)
{
    g_autofree char *output = run(s, command);

    if (!strstr(output, says))
        g_error("%s: the output has no \"%s\":\n%s", command, says, output);
}

static void test_busctl(void)
{
    Session s = session_begin();

    run_and_expect(&s, "busctl tree org.certwright1", HOST_PATH);
    run_and_expect(&s, "busctl tree org.certwright1", "/org/certwright1/root");
    run_and_expect(&s, "busctl introspect org.certwright1 " HOST_PATH, ".Fingerprint");
    run_and_expect(&s, "busctl introspect org.certwright1 /org/certwright1", ".GetCertificate");
    run_and_expect(&s, "busctl introspect org.certwright1 /org/certwright1/root", "\"root\"");
    run_and_expect(&s,
                   "busctl get-property org.certwright1 " HOST_PATH " "
                   "org.certwright1.Certificate State",
                   "s \"valid\"");
    run_and_expect(
        &s,
        "busctl call org.certwright1 /org/certwright1 org.certwright1.Manager Register 'ssa{sv}' proxy "
        "www.example.com 0",
        "o \"/org/certwright1/certificate/www_2eexample_2ecom\"");
    run_and_expect(
        &s,
        "busctl call org.certwright1 /org/certwright1 org.certwright1.Manager Register 'ssa{sv}' proxy "
        "www.example.com 1 names as 2 a.example.com b.example.com",
        "www_2eexample_2ecom");
    run_and_expect(&s,
                   "busctl call org.certwright1 " HOST_PATH " "
                   "org.certwright1.Certificate Reissue 'a{sv}' 0",
                   "o \"/org/certwright1/job/");
    run_and_expect(
        &s, "busctl call org.certwright1 /org/certwright1 org.certwright1.Manager ExportRoot 'a{sv}' 0",
        "ay ");
    run_and_expect(
        &s,
        "busctl --json=short call org.certwright1 /org/certwright1 org.freedesktop.DBus.ObjectManager "
        "GetManagedObjects",
        "\"" HOST_PATH "\"");
    session_end(&s);
}

/* A bundle as an argument, with the dashes that it begins with. */
static void test_busctl_upload(void)
{
    Session s = session_begin();
    g_autoptr(Pki) pki = pki_new(s.fixture->directory);
    g_autoptr(PkiLeaf) leaf = pki_issue(pki, "leaf", "DNS:mail.example.com", "EC", 30);
    g_autofree char *bundle = pki_bundle(leaf), *quoted = g_shell_quote(bundle), *command = NULL;

    command =
        g_strdup_printf("busctl call -- org.certwright1 /org/certwright1/certificate/mail_2eexample_2ecom "
                        "org.certwright1.Certificate Upload 'sa{sv}' %s 0",
                        quoted);
    g_free(run(&s, command));
    run_and_expect(&s,
                   "busctl get-property org.certwright1 /org/certwright1/certificate/mail_2eexample_2ecom "
                   "org.certwright1.Certificate Source",
                   "s \"uploaded\"");
    run_and_expect(&s, "busctl call org.certwright1 /org/certwright1 org.certwright1.Manager ListUploads",
                   leaf->fingerprint);
    session_end(&s);
}

static void test_gdbus(void)
{
    Session s = session_begin();

    run_and_expect(
        &s, "gdbus introspect --system --dest org.certwright1 --object-path /org/certwright1 --recurse",
        "interface org.certwright1.Certificate {");
    run_and_expect(&s,
                   "gdbus call --system --dest org.certwright1 --object-path /org/certwright1 "
                   "--method org.certwright1.Manager.GetCertificate mail.example.com",
                   "(objectpath '/org/certwright1/certificate/mail_2eexample_2ecom',)");
    run_and_expect(
        &s,
        "gdbus call --system --dest org.certwright1 --object-path /org/certwright1 "
        "--method org.certwright1.Manager.Register proxy www.example.com '{\"key-type\": <\"rsa-2048\">}'",
        "www_2eexample_2ecom");
    run_and_expect(&s,
                   "gdbus call --system --dest org.certwright1 --object-path " HOST_PATH " "
                   "--method org.freedesktop.DBus.Properties.GetAll org.certwright1.Certificate",
                   "'State': <'valid'>");
    session_end(&s);
}

/* The sentences as they stand there; and what somebody reads who has mistyped the name. */
static void test_explain(void)
{
    static const char gdbus[] = "gdbus call --system --dest org.certwright1 --object-path /org/certwright1 "
                                "--method org.certwright1.Manager.Explain ";
    static const char busctl[] = "busctl call org.certwright1 /org/certwright1 org.certwright1.Manager "
                                 "Explain s ";
    Session s = session_begin();
    g_autofree char *known = g_strconcat(busctl, "mail.example.com", NULL),
                    *root = g_strconcat(gdbus, "root", NULL), *unknown = NULL, *errors = NULL;
    g_auto(GStrv) argv = NULL;

    run_and_expect(&s, known, "s \"mail.example.com serves a chain from this machine\\'s own root, serial ");
    run_and_expect(&s, known, ".\\nIt is used by test.\\n\"");
    run_and_expect(&s, root, "The local root is \"CN=Certwright root of ");
    run_and_expect(&s,
                   "busctl get-property org.certwright1 /org/certwright1/certificate/mail_2eexample_2ecom "
                   "org.certwright1.Certificate RenewalWindow",
                   "(xxs) 0 0 \"\"\n");
    for (size_t i = 0; i < 2; i++) {
        g_clear_pointer(&argv, g_strfreev);
        g_clear_pointer(&unknown, g_free);
        g_clear_pointer(&errors, g_free);
        unknown = g_strconcat(i == 0 ? gdbus : busctl, "mali.example.com", NULL);
        g_assert_true(g_shell_parse_argv(unknown, NULL, &argv, NULL));
        g_assert_null(process_run((const char *const *)argv, (const char *const *)s.environment, &errors));
        g_assert_nonnull(strstr(errors, "No certificate has or covers the name mali.example.com"));
    }
    session_end(&s);
}

typedef struct LogWait {
    const char *path, *says;
} LogWait;

static gboolean is_said(gpointer userdata)
{
    const LogWait *w = userdata;
    g_autofree char *text = file_read(w->path);

    return text && strstr(text, w->says);
}

/* A program that goes on until it is ended, and has said that by then. */
static void check_monitor(Session *s, const char *const *argv)
{
    g_autofree char *log = g_build_filename(s->fixture->directory, "monitor.log", NULL),
                    *program = g_find_program_in_path(argv[0]);
    const char *with_path[12] = { program };
    pid_t pid;

    g_assert_nonnull(program);
    for (size_t i = 1; argv[i]; i++)
        with_path[i] = argv[i];
    pid = process_start(with_path, (const char *const *)s->environment, log, NULL, NULL);
    for (int i = 0; i < 100; i++) { /* until it listens; then one is enough */
        g_free(run(s, "busctl call org.certwright1 " HOST_PATH " "
                      "org.certwright1.Certificate Export 'a{sv}' 0"));
        wait_milliseconds(100);
        client_call(s->fixture->root, HOST_PATH, CERTIFICATE, "Reissue",
                    g_variant_new("(@a{sv})", NO_OPTIONS), NULL);
        if (is_said(&(LogWait){ log, "ChainChanged" }))
            break;
    }
    wait_until(is_said, &(LogWait){ log, "JobRemoved" }, argv[0]);
    wait_until(is_said, &(LogWait){ log, "ChainChanged" }, argv[0]);
    (void)process_stop(pid);
    g_unlink(log);
}

static void test_monitors(void)
{
    static const char *const gdbus[] = { "gdbus", "monitor", "--system", "--dest", "org.certwright1", NULL };
    static const char *const busctl[] = { "busctl", "monitor", "org.certwright1", NULL };
    static const char *const dbus[] = { "dbus-monitor", "--system", "sender=org.certwright1", NULL };
    Session s = session_begin();

    check_monitor(&s, gdbus);
    check_monitor(&s, busctl);
    check_monitor(&s, dbus);
    session_end(&s);
}

static gboolean is_shown(const char *line)
{
    return g_str_has_prefix(line, "    $ busctl ") || g_str_has_prefix(line, "    # busctl ") ||
           g_str_has_prefix(line, "    $ gdbus ") || g_str_has_prefix(line, "    # gdbus ");
}

/* Continued lines as one. */
static char *complete(char **lines)
{
    g_autoptr(GString) command = g_string_new(*lines + strlen("    $ "));

    while (g_str_has_suffix(command->str, "\\") && lines[1]) {
        g_string_truncate(command, command->len - 1);
        g_string_append(command, g_strchug(*++lines));
    }
    return g_strdup(command->str);
}

/* A command that ends in "3<bundle.pem" is one for a shell. */
static char *open_descriptor(const char *command, const char *path)
{
    g_autoptr(GString) line = g_string_new(command);
    g_autofree char *opened = g_strdup_printf("3<%s", path), *quoted = NULL;

    if (g_string_replace(line, "3<bundle.pem", opened, 0) == 0)
        return g_strdup(command);
    quoted = g_shell_quote(line->str);
    return g_strdup_printf("bash -c %s", quoted);
}

/* Every line of README.md's first session that takes busctl or gdbus, but those that go on for ever. */
static void test_readme(void)
{
    g_autofree char *path = g_build_filename(g_getenv("CERTWRIGHT_SOURCE"), "README.md", NULL),
                    *text = file_read(path), *bundle = NULL, *pem = NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    Session s = session_begin();
    g_autoptr(Pki) pki = pki_new(s.fixture->directory);
    g_autoptr(PkiLeaf) leaf = pki_issue(pki, "leaf", "DNS:" HOST, "EC", 30);
    guint n = 0;

    bundle = pki_bundle(leaf);
    pem = g_build_filename(s.fixture->directory, "bundle.pem", NULL);
    file_write(pem, bundle);
    for (char **line = lines; *line; line++)
        if (is_shown(*line) && !strstr(*line, " monitor ")) {
            g_autofree char *completed = complete(line), *command = open_descriptor(completed, pem);

            g_test_message("%.100s", command);
            g_free(run(&s, command));
            n++;
        }
    g_assert_cmpuint(n, >=, 4);
    session_end(&s);
}

/* What somebody without the right reads on a terminal tells what to do. */
static void test_denied(void)
{
    Session s = session_begin();
    const char *const argv[] = { "setpriv",
                                 "--reuid=nobody",
                                 "--regid=nogroup",
                                 "--clear-groups",
                                 "busctl",
                                 "call",
                                 "org.certwright1",
                                 PATH,
                                 MANAGER,
                                 "Reload",
                                 NULL };
    g_autofree char *errors = NULL, *output = process_run(argv, (const char *const *)s.environment, &errors);

    g_assert_null(output);
    g_assert_nonnull(strstr(errors, "Reload is not allowed"));
    g_assert_nonnull(strstr(errors, "administrator"));
    session_end(&s);
}

static void add(void)
{
    g_test_add_func("/bus/commands/busctl", test_busctl);
    g_test_add_func("/bus/commands/busctl-upload", test_busctl_upload);
    g_test_add_func("/bus/commands/gdbus", test_gdbus);
    g_test_add_func("/bus/commands/explain", test_explain);
    g_test_add_func("/bus/commands/monitors", test_monitors);
    g_test_add_func("/bus/commands/readme", test_readme);
    g_test_add_func("/bus/commands/denied", test_denied);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
