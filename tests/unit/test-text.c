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
    g_assert_true(strv_equal_sets(NULL, none));
    g_assert_true(strv_equal_sets((char *[]){ S("a"), S("b"), NULL }, (char *[]){ S("b"), S("a"), NULL }));
    g_assert_false(strv_equal_sets((char *[]){ S("a"), NULL }, (char *[]){ S("b"), S("a"), NULL }));
    g_assert_false(strv_equal_sets((char *[]){ S("a"), S("c"), NULL }, (char *[]){ S("b"), S("a"), NULL }));
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

static void test_forms(void)
{
    static const char text[] = "Tue, 24 rest";

    g_assert_true(text_is_graphic("!a~"));
    g_assert_true(text_is_graphic(""));
    g_assert_false(text_is_graphic("a b"));
    g_assert_false(text_is_graphic("a\x7f"));
    g_assert_false(text_is_graphic("\xc3\xa9"));
    g_assert_true(text_consists_of("aZ9-", TEXT_ALNUM "-", 4, 4));
    g_assert_true(text_consists_of("", TEXT_ALNUM, 0, 0));
    g_assert_false(text_consists_of("", TEXT_ALNUM, 1, 9));
    g_assert_false(text_consists_of("aZ9-", TEXT_ALNUM, 1, 9));
    g_assert_false(text_consists_of("abc", TEXT_ALNUM, 4, 9));
    g_assert_false(text_consists_of("abc", TEXT_ALNUM, 1, 2));
    g_assert_true(text_consists_of("!~", TEXT_TOKEN, 1, 2));
    g_assert_false(text_consists_of("a:", TEXT_TOKEN, 1, 2));
    g_assert_true(text_skip_form(text, "Aaa, 99") == text + 7);
    g_assert_true(text_skip_form(text, "") == text);
    g_assert_true(text_skip_form(text, "Tue, 24 rest") == text + 12);
    g_assert_null(text_skip_form(text, "aaa, 99"));
    g_assert_null(text_skip_form(text, "AAA, 99"));
    g_assert_null(text_skip_form(text, "Aaa, 999"));
    g_assert_null(text_skip_form(text, "Aaa  99"));
    g_assert_null(text_skip_form("", "9"));
}

