/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/pair.h"

#include <errno.h>

static void test_pair(void)
{
    _cleanup_issued_ Issued root =
        issue(&(CertificateSpec){ .subject = "Root", .authority = true }, NULL, NULL);
    _cleanup_issued_ Issued leaf = issue(&(CertificateSpec){ .subject = "a.example" }, &root, NULL);
    _cleanup_free_ char *root_pem = pem_of(&root), *leaf_pem = pem_of(&leaf), *key = key_pem_of(&leaf);
    _cleanup_bundle_ Bundle *b = NULL, *alone = NULL;

    g_assert_cmpint(bundle_from_pem(leaf_pem, root_pem, key, &b), ==, 0);
    g_assert_cmpstr(b->leaf, ==, leaf_pem);
    g_assert_cmpstr(b->issuers, ==, root_pem);
    g_assert_true(streq(b->key, key));
    g_assert_cmpuint(b->chain->n_entries, ==, 2);
    g_assert_cmpint(bundle_from_pem(leaf_pem, "", key, &alone), ==, 0);
    g_assert_cmpuint(alone->chain->n_entries, ==, 1);
}

static void test_chain(void)
{
    _cleanup_issued_ Issued root =
        issue(&(CertificateSpec){ .subject = "Root", .authority = true }, NULL, NULL);
    _cleanup_issued_ Issued leaf = issue(&(CertificateSpec){ .subject = "a.example" }, &root, NULL);
    _cleanup_bundle_ Bundle *b = calloc(1, sizeof(Bundle));
    _cleanup_chain_ Chain *own = NULL, *with_root = NULL, *none = NULL;

    g_assert_nonnull(b);
    g_assert_cmpint(bundle_read_chain(b, false, &none), ==, -EBADMSG);
    b->leaf = pem_of(&leaf);
    b->anchor = pem_of(&root);
    g_assert_cmpint(bundle_read_chain(b, false, &own), ==, 0);
    g_assert_cmpuint(own->n_entries, ==, 1);
    g_assert_cmpint(bundle_read_chain(b, true, &with_root), ==, 0);
    g_assert_cmpuint(with_root->n_entries, ==, 2);
}

static void test_refused(void)
{
    _cleanup_issued_ Issued one = issue(&(CertificateSpec){ .subject = "a.example" }, NULL, NULL);
    _cleanup_issued_ Issued two = issue(&(CertificateSpec){ .subject = "b.example" }, NULL, NULL);
    _cleanup_free_ char *pem = pem_of(&one), *key = key_pem_of(&one), *other = key_pem_of(&two);
    const char *const rows[][3] = { { pem, "", other }, { "", "", key },  { pem, "", "" },
                                    { pem, "", pem },   { key, "", key }, { "x", "", key } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        Bundle *b = NULL;

        g_assert_cmpint(bundle_from_pem(rows[i][0], rows[i][1], rows[i][2], &b), <, 0);
        g_assert_null(b);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/pair/pair", test_pair);
    g_test_add_func("/pair/chain", test_chain);
    g_test_add_func("/pair/refused", test_refused);
    return g_test_run();
}
