/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "files.h"
#include "pki.h"
#include "signals.h"

/* The methods that find, make and give away certificates. */

#define MODULE \
    "[Module]\nDescription=Test\n" \
    "[Certificate mail.example.com]\nAlternativeNames=imap.example.com smtp.example.com\n" \
    "[Certificate *.apps.example.com]\n" \
    "[Certificate one.apps.example.com]\n" \
    "[Certificate 192.0.2.7]\n[Certificate 2001:db8::1]\n" \
    "[Certificate xn--bcher-kva.example]\n"

#define UNKNOWN_METHOD "org.freedesktop.DBus.Error.UnknownMethod"
#define UNKNOWN_OBJECT "org.freedesktop.DBus.Error.UnknownObject"

static GVariant *register_arguments(const char *module, const char *name, GVariant *options)
{
    return g_variant_new("(ss@a{sv})", module, name, options ? options : NO_OPTIONS);
}

static void expect_register_error(Fixture *f, const char *module, const char *name, GVariant *options,
                                  const char *error, const char *says)
{
    client_expect_error(f->root, PATH, MANAGER, "Register", register_arguments(module, name, options), error,
                        says);
}

static void check_found(Fixture *f, const char *spelling, const char *path)
{
    g_autofree char *found = client_find(f->root, spelling);

    g_assert_cmpstr(found, ==, path);
}

static void test_get_certificate(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autofree char *mail = client_find(f->root, "mail.example.com"),
                    *apps = client_find(f->root, "*.apps.example.com"),
                    *one = client_find(f->root, "one.apps.example.com"),
                    *v6 = client_find(f->root, "2001:db8::1"),
                    *books = client_find(f->root, "xn--bcher-kva.example");

    g_assert_cmpstr(mail, ==, PATH "/certificate/mail_2eexample_2ecom");
    check_found(f, "MAIL.Example.COM.", mail);
    check_found(f, "imap.example.com", mail);
    check_found(f, "Smtp.Example.Com", mail);
    g_assert_cmpstr(apps, !=, one);
    check_found(f, "two.apps.example.com", apps);
    check_found(f, "ONE.apps.example.com", one);
    check_found(f, "2001:0DB8:0:0:0:0:0:1", v6);
    check_found(f, "B\303\274cher.example", books);
    g_assert_false(client_knows(f->root, "apps.example.com"));
    g_assert_false(client_knows(f->root, "a.b.apps.example.com"));
}

static void test_get_certificate_errors(void)
{
    static const char *const invalid[] = { "",           "..",          "a..b",
                                           "-a.example", "*",           "a.*.example",
                                           "../../x",    "a_b.example", "example.123",
                                           "[::1]",      "a b.com",     "\001.example" };
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autofree char *label = g_strnfill(64, 'a'), *name = g_strnfill(300, 'a'),
                    *huge = g_strnfill(100000, 'a');
    const char *const long_ones[] = { label, name, huge };

    client_expect_error(f->root, PATH, MANAGER, "GetCertificate",
                        g_variant_new("(s)", "unknown.example.net"), "NoSuchCertificate",
                        "unknown.example.net");
    for (size_t i = 0; i < G_N_ELEMENTS(invalid); i++)
        client_expect_error(f->root, PATH, MANAGER, "GetCertificate", g_variant_new("(s)", invalid[i]),
                            "InvalidName", "name");
    for (size_t i = 0; i < G_N_ELEMENTS(long_ones); i++)
        client_expect_error(f->root, PATH, MANAGER, "GetCertificate", g_variant_new("(s)", long_ones[i]),
                            "InvalidName", "name");
}

static void test_register(void)
{
    g_autoptr(Fixture) f = fixture_new(0, NULL);
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autofree char *path = client_register(f->root, "mail", "New.Example.COM.", NULL),
                    *state = client_get_string(f->root, path, "State"), *again = NULL, *first = NULL,
                    *second = NULL;
    g_autoptr(GVariant) modules = client_get(f->root, path, CERTIFICATE, "Modules"),
                        n = client_get(f->root, PATH, MANAGER, "Certificates");
    g_autofree const char **list = g_variant_get_strv(modules, NULL);

    g_assert_cmpstr(path, ==, PATH "/certificate/new_2eexample_2ecom");
    g_assert_cmpstr(state, ==, "valid");
    g_assert_cmpstr(list[0], ==, "mail");
    g_assert_null(list[1]);
    g_assert_cmpuint(g_variant_get_uint32(n), ==, 1);
    signals_wait(log, PATH, "InterfacesAdded", path, 1);
    first = client_get_string(f->root, path, "Fingerprint");
    again = client_register(f->root, "mail", "new.example.com", NULL);
    second = client_get_string(f->root, path, "Fingerprint");
    g_assert_cmpstr(again, ==, path);
    g_assert_cmpstr(first, ==, second);
    signals_settle(log);
    g_assert_cmpuint(signals_count(log, PATH, "InterfacesAdded", path), ==, 1);
}

