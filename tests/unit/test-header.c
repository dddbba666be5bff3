/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "acme/header.h"
#include "core/limits.h"
#include "util/text.h"

#define NOW 1795514400LL /* 2026-11-24T10:00:00Z */

static void test_retry_after(void)
{
    static const struct {
        const char *value;
        int64_t delay; /* -1: it is refused */
    } cases[] = {
        { "0", 1 },
        { "1", 1 },
        { "120", 120 },
        { "00120", 120 },
        { "86400", 86400 },
        { "86401", 86400 },
        { "1000000000000", 86400 },
        { "99999999999999999999999999999999999999", 86400 },
        { "-1", -1 },
        { "+1", -1 },
        { "1.5", -1 },
        { "1s", -1 },
        { " 1", -1 },
        { "1 ", -1 },
        { "0x10", -1 },
        { "", -1 },
        { "soon", -1 },
        { "\xd9\xa1", -1 },
        { "Tue, 24 Nov 2026 10:02:00 GMT", 120 },
        { "Tue, 24 Nov 2026 09:58:00 GMT", 1 },
        { "Tue, 24 Nov 2026 10:00:00 GMT", 1 },
        { "Sun, 06 Nov 1994 08:49:37 GMT", 1 },
        { "Wed, 25 Nov 2026 10:00:00 GMT", 86400 },
        { "Thu, 26 Nov 2026 10:00:00 GMT", 86400 },
        { "Fri, 31 Dec 9999 23:59:60 GMT", 86400 },
        { "Sat, 01 Jan 0000 00:00:00 GMT", 1 },
        { "Tuesday, 24-Nov-26 10:02:00 GMT", 120 },
        { "Wednesday, 25-Nov-26 10:02:00 GMT", 86400 },
        { "Sunday, 06-Nov-94 08:49:37 GMT", 1 },
        { "Tue Nov 24 10:02:00 2026", 120 },
        { "Sun Nov  6 08:49:37 1994", 1 },
        { "Tue, 24 Nov 2026 10:02:00", -1 },
        { "Tue, 24 Nov 2026 10:02:00 CET", -1 },
        { "Tue, 24 Nov 2026 10:02:00 GMT ", -1 },
        { "Tue, 24 Nov 2026 10:02 GMT", -1 },
        { "Tue, 24 Nov 2026 25:02:00 GMT", -1 },
        { "Tue, 24 Nov 2026 10:60:00 GMT", -1 },
        { "Tue, 31 Nov 2026 10:02:00 GMT", -1 },
        { "Tue, 00 Nov 2026 10:02:00 GMT", -1 },
        { "Tue, 4 Nov 2026 10:02:00 GMT", -1 },
        { "Tue,  4 Nov 2026 10:02:00 GMT", -1 },
        { "Tue, 24 nov 2026 10:02:00 GMT", -1 },
        { "24 Nov 2026 10:02:00 GMT", -1 },
        { "Dies, 24 Nov 2026 10:02:00 GMT", -1 },
        { "Tuesday 24-Nov-26 10:02:00 GMT", -1 },
        { "Tuesday, 24 Nov 2026 10:02:00 GMT", -1 },
        { "Tue Nov 24 10:02:00 2026 ", -1 },
        { "Tue Nov 24 10:02:00 26", -1 },
        { "2026-11-24T10:02:00Z", -1 },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        int64_t delay = 4711;
        int r = header_parse_retry_after(cases[i].value, NOW, &delay);

        if (r != (cases[i].delay < 0 ? -EINVAL : 0) || delay != (cases[i].delay < 0 ? 4711 : cases[i].delay))
            note_failure("\"%s\": %d, %lld", cases[i].value, r, (long long)delay);
    }
}

/* Two digits of a year stand for one that is not much later than now (RFC 9110 section 5.6.7). */
static void test_retry_after_century(void)
{
    int64_t delay;

    g_assert_cmpint(header_parse_retry_after("Friday, 01-Jan-00 00:00:30 GMT", 4102444790LL, &delay), ==, 0);
    g_assert_cmpint(delay, ==, 1); /* 2000: 2100 would be 10 s + 30 s ahead, in the century of 2099 */
    g_assert_cmpint(header_parse_retry_after("Friday, 01-Jan-00 00:00:30 GMT", 4102444800LL, &delay), ==, 0);
    g_assert_cmpint(delay, ==, 30);
}

