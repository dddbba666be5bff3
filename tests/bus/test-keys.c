/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "descriptors.h"
#include "files.h"
#include "guard.h"
#include "pending.h"
#include "pki.h"
#include "process.h"

/* OpenKey: what is handed out, in which forms, how it is sealed, and to whom. */

#define MODULE "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\nKeyType=rsa-2048\n"
#define SECRET "gr\303\274ne Neune \342\202\254"

typedef struct Scene {
    Fixture *fixture;
    char *a, *b; /* an EC key, an RSA key */
    unsigned n_files;
} Scene;

static Scene *scene_new(void)
{
    Scene *s = g_new0(Scene, 1);

    s->fixture = fixture_new(0, MODULE);
    s->a = client_find(s->fixture->root, "a.example.com");
    s->b = client_find(s->fixture->root, "b.example.com");
    client_wait_state(s->fixture->root, s->a, "valid");
    client_wait_state(s->fixture->root, s->b, "valid");
    return s;
}

static void scene_free(Scene *s)
{
    fixture_free(s->fixture);
    g_free(s->a);
    g_free(s->b);
    g_free(s);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scene, scene_free)

/* NULL: the option is not there. */
static GVariant *options(const char *format, const char *passphrase)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    if (format)
        g_variant_builder_add(&b, "{sv}", "format", g_variant_new_string(format));
    if (passphrase)
        g_variant_builder_add(&b, "{sv}", "passphrase", g_variant_new_string(passphrase));
    return g_variant_builder_end(&b);
}

static char *open_key(Scene *s, const char *path, const char *format, const char *passphrase,
                      gsize *ret_size)
{
    g_autoptr(GError) error = NULL;
    int fd = descriptor_open_key(s->fixture->root, path, options(format, passphrase), &error);
    char *data;

    g_assert_no_error(error);
    data = descriptor_read(fd, ret_size);
    close(fd);
    return data;
}

static char *export(Scene *s, const char *path, const char *member)
{
    g_autoptr(GVariant) reply =
        client_expect(s->fixture->root, path, CERTIFICATE, member, g_variant_new("(@a{sv})", NO_OPTIONS));

    return client_bytes(reply, NULL);
}

/* The public key of a certificate, or of a private key that the passphrase opens. */
static char *public_of_certificate(const char *pem)
{
    static const char *const argv[] = { "openssl", "x509", "-noout", "-pubkey", NULL };

    return openssl_filter(argv, pem, strlen(pem), NULL);
}

static char *public_of_key(const char *pem, const char *passphrase)
{
    g_autofree char *password = g_strdup_printf("pass:%s", passphrase ? passphrase : "");
    const char *const argv[] = { "openssl", "pkey", "-pubout", "-passin", password, NULL };

    return openssl_filter(argv, pem, strlen(pem), NULL);
}

static gboolean opens(const void *data, gsize size, const char *command, const char *passphrase)
{
    g_autofree char *password = g_strdup_printf("pass:%s", passphrase);
    const char *const argv[] = { "openssl", command, "-noout", "-passin", password, NULL };

    return openssl_parses(data, size, argv);
}

static guint count(const char *text, const char *what)
{
    guint n = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

/* Key, then the chain as Export gives it. */
static void check_pem(Scene *s, const char *path, const char *file, const char *label,
                      const char *passphrase)
{
    g_autofree char *begin = g_strdup_printf("-----BEGIN %s-----\n", label),
                    *chain = export(s, path, "Export"), *of_key = public_of_key(file, passphrase),
                    *of_leaf = public_of_certificate(chain);

    g_assert_true(g_str_has_prefix(file, begin));
    g_assert_cmpuint(count(file, "PRIVATE KEY-----\n"), ==, 2);
    g_assert_true(g_str_has_suffix(file, chain));
    g_assert_cmpstr(of_key, ==, of_leaf);
}

static void test_pem(void)
{
    g_autoptr(Scene) s = scene_new();
    const char *const paths[] = { s->a, s->b, PATH_ROOT };

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *file = open_key(s, paths[i], NULL, NULL, NULL),
                        *named = open_key(s, paths[i], "pem", NULL, NULL);

        check_pem(s, paths[i], file, "PRIVATE KEY", NULL);
        g_assert_cmpstr(file, ==, named);
    }
}

