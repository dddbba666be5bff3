/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include "crypto/inspect.h"
#include "crypto/key.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/text.h"

void fixture_init(int *argc, char ***argv)
{
    g_test_init(argc, argv, NULL);
    log_set_max_level(g_test_verbose() ? LOG_DEBUG : LOG_CRIT);
}

Sample sample_of(int n)
{
    const char *full = g_getenv("CERTWRIGHT_TESTS_FULL"), *seed = g_getenv("CERTWRIGHT_TESTS_SEED");
    Sample s = { .seed = seed ? (guint32)g_ascii_strtoull(seed, NULL, 10) : g_random_int(), .n = n };

    if (seed && g_strcmp0(full, "1") != 0)
        s.n = MAX(1, n / (ADDRESS_SPACE_IS_LIMITED ? 4 : 16));
    g_test_message("seed %u, %d of %d", s.seed, s.n, n);
    return s;
}

Folder folder_new(void)
{
    GError *error = NULL;
    Folder f = { .path = g_dir_make_tmp("certwright-unit-XXXXXX", &error) };

    g_assert_no_error(error);
    f.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(f.fd, >=, 0);
    return f;
}

void folder_done(Folder *f)
{
    if (!f->path)
        return;
    close(f->fd);
    g_assert_cmpint(fs_remove_tree_at(AT_FDCWD, f->path), ==, 0);
    g_clear_pointer(&f->path, g_free);
}

char *folder_path(const Folder *f, const char *path)
{
    return g_build_filename(f->path, path, NULL);
}

void folder_write_bytes(const Folder *f, const char *path, const void *data, size_t size)
{
    g_autofree char *full = folder_path(f, path), *parent = g_path_get_dirname(full);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
    g_file_set_contents(full, data, (gssize)size, &error);
    g_assert_no_error(error);
}

void folder_write(const Folder *f, const char *path, const char *text)
{
    folder_write_bytes(f, path, text, strlen(text));
}

char *folder_read(const Folder *f, const char *path)
{
    g_autofree char *full = folder_path(f, path);
    char *text = NULL;

    return g_file_get_contents(full, &text, NULL, NULL) ? text : NULL;
}

char *folder_link(const Folder *f, const char *path)
{
    g_autofree char *full = folder_path(f, path);

    return g_file_read_link(full, NULL);
}

