/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "pki.h"
#include "signals.h"

/* The configuration is read again and again beside everything else that is done, with the work of threads under way that was
 * planned with former settings. Under ThreadSanitizer and AddressSanitizer this finds what is lent to a thread. */

#define ROUNDS  5
#define RELOADS 12 /* while a root is being made */

#define MODULE \
    "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\nACME=no\n" \
    "[Certificate c.example.com]\nAlternativeNames=d.example.com\nACME=no\nKeyType=rsa-2048\n"

/* Each configuration has constraints of its own number, so that a root tells which it was made with, and whether with all of
 * it. */
static void write_settings(Fixture *f, unsigned n)
{
    g_autofree char *text = g_strdup_printf(
        "[Local]\nRootKeyType=rsa-3072\nOrganization=Case %u Limited\n"
        "NameConstraints=example.com case%u.example 10.%u.0.0/16\nLeafLifetime=%ud\n"
        "[ACME]\nTermsOfServiceAgreed=yes\nHTTPListen=\nTLSListen=127.0.0.1:%u\nDNSResolvers=127.0.0.1:9\n"
        "[Authority nobody]\nDirectory=https://127.0.0.1:9/%u\nPublic=no\nContact=mailto:n%u@example.com\n"
        "[Uploads]\nAuthorityDirectory=/etc/ssl/%u\n[Renewal]\nOnWarning=\nOrdersPerMinute=%u\n",
        n, n, n, 30 + n, 40000 + n, n, n, n, n);

    fixture_write_settings(f, text);
}

/* The number whose configuration the root was made with; fails the test if it is not one, whole. */
static unsigned root_number(Fixture *f)
{
    const char *const ask[] = { "openssl", "x509", "-noout", "-ext", "nameConstraints", NULL };
    g_autoptr(GVariant) reply =
        client_expect(f->root, PATH, MANAGER, "ExportRoot", g_variant_new("(@a{sv})", NO_OPTIONS));
    g_autofree char *pem = client_bytes(reply, NULL), *said = openssl_filter(ask, pem, strlen(pem), NULL),
                    *name = NULL, *net = NULL;
    const char *at = strstr(said, "DNS:case");
    unsigned n;

    g_assert_nonnull(at);
    n = (unsigned)g_ascii_strtoull(at + strlen("DNS:case"), NULL, 10);
    name = g_strdup_printf("DNS:case%u.example", n);
    net = g_strdup_printf("IP:10.%u.0.0/255.255.0.0", n);
    g_assert_nonnull(strstr(said, name));
    g_assert_nonnull(strstr(said, net));
    g_assert_nonnull(strstr(said, "DNS:example.com"));
    return n;
}

typedef struct Others {
    GDBusConnection *connection;
    unsigned n_asked, n_answered;
} Others;

static void on_answer(GObject *source, GAsyncResult *result, gpointer userdata)
{
    g_autoptr(GVariant) reply G_GNUC_UNUSED =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);
    Others *o = userdata;

    o->n_answered++; /* with an error, mostly Busy, as well */
}

static void ask(Others *o, const char *path, const char *interface, const char *member, GVariant *arguments)
{
    o->n_asked++;
    g_dbus_connection_call(o->connection, SERVICE, path, interface, member, arguments, NULL,
                           G_DBUS_CALL_FLAGS_NONE, 120000, NULL, on_answer, o);
}

static void ask_for_all(Others *o, unsigned turn, const char *path, const char *bundle)
{
    g_autofree char *name = g_strdup_printf("r%u.example.com", turn % 3);

    ask(o, PATH, MANAGER, "Register", g_variant_new("(ss@a{sv})", "other", name, NO_OPTIONS));
    ask(o, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    ask(o, PATH, MANAGER, "Upload", g_variant_new("(s@a{sv})", bundle, NO_OPTIONS));
    ask(o, path, CERTIFICATE, "OpenKey", g_variant_new("(@a{sv})", NO_OPTIONS));
    ask(o, path, CERTIFICATE, "Explain", NULL);
    ask(o, PATH, MANAGER, "ReissueAll", g_variant_new("(@a{sv})", NO_OPTIONS));
    ask(o, PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL);
    ask(o, PATH, MANAGER, "RenewDue", NULL);
    if (turn % 4 == 3)
        ask(o, PATH, MANAGER, "Unregister", g_variant_new("(ss)", "other", name));
}

static gboolean all_answered(gpointer userdata)
{
    const Others *o = userdata;

    return o->n_answered == o->n_asked;
}

/* A user may have 16 calls that wait for authorization, on a busy machine all of these, and the one to Reload. */
static gboolean few_wait(gpointer userdata)
{
    const Others *o = userdata;

    return o->n_asked - o->n_answered <= 6;
}

static void test_root(void)
{
    g_autoptr(Fixture) f = fixture_new(FIXTURE_NO_DAEMON, MODULE);
    g_autofree char *path = NULL, *bundle = NULL;
    g_autoptr(SignalLog) log = NULL;
    g_autoptr(PkiLeaf) leaf = NULL;
    g_autoptr(Pki) pki = NULL;
    unsigned n = 0;
    Others others = {};

    pki = pki_new(f->directory);
    leaf = pki_issue(pki, "b.example.com", "DNS:b.example.com", "EC", 100);
    bundle = pki_bundle(leaf);
    write_settings(f, n);
    fixture_start_daemon(f, 0);
    others.connection = client_connect(f, 0);
    path = client_find(f->root, "a.example.com");
    client_wait_state(f->root, path, "valid");
    log = signals_new(f->root);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned first = n;
        g_autoptr(GVariant) job =
            client_expect(f->root, PATH_ROOT, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
        g_autofree char *ended = NULL, *done = NULL;
        const char *job_path;

        g_variant_get(job, "(&o)", &job_path);
        ended = g_strdup_printf("'%s', ", job_path);
        done = g_strdup_printf("'%s', 'done'", job_path);
        for (unsigned i = 0; i < RELOADS; i++) {
            g_autoptr(GVariant) reloaded G_GNUC_UNUSED = NULL;

            write_settings(f, ++n);
            reloaded = client_expect(f->root, PATH, MANAGER, "Reload", NULL);
            ask_for_all(&others, i, path, bundle);
            wait_milliseconds(20);
            wait_until(few_wait, &others, "answers");
        }
        signals_wait(log, PATH, "JobRemoved", ended, 1);
        g_assert_cmpuint(signals_count(log, PATH, "JobRemoved", done), ==, 1);
        g_assert_cmpuint(root_number(f), >=, first);
        g_assert_cmpuint(root_number(f), <=, n);
        wait_until(all_answered, &others, "every call to be answered");
        fixture_check_daemon(f);
    }
    g_object_unref(others.connection);
}

static void add(void)
{
    g_test_add_func("/reload/root", test_root);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
