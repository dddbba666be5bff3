/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/container.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "crypto/algorithm.h"
#include "crypto/key.h"

#define PASSPHRASE "secret"

/* An authority and a leaf, and each as DER; made once. */
static Issued root, leaf;
static GBytes *root_der, *leaf_der, *key_der;
static char *root_pem, *leaf_pem, *key_pem;

static GBytes *der_of(X509 *x)
{
    uint8_t *der = NULL;
    int size = i2d_X509(x, &der);
    GBytes *bytes = g_bytes_new(der, (gsize)size);

    OPENSSL_free(der);
    return bytes;
}

static void pki_make(void)
{
    Blob der;

    root = issue(&(CertificateSpec){ .subject = "Root", .authority = true }, NULL, NULL);
    leaf = issue(&(CertificateSpec){ .subject = "a.example", .names = "DNS:a.example" }, &root, NULL);
    root_der = der_of(root.certificate);
    leaf_der = der_of(leaf.certificate);
    g_assert_cmpint(pkey_to_pkcs8(leaf.key, &der), ==, 0);
    key_der = g_bytes_new_with_free_func(der.data, der.size, free, der.data);
    root_pem = pem_of(&root);
    leaf_pem = pem_of(&leaf);
    key_pem = key_pem_of(&leaf);
}

static void pki_done(void)
{
    issued_done(&root);
    issued_done(&leaf);
    g_bytes_unref(root_der);
    g_bytes_unref(leaf_der);
    g_bytes_unref(key_der);
    free(root_pem);
    free(leaf_pem);
    free(key_pem);
}

static GBytes *bytes_of_text(const char *text)
{
    return g_bytes_new(text, strlen(text));
}

static GBytes *bytes_of_bio(BIO *bio)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    GBytes *bytes = g_bytes_new(data, (gsize)size);

    BIO_free(bio);
    return bytes;
}

static GBytes *joined(GBytes *first, GBytes *second)
{
    GByteArray *all = g_byte_array_new();

    g_byte_array_append(all, g_bytes_get_data(first, NULL), (guint)g_bytes_get_size(first));
    g_byte_array_append(all, g_bytes_get_data(second, NULL), (guint)g_bytes_get_size(second));
    return g_byte_array_free_to_bytes(all);
}

static GBytes *pkcs12(const char *passphrase)
{
    STACK_OF(X509) *above = sk_X509_new_null();
    BIO *bio = BIO_new(BIO_s_mem());
    PKCS12 *p12;

    sk_X509_push(above, root.certificate);
    p12 = PKCS12_create(passphrase, "name", leaf.key, leaf.certificate, above, 0, 0, 1000, 1000, 0);
    g_assert_cmpint(i2d_PKCS12_bio(bio, p12), ==, 1);
    PKCS12_free(p12);
    sk_X509_free(above);
    return bytes_of_bio(bio);
}

static GBytes *pkcs7(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PKCS7 *p7 = PKCS7_new();

    g_assert_cmpint(PKCS7_set_type(p7, NID_pkcs7_signed), ==, 1);
    g_assert_cmpint(PKCS7_content_new(p7, NID_pkcs7_data), ==, 1);
    g_assert_cmpint(PKCS7_add_certificate(p7, leaf.certificate), ==, 1);
    g_assert_cmpint(PKCS7_add_certificate(p7, root.certificate), ==, 1);
    g_assert_cmpint(i2d_PKCS7_bio(bio, p7), ==, 1);
    PKCS7_free(p7);
    return bytes_of_bio(bio);
}

static GBytes *encrypted_key(void)
{
    BIO *bio = BIO_new(BIO_s_mem());

    g_assert_cmpint(
        PEM_write_bio_PKCS8PrivateKey(bio, leaf.key, EVP_aes_256_cbc(), NULL, 0, NULL, S(PASSPHRASE)), ==,
        1);
    return bytes_of_bio(bio);
}

/* As an editor writes "Unicode". */
static GBytes *wide(const char *text, bool big)
{
    GByteArray *all = g_byte_array_new();
    const uint8_t zero = 0, mark[] = { big ? 0xfe : 0xff, big ? 0xff : 0xfe };

    g_byte_array_append(all, mark, 2);
    for (; *text; text++) {
        g_byte_array_append(all, big ? &zero : (const uint8_t *)text, 1);
        g_byte_array_append(all, big ? (const uint8_t *)text : &zero, 1);
    }
    return g_byte_array_free_to_bytes(all);
}

