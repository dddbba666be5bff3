/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "descriptors.h"
#include "files.h"
#include "guard.h"
#include "mock-polkit.h"
#include "pending.h"
#include "pki.h"

/* Uploads as bytes: taken in every form, and answered for certificate by certificate; a passphrase from a file; and a dry run
 * foretells what then comes of it. */

#define MODULE \
    "[Module]\n[Certificate a.example.com]\nAlternativeNames=alias.example.com\n[Certificate b.example.com]\n"
#define SECRET "correct horse"
#define LIMIT  (64 * 1024)
#define HOUR   3600
#define DAY    (24 * HOUR)
#define NAMES  "DNS:a.example.com,DNS:alias.example.com"

static Fixture *start(unsigned flags)
{
    static const char *const names[] = { "a.example.com", "b.example.com" };
    Fixture *f = fixture_new(flags, MODULE);

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = client_find(f->root, names[i]);

        client_wait_state(f->root, path, "valid");
    }
    return f;
}

static GVariant *bytes_of(const void *data, gsize size)
{
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, data, size, 1);
}

/* One upload, or its dry run; what is NULL or 0 is left out. */
typedef struct Upload {
    const void *bundle;
    gsize size; /* 0: bundle is text */
    const char *key, *passphrase, *name;
    const char *passphrase_file; /* what the descriptor holds */
    int passphrase_fd;           /* another descriptor; 0: none */
} Upload;

static GVariant *arguments_of(const Upload *u, GUnixFDList *fds)
{
    GVariantBuilder options;
    int fd = u->passphrase_file ? descriptor_new_text(u->passphrase_file) : dup(u->passphrase_fd);

    g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
    if (u->key)
        g_variant_builder_add(&options, "{sv}", "key", bytes_of(u->key, strlen(u->key)));
    if (u->passphrase)
        g_variant_builder_add(&options, "{sv}", "passphrase", g_variant_new_string(u->passphrase));
    if (u->name)
        g_variant_builder_add(&options, "{sv}", "name", g_variant_new_string(u->name));
    if (u->passphrase_file || u->passphrase_fd > 0)
        g_variant_builder_add(&options, "{sv}", "passphrase-fd",
                              g_variant_new_handle(g_unix_fd_list_append(fds, fd, NULL)));
    close(fd);
    return g_variant_new("(@aya{sv})", bytes_of(u->bundle, u->size > 0 ? u->size : strlen(u->bundle)),
                         &options);
}

static GVariant *call(Fixture *f, const char *member, const Upload *u, GError **error)
{
    g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();

    return descriptor_call(f->root, PATH, MANAGER, member, arguments_of(u, fds), fds, 0, NULL, error);
}

/* "outcome" of a dry run that found nothing wrong. */
static char *foretell(Fixture *f, const Upload *u)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = call(f, "CheckUploadData", u, &error), checks = NULL;
    const char *name = "", *text = "";
    gboolean passed = FALSE;
    GVariantIter it;

    g_assert_no_error(error);
    checks = g_variant_get_child_value(reply, 0);
    g_variant_iter_init(&it, checks);
    while (g_variant_iter_next(&it, "(&sb&s)", &name, &passed, &text))
        if (!passed)
            g_error("%s: %s", name, text);
    g_assert_cmpstr(name, ==, "outcome");
    return g_strdup(text);
}

/* The answer as text: "FINGERPRINT NAME=REASON...", "" as the reason of one that serves it. */
static char *upload_as_text(Fixture *f, const Upload *u)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = call(f, "UploadData", u, &error), fits = NULL;
    const char *fingerprint, *path, *reason;
    GString *text;
    GVariantIter it;
    gboolean served;

    g_assert_no_error(error);
    g_variant_get(reply, "(&s@a(obs))", &fingerprint, &fits);
    text = g_string_new(fingerprint);
    g_variant_iter_init(&it, fits);
    while (g_variant_iter_next(&it, "(&ob&s)", &path, &served, &reason)) {
        g_autofree char *name = client_get_string(f->root, path, "Name"),
                        *is = client_get_string(f->root, path, "Fingerprint");

        g_assert_cmpint(served, ==, *reason == 0);
        g_assert_cmpint(served, ==, strcmp(is, fingerprint) == 0);
        g_string_append_printf(text, " %s=%s", name, reason);
    }
    return g_string_free(text, FALSE);
}

