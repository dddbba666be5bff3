/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/key.h"

#include <openssl/pem.h>

/* What is made is what OpenSSL reads, checks, and would have written itself. */
static void test_generate(gconstpointer data)
{
    KeyType type = (KeyType)GPOINTER_TO_INT(data);
    int rounds = type == KEY_TYPE_ECDSA_P256 || type == KEY_TYPE_ECDSA_P384 ? 300 : 1;

    for (int i = 0; i < rounds; i++) {
        _cleanup_key_ Key *key = NULL;
        _cleanup_pkey_ EVP_PKEY *pkey = NULL;
        _cleanup_erase_ char *pem = NULL, *again = NULL;
        EVP_PKEY_CTX *context;

        g_assert_cmpint(key_generate(type, &key), ==, 0);
        g_assert_cmpint(key_to_pem(key, &pem), ==, 0);
        g_assert_cmpint(pkey_from_pem(pem, &pkey), ==, 0);
        g_assert_cmpint(pkey_type(pkey), ==, type);
        context = EVP_PKEY_CTX_new(pkey, NULL);
        g_assert_cmpint(EVP_PKEY_pairwise_check(context), ==, 1);
        EVP_PKEY_CTX_free(context);
        g_assert_cmpint(pkey_to_pem(pkey, &again), ==, 0);
        g_assert_true(streq(again, pem));
    }
}

/* The public half in a certificate is that of the key. */
static void test_public(void)
{
    for (KeyType type = 0; type < _KEY_TYPE_MAX; type++) {
        _cleanup_pkey_ EVP_PKEY *public = NULL;
        _cleanup_x509_ X509 *x = X509_new();
        unsigned char *der = NULL;
        const unsigned char *at;
        int size;
        _cleanup_key_ Key *key = NULL;
        _cleanup_pkey_ EVP_PKEY *pkey = NULL;
        _cleanup_erase_ char *pem = NULL;

        if (!key_type_suits_leaf(type) || type == KEY_TYPE_RSA_4096)
            continue;
        g_assert_cmpint(key_generate(type, &key), ==, 0);
        g_assert_cmpint(key_set_public(x, key), ==, 0);
        g_assert_cmpint(key_to_pem(key, &pem), ==, 0);
        g_assert_cmpint(pkey_from_pem(pem, &pkey), ==, 0);
        size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
        at = der;
        public = d2i_PUBKEY(NULL, &at, size);
        g_assert_cmpint(EVP_PKEY_eq(public, pkey), ==, 1);
        OPENSSL_free(der);
    }
}

static void test_refused(void)
{
    static const KeyType types[] = { KEY_TYPE_ECDSA_P521, KEY_TYPE_RSA_OTHER, _KEY_TYPE_INVALID,
                                     _KEY_TYPE_MAX };
    static const char *const texts[] = { "", "x",
                                         "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" };
    EVP_PKEY *pkey = NULL;
    Key *key = NULL;

    for (size_t i = 0; i < ELEMENTSOF(types); i++)
        g_assert_cmpint(key_generate(types[i], &key), <, 0);
    g_assert_null(key);
    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        g_assert_cmpint(pkey_from_pem(texts[i], &pkey), <, 0);
    g_assert_null(pkey);
    g_assert_nonnull(openssl_error());
    g_assert_cmpstr(openssl_error(), ==, "OpenSSL gives no reason"); /* the queue is empty now */
}

static void test_text(void)
{
    _cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());
    _cleanup_free_ char *empty = NULL, *text = NULL;

    g_assert_cmpint(bio_to_text(bio, &empty), ==, 0);
    g_assert_cmpstr(empty, ==, "");
    BIO_puts(bio, "text");
    g_assert_cmpint(bio_to_text(bio, &text), ==, 0);
    g_assert_cmpstr(text, ==, "text");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    for (KeyType type = 0; type < _KEY_TYPE_MAX; type++) {
        g_autofree char *path = g_strdup_printf("/key/generate/%s", key_type_to_string(type));

        if (key_type_suits_leaf(type))
            g_test_add_data_func(path, GINT_TO_POINTER(type), test_generate);
    }
    g_test_add_func("/key/public", test_public);
    g_test_add_func("/key/refused", test_refused);
    g_test_add_func("/key/text", test_text);
    return g_test_run();
}