static ProblemCode read_both(GBytes *bundle, GBytes *key, const char *passphrase, Imported **ret,
                             char **ret_text)
{
    _cleanup_problem_ Problem problem = {};
    ContainerInput input = { g_bytes_get_data(bundle, NULL), g_bytes_get_size(bundle) }, separate = {};
    int r;

    if (key)
        separate = (ContainerInput){ g_bytes_get_data(key, NULL), g_bytes_get_size(key) };
    r = container_read(&input, key ? &separate : NULL, passphrase, ret, &problem);
    g_assert_cmpint(r < 0, ==, problem.code != PROBLEM_NONE);
    g_assert_cmpint(r < 0, ==, *ret == NULL);
    if (ret_text)
        *ret_text = g_strdup(problem.text);
    return problem.code;
}

static bool blob_is(const Blob *b, GBytes *bytes)
{
    g_autoptr(GBytes) there = g_bytes_new(b->data, b->size);

    return g_bytes_equal(there, bytes);
}

/* What is in it, whatever it was wrapped in; all certificates in the order found. Takes the upload. */
static void assert_holds(const char *what, GBytes *upload, const char *format, const char *contents)
{
    _cleanup_imported_ Imported *i = NULL;
    g_autoptr(GString) found = g_string_new(NULL);
    g_autofree char *text = NULL;

    if (read_both(upload, NULL, PASSPHRASE, &i, &text) != PROBLEM_NONE)
        g_error("%s: %s", what, text);
    for (size_t n = 0; n < i->n_certificates; n++)
        g_string_append(found, blob_is(i->certificates + n, leaf_der)   ? "leaf "
                               : blob_is(i->certificates + n, root_der) ? "root "
                                                                        : "? ");
    if (i->key.data)
        g_string_append(found, blob_is(&i->key, key_der) ? "key" : "? key");
    if (!streq(found->str, contents) || !streq(i->format, format) || i->key_problem.code != PROBLEM_NONE)
        note_failure("%s: %s with %s %s", what, i->format, found->str, strempty(i->key_problem.text));
    g_bytes_unref(upload);
}

static void test_formats(void)
{
    g_autofree char *all = text_join(leaf_pem, root_pem, key_pem, NULL),
                    *twice = text_join("text\n", key_pem, leaf_pem, "more\n", leaf_pem, key_pem, NULL),
                    *marked = text_join("\xef\xbb\xbf", all, NULL),
                    *returns = g_strdelimit(g_strdup(all), "\n", '\r'),
                    *base64 = g_base64_encode(g_bytes_get_data(leaf_der, NULL), g_bytes_get_size(leaf_der));
    g_autoptr(GBytes) sealed = encrypted_key(), text = bytes_of_text(leaf_pem);

    assert_holds("PEM", bytes_of_text(all), "PEM", "leaf root key");
    assert_holds("PEM twice", bytes_of_text(twice), "PEM", "leaf key");
    assert_holds("PEM with a mark", bytes_of_text(marked), "PEM", "leaf root key");
    assert_holds("PEM with carriage returns", bytes_of_text(returns), "PEM", "leaf root key");
    assert_holds("PEM in UTF-16", wide(all, false), "PEM", "leaf root key");
    assert_holds("PEM in UTF-16, big end first", wide(all, true), "PEM", "leaf root key");
    assert_holds("PEM with an encrypted key", joined(text, sealed), "PEM", "leaf key");
    assert_holds("DER", g_bytes_ref(leaf_der), "DER", "leaf ");
    assert_holds("DER of two", joined(leaf_der, root_der), "DER", "leaf root ");
    assert_holds("BASE64", bytes_of_text(base64), "DER", "leaf ");
    assert_holds("PKCS#12", pkcs12(PASSPHRASE), "PKCS#12", "leaf root key");
    assert_holds("PKCS#7", pkcs7(), "PKCS#7", "leaf root ");
}

static void assert_refused(GBytes *upload, ProblemCode code, const char *words)
{
    Imported *i = NULL;
    g_autofree char *text = NULL;
    ProblemCode got = read_both(upload, NULL, NULL, &i, &text);

    if (got != code || !strstr(strempty(text), words))
        note_failure("\"%s\": %s, %s", words, problem_code_to_string(got), strempty(text));
    g_bytes_unref(upload);
}

