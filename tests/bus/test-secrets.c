/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "descriptors.h"
#include "files.h"
#include "pki.h"
#include "process.h"
#include "signals.h"

/* Everything that goes over the bus is recorded while every kind of work is done: no private key and no passphrase is
 * in it but in the message that brings it, nor in what the daemon writes to its log, nor where other users can look at
 * processes. */

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

/* Passphrases, each in its own place. An allocator overwrites the begin of what is freed, so they begin with what does
 * not matter. */
#define PADDING 32

typedef enum Word {
    WORD_TEXT,
    WORD_TEXT_FOR_ALL,
    WORD_KEY_FILE,
    WORD_PKCS12,
    WORD_WRONG,
    WORD_CHECK,
    WORD_DATA,
    WORD_DATA_FILE,
    WORD_OPEN_PEM,
    WORD_OPEN_PKCS12,
    WORD_DENIED,
    WORD_REFUSED,
    WORD_MAX,
} Word;

typedef struct Words {
    Fixture *fixture;
    Pki *pki;
    Keys keys;
    char *words[WORD_MAX];
    guint imports_seen;
} Words;

static gboolean contains_word(const Words *w, const char *data, gsize size)
{
    for (Word i = 0; i < WORD_MAX; i++)
        if (memmem(data, size, w->words[i] + PADDING, strlen(w->words[i]) - PADDING))
            return TRUE;
    return FALSE;
}

/* Of every process there is: arguments and environment. */
static void look_at_processes(Words *w)
{
    static const char *const files[] = { "cmdline", "environ" };
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)))
        for (size_t i = 0; g_ascii_isdigit(*name) && i < G_N_ELEMENTS(files); i++) {
            g_autofree char *path = g_build_filename("/proc", name, files[i], NULL), *data = NULL;
            gsize size;

            if (!g_file_get_contents(path, &data, &size, NULL))
                continue;
            g_assert_false(contains_word(w, data, size));
            w->imports_seen += i == 0 && size > 0 && strstr(data, "certwright-import") != NULL;
        }
}

/* How often the bytes are in what a process can write to. */
static guint find_in_memory(pid_t pid, const char *what)
{
    g_autofree char *maps = g_strdup_printf("/proc/%d/maps", (int)pid),
                    *memory = g_strdup_printf("/proc/%d/mem", (int)pid), *text = file_read(maps);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    int fd = open(memory, O_RDONLY | O_CLOEXEC);
    guint n = 0;

    g_assert_cmpint(fd, >=, 0);
    for (char **line = lines; *line; line++) {
        unsigned long begin, end;
        g_autofree char *data = NULL;
        const char *at;
        gssize size;

        if (sscanf(*line, "%lx-%lx rw", &begin, &end) != 2 || !strstr(*line, " rw") ||
            end - begin > 1UL << 30)
            continue;
        data = g_malloc(end - begin);
        size = pread(fd, data, end - begin, (off_t)begin);
        for (at = data; size > 0 && (at = memmem(at, (gsize)(data + size - at), what, strlen(what))); at++)
            n++;
    }
    close(fd);
    return n;
}

/* At once after its answer: later, other work may have taken the memory. */
static void check_forgotten(Words *w, Word word)
{
    g_autoptr(GVariant) version G_GNUC_UNUSED = client_get(w->fixture->root, PATH, MANAGER, "Version");

    g_assert_cmpuint(find_in_memory(w->fixture->daemon, w->words[word] + PADDING), ==, 0);
}

static void on_answer(GObject *source, GAsyncResult *result, gpointer userdata)
{
    char **error = userdata;
    g_autoptr(GError) e = NULL;
    g_autoptr(GVariant) reply G_GNUC_UNUSED =
        g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), NULL, result, &e);

    *error = client_error_name(e);
}

/* Looks at the processes all the time until it is answered. */
static void send(Words *w, const char *member, int bundle, int key, Word word, const char *expected)
{
    g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
    g_autofree char *error = NULL;
    GVariantBuilder options;
    int handle = g_unix_fd_list_append(fds, bundle, NULL);

    g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&options, "{sv}", "passphrase", g_variant_new_string(w->words[word]));
    if (key >= 0)
        g_variant_builder_add(&options, "{sv}", "key",
                              g_variant_new_handle(g_unix_fd_list_append(fds, key, NULL)));
    g_dbus_connection_call_with_unix_fd_list(w->fixture->root, SERVICE, PATH, MANAGER, member,
                                             g_variant_new("(ha{sv})", handle, &options), NULL, 0, 120000,
                                             fds, NULL, on_answer, &error);
    while (!error) {
        look_at_processes(w);
        while (g_main_context_iteration(NULL, FALSE))
            ;
    }
    g_assert_cmpstr(error, ==, expected);
    check_forgotten(w, word);
    close(bundle);
    if (key >= 0)
        close(key);
}

