/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "config/ini.h"

#include <errno.h>

/* Everything that is told, as text: "[section]" and "key=value", "!line:key:text" for a complaint. */

static int on_entry(const IniEntry *e, void *userdata)
{
    if (!e->key)
        g_string_append_printf(userdata, "%u[%s]\n", e->line, e->section);
    else
        g_string_append_printf(userdata, "%u %s=%s\n", e->line, e->key, e->value);
    return 0;
}

static void on_complaint(const char *file, unsigned line, const char *key _unused_, const char *text,
                         void *userdata)
{
    g_assert_cmpstr(file, ==, "FILE");
    g_assert_cmpuint(strlen(text), >, 10);
    g_string_append_printf(userdata, "%u!\n", line);
}

static char *parsed(const char *text)
{
    GString *seen = g_string_new(NULL);

    g_assert_cmpint(ini_parse_text("FILE", text, on_entry, on_complaint, seen), ==, 0);
    return g_string_free(seen, FALSE);
}

static const struct {
    const char *text, *expected;
} rows[] = {
    { "", "" },
    { "\n\n  \n", "" },
    { "[A]\n", "1[A]\n" },
    { "[A]", "1[A]\n" },
    { "[A]\nK=V\n", "1[A]\n2 K=V\n" },
    { "[A]\nK=V", "1[A]\n2 K=V\n" },
    { "[A]\r\nK=V\r\n", "1[A]\n2 K=V\n" },
    { "  [A]  \n  K  =  V  \n", "1[A]\n2 K=V\n" },
    { "\xef\xbb\xbf[A]\nK=V\n", "1[A]\n2 K=V\n" },
    /* blanks of other kinds, at the ends and around "=" */
    { "\xc2\xa0[A]\xc2\xa0\nK\xc2\xa0=\xc2\xa0V\xe2\x80\x8b\n", "1[A]\n2 K=V\n" },
    { "[A]\n\xe3\x80\x80K =\xe2\x80\xaf V\xc2\xa0W \xc2\xa0\n", "1[A]\n2 K=V\xc2\xa0W\n" },
    { "[A]\nK=\xc2\xa0\n", "1[A]\n2 K=\n" },
    { "[A]\nK=\n", "1[A]\n2 K=\n" },
    { "[A]\nK=a=b=c\n", "1[A]\n2 K=a=b=c\n" },
    { "[A]\nK=::1 fe80::1\n", "1[A]\n2 K=::1 fe80::1\n" },
    { "[A]\nK=https://x:1/\n", "1[A]\n2 K=https://x:1/\n" },
    { "[A]\nK=V\nK=W\n", "1[A]\n2 K=V\n3 K=W\n" },
    { "[A B]\nK=V\n[C]\nL=W\n", "1[A B]\n2 K=V\n3[C]\n4 L=W\n" },
    { "[Certificate *.example.com]\n", "1[Certificate *.example.com]\n" },
    { "[Certificate 2001:db8::1]\nK=V\n", "1[Certificate 2001:db8::1]\n2 K=V\n" },
    /* comments */
    { "# c\n; c\n[A]\n#K=V\n ;K=V\nK=V\n", "3[A]\n6 K=V\n" },
    { "[A]\nK=V # no comment\n", "1[A]\n2 K=V # no comment\n" },
    { "[A]\nK=V ; no comment\n", "1[A]\n2 K=V ; no comment\n" },
    { "[A]\nK=V;W\n", "1[A]\n2 K=V;W\n" },
    { "[A]\nK=\"V\"\n", "1[A]\n2 K=\"V\"\n" },
    /* continued lines */
    { "[A]\nK=a \\\n  b\nL=c\n", "1[A]\n2 K=a b\n4 L=c\n" },
    { "[A]\nK=a\\\nb\\\nc\n", "1[A]\n2 K=a b c\n" },
    { "[A]\nK=a \\\n# comment\nb\nL=c\n", "1[A]\n2 K=a b\n5 L=c\n" },
    { "[A]\nK=a \\\n; comment \\\nb\nL=c\n", "1[A]\n2 K=a b\n5 L=c\n" },
    { "[A]\n # comment \\\nK=V\n", "1[A]\n3 K=V\n" },
    { "[A]\nK=a \\\n", "1[A]\n2 K=a\n" },
    { "[A]\nK=a \\\n\nL=b\n", "1[A]\n2 K=a\n4 L=b\n" },
    { "[A]\nK=a\n  b=c\n", "1[A]\n2 K=a\n3 b=c\n" },
    /* what is wrong */
    { "[A\nK=V\n[B]\nL=W\n", "1!\n3[B]\n4 L=W\n" },
    { "K=V\n[A]\nL=W\n", "1!\n2[A]\n3 L=W\n" },
    { "[A]\nnonsense\nK=V\n", "1[A]\n2!\n3 K=V\n" },
    { "[A]\n=V\nK=V\n", "1[A]\n2!\n3 K=V\n" },
    { "[A]\nK:V\nL=W\n", "1[A]\n2!\n3 L=W\n" },
    { "[]\nK=V\n", "1[]\n2 K=V\n" },
    { "[", "1!\n" },
    { "]", "1!\n" },
};

