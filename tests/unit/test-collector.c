/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/collector.h"

#include <errno.h>

#include "collection.h"
#include "crypto/key.h"

static Blob der_of(const Issued *i)
{
    Blob der;

    g_assert_cmpint(asn1_to_der(i->certificate, ASN1_ITEM_rptr(X509), &der), ==, 0);
    return der;
}

/* In the order found, each once, and no more than a chain may have. */
static void test_certificates(void)
{
    _cleanup_collection_ Collection s = {};

    collection_init(&s, false, NULL);
    for (unsigned n = 0; n <= LIMIT_CHAIN; n++) {
        g_autofree char *name = g_strdup_printf("%u.example", n);
        _cleanup_issued_ Issued i = issue(&(CertificateSpec){ .subject = name }, NULL, NULL);
        _cleanup_blob_ Blob der = der_of(&i);
        int wanted = n < LIMIT_CHAIN ? 0 : -E2BIG;

        g_assert_cmpint(collect_certificate(&s.c, der.data, der.size, NULL), ==, wanted);
        if (wanted < 0)
            break;
        g_assert_cmpint(collect_x509(&s.c, i.certificate), ==, 0);
        g_assert_cmpuint(s.imported->n_certificates, ==, n + 1);
        g_assert_true(blob_equal(s.imported->certificates + n, &der));
    }
    g_assert_cmpint(s.problem.code, ==, PROBLEM_LIMITS_EXCEEDED);
    g_assert_cmpuint(s.imported->n_certificates, ==, LIMIT_CHAIN);
}

/* What stands behind it is the next one, or an error. */
static void test_behind(void)
{
    _cleanup_collection_ Collection s = {};
    _cleanup_issued_ Issued i = issue(&(CertificateSpec){ .subject = "a.example" }, NULL, NULL);
    _cleanup_blob_ Blob der = der_of(&i), longer = { g_malloc0(der.size + 3), der.size + 3 };
    size_t used = 0;

    collection_init(&s, false, NULL);
    memcpy(longer.data, der.data, der.size);
    g_assert_cmpint(collect_certificate(&s.c, longer.data, longer.size, &used), ==, 0);
    g_assert_cmpuint(used, ==, der.size);
    g_assert_cmpint(collect_certificate(&s.c, longer.data, longer.size, NULL), ==, -EBADMSG);
    g_assert_cmpstr(s.problem.text, ==,
                    "Certificate 2 of the upload is damaged: it is followed by 3 extra bytes.");
}

static void test_key_only(void)
{
    _cleanup_collection_ Collection s = {};
    _cleanup_issued_ Issued i = issue(&(CertificateSpec){ .subject = "a.example" }, NULL, NULL);
    _cleanup_blob_ Blob der = der_of(&i);
    size_t used = 0;

    collection_init(&s, true, NULL);
    g_assert_cmpint(collect_certificate(&s.c, der.data, der.size, &used), ==, 0);
    g_assert_cmpuint(used, ==, der.size);
    g_assert_cmpint(collect_x509(&s.c, i.certificate), ==, 0);
    g_assert_cmpuint(s.imported->n_certificates, ==, 0);
}

