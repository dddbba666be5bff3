/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/export.h"

#include <openssl/pkcs7.h>

#include "core/limits.h"
#include "crypto/inspect.h"

static char *chain_pem(unsigned n)
{
    g_autoptr(GString) all = g_string_new(NULL);

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("n%u.example", i);
        _cleanup_issued_ Issued one = issue(&(CertificateSpec){ .subject = name }, NULL, NULL);
        _cleanup_free_ char *pem = pem_of(&one);

        g_string_append(all, pem);
    }
    return g_strdup(all->str);
}

static void test_pem(void)
{
    g_autofree char *pem = chain_pem(3);
    _cleanup_free_ void *out = NULL;
    size_t size;

    g_assert_cmpint(export_certificates(pem, EXPORT_PEM, &out, &size), ==, 0);
    g_assert_cmpmem(out, size, pem, strlen(pem));
}

static void test_der(void)
{
    g_autofree char *pem = chain_pem(3);
    _cleanup_x509_stack_ STACK_OF(X509) *l = NULL;
    _cleanup_free_ void *out = NULL;
    const unsigned char *at;
    size_t size;
    X509 *x;

    g_assert_cmpint(export_certificates(pem, EXPORT_DER, &out, &size), ==, 0);
    at = out;
    x = d2i_X509(NULL, &at, (long)size);
    g_assert_true(at == (unsigned char *)out + size);
    g_assert_cmpint(x509_list_from_pem(pem, &l), ==, 0);
    g_assert_cmpint(X509_cmp(x, sk_X509_value(l, 0)), ==, 0);
    X509_free(x);
}

/* All certificates, for OpenSSL's library and its program, and no signature. */
static void test_pkcs7(void)
{
    for (unsigned n = 1; n <= LIMIT_CHAIN; n += 5) {
        g_autofree char *pem = chain_pem(n), *path = NULL, *listed = NULL;
        _cleanup_folder_ Folder f = folder_new();
        _cleanup_free_ void *out = NULL;
        const unsigned char *at;
        g_auto(GStrv) parts = NULL;
        size_t size;
        PKCS7 *p7;

        g_assert_cmpint(export_certificates(pem, EXPORT_PKCS7, &out, &size), ==, 0);
        at = out;
        p7 = d2i_PKCS7(NULL, &at, (long)size);
        g_assert_nonnull(p7);
        g_assert_cmpint(sk_X509_num(p7->d.sign->cert), ==, (int)n);
        g_assert_cmpint(sk_PKCS7_SIGNER_INFO_num(PKCS7_get_signer_info(p7)), ==, 0);
        PKCS7_free(p7);
        folder_write_bytes(&f, "chain.p7b", out, size);
        path = folder_path(&f, "chain.p7b");
        char *argv[] = { S("openssl"), S("pkcs7"), S("-inform"),      S("DER"),
                         S("-in"),     path,       S("-print_certs"), NULL };

        g_assert_cmpint(run_program(argv, &listed), ==, 0);
        parts = g_strsplit(listed, "BEGIN CERTIFICATE", -1);
        g_assert_cmpuint(g_strv_length(parts) - 1, ==, n);
    }
}

static void test_refused(void)
{
    static const char *const texts[] = { "", "x",
                                         "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };
    g_autofree char *many = chain_pem(LIMIT_CHAIN + 1);
    size_t size;

    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        for (ExportFormat format = EXPORT_DER; format < _EXPORT_FORMAT_MAX; format++) {
            void *out = NULL;

            g_assert_cmpint(export_certificates(texts[i], format, &out, &size), <, 0);
            g_assert_null(out);
        }
    void *out = NULL;

    g_assert_cmpint(export_certificates(many, EXPORT_PKCS7, &out, &size), <, 0);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/export/pem", test_pem);
    g_test_add_func("/export/der", test_der);
    g_test_add_func("/export/pkcs7", test_pkcs7);
    g_test_add_func("/export/refused", test_refused);
    return g_test_run();
}
