/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <unistd.h>

#include "client.h"
#include "descriptors.h"
#include "files.h"
#include "pki.h"
#include "signals.h"

/* Who may do what: every method of the bus, by everybody, whatever polkit is like. */

#define MODULE  "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\n"
#define NAME    "a.example.com"
#define UPLOADS "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static const char rules_no[] =
    "polkit.addRule(function(action, subject) {\n"
    "    if (action.id.indexOf('org.certwright1.') == 0) return polkit.Result.NO;\n"
    "});\n";
static const char rules_yes[] =
    "polkit.addRule(function(action, subject) {\n"
    "    if (action.id.indexOf('org.certwright1.') == 0) return polkit.Result.YES;\n"
    "});\n";

/* What polkit is like when the call is made. */
typedef enum Polkit {
    POLKIT_DEFAULT,     /* as shipped, no agent: a challenge that nobody meets */
    POLKIT_INTERACTIVE, /* the same, and the caller would let itself be asked */
    POLKIT_NO,
    POLKIT_YES,
    POLKIT_STOPPED,
    POLKIT_MAX,
} Polkit;

static const char *const polkits[] = { "default", "interactive", "no", "yes", "stopped" };

typedef enum Caller {
    CALLER_ROOT,
    CALLER_OWNER,
    CALLER_NOBODY,
    CALLER_OTHER,
    CALLER_MAX,
} Caller;

static const char *const users[] = { "root", "certwright", "nobody", "daemon" };

/* One row for each method: what it is called with, and who may. In each column there is one letter for
 * each of root, certwright, nobody and another user: y(es) or n(o). What is allowed may still fail, with
 * the error named. Handle 0 is a file with the word "nothing" in it. */
typedef struct Row {
    const char *path, *interface, *member, *arguments; /* arguments as text of a GVariant */
    const char *may[POLKIT_MAX];
    const char *error; /* of one who may; NULL: it succeeds */
} Row;

#define GATED \
    { \
        "ynnn", "ynnn", "ynnn", "yyyy", "nnnn" \
    }
#define RENEW \
    { \
        "yynn", "yynn", "ynnn", "yyyy", "nnnn" \
    }
#define OPEN_BY_POLKIT \
    { \
        "yyyy", "yyyy", "ynnn", "yyyy", "nnnn" \
    }
#define OPEN \
    { \
        "yyyy", "yyyy", "yyyy", "yyyy", "yyyy" \
    }
#define CERTIFICATE_A PATH "/certificate/a_2eexample_2ecom"