bool folder_has(const Folder *f, const char *path)
{
    return faccessat(f->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void folder_remove(const Folder *f, const char *path)
{
    g_assert_true(folder_has(f, path));
    g_assert_cmpint(fs_remove_tree_at(f->fd, path), ==, 0);
}

int run_program(char **argv, char **ret_output)
{
    g_autofree char *out = NULL, *err = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error);
    g_assert_no_error(error);
    if (ret_output)
        *ret_output = g_strconcat(out, err, NULL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool program_exists(const char *name)
{
    g_autofree char *path = g_find_program_in_path(name);

    return path;
}

int64_t now_seconds(void)
{
    return (int64_t)time(NULL);
}

Authority *authority_make(KeyType type, int64_t now, Bundle **ret_root)
{
    RootTemplate t = { .key_type = type, .lifetime = 10 * YEAR, .host = "host.example.com", .now = now };
    Authority *a = NULL;
    Bundle *b = NULL;

    g_assert_cmpint(authority_make_root(&t, NULL, true, &b, NULL), ==, 0);
    g_assert_cmpint(authority_new(b, 1, now, &a, NULL), ==, 0);
    if (ret_root)
        *ret_root = b;
    else
        bundle_free(b);
    return a;
}

Bundle *bundle_make(const char *name, uint64_t root)
{
    static Authority *authority;
    char *names[] = { (char *)(uintptr_t)name, NULL };
    LeafTemplate t = {
        .names = names, .key_type = KEY_TYPE_ECDSA_P256, .lifetime = 90 * DAY, .now = now_seconds()
    };
    Bundle *b = NULL;

    if (!authority)
        authority = authority_make(KEY_TYPE_ECDSA_P256, t.now, NULL);
    g_assert_cmpint(authority_issue(authority, &t, &b, NULL), ==, 0);
    b->root = root;
    return b;
}

Chain *chain_make(char *const *names, int64_t not_before, int64_t not_after)
{
    ChainEntry e = { "CN=subject", "CN=issuer",
                     "0A",         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                     not_before,   not_after };
    Chain *c = chain_new(&e, 1, (const char *const *)names, strv_length(names), KEY_TYPE_ECDSA_P256, false);

    g_assert_nonnull(c);
    return c;
}

void assert_chain_equal(const Chain *a, const Chain *b)
{
    g_assert_cmpint(!a, ==, !b);
    if (!a)
        return;
    g_assert_cmpint(a->key_type, ==, b->key_type);
    g_assert_cmpint(a->is_authority, ==, b->is_authority);
    g_assert_cmpuint(a->n_entries, ==, b->n_entries);
    g_assert_cmpuint(a->n_names, ==, b->n_names);
    for (unsigned i = 0; i < a->n_names; i++)
        g_assert_cmpstr(a->names[i], ==, b->names[i]);
    for (unsigned i = 0; i < a->n_entries; i++) {
        g_assert_cmpstr(a->entries[i].subject, ==, b->entries[i].subject);
        g_assert_cmpstr(a->entries[i].issuer, ==, b->entries[i].issuer);
        g_assert_cmpstr(a->entries[i].serial, ==, b->entries[i].serial);
        g_assert_cmpstr(a->entries[i].fingerprint, ==, b->entries[i].fingerprint);
        g_assert_cmpint(a->entries[i].not_before, ==, b->entries[i].not_before);
        g_assert_cmpint(a->entries[i].not_after, ==, b->entries[i].not_after);
    }
}

static void assert_slot_equal(const Slot *a, const Slot *b)
{
    assert_chain_equal(a->chain, b->chain);
    g_assert_cmpuint(a->stored.generation, ==, b->stored.generation);
    g_assert_cmpuint(a->root, ==, b->root);
    g_assert_cmpuint(a->purposes, ==, b->purposes);
    g_assert_cmpint(a->withdrawn, ==, b->withdrawn);
    if (a->chain)
        g_assert_cmpmem(a->stored.digest, sizeof(a->stored.digest), b->stored.digest,
                        sizeof(b->stored.digest));
}

void assert_record_equal(const Record *a, const Record *b)
{
    g_assert_cmpint(a->kind, ==, b->kind);
    g_assert_cmpstr(a->name, ==, b->name);
    g_assert_cmpuint(a->stored.last_generation, ==, b->stored.last_generation);
    g_assert_cmpint(a->served, ==, b->served);
    g_assert_cmpuint(a->stored.former, ==, b->stored.former);
    g_assert_cmpint(a->abandoned, ==, b->abandoned);
    g_assert_cmpuint(a->uploaded, ==, b->uploaded);
    for (Source s = 0; s < _SOURCE_MAX; s++)
        assert_slot_equal(a->slots + s, b->slots + s);
    g_assert_cmpuint(a->n_registrations, ==, b->n_registrations);
    for (size_t i = 0; i < a->n_registrations; i++) {
        g_assert_cmpstr(a->registrations[i].module, ==, b->registrations[i].module);
        g_assert_cmpint(a->registrations[i].key_type, ==, b->registrations[i].key_type);
        g_assert_true(strv_equal(a->registrations[i].names, b->registrations[i].names));
        g_assert_cmpint(a->registrations[i].acme, ==, b->registrations[i].acme);
        g_assert_cmpstr(a->registrations[i].authority, ==, b->registrations[i].authority);
    }
    g_assert_cmpuint(a->blocked.n, ==, b->blocked.n);
    for (size_t i = 0; i < a->blocked.n; i++) {
        g_assert_cmpstr(a->blocked.leaves[i].fingerprint, ==, b->blocked.leaves[i].fingerprint);
        g_assert_cmpint(a->blocked.leaves[i].reason, ==, b->blocked.leaves[i].reason);
        g_assert_cmpint(a->blocked.leaves[i].not_after, ==, b->blocked.leaves[i].not_after);
    }
    g_assert_cmpint(a->failure.problem.code, ==, b->failure.problem.code);
    g_assert_cmpstr(strempty(a->failure.problem.text), ==, strempty(b->failure.problem.text));
    g_assert_cmpint(a->failure.when, ==, b->failure.when);
    g_assert_cmpuint(a->failure.attempts, ==, b->failure.attempts);
}

bool pair_is_whole(const Folder *f, const char *path, RecordKind kind)
{
    g_autofree char *leaf_path = g_strconcat(path, "/certificate.pem", NULL);
    g_autofree char *key_path = g_strconcat(path, kind == RECORD_ROOT ? "/key.pem" : "/privkey.pem", NULL);
    g_autofree char *leaf = folder_read(f, leaf_path), *key = folder_read(f, key_path);
    STACK_OF(X509) *l = NULL;
    EVP_PKEY *pkey = NULL;
    bool whole = leaf && key && x509_list_from_pem(leaf, &l) >= 0 && pkey_from_pem(key, &pkey) >= 0 &&
                 X509_check_private_key(sk_X509_value(l, 0), pkey) == 1;

    (void)openssl_error();
    sk_X509_pop_free(l, X509_free);
    EVP_PKEY_free(pkey);
    return whole;
}

/* Certificates. */

static void add_extension(X509 *x, X509V3_CTX *context, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, context, nid, value);

    g_assert_nonnull(e);
    g_assert_cmpint(X509_add_ext(x, e, -1), ==, 1);
    X509_EXTENSION_free(e);
}

static void sign_with(X509 *x, const CertificateSpec *spec, EVP_PKEY *key)
{
    const EVP_MD *digest = spec->digest ? spec->digest : EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context;

    g_assert_cmpint(
        EVP_DigestSignInit(context, &key_context, EVP_PKEY_is_a(key, "ED25519") ? NULL : digest, NULL, key),
        ==, 1);
    if (spec->pss)
        g_assert_cmpint(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING), ==, 1);
    g_assert_cmpint(X509_sign_ctx(x, context), >, 0);
    EVP_MD_CTX_free(context);
}

Issued issue(const CertificateSpec *spec, const Issued *issuer, EVP_PKEY *key)
{
    static long serial = 1000;
    Issued i = { X509_new(), key ? key : EVP_EC_gen("P-256") };
    X509 *x = i.certificate, *by = issuer ? issuer->certificate : x;
    X509V3_CTX context;

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               (const unsigned char *)spec->subject, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(by));
    X509_time_adj_ex(X509_getm_notBefore(x), 0, (long)spec->not_before, NULL);
    X509_time_adj_ex(X509_getm_notAfter(x), 0, (long)(spec->not_after ? spec->not_after : 90 * DAY), NULL);
    g_assert_cmpint(X509_set_pubkey(x, i.key), ==, 1);
    X509V3_set_ctx(&context, by, x, NULL, NULL, 0);
    add_extension(x, &context, NID_basic_constraints,
                  spec->authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(x, &context, NID_subject_key_identifier, "hash");
    if (spec->names)
        add_extension(x, &context, NID_subject_alt_name, spec->names);
    if (spec->usage)
        add_extension(x, &context, NID_ext_key_usage, spec->usage);
    sign_with(x, spec, issuer ? issuer->key : i.key);
    return i;
}

void issued_done(Issued *i)
{
    X509_free(i->certificate);
    EVP_PKEY_free(i->key);
    *i = (Issued){};
}

static char *take_text(BIO *bio)
{
    char *text = NULL;

    g_assert_cmpint(bio_to_text(bio, &text), ==, 0);
    BIO_free(bio);
    return text;
}

char *pem_of(const Issued *i)
{
    BIO *bio = BIO_new(BIO_s_mem());

    g_assert_cmpint(PEM_write_bio_X509(bio, i->certificate), ==, 1);
    return take_text(bio);
}

char *key_pem_of(const Issued *i)
{
    BIO *bio = BIO_new(BIO_s_mem());

    g_assert_cmpint(PEM_write_bio_PKCS8PrivateKey(bio, i->key, NULL, NULL, 0, NULL, NULL), ==, 1);
    return take_text(bio);
}

char *traditional_key_pem_of(const Issued *i)
{
    BIO *bio = BIO_new(BIO_s_mem());

    g_assert_cmpint(PEM_write_bio_PrivateKey_traditional(bio, i->key, NULL, NULL, 0, NULL, NULL), ==, 1);
    return take_text(bio);
}

char *bundle_for(const char *name, const char *names, Issued *ret_leaf)
{
    Issued leaf =
        issue(&(CertificateSpec){ .subject = name, .names = names, .usage = "serverAuth" }, NULL, NULL);
    _cleanup_free_ char *pem = pem_of(&leaf), *key = key_pem_of(&leaf);

    *ret_leaf = leaf;
    return text_join(pem, key, NULL);
}

char *text_join(const char *first, ...)
{
    GString *all = g_string_new(first);
    const char *part;
    va_list ap;

    va_start(ap, first);
    while ((part = va_arg(ap, const char *)))
        g_string_append(all, part);
    va_end(ap);
    return g_string_free(all, FALSE);
}

/* The event loop. */

void loop_until(sd_event *event, bool (*condition)(void *userdata), void *userdata)
{
    gint64 give_up = g_get_monotonic_time() + 120 * G_USEC_PER_SEC;

    while (!condition(userdata)) {
        g_assert_cmpint(g_get_monotonic_time(), <, give_up);
        g_assert_cmpint(sd_event_run(event, 100000), >=, 0);
    }
}

void loop_for(sd_event *event, uint64_t usec)
{
    gint64 end = g_get_monotonic_time() + (gint64)usec;

    while (g_get_monotonic_time() < end)
        g_assert_cmpint(sd_event_run(event, 10000), >=, 0);
}
