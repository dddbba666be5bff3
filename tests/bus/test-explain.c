/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "descriptors.h"
#include "pki.h"
#include "signals.h"

/* What Explain says is so, and what is so it says. */

#define MODULE \
    "[Module]\n[Certificate a.example.com]\nAlternativeNames=b.example.com\n[Certificate c.example.com]\n" \
    "[Certificate *.apps.example.com]\n"
#define HOUR 3600
#define DAY  (24 * HOUR)

static char *explain(GDBusConnection *c, const char *name)
{
    g_autoptr(GVariant) reply = client_expect(c, PATH, MANAGER, "Explain", g_variant_new("(s)", name));
    g_auto(GStrv) lines = NULL;
    char *text;

    g_variant_get(reply, "(s)", &text);
    g_assert_true(g_str_has_suffix(text, ".\n"));
    lines = g_strsplit(g_strchomp(text), "\n", -1);
    for (char **line = lines; *line; line++)
        if (!g_str_has_suffix(*line, "."))
            g_error("this is no sentence: \"%s\"", *line);
    return text;
}

static void expect_says(const char *text, const char *says)
{
    if (!strstr(text, says))
        g_error("\"%s\" is not in what is explained:\n%s", says, text);
}

static void expect_silent(const char *text, const char *says)
{
    if (strstr(text, says))
        g_error("\"%s\" is in what is explained:\n%s", says, text);
}

static char *moment_of(GDBusConnection *c, const char *path, const char *property)
{
    g_autoptr(GVariant) value = client_get(c, path, CERTIFICATE, property);
    g_autoptr(GDateTime) t = g_date_time_new_from_unix_utc(g_variant_get_int64(value));

    return g_date_time_format(t, "%Y-%m-%d %H:%M:%S UTC");
}

/* The same as in the properties. */
static void check_properties(GDBusConnection *c, const char *path, const char *text)
{
    g_autofree char *serial = client_get_string(c, path, "Serial"),
                    *reason = client_get_string(c, path, "Reason"), *ends = moment_of(c, path, "NotAfter"),
                    *serial_says = g_strdup_printf("serial %s;", serial),
                    *ends_says = g_strdup_printf("it is valid until %s.", ends);

    expect_says(text, serial_says);
    expect_says(text, ends_says);
    if (strcmp(path, PATH_ROOT) != 0)
        expect_says(text, reason);
}

static void test_local(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autofree char *path = client_find(f->root, "a.example.com"), *text = NULL, *again = NULL, *due = NULL,
                    *due_says = NULL;
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));

    client_wait_state(f->root, path, "valid");
    g_free(client_register(f->root, "mail-server", "a.example.com", NULL));
    text = explain(nobody, "a.example.com");
    check_properties(f->root, path, text);
    expect_says(text, "a.example.com serves a chain from this machine's own root");
    due = moment_of(f->root, path, "NextRenewal");
    due_says = g_strdup_printf("The next attempt is due in 59 days, at %s.", due);
    expect_says(text, due_says);
    expect_says(text, "It is used by test, mail-server.");
    expect_silent(text, "failed");
    expect_silent(text, "not served");
    expect_silent(text, "clock");
    again = explain(f->root, "B.EXAMPLE.com.");
    g_assert_cmpstr(again, ==, text);
}

static void test_covered(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autofree char *path = client_find(f->root, "*.apps.example.com"), *text = NULL;

    client_wait_state(f->root, path, "valid");
    text = explain(f->root, "two.apps.example.com");
    check_properties(f->root, path, text);
    g_assert_true(g_str_has_prefix(text, "*.apps.example.com serves "));
}

static void test_errors(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);

    client_expect_error(f->root, PATH, MANAGER, "Explain", g_variant_new("(s)", "d.example.com"),
                        "NoSuchCertificate", "d.example.com");
    client_expect_error(f->root, PATH, MANAGER, "Explain", g_variant_new("(s)", "a.b.apps.example.com"),
                        "NoSuchCertificate", "a.b.apps.example.com");
    client_expect_error(f->root, PATH, MANAGER, "Explain", g_variant_new("(s)", "a..b"), "InvalidName",
                        "name");
    client_expect_error(f->root, PATH, MANAGER, "Explain", g_variant_new("(s)", ""), "InvalidName", "name");
}