static const Row rows[] = {
    { CERTIFICATE_A, CERTIFICATE, "Reissue", "(@a{sv} {},)", GATED, NULL },
    { CERTIFICATE_A, CERTIFICATE, "Upload", "('nothing', @a{sv} {})", GATED, "InvalidBundle" },
    { CERTIFICATE_A, CERTIFICATE, "UploadFd", "(handle 0, @a{sv} {})", GATED, "InvalidBundle" },
    { CERTIFICATE_A, CERTIFICATE, "OpenKey", "(@a{sv} {},)", GATED, NULL },
    { CERTIFICATE_A, CERTIFICATE, "ExportRoot", "(@a{sv} {},)", OPEN_BY_POLKIT, NULL },
    { CERTIFICATE_A, CERTIFICATE, "Export", "(@a{sv} {},)", OPEN_BY_POLKIT, NULL },
    { CERTIFICATE_A, CERTIFICATE, "Revoke", "('unspecified',)", GATED, "InvalidArgument" },
    { PATH_ROOT, CERTIFICATE, "Reissue", "(@a{sv} {},)", GATED, NULL },
    { PATH_ROOT, CERTIFICATE, "Upload", "('nothing', @a{sv} {})", GATED, "InvalidBundle" },
    { PATH_ROOT, CERTIFICATE, "UploadFd", "(handle 0, @a{sv} {})", GATED, "InvalidBundle" },
    { PATH_ROOT, CERTIFICATE, "OpenKey", "(@a{sv} {},)", GATED, NULL },
    { PATH_ROOT, CERTIFICATE, "ExportRoot", "(@a{sv} {},)", OPEN_BY_POLKIT, NULL },
    { PATH_ROOT, CERTIFICATE, "Export", "(@a{sv} {},)", OPEN_BY_POLKIT, NULL },
    { PATH_ROOT, CERTIFICATE, "Revoke", "('unspecified',)", GATED, "InvalidArgument" },
    { PATH, MANAGER, "Register", "('module', 'c.example.com', @a{sv} {})", GATED, NULL },
    { PATH, MANAGER, "Unregister", "('other', 'a.example.com')", GATED, "NoSuchCertificate" },
    { PATH, MANAGER, "GetCertificate", "('a.example.com',)", OPEN, NULL },
    { PATH, MANAGER, "Explain", "('a.example.com',)", OPEN, NULL },
    { PATH, MANAGER, "ListModules", "()", OPEN, NULL },
    { PATH, MANAGER, "Upload", "('nothing', @a{sv} {})", GATED, "InvalidBundle" },
    { PATH, MANAGER, "UploadFd", "(handle 0, @a{sv} {})", GATED, "InvalidBundle" },
    { PATH, MANAGER, "CheckUpload", "(handle 0, @a{sv} {})", GATED, NULL },
    { PATH, MANAGER, "UploadData", "(@ay [0x6e, 0x6f], @a{sv} {})", GATED, "InvalidBundle" },
    { PATH, MANAGER, "CheckUploadData", "(@ay [0x6e, 0x6f], @a{sv} {})", GATED, NULL },
    { PATH, MANAGER, "ListUploads", "()", OPEN, NULL },
    { PATH, MANAGER, "RemoveUpload", "('" UPLOADS "',)", GATED, "NoSuchCertificate" },
    { PATH, MANAGER, "ExportRoot", "(@a{sv} {},)", OPEN_BY_POLKIT, NULL },
    { PATH, MANAGER, "ReissueAll", "(@a{sv} {},)", GATED, NULL },
    { PATH, MANAGER, "Deploy", "('test', @a{sv} {})", GATED, "InvalidArgument" },
    { PATH, MANAGER, "RenewDue", "()", RENEW, NULL },
    { PATH, MANAGER, "Reload", "()", GATED, NULL },
    { PATH, MANAGER, "ListAuthorities", "()", OPEN, NULL },
    { PATH, MANAGER, "TestOrder", "('a.example.com', @a{sv} {})", GATED, NULL },
    { PATH, MANAGER, "RolloverAccountKey", "('letsencrypt',)", GATED, "InvalidArgument" },
    { PATH, MANAGER, "DeactivateAccount", "('letsencrypt',)", GATED, "InvalidArgument" },
};

static gboolean is_quiet(gpointer userdata)
{
    g_autoptr(GVariant) running = client_get(userdata, PATH, MANAGER, "JobsRunning");

    return g_variant_get_uint32(running) == 0;
}

static Fixture *start(unsigned flags)
{
    Fixture *f = fixture_new(flags, MODULE);
    static const char *const names[] = { "a.example.com", "b.example.com" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = client_find(f->root, names[i]);

        client_wait_state(f->root, path, "valid");
    }
    return f;
}

