/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/ledger-internal.h"

/* The lines of a ledger, one for each change. */

#define _cleanup_ledger_ _cleanup_(ledger_freep)

static Ledger *ledger_make(void)
{
    Ledger *l = ledger_new("https://ca.example/dir");

    g_assert_nonnull(l);
    return l;
}

static void assert_lines(Ledger *l, const char *expected)
{
    _cleanup_free_ char *lines = ledger_take(l);

    g_assert_cmpstr(lines, ==, expected);
}

static void test_attempt(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();
    Entry e = { .name = S("a.example"), .attempts = 3, .tried = 1800000000, .ordered = 1799990000 };

    g_assert_cmpint(ledger_write_attempt(l, &e), ==, 0);
    assert_lines(l, "tried a.example 3 1800000000 1799990000\n");
    e.again = true; /* in a line of its own, which older versions skip */
    g_assert_cmpint(ledger_write_attempt(l, &e), ==, 0);
    assert_lines(l, "tried a.example 3 1800000000 1799990000\nagain a.example\n");
}

static void test_certificate(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();
    const Entry e = { .name = S("a.example"), .early = 1800000001, .released = 2 };

    g_assert_cmpint(ledger_write_refused(l, &e), ==, 0);
    g_assert_cmpint(ledger_write_released(l, &e), ==, 0);
    g_assert_cmpint(ledger_write_early(l, &e), ==, 0);
    assert_lines(l, "refused a.example\nreleased a.example 2\nearly a.example 1800000001\n");
}

static void test_foreseen(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();
    Entry e = { .name = S("a.example"),
                .foreseen = { S("*.x.example"), S("dns-01"), 0xabc, 2, 1800000000 } };

    g_assert_cmpint(ledger_write_foreseen(l, &e), ==, 0);
    assert_lines(l, "foreseen a.example *.x.example dns-01 0000000000000abc 2 1800000000\n");
    e.foreseen = (Foreseen){};
    g_assert_cmpint(ledger_write_foreseen(l, &e), ==, 0);
    assert_lines(l, "unforeseen a.example\n");
}

static void test_count(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    g_assert_cmpint(ledger_write_count(l, true, 1800000000, "da.example"), ==, 0);
    g_assert_cmpint(ledger_write_count(l, false, 1800000000, "da.example"), ==, 0);
    assert_lines(l, "count 1800000000 da.example\nuncount 1800000000 da.example\n");
}

static void test_window(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();
    Entry e = {
        .name = S("a.example"), .fingerprint = "0123456789abcdef", .check = 10, .window = { 20, 30 }
    };

    g_assert_cmpint(ledger_write_window(l, &e), ==, 0);
    assert_lines(l, "window a.example 0123456789abcdef 10 20 30 -\n");
    e.explanation_url = S("https://ca.example/why");
    g_assert_cmpint(ledger_write_window(l, &e), ==, 0);
    assert_lines(l, "window a.example 0123456789abcdef 10 20 30 https://ca.example/why\n");
}

static void test_breaker(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    l->breaker = (Breaker){ .failures = 4, .openings = 2, .until = 50, .probe = 60, .unreached = true };
    g_assert_cmpint(ledger_write_breaker(l), ==, 0);
    assert_lines(l, "breaker 4 2 50 60 1\n");
}

/* A line that is being read is not written again. */
static void test_reading(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    l->reading = true;
    g_assert_cmpint(ledger_write_breaker(l), ==, 0);
    assert_lines(l, NULL);
    l->reading = false;
    g_assert_cmpint(ledger_write_breaker(l), ==, 0);
    assert_lines(l, "breaker 0 0 0 0 0\n");
}

/* Lines gather until they are taken, however many there are. */
static void test_gather(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();
    GString *expected = g_string_new(NULL);

    for (int i = 0; i < 1000; i++) {
        g_assert_cmpint(ledger_write_count(l, true, i, "o"), ==, 0);
        g_string_append_printf(expected, "count %d o\n", i);
    }
    assert_lines(l, expected->str);
    assert_lines(l, NULL);
    g_assert_cmpint(ledger_append(l, "count 1", 7), ==, 0);
    g_assert_cmpint(ledger_append(l, " o\n", 3), ==, 0);
    assert_lines(l, "count 1 o\n");
    g_string_free(expected, TRUE);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/ledger-lines/attempt", test_attempt);
    g_test_add_func("/ledger-lines/certificate", test_certificate);
    g_test_add_func("/ledger-lines/foreseen", test_foreseen);
    g_test_add_func("/ledger-lines/count", test_count);
    g_test_add_func("/ledger-lines/window", test_window);
    g_test_add_func("/ledger-lines/breaker", test_breaker);
    g_test_add_func("/ledger-lines/reading", test_reading);
    g_test_add_func("/ledger-lines/gather", test_gather);
    return g_test_run();
}