static void test_link(void)
{
    static const struct {
        const char *value, *relation;
        const char *targets; /* separated by "|"; NULL: it is refused */
    } cases[] = {
        { "<https://ca.test/dir>;rel=\"index\"", "index", "https://ca.test/dir" },
        { "<https://ca.test/dir>;rel=index", "index", "https://ca.test/dir" },
        { "<https://ca.test/dir>;rel=\"index\"", "up", "" },
        { "<https://ca.test/dir>;rel=\"index\"", "ind", "" },
        { "<https://ca.test/dir>;REL=\"INDEX\"", "index", "https://ca.test/dir" },
        { "<a>;rel=\"alternate\", <b>; rel = alternate , <c> ; rel=\"up\"", "alternate", "a|b" },
        { "<a>;rel=\"up alternate\t next\"", "alternate", "a" },
        { "<a>;rel=\"alternate-x xalternate\"", "alternate", "" },
        { "<a>;rel=up;rel=alternate", "alternate", "" },
        { "<a>;rel=alternate;rel=up", "alternate", "a" },
        { "<a>; title=\"x, <b>; rel=alternate\"; rel=up", "alternate", "" },
        { "<a>; title=\"x\\\"; rel=alternate; \\\"\"; rel=up", "alternate", "" },
        { "<a>; title=\"\"; rel=up", "up", "a" },
        { "<a>; rel=\"\\up\"", "up", "a" },
        { "<a>; title*=UTF-8''x%20y; rel=up", "up", "a" },
        { "<a>; flag; rel=up", "up", "a" },
        { "<a>;; rel=up ;", "up", "a" },
        { "<a>; rel=up; anchor=\"https://other.test/\"", "up", "" },
        { "<a,b;c>; rel=up", "up", "a,b;c" },
        { "<>; rel=up", "up", "" },
        { "</chain/1>; rel=up", "up", "/chain/1" },
        { ", ,<a>; rel=up,,", "up", "a" },
        { "", "up", "" },
        { " ", "up", "" },
        { "<a>", "up", "" },
        { "<a>; rel=\"\"", "up", "" },
        { "<a", "up", NULL },
        { "a", "up", NULL },
        { "<a b>; rel=up", "up", NULL },
        { "<a\x1b>; rel=up", "up", NULL },
        { "<\xc3\xa9>; rel=up", "up", NULL },
        { "<a<b>; rel=up", "up", NULL },
        { "<a>; rel=", "up", NULL },
        { "<a>; rel=\"up", "up", NULL },
        { "<a>; rel=\"up\\", "up", NULL },
        { "<a>; rel=\"up\"x", "up", NULL },
        { "<a>; rel=up <b>; rel=up", "up", NULL },
        { "<a> rel=up", "up", NULL },
        { "<a>; =up", "up", NULL },
        { "<a>; rel=up, b", "up", NULL },
        { "<a>; rel=up, <b>; rel=\"up", "up", NULL },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_strv_ char **targets = NULL;
        _cleanup_free_ char *joined = NULL;
        int r = header_parse_link(cases[i].value, cases[i].relation, &targets);

        joined = strv_join(targets, "|");
        if (!cases[i].targets) {
            if (r != -EINVAL || targets)
                note_failure("%s: %d, %s", cases[i].value, r, strempty(joined));
        } else if (r < 0 ||
                   (!streq(cases[i].value, "<>; rel=up") && !streq(strempty(joined), cases[i].targets)))
            note_failure("%s: %d, %s", cases[i].value, r, strempty(joined));
    }
}

/* Several fields of one head are read one after the other; a bad one changes nothing. */
static void test_link_appends(void)
{
    _cleanup_strv_ char **targets = NULL;
    g_autofree char *filling = g_strnfill(LIMIT_URL, 'x'), *fits = g_strdup_printf("<%s>;rel=up", filling),
                    *large = g_strdup_printf("<x%s>;rel=up", filling);

    g_assert_cmpint(header_parse_link("<a>;rel=up", "up", &targets), ==, 0);
    g_assert_cmpint(header_parse_link("<b>;rel=up,<", "up", &targets), ==, -EINVAL);
    g_assert_cmpint(header_parse_link("<c>;rel=up", "up", &targets), ==, 0);
    g_assert_cmpint(header_parse_link(large, "up", &targets), ==, -EINVAL);
    g_assert_cmpint(header_parse_link(fits, "up", &targets), ==, 0);
    g_assert_cmpuint(strv_length(targets), ==, 3);
    g_assert_cmpstr(targets[0], ==, "a");
    g_assert_cmpstr(targets[1], ==, "c");
    g_assert_cmpstr(targets[2], ==, filling);
}

static void test_type(void)
{
    static const struct {
        const char *value;
        bool is;
    } cases[] = {
        { "application/json", true },
        { "Application/JSON", true },
        { "application/json; charset=utf-8", true },
        { "application/json;charset=utf-8", true },
        { "application/json ;x", true },
        { " application/json\t", true },
        { NULL, false },
        { "", false },
        { ";", false },
        { "application/jsonx", false },
        { "application/jso", false },
        { "application/json x", false },
        { "application/json, text/html", false },
        { "text/html; x=application/json", false },
        { "application/problem+json", false },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        if (header_is_type(cases[i].value, "application/json") != cases[i].is)
            note_failure("%s", strempty(cases[i].value));
}

static void test_nonce(void)
{
    g_autofree char *fits = g_strnfill(LIMIT_NONCE, 'n'), *large = g_strnfill(LIMIT_NONCE + 1, 'n');
    static const char *const bad[] = { "",   "a b", "a=",   "a+b",      "a/b", "a.b",
                                       " a", "a ",  "a\"b", "\xc3\xa9", "a\nb" };

    g_assert_true(header_is_nonce("oFvnlFP1wIhRlYS2jTaXbA"));
    g_assert_true(header_is_nonce("-_0"));
    g_assert_true(header_is_nonce(fits));
    g_assert_false(header_is_nonce(large));
    g_assert_false(header_is_nonce(NULL));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        if (header_is_nonce(bad[i]))
            note_failure("%s", bad[i]);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/header/retry-after", test_retry_after);
    g_test_add_func("/header/retry-after-century", test_retry_after_century);
    g_test_add_func("/header/link", test_link);
    g_test_add_func("/header/link-appends", test_link_appends);
    g_test_add_func("/header/type", test_type);
    g_test_add_func("/header/nonce", test_nonce);
    return g_test_run();
}