static void test_encrypted_pem(void)
{
    static const char *const dump[] = { "openssl", "asn1parse", NULL };
    g_autoptr(Scene) s = scene_new();
    const char *const paths[] = { s->a, s->b, PATH_ROOT };

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        gsize size;
        g_autofree char *file = open_key(s, paths[i], "pem", SECRET, &size),
                        *again = open_key(s, paths[i], NULL, SECRET, NULL),
                        *structure = openssl_filter(dump, file, size, NULL);

        check_pem(s, paths[i], file, "ENCRYPTED PRIVATE KEY", SECRET);
        g_assert_null(strstr(file, "BEGIN PRIVATE KEY"));
        g_assert_false(opens(file, size, "pkey", "wrong"));
        g_assert_nonnull(strstr(structure, "aes-256-cbc"));
        g_assert_nonnull(strstr(structure, "PBKDF2"));
        g_assert_nonnull(strstr(structure, "hmacWithSHA256"));
        g_assert_cmpstr(file, !=, again); /* each has a salt of its own */
    }
}

/* What openssl tells of the parts of a PKCS#12 file. */
static char *describe_pkcs12(Scene *s, const void *data, gsize size, const char *passphrase)
{
    g_autofree char *file = g_strdup_printf("%s/%u.p12", s->fixture->directory, s->n_files++),
                    *password = g_strdup_printf("pass:%s", passphrase);
    const char *const argv[] = {
        "sh", "-c", "openssl pkcs12 -info -noout -in \"$0\" -passin \"$1\" 2>&1", file, password, NULL
    };
    char *text;

    g_assert_true(g_file_set_contents(file, data, (gssize)size, NULL));
    text = process_run(argv, NULL, NULL);
    g_assert_nonnull(text);
    return text;
}

static void check_algorithms(const char *text)
{
    static const char *const old[] = {
        "RC2", "RC4", "DES", "SHA1", "sha1,", "md5", "AES-128", "unencrypted"
    };

    g_assert_nonnull(strstr(text, "MAC: sha256"));
    g_assert_nonnull(strstr(text, "Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC"));
    g_assert_nonnull(strstr(text, "Encrypted data: PBES2, PBKDF2, AES-256-CBC"));
    g_assert_cmpuint(count(text, "PKCS7 Data"), ==, 1); /* the one that the key is in */
    g_assert_cmpuint(count(text, "Certificate bag"), >=, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(old); i++)
        if (strstr(text, old[i]))
            g_error("%s is in the PKCS#12 file:\n%s", old[i], text);
}

/* The bodies of the certificates, in order: what stands around them differs between writers. */
static GPtrArray *certificates_of(const char *text)
{
    GPtrArray *l = g_ptr_array_new_with_free_func(g_free);
    const char *begin, *end;

    while ((begin = strstr(text, "-----BEGIN CERTIFICATE-----")) &&
           (end = strstr(begin, "-----END CERTIFICATE-----"))) {
        g_ptr_array_add(l, g_strndup(begin, (gsize)(end - begin)));
        text = end;
    }
    return l;
}

/* Exactly these, in any order. */
static void check_certificates(const char *text, const char *expected)
{
    g_autoptr(GPtrArray) are = certificates_of(text);
    g_autoptr(GPtrArray) wanted = certificates_of(expected);

    g_assert_cmpuint(are->len, ==, wanted->len);
    for (guint i = 0; i < wanted->len; i++)
        g_assert_true(
            g_ptr_array_find_with_equal_func(are, g_ptr_array_index(wanted, i), g_str_equal, NULL));
}