/* A dry run says what is expected, and so does the upload. */
static void expect(Fixture *f, const Upload *u, const char *fingerprint, const char *outcome,
                   const char *fits)
{
    g_autofree char *foretold = foretell(f, u), *is = upload_as_text(f, u),
                    *pattern = g_strconcat(fingerprint, fits, NULL);

    if (!g_pattern_match_simple(outcome, foretold))
        g_error("\"%s\" is foretold, and not \"%s\"", foretold, outcome);
    if (!g_pattern_match_simple(pattern, is))
        g_error("the answer is \"%s\", and not \"%s\"", is, pattern);
}

static void expect_error(Fixture *f, const Upload *u, const char *name, const char *says)
{
    static const char *const members[] = { "UploadData", "CheckUploadData" };
    g_autofree char *before = directory_digest(f->state), *after = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = call(f, members[i], u, &error);
        g_autofree char *is = client_error_name(error);

        g_assert_null(reply);
        g_assert_cmpstr(is, ==, name);
        if (!strstr(error->message, says))
            g_error("%s does not say \"%s\": %s", members[i], says, error->message);
    }
    after = directory_digest(f->state);
    g_assert_cmpstr(after, ==, before);
}

static void expect_refused(Fixture *f, const Upload *u, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = call(f, "UploadData", u, &error);
    g_autofree char *is = client_error_name(error);

    g_assert_null(reply);
    g_assert_cmpstr(is, ==, name);
}

static void test_forms(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) a = pki_issue(pki, "leaf-a", NAMES, "EC", 30);
    g_autoptr(PkiLeaf) wild = pki_issue(pki, "wild", "DNS:*.example.com", "EC", 30);
    g_autoptr(PkiLeaf) other = pki_issue(pki, "other", "DNS:other.example.org", "EC", 30);
    gsize size;
    g_autofree char *text = pki_bundle(a), *p12 = pki_pkcs12(wild, SECRET, &size), *none = pki_bundle(other),
                    *chain = g_strconcat(a->certificate, a->intermediate, NULL),
                    *encrypted = pki_encrypt_key(a->key, SECRET);

    expect(f, &(Upload){ .bundle = text }, a->fingerprint, "It would be served for a.example.com.",
           " a.example.com=");
    expect(f, &(Upload){ .bundle = p12, .size = size, .passphrase = SECRET }, wild->fingerprint,
           "It would be served for ?.example.com, ?.example.com.", " ?.example.com= ?.example.com=");
    expect(f, &(Upload){ .bundle = chain, .key = a->key, .name = "ALIAS.example.com." }, a->fingerprint,
           "It would be served for a.example.com.", " a.example.com=");
    expect(f, &(Upload){ .bundle = chain, .key = encrypted, .passphrase_file = SECRET "\n" }, a->fingerprint,
           "It would be served for a.example.com.", " a.example.com=");
    expect(f, &(Upload){ .bundle = none }, other->fingerprint, "It would be kept for later*", "");
}

static void test_root(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) house = pki_make_authority(pki, "house", NULL, NULL);
    g_autofree char *bundle = pki_bundle(house);

    expect(f, &(Upload){ .bundle = bundle, .name = "root" }, house->fingerprint,
           "It would become the local root, and 2 chains would be signed again.", " root=");
}

static void test_refused(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) a = pki_issue(pki, "leaf-a", NAMES, "EC", 30);
    g_autofree char *text = pki_bundle(a), *most = g_strnfill(LIMIT, 'x'),
                    *more = g_strnfill(LIMIT + 1, 'x'),
                    *chain = g_strconcat(a->certificate, a->intermediate, NULL);
    g_autofree char *before = directory_digest(f->state), *after = NULL;

    expect_error(f, &(Upload){ .bundle = more }, "LimitsExceeded", "65536");
    expect_error(f, &(Upload){ .bundle = chain, .key = more }, "LimitsExceeded", "65536");
    expect_error(f, &(Upload){ .bundle = text, .name = "x.example.net" }, "NoSuchCertificate",
                 "x.example.net");
    expect_error(f, &(Upload){ .bundle = text, .name = "a..b" }, "InvalidName", "a..b");
    expect_refused(f, &(Upload){ .bundle = most }, "InvalidBundle");
    expect_refused(f, &(Upload){ .bundle = "" }, "InvalidBundle");
    expect_refused(f, &(Upload){ .bundle = chain, .key = "" }, "InvalidBundle");
    expect_refused(f, &(Upload){ .bundle = chain }, "InvalidBundle");
    expect_refused(f, &(Upload){ .bundle = text, .name = "b.example.com" }, "NameMismatch");
    expect_refused(f, &(Upload){ .bundle = text, .name = "root" }, "NotACertificateAuthority");
    client_expect_error(f->root, PATH, MANAGER, "UploadData",
                        g_variant_new("(@ay@a{sv})", bytes_of(text, strlen(text)),
                                      client_option("key", g_variant_new_string("x"))),
                        "InvalidArgument", "\"key\" is of type s and has to be of type ay");
    after = directory_digest(f->state);
    g_assert_cmpstr(after, ==, before);
}

