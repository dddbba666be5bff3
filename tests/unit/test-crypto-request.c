/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core/limits.h"
#include "crypto/account-key.h"
#include "crypto/inspect.h"
#include "crypto/request.h"
#include "util/text.h"

static X509_REQ *decode_request(const char *text)
{
    _cleanup_free_ void *der = NULL;
    const unsigned char *at;
    X509_REQ *request;
    size_t size;

    g_assert_cmpint(base64url_decode(text, &der, &size), ==, 0);
    at = der;
    request = d2i_X509_REQ(NULL, &at, (long)size);
    g_assert_nonnull(request);
    g_assert_true(at == (uint8_t *)der + size);
    return request;
}

/* The alternative names are those of a certificate that has the extension. */
static void assert_request_names(X509_REQ *request, char *const *expected)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    _cleanup_strv_ char **names = NULL;
    _cleanup_x509_ X509 *x = X509_new();

    g_assert_cmpint(sk_X509_EXTENSION_num(extensions), ==, 1);
    g_assert_cmpint(X509_add_ext(x, sk_X509_EXTENSION_value(extensions, 0), -1), ==, 1);
    g_assert_cmpint(x509_names(x, &names), ==, 0);
    g_assert_true(strv_equal(names, expected));
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static void test_make(gconstpointer data)
{
    KeyType type = (KeyType)GPOINTER_TO_INT(data);
    char *const names[] = { S("www.example.com"), S("*.example.com"), S("192.0.2.1"), S("2001:db8::1"),
                            NULL };

    for (int i = 0; i < (type < KEY_TYPE_RSA_2048 ? 100 : 2); i++) {
        _cleanup_erase_ char *key = NULL;
        _cleanup_free_ char *text = NULL;
        EVP_PKEY *pkey;
        X509_REQ *request;

        g_assert_cmpint(request_make_key(type, &key), ==, 0);
        g_assert_cmpint(request_make(names, key, &text), ==, 0);
        request = decode_request(text);
        pkey = X509_REQ_get0_pubkey(request);
        g_assert_cmpint(pkey_type(pkey), ==, type);
        g_assert_cmpint(X509_REQ_verify(request, pkey), ==, 1);
        g_assert_cmpint(X509_NAME_entry_count(X509_REQ_get_subject_name(request)), ==, 0);
        assert_request_names(request, names);
        X509_REQ_free(request);
    }
}

static void test_make_refused(void)
{
    char *names[LIMIT_NAMES + 2] = {};
    _cleanup_pkey_ EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    _cleanup_erase_ char *key = NULL, *other_key = NULL;
    char *text = NULL;

    g_assert_cmpint(request_make_key(KEY_TYPE_ECDSA_P256, &key), ==, 0);
    g_assert_cmpint(pkey_to_pem(other, &other_key), ==, 0);
    g_assert_cmpint(request_make(names, key, &text), ==, -EINVAL);
    names[0] = S("a.example");
    g_assert_cmpint(request_make(names, "no key", &text), <, 0);
    g_assert_cmpint(request_make(names, other_key, &text), ==, -EINVAL);
    for (size_t i = 0; i <= LIMIT_NAMES; i++)
        names[i] = S("a.example");
    g_assert_cmpint(request_make(names, key, &text), ==, -E2BIG);
    g_assert_null(text);
    names[LIMIT_NAMES] = NULL;
    g_assert_cmpint(request_make(names, key, &text), ==, 0);
    free(text);
    (void)openssl_error();
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_data_func("/request/make/p256", GINT_TO_POINTER(KEY_TYPE_ECDSA_P256), test_make);
    g_test_add_data_func("/request/make/p384", GINT_TO_POINTER(KEY_TYPE_ECDSA_P384), test_make);
    g_test_add_data_func("/request/make/rsa", GINT_TO_POINTER(KEY_TYPE_RSA_2048), test_make);
    g_test_add_func("/request/make-refused", test_make_refused);
    return g_test_run();
}
