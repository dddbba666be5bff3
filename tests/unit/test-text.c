/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "util/text.h"

#include <errno.h>

static void test_lists(void)
{
    _cleanup_strv_ char **l = NULL, **copy = NULL, **none = NULL;
    _cleanup_free_ char *joined = NULL, *empty = NULL;

    g_assert_cmpuint(strv_length(NULL), ==, 0);
    g_assert_false(strv_contains(NULL, "a"));
    g_assert_cmpint(strv_split(" a\tbc \r\n d ", &l), ==, 0);
    g_assert_cmpuint(strv_length(l), ==, 3);
    g_assert_true(strv_contains(l, "bc"));
    g_assert_false(strv_contains(l, "b"));
    g_assert_cmpint(strv_copy(l, &copy), ==, 0);
    g_assert_true(strv_equal(l, copy));
    g_assert_cmpint(strv_extend(&copy, "e"), ==, 0);
    g_assert_false(strv_equal(l, copy));
    joined = strv_join(copy, ", ");
    g_assert_cmpstr(joined, ==, "a, bc, d, e");
    empty = strv_join(NULL, ", ");
    g_assert_cmpstr(empty, ==, "");
    g_assert_cmpint(strv_split(" \t\n", &none), ==, 0);
    g_assert_null(none);
    g_assert_true(strv_equal(NULL, none));
    g_assert_cmpint(strv_copy(NULL, &none), ==, 0);
    g_assert_null(none);
}

static void test_hex(void)
{
    const uint8_t data[] = { 0x00, 0x01, 0xab, 0xff };
    char text[9];

    hex_encode(data, sizeof(data), false, text);
    g_assert_cmpstr(text, ==, "0001abff");
    hex_encode(data, sizeof(data), true, text);
    g_assert_cmpstr(text, ==, "0001ABFF");
    hex_encode(data, 0, true, text);
    g_assert_cmpstr(text, ==, "");
    g_assert_true(text_is_hex("0aF9", 4));
    g_assert_false(text_is_hex("0aF9", 3));
    g_assert_false(text_is_hex("0aF9", 5));
    g_assert_false(text_is_hex("0aG9", 4));
    g_assert_false(text_is_hex("0x12", 4));
    g_assert_true(text_is_hex("", 0));
}

/* GLib's validator is the oracle. */
static void test_utf8(void)
{
    static const unsigned char bytes[] = { 'a',  0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                           0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
                                           0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff };
    char text[5] = {};

    for (size_t i = 0; i < ELEMENTSOF(bytes); i++)
        for (size_t j = 0; j <= ELEMENTSOF(bytes); j++)
            for (size_t k = 0; k <= ELEMENTSOF(bytes); k++)
                for (size_t l = 0; l <= ELEMENTSOF(bytes); l++) {
                    text[0] = (char)bytes[i];
                    text[1] = (char)(j < ELEMENTSOF(bytes) ? bytes[j] : 0);
                    text[2] = (char)(k < ELEMENTSOF(bytes) ? bytes[k] : 0);
                    text[3] = (char)(l < ELEMENTSOF(bytes) ? bytes[l] : 0);
                    g_assert_cmpint(text_is_utf8(text), ==, g_utf8_validate(text, -1, NULL));
                }
}

static void test_json_to_ascii(void)
{
    static const struct {
        const char *text, *ascii;
    } cases[] = {
        { "", "" },
        { "{\"a\": \"\\u00e9\\n\"}", "{\"a\": \"\\u00e9\\n\"}" },
        { "\"\xc2\x80\xc3\xa9\xef\xbf\xbf\"", "\"\\u0080\\u00e9\\uffff\"" },
        { "\xf0\x90\x80\x80 \xf0\x9f\x94\x91 \xf4\x8f\xbf\xbf",
          "\\ud800\\udc00 \\ud83d\\udd11 \\udbff\\udfff" },
    };
    char *out = NULL;

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_erase_ char *ascii = NULL;

        g_assert_cmpint(text_json_to_ascii(cases[i].text, strlen(cases[i].text), &ascii), ==, 0);
        g_assert_cmpstr(ascii, ==, cases[i].ascii);
    }
    g_assert_cmpint(text_json_to_ascii("a\0b", 3, &out), ==, -EINVAL);
    g_assert_cmpint(text_json_to_ascii("\xed\xa0\x80", 3, &out), ==, -EINVAL);
    g_assert_cmpint(text_json_to_ascii("\xc3\xa9", 1, &out), ==,
                    -EINVAL); /* nothing is read behind its end */
    g_assert_null(out);
}