/* The passphrase in a file of its own, for every method that takes one. */
static void test_passphrase_fd(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) a = pki_issue(pki, "leaf-a", NAMES, "EC", 30);
    g_autofree char *long_word = g_strnfill(1024, 'y'), *with_newline = g_strconcat(long_word, "\n", NULL),
                    *too_long = g_strconcat(long_word, "y\n", NULL),
                    *chain = g_strconcat(a->certificate, a->intermediate, NULL),
                    *key = pki_encrypt_key(a->key, SECRET), *long_key = pki_encrypt_key(a->key, long_word);
    Upload good = { .bundle = chain, .key = key, .passphrase_file = SECRET "\n" }, u = good;
    int ends[2];

    expect(f, &good, a->fingerprint, "It would be served*", " a.example.com=");
    u.passphrase_file = SECRET;
    expect(f, &u, a->fingerprint, "It would be served*", " a.example.com=");
    u.passphrase_file = SECRET "\n\n";
    expect_error(f, &u, "PassphraseRequired", "passphrase");
    u.passphrase_file = "";
    expect_error(f, &u, "PassphraseRequired", "passphrase");
    u.passphrase_file = SECRET;
    u.passphrase = SECRET;
    expect_error(f, &u, "InvalidArgument", "passphrase-fd");
    u = (Upload){ .bundle = chain, .key = long_key, .passphrase_file = with_newline };
    expect(f, &u, a->fingerprint, "It would be served*", " a.example.com=");
    u.passphrase_file = too_long;
    expect_refused(f, &u, "LimitsExceeded");
    u.passphrase_file = NULL;
    u.passphrase_fd = descriptor_new("a\0b", 3);
    expect_error(f, &u, "InvalidArgument", "zero byte");
    close(u.passphrase_fd);
    g_assert_cmpint(pipe(ends), ==, 0);
    u.passphrase_fd = ends[0];
    expect_error(f, &u, "InvalidArgument", "a pipe");
    close(ends[0]);
    close(ends[1]);
}

static void test_passphrase_fd_beside_descriptors(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) a = pki_issue(pki, "leaf-a", NAMES, "EC", 30);
    g_autofree char *path = client_find(f->root, "a.example.com"), *is = NULL;
    gsize size;
    g_autofree char *p12 = pki_pkcs12(a, SECRET, &size);
    int bundle = descriptor_new(p12, size), word = descriptor_new_text(SECRET "\n");
    const struct {
        const char *path, *interface, *member;
    } methods[] = { { PATH, MANAGER, "CheckUpload" },
                    { PATH, MANAGER, "UploadFd" },
                    { path, CERTIFICATE, "UploadFd" } };

    for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
        g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = NULL;

        g_assert_cmpint(g_unix_fd_list_append(fds, bundle, NULL), ==, 0);
        g_assert_cmpint(g_unix_fd_list_append(fds, word, NULL), ==, 1);
        reply = descriptor_call(f->root, methods[i].path, methods[i].interface, methods[i].member,
                                g_variant_new_parsed("(handle 0, {'passphrase-fd': <handle 1>})"), fds, 0,
                                NULL, &error);
        g_assert_no_error(error);
    }
    is = client_get_string(f->root, path, "Fingerprint");
    g_assert_cmpstr(is, ==, a->fingerprint);
    close(bundle);
    close(word);
}

