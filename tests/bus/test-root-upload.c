/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "descriptors.h"
#include "files.h"
#include "guard.h"
#include "pki.h"
#include "signals.h"

/* The local root by upload: what is told of it, what is signed by it, and what is given away of it. */

#define MODULE    "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\n"
#define SECRET    "correct horse"
#define N_LEAVES  2
#define MAY_SIGN  "keyUsage=critical,keyCertSign,cRLSign\n"
#define AUTHORITY "basicConstraints=critical,CA:TRUE\n"

typedef struct Scene {
    Fixture *fixture;
    Pki *pki;
    char *leaves[N_LEAVES], *old_root;
} Scene;

/* Bytes with a NUL behind. */
static char *export(Scene *s, const char *path, const char *member, const char *format, gsize *ret_size)
{
    g_autoptr(GVariant) reply =
        client_expect(s->fixture->root, path, strcmp(path, PATH) == 0 ? MANAGER : CERTIFICATE, member,
                      g_variant_new("(@a{sv})", client_option("format", g_variant_new_string(format))));

    return client_bytes(reply, ret_size);
}

static Scene *scene_new(void)
{
    static const char *const names[N_LEAVES] = { "a.example.com", "b.example.com" };
    Scene *s = g_new0(Scene, 1);

    s->fixture = fixture_new(0, MODULE);
    s->pki = pki_new(s->fixture->directory);
    for (size_t i = 0; i < N_LEAVES; i++) {
        s->leaves[i] = client_find(s->fixture->root, names[i]);
        client_wait_state(s->fixture->root, s->leaves[i], "valid");
    }
    s->old_root = export(s, PATH_ROOT, "ExportRoot", "pem", NULL);
    return s;
}

static void scene_free(Scene *s)
{
    pki_free(s->pki);
    fixture_free(s->fixture);
    for (size_t i = 0; i < N_LEAVES; i++)
        g_free(s->leaves[i]);
    g_free(s->old_root);
    g_free(s);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scene, scene_free)

static void upload_text(Scene *s, const char *pem)
{
    g_autoptr(GVariant) reply G_GNUC_UNUSED = client_expect(
        s->fixture->root, PATH_ROOT, CERTIFICATE, "Upload", g_variant_new("(s@a{sv})", pem, NO_OPTIONS));
}

static void refuse(Scene *s, const char *pem, const char *error, const char *says)
{
    client_expect_error(s->fixture->root, PATH_ROOT, CERTIFICATE, "Upload",
                        g_variant_new("(s@a{sv})", pem, NO_OPTIONS), error, says);
}

static void check_fingerprint(Scene *s, const char *fingerprint)
{
    g_autoptr(GVariant) of_manager = client_get(s->fixture->root, PATH, MANAGER, "RootFingerprint");
    g_autofree char *of_root = client_get_string(s->fixture->root, PATH_ROOT, "Fingerprint");

    g_assert_cmpstr(g_variant_get_string(of_manager, NULL), ==, fingerprint);
    g_assert_cmpstr(of_root, ==, fingerprint);
}

static void check_source(Scene *s, const char *source, const char *reason)
{
    g_autofree char *is_source = client_get_string(s->fixture->root, PATH_ROOT, "Source"),
                    *is_reason = client_get_string(s->fixture->root, PATH_ROOT, "Reason"),
                    *state = client_get_string(s->fixture->root, PATH_ROOT, "State");

    g_assert_cmpstr(is_source, ==, source);
    g_assert_nonnull(strstr(is_reason, reason));
    g_assert_cmpstr(state, ==, "valid");
}

/* Every client accepts each leaf, whichever of these roots it trusts. */
static void check_leaves(Scene *s, const char *issuer, const char *const *roots)
{
    for (size_t i = 0; i < N_LEAVES; i++) {
        g_autofree char *is_issuer = client_get_string(s->fixture->root, s->leaves[i], "Issuer"),
                        *chain = export(s, s->leaves[i], "Export", "pem", NULL);

        if (issuer)
            g_assert_cmpstr(is_issuer, ==, issuer);
        for (size_t n = 0; roots[n]; n++)
            if (!openssl_verify(roots[n], chain))
                g_error("%s does not lead to root %zu", s->leaves[i], n);
    }
}

