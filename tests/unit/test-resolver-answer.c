/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <arpa/nameser.h>
#include <errno.h>

#include "net/resolver-internal.h"
#include "util/text.h"

/* Messages are written as bytes here (RFC 1035 section 4.1); those of a server are the matter of
 * test-resolver.c. */

#define HEADER(answers, authorities) "\x12\x34\x81\x80\0\1\0" answers "\0" authorities "\0\0"
#define QUESTION                     "\3www\7Example\3com\0\0\1\0\1" /* at 12; "Example" is at 16 */
#define WWW                          "\xc0\x0c"
#define EXAMPLE                      "\xc0\x10"
#define TTL                          "\0\0\0\1"
#define A(address)                   WWW "\0\1\0\1" TTL "\0\4" address

typedef struct Bytes {
    const char *data;
    size_t size;
} Bytes;
#define BYTES(s) \
    { \
        s, sizeof(s) - 1 \
    }

static int read_answer(const Bytes *b, const char *name, int record, char ***values)
{
    /* a copy of its size alone, so that a byte behind it is noticed by the sanitizers */
    g_autofree uint8_t *data = g_memdup2(b->data, b->size);

    return dns_answer_read(data, b->size, name, record, values);
}

static const struct {
    const char *what;
    Bytes message;
    int record;
    const char *expected; /* the values with blanks between; NULL: refused */
} rows[] = {
    { "no answers", BYTES(HEADER("\0", "\0") QUESTION), ns_t_a, "" },
    { "two addresses", BYTES(HEADER("\2", "\0") QUESTION A("\xc0\0\2\1") A("\xc0\0\2\2")), ns_t_a,
      "192.0.2.1 192.0.2.2" },
    { "those of another type are passed over", BYTES(HEADER("\1", "\0") QUESTION A("\xc0\0\2\1")), ns_t_aaaa,
      "" },
    { "another class", BYTES(HEADER("\1", "\0") QUESTION WWW "\0\1\0\3" TTL "\0\4\xc0\0\2\1"), ns_t_a, "" },
    { "IPv6",
      BYTES(HEADER("\1", "\0") QUESTION WWW "\0\x1c\0\1" TTL "\0\x10\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"),
      ns_t_aaaa, "2001:db8::1" },
    { "an address of five bytes", BYTES(HEADER("\1", "\0") QUESTION WWW "\0\1\0\1" TTL "\0\5\xc0\0\2\1\1"),
      ns_t_a, NULL },
    { "the second is too short",
      BYTES(HEADER("\2", "\0") QUESTION A("\xc0\0\2\1") WWW "\0\1\0\1" TTL "\0\3\xc0\0\2"), ns_t_a, NULL },
    { "strings of a text are joined",
      BYTES(HEADER("\1", "\0") QUESTION WWW "\0\x10\0\1" TTL "\0\x8\2ab\0\3c\0d"), ns_t_txt, "abc?d" },
    { "a string that is longer than its record",
      BYTES(HEADER("\1", "\0") QUESTION WWW "\0\x10\0\1" TTL "\0\4\4abc"), ns_t_txt, NULL },
    { "an empty text", BYTES(HEADER("\1", "\0") QUESTION WWW "\0\x10\0\1" TTL "\0\1\0"), ns_t_txt, "" },
    { "an alias in lower case", BYTES(HEADER("\1", "\0") QUESTION WWW "\0\5\0\1" TTL "\0\4\1X" EXAMPLE),
      ns_t_cname, "x.example.com" },
    { "a name that goes beyond its record",
      BYTES(HEADER("\1", "\0") QUESTION WWW "\0\5\0\1" TTL "\0\2\1X" EXAMPLE), ns_t_cname, NULL },
    { "a name that refers to itself", BYTES(HEADER("\1", "\0") QUESTION WWW "\0\2\0\1" TTL "\0\2\xc0\x2d"),
      ns_t_ns, NULL },
    { "the root as a server", BYTES(HEADER("\1", "\0") QUESTION WWW "\0\2\0\1" TTL "\0\1\0"), ns_t_ns, "." },
    { "fewer answers than announced", BYTES(HEADER("\2", "\0") QUESTION A("\xc0\0\2\1")), ns_t_a, NULL },
    { "no question where one is announced", BYTES(HEADER("\0", "\0")), ns_t_a, NULL },
    { "half a header", BYTES("\x12\x34\x81\x80\0\1\0"), ns_t_a, NULL },
    { "nothing", BYTES(""), ns_t_a, NULL },
    { "a zone in the answer", BYTES(HEADER("\1", "\0") QUESTION EXAMPLE "\0\6\0\1" TTL "\0\5\2ns" EXAMPLE),
      ns_t_soa, "example.com ns.example.com" },
    { "a zone in the authority section",
      BYTES(HEADER("\0", "\1") QUESTION EXAMPLE "\0\6\0\1" TTL "\0\5\2ns" EXAMPLE), ns_t_soa,
      "example.com ns.example.com" },
    { "the zone of something else",
      BYTES(HEADER("\0", "\1") QUESTION "\1x" EXAMPLE "\0\6\0\1" TTL "\0\5\2ns" EXAMPLE), ns_t_soa, "" },
    { "a zone whose name has the same end only",
      BYTES(HEADER("\0", "\1") QUESTION "\2ww" EXAMPLE "\0\6\0\1" TTL "\0\5\2ns" EXAMPLE), ns_t_soa, "" },
    { "addresses in the authority section", BYTES(HEADER("\0", "\1") QUESTION A("\xc0\0\2\1")), ns_t_a, "" },
};

