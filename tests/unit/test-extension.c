/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/extension.h"

#include <errno.h>
#include <openssl/x509v3.h>

#include "crypto/inspect.h"
#include "util/text.h"

/* The only extension of the certificate: whether it is critical, and its value in hexadecimal. */
static char *value_of(X509 *x, int nid)
{
    X509_EXTENSION *e = X509_get_ext(x, X509_get_ext_by_NID(x, nid, -1));
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(e);
    g_autofree char *hex = g_malloc(2 * (size_t)ASN1_STRING_length(value) + 1);

    g_assert_nonnull(e);
    g_assert_cmpint(X509_get_ext_count(x), ==, 1);
    hex_encode(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value), false, hex);
    return g_strconcat(X509_EXTENSION_get_critical(e) ? "critical " : "", hex, NULL);
}

static void assert_value(X509 *x, int nid, const char *expected)
{
    g_autofree char *value = value_of(x, nid);

    g_assert_cmpstr(value, ==, expected);
}

static void test_basic_constraints(void)
{
    static const struct {
        const char *text, *value;
    } rows[] = { { "critical,CA:FALSE", "critical 3000" },
                 { "critical,CA:TRUE", "critical 30030101ff" },
                 { "CA:TRUE,pathlen:0", "30060101ff020100" },
                 { "critical,CA:TRUE,pathlen:2", "critical 30060101ff020102" } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_x509_ X509 *x = X509_new();

        g_assert_cmpint(x509_add_extension(x, "basicConstraints", rows[i].text), ==, 0);
        assert_value(x, NID_basic_constraints, rows[i].value);
    }
}

/* RFC 5280 section 4.2.1.3: a named bit list, without zeros at its end. */
static void test_key_usage(void)
{
    static const struct {
        const char *text, *value;
    } rows[] = { { "critical,digitalSignature", "critical 03020780" },
                 { "critical,digitalSignature,keyEncipherment", "critical 030205a0" },
                 { "critical,keyCertSign,cRLSign", "critical 03020106" } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_x509_ X509 *x = X509_new();

        g_assert_cmpint(x509_add_extension(x, "keyUsage", rows[i].text), ==, 0);
        assert_value(x, NID_key_usage, rows[i].value);
    }
}

static void test_extended_key_usage(void)
{
    static const struct {
        unsigned purposes;
        const char *value;
    } rows[] = { { 0, "300a06082b06010505070301" },
                 { PURPOSE_CLIENT_AUTH, "301406082b0601050507030106082b06010505070302" },
                 { PURPOSE_CLIENT_AUTH | PURPOSE_IPSEC_IKE,
                   "301e06082b0601050507030106082b0601050507030206082b06010505070311" } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_x509_ X509 *x = X509_new();

        g_assert_cmpint(x509_add_extended_key_usage(x, rows[i].purposes), ==, 0);
        assert_value(x, NID_ext_key_usage, rows[i].value);
    }
}

/* The identifier of a key is what OpenSSL makes of it, and that of who signs is copied. */
static void test_key_ids(void)
{
    _cleanup_issued_ Issued i = issue(&(CertificateSpec){ .subject = "a.example" }, NULL, NULL);
    _cleanup_x509_ X509 *x = X509_new(), *below = X509_new(), *none = X509_new();
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(i.certificate);
    g_autofree char *subject = NULL, *authority = NULL;
    char hex[41];

    g_assert_cmpint(ASN1_STRING_length(id), ==, 20);
    hex_encode(ASN1_STRING_get0_data(id), 20, false, hex);
    subject = g_strconcat("0414", hex, NULL);
    authority = g_strconcat("30168014", hex, NULL);
    g_assert_cmpint(X509_set_pubkey(x, i.key), ==, 1);
    g_assert_cmpint(x509_add_extension(x, "subjectKeyIdentifier", "hash"), ==, 0);
    assert_value(x, NID_subject_key_identifier, subject);
    g_assert_cmpint(x509_add_authority_key_id(below, id), ==, 0);
    assert_value(below, NID_authority_key_identifier, authority);
    g_assert_cmpint(x509_add_authority_key_id(none, NULL), <, 0);
    g_assert_cmpint(x509_add_extension(none, "basicConstraints", "CA:perhaps"), <, 0);
    g_assert_cmpint(X509_get_ext_count(none), ==, 0);
}

static void test_alternative_names(void)
{
    char *const names[] = { S("a.b"), S("*.a.b"), S("192.0.2.1"), S("2001:db8::1"), NULL };
    char *const bad[] = { S("a.b"), S("2001:db8:::1"), NULL };
    static const char value[] =
        "30248203612e6282052a2e612e628704c0000201871020010db8000000000000000000000001";

    for (unsigned critical = 0; critical < 2; critical++) {
        _cleanup_x509_ X509 *x = X509_new();
        g_autofree char *expected = g_strconcat(critical ? "critical " : "", value, NULL);

        g_assert_cmpint(x509_add_alternative_names(x, bad, critical), ==, -EINVAL);
        g_assert_cmpint(x509_add_alternative_names(x, names, critical), ==, 0);
        assert_value(x, NID_subject_alt_name, expected);
    }
}

