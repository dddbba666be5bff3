/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "files.h"
#include "pki.h"
#include "process.h"
#include "signals.h"

/* Everything that goes over the bus is recorded while every kind of work is done: no private key is in it,
 * nor in what the daemon writes to its log. */

#define MODULE "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\n"

/* Every key that there is or was. */
typedef struct Keys {
    GHashTable *pems;
} Keys;

static void keys_add(Keys *k, const char *text)
{
    const char *begin, *end;

    while ((begin = strstr(text, "-----BEGIN ")) && (end = strstr(begin + 1, "-----END ")) &&
           (end = strstr(end, "-----\n"))) {
        text = end + 1;
        if (strncmp(begin + 11, "CERTIFICATE", 11) != 0)
            g_hash_table_add(k->pems, g_strndup(begin, (gsize)(end + 6 - begin)));
    }
}

static void keys_collect(Keys *k, const Fixture *f)
{
    g_autofree char *leaves = directory_collect(f->state, "privkey.pem"),
                    *root = directory_collect(f->state, "key.pem");

    keys_add(k, leaves);
    keys_add(k, root);
}

/* The number itself, as it stands in the DER: openssl prints it as lines of hexadecimal bytes behind
 * "priv:". */
static GByteArray *raw_scalar(const char *pem)
{
    g_autoptr(GSubprocess) process =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, NULL, "openssl",
                         "pkey", "-noout", "-text", NULL);
    g_autofree char *text = NULL;
    GByteArray *scalar = g_byte_array_new();
    const char *at;

    g_assert_true(g_subprocess_communicate_utf8(process, pem, NULL, &text, NULL, NULL));
    at = strstr(text, "priv:");
    if (!at)
        at = strstr(text, "privateExponent:");
    g_assert_nonnull(at);
    for (at = strchr(at, '\n'); at && *at; at++) {
        int high = g_ascii_xdigit_value(at[0]), low = high < 0 ? -1 : g_ascii_xdigit_value(at[1]);
        guint8 byte = (guint8)(high * 16 + low);

        if (g_ascii_isalpha(*at) && low < 0)
            break;
        if (low < 0)
            continue;
        if (byte > 0 || scalar->len > 0)
            g_byte_array_append(scalar, &byte, 1);
        at++;
    }
    g_assert_cmpuint(scalar->len, >=, 24);
    return scalar;
}

/* The public half of a key. */
static GBytes *public_key(const char *pem)
{
    g_autoptr(GSubprocess) process =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, NULL, "openssl",
                         "pkey", "-pubout", "-outform", "DER", NULL);
    g_autoptr(GBytes) in = g_bytes_new_static(pem, strlen(pem));
    GBytes *out = NULL;

    g_assert_true(g_subprocess_communicate(process, in, NULL, &out, NULL, NULL));
    return out;
}

/* A line of a key's PEM, unless there is nothing in it but the public half, which a certificate has too. */
static void check_line(Monitor *m, const char *log, const char *line, GBytes *public)
{
    g_autofree guchar *data = NULL;
    gsize size, public_size;
    const void *public_data = g_bytes_get_data(public, &public_size);

    if (strncmp(line, "-----", 5) == 0 || strlen(line) < 16)
        return;
    data = g_base64_decode(line, &size);
    if (memmem(public_data, public_size, data, size))
        return;
    g_assert_false(monitor_contains(m, line, strlen(line)));
    g_assert_null(strstr(log, line));
}

static void check_key(Monitor *m, const char *log, const char *pem)
{
    g_auto(GStrv) lines = g_strsplit(pem, "\n", -1);
    g_autoptr(GBytes) public = public_key(pem);
    g_autoptr(GByteArray) scalar = raw_scalar(pem);
    g_autofree char *base64 = g_base64_encode(scalar->data, scalar->len);
    g_autoptr(GString) hex = g_string_new(NULL);

    for (char **line = lines; *line; line++)
        check_line(m, log, *line, public);
    g_assert_false(monitor_contains(m, scalar->data, scalar->len));
    g_assert_false(monitor_contains(m, base64, strlen(base64) - 4));
    for (guint i = 0; i < scalar->len; i++)
        g_string_append_printf(hex, "%02x", scalar->data[i]);
    g_assert_false(monitor_contains(m, hex->str, hex->len));
    g_assert_null(strstr(log, hex->str));
}

/* Root's mistakes with an upload: what is in the message must not come back in an error or the log. */
static void make_mistakes(Fixture *f, const char *path, const PkiLeaf *leaf)
{
    g_autofree char *alone = g_strdup(leaf->key),
                    *doubled = g_strconcat(leaf->certificate, leaf->key, leaf->key, NULL),
                    *cut = g_strndup(leaf->key, strlen(leaf->key) - 60),
                    *damaged = g_strconcat(leaf->certificate, cut, NULL);
    const char *const pems[] = { alone, doubled, damaged };

    for (size_t i = 0; i < G_N_ELEMENTS(pems); i++) {
        client_call(f->root, path, CERTIFICATE, "Upload", g_variant_new("(s@a{sv})", pems[i], NO_OPTIONS),
                    NULL);
        client_call(f->root, PATH, MANAGER, "Upload", g_variant_new("(s@a{sv})", pems[i], NO_OPTIONS), NULL);
    }
}