/* The table has a row for every method there is. */
static void check_complete(Fixture *f, const char *path, const char *interface)
{
    g_autoptr(GVariant) reply =
        client_expect(f->root, path, "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
    g_autoptr(GDBusNodeInfo) node = NULL;
    const char *xml;

    g_variant_get(reply, "(&s)", &xml);
    node = g_dbus_node_info_new_for_xml(xml, NULL);
    for (GDBusMethodInfo **m = g_dbus_node_info_lookup_interface(node, interface)->methods; *m; m++) {
        guint found = 0;

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
            found += strcmp(rows[i].path, path) == 0 && strcmp(rows[i].member, (*m)->name) == 0;
        if (found != 1)
            g_error("%s.%s has %u rows in the table of this test", interface, (*m)->name, found);
    }
}

static void test_complete(void)
{
    g_autoptr(Fixture) f = start(0);

    check_complete(f, PATH, MANAGER);
    check_complete(f, PATH_ROOT, CERTIFICATE);
    check_complete(f, CERTIFICATE_A, CERTIFICATE);
}

static char *make_call(GDBusConnection *c, const Row *row, Polkit polkit, char **ret_message)
{
    GDBusCallFlags flags =
        polkit == POLKIT_INTERACTIVE ? G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION : 0;
    g_autoptr(GUnixFDList) fds = g_unix_fd_list_new(), returned = NULL;
    int fd = descriptor_new_text("nothing");
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    if (strstr(row->arguments, "handle"))
        g_assert_cmpint(g_unix_fd_list_append(fds, fd, NULL), ==, 0);
    close(fd);
    reply = descriptor_call(c, row->path, row->interface, row->member, g_variant_new_parsed(row->arguments),
                            fds, flags, &returned, &error);
    g_assert_true(returned == NULL || (reply && strcmp(row->member, "OpenKey") == 0));
    *ret_message = g_strdup(error ? error->message : "");
    return client_error_name(error);
}

static void check_denied(const Row *row, const char *user, Polkit polkit, const char *error,
                         const char *message)
{
    if (strcmp(error, "NotAuthorized") != 0)
        g_error("%s.%s, %s, polkit %s: should be denied, but came to \"%s\" (%s)", row->interface,
                row->member, user, polkits[polkit], error, message);
    g_assert_nonnull(strstr(message, row->member));
    if (polkit == POLKIT_STOPPED)
        g_assert_nonnull(strstr(message, "cannot be reached"));
    else if (polkit == POLKIT_NO)
        g_assert_nonnull(strstr(message, "polkit says no"));
    else
        g_assert_nonnull(strstr(message, "administrator"));
}

static void check_allowed(const Row *row, const char *user, Polkit polkit, const char *error,
                          const char *message)
{
    if (strcmp(error, row->error ? row->error : "") != 0)
        g_error("%s.%s, %s, polkit %s: should be allowed, but came to \"%s\" (%s)", row->interface,
                row->member, user, polkits[polkit], error, message);
}

static void check_row(Fixture *f, GDBusConnection *c, Caller caller, const Row *row, Polkit polkit)
{
    gboolean may = row->may[polkit][caller] == 'y';
    g_autofree char *before = may ? NULL : directory_digest(f->state), *message = NULL, *after = NULL,
                    *error = NULL;
    g_autoptr(SignalLog) log = may ? NULL : signals_new(f->root);

    error = make_call(c, row, polkit, &message);
    if (may) {
        check_allowed(row, users[caller], polkit, error, message);
        wait_until(is_quiet, f->root, "jobs to end");
        return;
    }
    check_denied(row, users[caller], polkit, error, message);
    signals_settle(log);
    g_assert_cmpuint(signals_count(log, NULL, NULL, NULL), ==, 0);
    after = directory_digest(f->state);
    g_assert_cmpstr(after, ==, before);
}

static void prepare(Fixture *f, Polkit polkit)
{
    if (polkit == POLKIT_NO || polkit == POLKIT_YES)
        fixture_set_rules(f, polkit == POLKIT_NO ? rules_no : rules_yes);
    if (polkit == POLKIT_STOPPED)
        fixture_stop_polkit(f);
}

static void test_table(gconstpointer userdata)
{
    Polkit polkit = (Polkit)GPOINTER_TO_INT(userdata);
    g_autoptr(Fixture) f = start(0);

    prepare(f, polkit);
    for (Caller caller = 0; caller < CALLER_MAX; caller++) {
        g_autoptr(GDBusConnection) c = client_connect(f, fixture_uid(users[caller]));

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
            check_row(f, c, caller, rows + i, polkit);
    }
}

/* Keys have an action of their own: it opens nothing else, and what opens all else does not open them. */
static void test_key_action(void)
{
    static const char only[] = "polkit.addRule(function(action, subject) {\n"
                               "    if (action.id == 'org.certwright1.read-key') return polkit.Result.YES;\n"
                               "});\n",
                      all_else[] =
                          "polkit.addRule(function(action, subject) {\n"
                          "    if (action.id.indexOf('org.certwright1.') == 0 &&\n"
                          "        action.id != 'org.certwright1.read-key') return polkit.Result.YES;\n"
                          "});\n";
    g_autoptr(Fixture) f = start(0);
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));

    for (int opens = 0; opens < 2; opens++) {
        fixture_set_rules(f, opens ? only : all_else);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
            gboolean is_key = strcmp(rows[i].member, "OpenKey") == 0,
                     may = is_key ? opens : !opens || rows[i].may[POLKIT_DEFAULT][CALLER_NOBODY] == 'y';
            g_autofree char *message = NULL, *error = make_call(nobody, rows + i, POLKIT_DEFAULT, &message);

            (may ? check_allowed : check_denied)(rows + i, "nobody", POLKIT_DEFAULT, error, message);
        }
        wait_until(is_quiet, f->root, "jobs to end");
    }
}