static GVariant *names_option(guint n)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_STRING_ARRAY);
    for (guint i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("n%u.example.com", i);

        g_variant_builder_add(&b, "s", name);
    }
    return client_option("names", g_variant_builder_end(&b));
}

static void test_register_options(void)
{
    static const char *const key_types[] = { "ecdsa-p256", "ecdsa-p384", "rsa-2048", "ed25519" };
    static const char *const names[] = { "B.example.com.", "a.example.com", "b.example.com", NULL };
    g_autoptr(Fixture) f = fixture_new(0, NULL);
    g_autofree char *path = client_register(f->root, "m", "a.example.com",
                                            client_option("names", g_variant_new_strv(names, -1)));
    g_autoptr(GVariant) all = client_get(f->root, path, CERTIFICATE, "Names");
    g_autofree char *text = g_variant_print(all, FALSE), *pem = NULL, *full = NULL, *most = NULL;

    g_assert_cmpstr(text, ==, "['a.example.com', 'b.example.com']");
    for (size_t i = 0; i < G_N_ELEMENTS(key_types); i++) {
        g_autofree char *name = g_strdup_printf("%s.example.com", key_types[i]),
                        *at = client_register(f->root, "m", name,
                                              client_option("key-type", g_variant_new_string(key_types[i]))),
                        *type = client_get_string(f->root, at, "KeyType");

        g_assert_cmpstr(type, ==, key_types[i]);
    }
    most = client_register(f->root, "m", "most.example.com", names_option(99));
    full = g_build_filename(f->state, "certificates/most.example.com/current/certificate.pem", NULL);
    pem = file_read(full);
    g_assert_nonnull(pem);
    text = (g_free(text), openssl_ask(pem, (const char *const[]){ "-ext", "subjectAltName", NULL }));
    g_assert_nonnull(strstr(text, "DNS:n98.example.com"));
}

static void test_register_errors(void)
{
    static const char *const modules[] = { "", "-a", "../etc", "a b", ".hidden", "a/b", "\303\244" };
    g_autoptr(Fixture) f = fixture_new(0, NULL);
    g_autofree char *before = NULL, *after = NULL, *long_module = g_strnfill(65, 'm');

    g_free(client_register(f->root, "m", "there.example.com", NULL));
    before = directory_digest(f->state);
    for (size_t i = 0; i < G_N_ELEMENTS(modules); i++)
        expect_register_error(f, modules[i], "a.example.com", NULL, "InvalidArgument", "module");
    expect_register_error(f, long_module, "a.example.com", NULL, "InvalidArgument", "64");
    expect_register_error(f, "m", "a..example.com", NULL, "InvalidName", "a..example.com");
    expect_register_error(f, "m", "a.example.com", names_option(100), "LimitsExceeded", "100");
    expect_register_error(f, "m", "a.example.com", names_option(101), "LimitsExceeded", "100");
    expect_register_error(f, "m", "a.example.com", names_option(5000), "LimitsExceeded", "100");
    expect_register_error(f, "m", "a.example.com", client_option("key-type", g_variant_new_string("dsa")),
                          "InvalidArgument", "key-type");
    expect_register_error(f, "m", "a.example.com", client_option("key-type", g_variant_new_int32(1)),
                          "InvalidArgument", "key-type");
    expect_register_error(f, "m", "a.example.com", client_option("names", g_variant_new_string("x")),
                          "InvalidArgument", "names");
    expect_register_error(f, "m", "a.example.com", client_option("colour", g_variant_new_string("x")),
                          "InvalidArgument", "colour");
    expect_register_error(f, "m", "a.example.com",
                          client_option("names", g_variant_new_strv((const char *const[]){ "x..y" }, 1)),
                          "InvalidName", "x..y");
    client_expect_error(f->root, PATH, MANAGER, "Register", g_variant_new("(s)", "m"),
                        "org.freedesktop.DBus.Error.InvalidArgs", NULL);
    after = directory_digest(f->state);
    g_assert_cmpstr(after, ==, before);
    g_assert_false(client_knows(f->root, "a.example.com"));
}

static void unregister(Fixture *f, const char *module, const char *name)
{
    g_autoptr(GVariant) reply G_GNUC_UNUSED =
        client_expect(f->root, PATH, MANAGER, "Unregister", g_variant_new("(ss)", module, name));
}