/* What time does to it: each with what a dry run says before. */
static void test_time(void)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_autoptr(Fixture) f = start(0);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(PkiLeaf) early = pki_issue_between(pki, "early", NAMES, now + DAY, now + 90 * DAY),
                       week = pki_issue_between(pki, "week", NAMES, now - 391 * DAY, now + 7 * DAY),
                       ten = pki_issue_between(pki, "ten", NAMES, now - 3590 * DAY, now + 60 * DAY),
                       minutes = pki_issue_between(pki, "minutes", NAMES, now - DAY, now + 10 * 60);
    g_autofree char *early_text = pki_bundle(early), *week_text = pki_bundle(week),
                    *ten_text = pki_bundle(ten), *minutes_text = pki_bundle(minutes),
                    *path = client_find(f->root, "a.example.com"), *is = NULL;

    expect(
        f, &(Upload){ .bundle = early_text }, early->fingerprint,
        "It would be kept, as it is not valid yet, and served as soon as it is, at * UTC, for a.example.com.",
        " a.example.com=It is not valid yet, and will be served from * UTC on.");
    expect(f, &(Upload){ .bundle = minutes_text }, minutes->fingerprint,
           "It would be kept, but not served for a.example.com, as it expires too soon, at * UTC.",
           " a.example.com=It expires at * UTC, which is too soon to be served.");
    is = client_get_string(f->root, path, "Source");
    g_assert_cmpstr(is, ==, "local");
    expect(f, &(Upload){ .bundle = week_text }, week->fingerprint, "It would be served for a.example.com.",
           " a.example.com=");
    client_wait_state(f->root, path, "expiring");
    expect(f, &(Upload){ .bundle = ten_text }, ten->fingerprint, "It would be served for a.example.com.",
           " a.example.com=");
    expect(f, &(Upload){ .bundle = early_text }, early->fingerprint,
           "It would be kept, as it is not valid yet*", " a.example.com=It is not valid yet*");
    g_free(is);
    is = client_get_string(f->root, path, "Fingerprint");
    g_assert_cmpstr(is, ==, ten->fingerprint);
}

/* polkit is told the primary name, whichever was given, and allows just that: the name may belong to another certificate by the
 * time that it answers. */
static void test_name_for_polkit(void)
{
    g_autoptr(Fixture) f = start(FIXTURE_NO_POLKIT);
    g_autoptr(MockPolkit) p = mock_polkit_new(f);
    g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
    g_autoptr(MockQuestion) first = NULL, second = NULL;
    g_autofree char *a = client_find(f->root, "a.example.com"), *b = client_find(f->root, "b.example.com"),
                    *of_alias = NULL, *details = NULL;
    Upload u = { .bundle = "nothing", .name = "alias.example.com" };
    Pending *pending = pending_new(f->root, PATH, MANAGER, "UploadData", arguments_of(&u, fds));

    first = mock_polkit_wait(p);
    details = g_variant_print(first->details, FALSE);
    g_assert_nonnull(strstr(details, "'name': 'a.example.com'"));
    mock_polkit_answer_yes(p, first);
    pending_expect(pending, "InvalidBundle");
    pending = pending_new(f->root, PATH, MANAGER, "UploadData", arguments_of(&u, fds));
    second = mock_polkit_wait(p);
    fixture_write_module(f, "test",
                         "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\n"
                         "AlternativeNames=alias.example.com\n");
    for (int i = 0; i < 600 && g_strcmp0(of_alias, b) != 0; i++) {
        wait_milliseconds(100);
        g_free(of_alias);
        of_alias =
            client_knows(f->root, "alias.example.com") ? client_find(f->root, "alias.example.com") : NULL;
    }
    g_assert_cmpstr(of_alias, ==, b);
    g_assert_cmpstr(of_alias, !=, a);
    mock_polkit_answer_yes(p, second);
    pending_expect(pending, "NotAuthorized");
}

static void add(void)
{
    g_test_add_func("/bus/upload-data/forms", test_forms);
    g_test_add_func("/bus/upload-data/root", test_root);
    g_test_add_func("/bus/upload-data/refused", test_refused);
    g_test_add_func("/bus/upload-data/passphrase-fd", test_passphrase_fd);
    g_test_add_func("/bus/upload-data/passphrase-fd-beside-descriptors",
                    test_passphrase_fd_beside_descriptors);
    g_test_add_func("/bus/upload-data/time", test_time);
    g_test_add_func("/bus/upload-data/name-for-polkit", test_name_for_polkit);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
