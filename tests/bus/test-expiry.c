/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "descriptors.h"
#include "files.h"
#include "pki.h"
#include "signals.h"

/* Uploaded chains that come near their end: who is told, and how often. */

#define MODULE \
    "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\n[Certificate c.example.com]\n"
#define DAY  86400
#define HOUR 3600

/* Valid from so many seconds ago, and for so many more. */
static gint64 upload_between(Fixture *f, Pki *pki, const char *name, gint64 ago, gint64 left)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_autofree char *san = g_strdup_printf("DNS:%s", name), *path = client_find(f->root, name);
    g_autoptr(PkiLeaf) leaf = pki_issue_between(pki, name, san, now - ago, now + left);
    g_autofree char *bundle = pki_bundle(leaf), *is = NULL;

    client_wait_state(f->root, path, "valid");
    descriptor_expect_upload(f->root, path, bundle);
    is = client_get_string(f->root, path, "Fingerprint");
    g_assert_cmpstr(is, ==, leaf->fingerprint);
    return now + left;
}

/* One signal and one line of the log. */
static void check_warned(Fixture *f, SignalLog *log, const char *name, gint64 not_after, const char *left)
{
    g_autofree char *path = client_find(f->root, name), *line = g_strdup_printf("%s: The uploaded", name),
                    *said = NULL;
    const char *is_path, *is_name, *reason;
    gint64 is_not_after;
    char *at;

    client_wait_state(f->root, path, "expiring");
    signals_wait(log, PATH, "ExpiryWarning", path, 1);
    signals_settle(log);
    g_assert_cmpuint(signals_count(log, NULL, "ExpiryWarning", path), ==, 1);
    g_assert_cmpuint(signals_count(log, path, "PropertiesChanged", "'expiring'"), >=, 1);
    g_variant_get(signals_get(log, PATH, "ExpiryWarning", path, 0), "(&o&sx&s)", &is_path, &is_name,
                  &is_not_after, &reason);
    g_assert_cmpstr(is_path, ==, path);
    g_assert_cmpstr(is_name, ==, name);
    g_assert_cmpint(is_not_after, ==, not_after);
    g_assert_nonnull(strstr(reason, left));
    said = file_read(f->daemon_log);
    at = strstr(said, line);
    g_assert_nonnull(at);
    g_assert_true(g_str_has_prefix(strstr(at, ": ") + 2, reason));
    g_assert_null(strstr(at + 1, line));
}

static void check_not_warned(Fixture *f, SignalLog *log, const char *name)
{
    g_autofree char *path = client_find(f->root, name), *line = g_strdup_printf("%s: The uploaded", name),
                    *state = client_get_string(f->root, path, "State"), *said = file_read(f->daemon_log);

    g_assert_cmpstr(state, ==, "valid");
    g_assert_cmpuint(signals_count(log, NULL, "ExpiryWarning", path), ==, 0);
    g_assert_null(strstr(said, line));
}

/* What starts a look at all of them. */
static void review(Fixture *f, SignalLog *log)
{
    g_autoptr(GVariant) started G_GNUC_UNUSED = client_expect(f->root, PATH, MANAGER, "RenewDue", NULL);
    g_autoptr(GVariant) reloaded G_GNUC_UNUSED = client_expect(f->root, PATH, MANAGER, "Reload", NULL);

    wait_milliseconds(300);
    signals_settle(log);
}

static void test_once(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(SignalLog) log = signals_new(f->root);
    gint64 a, c;

    a = upload_between(f, pki, "a.example.com", 175 * DAY, 25 * DAY + HOUR);
    check_warned(f, log, "a.example.com", a, "25 days");
    upload_between(f, pki, "b.example.com", 140 * DAY, 60 * DAY);
    c = upload_between(f, pki, "c.example.com", 4 * DAY + 12 * HOUR, DAY + 12 * HOUR);
    check_warned(f, log, "c.example.com", c, "hours");
    for (int i = 0; i < 3; i++) {
        review(f, log);
        check_warned(f, log, "a.example.com", a, "25 days");
        check_not_warned(f, log, "b.example.com");
        check_warned(f, log, "c.example.com", c, "hours");
        fixture_stop_daemon(f);
        fixture_start_daemon(f, 0);
    }
}

/* A third of a short life: with more than that left nobody is told, however few days that are. */
static void test_short_life(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(SignalLog) log = signals_new(f->root);
    gint64 b;

    upload_between(f, pki, "a.example.com", 3 * DAY, 3 * DAY);
    b = upload_between(f, pki, "b.example.com", 4 * DAY + HOUR, 2 * DAY - HOUR);
    check_warned(f, log, "b.example.com", b, "hours");
    review(f, log);
    check_not_warned(f, log, "a.example.com");
}

/* A moment that comes while the service runs is not missed: a third of this life is left in some seconds. */
static void test_comes(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(SignalLog) log = signals_new(f->root);
    gint64 a = upload_between(f, pki, "a.example.com", 4 * DAY - 12, 2 * DAY + 6);

    signals_wait(log, PATH, "ExpiryWarning", NULL, 1);
    g_assert_cmpint(g_get_real_time() / G_USEC_PER_SEC, >=, a - (6 * DAY - 6) / 3);
    check_warned(f, log, "a.example.com", a, "upload its successor");
}

static void add(void)
{
    g_test_add_func("/bus/expiry/once", test_once);
    g_test_add_func("/bus/expiry/short-life", test_short_life);
    g_test_add_func("/bus/expiry/comes", test_comes);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
