/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/inspect.h"

#include <openssl/x509v3.h>

#include "core/limits.h"
#include "util/text.h"

/* A certificate with DNS alternative names of any bytes. */
static Issued with_names(const char *subject, const void *const *names, const size_t *sizes, size_t n)
{
    Issued i = issue(&(CertificateSpec){ .subject = subject }, NULL, NULL);
    GENERAL_NAMES *l = GENERAL_NAMES_new();

    for (size_t k = 0; k < n; k++) {
        GENERAL_NAME *g = GENERAL_NAME_new();
        ASN1_IA5STRING *s = ASN1_IA5STRING_new();

        ASN1_STRING_set(s, names[k], (int)sizes[k]);
        GENERAL_NAME_set0_value(g, GEN_DNS, s);
        sk_GENERAL_NAME_push(l, g);
    }
    g_assert_cmpint(X509_add1_ext_i2d(i.certificate, NID_subject_alt_name, l, 0, X509V3_ADD_REPLACE), ==, 1);
    GENERAL_NAMES_free(l);
    g_assert_cmpint(X509_sign(i.certificate, i.key, EVP_sha256()), >, 0);
    return i;
}

/* A name with a NUL in it is nobody's; what is no name is left out, and the others count. */
static void test_hostile_names(void)
{
    static const char *const names[] = { "www.example.com\0.evil.example",
                                         "good.example",
                                         "..",
                                         "a/b",
                                         "",
                                         "GOOD.example.",
                                         "*.*.example",
                                         "*.wild.example" };
    static const size_t sizes[] = { 29, 12, 2, 3, 0, 13, 11, 14 };
    _cleanup_issued_ Issued i =
        with_names("www.example.com", (const void *const *)names, sizes, ELEMENTSOF(sizes));
    _cleanup_strv_ char **found = NULL;

    g_assert_cmpint(x509_names(i.certificate, &found), ==, 0);
    g_assert_cmpuint(strv_length(found), ==, 2);
    g_assert_cmpstr(found[0], ==, "good.example");
    g_assert_cmpstr(found[1], ==, "*.wild.example");
}

/* With DNS alternative names, be they useless, the common name does not count (RFC 6125 section 6.4.4). */
static void test_common_name(void)
{
    static const char *const useless[] = { ".." };
    static const size_t size = 2;
    _cleanup_issued_ Issued with = with_names("www.example.com", (const void *const *)useless, &size, 1);
    _cleanup_issued_ Issued without = issue(&(CertificateSpec){ .subject = "WWW.example.com" }, NULL, NULL);
    _cleanup_issued_ Issued address =
        issue(&(CertificateSpec){ .subject = "www.example.com", .names = "IP:192.0.2.1" }, NULL, NULL);
    _cleanup_strv_ char **a = NULL, **b = NULL, **c = NULL;

    g_assert_cmpint(x509_names(with.certificate, &a), ==, 0);
    g_assert_null(a);
    g_assert_cmpint(x509_names(without.certificate, &b), ==, 0);
    g_assert_cmpuint(strv_length(b), ==, 1);
    g_assert_cmpstr(b[0], ==, "www.example.com");
    g_assert_cmpint(x509_names(address.certificate, &c), ==, 0);
    g_assert_true(strv_contains(c, "192.0.2.1"));
}

/* Subjects come out as UTF-8 that a bus takes, whatever stands in them. */
static void test_subjects(void)
{
    static const char *const subjects[] = { "plain", "B\303\274cher", "a,b+c=\"d\"\\<>;", " leading",
                                            "#hash", "\001\002\177",  "\360\237\230\200" };

    for (size_t k = 0; k < ELEMENTSOF(subjects); k++) {
        _cleanup_issued_ Issued i = issue(&(CertificateSpec){ .subject = subjects[k] }, NULL, NULL);
        _cleanup_free_ char *text = NULL;

        g_assert_cmpint(x509_name_to_text(X509_get_subject_name(i.certificate), &text), ==, 0);
        g_assert_true(g_utf8_validate(text, -1, NULL));
        g_assert_true(g_str_has_prefix(text, "CN="));
        for (const char *p = text; *p; p++)
            g_assert_cmpint((unsigned char)*p, >=, 0x20);
    }
}

