/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/export-format.h"

static void test_certificates(void)
{
    g_assert_cmpint(export_format_from_string("pem"), ==, EXPORT_PEM);
    g_assert_cmpint(export_format_from_string("der"), ==, EXPORT_DER);
    g_assert_cmpint(export_format_from_string("pkcs7"), ==, EXPORT_PKCS7);
    g_assert_cmpint(export_format_from_string("PEM"), <, 0);
    g_assert_cmpint(export_format_from_string("pkcs12"), <, 0);
    g_assert_cmpint(export_format_from_string(""), <, 0);
}

static void test_keys(void)
{
    g_assert_cmpint(key_format_from_string("pem"), ==, KEY_FORMAT_PEM);
    g_assert_cmpint(key_format_from_string("pkcs12"), ==, KEY_FORMAT_PKCS12);
    g_assert_cmpint(key_format_from_string("der"), <, 0);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/export-format/certificates", test_certificates);
    g_test_add_func("/export-format/keys", test_keys);
    return g_test_run();
}