/* Takes a while to open, and not longer than an import may. */
#define ITERATIONS (ADDRESS_SPACE_IS_LIMITED ? "200000" : "60000")

static int slow_pkcs12(Words *w, const PkiLeaf *leaf, Word word)
{
    g_autofree char *bundle = pki_bundle(leaf), *file = g_build_filename(w->pki->directory, "in.pem", NULL),
                    *password = g_strdup_printf("pass:%s", w->words[word]), *data = NULL;
    const char *const argv[] = { "openssl", "pkcs12", "-export",  "-iter",  ITERATIONS,
                                 "-in",     file,     "-passout", password, NULL };
    gsize size;

    file_write(file, bundle);
    data = openssl_filter(argv, "", 0, &size);
    return descriptor_new(data, size);
}

static void send_text(Words *w, const char *path, const PkiLeaf *leaf, Word word)
{
    g_autofree char *chain = g_strconcat(leaf->certificate, leaf->intermediate, NULL),
                    *key = pki_encrypt_key(leaf->key, w->words[word]);
    g_autoptr(GVariant) reply = NULL;
    GVariantBuilder options;

    g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&options, "{sv}", "key", g_variant_new_string(key));
    g_variant_builder_add(&options, "{sv}", "passphrase", g_variant_new_string(w->words[word]));
    reply = client_expect(w->fixture->root, path, strcmp(path, PATH) == 0 ? MANAGER : CERTIFICATE, "Upload",
                          g_variant_new("(sa{sv})", chain, &options));
    check_forgotten(w, word);
    keys_add(&w->keys, leaf->key);
}

/* Everything in the message, the passphrase in a file or as text. */
static void send_data(Words *w, const PkiLeaf *leaf, gboolean file, Word word)
{
    g_autofree char *chain = g_strconcat(leaf->certificate, leaf->intermediate, NULL),
                    *key = pki_encrypt_key(leaf->key, w->words[word]);
    int fd = descriptor_new_text(w->words[word]);
    g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;
    GVariantBuilder options;

    g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&options, "{sv}", "key",
                          g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, key, strlen(key), 1));
    if (file)
        g_variant_builder_add(&options, "{sv}", "passphrase-fd",
                              g_variant_new_handle(g_unix_fd_list_append(fds, fd, NULL)));
    else
        g_variant_builder_add(&options, "{sv}", "passphrase", g_variant_new_string(w->words[word]));
    reply = descriptor_call(
        w->fixture->root, PATH, MANAGER, "UploadData",
        g_variant_new("(@aya{sv})", g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, chain, strlen(chain), 1),
                      &options),
        fds, 0, NULL, &error);
    g_assert_no_error(error);
    close(fd);
    check_forgotten(w, word);
    keys_add(&w->keys, leaf->key);
}

/* word WORD_MAX: without. */
static void open_key(Words *w, GDBusConnection *c, const char *path, const char *format, Word word)
{
    GVariantBuilder options;
    int fd;

    g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&options, "{sv}", "format", g_variant_new_string(format));
    if (word < WORD_MAX)
        g_variant_builder_add(&options, "{sv}", "passphrase", g_variant_new_string(w->words[word]));
    fd = descriptor_open_key(c, path, g_variant_builder_end(&options), NULL);
    if (fd >= 0)
        close(fd);
    if (word < WORD_MAX)
        check_forgotten(w, word);
}