/* A job lives while the disk is held. */
static void test_cancel(gconstpointer userdata)
{
    static const Row row = { NULL, JOB, "Cancel", "()", GATED, "Busy" };
    Polkit polkit = (Polkit)GPOINTER_TO_INT(userdata);
    g_autoptr(Fixture) f = start(FIXTURE_HOLD_DISK);
    g_autoptr(GVariant) reply = NULL;
    Row of_job = row;

    fixture_hold_disk(f);
    reply =
        client_expect(f->root, CERTIFICATE_A, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    g_variant_get(reply, "(&o)", &of_job.path);
    wait_milliseconds(300);
    prepare(f, polkit);
    for (Caller caller = 0; caller < CALLER_MAX; caller++) {
        g_autoptr(GDBusConnection) c = client_connect(f, fixture_uid(users[caller]));
        g_autofree char *message = NULL, *error = make_call(c, &of_job, polkit, &message);

        (row.may[polkit][caller] == 'y' ? check_allowed : check_denied)(&of_job, users[caller], polkit,
                                                                        error, message);
    }
    fixture_release_disk(f);
    wait_until(is_quiet, f->root, "the job to end");
}

/* What polkit is told of a call reaches the administrator's rules. */
static void test_details(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));
    g_autoptr(GVariant) registered = NULL, reissued = NULL;

    fixture_set_rules(
        f,
        "polkit.addRule(function(action, subject) {\n"
        "    if (action.id == 'org.certwright1.register' && action.lookup('name') == 'c.example.com' &&\n"
        "        action.lookup('module') == 'mail' && subject.user == 'nobody') return polkit.Result.YES;\n"
        "    if (action.id == 'org.certwright1.reissue' && action.lookup('name') == 'a.example.com' &&\n"
        "        !action.lookup('module')) return polkit.Result.YES;\n"
        "});\n");
    registered = client_expect(nobody, PATH, MANAGER, "Register",
                               g_variant_new("(ss@a{sv})", "mail", "c.example.com", NO_OPTIONS));
    client_expect_error(nobody, PATH, MANAGER, "Register",
                        g_variant_new("(ss@a{sv})", "web", "c.example.com", NO_OPTIONS), "NotAuthorized",
                        NULL);
    client_expect_error(nobody, PATH, MANAGER, "Register",
                        g_variant_new("(ss@a{sv})", "mail", "d.example.com", NO_OPTIONS), "NotAuthorized",
                        NULL);
    reissued =
        client_expect(nobody, CERTIFICATE_A, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    client_expect_error(nobody, PATH "/certificate/b_2eexample_2ecom", CERTIFICATE, "Reissue",
                        g_variant_new("(@a{sv})", NO_OPTIONS), "NotAuthorized", NULL);
    client_expect_error(nobody, PATH, MANAGER, "ReissueAll", g_variant_new("(@a{sv})", NO_OPTIONS),
                        "NotAuthorized", NULL);
    wait_until(is_quiet, f->root, "the job to end");
}