/* Each kind of string that a name can have (X.520), with what does not belong into it. */
static void test_subject_kinds(void)
{
    static const struct {
        int kind;
        const char *bytes;
        int size;
        const char *text; /* NULL: anything that a bus takes */
    } subjects[] = {
        { V_ASN1_T61STRING, "B\374cher", 6, "CN=B\303\274cher" },
        { V_ASN1_T61STRING, "\200\237\377\033", 4, NULL },
        { V_ASN1_IA5STRING, "caf\351", 4, NULL },
        { V_ASN1_PRINTABLESTRING, "\303(\377", 3, NULL },
        { V_ASN1_UTF8STRING, "a\0b", 3, "CN=a\\00b" },
        { V_ASN1_UTF8STRING, "caf\351", 4, NULL },
        { V_ASN1_UTF8STRING, "\342\200\256moc.elpmaxe", 14, NULL },
        { V_ASN1_UTF8STRING, "\355\240\200", 3, NULL },
        { V_ASN1_BMPSTRING, "\0a\0\0 \254", 6, NULL },
        { V_ASN1_UNIVERSALSTRING, "\0\1\366\0", 4, "CN=\360\237\230\200" },
        { V_ASN1_BIT_STRING, "\377\0\033", 3, NULL },
    };

    for (size_t k = 0; k < ELEMENTSOF(subjects); k++) {
        X509_NAME *name = X509_NAME_new();
        X509_NAME_ENTRY *entry =
            X509_NAME_ENTRY_create_by_NID(NULL, NID_commonName, MBSTRING_ASC, (const unsigned char *)"x", 1);
        ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
        _cleanup_free_ char *text = NULL;

        g_assert_cmpint(ASN1_STRING_set(value, subjects[k].bytes, subjects[k].size), ==, 1);
        value->type = subjects[k].kind;
        g_assert_cmpint(X509_NAME_add_entry(name, entry, -1, 0), ==, 1);
        X509_NAME_ENTRY_free(entry);
        g_assert_cmpint(x509_name_to_text(name, &text), ==, 0);
        g_assert_true(text_is_plain(text));
        g_assert_true(g_str_has_prefix(text, "CN="));
        if (subjects[k].text)
            g_assert_cmpstr(text, ==, subjects[k].text);
        X509_NAME_free(name);
    }
}

static void test_list(void)
{
    _cleanup_issued_ Issued i = issue(&(CertificateSpec){ .subject = "x" }, NULL, NULL);
    _cleanup_free_ char *pem = pem_of(&i);
    g_autoptr(GString) all = g_string_new(NULL);

    for (int n = 1; n <= LIMIT_CHAIN + 1; n++) {
        STACK_OF(X509) *l = NULL;

        g_string_append(all, pem);
        g_assert_cmpint(x509_list_from_pem(all->str, &l) >= 0, ==, n <= LIMIT_CHAIN);
        g_assert_cmpint(sk_X509_num(l), ==, n <= LIMIT_CHAIN ? n : -1);
        sk_X509_pop_free(l, X509_free);
    }
    STACK_OF(X509) *l = NULL;

    g_assert_cmpint(x509_list_from_pem("", &l), <, 0);
    g_assert_null(l);
}

static void test_fingerprint(void)
{
    _cleanup_issued_ Issued i = issue(&(CertificateSpec){ .subject = "x" }, NULL, NULL);
    g_autofree char *expected = NULL;
    unsigned char *der = NULL;
    char fingerprint[65];
    int size = i2d_X509(i.certificate, &der);

    expected = g_compute_checksum_for_data(G_CHECKSUM_SHA256, der, (gsize)size);
    g_assert_cmpint(x509_fingerprint(i.certificate, fingerprint), ==, 0);
    g_assert_cmpstr(fingerprint, ==, expected);
    OPENSSL_free(der);
}

static void test_times(void)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = { { "19700101000000Z", 0 },
                 { "20380119031408Z", 2147483648 },
                 { "99991231235959Z", 253402300799 },
                 { "19500101000000Z", -631152000 } };

    for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
        ASN1_TIME *t = ASN1_TIME_new();

        g_assert_cmpint(ASN1_TIME_set_string_X509(t, rows[k].text) == 1 ||
                            ASN1_TIME_set_string(t, rows[k].text) == 1,
                        ==, 1);
        g_assert_cmpint(asn1_time_to_seconds(t), ==, rows[k].seconds);
        ASN1_TIME_free(t);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/inspect/hostile-names", test_hostile_names);
    g_test_add_func("/inspect/common-name", test_common_name);
    g_test_add_func("/inspect/subjects", test_subjects);
    g_test_add_func("/inspect/subject-kinds", test_subject_kinds);
    g_test_add_func("/inspect/list", test_list);
    g_test_add_func("/inspect/fingerprint", test_fingerprint);
    g_test_add_func("/inspect/times", test_times);
    return g_test_run();
}