static void test_unregister(void)
{
    g_autoptr(Fixture) f = fixture_new(0, "[Certificate file.example.com]\n");
    g_autofree char *path = client_register(f->root, "one", "a.example.com", NULL), *kept = NULL,
                    *text = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(GVariant) modules = NULL;

    g_free(client_register(f->root, "two", "a.example.com", NULL));
    unregister(f, "one", "A.example.com.");
    g_assert_true(client_knows(f->root, "a.example.com"));
    modules = client_get(f->root, path, CERTIFICATE, "Modules");
    text = g_variant_print(modules, FALSE);
    g_assert_cmpstr(text, ==, "['two']");
    client_expect_error(f->root, PATH, MANAGER, "Unregister", g_variant_new("(ss)", "one", "a.example.com"),
                        "NoSuchCertificate", "a.example.com");
    unregister(f, "two", "a.example.com");
    g_assert_false(client_knows(f->root, "a.example.com"));
    signals_wait(log, PATH, "InterfacesRemoved", path, 1);
    signals_settle(log);
    g_assert_cmpuint(signals_count(log, PATH, "InterfacesRemoved", path), ==, 1);
    client_expect_error(f->root, path, "org.freedesktop.DBus.Properties", "Get",
                        g_variant_new("(ss)", CERTIFICATE, "Name"), "NoSuchCertificate", path);
    kept = g_build_filename(f->state, "certificates/a.example.com/current/privkey.pem", NULL);
    g_assert_true(g_file_test(kept, G_FILE_TEST_EXISTS));
    client_expect_error(f->root, PATH, MANAGER, "Unregister",
                        g_variant_new("(ss)", "test", "file.example.com"), "NoSuchCertificate",
                        "module file");
    client_expect_error(f->root, PATH, MANAGER, "Unregister",
                        g_variant_new("(ss)", "one", "never.example.com"), "NoSuchCertificate",
                        "never.example.com");
    client_expect_error(f->root, PATH, MANAGER, "Unregister", g_variant_new("(ss)", "one", "a..b"),
                        "InvalidName", NULL);
}

/* What is registered is so again after a restart, and what was taken back comes back with the same chain. */
static void test_registrations_last(void)
{
    g_autoptr(Fixture) f = fixture_new(0, NULL);
    g_autofree char *path = client_register(f->root, "one", "a.example.com", NULL), *before = NULL,
                    *after = NULL, *back = NULL;

    before = client_get_string(f->root, path, "Fingerprint");
    fixture_stop_daemon(f);
    fixture_start_daemon(f, 0);
    after = client_get_string(f->root, path, "Fingerprint");
    g_assert_cmpstr(after, ==, before);
    unregister(f, "one", "a.example.com");
    fixture_stop_daemon(f);
    fixture_start_daemon(f, 0);
    g_assert_false(client_knows(f->root, "a.example.com"));
    g_free(client_register(f->root, "one", "a.example.com", NULL));
    back = client_get_string(f->root, path, "Fingerprint");
    g_assert_cmpstr(back, ==, before);
}

static char *export(Fixture *f, const char *path, const char *interface, const char *member,
                    const char *format, gsize *size)
{
    GVariant *options = format ? client_option("format", g_variant_new_string(format)) : NO_OPTIONS;
    g_autoptr(GVariant) reply =
        client_expect(f->root, path, interface, member, g_variant_new("(@a{sv})", options));

    return client_bytes(reply, size);
}

static guint count_certificates(const char *pem)
{
    guint n = 0;

    while ((pem = strstr(pem, "-----BEGIN CERTIFICATE-----"))) {
        pem++;
        n++;
    }
    return n;
}

static void test_export(void)
{
    static const char *const der[] = { "openssl", "x509", "-inform", "DER", "-noout", NULL };
    static const char *const pkcs7[] = {
        "openssl", "pkcs7", "-inform", "DER", "-noout", "-print_certs", NULL
    };
    static const char *const fingerprint[] = { "-fingerprint", "-sha256", NULL };
    g_autoptr(Fixture) f = fixture_new(0, NULL);
    g_autofree char *path = client_register(f->root, "m", "a.example.com", NULL), *chain = NULL,
                    *leaf = NULL, *bag = NULL, *root = NULL, *same = NULL, *root_der = NULL, *own = NULL,
                    *digest = NULL, *asked = NULL;
    g_autoptr(GVariant) expected = client_get(f->root, PATH, MANAGER, "RootFingerprint");
    gsize size;

    chain = export(f, path, CERTIFICATE, "Export", NULL, NULL);
    g_assert_cmpuint(count_certificates(chain), >=, 1);
    g_assert_null(strstr(chain, "PRIVATE"));
    leaf = export(f, path, CERTIFICATE, "Export", "der", &size);
    g_assert_true(openssl_parses(leaf, size, der));
    digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)leaf, size);
    asked = client_get_string(f->root, path, "Fingerprint");
    g_assert_cmpstr(digest, ==, asked);
    bag = export(f, path, CERTIFICATE, "Export", "pkcs7", &size);
    g_assert_true(openssl_parses(bag, size, pkcs7));
    root = export(f, PATH, MANAGER, "ExportRoot", "pem", NULL);
    same = export(f, path, CERTIFICATE, "ExportRoot", NULL, NULL);
    own = export(f, PATH_ROOT, CERTIFICATE, "Export", NULL, NULL);
    g_assert_cmpstr(root, ==, same);
    g_assert_cmpstr(root, ==, own);
    g_assert_true(openssl_verify(root, chain));
    root_der = export(f, PATH, MANAGER, "ExportRoot", "der", &size);
    g_assert_true(openssl_parses(root_der, size, der));
    g_free(digest);
    digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)root_der, size);
    g_assert_cmpstr(digest, ==, g_variant_get_string(expected, NULL));
    g_free(openssl_ask(root, fingerprint));
}