/* A leaf may be called as the root is: the role tells them apart, in both directions, and so does Explain. */
static void test_role(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));
    g_autofree char *leaf = client_register(f->root, "m", "root", NULL);
    g_autoptr(GVariant) reissued G_GNUC_UNUSED = NULL, explained = NULL;
    const char *text;

    fixture_set_rules(f, "polkit.addRule(function(action, subject) {\n"
                         "    if (action.lookup('name') == 'root' && action.lookup('role') == 'leaf')\n"
                         "        return polkit.Result.YES;\n"
                         "});\n");
    reissued = client_expect(nobody, leaf, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    client_expect_error(nobody, PATH_ROOT, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS),
                        "NotAuthorized", NULL);
    client_expect_error(nobody, PATH_ROOT, CERTIFICATE, "OpenKey", g_variant_new("(@a{sv})", NO_OPTIONS),
                        "NotAuthorized", NULL);
    client_expect_error(nobody, PATH, MANAGER, "ReissueAll", g_variant_new("(@a{sv})", NO_OPTIONS),
                        "NotAuthorized", NULL);
    explained = client_expect(nobody, PATH, MANAGER, "Explain", g_variant_new("(s)", PATH_ROOT));
    g_variant_get(explained, "(&s)", &text);
    g_assert_nonnull(strstr(text, "local root"));
    wait_until(is_quiet, f->root, "the job to end");
}

/* A rule that a person wrote for one spelling of a name holds for the others. */
static void test_details_are_canonical(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));

    fixture_set_rules(f, "polkit.addRule(function(action, subject) {\n"
                         "    if (action.lookup('name') == 'secret.example.com') return polkit.Result.NO;\n"
                         "    if (action.id == 'org.certwright1.register') return polkit.Result.YES;\n"
                         "});\n");
    client_expect_error(nobody, PATH, MANAGER, "Register",
                        g_variant_new("(ss@a{sv})", "m", "secret.example.com", NO_OPTIONS), "NotAuthorized",
                        NULL);
    client_expect_error(nobody, PATH, MANAGER, "Register",
                        g_variant_new("(ss@a{sv})", "m", "SECRET.example.com.", NO_OPTIONS), "NotAuthorized",
                        NULL);
}

/* polkit comes back: nothing stays denied. */
static void test_polkit_returns(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(GVariant) reply = NULL;

    fixture_stop_polkit(f);
    client_expect_error(f->root, PATH, MANAGER, "Reload", NULL, "NotAuthorized", "cannot be reached");
    fixture_start_polkit(f);
    reply = client_expect(f->root, PATH, MANAGER, "Reload", NULL);
}

/* Neither the name on the bus nor the daemon's files are for others. */
static void test_name(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    reply = g_dbus_connection_call_sync(nobody, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "RequestName",
                                        g_variant_new("(su)", SERVICE, 4U), NULL, 0, -1, NULL, &error);
    g_assert_error(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
}

static void add(void)
{
    g_test_add_func("/bus/authorization/complete", test_complete);
    for (Polkit p = 0; p < POLKIT_MAX; p++) {
        g_autofree char *table = g_strdup_printf("/bus/authorization/table/%s", polkits[p]),
                        *cancel = g_strdup_printf("/bus/authorization/cancel/%s", polkits[p]);

        g_test_add_data_func(table, GINT_TO_POINTER(p), test_table);
        g_test_add_data_func(cancel, GINT_TO_POINTER(p), test_cancel);
    }
    g_test_add_func("/bus/authorization/key-action", test_key_action);
    g_test_add_func("/bus/authorization/details", test_details);
    g_test_add_func("/bus/authorization/polkit-returns", test_polkit_returns);
    g_test_add_func("/bus/authorization/name", test_name);
    g_test_add_func("/bus/authorization/role", test_role);
    g_test_add_func("/bus/authorization/details-are-canonical", test_details_are_canonical);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
