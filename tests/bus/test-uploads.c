/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "files.h"
#include "pending.h"
#include "pki.h"
#include "signals.h"

/* Chains from elsewhere: taken, served, kept, taken out again, refused. */

#define MODULE \
    "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\n[Certificate c.example.net]\n"

#define DAY 86400

static Fixture *start(unsigned flags)
{
    Fixture *f = fixture_new(flags, MODULE);
    static const char *const names[] = { "a.example.com", "b.example.com", "c.example.net" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = client_find(f->root, names[i]);

        client_wait_state(f->root, path, "valid");
    }
    return f;
}

static void upload_with(Fixture *f, const char *path, const char *pem, GVariant *options)
{
    g_autoptr(GVariant) reply G_GNUC_UNUSED =
        client_expect(f->root, path, CERTIFICATE, "Upload", g_variant_new("(s@a{sv})", pem, options));
}

static void upload(Fixture *f, const char *path, const char *pem)
{
    upload_with(f, path, pem, NO_OPTIONS);
}

/* Paths of the certificates that serve it, as text. */
static char *upload_for_all(Fixture *f, const char *pem)
{
    g_autoptr(GVariant) reply =
        client_expect(f->root, PATH, MANAGER, "Upload", g_variant_new("(s@a{sv})", pem, NO_OPTIONS));

    return g_variant_print(reply, FALSE);
}

static GVariant *passphrase_option(const char *passphrase)
{
    return client_option("passphrase", g_variant_new_string(passphrase));
}

static void refuse_with(Fixture *f, const char *path, const char *pem, GVariant *options, const char *error,
                        const char *says)
{
    client_expect_error(f->root, path, strcmp(path, PATH) == 0 ? MANAGER : CERTIFICATE, "Upload",
                        g_variant_new("(s@a{sv})", pem, options), error, says);
}

static void refuse(Fixture *f, const char *path, const char *pem, const char *error, const char *says)
{
    refuse_with(f, path, pem, NO_OPTIONS, error, says);
}

static void check_served(Fixture *f, const char *path, const char *source, const char *fingerprint)
{
    g_autofree char *is_source = client_get_string(f->root, path, "Source"),
                    *is = client_get_string(f->root, path, "Fingerprint"),
                    *state = client_get_string(f->root, path, "State");

    g_assert_cmpstr(is_source, ==, source);
    if (fingerprint)
        g_assert_cmpstr(is, ==, fingerprint);
    g_assert_cmpstr(state, ==, "valid");
}

static void check_file(Fixture *f, const char *name, const char *file, const char *contains)
{
    g_autofree char *path = g_build_filename(f->state, "certificates", name, "current", file, NULL),
                    *text = file_read(path);

    g_assert_nonnull(text);
    g_assert_nonnull(strstr(text, contains));
}

static void test_upload(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) leaf = pki_issue(pki, "leaf-a", "DNS:a.example.com", "EC", 30);
    g_autofree char *path = client_find(f->root, "a.example.com"),
                    *other = client_find(f->root, "b.example.com"), *bundle = pki_bundle(leaf),
                    *chain = NULL;
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(GVariant) reply = NULL;

    upload(f, path, bundle);
    check_served(f, path, "uploaded", leaf->fingerprint);
    check_served(f, other, "local", NULL);
    check_file(f, "a.example.com", "fullchain.pem", leaf->certificate);
    check_file(f, "a.example.com", "chain.pem", leaf->intermediate);
    reply = client_expect(f->root, path, CERTIFICATE, "Export", g_variant_new("(@a{sv})", NO_OPTIONS));
    chain = client_bytes(reply, NULL);
    g_assert_true(openssl_verify(leaf->root, chain));
    client_expect_error(f->root, path, CERTIFICATE, "ExportRoot", g_variant_new("(@a{sv})", NO_OPTIONS),
                        "NoSuchCertificate", "a.example.com");
    signals_settle(log);
    g_assert_cmpuint(signals_count(log, path, "ChainChanged", leaf->fingerprint), ==, 1);
    g_assert_cmpuint(signals_count(log, PATH, "ChainChanged", NULL), ==, 1);
    g_assert_cmpuint(signals_count(log, NULL, "InterfacesAdded", NULL), ==, 0);
    upload(f, path, bundle); /* once more changes nothing */
    signals_settle(log);
    g_assert_cmpuint(signals_count(log, PATH, "ChainChanged", NULL), ==, 1);
}