static void test_uint64(void)
{
    static const char *const bad[] = {
        "",    " 1", "1 ", "+1", "-1", "0x1", "1a", "18446744073709551616", "99999999999999999999999",
        "1.0", "\n"
    };
    uint64_t value = 42;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        g_assert_cmpint(parse_uint64(bad[i], &value), <, 0);
    g_assert_cmpuint(value, ==, 42);
    g_assert_cmpint(parse_uint64("18446744073709551615", &value), ==, 0);
    g_assert_cmpuint(value, ==, UINT64_MAX);
    g_assert_cmpint(parse_uint64("0", &value), ==, 0);
    g_assert_cmpuint(value, ==, 0);
    g_assert_cmpint(parse_uint64("18446744073709551616", &value), ==, -ERANGE);
}

static void test_boolean(void)
{
    static const char *const yes[] = { "yes", "true", "on", "1", "YES", "True" }, *const no[] = {
        "no", "false", "off", "0", "No"
    };
    static const char *const bad[] = { "", "y", "2", " yes", "yes ", "enable" };
    bool value;

    for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
        g_assert_cmpint(parse_boolean(yes[i], &value), ==, 0);
        g_assert_true(value);
    }
    for (size_t i = 0; i < ELEMENTSOF(no); i++) {
        g_assert_cmpint(parse_boolean(no[i], &value), ==, 0);
        g_assert_false(value);
    }
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        g_assert_cmpint(parse_boolean(bad[i], &value), ==, -EINVAL);
}

static void test_seconds(void)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = { { "0", 0 },
                 { "1", 1 },
                 { "90s", 90 },
                 { "2min", 120 },
                 { "3h", 10800 },
                 { "90d", 90 * DAY },
                 { "2w", 14 * DAY },
                 { "10y", 10 * YEAR },
                 { "1d 12h", 36 * HOUR },
                 { "1d12h", 36 * HOUR },
                 { " 1h  30min ", 5400 },
                 { "1y 1y", 2 * YEAR },
                 { "2147483647", 2147483647 } };
    static const char *const bad[] = { "",      " ",  "x",    "d",     "-1d",        "+1d",
                                       "1m",    "1D", "1.5h", "1d,1h", "2147483648", "99999999999999999999",
                                       "1 d x", "1hh" };
    int64_t value = 42;

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        g_assert_cmpint(parse_seconds(good[i].text, &value), ==, 0);
        g_assert_cmpint(value, ==, good[i].seconds);
    }
    value = 42;
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        g_assert_cmpint(parse_seconds(bad[i], &value), <, 0);
    g_assert_cmpint(value, ==, 42);
}

static void test_table(void)
{
    static const char *const table[] = { "a", NULL, "c" };

    g_assert_cmpint(TABLE_FROM_STRING(table, "a"), ==, 0);
    g_assert_cmpint(TABLE_FROM_STRING(table, "c"), ==, 2);
    g_assert_cmpint(TABLE_FROM_STRING(table, "b"), ==, -EINVAL);
    g_assert_cmpint(TABLE_FROM_STRING(table, ""), ==, -EINVAL);
}

static void test_full_stop(void)
{
    g_assert_cmpstr(text_full_stop(""), ==, "");
    g_assert_cmpstr(text_full_stop("it failed"), ==, ".");
    g_assert_cmpstr(text_full_stop("It failed."), ==, "");
    g_assert_cmpstr(text_full_stop("Did it fail?"), ==, "");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/text/lists", test_lists);
    g_test_add_func("/text/hex", test_hex);
    g_test_add_func("/text/utf8", test_utf8);
    g_test_add_func("/text/json-to-ascii", test_json_to_ascii);
    g_test_add_func("/text/uint64", test_uint64);
    g_test_add_func("/text/boolean", test_boolean);
    g_test_add_func("/text/seconds", test_seconds);
    g_test_add_func("/text/table", test_table);
    g_test_add_func("/text/full-stop", test_full_stop);
    return g_test_run();
}