static void test_set(void)
{
    _cleanup_free_ char *text = NULL;

    g_assert_cmpint(text_set(&text, "a"), ==, 0);
    g_assert_cmpint(text_set(&text, "b"), ==, 0);
    g_assert_cmpstr(text, ==, "b");
    g_assert_cmpint(text_set(&text, NULL), ==, 0);
    g_assert_null(text);
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

#define CUT "\342\200\246" /* U+2026 */

typedef struct QuoteCase {
    const char *text;
    size_t max;
    const char *quoted, *plain; /* of text_quote(), text_make_plain() */
} QuoteCase;

static const QuoteCase quote_cases[] = {
    { "", 0, "", "" },
    { "", 9, "", "" },
    { "abc", 9, "abc", "abc" },
    { "abc", 3, "abc", "abc" },
    { "abcd", 3, "abc" CUT, CUT },
    { "abcdef", 5, "abcde" CUT, "ab" CUT },
    { "a", 0, CUT, "" },
    { "a", 1, "a", "a" },
    { "ab", 1, "a" CUT, "a" },
    { "ab", 2, "ab", "ab" },
    /* in, at the end of, and behind a letter of two, three and four bytes */
    { "\303\251", 1, CUT, "" },
    { "\303\251", 2, "\303\251", "\303\251" },
    { "a\303\251", 2, "a" CUT, "a" },
    { "aa\303\251b", 4, "aa\303\251" CUT, "a" CUT },
    { "\342\202\254", 1, CUT, "" },
    { "\342\202\254", 2, CUT, "" },
    { "\342\202\254", 3, "\342\202\254", "\342\202\254" },
    { "aaa\342\202\254", 5, "aaa" CUT, "aa" CUT },
    { "\360\237\230\200", 1, CUT, "" },
    { "\360\237\230\200", 2, CUT, "" },
    { "\360\237\230\200", 3, CUT, CUT },
    { "\360\237\230\200", 4, "\360\237\230\200", "\360\237\230\200" },
    { "a\360\237\230\200b", 5, "a\360\237\230\200" CUT, "a" CUT },
    { "\303\251\303\251\303\251", 5, "\303\251\303\251" CUT, "\303\251" CUT },
    /* no UTF-8: a byte from a Latin-1 file, pieces of letters, overlong, surrogates, beyond U+10FFFF */
    { "caf\351", 9, "caf?", "caf?" },
    { "caf\351!", 4, "caf?" CUT, "c" CUT },
    { "\351\351", 1, "?" CUT, "?" },
    { "\342\202", 9, "??", "??" },
    { "\202\254a", 9, "??a", "??a" },
    { "\300\257", 9, "??", "??" },
    { "\355\240\200", 9, "???", "???" },
    { "\364\220\200\200", 9, "????", "????" },
    { "\377\376", 9, "??", "??" },
    /* what moves a cursor, ends a line or turns the direction of writing */
    { "a\nb\tc\r", 9, "a?b?c?", "a?b?c?" },
    { "\033[2J\177", 9, "?[2J?", "?[2J?" },
    { "\302\233x", 9, "?x", "?x" },
    { "a\342\200\256b", 9, "a?b", "a?b" },
    { "\342\200\217\342\201\246\330\234", 9, "???", "???" },
    { "\342\200\250", 9, "?", "?" },
};

static void test_quote(void)
{
    for (size_t i = 0; i < ELEMENTSOF(quote_cases); i++) {
        const QuoteCase *c = quote_cases + i;
        g_autofree char *quoted = g_malloc(QUOTE_SIZE(c->max)), *plain = g_strdup(c->text);

        g_assert_true(text_quote(c->text, c->max, quoted) == quoted);
        g_assert_cmpstr(quoted, ==, c->quoted);
        g_assert_true(text_is_plain(quoted));
        text_make_plain(plain, c->max);
        g_assert_cmpstr(plain, ==, c->plain);
        g_assert_cmpuint(strlen(plain), <=, c->max);
    }
    g_assert_cmpstr(QUOTE(NULL, 4), ==, "");
    g_assert_cmpstr(QUOTE("abcde", 4), ==, "abcd" CUT);
    g_assert_cmpstr(QUOTE("ab", 1), !=, QUOTE("cd", 1)); /* each in its place */
}

/* All bytes of a text count where they fit, and nothing is written behind the place for it. */
static void test_quote_bounds(void)
{
    static const char *const letters[] = {
        "a", "\303\251", "\342\202\254", "\360\237\230\200", "\377", "\n"
    };

    for (size_t i = 0; i < ELEMENTSOF(letters); i++)
        for (size_t front = 0; front < 70; front++) {
            g_autofree char *text =
                g_strdup_printf("%.*s%s%s", (int)front,
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                letters[i], letters[i]);
            char buffer[QUOTE_SIZE(64) + 1];
            size_t n;

            buffer[QUOTE_SIZE(64)] = '!';
            (void)text_quote(text, 64, buffer);
            g_assert_cmpint(buffer[QUOTE_SIZE(64)], ==, '!');
            g_assert_true(g_utf8_validate(buffer, -1, NULL));
            n = strlen(buffer);
            g_assert_cmpint(g_str_has_suffix(buffer, CUT), ==, strlen(text) > 64);
            g_assert_cmpuint(n, >=, MIN(strlen(text), (size_t)64) - MIN(strlen(text), (size_t)3));
            g_assert_cmpuint(n, <, QUOTE_SIZE(64));
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

static void test_ends_with(void)
{
    static const char name[] = "a.conf.conf";

    g_assert_true(text_ends_with(name, ".conf") == name + 6);
    g_assert_true(text_ends_with(name, "") == name + strlen(name));
    g_assert_true(text_ends_with(name, name) == name);
    g_assert_null(text_ends_with(name, ".con"));
    g_assert_null(text_ends_with("conf", ".conf"));
    g_assert_null(text_ends_with("", "x"));
}

static void test_ip_port(void)
{
    static const char *const bad[] = { "",   "0",  "65536", "-1",  "+1",
                                       " 1", "1 ", "0x1",   "1.0", "99999999999999999999" };
    uint16_t port = 7;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        if (parse_ip_port(bad[i], &port) != -EINVAL || port != 7)
            note_failure("\"%s\" is taken", bad[i]);
    g_assert_cmpint(parse_ip_port("65535", &port), ==, 0);
    g_assert_cmpuint(port, ==, 65535);
    g_assert_cmpint(parse_ip_port("1", &port), ==, 0);
    g_assert_cmpuint(port, ==, 1);
}

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* A pair of a seed and a first byte gives a value of its own, also where both are small. */
static void test_hash(void)
{
    _cleanup_free_ uint64_t *seen = calloc(256 * 256, sizeof(uint64_t));

    for (unsigned seed = 0; seed < 256; seed++)
        for (unsigned byte = 0; byte < 256; byte++)
            seen[256 * seed + byte] = bytes_hash(&(uint8_t){ (uint8_t)byte }, 1, seed);
    qsort(seen, 256 * 256, sizeof(uint64_t), compare_hashes);
    for (size_t i = 1; i < 256 * 256; i++)
        g_assert_cmpuint(seen[i], !=, seen[i - 1]);
    g_assert_cmphex(text_hash("example.net", 0), ==,
                    UINT64_C(0x40d7c4e8562f0939)); /* the ledger has such keys */
}

typedef enum Colour {
    COLOUR_RED,
    COLOUR_GREEN,
} Colour;

static const char *const colours[] = { [COLOUR_RED] = "red", [COLOUR_GREEN] = "green" };
const char *colour_to_string(Colour c);
Colour colour_from_string(const char *s);
DEFINE_STRING_TABLE(colour, Colour, colours);

static void test_string_table(void)
{
    g_assert_cmpstr(colour_to_string(COLOUR_GREEN), ==, "green");
    g_assert_null(colour_to_string((Colour)2));
    g_assert_null(colour_to_string((Colour)-22));
    g_assert_cmpint(colour_from_string("red"), ==, COLOUR_RED);
    g_assert_cmpint((int)colour_from_string("blue"), ==, -EINVAL);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/text/lists", test_lists);
    g_test_add_func("/text/hex", test_hex);
    g_test_add_func("/text/forms", test_forms);
    g_test_add_func("/text/set", test_set);
    g_test_add_func("/text/utf8", test_utf8);
    g_test_add_func("/text/quote", test_quote);
    g_test_add_func("/text/quote-bounds", test_quote_bounds);
    g_test_add_func("/text/json-to-ascii", test_json_to_ascii);
    g_test_add_func("/text/uint64", test_uint64);
    g_test_add_func("/text/boolean", test_boolean);
    g_test_add_func("/text/seconds", test_seconds);
    g_test_add_func("/text/table", test_table);
    g_test_add_func("/text/full-stop", test_full_stop);
    g_test_add_func("/text/ends-with", test_ends_with);
    g_test_add_func("/text/ip-port", test_ip_port);
    g_test_add_func("/text/hash", test_hash);
    g_test_add_func("/text/string-table", test_string_table);
    return g_test_run();
}