static void test_survives_restart(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) leaf = pki_issue(pki, "leaf-a", "DNS:a.example.com", "RSA", 30);
    g_autofree char *path = client_find(f->root, "a.example.com"), *bundle = pki_bundle(leaf);

    upload(f, path, bundle);
    fixture_stop_daemon(f);
    fixture_start_daemon(f, 0);
    check_served(f, path, "uploaded", leaf->fingerprint);
}

/* It is the best there is, so the job ends well and nothing changes. */
static void test_reissue_keeps_it(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) leaf = pki_issue(pki, "leaf-a", "DNS:a.example.com", "EC", 30);
    g_autofree char *path = client_find(f->root, "a.example.com"), *bundle = pki_bundle(leaf);
    g_autoptr(SignalLog) log = NULL;

    upload(f, path, bundle);
    log = signals_new(f->root);
    for (guint i = 1; i <= 20; i++) {
        g_autoptr(GVariant) reply =
            client_expect(f->root, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
        const char *job;

        g_variant_get(reply, "(&o)", &job);
        g_assert_true(g_str_has_prefix(job, PATH "/job/"));
        signals_wait(log, PATH, "JobRemoved", job, 1);
    }
    g_assert_cmpuint(signals_count(log, PATH, "JobRemoved", "'done'"), ==, 20);
    g_assert_cmpuint(signals_count(log, path, "ChainChanged", NULL), ==, 0);
    check_served(f, path, "uploaded", leaf->fingerprint);
    g_variant_unref(
        client_expect(f->root, PATH, MANAGER, "ReissueAll", g_variant_new("(@a{sv})", NO_OPTIONS)));
    signals_wait(log, PATH, "JobRemoved", "'done'", 23);
    check_served(f, path, "uploaded", leaf->fingerprint);
}

static void test_remove(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) leaf = pki_issue(pki, "leaf-a", "DNS:a.example.com", "EC", 30);
    g_autofree char *path = client_find(f->root, "a.example.com"), *bundle = pki_bundle(leaf),
                    *unknown = g_strnfill(64, 'a'),
                    *kept = g_build_filename(f->state, "uploads", leaf->fingerprint, NULL);
    g_autoptr(GVariant) removed = NULL;

    upload(f, path, bundle);
    g_assert_true(g_file_test(kept, G_FILE_TEST_IS_DIR));
    client_expect_error(f->root, PATH, MANAGER, "RemoveUpload", g_variant_new("(s)", "xyz"),
                        "InvalidArgument", "64");
    client_expect_error(f->root, PATH, MANAGER, "RemoveUpload", g_variant_new("(s)", "../../certificates"),
                        "InvalidArgument", NULL);
    client_expect_error(f->root, PATH, MANAGER, "RemoveUpload", g_variant_new("(s)", unknown),
                        "NoSuchCertificate", "ListUploads");
    removed = client_expect(f->root, PATH, MANAGER, "RemoveUpload", g_variant_new("(s)", leaf->fingerprint));
    check_served(f, path, "local", NULL);
    g_assert_false(g_file_test(kept, G_FILE_TEST_EXISTS));
    client_expect_error(f->root, PATH, MANAGER, "RemoveUpload", g_variant_new("(s)", leaf->fingerprint),
                        "NoSuchCertificate", NULL);
    fixture_stop_daemon(f);
    fixture_start_daemon(f, 0);
    check_served(f, path, "local", NULL);
}

