/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/escapes.h"

#define BYTES(s) s, sizeof(s) - 1

static void test_undo(void)
{
    static const struct {
        const char *data;
        size_t size;
        const char *text;
    } rows[] = {
        { BYTES("abc+/=="), "abc+/==" },
        { BYTES("a\r\nb\rc\n"), "a\nb\nc\n" },
        { BYTES("a\\nb\\/c\\u002bd\\x2B\\053\\\\ne"), "a\fb/c+d++\fe" },
        { BYTES("a\\\nb"), "a\nb" },
        { BYTES("a=3D=3D=2D=0A"), "a==-\f" },
        { BYTES("a=3D2D"), "a-" },
        { BYTES("a&#43;&#x2F;&nbsp;&amp;lt;&quot;"), "a+/ <\"" },
        { BYTES("<p class=\"x\">a<br/>b<wbr>c</p>"), "\fa\fbc\f" },
        { BYTES("-----BEGIN+X-----%0Aa%2Bb+c"), "-----BEGIN X-----\fa+b c" },
        { BYTES("a+%2F"), "a+/" },
        { BYTES("\xe2\x80\x94\xe2\x80\x93\xe2\x80\x91"), "------" },
        { BYTES("\x97\x96\xa0\xff"), "-- ?" },
        { BYTES("a\xc2\xa0"
                "b\xe2\x80\x8b"
                "c\xe2\x80\xa2"),
          "a bc*" },
        { BYTES("=E2=80=94"), "---" },
        { BYTES("a\vb\xe2\x80\xa8"
                "c"),
          "a\fb\fc" },
        { BYTES("a\0b\0\0"), "a?b" },
        { BYTES("1 < 2 & 3 > 2 \\d 100% =x"), "1 < 2 & 3 > 2 \\d 100% =x" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        char text[128] = {};

        memcpy(text, rows[i].data, rows[i].size);
        text[escapes_undo(text, rows[i].size)] = 0;
        if (!streq(text, rows[i].text))
            note_failure("%zu: %s", i, text);
    }
}

/* Nothing becomes longer, and nothing is left to undo, whatever the bytes. */
static void test_random(void)
{
    static const char signs[] = "\\nu0041=3D&#x;<>%2B-BEGIN+\xe2\x80\x94\xc2\xa0\r\n\f";
    Sample s = sample_of(20000);
    g_autoptr(GRand) random = g_rand_new_with_seed(s.seed);

    for (int i = 0; i < s.n; i++) {
        char text[65], again[65];
        size_t size = (size_t)g_rand_int_range(random, 0, 64), n, m;

        for (size_t k = 0; k < size; k++)
            text[k] = signs[g_rand_int_range(random, 0, sizeof(signs) - 1)];
        n = escapes_undo(text, size);
        g_assert_cmpuint(n, <=, size);
        g_assert_null(memchr(text, 0, n));
        memcpy(again, text, n);
        m = escapes_undo(again, n);
        g_assert_cmpuint(m, <=, n);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/escapes/undo", test_undo);
    g_test_add_func("/escapes/random", test_random);
    return g_test_run();
}