/* Spaces between words are as many as they like. */
static char *squeezed(const char *text)
{
    g_autoptr(GRegex) spaces = g_regex_new("[ \t]+", 0, 0, NULL), ends = g_regex_new(" +\n", 0, 0, NULL);
    g_autofree char *one = g_regex_replace_literal(spaces, text, -1, 0, " ", 0, NULL);

    return g_regex_replace_literal(ends, one, -1, 0, "\n", 0, NULL);
}

static void test_table(void)
{
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        g_autofree char *seen = parsed(rows[i].text), *normal = squeezed(seen);

        if (!g_str_equal(normal, rows[i].expected)) {
            g_autofree char *text = g_strescape(rows[i].text, NULL), *got = g_strescape(normal, NULL);

            note_failure("\"%s\" gives \"%s\"", text, got);
        }
    }
}

/* Lines and section names of any length. */
static void test_long(void)
{
    g_autofree char *section = g_strnfill(400, 's'), *word = g_strnfill(180, 'w');
    g_autoptr(GString) text = g_string_new(NULL), expected = g_string_new(NULL), value = g_string_new(NULL);
    g_autofree char *seen = NULL;

    for (int i = 0; i < 2000; i++)
        g_string_append_printf(value, "%s%.*s%d", i ? " " : "", i % 170, word, i);
    g_string_printf(text, "[%s]\nK=%s\nL=x\n", section, value->str);
    g_string_printf(expected, "1[%s]\n2 K=%s\n3 L=x\n", section, value->str);
    seen = parsed(text->str);
    g_assert_true(g_str_equal(seen, expected->str));
}

/* A word of any length, at any place of a line. */
static void test_long_word(void)
{
    for (size_t n = 150; n < 1100; n += 17)
        for (size_t before = 0; before < 40; before += 13) {
            g_autofree char *word = g_strnfill(n, 'w'), *lead = g_strnfill(before, 'l');
            g_autofree char *text = g_strdup_printf("[A]\nK=%s %s tail\nL=x\n", lead, word);
            g_autofree char *expected =
                g_strdup_printf("1[A]\n2 K=%s%s%s tail\n3 L=x\n", lead, before ? " " : "", word);
            g_autofree char *seen = parsed(text);

            if (!g_str_equal(seen, expected)) {
                note_failure("a word of %zu bytes behind %zu others", n, before);
                return;
            }
        }
}

/* A piece of a long line that looks like a comment or a section is neither. */
static void test_pieces(void)
{
    static const char *const marks[] = { "#x", ";x", "[x]", "#", ";", "=", "a=b", ":", "a:b" };

    for (size_t i = 0; i < ELEMENTSOF(marks); i++)
        for (size_t at = 150; at < 230; at++) {
            g_autofree char *filler = g_strnfill(at, 'w');
            g_autofree char *text =
                g_strdup_printf("[A]\nK=%.*s %s %s %s\n", 100, filler, filler + 100, marks[i], "tail");
            g_autofree char *expected =
                g_strdup_printf("1[A]\n2 K=%.*s %s %s tail\n", 100, filler, filler + 100, marks[i]);
            g_autofree char *seen = parsed(text);

            if (!g_str_equal(seen, expected)) {
                note_failure("\"%s\" at %zu", marks[i], at);
                break;
            }
        }
}

static int refuse(const IniEntry *e _unused_, void *userdata)
{
    ++*(unsigned *)userdata;
    return -EXDEV;
}

static void no_complaint(const char *file _unused_, unsigned line _unused_, const char *key _unused_,
                         const char *text _unused_, void *userdata _unused_)
{
}

static void test_visitor_ends_it(void)
{
    unsigned n = 0;

    g_assert_cmpint(ini_parse_text("FILE", "[A]\nK=V\n[B]\n", refuse, no_complaint, &n), ==, -EXDEV);
    g_assert_cmpuint(n, ==, 1);
}

static void test_random(void)
{
    static const char alphabet[] = "[]=\\\n\r \t#;:aK\377\"";
    g_autoptr(GRand) random = g_rand_new_with_seed(5);

    for (int i = 0; i < 20000; i++) {
        char text[64];
        int n = g_rand_int_range(random, 0, (gint32)sizeof(text));

        for (int k = 0; k < n; k++)
            text[k] = alphabet[g_rand_int_range(random, 0, (gint32)sizeof(alphabet) - 1)];
        text[n] = 0;
        g_free(parsed(text));
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/ini/table", test_table);
    g_test_add_func("/ini/long", test_long);
    g_test_add_func("/ini/long-word", test_long_word);
    g_test_add_func("/ini/pieces", test_pieces);
    g_test_add_func("/ini/visitor-ends-it", test_visitor_ends_it);
    g_test_add_func("/ini/random", test_random);
    return g_test_run();
}
