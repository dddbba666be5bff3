/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "descriptors.h"
#include "files.h"
#include "guard.h"
#include "pki.h"

/* CheckUpload: everything that is wrong in one answer, and nothing changes by it. */

#define MODULE "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\n"
#define SECRET "correct horse"
#define DAY    86400

typedef struct Scene {
    Fixture *fixture;
    Pki *pki;
    PkiLeaf *leaf;
    Guard guard;
    char *before;
} Scene;

/* All that a client can see of the service. */
static char *look(Fixture *f)
{
    g_autoptr(GVariant) objects =
        client_expect(f->root, PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL);
    g_autoptr(GVariant) uploads = client_expect(f->root, PATH, MANAGER, "ListUploads", NULL);
    g_autofree char *first = g_variant_print(objects, FALSE), *second = g_variant_print(uploads, FALSE);

    return g_strconcat(first, "\n", second, NULL);
}

static Scene *scene_new(void)
{
    static const char *const names[] = { "a.example.com", "b.example.com" };
    Scene *s = g_new0(Scene, 1);
    static const char self_signed[] = "basicConstraints=critical,CA:FALSE\n"
                                      "subjectAltName=DNS:there.example.org\nextendedKeyUsage=serverAuth\n";
    g_autoptr(PkiLeaf) there = NULL;
    g_autofree char *bundle = NULL;

    s->fixture = fixture_new(0, MODULE);
    s->pki = pki_new(s->fixture->directory);
    s->leaf = pki_issue(s->pki, "leaf-a", "DNS:a.example.com", "EC", 40);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = client_find(s->fixture->root, names[i]);

        client_wait_state(s->fixture->root, path, "valid");
    }
    there = pki_make_authority(s->pki, "there", NULL, self_signed);
    bundle = pki_bundle(there);
    g_variant_unref(client_expect(s->fixture->root, PATH, MANAGER, "Upload",
                                  g_variant_new("(s@a{sv})", bundle, NO_OPTIONS)));
    s->before = look(s->fixture);
    s->guard = guard_begin(s->fixture);
    return s;
}

static void scene_free(Scene *s)
{
    g_autofree char *after = look(s->fixture);

    g_assert_cmpstr(after, ==, s->before);
    guard_end(&s->guard);
    pki_leaf_free(s->leaf);
    pki_free(s->pki);
    fixture_free(s->fixture);
    g_free(s->before);
    g_free(s);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scene, scene_free)

/* Name by name with what came of it, as in "format+ key+ leaf- "; texts are the sentences, a line for each. */
static char *check_descriptors(Scene *s, DescriptorUpload upload, char **ret_texts)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = NULL, checks = NULL;
    GString *text = g_string_new(NULL), *sentences = g_string_new(NULL);
    const char *name, *sentence;
    GVariantIter it;
    gboolean passed;

    upload.member = "CheckUpload";
    reply = descriptor_upload(s->fixture->root, PATH, &upload, &error);
    g_assert_no_error(error);
    checks = g_variant_get_child_value(reply, 0);
    g_variant_iter_init(&it, checks);
    while (g_variant_iter_next(&it, "(&sb&s)", &name, &passed, &sentence)) {
        g_string_append_printf(text, "%s%c ", name, passed ? '+' : '-');
        g_string_append_printf(sentences, "%s: %s\n", name, sentence);
        g_assert_true(g_str_has_suffix(sentence, "."));
    }
    *ret_texts = g_string_free(sentences, FALSE);
    return g_string_free(text, FALSE);
}

/* says: what the sentences have to contain, NULL at the end. */
static void expect(Scene *s, const char *bundle, const char *name, const char *checks,
                   const char *const *says)
{
    DescriptorUpload upload = { .bundle = descriptor_new_text(bundle), .name = name };
    g_autofree char *texts = NULL, *is = check_descriptors(s, upload, &texts);

    close(upload.bundle);
    if (strcmp(is, checks) != 0)
        g_error("the checks are %sand not %s:\n%s", is, checks, texts);
    for (; *says; says++)
        if (!strstr(texts, *says))
            g_error("nothing says \"%s\":\n%s", *says, texts);
}

#define SAYS(...) \
    (const char *const[]) \
    { \
        __VA_ARGS__, NULL \
    }
#define ALL_GOOD "format+ key+ leaf+ key-match+ chain+ signatures+ validity+ names+ purpose+ outcome+ "