static void read_everything(GDBusConnection *c, const char *path)
{
    static const char *const members[] = { "Export", "ExportRoot" };
    g_autoptr(GVariant) objects G_GNUC_UNUSED =
        client_expect(c, PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL);
    g_autoptr(GVariant) all G_GNUC_UNUSED = client_expect(c, path, "org.freedesktop.DBus.Properties",
                                                          "GetAll", g_variant_new("(s)", CERTIFICATE));

    for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
        for (const char *const *format = (const char *const[]){ "pem", "der", "pkcs7", NULL }; *format;
             format++) {
            g_autoptr(GVariant) reply G_GNUC_UNUSED = client_call(
                c, path, CERTIFICATE, members[i],
                g_variant_new("(@a{sv})", client_option("format", g_variant_new_string(*format))), NULL);
        }
}

static void reissue(Fixture *f, SignalLog *log, const char *path)
{
    g_autoptr(GVariant) reply =
        client_expect(f->root, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    const char *job;

    g_variant_get(reply, "(&o)", &job);
    signals_wait(log, PATH, "JobRemoved", job, 1);
}

static void work(Fixture *f, Keys *keys)
{
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) leaf = pki_issue(pki, "leaf-a", "DNS:a.example.com", "EC", 30);
    g_autoptr(PkiLeaf) rsa = pki_issue(pki, "leaf-b", "DNS:b.example.com", "RSA", 30);
    g_autofree char *a = client_find(f->root, "a.example.com"), *b = client_find(f->root, "b.example.com"),
                    *bundle = pki_bundle(leaf), *rsa_bundle = pki_bundle(rsa);
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(GVariant) one = NULL, two = NULL, three = NULL, four = NULL;

    client_wait_state(f->root, a, "valid");
    keys_collect(keys, f);
    reissue(f, log, a);
    keys_collect(keys, f);
    reissue(f, log, PATH_ROOT);
    keys_collect(keys, f);
    make_mistakes(f, a, leaf);
    one = client_expect(f->root, a, CERTIFICATE, "Upload", g_variant_new("(s@a{sv})", bundle, NO_OPTIONS));
    two =
        client_expect(f->root, PATH, MANAGER, "Upload", g_variant_new("(s@a{sv})", rsa_bundle, NO_OPTIONS));
    g_free(client_register(f->root, "m", "c.example.com",
                           client_option("key-type", g_variant_new_string("rsa-2048"))));
    keys_collect(keys, f);
    read_everything(f->root, a);
    read_everything(f->root, b);
    read_everything(f->root, PATH_ROOT);
    three = client_expect(f->root, PATH, MANAGER, "ListUploads", NULL);
    four = client_expect(f->root, PATH, MANAGER, "RemoveUpload", g_variant_new("(s)", leaf->fingerprint));
    keys_collect(keys, f);
    keys_add(keys, leaf->key);
    keys_add(keys, rsa->key);
    signals_settle(log);
}

static void test_bus(void)
{
    g_autoptr(Fixture) f = fixture_new(FIXTURE_NO_DAEMON, MODULE);
    g_autoptr(Monitor) monitor = monitor_new(f);
    Keys keys = { g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) };
    g_autofree char *log = NULL;
    GHashTableIter it;
    gpointer pem;

    fixture_start_daemon(f, 0);
    work(f, &keys);
    wait_milliseconds(200);
    g_assert_true(monitor_contains(monitor, "-----BEGIN CERTIFICATE-----", 27)); /* it does listen */
    g_assert_cmpuint(monitor_messages(monitor), >, 100);
    g_assert_cmpuint(g_hash_table_size(keys.pems), >=, 8);
    log = file_read(f->daemon_log);
    g_hash_table_iter_init(&it, keys.pems);
    while (g_hash_table_iter_next(&it, &pem, NULL))
        check_key(monitor, log, pem);
    g_hash_table_unref(keys.pems);
}

/* And its files are closed to everybody else. */
static void test_files(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autofree char *a = client_find(f->root, "a.example.com"), *key = NULL;
    const char *const read_key[] = {
        "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "cat", NULL, NULL
    };
    const char *argv[G_N_ELEMENTS(read_key)];

    client_wait_state(f->root, a, "valid");
    key = g_build_filename(f->state, "certificates/a.example.com/current/privkey.pem", NULL);
    g_assert_true(g_file_test(key, G_FILE_TEST_EXISTS));
    memcpy(argv, read_key, sizeof(argv));
    argv[5] = key;
    g_assert_null(process_run(argv, NULL, NULL));
}

static void add(void)
{
    g_test_add_func("/bus/secrets/bus", test_bus);
    g_test_add_func("/bus/secrets/files", test_files);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