static void upload(Fixture *f, Pki *pki, const char *name, gint64 ago, gint64 left)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_autofree char *san = g_strdup_printf("DNS:%s", name), *path = client_find(f->root, name),
                    *bundle = NULL;
    g_autoptr(PkiLeaf) leaf = pki_issue_between(pki, name, san, now - ago, now + left);

    client_wait_state(f->root, path, "valid");
    bundle = pki_bundle(leaf);
    descriptor_expect_upload(f->root, path, bundle);
}

static void test_uploaded(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autofree char *path = client_find(f->root, "c.example.com"), *text = NULL;

    upload(f, pki, "c.example.com", 10 * DAY, 80 * DAY);
    text = explain(f->root, "c.example.com");
    check_properties(f->root, path, text);
    expect_says(text, "c.example.com serves a chain that was uploaded");
    expect_says(text, "Only an upload can renew it");
    expect_silent(text, "due");
    expect_silent(text, "not served");
}

/* Less than an hour is left; with a day left, a hundredth of its life, it is served all the same. */
static void test_about_to_end(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autofree char *path = client_find(f->root, "c.example.com"), *text = NULL;

    upload(f, pki, "c.example.com", 99 * DAY, HOUR - 60);
    client_wait_state(f->root, path, "valid");
    text = explain(f->root, "c.example.com");
    check_properties(f->root, path, text);
    expect_says(text, "c.example.com serves a chain from this machine's own root");
    expect_says(text, "The uploaded chain is not served: it is about to expire.");
    expect_says(text, "The next attempt is due in ");
    upload(f, pki, "c.example.com", 99 * DAY, DAY);
    client_wait_state(f->root, path, "expiring");
    g_free(text);
    text = explain(f->root, "c.example.com");
    check_properties(f->root, path, text);
    expect_says(text, "c.example.com serves a chain that was uploaded");
    expect_silent(text, "not served");
}

static void test_root(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autofree char *path = client_find(f->root, "a.example.com"), *text = NULL, *subject = NULL,
                    *subject_says = NULL, *due = NULL;

    client_wait_state(f->root, path, "valid");
    text = explain(f->root, "root");
    check_properties(f->root, PATH_ROOT, text);
    subject = client_get_string(f->root, PATH_ROOT, "Subject");
    subject_says = g_strdup_printf("The local root is \"%s\"", subject);
    expect_says(text, subject_says);
    due = moment_of(f->root, PATH_ROOT, "NextRenewal");
    expect_says(text, due);
    expect_silent(text, "used by");
}

/* A machine may be called so. */
static void test_name_root(void)
{
    g_autoptr(Fixture) f = fixture_new(0, "[Module]\n[Certificate root]\n");
    g_autofree char *path = client_find(f->root, "root"), *text = NULL;

    client_wait_state(f->root, path, "valid");
    text = explain(f->root, "root");
    check_properties(f->root, path, text);
    g_assert_true(g_str_has_prefix(text, "root serves a chain "));
}

static gboolean has_failed(gpointer userdata)
{
    GDBusConnection *c = userdata;
    g_autofree char *path = client_find(c, "a.example.com");
    g_autoptr(GVariant) error = client_get(c, path, CERTIFICATE, "LastError"), code = NULL;

    code = g_variant_get_child_value(error, 0);
    return *g_variant_get_string(code, NULL) != 0;
}

/* Nobody listens at the authority's port. */
static void test_failed(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autofree char *path = client_find(f->root, "a.example.com"), *text = NULL, *when = NULL,
                    *when_says = NULL;
    g_autoptr(GVariant) reloaded G_GNUC_UNUSED = NULL, error = NULL;
    const char *code, *what;
    guint attempts;
    gint64 at;

    client_wait_state(f->root, path, "valid");
    fixture_write_settings(f,
                           "[ACME]\nTermsOfServiceAgreed=yes\nChallenges=http-01\nHTTPListen=127.0.0.1:0\n"
                           "[Authority away]\nDirectory=https://127.0.0.1:1/directory\nPublic=no\n");
    reloaded = client_expect(f->root, PATH, MANAGER, "Reload", NULL);
    wait_until(has_failed, f->root, "the order to fail");
    error = client_get(f->root, path, CERTIFICATE, "LastError");
    g_variant_get(error, "(&s&sxu)", &code, &what, &at, &attempts);
    g_assert_cmpstr(code, ==, "NetworkFailed");
    text = explain(f->root, "a.example.com");
    check_properties(f->root, path, text);
    expect_says(text, what);
    expect_says(text, "The last attempt failed at ");
    expect_says(text, "(attempts since the last success: 1)");
    expect_says(text, "the last order from ACME failed");
    when = moment_of(f->root, path, "NextRenewal");
    when_says = g_strdup_printf(", at %s.", when);
    expect_says(text, when_says);
}

