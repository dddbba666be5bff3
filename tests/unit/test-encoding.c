/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "util/encoding.h"

#define BYTES(s) s, sizeof(s) - 1

static void test_to_utf8(void)
{
    static const struct {
        const char *data;
        size_t size;
        const char *text;
    } rows[] = {
        { BYTES(""), "" },
        { BYTES("a\r\nb"), "a\r\nb" },
        { BYTES("\xef\xbb\xbf"
                "a\xef\xbb\xbf"
                "b"),
          "ab" },
        { BYTES("\xff\xfe"
                "a\0\n\0"),
          "a\n" },
        { BYTES("\xfe\xff"
                "\0a\0\n"),
          "a\n" },
        { BYTES("\xff\xfe\xe4\0\x14\x20\x3d\xd8\0\xde"), "\xc3\xa4\xe2\x80\x94\xf0\x9f\x98\x80" },
        { BYTES("\xff\xfe\x3d\xd8"
                "a\0"),
          "?a" },
        { BYTES("k\0e\0y\0 \0"), "key " },
        { BYTES("\0k\0e\0y\0 "), "key " },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;

        g_assert_cmpint(encoding_to_utf8(rows[i].data, rows[i].size, &text, &size), ==, 0);
        if (!streq(text, rows[i].text) || size != strlen(text))
            note_failure("%zu: %s", i, text);
    }
}

static void test_blanks(void)
{
    char text[] = " \xc2\xa0\xef\xbb\xbf"
                  "a\xc2\xa0z\xe2\x80\x8b\r\n",
         line_ends[] = "a\r\nb\rc\n\rd", out[] = "a\xc2\xa0=\tb\xc2\xa0";

    g_assert_cmpstr(text_strip_blanks(text), ==, "a\xc2\xa0z");
    text_unify_line_ends(line_ends);
    g_assert_cmpstr(line_ends, ==, "a\nb\nc\n\nd");
    text_blank_out(out, strchr(out, '='));
    g_assert_cmpstr(out, ==, "a  =\tb\xc2\xa0");
}

static void test_passphrase(void)
{
    static const struct {
        const char *data;
        size_t size;
        const char *text;
    } rows[] = {
        { BYTES("secret"), "secret" },
        { BYTES("secret\n"), "secret" },
        { BYTES("secret\r\n"), "secret" },
        { BYTES("secret\r"), "secret" },
        { BYTES("secret\n\n"), "secret\n" },
        { BYTES(" secret \n"), " secret " },
        { BYTES("\xef\xbb\xbfs\xc3\xa4\r\n"), "s\xc3\xa4" },
        { BYTES("\xff\xfes\0\xe4\0\r\0\n\0"), "s\xc3\xa4" },
        { BYTES("\n"), "" },
        { BYTES(""), "" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        char data[32] = {};
        size_t size = rows[i].size;

        memcpy(data, rows[i].data, size);
        g_assert_cmpint(passphrase_from_file(data, &size, 10), ==, 0);
        if (!streq(data, rows[i].text) || size != strlen(data))
            note_failure("%zu: %s", i, data);
    }
}

static void test_passphrase_length(void)
{
    char fits[] = "0123456789\r\n", is_long[] = "0123456789a\n";
    size_t size = strlen(fits);

    g_assert_cmpint(passphrase_from_file(fits, &size, 10), ==, 0);
    g_assert_cmpuint(size, ==, 10);
    size = strlen(is_long);
    g_assert_cmpint(passphrase_from_file(is_long, &size, 10), ==, -E2BIG);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/encoding/to-utf8", test_to_utf8);
    g_test_add_func("/encoding/blanks", test_blanks);
    g_test_add_func("/encoding/passphrase", test_passphrase);
    g_test_add_func("/encoding/passphrase-length", test_passphrase_length);
    return g_test_run();
}