static void test_for_all(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) wild = pki_issue(pki, "wild", "DNS:*.example.com,DNS:later.example.org", "EC", 30);
    g_autofree char *a = client_find(f->root, "a.example.com"), *b = client_find(f->root, "b.example.com"),
                    *c = client_find(f->root, "c.example.net"), *bundle = pki_bundle(wild), *served = NULL,
                    *later = NULL;

    served = upload_for_all(f, bundle);
    g_assert_nonnull(strstr(served, a));
    g_assert_nonnull(strstr(served, b));
    g_assert_null(strstr(served, c));
    check_served(f, a, "uploaded", wild->fingerprint);
    check_served(f, b, "uploaded", wild->fingerprint);
    check_served(f, c, "local", NULL);
    later = client_register(f->root, "m", "later.example.org", NULL);
    check_served(f, later, "uploaded", wild->fingerprint);
}

static void test_list(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) one = pki_issue(pki, "one", "DNS:x.example.org,DNS:y.example.org", "EC", 30);
    g_autoptr(GVariant) reply = NULL, list = NULL;
    g_autofree char *bundle = pki_bundle(one), *served = upload_for_all(f, bundle);
    const char *fingerprint, *subject, *issuer, *names;
    gint64 not_after;

    g_assert_cmpstr(served, ==, "([],)");
    reply = client_expect(f->root, PATH, MANAGER, "ListUploads", NULL);
    list = g_variant_get_child_value(reply, 0);
    g_assert_cmpuint(g_variant_n_children(list), ==, 1);
    g_variant_get_child(list, 0, "(&s&s&s&sx)", &fingerprint, &subject, &issuer, &names, &not_after);
    g_assert_cmpstr(fingerprint, ==, one->fingerprint);
    g_assert_cmpstr(subject, ==, "CN=one");
    g_assert_cmpstr(issuer, ==, "CN=intermediate");
    g_assert_cmpstr(names, ==, "x.example.org y.example.org");
    g_assert_cmpint(ABS(not_after - (g_get_real_time() / G_USEC_PER_SEC + 30 * 86400)), <, 3600);
}

static void remove_upload(Fixture *f, const PkiLeaf *leaf)
{
    g_variant_unref(
        client_expect(f->root, PATH, MANAGER, "RemoveUpload", g_variant_new("(s)", leaf->fingerprint)));
}

/* All of them are answered: the first, and those that come too late. */
static void test_remove_at_once(void)
{
    g_autoptr(Fixture) f = start(FIXTURE_HOLD_DISK);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) leaf = pki_issue(pki, "leaf-a", "DNS:a.example.com", "EC", 30);
    g_autofree char *path = client_find(f->root, "a.example.com"), *bundle = pki_bundle(leaf);
    Pending *calls[4];
    unsigned n_removed = 0;

    upload(f, path, bundle);
    fixture_hold_disk(f);
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
        calls[i] =
            pending_new(f->root, PATH, MANAGER, "RemoveUpload", g_variant_new("(s)", leaf->fingerprint));
    wait_milliseconds(200);
    fixture_release_disk(f);
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_autofree char *error = pending_finish(calls[i]);

        if (!*error)
            n_removed++;
        else
            g_assert_cmpstr(error, ==, "NoSuchCertificate");
    }
    g_assert_cmpuint(n_removed, >=, 1);
    check_served(f, path, "local", NULL);
}

static void restart(Fixture *f)
{
    fixture_stop_daemon(f);
    fixture_start_daemon(f, 0);
}

static void check_fingerprint(Fixture *f, const char *path, const PkiLeaf *leaf)
{
    g_autofree char *source = client_get_string(f->root, path, "Source"),
                    *is = client_get_string(f->root, path, "Fingerprint");

    g_assert_cmpstr(source, ==, "uploaded");
    g_assert_cmpstr(is, ==, leaf->fingerprint);
}