/* Permitted ones ([0]) and excluded ones ([1]); networks with their masks, and nothing outside of these. */
static void test_constraints(void)
{
    static const struct {
        const char *constraints[3];
        const char *value; /* NULL: refused */
    } rows[] = {
        { { "a.b" },
          "critical 3009a0073005"
          "8203612e62" },
        { { ".A.b" },
          "critical 3009a0073005"
          "8203612e62" },
        { { "!a.b" },
          "critical 3009a1073005"
          "8203612e62" },
        { { "a.b", "!c.a.b" },
          "critical 3014a0073005"
          "8203612e62"
          "a1093007"
          "8205632e612e62" },
        { { "192.0.2.77/24" },
          "critical 300ea00c300a"
          "8708"
          "c0000200ffffff00" },
        { { "192.0.2.77" },
          "critical 300ea00c300a"
          "8708"
          "c000024dffffffff" },
        { { "10.255.0.0/9" },
          "critical 300ea00c300a"
          "8708"
          "0a800000ff800000" },
        { { "0.0.0.0/0" },
          "critical 300ea00c300a"
          "8708"
          "0000000000000000" },
        { { "!2001:db8::/33" },
          "critical 3026a12430228720"
          "20010db8000000000000000000000000"
          "ffffffff800000000000000000000000" },
        { { "192.0.2.0/33" }, NULL },
        { { "2001:db8::/129" }, NULL },
        { { "192.0.2.0/" }, NULL },
        { { "192.0.2.0/-1" }, NULL },
        { { "*.a.b" }, NULL },
        { { "!" }, NULL },
        { { "a.b", "a..b" }, NULL },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_x509_ X509 *x = X509_new();
        char *const list[] = { S(rows[i].constraints[0]), S(rows[i].constraints[1]), NULL };
        g_autofree char *value = NULL;
        int r = x509_add_constraints(x, list);

        if ((r >= 0) != (rows[i].value != NULL))
            note_failure("constraint \"%s\": %d", list[0], r);
        if (r < 0) {
            g_assert_cmpint(X509_get_ext_count(x), ==, 0);
            continue;
        }
        value = value_of(x, NID_name_constraints);
        if (g_strcmp0(value, rows[i].value) != 0)
            note_failure("constraint \"%s\": %s", list[0], value);
    }
}

static void test_no_constraints(void)
{
    _cleanup_x509_ X509 *x = X509_new();
    char *const none[] = { NULL };

    g_assert_cmpint(x509_add_constraints(x, none), ==, 0);
    g_assert_cmpint(x509_add_constraints(x, NULL), ==, 0);
    g_assert_cmpint(X509_get_ext_count(x), ==, 0);
}

/* Its text is that of the certificate; the first octet is never zero, so none is shorter. */
static void test_serial(void)
{
    char last[33] = "";

    for (int i = 0; i < 1000; i++) {
        _cleanup_x509_ X509 *x = X509_new();
        char serial[33], *text = NULL;

        g_assert_cmpint(x509_set_random_serial(x, serial), ==, 0);
        g_assert_cmpuint(strlen(serial), ==, 32);
        g_assert_cmpuint(strspn(serial, "0123456789ABCDEF"), ==, 32);
        g_assert_false(g_str_has_prefix(serial, "00"));
        g_assert_cmpint(x509_serial_to_text(X509_get0_serialNumber(x), &text), ==, 0);
        g_assert_cmpstr(text, ==, serial);
        g_assert_cmpstr(serial, !=, last);
        memcpy(last, serial, sizeof(last));
        free(text);
    }
}

/* RFC 5280 section 4.1.2.5: two digits of the year until 2049, four from then on. */
static void test_validity(void)
{
    _cleanup_x509_ X509 *x = X509_new();

    g_assert_cmpint(x509_set_validity(x, 1767225600, 2524608000), ==, 0);
    g_assert_cmpint(asn1_time_to_seconds(X509_get0_notBefore(x)), ==, 1767225600);
    g_assert_cmpint(asn1_time_to_seconds(X509_get0_notAfter(x)), ==, 2524608000);
    g_assert_cmpint(ASN1_STRING_type(X509_get0_notBefore(x)), ==, V_ASN1_UTCTIME);
    g_assert_cmpint(ASN1_STRING_type(X509_get0_notAfter(x)), ==, V_ASN1_GENERALIZEDTIME);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/extension/basic-constraints", test_basic_constraints);
    g_test_add_func("/extension/key-usage", test_key_usage);
    g_test_add_func("/extension/extended-key-usage", test_extended_key_usage);
    g_test_add_func("/extension/key-ids", test_key_ids);
    g_test_add_func("/extension/alternative-names", test_alternative_names);
    g_test_add_func("/extension/constraints", test_constraints);
    g_test_add_func("/extension/no-constraints", test_no_constraints);
    g_test_add_func("/extension/serial", test_serial);
    g_test_add_func("/extension/validity", test_validity);
    return g_test_run();
}