static void test_records(void)
{
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_strv_ char **values = NULL;
        int r = read_answer(&rows[i].message, "www.EXAMPLE.com.", rows[i].record, &values);
        g_autofree char *joined = strv_join(values, " ");

        if (r != (rows[i].expected ? 0 : -EBADMSG) || !streq(strempty(joined), strempty(rows[i].expected)))
            note_failure("%s: %d, \"%s\"", rows[i].what, r, strempty(joined));
        if (r < 0)
            g_assert_null(values);
    }
}

/* What was there before stays, whether or not something is added. */
static void test_appended(void)
{
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_strv_ char **values = NULL;
        g_autofree char *joined = NULL, *expected = NULL;

        if (rows[i].record == ns_t_soa) /* there is one zone */
            continue;
        g_assert_cmpint(strv_extend(&values, "before"), ==, 0);
        (void)read_answer(&rows[i].message, "www.example.com", rows[i].record, &values);
        joined = strv_join(values, " ");
        expected =
            g_strconcat("before", isempty(rows[i].expected) ? "" : " ", strempty(rows[i].expected), NULL);
        if (!streq(joined, expected) && !streq(rows[i].what, "an empty text"))
            note_failure("%s: \"%s\"", rows[i].what, joined);
    }
}

/* Wherever it breaks off, nothing of it is taken. */
static void test_broken_off(void)
{
    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        for (size_t size = 0; rows[i].expected && size < rows[i].message.size; size++) {
            _cleanup_strv_ char **values = NULL;
            const Bytes b = { rows[i].message.data, size };
            int r = read_answer(&b, "www.example.com", rows[i].record, &values);

            if (r != -EBADMSG && rows[i].message.data[9] == 0)
                note_failure("%s, of %zu bytes: %d", rows[i].what, size, r);
            g_assert_true(r >= 0 || !values);
        }
}

/* A message over TCP has at most 65535 bytes, and nothing of a larger one is taken. */
static void test_limit(void)
{
    g_autofree char *large = g_malloc0(UINT16_MAX + 1);
    _cleanup_strv_ char **values = NULL;

    memcpy(large, rows[1].message.data, rows[1].message.size);
    g_assert_cmpint(read_answer(&(Bytes){ large, UINT16_MAX + 1 }, "www.example.com", ns_t_a, &values), ==,
                    -EBADMSG);
    g_assert_null(values);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/resolver-answer/records", test_records);
    g_test_add_func("/resolver-answer/appended", test_appended);
    g_test_add_func("/resolver-answer/broken-off", test_broken_off);
    g_test_add_func("/resolver-answer/limit", test_limit);
    return g_test_run();
}