/* Of several that fit, the one that was uploaded last, however it was given: with the same end, with a sooner one, after one
 * that is signed by itself for ten years. The one before when that is taken out. */
static void test_latest(void)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    static const char extensions[] = "basicConstraints=critical,CA:FALSE\n"
                                     "subjectAltName=DNS:a.example.com\nextendedKeyUsage=serverAuth\n";
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf)
        self = pki_make_authority(pki, "self", NULL, extensions),
        first = pki_issue_between(pki, "first", "DNS:a.example.com", now - 100 * DAY, now + 200 * DAY),
        same = pki_issue_between(pki, "same", "DNS:a.example.com", now - DAY, now + 200 * DAY),
        shorter = pki_issue_between(pki, "shorter", "DNS:a.example.com", now, now + 46 * DAY);
    g_autofree char *path = client_find(f->root, "a.example.com"), *self_text = pki_bundle(self),
                    *first_text = pki_bundle(first), *same_text = pki_bundle(same), *served = NULL,
                    *shorter_text = pki_bundle(shorter);

    upload(f, path, self_text);
    check_fingerprint(f, path, self);
    upload(f, path, first_text);
    check_fingerprint(f, path, first);
    served = upload_for_all(f, same_text);
    g_assert_nonnull(strstr(served, path));
    check_fingerprint(f, path, same);
    upload(f, path, shorter_text);
    check_fingerprint(f, path, shorter);
    check_file(f, "a.example.com", "privkey.pem", shorter->key);
    restart(f);
    check_fingerprint(f, path, shorter);
    upload(f, path, first_text); /* once more */
    check_fingerprint(f, path, first);
    restart(f);
    check_fingerprint(f, path, first);
    remove_upload(f, first);
    check_fingerprint(f, path, shorter);
    remove_upload(f, shorter);
    check_fingerprint(f, path, same);
    remove_upload(f, same);
    check_fingerprint(f, path, self);
}

static void test_refused(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) a = pki_issue(pki, "leaf-a", "DNS:a.example.com", "EC", 30);
    g_autoptr(PkiLeaf) other =
        pki_issue(pki, "other", "DNS:wrong.example.org,DNS:wrong.example.net", "EC", 30);
    const gint64 now = g_get_real_time() / G_USEC_PER_SEC, day = 24 * 60 * 60;
    g_autoptr(PkiLeaf) old = pki_issue_between(pki, "old", "DNS:a.example.com", now - 2 * day, now - day);
    g_autoptr(PkiLeaf) weak = pki_issue(pki, "weak", "DNS:a.example.com", "RSA-1024", 30);
    g_autofree char *path = client_find(f->root, "a.example.com"), *before = directory_digest(f->state),
                    *after = NULL, *wrong_name = pki_bundle(other), *expired = pki_bundle(old),
                    *short_key = pki_bundle(weak),
                    *wrong_key = g_strconcat(a->certificate, a->intermediate, other->key, NULL),
                    *no_key = g_strconcat(a->certificate, a->intermediate, NULL),
                    *cut = g_strndup(a->certificate, strlen(a->certificate) / 2),
                    *damaged = g_strconcat(a->key, cut, "\n-----END CERTIFICATE-----\n", NULL),
                    *at_limit = g_strnfill(64 * 1024, 'x'), *large = g_strnfill(64 * 1024 + 1, 'x'),
                    *twice = g_strconcat(a->certificate, a->key, other->key, NULL),
                    *strange =
                        g_strconcat(a->certificate, a->intermediate, a->key, other->certificate, NULL),
                    *alone = g_strconcat(a->certificate, a->key, NULL);

    refuse(f, path, wrong_name, "NameMismatch", "wrong.example.org");
    refuse(f, path, wrong_name, "NameMismatch", "a.example.com");
    refuse(f, path, wrong_key, "KeyMismatch", "key");
    refuse(f, path, "", "InvalidBundle", "empty");
    refuse(f, path, "hello, world", "InvalidBundle", "PEM");
    refuse(f, path, a->key, "InvalidBundle", "certificate");
    refuse(f, path, no_key, "InvalidBundle", "private key");
    refuse(f, path, damaged, "InvalidBundle", "damaged");
    refuse(f, path, twice, "InvalidBundle", "more than one");
    refuse(f, path, strange, "ChainIncomplete", "other");
    refuse(f, path, alone, "ChainIncomplete", "CN=intermediate");
    refuse(f, path, expired, "Expired", "expired");
    refuse(f, path, short_key, "WeakKey", "2048");
    refuse(f, path, at_limit, "InvalidBundle", NULL);
    refuse(f, path, large, "LimitsExceeded", "65536");
    refuse(f, PATH, large, "LimitsExceeded", "65536");
    refuse(f, PATH, wrong_key, "KeyMismatch", NULL);
    refuse(f, PATH_ROOT, wrong_name, "NotACertificateAuthority", "CA:TRUE");
    refuse(f, PATH_ROOT, no_key, "InvalidBundle", "private key");
    client_expect_error(
        f->root, path, CERTIFICATE, "Upload",
        g_variant_new("(s@a{sv})", no_key, client_option("colour", g_variant_new_string("x"))),
        "InvalidArgument", "colour");
    after = directory_digest(f->state);
    g_assert_cmpstr(after, ==, before);
    check_served(f, path, "local", NULL);
}