static void expect_told(Fixture *f, SignalLog *log, const char *path, const char *acme, const char *reason)
{
    g_autofree char *text = g_strconcat("[ACME]\nTermsOfServiceAgreed=yes\nHTTPListen=127.0.0.1:0\n", acme,
                                        NULL),
                    *is = NULL;
    g_autoptr(GVariant) reloaded G_GNUC_UNUSED = NULL;

    signals_clear(log);
    fixture_write_settings(f, text);
    reloaded = client_expect(f->root, PATH, MANAGER, "Reload", NULL);
    signals_wait(log, path, "PropertiesChanged", reason, 1);
    is = client_get_string(f->root, path, "Reason");
    g_assert_nonnull(strstr(is, reason));
}

/* A reason that changes though the chain does not is signalled: for the settings, and for what became of an order. */
static void test_told(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autofree char *path = client_find(f->root, "a.example.com"), *before = NULL, *after = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);

    client_wait_state(f->root, path, "valid");
    before = client_get_string(f->root, path, "Fingerprint");
    expect_told(f, log, path, "[Authority away]\nDirectory=https://127.0.0.1:1/directory\nPublic=no\n",
                "the last order from ACME failed");
    expect_told(f, log, path, "Enabled=no\n", "ACME is not enabled");
    after = client_get_string(f->root, path, "Fingerprint");
    g_assert_cmpstr(after, ==, before);
}

/* While it is under way there is nothing that comes next. */
static void test_job(void)
{
    g_autoptr(Fixture) f = fixture_new(FIXTURE_HOLD_DISK, MODULE);
    g_autofree char *path = client_find(f->root, "a.example.com"), *text = NULL, *says = NULL;
    g_autoptr(GVariant) reply = NULL;
    const char *job;

    client_wait_state(f->root, path, "valid");
    fixture_hold_disk(f);
    reply = client_expect(f->root, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    g_variant_get(reply, "(&o)", &job);
    text = explain(f->root, "a.example.com");
    expect_says(text, "A job is in progress: ");
    says = g_strdup_printf("(job %s).", strrchr(job, '/') + 1);
    expect_says(text, says);
    expect_silent(text, "due");
    fixture_release_disk(f);
}

static void check_no_window(GDBusConnection *c, const char *path)
{
    g_autoptr(GVariant) window = client_get(c, path, CERTIFICATE, "RenewalWindow");
    g_autofree char *is = g_variant_print(window, TRUE);

    g_assert_cmpstr(is, ==, "(int64 0, int64 0, '')");
}

static void test_no_window(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autofree char *path = client_find(f->root, "a.example.com"), *text = NULL;

    client_wait_state(f->root, path, "valid");
    check_no_window(f->root, path);
    check_no_window(f->root, PATH_ROOT);
    text = explain(f->root, "a.example.com");
    expect_silent(text, "between");
}

/* The same for who uses it, where nothing is ordered. */
static void test_unwanted(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autofree char *path = client_find(f->root, "c.example.com"), *is = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);

    client_wait_state(f->root, path, "valid");
    g_free(client_register(f->root, "vpn", "c.example.com",
                           client_option("acme", g_variant_new_boolean(FALSE))));
    signals_wait(log, path, "PropertiesChanged", "is not to come from ACME", 1);
    is = client_get_string(f->root, path, "Reason");
    expect_says(is, "is not to come from ACME");
}

static void add(void)
{
    g_test_add_func("/bus/explain/local", test_local);
    g_test_add_func("/bus/explain/covered", test_covered);
    g_test_add_func("/bus/explain/errors", test_errors);
    g_test_add_func("/bus/explain/uploaded", test_uploaded);
    g_test_add_func("/bus/explain/about-to-end", test_about_to_end);
    g_test_add_func("/bus/explain/root", test_root);
    g_test_add_func("/bus/explain/name-root", test_name_root);
    g_test_add_func("/bus/explain/failed", test_failed);
    g_test_add_func("/bus/explain/told", test_told);
    g_test_add_func("/bus/explain/unwanted", test_unwanted);
    g_test_add_func("/bus/explain/job", test_job);
    g_test_add_func("/bus/explain/no-window", test_no_window);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