static void test_too_much(void)
{
    static const struct {
        unsigned n_names, n_subject;
        const char *words;
    } rows[] = { { LIMIT_NAMES, 0, NULL },
                 { LIMIT_NAMES + 1, 0, "has 101 names" },
                 { 1, LIMIT_SUBJECT / 64, "a subject or issuer of more than" } };

    for (size_t row = 0; row < ELEMENTSOF(rows); row++) {
        _cleanup_collection_ Collection s = {};
        g_autoptr(GString) names = g_string_new("DNS:a.example");
        _cleanup_issued_ Issued i = {};

        collection_init(&s, false, NULL);
        for (unsigned n = 1; n < rows[row].n_names; n++)
            g_string_append_printf(names, ",DNS:%u.example", n);
        i = issue(&(CertificateSpec){ .subject = "a", .names = names->str }, NULL, NULL);
        for (unsigned n = 0; n < rows[row].n_subject; n++) {
            g_autofree char *unit = g_strdup_printf("%064u", n);

            g_assert_cmpint(X509_NAME_add_entry_by_NID(X509_get_subject_name(i.certificate),
                                                       NID_organizationalUnitName, MBSTRING_UTF8,
                                                       (const unsigned char *)unit, -1, -1, 0),
                            ==, 1);
        }
        g_assert_cmpint(X509_sign(i.certificate, i.key, EVP_sha256()), >, 0);
        g_assert_cmpint(collect_x509(&s.c, i.certificate), ==, rows[row].words ? -E2BIG : 0);
        if (rows[row].words)
            g_assert_nonnull(strstr(s.problem.text, rows[row].words));
    }
}

static void test_keys(void)
{
    _cleanup_collection_ Collection s = {};
    _cleanup_issued_ Issued a = issue(&(CertificateSpec){ .subject = "a" }, NULL, NULL),
                            b = issue(&(CertificateSpec){ .subject = "b" }, NULL, NULL);
    _cleanup_problem_ Problem problem = {};
    EVP_PKEY *const keys[] = { a.key, a.key, b.key };

    collection_init(&s, false, NULL);
    for (size_t n = 0; n < ELEMENTSOF(keys); n++) {
        g_assert_cmpint(EVP_PKEY_up_ref(keys[n]), ==, 1);
        g_assert_cmpint(s.imported->key_problem.code, ==, PROBLEM_NONE);
        g_assert_cmpint(collect_key(&s.c, keys[n], 0, &problem), ==, 0);
        g_assert_nonnull(s.imported->key.data);
    }
    g_assert_cmpint(s.imported->key_problem.code, ==, PROBLEM_INVALID_BUNDLE);
    g_assert_nonnull(strstr(s.imported->key_problem.text, "more than one private key"));
    g_assert_cmpint(s.problem.code, ==, PROBLEM_NONE); /* the certificates are still looked at */
}

/* The first problem of a key counts; a lack of memory is none of its own. */
static void test_key_problems(void)
{
    _cleanup_collection_ Collection s = {};
    _cleanup_problem_ Problem problem = {};
    int r;

    collection_init(&s, false, NULL);
    g_assert_cmpint(collect_key(&s.c, NULL, -ENOMEM, &problem), ==, -ENOMEM);
    g_assert_cmpint(s.imported->key_problem.code, ==, PROBLEM_NONE);
    r = passphrase_problem(&s.c, "The key", &problem);
    g_assert_cmpint(collect_key(&s.c, NULL, r, &problem), ==, 0);
    r = problem_set(&problem, PROBLEM_WEAK_KEY, "It is weak.");
    g_assert_cmpint(collect_key(&s.c, NULL, r, &problem), ==, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_NONE);
    g_assert_cmpstr(s.imported->key_problem.text, ==,
                    "The key is encrypted; give its passphrase in the option \"passphrase\".");
}

static void test_passphrase(void)
{
    _cleanup_collection_ Collection s = {};

    collection_init(&s, false, "wrong");
    g_assert_cmpint(passphrase_problem(&s.c, "The file", &s.problem), ==, -ENOKEY);
    g_assert_cmpint(s.problem.code, ==, PROBLEM_PASSPHRASE_REQUIRED);
    g_assert_nonnull(strstr(s.problem.text, "does not open it"));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/collector/certificates", test_certificates);
    g_test_add_func("/collector/behind", test_behind);
    g_test_add_func("/collector/key-only", test_key_only);
    g_test_add_func("/collector/too-much", test_too_much);
    g_test_add_func("/collector/keys", test_keys);
    g_test_add_func("/collector/key-problems", test_key_problems);
    g_test_add_func("/collector/passphrase", test_passphrase);
    return g_test_run();
}