static void test_encrypted(void)
{
    static const char damaged_key[] =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) a = pki_issue(pki, "leaf-a", "DNS:a.example.com", "EC", 30);
    g_autofree char *path = client_find(f->root, "a.example.com"),
                    *encrypted = pki_encrypt_key(a->key, "correct horse"),
                    *chain = g_strconcat(a->certificate, a->intermediate, NULL),
                    *bundle = g_strconcat(chain, encrypted, NULL),
                    *damaged = g_strconcat(a->certificate, damaged_key, NULL);

    refuse(f, path, damaged, "InvalidBundle", "damaged");
    refuse(f, path, bundle, "PassphraseRequired", "passphrase");
    refuse_with(f, path, bundle, passphrase_option("wrong horse"), "PassphraseRequired", "passphrase");
    refuse_with(f, path, bundle, passphrase_option(""), "PassphraseRequired", "passphrase");
    check_served(f, path, "local", NULL);
    upload_with(f, path, bundle, passphrase_option("correct horse"));
    check_served(f, path, "uploaded", a->fingerprint);
}

/* The key in a text of its own, as it is and encrypted. */
static void test_key_apart(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) a = pki_issue(pki, "leaf-a", "DNS:a.example.com", "EC", 30);
    g_autoptr(PkiLeaf) b = pki_issue(pki, "leaf-b", "DNS:b.example.com", "RSA", 30);
    g_autofree char *path_a = client_find(f->root, "a.example.com"),
                    *path_b = client_find(f->root, "b.example.com"),
                    *chain_a = g_strconcat(a->certificate, a->intermediate, NULL),
                    *chain_b = g_strconcat(b->intermediate, b->certificate, NULL),
                    *encrypted = pki_encrypt_key(b->key, "correct horse"),
                    *large = g_strnfill(64 * 1024 + 1, 'x');
    GVariantBuilder options;

    refuse_with(f, path_a, chain_a, client_option("key", g_variant_new_string(b->key)), "KeyMismatch",
                "key");
    refuse_with(f, path_a, chain_a, client_option("key", g_variant_new_string(large)), "LimitsExceeded",
                "65536");
    refuse_with(f, path_a, chain_a, client_option("key", g_variant_new_int32(0)), "InvalidArgument", "key");
    refuse_with(f, path_b, chain_b, client_option("key", g_variant_new_string(encrypted)),
                "PassphraseRequired", "passphrase");
    upload_with(f, path_a, chain_a, client_option("key", g_variant_new_string(a->key)));
    check_served(f, path_a, "uploaded", a->fingerprint);
    g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&options, "{sv}", "key", g_variant_new_string(encrypted));
    g_variant_builder_add(&options, "{sv}", "passphrase", g_variant_new_string("correct horse"));
    upload_with(f, path_b, chain_b, g_variant_builder_end(&options));
    check_served(f, path_b, "uploaded", b->fingerprint);
    check_file(f, "b.example.com", "chain.pem", b->intermediate);
}