static void check_pkcs12(Scene *s, const char *path, const char *passphrase, const char *root)
{
    g_autofree char *password = g_strdup_printf("pass:%s", passphrase);
    const char *const open[] = { "openssl", "pkcs12", "-nodes", "-passin", password, NULL };
    gsize size;
    g_autofree char *file = open_key(s, path, "pkcs12", passphrase, &size),
                    *chain = export(s, path, "Export"), *all = g_strconcat(chain, root, NULL),
                    *text = openssl_filter(open, file, size, NULL), *of_key = public_of_key(text, NULL),
                    *of_leaf = public_of_certificate(chain),
                    *description = describe_pkcs12(s, file, size, passphrase);

    g_assert_cmpstr(of_key, ==, of_leaf);
    g_assert_cmpuint(count(text, "BEGIN PRIVATE KEY"), ==, 1);
    check_certificates(text, all);
    check_algorithms(description);
    g_assert_false(opens(file, size, "pkcs12", "wrong"));
    g_assert_false(opens(file, size, "pkcs12", ""));
}

static void test_pkcs12(void)
{
    g_autoptr(Scene) s = scene_new();
    g_autofree char *root = export(s, PATH_ROOT, "ExportRoot"), *longest = g_strnfill(1024, 'x');

    check_pkcs12(s, s->a, "plain", root);
    check_pkcs12(s, s->b, SECRET, root);
    check_pkcs12(s, s->a, longest, root);
    check_pkcs12(s, PATH_ROOT, SECRET, "");
}

/* The key that came, its chain without the root in PEM and with it in PKCS#12. */
static void test_uploaded(void)
{
    g_autoptr(Scene) s = scene_new();
    g_autoptr(Pki) pki = pki_new(s->fixture->directory);
    g_autoptr(PkiLeaf) leaf = pki_issue(pki, "leaf-a", "DNS:a.example.com", "RSA", 30);
    g_autofree char *bundle = pki_bundle(leaf), *whole = g_strconcat(leaf->root, bundle, NULL), *file = NULL,
                    *of_file = NULL, *of_leaf = public_of_key(leaf->key, NULL);

    descriptor_expect_upload(s->fixture->root, s->a, whole);
    file = open_key(s, s->a, "pem", NULL, NULL);
    of_file = public_of_key(file, NULL);
    g_assert_cmpstr(of_file, ==, of_leaf);
    check_pem(s, s->a, file, "PRIVATE KEY", NULL);
    g_assert_cmpuint(count(file, "BEGIN CERTIFICATE"), ==, 2);
    check_pkcs12(s, s->a, SECRET, leaf->root);
}

/* Whoever has the descriptor cannot change what another with a copy of it reads. */
static void test_sealed(void)
{
    static const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    static const char *const formats[] = { "pem", "pkcs12" };
    g_autoptr(Scene) s = scene_new();

    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        int fd = descriptor_open_key(s->fixture->root, s->a, options(formats[i], SECRET), NULL);
        gsize size;
        g_autofree char *before = descriptor_read(fd, &size), *after = NULL;

        g_assert_cmpint(lseek(fd, 0, SEEK_CUR), ==, 0);
        g_assert_cmpint(fcntl(fd, F_GET_SEALS) & all, ==, all);
        g_assert_cmpint(pwrite(fd, "x", 1, 0), ==, -1);
        g_assert_cmpint(pwrite(fd, "x", 1, (off_t)size), ==, -1);
        g_assert_cmpint(ftruncate(fd, 0), ==, -1);
        g_assert_cmpint(ftruncate(fd, 1 << 20), ==, -1);
        g_assert_true(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
        g_assert_cmpint(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), ==, -1);
        after = descriptor_read(fd, NULL);
        g_assert_cmpmem(after, size, before, size);
        close(fd);
    }
}

static void refuse(Scene *s, GVariant *arguments, const char *error, const char *says)
{
    client_expect_error(s->fixture->root, s->a, CERTIFICATE, "OpenKey", g_variant_new("(@a{sv})", arguments),
                        error, says);
}