/* Each is told of once, and with the fingerprint that it has. */
static void check_signals(Scene *s, SignalLog *log)
{
    const char *const paths[] = { s->leaves[0], s->leaves[1], PATH_ROOT };

    signals_wait(log, PATH, "ChainChanged", NULL, G_N_ELEMENTS(paths));
    signals_settle(log);
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *fingerprint = client_get_string(s->fixture->root, paths[i], "Fingerprint");

        g_assert_cmpuint(signals_count(log, paths[i], "ChainChanged", NULL), ==, 1);
        g_assert_cmpuint(signals_count(log, paths[i], "ChainChanged", fingerprint), ==, 1);
        g_assert_cmpuint(signals_count(log, paths[i], "PropertiesChanged", fingerprint), ==, 1);
        g_assert_cmpuint(signals_count(log, PATH, "ChainChanged", paths[i]), ==, 1);
        g_assert_cmpuint(signals_count(log, PATH, "ChainChanged", fingerprint), ==, 1);
    }
    g_assert_cmpuint(signals_count(log, PATH, "ChainChanged", NULL), ==, G_N_ELEMENTS(paths));
    g_assert_cmpuint(signals_count(log, NULL, "InterfacesAdded", "certificate"), ==, 0);
    g_assert_cmpuint(signals_count(log, NULL, "InterfacesRemoved", "certificate"), ==, 0);
}

/* ExportRoot of everything there is, in each format, as openssl has it. */
static void check_exports(Scene *s, const char *root)
{
    static const char *const to_der[] = { "openssl", "x509", "-outform", "DER", NULL };
    static const char *const from_der[] = { "openssl", "x509", "-inform", "DER", NULL };
    static const char *const from_pkcs7[] = { "openssl", "pkcs7", "-inform", "DER", "-print_certs", NULL };
    static const char *const from_pem[] = { "openssl", "x509", NULL };
    const char *const paths[] = { PATH, PATH_ROOT, s->leaves[0], s->leaves[1] };
    gsize der_size;
    g_autofree char *der = openssl_filter(to_der, root, strlen(root), &der_size),
                    *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)der, der_size),
                    *canonical = openssl_filter(from_pem, root, strlen(root), NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        gsize size, bag_size;
        g_autofree char *pem = export(s, paths[i], "ExportRoot", "pem", NULL),
                        *is_der = export(s, paths[i], "ExportRoot", "der", &size),
                        *bag = export(s, paths[i], "ExportRoot", "pkcs7", &bag_size), *text = NULL,
                        *round = openssl_filter(from_der, is_der, size, NULL), *fingerprint = NULL;
        const char *begin;

        g_assert_cmpstr(pem, ==, canonical);
        g_assert_cmpmem(is_der, size, der, der_size);
        g_assert_cmpstr(round, ==, canonical);
        text = openssl_filter(from_pkcs7, bag, bag_size, NULL);
        begin = strstr(text, "-----BEGIN");
        g_assert_nonnull(begin);
        g_assert_null(strstr(begin + 1, "-----BEGIN"));
        g_assert_true(g_str_has_prefix(begin, canonical));
        fingerprint = export(s, paths[i], "ExportRoot", "fingerprint", &size);
        g_assert_cmpuint(size, ==, 64);
        g_assert_cmpstr(fingerprint, ==, digest);
    }
}

static void reissue(Scene *s, SignalLog *log)
{
    g_autoptr(GVariant) reply = client_expect(s->fixture->root, PATH_ROOT, CERTIFICATE, "Reissue",
                                              g_variant_new("(@a{sv})", NO_OPTIONS));
    const char *job;

    g_variant_get(reply, "(&o)", &job);
    signals_wait(log, PATH, "JobRemoved", job, 1);
    g_assert_cmpuint(signals_count(log, PATH, "JobRemoved", "'done'"), ==, 1);
}