/* Whoever has a certificate's names widened loses an upload that no longer covers them all. */
static void test_names_change(void)
{
    static const char *const more[] = { "more.example.com", NULL };
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) leaf = pki_issue(pki, "leaf-a", "DNS:a.example.com", "EC", 30);
    g_autofree char *path = client_find(f->root, "a.example.com"), *bundle = pki_bundle(leaf);
    g_autoptr(GVariant) unregistered = NULL;

    upload(f, path, bundle);
    g_free(client_register(f->root, "m", "a.example.com",
                           client_option("names", g_variant_new_strv(more, -1))));
    check_served(f, path, "local", NULL);
    unregistered =
        client_expect(f->root, PATH, MANAGER, "Unregister", g_variant_new("(ss)", "m", "a.example.com"));
    check_served(f, path, "uploaded", leaf->fingerprint);
}

static void reissue_root(Fixture *f)
{
    g_autoptr(SignalLog) log = signals_new(f->root);
    g_autoptr(GVariant) reply =
        client_expect(f->root, PATH_ROOT, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    const char *job;

    g_variant_get(reply, "(&o)", &job);
    signals_wait(log, PATH, "JobRemoved", job, 1);
}

static void check_local(Fixture *f, const char *path)
{
    g_autoptr(GVariant) reply =
        client_expect(f->root, PATH, MANAGER, "ExportRoot", g_variant_new("(@a{sv})", NO_OPTIONS));
    g_autofree char *root = client_bytes(reply, NULL),
                    *file = g_build_filename(f->state, "certificates", "a.example.com", "current",
                                             "fullchain.pem", NULL),
                    *chain = file_read(file);

    check_served(f, path, "local", NULL);
    g_assert_true(openssl_verify(root, chain));
}

/* What a former root signed was left as it is behind an upload. It is not served when that goes, though another upload is kept
 * whose time has not come. */
static void test_former_root(void)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf)
        served = pki_issue(pki, "served", "DNS:a.example.com", "EC", 30),
        later = pki_issue_between(pki, "later", "DNS:a.example.com", now + 9 * DAY, now + 90 * DAY);
    g_autofree char *path = client_find(f->root, "a.example.com"), *bundle = pki_bundle(served),
                    *successor = pki_bundle(later);

    upload(f, path, bundle);
    upload(f, path, successor);
    check_served(f, path, "uploaded", served->fingerprint);
    reissue_root(f);
    check_served(f, path, "uploaded", served->fingerprint);
    remove_upload(f, served);
    check_local(f, path);
}

static void add(void)
{
    g_test_add_func("/bus/uploads/upload", test_upload);
    g_test_add_func("/bus/uploads/survives-restart", test_survives_restart);
    g_test_add_func("/bus/uploads/remove", test_remove);
    g_test_add_func("/bus/uploads/remove-at-once", test_remove_at_once);
    g_test_add_func("/bus/uploads/for-all", test_for_all);
    g_test_add_func("/bus/uploads/list", test_list);
    g_test_add_func("/bus/uploads/latest", test_latest);
    g_test_add_func("/bus/uploads/refused", test_refused);
    g_test_add_func("/bus/uploads/encrypted", test_encrypted);
    g_test_add_func("/bus/uploads/key-apart", test_key_apart);
    g_test_add_func("/bus/uploads/names-change", test_names_change);
    g_test_add_func("/bus/uploads/reissue-keeps-it", test_reissue_keeps_it);
    g_test_add_func("/bus/uploads/former-root", test_former_root);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
