/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/name.h"
#include "store/files/paths.h"

#include <errno.h>

#include "core/limits.h"
#include "util/text.h"

#define L10  "aaaaaaaaaa"
#define L60  L10 L10 L10 L10 L10 L10
#define L63  L60 "aaa"
#define L64  L63 "a"
#define D252 L63 "." L63 "." L63 "." L60
#define D253 D252 "a"
#define D254 D252 "aa"

/* Spellings and the one canonical form. What stands for itself is canonical already. */
static const struct {
    const char *text, *canonical;
} valid[] = {
    { "example.com", "example.com" },
    { "EXAMPLE.com", "example.com" },
    { "Example.Com", "example.com" },
    { "example.com.", "example.com" },
    { "EXAMPLE.COM.", "example.com" },
    { "www.example.com", "www.example.com" },
    { "a.b.c.d.e.f.g.example.com", "a.b.c.d.e.f.g.example.com" },
    { "localhost", "localhost" },
    { "LOCALHOST.", "localhost" },
    { "a", "a" },
    { "Z.", "z" },
    { "1.example.com", "1.example.com" },
    { "123.456.example", "123.456.example" },
    { "1a", "1a" },
    { "0xg.example", "0xg.example" },
    { "example.0xg", "example.0xg" },
    { "example.x0", "example.x0" },
    { "a-b.example.com", "a-b.example.com" },
    { "a--b.example.com", "a--b.example.com" },
    { "r3---sn-4g5e.example.com", "r3---sn-4g5e.example.com" },
    { "1--2.3a", "1--2.3a" },
    { L63 ".com", L63 ".com" },
    { D252, D252 },
    { D253, D253 },
    { D253 ".", D253 },
    /* wildcards */
    { "*.example.com", "*.example.com" },
    { "*.EXAMPLE.com.", "*.example.com" },
    { "*.a", "*.a" },
    { "*.b\303\274cher.example", "*.xn--bcher-kva.example" },
    /* international names, each with its twins */
    { "b\303\274cher.example", "xn--bcher-kva.example" },
    { "B\303\234CHER.example", "xn--bcher-kva.example" },
    { "bu\314\210cher.example", "xn--bcher-kva.example" },
    { "BU\314\210CHER.Example.", "xn--bcher-kva.example" },
    { "xn--bcher-kva.example", "xn--bcher-kva.example" },
    { "XN--BCHER-KVA.EXAMPLE", "xn--bcher-kva.example" },
    { "Xn--bcher-Kva.example.", "xn--bcher-kva.example" },
    { "fa\303\237.de", "xn--fa-hia.de" },
    /* what IDNA2008 excludes, and authorities issue for */
    { "xn--qei.ws", "xn--qei.ws" },
    { "XN--I-7IQ.ws", "xn--i-7iq.ws" },
    { "*.xn--ls8h.la", "*.xn--ls8h.la" },
    { "r3---sn.example.com", "r3---sn.example.com" },
    { "ab--cd.b\303\274cher.example", "ab--cd.xn--bcher-kva.example" },
    { "ab--cd.xn--bcher-kva.example", "ab--cd.xn--bcher-kva.example" },
    { "xn--fa-hia.de", "xn--fa-hia.de" },
    { "fass.de", "fass.de" },
    { "FASS.de", "fass.de" },
    { "\316\262\317\214\316\273\316\277\317\202.com", "xn--nxasmm1c.com" },
    { "\316\262\317\214\316\273\316\277\317\203.com", "xn--nxasmq6b.com" },
    { "\321\217\320\275\320\264\320\265\320\272\321\201.\321\200\321\204", "xn--d1acpjx3f.xn--p1ai" },
    { "\320\257\320\275\320\264\320\265\320\272\321\201.\320\240\320\244", "xn--d1acpjx3f.xn--p1ai" },
    { "xn--d1acpjx3f.xn--p1ai", "xn--d1acpjx3f.xn--p1ai" },
    { "\344\276\213\343\201\210.\343\203\206\343\202\271\343\203\210", "xn--r8jz45g.xn--zckzah" },
    { "\344\276\213\343\201\210\343\200\202\343\203\206\343\202\271\343\203\210", "xn--r8jz45g.xn--zckzah" },
    { "xn--r8jz45g.xn--zckzah", "xn--r8jz45g.xn--zckzah" },
    { "caf\303\251.fr", "xn--caf-dma.fr" },
    { "cafe\314\201.fr", "xn--caf-dma.fr" },
    { "CAF\303\211.fr", "xn--caf-dma.fr" },
    { "stra\303\237e.example", "xn--strae-oqa.example" },
    { "\340\244\255\340\244\276\340\244\260\340\244\244.example", "xn--h2brj9c.example" },
    /* compatibility forms: full width letters, digits and dots, other dots, letters that are written
     * alike */
    { "\357\275\205\357\275\230\357\275\201\357\275\215\357\275\220\357\275\214\357\275\205.com",
      "example.com" },
    { "\357\274\245\357\274\270\357\274\241\357\274\255\357\274\260\357\274\254\357\274\245.com",
      "example.com" },
    { "example\357\274\216com", "example.com" },
    { "example\343\200\202com", "example.com" },
    { "example\357\275\241com", "example.com" },
    { "example.com\343\200\202", "example.com" },
    { "a\357\274\221.example", "a1.example" },
    { "\342\204\252.example", "k.example" },
    { "\342\204\242.example", "tm.example" },
    { "\357\254\201.example", "fi.example" },
    { "\302\271a.example", "1a.example" },
    { "zero\342\200\213width.example", "zerowidth.example" },
    { "soft\302\255hyphen.example", "softhyphen.example" },
    { "\342\222\266.example", "a.example" },
    /* IPv4 */
    { "192.0.2.1", "192.0.2.1" },
    { "0.0.0.0", "0.0.0.0" },
    { "255.255.255.255", "255.255.255.255" },
    { "127.0.0.1", "127.0.0.1" },
    { "10.1.2.3", "10.1.2.3" },
    /* IPv6, RFC 5952 */
    { "::", "::" },
    { "::1", "::1" },
    { "0:0:0:0:0:0:0:1", "::1" },
    { "0000:0000:0000:0000:0000:0000:0000:0001", "::1" },
    { "2001:db8::1", "2001:db8::1" },
    { "2001:DB8::1", "2001:db8::1" },
    { "2001:0db8:0:0:0:0:0:1", "2001:db8::1" },
    { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
    { "2001:db8::1:0:0:1", "2001:db8::1:0:0:1" },
    { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
    { "2001:db8::0:1", "2001:db8::1" },
    { "fe80::1", "fe80::1" },
    { "FE80::ABCD", "fe80::abcd" },
    { "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
    { "::FFFF:c000:201", "::ffff:192.0.2.1" },
    { "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
    { "2001:db8::", "2001:db8::" },
    { "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
};

/* What is refused, and a part of the reason. */
static const struct {
    const char *text, *why;
} invalid[] = {
    { "", "is empty" },
    { ".", "empty label" },
    { "..", "empty label" },
    { "...", "empty label" },
    { "../..", "empty label" },
    { "../../etc/passwd", "empty label" },
    { "a/../b", "letters, digits" },
    { "/", "letters, digits" },
    { "/etc/passwd", "letters, digits" },
    { "etc/passwd", "letters, digits" },
    { "example.com/", "letters, digits" },
    { "example.com/..", "letters, digits" },
    { "a\\b.example", "letters, digits" },
    { ".example.com", "empty label" },
    { "example..com", "empty label" },
    { "example.com..", "empty label" },
    { "-example.com", "hyphen" },
    { "example-.com", "hyphen" },
    { "-", "hyphen" },
    { "example.-com", "hyphen" },
    { "--.example", "hyphen" },
    { L64 ".com", "63 bytes" },
    { D254, "253 bytes" },
    { D254 ".", "253 bytes" },
    { "*." D252, "253 bytes" },
    { D253 L10 L10 L10 L10 "abcdefg", "bytes" },
    /* wildcards at wrong places */
    { "*", "wildcard" },
    { "*.", "empty label" },
    { "*..", "empty label" },
    { "**.example.com", "wildcard" },
    { "*.*.example.com", "wildcard" },
    { "*.*", "wildcard" },
    { "a*.example.com", "wildcard" },
    { "*a.example.com", "wildcard" },
    { "a.*.example.com", "wildcard" },
    { "example.*", "wildcard" },
    { "*example.com", "wildcard" },
    { "*.192.0.2.1", "number" },
    { "*.0x7f", "number" },
    { "*.::1", "colon" },
    { "\357\274\212.example.com", "" },
    { "*\343\200\202example.com", "" },
    /* underscores: a directory beginning with one is a wildcard's */
    { "_.example.com", "underscore" },
    { "_", "underscore" },
    { "_acme-challenge.example.com", "underscore" },
    { "a_b.example.com", "underscore" },
    { "example.com_", "underscore" },
    { "b\303\274_cher.example", "" },
    /* numbers as the last label: an address in disguise */
    { "1", "number" },
    { "1.2", "number" },
    { "1.2.3", "number" },
    { "1.2.3.4.5", "number" },
    { "256.0.0.1", "number" },
    { "192.0.2.01", "number" },
    { "010.0.0.1", "number" },
    { "192.0.2.1.", "number" },
    { "0x7f.0.0.1", "number" },
    { "0x7f000001", "number" },
    { "example.0x", "number" },
    { "example.0xAF", "number" },
    { "2130706433", "number" },
    { "017700000001", "number" },
    { "example.1", "number" },
    { "example.123.", "number" },
    { "\357\274\221\357\274\222\357\274\227.0.0.1", "number" },
    { "127\357\274\2160\357\274\2160\357\274\2161", "number" },
    { "192.0.2.\302\271", "number" },
    { "\342\221\240\342\221\241.example.\342\221\240", "number" },
    /* colons: no address, or more than an address */
    { "example.com:443", "colon" },
    { "https://example.com", "colon" },
    { "[::1]", "colon" },
    { "[2001:db8::1]:443", "colon" },
    { "192.0.2.1:80", "colon" },
    { "fe80::1%eth0", "colon" },
    { "fe80::1%1", "colon" },
    { ":::", "colon" },
    { "::1::", "colon" },
    { "1:2:3:4:5:6:7", "colon" },
    { "1:2:3:4:5:6:7:8:9", "colon" },
    { "12345::", "colon" },
    { "::g", "colon" },
    { "::ffff:256.0.0.1", "colon" },
    { ":", "colon" },
    { "2001:db8::1/64", "colon" },
    { "10.0.0.0/8", "letters, digits" },
    /* characters */
    { "exam ple.com", "letters, digits" },
    { " example.com", "letters, digits" },
    { "example.com ", "letters, digits" },
    { "example.com\n", "letters, digits" },
    { "example\t.com", "letters, digits" },
    { "example.com\r\nX: y", "colon" },
    { "user@example.com", "letters, digits" },
    { "exa$mple.com", "letters, digits" },
    { "$(reboot).example", "letters, digits" },
    { "a;b.example", "letters, digits" },
    { "a'b.example", "letters, digits" },
    { "a\"b.example", "letters, digits" },
    { "%H", "letters, digits" },
    { "a%2fb.example", "letters, digits" },
    { "a,b.example", "letters, digits" },
    { "a\001.example", "letters, digits" },
    { "a\177.example", "letters, digits" },
    { "a?.example", "letters, digits" },
    { "a#b.example", "letters, digits" },
    /* xn-- fakes */
    { "xn--", "hyphen" },
    { "xn--.example", "hyphen" },
    { "xn--a.example", "xn--" },
    { "\342\235\244.ws", "give the xn-- form of it" },
    { "xn--example.example", "xn--" },
    { "xn--example-.example", "hyphen" },
    { "www.xn--zzzzzzzzzzz.example", "xn--" },
    { "xn--999999999.example", "xn--" },
    { "xn--www-.example", "hyphen" },
    { "XN--A.example", "xn--" },
    { "*.xn--a.example", "xn--" },
    /* broken or forbidden letters */
    { "\303.example", "international" },
    { "\377\376.example", "international" },
    { "\300\257.example", "international" },
    { "\355\240\200.example", "international" },
    { "\342\204\200.example", "" },
    { "a\357\274\217b.example", "" },
    { "\342\200\213", "" },
    { "\342\200\256moc.example", "international" },
    { "\360\237\230\200.example", "" },
    { "\314\201a.example", "international" },
    { "b\303\274cher.-a.example", "" },
    { "\343\200\202", "" },
    { "\343\200\202example.com", "" },
    { "\357\274\216\357\274\216/x", "" },
};

static char *canonical(const char *text)
{
    _cleanup_problem_ Problem problem = {};
    char *name = NULL;
    int r = name_canonicalize(text, &name, &problem);

    if (r < 0)
        g_error("\"%s\" is refused: %s", text, problem.text);
    g_assert_cmpint(problem.code, ==, PROBLEM_NONE);
    return name;
}

static void test_valid(void)
{
    for (size_t i = 0; i < ELEMENTSOF(valid); i++) {
        _cleanup_free_ char *name = canonical(valid[i].text);

        g_assert_cmpstr(name, ==, valid[i].canonical);
    }
}

/* Each refusal has its reason, quotes nothing that a terminal would obey, and leaves the output alone. */
static void test_invalid(void)
{
    for (size_t i = 0; i < ELEMENTSOF(invalid); i++) {
        _cleanup_problem_ Problem problem = {};
        char untouched[] = "untouched", *name = untouched;

        if (name_canonicalize(invalid[i].text, &name, &problem) != -EINVAL) {
            note_failure("\"%s\" is taken for the name \"%s\"", invalid[i].text, name);
            free(name);
            continue;
        }
        g_assert_cmpint(problem.code, ==, PROBLEM_INVALID_NAME);
        g_assert_true(name == untouched);
        if (!strstr(problem.text, invalid[i].why))
            note_failure("\"%s\": the reason is not \"%s\" but: %s", invalid[i].text, invalid[i].why,
                         problem.text);
        g_assert_true(text_is_plain(problem.text));
        g_assert_cmpint(name_canonicalize(invalid[i].text, &name, NULL), ==, -EINVAL);
    }
}

static void test_number_of_vectors(void)
{
    g_test_message("%zu valid, %zu invalid", ELEMENTSOF(valid), ELEMENTSOF(invalid));
    g_assert_cmpuint(ELEMENTSOF(valid) + ELEMENTSOF(invalid), >=, 150);
}

static void test_idempotent(void)
{
    for (size_t i = 0; i < ELEMENTSOF(valid); i++) {
        _cleanup_free_ char *once = canonical(valid[i].text), *twice = canonical(once);

        g_assert_cmpstr(once, ==, twice);
    }
}

static void assert_safe(const char *name)
{
    g_assert_cmpint(name[0], !=, '.');
    g_assert_cmpint(name[0], !=, 0);
    g_assert_null(strchr(name, '/'));
    g_assert_cmpuint(strlen(name), <=, LIMIT_NAME);
    g_assert_cmpuint(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.:*_"), ==, strlen(name));
}

/* One directory for one name, which is nothing but itself in its folder. */
static void test_directory(void)
{
    g_autoptr(GHashTable) directories = g_hash_table_new_full(g_str_hash, g_str_equal, free, free);

    for (size_t i = 0; i < ELEMENTSOF(valid); i++) {
        _cleanup_free_ char *name = canonical(valid[i].text), *back = NULL;
        char *directory = name_to_directory(name);
        const char *before = g_hash_table_lookup(directories, directory);

        assert_safe(name);
        assert_safe(directory);
        g_assert_null(strchr(directory, '*'));
        g_assert_null(strchr(name, '_'));
        back = name_from_directory(directory);
        g_assert_cmpstr(back, ==, name);
        if (before)
            g_assert_cmpstr(before, ==, name);
        g_hash_table_replace(directories, directory, strdup(name));
    }
    g_assert_cmpuint(g_hash_table_size(directories), >, 50);
}

static void test_foreign_directories(void)
{
    static const char *const foreign[] = { "",
                                           ".",
                                           "..",
                                           "lost+found",
                                           "EXAMPLE.com",
                                           "example.com.",
                                           "_example.com",
                                           "__.a",
                                           "_.*",
                                           "*.example.com",
                                           ".removed-example.com",
                                           "a b",
                                           "_",
                                           "_.",
                                           "example.com.bak~",
                                           "2001:DB8::1",
                                           "010.0.0.1",
                                           "xn--a",
                                           "b\303\274cher.example",
                                           "_._.example" };

    for (size_t i = 0; i < ELEMENTSOF(foreign); i++) {
        char *name;

        errno = 0;
        name = name_from_directory(foreign[i]);
        if (foreign[i][0] == '*') { /* names itself and no directory of ours */
            free(name);
            continue;
        }
        g_assert_null(name);
        g_assert_cmpint(errno, ==, EINVAL);
    }
}

/* A directory and the directory of the name it stands for are the same, or two of them would be one
 * certificate. */
static void test_directory_injective(void)
{
    _cleanup_free_ char *name = name_from_directory("*.example.com");

    if (name)
        note_failure("the directory *.example.com is taken for that of %s", name);
}

/* Two names of different certificates never become one: the vectors' canonical forms differ just when
 * they should. */
static void test_injective(void)
{
    for (size_t i = 0; i < ELEMENTSOF(valid); i++)
        for (size_t k = 0; k < i; k++) {
            _cleanup_free_ char *a = canonical(valid[i].text), *b = canonical(valid[k].text);

            g_assert_cmpint(streq(a, b), ==, streq(valid[i].canonical, valid[k].canonical));
        }
}

/* Any bytes at all: a safe canonical name, or a refusal with a reason. */
static void test_random_bytes(void)
{
    static const char alphabet[] = "ab.-*_/:0x1XN \303\274\342\204\200\343\200\202\357\274\216%\\\n";
    g_autoptr(GRand) random = g_rand_new_with_seed(20260101);
    unsigned n_valid = 0;

    for (int i = 0; i < 200000; i++) {
        char text[24], *name = NULL;
        int n = g_rand_int_range(random, 1, (gint32)sizeof(text));

        for (int k = 0; k < n; k++)
            text[k] = i % 4 == 0 ? (char)g_rand_int_range(random, 1, 256)
                                 : alphabet[g_rand_int_range(random, 0, (gint32)sizeof(alphabet) - 1)];
        text[n] = 0;
        if (name_canonicalize(text, &name, NULL) >= 0) {
            _cleanup_free_ char *again = canonical(name), *directory = name_to_directory(name);

            assert_safe(name);
            assert_safe(directory);
            g_assert_cmpstr(again, ==, name);
            n_valid++;
        }
        free(name);
    }
    g_assert_cmpuint(n_valid, >, 1000);
}

/* LIMIT_NAME, LIMIT_LABEL and LIMIT_NAME_INPUT: at the limit and one above. */
static void test_limits(void)
{
    g_autofree char *long_input = g_strnfill(LIMIT_NAME_INPUT, 'a'),
                    *longer = g_strnfill(LIMIT_NAME_INPUT + 1, 'a');
    g_autofree char *label = g_strnfill(LIMIT_LABEL, 'a'), *label_above = g_strnfill(LIMIT_LABEL + 1, 'a');
    _cleanup_free_ char *name = canonical(D253), *of_label = canonical(label), *wild = NULL;
    _cleanup_problem_ Problem at = {}, above = {};
    char *out = NULL;

    g_assert_cmpuint(strlen(name), ==, LIMIT_NAME);
    g_assert_cmpuint(strlen(of_label), ==, LIMIT_LABEL);
    g_assert_cmpint(name_canonicalize(label_above, &out, NULL), ==, -EINVAL);
    wild = canonical("*." L63 "." L63 "." L63 "."
                     "aaaaaaaaa" L10 L10 L10 L10 L10);
    g_assert_cmpuint(strlen(wild), ==, LIMIT_NAME);
    g_assert_cmpint(name_canonicalize("*." L63 "." L63 "." L63 "." L60, &out, NULL), ==, -EINVAL);
    g_assert_cmpint(name_canonicalize(long_input, &out, &at), ==, -EINVAL);
    g_assert_nonnull(strstr(at.text, "253 bytes"));
    g_assert_cmpint(name_canonicalize(longer, &out, &above), ==, -EINVAL);
    g_assert_nonnull(strstr(above.text, "1024 bytes"));
    /* an input of 1024 bytes may well be a name */
    g_autofree char *dots = g_strdup_printf("%s.%s", L60, "example");
    g_autoptr(GString) padded = g_string_new(NULL);

    while (padded->len + 2 + strlen(dots) <= LIMIT_NAME_INPUT)
        g_string_append(padded, "\302\255"); /* a soft hyphen, which maps to nothing */
    g_string_append(padded, dots);
    free(TAKE_PTR(out));
    if (name_canonicalize(padded->str, &out, NULL) >= 0)
        g_assert_cmpstr(out, ==, dots);
    free(out);
}

static void test_address(void)
{
    static const char *const addresses[] = { "192.0.2.1", "0.0.0.0",     "::",
                                             "::1",       "2001:db8::1", "::ffff:192.0.2.1" };
    static const char *const names[] = { "example.com", "a", "*.example.com", "1.example",
                                         "xn--bcher-kva.example" };

    for (size_t i = 0; i < ELEMENTSOF(addresses); i++) {
        g_assert_true(name_is_address(addresses[i]));
        g_assert_false(name_is_wildcard(addresses[i]));
    }
    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        g_assert_false(name_is_address(names[i]));
        g_assert_cmpint(name_is_wildcard(names[i]), ==, names[i][0] == '*');
    }
}

static void test_covers(void)
{
    static const struct {
        const char *pattern, *name;
        bool covers;
    } rows[] = {
        { "example.com", "example.com", true },
        { "example.com", "www.example.com", false },
        { "www.example.com", "example.com", false },
        { "*.example.com", "www.example.com", true },
        { "*.example.com", "*.example.com", true },
        { "*.example.com", "example.com", false },
        { "*.example.com", "a.www.example.com", false },
        { "*.example.com", "wwwexample.com", false },
        { "*.example.com", "*.www.example.com", false },
        { "*.com", "*.example.com", false },
        { "*.com", "example.com", true },
        { "*.a", "a", false },
        { "*.0.2.1", "192.0.2.1", false },
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.10", false },
        { "::1", "::1", true },
        { "*.example.com", "xn--bcher-kva.example.com", true },
        { "www.example.com", "*.example.com", false },
        { "example.com", "xexample.com", false },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        g_assert_cmpint(name_covers(rows[i].pattern, rows[i].name), ==, rows[i].covers);
}

static void test_module_name(void)
{
    static const char *const good[] = { "webui", "a", "0", "Mail-Server_2.backup", "x.y" };
    static const char *const bad[] = { "",    ".",   "..",  ".hidden",   "-a",  "_a",
                                       "a/b", "a b", "a\n", "b\303\274", "a:b", "a@b" };
    g_autofree char *at = g_strnfill(LIMIT_MODULE_NAME, 'm'),
                    *above = g_strnfill(LIMIT_MODULE_NAME + 1, 'm');

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        g_assert_true(module_name_is_valid(good[i]));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        g_assert_false(module_name_is_valid(bad[i]));
    g_assert_true(module_name_is_valid(at));
    g_assert_false(module_name_is_valid(above));
}

static void test_unicode(void)
{
    static const char *const names[][2] = {
        { "xn--bcher-kva.example", "bücher.example" },
        { "*.xn--bcher-kva.example", "*.bücher.example" },
        { "xn--e1afmkfd.xn--p1ai", "пример.рф" },
        { "mail.example.com", "mail.example.com" },
        { "*.example.com", "*.example.com" },
        { "2001:db8::1", "2001:db8::1" },
        { "192.0.2.1", "192.0.2.1" },
        { "xn--ls8h.example", "xn--ls8h.example" },     /* an emoji, which the standard excludes */
        { "xn--a.example", "xn--a.example" },           /* encodes nothing */
        { "xn--ab-g4t.example", "xn--ab-g4t.example" }, /* "a\u202eb", which turns the direction */
    };

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        _cleanup_free_ char *unicode = NULL;

        g_assert_cmpint(name_to_unicode(names[i][0], &unicode), ==, 0);
        g_assert_cmpstr(unicode, ==, names[i][1]);
    }
}

static void test_base(void)
{
    static const char name[] = "*.a.example";

    g_assert_true(name_base(name) == name + 2);
    g_assert_true(name_base(name + 2) == name + 2);
    g_assert_cmpstr(name_base("2001:db8::1"), ==, "2001:db8::1");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/name/valid", test_valid);
    g_test_add_func("/name/invalid", test_invalid);
    g_test_add_func("/name/unicode", test_unicode);
    g_test_add_func("/name/number-of-vectors", test_number_of_vectors);
    g_test_add_func("/name/idempotent", test_idempotent);
    g_test_add_func("/name/injective", test_injective);
    g_test_add_func("/name/directory", test_directory);
    g_test_add_func("/name/foreign-directories", test_foreign_directories);
    g_test_add_func("/name/directory-injective", test_directory_injective);
    g_test_add_func("/name/random-bytes", test_random_bytes);
    g_test_add_func("/name/limits", test_limits);
    g_test_add_func("/name/address", test_address);
    g_test_add_func("/name/covers", test_covers);
    g_test_add_func("/name/module-name", test_module_name);
    g_test_add_func("/name/base", test_base);
    return g_test_run();
}