static void test_export_errors(void)
{
    g_autoptr(Fixture) f = fixture_new(0, NULL);
    g_autofree char *path = client_register(f->root, "m", "a.example.com", NULL);
    const char *const places[][3] = { { path, CERTIFICATE, "Export" },
                                      { path, CERTIFICATE, "ExportRoot" },
                                      { PATH, MANAGER, "ExportRoot" } };

    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        client_expect_error(f->root, places[i][0], places[i][1], places[i][2],
                            g_variant_new("(@a{sv})", client_option("format", g_variant_new_string("p12"))),
                            "InvalidArgument", "format");
        client_expect_error(f->root, places[i][0], places[i][1], places[i][2],
                            g_variant_new("(@a{sv})", client_option("format", g_variant_new_boolean(TRUE))),
                            "InvalidArgument", "format");
        client_expect_error(
            f->root, places[i][0], places[i][1], places[i][2],
            g_variant_new("(@a{sv})", client_option("passphrase", g_variant_new_string("x"))),
            "InvalidArgument", "passphrase");
    }
    client_expect_error(
        f->root, path, CERTIFICATE, "Export",
        g_variant_new("(@a{sv})", client_option("format", g_variant_new_string("fingerprint"))),
        "InvalidArgument", "format");
}

static void test_unknown_objects(void)
{
    static const char *const paths[] = { PATH "/certificate/none_2eexample",
                                         PATH "/certificate/none_2eexample/below",
                                         PATH "/certificate/_zz",
                                         PATH "/certificate",
                                         PATH "/job",
                                         PATH "/job/99",
                                         PATH "/job/x",
                                         PATH "/root/below",
                                         "/",
                                         "/org",
                                         PATH "/job/18446744073709551616" };
    g_autoptr(Fixture) f = fixture_new(0, NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        const char *interface = strstr(paths[i], "/job") ? JOB : CERTIFICATE;
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *name = NULL;

        reply = strstr(paths[i], "/job") ? client_call(f->root, paths[i], interface, "Cancel", NULL, &error)
                                         : client_call(f->root, paths[i], interface, "Reissue",
                                                       g_variant_new("(@a{sv})", NO_OPTIONS), &error);
        name = client_error_name(error);
        g_assert_true(strcmp(name, "NoSuchCertificate") == 0 || strcmp(name, "NoSuchJob") == 0 ||
                      strcmp(name, UNKNOWN_METHOD) == 0 || strcmp(name, UNKNOWN_OBJECT) == 0);
    }
    client_expect_error(f->root, PATH "/certificate/none_2eexample", CERTIFICATE, "Reissue",
                        g_variant_new("(@a{sv})", NO_OPTIONS), "NoSuchCertificate", "GetCertificate");
    client_expect_error(f->root, PATH "/job/99", JOB, "Cancel", NULL, "NoSuchJob", "99");
    client_expect_error(f->root, PATH, MANAGER, "NoSuchMethod", NULL, UNKNOWN_METHOD, NULL);
}

static void add(void)
{
    g_test_add_func("/bus/methods/get-certificate", test_get_certificate);
    g_test_add_func("/bus/methods/get-certificate-errors", test_get_certificate_errors);
    g_test_add_func("/bus/methods/register", test_register);
    g_test_add_func("/bus/methods/register-options", test_register_options);
    g_test_add_func("/bus/methods/register-errors", test_register_errors);
    g_test_add_func("/bus/methods/unregister", test_unregister);
    g_test_add_func("/bus/methods/registrations-last", test_registrations_last);
    g_test_add_func("/bus/methods/export", test_export);
    g_test_add_func("/bus/methods/export-errors", test_export_errors);
    g_test_add_func("/bus/methods/unknown-objects", test_unknown_objects);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