static void test_good(void)
{
    g_autoptr(Scene) s = scene_new();
    g_autoptr(PkiLeaf) house = pki_make_authority(s->pki, "house", NULL, NULL);
    g_autofree char *bundle = pki_bundle(s->leaf), *authority = pki_bundle(house), *texts = NULL, *is = NULL,
                    *chain = g_strconcat(s->leaf->certificate, s->leaf->intermediate, NULL);
    DescriptorUpload apart = { .bundle = descriptor_new_text(chain),
                               .key = descriptor_new_text(s->leaf->key) };

    expect(s, bundle, NULL, ALL_GOOD, SAYS("served for a.example.com", "PEM", "CN=leaf-a", "a.example.com"));
    expect(s, bundle, "a.example.com", ALL_GOOD, SAYS("served for a.example.com"));
    expect(s, bundle, "A.Example.COM.", ALL_GOOD, SAYS("served for a.example.com"));
    is = check_descriptors(s, apart, &texts);
    g_assert_cmpstr(is, ==, ALL_GOOD);
    expect(s, authority, "root",
           "format+ key+ leaf+ key-match+ chain+ signatures+ validity+ purpose+ outcome+ ",
           SAYS("become the local root", "2 chains"));
    close(apart.bundle);
    close(apart.key);
}

/* All at once: the key of another, expired, for another name, and from nobody that is known. */
static void test_bad(void)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_autoptr(Scene) s = scene_new();
    g_autoptr(PkiLeaf) old =
        pki_issue_between(s->pki, "old", "DNS:old.example.org", now - 100 * DAY, now - 10 * DAY);
    g_autofree char *much = g_strconcat(old->certificate, s->leaf->key, NULL), *good = pki_bundle(s->leaf),
                    *expired = pki_bundle(old),
                    *none = g_strconcat(s->leaf->certificate, s->leaf->intermediate, NULL);

    expect(s, much, "a.example.com",
           "format+ key+ leaf+ key-match- chain- validity- names- purpose+ outcome- ",
           SAYS("belongs to none", "CN=intermediate", "has expired", "old.example.org", "a.example.com",
                "nothing would change"));
    expect(s, expired, NULL,
           "format+ key+ leaf+ key-match+ chain+ signatures+ validity- names+ purpose+ outcome- ",
           SAYS("has expired"));
    expect(s, good, "b.example.com",
           "format+ key+ leaf+ key-match+ chain+ signatures+ validity+ names- purpose+ outcome- ",
           SAYS("not for b.example.com"));
    expect(s, good, "root", "format+ key+ leaf- key-match+ outcome- ", SAYS("CA:TRUE"));
    expect(s, none, NULL, "format+ key- leaf+ chain+ signatures+ validity+ names+ purpose+ outcome- ",
           SAYS("no private key"));
    expect(s, "nonsense", NULL, "format- outcome- ", SAYS("nothing would change"));
    expect(s, "", NULL, "format- outcome- ", SAYS("empty"));
}

static void expect_error(Scene *s, DescriptorUpload upload, const char *error, const char *says)
{
    g_autoptr(GError) is = NULL;
    g_autoptr(GVariant) reply = NULL;
    g_autofree char *name = NULL;

    upload.member = "CheckUpload";
    reply = descriptor_upload(s->fixture->root, PATH, &upload, &is);
    name = client_error_name(is);
    g_assert_cmpstr(name, ==, error);
    g_assert_nonnull(strstr(is->message, says));
}

static void test_errors(void)
{
    g_autoptr(Scene) s = scene_new();
    g_autofree char *bundle = pki_bundle(s->leaf), *encrypted = pki_encrypt_key(s->leaf->key, SECRET),
                    *locked = g_strconcat(s->leaf->certificate, s->leaf->intermediate, encrypted, NULL),
                    *texts = NULL, *is = NULL, *also_is = NULL;
    gsize size;
    g_autofree char *file = pki_pkcs12(s->leaf, SECRET, &size);
    int good = descriptor_new_text(bundle), pem = descriptor_new_text(locked),
        p12 = descriptor_new(file, size);

    expect_error(s, (DescriptorUpload){ .bundle = good, .name = "x.example.net" }, "NoSuchCertificate",
                 "x.example.net");
    expect_error(s, (DescriptorUpload){ .bundle = good, .name = "a..b" }, "InvalidName", "a..b");
    expect_error(s, (DescriptorUpload){ .bundle = pem }, "PassphraseRequired", "passphrase");
    expect_error(s, (DescriptorUpload){ .bundle = p12 }, "PassphraseRequired", "passphrase");
    expect_error(s, (DescriptorUpload){ .bundle = pem, .passphrase = "wrong" }, "PassphraseRequired",
                 "passphrase");
    expect_error(s, (DescriptorUpload){ .bundle = p12, .passphrase = "wrong" }, "PassphraseRequired",
                 "passphrase");
    is = check_descriptors(s, (DescriptorUpload){ .bundle = pem, .passphrase = SECRET }, &texts);
    g_assert_cmpstr(is, ==, ALL_GOOD);
    g_free(g_steal_pointer(&texts));
    also_is = check_descriptors(s, (DescriptorUpload){ .bundle = p12, .passphrase = SECRET }, &texts);
    g_assert_cmpstr(also_is, ==, ALL_GOOD);
    close(good);
    close(pem);
    close(p12);
}

static void add(void)
{
    g_test_add_func("/bus/check-upload/good", test_good);
    g_test_add_func("/bus/check-upload/bad", test_bad);
    g_test_add_func("/bus/check-upload/errors", test_errors);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