static void test_errors(void)
{
    static const char *const formats[] = { "", "der", "p12", "PEM", "pkcs7", "pem ", "fingerprint" };
    g_autoptr(Scene) s = scene_new();
    g_autofree char *too_long = g_strnfill(1025, 'x');
    Guard guard = guard_begin(s->fixture);

    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
        refuse(s, options(formats[i], "secret"), "InvalidArgument", "format");
    refuse(s, options("pkcs12", NULL), "PassphraseRequired", "passphrase");
    refuse(s, options("pkcs12", ""), "PassphraseRequired", "passphrase");
    refuse(s, options("pem", ""), "InvalidArgument", "passphrase");
    refuse(s, options(NULL, ""), "InvalidArgument", "passphrase");
    refuse(s, options("pem", too_long), "LimitsExceeded", "1024");
    refuse(s, options("pkcs12", too_long), "LimitsExceeded", "1024");
    refuse(s, client_option("colour", g_variant_new_string("red")), "InvalidArgument", "colour");
    refuse(s, client_option("key", g_variant_new_string("x")), "InvalidArgument", "key");
    refuse(s, client_option("format", g_variant_new_boolean(TRUE)), "InvalidArgument", "format");
    refuse(s, client_option("passphrase", g_variant_new_bytestring("x")), "InvalidArgument", "passphrase");
    client_expect_error(s->fixture->root, PATH "/certificate/none_2eexample", CERTIFICATE, "OpenKey",
                        g_variant_new("(@a{sv})", NO_OPTIONS), "NoSuchCertificate", "GetCertificate");
    guard_end(&guard);
}

static gboolean is_known(gpointer userdata)
{
    return client_knows(userdata, "a.example.com");
}

/* Before there is a chain there is no key. */
static void test_pending(void)
{
    g_autoptr(Fixture) f = fixture_new(FIXTURE_HOLD_DISK, "[Module]\n");
    g_autofree char *path = NULL, *state = NULL;
    Pending *reload;
    int fd;

    fixture_hold_disk(f);
    fixture_write_module(f, "test", MODULE);
    reload = pending_new(f->root, PATH, MANAGER, "Reload", NULL);
    wait_until(is_known, f->root, "the certificate");
    path = client_find(f->root, "a.example.com");
    state = client_get_string(f->root, path, "State");
    g_assert_cmpstr(state, ==, "pending");
    client_expect_error(f->root, path, CERTIFICATE, "OpenKey", g_variant_new("(@a{sv})", NO_OPTIONS),
                        "NoSuchCertificate", "no chain");
    fixture_release_disk(f);
    pending_expect(reload, "");
    client_wait_state(f->root, path, "valid");
    fd = descriptor_open_key(f->root, path, NO_OPTIONS, NULL);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
}

/* Keys are for administrators, whatever form they are asked for in; and the journal says who had one. */
static void test_who(void)
{
    static const char *const users[] = { "nobody", "daemon", "certwright" };
    g_autoptr(Scene) s = scene_new();
    const char *const paths[] = { s->a, s->b, PATH_ROOT };
    g_autofree char *log = NULL;
    Guard guard = guard_begin(s->fixture);

    for (size_t u = 0; u < G_N_ELEMENTS(users); u++) {
        g_autoptr(GDBusConnection) c = client_connect(s->fixture, fixture_uid(users[u]));

        for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
            for (int p12 = 0; p12 < 2; p12++)
                client_expect_error(
                    c, paths[i], CERTIFICATE, "OpenKey",
                    g_variant_new("(@a{sv})", options(p12 ? "pkcs12" : "pem", p12 ? SECRET : NULL)),
                    "NotAuthorized", "OpenKey");
    }
    g_free(open_key(s, s->a, NULL, NULL, NULL));
    guard_end(&guard);
    log = file_read(s->fixture->daemon_log);
    g_assert_nonnull(strstr(log, "User root asked for OpenKey of a.example.com: done"));
    g_assert_nonnull(strstr(log, "asked for OpenKey of root: NotAuthorized"));
}

/* Many at once. */

typedef struct Crowd {
    guint n_answered, n_keys;
} Crowd;

static void on_key(GObject *source, GAsyncResult *result, gpointer userdata)
{
    g_autoptr(GUnixFDList) fds = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), &fds, result, NULL);
    Crowd *crowd = userdata;

    crowd->n_answered++;
    crowd->n_keys += reply && fds && g_unix_fd_list_get_length(fds) == 1;
}