static void check_house(Scene *s, const PkiLeaf *house)
{
    const char *const roots[] = { house->certificate, s->old_root, NULL };

    check_fingerprint(s, house->fingerprint);
    check_source(s, "uploaded", "uploaded");
    check_leaves(s, "CN=house", roots);
    check_exports(s, house->certificate);
}

static void test_upload(gconstpointer by_descriptor)
{
    g_autoptr(Scene) s = scene_new();
    g_autoptr(PkiLeaf) house = pki_make_authority(s->pki, "house", NULL, NULL);
    g_autoptr(SignalLog) log = signals_new(s->fixture->root);
    g_autofree char *bundle = pki_bundle(house);

    if (by_descriptor)
        descriptor_expect_upload(s->fixture->root, PATH_ROOT, bundle);
    else
        upload_text(s, bundle);
    check_fingerprint(s, house->fingerprint);
    check_signals(s, log);
    g_assert_cmpuint(signals_count(log, PATH, "PropertiesChanged", house->fingerprint), >=, 1);
    check_house(s, house);
    signals_clear(log);
    upload_text(s, bundle); /* once more */
    signals_settle(log);
    check_house(s, house);
    fixture_stop_daemon(s->fixture);
    fixture_start_daemon(s->fixture, 0);
    check_house(s, house);
}

/* Then the machine has a root of its own again, and clients with the former ones go on. */
static void test_reissue(void)
{
    g_autoptr(Scene) s = scene_new();
    g_autoptr(PkiLeaf) house = pki_make_authority(s->pki, "house", NULL, NULL);
    g_autofree char *bundle = pki_bundle(house), *own = NULL, *fingerprint = NULL;
    g_autoptr(SignalLog) log = signals_new(s->fixture->root);

    upload_text(s, bundle);
    check_signals(s, log);
    signals_clear(log);
    reissue(s, log);
    check_signals(s, log);
    own = export(s, PATH, "ExportRoot", "pem", NULL);
    fingerprint = export(s, PATH, "ExportRoot", "fingerprint", NULL);
    g_assert_cmpstr(fingerprint, !=, house->fingerprint);
    g_assert_cmpstr(own, !=, s->old_root);
    check_fingerprint(s, fingerprint);
    check_source(s, "local", "machine");
    check_leaves(s, NULL, (const char *const[]){ own, house->certificate, NULL });
    check_exports(s, own);
}

typedef struct IssuerWait {
    Scene *scene;
    const char *leaf;
} IssuerWait;

static gboolean is_of_house(gpointer userdata)
{
    const IssuerWait *w = userdata;
    g_autofree char *issuer = client_get_string(w->scene->fixture->root, w->leaf, "Issuer");

    return strcmp(issuer, "CN=house") == 0;
}

/* Chains have it and what is above it in them, and the top is what is exported. */
static void test_intermediate(void)
{
    g_autoptr(Scene) s = scene_new();
    g_autoptr(PkiLeaf) house = pki_make_authority(s->pki, "house", "root",
                                                  "basicConstraints=critical,CA:TRUE,pathlen:0\n" MAY_SIGN);
    g_autofree char *alone = pki_bundle(house), *whole = g_strconcat(house->root, alone, NULL);
    refuse(s, alone, "ChainIncomplete", "CN=root");
    check_source(s, "local", "machine");
    descriptor_expect_upload(s->fixture->root, PATH_ROOT, whole);
    for (size_t i = 0; i < N_LEAVES; i++)
        wait_until(is_of_house, &(IssuerWait){ s, s->leaves[i] }, "the leaves to be signed");
    check_fingerprint(s, house->fingerprint);
    check_source(s, "uploaded", "uploaded");
    check_leaves(s, "CN=house", (const char *const[]){ house->root, s->old_root, NULL });
    check_exports(s, house->root);
}