static void use_words(Words *w)
{
    g_autoptr(PkiLeaf) a = pki_issue(w->pki, "leaf-a", "DNS:a.example.com", "EC", 30);
    g_autoptr(PkiLeaf) b = pki_issue(w->pki, "leaf-b", "DNS:b.example.com", "RSA", 30);
    g_autoptr(PkiLeaf) c = pki_issue(w->pki, "leaf-c", "DNS:c.example.com", "EC", 30);
    g_autoptr(PkiLeaf) d = pki_issue(w->pki, "leaf-d", "DNS:d.example.com", "EC", 30);
    g_autoptr(GDBusConnection) nobody = client_connect(w->fixture, fixture_uid("nobody"));
    g_autofree char *path = client_find(w->fixture->root, "a.example.com"),
                    *chain = g_strconcat(c->certificate, c->intermediate, NULL),
                    *key = pki_encrypt_key(c->key, w->words[WORD_KEY_FILE]);

    send_text(w, path, a, WORD_TEXT);
    send_text(w, PATH, d, WORD_TEXT_FOR_ALL);
    send_data(w, d, FALSE, WORD_DATA);
    send_data(w, d, TRUE, WORD_DATA_FILE);
    send(w, "CheckUpload", slow_pkcs12(w, b, WORD_CHECK), -1, WORD_CHECK, "");
    send(w, "UploadFd", slow_pkcs12(w, b, WORD_PKCS12), -1, WORD_WRONG, "PassphraseRequired");
    send(w, "UploadFd", slow_pkcs12(w, b, WORD_PKCS12), -1, WORD_PKCS12, "");
    send(w, "UploadFd", descriptor_new_text(chain), descriptor_new_text(key), WORD_KEY_FILE, "");
    keys_add(&w->keys, b->key);
    keys_add(&w->keys, c->key);
    open_key(w, w->fixture->root, path, "pem", WORD_MAX);
    open_key(w, w->fixture->root, PATH_ROOT, "pem", WORD_MAX);
    open_key(w, w->fixture->root, path, "pem", WORD_OPEN_PEM);
    open_key(w, w->fixture->root, path, "pkcs12", WORD_OPEN_PKCS12);
    open_key(w, w->fixture->root, path, "jks", WORD_REFUSED);
    open_key(w, nobody, path, "pkcs12", WORD_DENIED);
    keys_collect(&w->keys, w->fixture);
}

static void check_words(Words *w, Monitor *monitor)
{
    g_autofree char *log = file_read(w->fixture->daemon_log);
    GHashTableIter it;
    gpointer pem;

    for (Word i = 0; i < WORD_MAX; i++) {
        g_autofree char *base64 = g_base64_encode((const guchar *)w->words[i], strlen(w->words[i]));

        g_assert_false(monitor_contains(monitor, w->words[i], strlen(w->words[i])));
        g_assert_false(monitor_contains(monitor, base64, strlen(base64) - 4));
        g_assert_null(strstr(log, w->words[i]));
    }
    g_assert_cmpuint(g_hash_table_size(w->keys.pems), >=, 6);
    g_hash_table_iter_init(&it, w->keys.pems);
    while (g_hash_table_iter_next(&it, &pem, NULL))
        check_key(monitor, log, pem);
}

static gboolean has_no_import(gpointer userdata)
{
    Words *w = userdata;
    guint before = w->imports_seen;

    look_at_processes(w);
    return w->imports_seen == before;
}

static void test_passphrases(void)
{
    Words w = { .fixture = fixture_new(FIXTURE_NO_DAEMON, MODULE),
                .keys = { g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) } };
    g_autoptr(Monitor) monitor = monitor_new(w.fixture);

    w.pki = pki_new(w.fixture->directory);
    for (Word i = 0; i < WORD_MAX; i++)
        w.words[i] = g_strdup_printf("%032u-word-%u-%08x%08x", 0U, i, g_random_int(), g_random_int());
    g_unsetenv("MALLOC_PERTURB_"); /* what is freed shall be gone by the daemon's own care */
    fixture_start_daemon(w.fixture, 0);
    use_words(&w);
    wait_milliseconds(200);
    g_assert_cmpuint(w.imports_seen, >, 0);
    wait_until(has_no_import, &w, "the import processes to end");
    check_words(&w, monitor);
    g_assert_cmpuint(find_in_memory(w.fixture->daemon, "a.example.com"), >, 0); /* it does find */
    for (Word i = 0; i < WORD_MAX; i++)
        g_assert_cmpuint(find_in_memory(w.fixture->daemon, w.words[i] + PADDING), ==, 0);
    for (Word i = 0; i < WORD_MAX; i++)
        g_free(w.words[i]);
    g_hash_table_unref(w.keys.pems);
    pki_free(w.pki);
    fixture_free(w.fixture);
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
    g_test_add_func("/bus/secrets/passphrases", test_passphrases);
    g_test_add_func("/bus/secrets/files", test_files);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