static void ask_for_keys(GDBusConnection *c, const char *path, guint n, Crowd *crowd)
{
    for (guint i = 0; i < n; i++)
        g_dbus_connection_call_with_unix_fd_list(c, SERVICE, path, CERTIFICATE, "OpenKey",
                                                 g_variant_new("(@a{sv})", options("pkcs12", SECRET)), NULL,
                                                 0, 120000, NULL, NULL, on_key, crowd);
}

static guint count_descriptors(const Fixture *f)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)f->daemon);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

typedef struct Count {
    const Fixture *fixture;
    guint at_most;
} Count;

static gboolean has_closed_them(gpointer userdata)
{
    const Count *c = userdata;

    return count_descriptors(c->fixture) <= c->at_most;
}

static void test_many(void)
{
    g_autoptr(Scene) s = scene_new();
    g_autoptr(GDBusConnection) other = client_connect(s->fixture, fixture_uid("nobody"));
    g_autoptr(GDBusConnection) second = client_connect(s->fixture, fixture_uid("daemon"));
    Count before = { s->fixture, count_descriptors(s->fixture) };
    guint n_gets = 0, n_between = 0, seen = 0;
    gint64 longest = 0;
    Crowd crowd = { 0 };

    fixture_set_rules(s->fixture,
                      "polkit.addRule(function(action, subject) {\n"
                      "    if (action.id == 'org.certwright1.read-key') return polkit.Result.YES;\n"
                      "});\n");
    /* Not more of one user than may wait for polkit at once. */
    ask_for_keys(s->fixture->root, s->a, 10, &crowd);
    ask_for_keys(second, s->a, 10, &crowd);
    while (crowd.n_answered < 20) {
        gint64 begin = g_get_monotonic_time();
        g_autofree char *state = client_get_string(other, s->a, "State");

        longest = MAX(longest, g_get_monotonic_time() - begin);
        g_assert_cmpstr(state, ==, "valid");
        n_gets++;
        while (g_main_context_iteration(NULL, FALSE))
            ;
        n_between += crowd.n_answered > seen;
        seen = crowd.n_answered;
    }
    g_test_message("%u properties were read, with keys answered between %u of them; the longest took %.3f s",
                   n_gets, n_between, (double)longest / G_USEC_PER_SEC);
    g_assert_cmpuint(crowd.n_keys, ==, 20);
    g_assert_cmpuint(n_gets, >=, 20);
    g_assert_cmpuint(n_between, >=, 4); /* they did not wait for all the keys */
    wait_until(has_closed_them, &before, "the service to close its descriptors");
}

/* A caller that goes leaves nothing behind. */
static void test_caller_goes(void)
{
    g_autoptr(Scene) s = scene_new();
    Count before = { s->fixture, count_descriptors(s->fixture) };

    for (int i = 0; i < 5; i++) {
        GDBusConnection *c = client_connect(s->fixture, 0);
        Crowd crowd = { 0 };

        ask_for_keys(c, s->a, 10, &crowd);
        g_dbus_connection_flush_sync(c, NULL, NULL);
        g_usleep((gulong)i * 10000);
        g_dbus_connection_close_sync(c, NULL, NULL);
        while (crowd.n_answered < 10)
            g_main_context_iteration(NULL, TRUE);
        g_object_unref(c);
    }
    g_free(open_key(s, s->a, NULL, NULL, NULL));
    wait_until(has_closed_them, &before, "the service to close its descriptors");
    fixture_check_daemon(s->fixture);
}

static void add(void)
{
    g_test_add_func("/bus/keys/pem", test_pem);
    g_test_add_func("/bus/keys/encrypted-pem", test_encrypted_pem);
    g_test_add_func("/bus/keys/pkcs12", test_pkcs12);
    g_test_add_func("/bus/keys/uploaded", test_uploaded);
    g_test_add_func("/bus/keys/sealed", test_sealed);
    g_test_add_func("/bus/keys/errors", test_errors);
    g_test_add_func("/bus/keys/pending", test_pending);
    g_test_add_func("/bus/keys/who", test_who);
    g_test_add_func("/bus/keys/many", test_many);
    g_test_add_func("/bus/keys/caller-goes", test_caller_goes);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