static void test_refused(void)
{
    g_autoptr(GBytes) zeros = g_bytes_new_static("\0\0\0", 3),
                      java = g_bytes_new_static("\xfe\xed\xfe\xed\0\0", 6);

    assert_refused(bytes_of_text(""), PROBLEM_INVALID_BUNDLE, "empty");
    assert_refused(bytes_of_text("some text!"), PROBLEM_INVALID_BUNDLE, "neither PEM nor DER");
    assert_refused(bytes_of_text("\n<html><body>404"), PROBLEM_INVALID_BUNDLE, "HTML");
    assert_refused(g_bytes_ref(java), PROBLEM_INVALID_BUNDLE, "Java keystore");
    assert_refused(bytes_of_text(key_pem), PROBLEM_INVALID_BUNDLE, "only a private key");
    assert_refused(g_bytes_ref(key_der), PROBLEM_INVALID_BUNDLE, "only a private key");
    assert_refused(joined(key_der, zeros), PROBLEM_INVALID_BUNDLE, "extra bytes at the end");
    assert_refused(joined(leaf_der, zeros), PROBLEM_INVALID_BUNDLE, "3 bytes that are not a certificate");
    assert_refused(g_bytes_new(g_bytes_get_data(leaf_der, NULL), g_bytes_get_size(leaf_der) - 1),
                   PROBLEM_INVALID_BUNDLE, "damaged");
    assert_refused(pkcs12(PASSPHRASE), PROBLEM_PASSPHRASE_REQUIRED, "passphrase");
    assert_refused(g_bytes_new_take(g_strnfill(LIMIT_BUNDLE + 1, ' '), LIMIT_BUNDLE + 1),
                   PROBLEM_LIMITS_EXCEEDED, "more than");
}

static void assert_key(GBytes *bundle, GBytes *key, const char *passphrase, ProblemCode code)
{
    _cleanup_imported_ Imported *i = NULL;

    g_assert_cmpint(read_both(bundle, key, passphrase, &i, NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(i->key_problem.code, ==, code);
    g_assert_cmpuint(i->n_certificates, ==, 1);
    if (code == PROBLEM_NONE)
        g_assert_true(blob_is(&i->key, key_der));
    else
        g_assert_null(i->key.data);
}

/* What is wrong with a key does not keep the certificates from being looked at. */
static void test_key(void)
{
    _cleanup_issued_ Issued other = issue(&(CertificateSpec){ .subject = "b" }, NULL, NULL);
    _cleanup_issued_ Issued weak = issue(&(CertificateSpec){ .subject = "c" }, NULL, EVP_RSA_gen(1024));
    _cleanup_free_ char *other_text = key_pem_of(&other), *weak_text = key_pem_of(&weak);
    g_autoptr(GBytes) bundle = bytes_of_text(leaf_pem), key = bytes_of_text(key_pem),
                      sealed = encrypted_key(), other_key = bytes_of_text(other_text),
                      weak_key = bytes_of_text(weak_text), two = joined(key, other_key),
                      with_key = joined(bundle, key), nothing = bytes_of_text(root_pem);

    assert_key(bundle, key, NULL, PROBLEM_NONE);
    assert_key(bundle, key_der, NULL, PROBLEM_NONE);
    assert_key(bundle, sealed, PASSPHRASE, PROBLEM_NONE);
    assert_key(with_key, key, NULL, PROBLEM_NONE);
    assert_key(bundle, sealed, NULL, PROBLEM_PASSPHRASE_REQUIRED);
    assert_key(bundle, sealed, "wrong", PROBLEM_PASSPHRASE_REQUIRED);
    assert_key(bundle, two, NULL, PROBLEM_INVALID_BUNDLE);
    assert_key(with_key, other_key, NULL, PROBLEM_INVALID_BUNDLE);
    assert_key(bundle, weak_key, NULL, PROBLEM_WEAK_KEY);
    assert_key(bundle, nothing, NULL, PROBLEM_INVALID_BUNDLE); /* certificates in a key file do not count */
}

int main(int argc, char *argv[])
{
    int status;

    fixture_init(&argc, &argv);
    container_init();
    pki_make();
    g_test_add_func("/container/formats", test_formats);
    g_test_add_func("/container/refused", test_refused);
    g_test_add_func("/container/key", test_key);
    status = g_test_run();
    pki_done();
    return status;
}
