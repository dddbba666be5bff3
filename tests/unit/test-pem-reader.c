/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/pem-reader.h"

#include <errno.h>

#include "crypto/pem.h"

#define BEGIN "-----BEGIN X-----"
#define END   "-----END X-----"

/* The blocks of a text, each as text of its bytes and "|", and how the reading ended. */
static int read_all(const char *text, char **ret, unsigned *ret_line)
{
    PemReader reader = { .at = text };
    GString *all = g_string_new(NULL);
    int r;

    for (;;) {
        _cleanup_blob_ Blob b = {};

        r = pem_read_block(&reader, "X", &b);
        if (r <= 0)
            break;
        g_string_append_len(all, (const char *)b.data, (gssize)b.size);
        g_string_append_c(all, '|');
    }
    *ret_line = reader.n_line;
    *ret = g_string_free(all, FALSE);
    return r;
}

static void test_good(void)
{
    static const struct {
        const char *text, *blocks;
    } rows[] = {
        { "", "" },
        { "\n\r\n\r", "" },
        { BEGIN "\nYWJj\n" END "\n", "abc|" },
        { BEGIN "\nYWJj\n" END, "abc|" },
        { BEGIN "\nYWI=\n" END "\n", "ab|" },
        { BEGIN "\nYQ==\n" END "\n", "a|" },
        { BEGIN "\r\nYWJj\r\n" END "\r\n", "abc|" },
        { BEGIN "\rYWJj\r" END "\r", "abc|" },
        { "\n" BEGIN "\nYWJj\n" END "\n\n\n" BEGIN "\nZGVm\n" END "\n\n", "abc|def|" },
        { BEGIN "\nYWJj\n" END "\n" BEGIN "\nZGVm\n" END, "abc|def|" },
        { BEGIN "\nfn5+Pz8/\n" END "\n", "~~~???|" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        g_autofree char *blocks = NULL;
        unsigned line;
        int r = read_all(rows[i].text, &blocks, &line);

        if (r != 0 || !streq(blocks, rows[i].blocks))
            note_failure("text %zu: %d, \"%s\" at line %u", i, r, blocks, line);
    }
}

/* The line is that of the last one that was read, for the message. */
static void test_refused(void)
{
    static const struct {
        const char *text;
        unsigned line;
    } rows[] = {
        { "text\n" BEGIN "\nYWJj\n" END "\n", 1 },
        { " " BEGIN "\nYWJj\n" END "\n", 1 },
        { BEGIN " \nYWJj\n" END "\n", 1 },
        { "-----BEGIN Y-----\nYWJj\n-----END Y-----\n", 1 },
        { "-----BEGIN XX-----\nYWJj\n-----END XX-----\n", 1 },
        { "----BEGIN X----\nYWJj\n----END X----\n", 1 },
        { END "\n", 1 },
        { "\n \n", 2 },
        { BEGIN, 1 },
        { BEGIN "\n", 1 },
        { BEGIN "\n" END "\n", 2 },
        { BEGIN "\nYWJj\n", 2 },
        { BEGIN "\nYWJj\n-----END Y-----\n", 3 },
        { BEGIN "\nYWJj\n\n" END "\n", 3 },
        { BEGIN "\n\nYWJj\n" END "\n", 2 },
        { BEGIN "\nYWJj\nZGVm\n" END "\n", 3 }, /* only the last line may be short */
        { BEGIN "\nYWJ\n" END "\n", 3 },
        { BEGIN "\nYWJj \n" END "\n", 3 },
        { BEGIN "\nYW=j\n" END "\n", 3 },
        { BEGIN "\nY===\n" END "\n", 3 },
        { BEGIN "\nYWJ=\n" END "\n", 3 }, /* bits that stand for nothing */
        { BEGIN "\nfn5-Pz8_\n" END "\n", 3 },
        { BEGIN "\nProc-Type: 4,ENCRYPTED\n\nYWJj\n" END "\n", 3 },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        g_autofree char *blocks = NULL;
        unsigned line;
        int r = read_all(rows[i].text, &blocks, &line);

        if (r != -EBADMSG || *blocks || line != rows[i].line)
            note_failure("text %zu: %d, \"%s\" at line %u", i, r, blocks, line);
    }
}

/* The blocks before one that is refused were read. */
static void test_after_a_good_one(void)
{
    g_autofree char *blocks = NULL;
    unsigned line;

    g_assert_cmpint(read_all(BEGIN "\nYWJj\n" END "\n" BEGIN "\n?\n" END "\n", &blocks, &line), ==,
                    -EBADMSG);
    g_assert_cmpstr(blocks, ==, "abc|");
    g_assert_cmpuint(line, ==, 6);
}

/* What is written here can be read here, whatever its length. */
static void test_written(void)
{
    uint8_t data[300];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t size = 1; size <= sizeof(data); size++) {
        _cleanup_free_ char *pem = pem_encode("X Y", data, size);
        _cleanup_blob_ Blob b = {}, none = {};
        PemReader reader = { .at = pem };

        g_assert_cmpint(pem_read_block(&reader, "X Y", &b), ==, 1);
        g_assert_cmpmem(b.data, b.size, data, size);
        g_assert_cmpint(pem_read_block(&reader, "X Y", &none), ==, 0);
        g_assert_null(none.data);
    }
}

/* A line of 64 letters is the longest. */
static void test_line_length(void)
{
    g_autofree char *line = g_strnfill(68, 'A'), *blocks = NULL, *none = NULL, *text = NULL, *longer = NULL;
    unsigned n;

    text = g_strdup_printf(BEGIN "\n%.64s\n%.64s\n%.4s\n" END "\n", line, line, line);
    g_assert_cmpint(read_all(text, &blocks, &n), ==, 0);
    longer = g_strdup_printf(BEGIN "\n%s\n" END "\n", line);
    g_assert_cmpint(read_all(longer, &none, &n), ==, -EBADMSG);
    g_assert_cmpuint(n, ==, 2);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/pem-reader/good", test_good);
    g_test_add_func("/pem-reader/refused", test_refused);
    g_test_add_func("/pem-reader/after-a-good-one", test_after_a_good_one);
    g_test_add_func("/pem-reader/written", test_written);
    g_test_add_func("/pem-reader/line-length", test_line_length);
    return g_test_run();
}