/* As PKCS#12, with its passphrase. */
static void test_pkcs12(void)
{
    g_autoptr(Scene) s = scene_new();
    g_autoptr(PkiLeaf) house = pki_make_authority(s->pki, "house", NULL, NULL);
    g_autoptr(SignalLog) log = signals_new(s->fixture->root);
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL, refused = NULL;
    g_autofree char *name = NULL;
    gsize size;
    g_autofree char *file = pki_pkcs12(house, SECRET, &size);
    DescriptorUpload upload = { .bundle = descriptor_new(file, size) };

    g_assert_null(descriptor_upload(s->fixture->root, PATH_ROOT, &upload, &refused));
    name = client_error_name(refused);
    g_assert_cmpstr(name, ==, "PassphraseRequired");
    upload.passphrase = SECRET;
    reply = descriptor_upload(s->fixture->root, PATH_ROOT, &upload, &error);
    g_assert_no_error(error);
    check_signals(s, log);
    check_house(s, house);
}

static void test_refused(void)
{
    g_autoptr(Scene) s = scene_new();
    g_autoptr(PkiLeaf) leaf = pki_issue(s->pki, "leaf-a", "DNS:a.example.com", "EC", 30);
    g_autoptr(PkiLeaf) cannot_sign =
        pki_make_authority(s->pki, "reader", NULL, AUTHORITY "keyUsage=critical,digitalSignature\n");
    g_autoptr(PkiLeaf) no_authority =
        pki_make_authority(s->pki, "guest", NULL, "basicConstraints=critical,CA:FALSE\n" MAY_SIGN);
    g_autoptr(PkiLeaf) house = pki_make_authority(s->pki, "house", NULL, NULL);
    g_autofree char *of_leaf = pki_bundle(leaf), *with_root = g_strconcat(of_leaf, leaf->root, NULL),
                    *reader = pki_bundle(cannot_sign), *guest = pki_bundle(no_authority),
                    *wrong_key = g_strconcat(house->certificate, leaf->key, NULL),
                    *encrypted = pki_encrypt_key(house->key, SECRET),
                    *locked = g_strconcat(house->certificate, encrypted, NULL);
    Guard guard = guard_begin(s->fixture);

    refuse(s, of_leaf, "NotACertificateAuthority", "CA:TRUE");
    refuse(s, with_root, "NotACertificateAuthority", "CA:TRUE");
    refuse(s, guest, "NotACertificateAuthority", "CA:TRUE");
    refuse(s, reader, "NotACertificateAuthority", "keyCertSign");
    refuse(s, wrong_key, "KeyMismatch", "key");
    refuse(s, house->certificate, "InvalidBundle", "private key");
    refuse(s, house->key, "InvalidBundle", "certificate");
    refuse(s, locked, "PassphraseRequired", "passphrase");
    refuse(s, "", "InvalidBundle", "empty");
    guard_end(&guard);
    check_source(s, "local", "machine");
}

/* An authority for a server's name is refused as such; the pool does not take it either. */
static void test_not_for_leaves(void)
{
    g_autoptr(Scene) s = scene_new();
    g_autoptr(PkiLeaf) house = pki_make_authority(s->pki, "house", NULL, NULL);
    g_autofree char *bundle = pki_bundle(house);
    Guard guard = guard_begin(s->fixture);

    client_expect_error(s->fixture->root, s->leaves[0], CERTIFICATE, "Upload",
                        g_variant_new("(s@a{sv})", bundle, NO_OPTIONS), "InvalidBundle", "authority");
    client_expect_error(s->fixture->root, PATH, MANAGER, "Upload",
                        g_variant_new("(s@a{sv})", bundle, NO_OPTIONS), "InvalidBundle", "authority");
    guard_end(&guard);
}

static void add(void)
{
    g_test_add_data_func("/bus/root-upload/text", NULL, test_upload);
    g_test_add_data_func("/bus/root-upload/descriptor", "", test_upload);
    g_test_add_func("/bus/root-upload/reissue", test_reissue);
    g_test_add_func("/bus/root-upload/intermediate", test_intermediate);
    g_test_add_func("/bus/root-upload/pkcs12", test_pkcs12);
    g_test_add_func("/bus/root-upload/refused", test_refused);
    g_test_add_func("/bus/root-upload/not-for-leaves", test_not_for_leaves);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
