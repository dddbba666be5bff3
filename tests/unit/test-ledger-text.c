/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "core/ledger.h"
#include "core/limits.h"

#define DIRECTORY "https://ca.example/dir"
#define HEAD      "ledger 1 " DIRECTORY "\n"
#define NOW       1800000000LL
#define WEEK      (7 * DAY)
#define LEAF_A    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LEAF_B    "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

#define _cleanup_ledger_ _cleanup_(ledger_freep)

static char *const both[] = { S("a.one.example"), S("*.one.example"), NULL };
static char *const other[] = { S("192.0.2.1"), S("2001:db8::1"), S("two.example"), NULL };

static Ledger *ledger_make(void)
{
    Ledger *l = ledger_new(DIRECTORY);

    g_assert_nonnull(l);
    return l;
}

static Ledger *ledger_of_bytes(const char *text, size_t size, int64_t now)
{
    Ledger *l = ledger_make();

    g_assert_cmpint(ledger_read(l, text, size, now), ==, 0);
    return l;
}

static Ledger *ledger_of(const char *text)
{
    return ledger_of_bytes(text, strlen(text), NOW);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Two that hold the same have the same text, but for the order of its lines. */
static char *sorted_text(Ledger *l, int64_t now)
{
    _cleanup_free_ char *text = ledger_text(l, now);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    qsort(lines, g_strv_length(lines), sizeof(lines[0]), compare_lines);
    return g_strjoinv("\n", lines);
}

static void assert_same(Ledger *a, Ledger *b, int64_t now)
{
    g_autofree char *text_a = sorted_text(a, now), *text_b = sorted_text(b, now);

    g_assert_cmpstr(text_a, ==, text_b);
}

/* What is read from the text is what is read from the other. */
static void assert_reads_as(const char *text, const char *as)
{
    _cleanup_ledger_ Ledger *a = ledger_of(text), *b = ledger_of(as);

    assert_same(a, b, NOW);
}

/* ---- everything */

static void note_trouble(Ledger *l)
{
    g_assert_cmpint(ledger_note_outage(l, 0, NOW - 50), ==, 0);
}

static void note_probe(Ledger *l)
{
    g_assert_cmpint(ledger_note_probe(l, false, NOW - 40), ==, 0);
}

static void note_attempt(Ledger *l)
{
    g_assert_cmpint(ledger_note_attempt(l, "a.one.example", NOW - 100), >, 0);
}

static void note_order(Ledger *l)
{
    g_assert_cmpint(ledger_note_order(l, "a.one.example", both, LEDGER_NEW, NOW - 100), ==, 0);
}

static void note_other_order(Ledger *l)
{
    g_assert_cmpint(ledger_note_order(l, "192.0.2.1", other, LEDGER_NEW, NOW - 90), ==, 0);
}

static void note_exempt_order(Ledger *l)
{
    g_assert_cmpint(ledger_note_order(l, "two.example", other, LEDGER_IN_WINDOW, NOW - 80), ==, 0);
}

static void note_again(Ledger *l)
{
    char *names[] = { S("four.example"), NULL };

    g_assert_cmpint(ledger_note_order(l, "four.example", names, LEDGER_AGAIN, NOW - 75), ==, 0);
}

static void note_released(Ledger *l)
{
    g_assert_cmpint(ledger_note_attempt(l, "five.example", NOW - 74), >, 0);
    g_assert_cmpint(ledger_note_released(l, "five.example", NOW), ==, 1);
}

static void note_finding(Ledger *l)
{
    const SolverFinding found = { "a.one.example", "http-01", UINT64_C(0xfedcba9876543210) };

    g_assert_cmpint(ledger_note_finding(l, "a.one.example", &found, NOW - 70), ==, 0);
}

static void note_looked(Ledger *l)
{
    g_assert_cmpint(ledger_note_looked(l, "a.one.example", NOW - 10), ==, 0);
}

static void note_other_finding(Ledger *l)
{
    const SolverFinding found = { "two.example", "http-01", 7 };

    g_assert_cmpint(ledger_note_finding(l, "two.example", &found, NOW - 70), ==, 0);
}

static void note_no_finding(Ledger *l)
{
    g_assert_cmpint(ledger_note_finding(l, "two.example", NULL, NOW), ==, 0);
}

static void note_failed(Ledger *l)
{
    g_assert_cmpint(ledger_note_failed(l, "a.one.example", both, true, NOW - 70), ==, 0);
}

static void note_issued(Ledger *l)
{
    g_assert_cmpint(ledger_note_issued(l, "192.0.2.1"), ==, 0);
}

static void note_window(Ledger *l)
{
    LedgerWindow w = { { NOW - DAY, NOW + DAY }, NOW + HOUR, "https://ca.example/why?a=b%20c" };

    g_assert_cmpint(ledger_note_window(l, "192.0.2.1", LEAF_A, &w), ==, 0);
}

static void note_no_window(Ledger *l)
{
    LedgerWindow w = { .check = NOW + 60 };

    g_assert_cmpint(ledger_note_window(l, "two.example", LEAF_B, &w), ==, 0);
}

static void note_early(Ledger *l)
{
    g_assert_cmpint(ledger_note_early(l, "192.0.2.1", NOW - 60), ==, 0);
}

static void note_works(Ledger *l)
{
    g_assert_cmpint(ledger_note_works(l), ==, 0);
}

/* In an order in which each changes something. */
static void (*const notes[])(Ledger *l) = {
    note_attempt,       note_order,      note_other_order, note_exempt_order, note_again,   note_released,
    note_failed,        note_attempt,    note_issued,      note_window,       note_early,   note_no_window,
    note_trouble,       note_trouble,    note_probe,       note_order,        note_works,   note_trouble,
    note_trouble,       note_trouble,    note_probe,       note_no_window,    note_finding, note_looked,
    note_other_finding, note_no_finding,
};

/* All of it, as it was appended; the ledger that wrote it is returned, too. */
static Ledger *write_everything(GString *text)
{
    Ledger *l = ledger_make();
    _cleanup_free_ char *head = ledger_text(l, NOW);

    g_assert_cmpstr(head, ==, HEAD);
    g_string_assign(text, head);
    for (size_t i = 0; i < ELEMENTSOF(notes); i++) {
        _cleanup_free_ char *fresh = NULL;

        notes[i](l);
        fresh = ledger_take(l);
        g_assert_nonnull(fresh);
        g_assert_true(g_str_has_suffix(fresh, "\n"));
        g_string_append(text, fresh);
        g_assert_null(ledger_take(l));
    }
    return l;
}

static int64_t until(const Ledger *l, LedgerLimit limit, char *const *names)
{
    RateLimit limits[_LEDGER_LIMIT_MAX] = {};
    LedgerWait w;
    int64_t when;

    limits[limit] = (RateLimit){ 1, WEEK };
    w = ledger_wait(l, limits, names, LEDGER_NEW, NOW);
    when = w.until;
    ledger_wait_done(&w);
    return when;
}

static void assert_answers(const Ledger *l)
{
    LedgerWindow w = ledger_window(l, "192.0.2.1", LEAF_A);

    g_assert_cmpint(until(l, LEDGER_ORDERS, both), ==, NOW - 90 + WEEK);
    g_assert_cmpint(until(l, LEDGER_DOMAIN, both), ==, NOW - 100 + WEEK);
    g_assert_cmpint(until(l, LEDGER_SET, other), ==, NOW - 90 + WEEK);
    g_assert_cmpint(until(l, LEDGER_FAILURES, both), ==, NOW - 70 + WEEK);
    g_assert_cmpint(until(l, LEDGER_FAILURES, other), ==, NOW);
    g_assert_cmpuint(ledger_recent_orders(l, DAY, NOW), ==, 5);
    g_assert_cmpuint(ledger_attempts(l, "a.one.example"), ==, 2);
    g_assert_cmpint(ledger_after(l, "a.one.example"), >, NOW);
    g_assert_cmpuint(ledger_attempts(l, "192.0.2.1"), ==, 0);
    g_assert_cmpint(ledger_after(l, "192.0.2.1"), ==, 0);
    g_assert_cmpint(w.window.start, ==, NOW - DAY);
    g_assert_cmpint(w.window.end, ==, NOW + DAY);
    g_assert_cmpint(w.check, ==, NOW + HOUR);
    g_assert_cmpstr(w.explanation_url, ==, "https://ca.example/why?a=b%20c");
    w = ledger_window(l, "two.example", LEAF_B);
    g_assert_cmpint(w.window.end, ==, 0);
    g_assert_cmpint(w.check, ==, NOW + 60);
    g_assert_null(w.explanation_url);
    g_assert_cmpint(ledger_early(l, "192.0.2.1"), ==, NOW - 60);
    g_assert_cmpint(ledger_state(l, NOW - 50), ==, LEDGER_OPEN);
    g_assert_cmpint(ledger_open_until(l), >, NOW - 50);
    g_assert_cmpint(ledger_probe_due(l), ==, NOW - 40 + HOUR);
}

static void test_everything(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    _cleanup_ledger_ Ledger *l = write_everything(text), *appended = NULL, *whole = NULL, *again = NULL;
    _cleanup_free_ char *once = NULL;

    assert_answers(l);
    appended = ledger_of(text->str);
    assert_answers(appended);
    g_assert_null(ledger_take(appended)); /* it is written already */
    once = ledger_text(appended, NOW);
    whole = ledger_of(once);
    assert_answers(whole);
    assert_answers(appended);
    g_assert_cmpint(ledger_note_probe(whole, true, NOW), ==, 1); /* that it was not reached is remembered */
    again = ledger_of(once);
    assert_same(l, again, NOW);
}

/* What was not taken yet is in the whole, and not written once more. */
static void test_fresh(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make(), *read = NULL;
    _cleanup_free_ char *text = NULL;

    g_assert_null(ledger_take(l));
    note_order(l);
    text = ledger_text(l, NOW);
    g_assert_null(ledger_take(l));
    read = ledger_of(text);
    assert_same(l, read, NOW);
    g_assert_cmpuint(ledger_recent_orders(read, DAY, NOW), ==, 1);
}

/* ---- damage */

/* Cut anywhere, what was whole before is there, and so is what is appended then. */
static void check_cut(const char *text, size_t n)
{
    g_autofree char *copy =
        g_memdup2(text, n); /* of just this size, so that a sanitizer sees who reads behind it */
    g_autoptr(GString) cut = g_string_new_len(text, (gssize)n);
    g_autofree char *lines = g_strdup(cut->str);
    _cleanup_ledger_ Ledger *l = ledger_make(), *expected = NULL, *longer = NULL;
    _cleanup_free_ char *fresh = NULL;

    g_assert_cmpint(ledger_read(l, copy, n, NOW), ==, n < strlen(HEAD) ? -ESTALE : 0);
    if (n < strlen(HEAD))
        return;
    strrchr(lines, '\n')[1] = 0;
    expected = ledger_of(lines);
    note_order(l);
    note_order(expected);
    fresh = ledger_take(l);
    g_string_append(cut, fresh);
    longer = ledger_of(cut->str);
    assert_same(longer, expected, NOW);
    assert_same(l, expected, NOW);
}

static void test_cut(void)
{
    g_autoptr(GString) text = g_string_new(NULL);

    ledger_free(write_everything(text));
    for (size_t n = 0; n <= text->len; n++)
        check_cut(text->str, n);
}

static const char *const damaged[] = {
    "",
    " ",
    "\t",
    "\r",
    "?",
    "count",
    "count ",
    "count 1800000000",
    "count 1800000000 ",
    "count 1800000000 o o",
    "count -1 o",
    "count +1 o",
    "count 0x10 o",
    "count 1800000000.5 o",
    "count o 1800000000",
    "count 253402300800 o",
    "count 18446744073709551616 o",
    "count 99999999999999999999999999 o",
    "count 1800000000 z",
    "count 1800000000 Orders",
    "Count 1800000000 o",
    "count\t1800000000\to",
    "uncount 1800000000",
    "uncount 1800000001 o",
    "uncount 1800000000 f",
    "attempt",
    "attempt a",
    "attempt a 1 1800000000",
    "attempt a 1 1800000000 0 0",
    "attempt a -1 1800000000 0",
    "attempt a 4294967296 1800000000 0",
    "attempt a 1 1800000000 253402300800",
    "attempt a 1 yesterday 0",
    "tried",
    "tried a 1 1800000000",
    "tried a 1 1800000000 0 0",
    "tried a -1 1800000000 0",
    "tried a 4294967296 1800000000 0",
    "tried a 1 1800000000 253402300800",
    "tried a 1 yesterday 0",
    "foreseen a A.example http-01 0123456789abcdef 1 1800000000",
    "foreseen a - http-01 0123456789abcdef 1 1800000000",
    "foreseen a a.example http-01 0123456789abcde 1 1800000000",
    "foreseen a a.example http-01 0123456789abcdeg 1 1800000000",
    "foreseen a a.example http-01 0123456789abcdef -1 1800000000",
    "foreseen a a.example http-01 0123456789abcdef 4294967295 1800000000",
    "foreseen a a.example http-01 0123456789abcdef 1 253402300800",
    "foreseen a a.example 0123456789abcdef 1 1800000000",
    "early a",
    "early 1800000000 a",
    "early a -5",
    "window a 0123456789abcdef 1 2 3",
    "window a 0123456789abcde 1800000000 1800000001 1800000002 -",
    "window a 0123456789abcdef0 1800000000 1800000001 1800000002 -",
    "window a 0123456789abcdeg 1800000000 1800000001 1800000002 -",
    "window a 0123456789abcdef 1800000000 -1 1800000002 -",
    "window a 0123456789abcdef 1800000000 1800000001 253402300800 -",
    "window a 0123456789abcdef 1800000000 1800000001 1800000002 - -",
    "breaker 1 2 3 4",
    "breaker 4294967296 0 1800000000 1800000000 0",
    "breaker 5 4294967296 1800000000 1800000000 0",
    "breaker 5 5 1800000000 1800000000 2",
    "breaker 5 5 -1800000000 1800000000 1",
    "ledger 1 https://other.example/dir",
    "something 1 2 3",
    "count 1800000000 ocount 1800000000 o",
};

/* Lines that say nothing are passed over, wherever they are. */
static void test_damaged(void)
{
    static const char good[] = "count 1800000000 o\ntried a 3 1800000060 0\nearly a 1800000000\n"
                               "breaker 3 1 1800000060 1800003600 1\n"
                               "window a fedcba9876543210 1800000000 1800000001 1800000002 -\n";
    g_autofree char *as = text_join(HEAD, good, NULL);
    g_autoptr(GString) everywhere = g_string_new(HEAD);

    for (size_t i = 0; i < ELEMENTSOF(damaged); i++) {
        g_autofree char *before = text_join(HEAD, damaged[i], "\n", good, NULL);
        g_autofree char *after = text_join(HEAD, good, damaged[i], "\n", NULL);

        assert_reads_as(before, as);
        assert_reads_as(after, as);
        g_string_append_printf(everywhere, "%s\n", damaged[i]);
    }
    g_string_append(everywhere, good);
    assert_reads_as(everywhere->str, as);
}

static void test_long(void)
{
    g_autofree char *most = g_strnfill(LIMIT_URL, 'x'), *more = g_strnfill(LIMIT_URL + 1, 'x');
    g_autofree char *huge = g_strnfill(1024 * 1024, 'x'), *blanks = g_strnfill(1024 * 1024, ' ');
    g_autofree char *page =
        text_join(HEAD "window a 0123456789abcdef 1800000000 1800000001 1800000002 ", most, "\n", NULL);
    g_autofree char *bad =
        text_join(HEAD "window a 0123456789abcdef 1800000000 1800000001 1800000002 ", more, "\n",
                  "count 1800000000 o", huge, "\n", huge, "\n", blanks, "\n", NULL);
    _cleanup_ledger_ Ledger *l = ledger_of(page);

    g_assert_cmpstr(ledger_window(l, "a", LEAF_A).explanation_url, ==, most);
    assert_reads_as(bad, HEAD);
}

/* A disk may have blocks of NULs where something was being written: before and behind it all is well. */
static void test_nuls(void)
{
    static const char text[] =
        HEAD "count 1799999000 o\ncount 17999\0\0\0\0\0count 1799999100 o\ncount 1799999200 o\n"
             "early a 1799999300\n\0\0\0\0\0\0\0\0";
    _cleanup_ledger_ Ledger *l = ledger_of_bytes(text, sizeof(text) - 1, NOW), *again = NULL;
    g_autoptr(GString) longer = g_string_new_len(text, sizeof(text) - 1);
    _cleanup_free_ char *fresh = NULL;

    g_assert_cmpuint(ledger_recent_orders(l, DAY, NOW), ==, 2);
    g_assert_cmpint(ledger_early(l, "a"), ==, 1799999300);
    note_order(l);
    fresh = ledger_take(l);
    g_string_append(longer, fresh);
    again = ledger_of_bytes(longer->str, longer->len, NOW);
    g_assert_cmpuint(ledger_recent_orders(again, DAY, NOW), ==, 3);
    assert_same(l, again, NOW);
}

/* Of another authority, or of none. */
static void test_other(void)
{
    static const char *const others[] = {
        "",
        "\n",
        "ledger",
        "ledger 1 " DIRECTORY,
        "ledger 1 " DIRECTORY " \n",
        "ledger 1 " DIRECTORY "/\n",
        "ledger 1 https://ca.example/di\n",
        "ledger 1 https://ca.example/DIR\n",
        "ledger 1 https://other.example/dir\n",
        "ledger 1 \n",
        "ledger 1  " DIRECTORY "\n",
        "ledger 2 " DIRECTORY "\n",
        "Ledger 1 " DIRECTORY "\n",
        "\n" HEAD,
        "count 1800000000 o\n" HEAD,
    };

    for (size_t i = 0; i < ELEMENTSOF(others); i++) {
        g_autofree char *text = text_join(others[i], "count 1800000000 o\n", NULL);
        _cleanup_ledger_ Ledger *l = ledger_make();

        g_assert_cmpint(ledger_read(l, others[i], strlen(others[i]), NOW), ==, -ESTALE);
        g_assert_cmpint(ledger_read(l, text, strlen(text), NOW), ==, -ESTALE);
        g_assert_cmpuint(ledger_recent_orders(l, DAY, NOW), ==, 0);
        g_assert_null(ledger_take(l));
    }
}

/* ---- what is not kept */

static void test_pruned(void)
{
    static const char text[] = HEAD "count 1797321600 o\n" /* 31 days ago */
                                    "count 1797321601 o\n"
                                    "count 1790000000 dold.example\n"
                                    "uncount 1797321601 s0123456789abcdef\n"
                                    "tried old 5 1765440000 1765430000\n" /* 400 days ago */
                                    "tried kept 5 1765440001 0\n"
                                    "early old 1765440000\n"
                                    "early used 1765440001\n"
                                    "early used 1765440002\n"
                                    "window gone 0123456789abcdef 1765440000 1800000000 1900000000 -\n"
                                    "window asked 0123456789abcdef 1799999999 1 2 -\n"
                                    "tried done 3 1800000060 0\n"
                                    "tried done 0 0 0\n"
                                    "breaker 2 1 1800000000 1800000000 0\n"
                                    "breaker 0 0 0 0 0\n";

    assert_reads_as(text, HEAD "early used 1765440002\ntried kept 5 1765440001 0\ncount 1797321601 o\n"
                               "window asked 0123456789abcdef 1799999999 1 2 -\n");
}

/* It is also while it goes on. */
static void test_pruned_later(void)
{
    _cleanup_ledger_ Ledger *l =
        ledger_of(HEAD "count 1799999000 o\ncount 1800000000 o\nearly a 1800000000\n");
    _cleanup_free_ char *month = ledger_text(l, NOW + 31 * DAY - 1), *year = ledger_text(l, NOW + 400 * DAY);

    g_assert_cmpstr(month, ==, HEAD "count 1800000000 o\nearly a 1800000000\n");
    g_assert_cmpstr(year, ==, HEAD);
}

/* Orders that the authority does not count matter for a minute. */
static void test_pruned_exempt(void)
{
    _cleanup_ledger_ Ledger *l =
        ledger_of(HEAD "count 1799996400 x\ncount 1799996401 x\ncount 1800000000 x\n");
    _cleanup_free_ char *text = ledger_text(l, NOW), *later = ledger_text(l, NOW + HOUR);

    g_assert_cmpstr(text, ==, HEAD "count 1799996401 x\ncount 1800000000 x\n");
    g_assert_cmpstr(later, ==, HEAD);
}

/* What was written with a clock that was wrong is taken for what happens now, and holds nothing up for longer than that. */
static void test_ahead(void)
{
    static const char *const moments[] = { "1800604800", "1831536000", "2147483647", "253402300799" };

    for (size_t i = 0; i < ELEMENTSOF(moments); i++) {
        g_autofree char *text = text_join(
            HEAD, "count ", moments[i], " o\ncount ", moments[i], " fa.one.example\ntried a.one.example 9 ",
            moments[i], " ", moments[i], "\nearly a.one.example ", moments[i],
            "\nwindow a.one.example 0123456789abcdef ", moments[i], " 1799999999 ", moments[i],
            " -\nbreaker 9 9 ", moments[i], " ", moments[i], " 0\n", NULL);
        _cleanup_ledger_ Ledger *l = ledger_of(text), *again = NULL;
        _cleanup_free_ char *anew = ledger_text(l, NOW);

        for (LedgerLimit limit = 0; limit < _LEDGER_LIMIT_MAX; limit++)
            g_assert_cmpint(until(l, limit, both), <=, NOW + WEEK);
        g_assert_cmpuint(ledger_recent_orders(l, DAY, NOW), ==, 1);
        g_assert_cmpuint(ledger_recent_orders(l, DAY, NOW + DAY), ==, 0);
        g_assert_cmpint(ledger_after(l, "a.one.example"), <=, NOW + 3 * DAY);
        g_assert_cmpint(ledger_early(l, "a.one.example"), <=, NOW + 3 * DAY);
        g_assert_cmpint(ledger_window(l, "a.one.example", LEAF_A).check, <=, NOW + 3 * DAY);
        g_assert_cmpint(ledger_window(l, "a.one.example", LEAF_A).window.start, ==, 1799999999);
        g_assert_cmpint(ledger_state(l, NOW + 3 * DAY), ==, LEDGER_HALF_OPEN);
        g_assert_cmpint(ledger_probe_due(l), <=, NOW + 3 * DAY);
        again = ledger_of(anew);
        assert_same(l, again, NOW);
    }
}

/* Lines of earlier versions say when the next attempt may be made. */
static void test_former_attempt(void)
{
    static const char *const wrong[] = { "attempt a 3 1800000060 x", "attempt a x 1800000060 0",
                                         "attempt a 3 -1 0" };
    _cleanup_ledger_ Ledger *l = ledger_of(HEAD "attempt a 3 1800000060 1799990000\nattempt b 0 0 0\n");
    _cleanup_free_ char *text = ledger_text(l, NOW), *kept = NULL;

    g_assert_cmpuint(ledger_attempts(l, "a"), ==, 3);
    g_assert_cmpint(ledger_after(l, "a"), ==, NOW + 60);
    g_assert_cmpint(ledger_after(l, "b"), ==, 0);
    kept = g_strdup_printf(HEAD "tried a 3 %lld 1799990000\n",
                           (long long)(NOW + 60 - schedule_back_off("a", 3)));
    assert_reads_as(text, kept);
    for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
        g_autofree char *longer = text_join(kept, wrong[i], "\n", NULL);

        assert_reads_as(longer, kept);
    }
}

/* What is within reason stays as it is. */
static void test_soon(void)
{
    _cleanup_ledger_ Ledger *l =
        ledger_of(HEAD "attempt a 9 1800103680 0\nbreaker 9 9 1800103680 1800003600 1\n");

    g_assert_cmpint(ledger_after(l, "a"), ==, NOW + DAY * 6 / 5);
    g_assert_cmpint(ledger_open_until(l), ==, NOW + DAY * 6 / 5);
    g_assert_cmpint(ledger_probe_due(l), ==, NOW + HOUR);
}

/* The most that can be counted stays the most. */
static void test_most(void)
{
    _cleanup_ledger_ Ledger *l = ledger_of(
        HEAD "tried a 4294967295 1800000000 0\nbreaker 4294967295 4294967295 1800000000 1800000000 0\n");

    g_assert_cmpint(ledger_note_attempt(l, "a", NOW), >=, NOW + DAY * 4 / 5);
    g_assert_cmpuint(ledger_attempts(l, "a"), ==, UINT32_MAX);
    note_trouble(l);
    g_assert_cmpint(ledger_state(l, NOW), ==, LEDGER_HALF_OPEN); /* that was before */
    g_assert_cmpint(ledger_note_outage(l, 0, NOW), ==, 0);
    g_assert_cmpint(ledger_open_until(l), ==, NOW + 6 * HOUR);
}

/* ---- waste */

static size_t taken(Ledger *l)
{
    _cleanup_free_ char *fresh = ledger_take(l);

    return fresh ? strlen(fresh) : 0;
}

/* As much again is only written anew when that is much shorter; it never is twice in a row. */
static void test_wasteful(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();
    size_t written = 0;
    unsigned n_anew = 0;

    g_assert_false(ledger_is_wasteful(l, 0));
    g_assert_false(ledger_is_wasteful(l, 64 * 1024));
    for (unsigned i = 0; i < 20000; i++) {
        g_assert_cmpint(ledger_note_attempt(l, "a.one.example", NOW + i), >, 0);
        g_assert_cmpint(ledger_note_issued(l, "a.one.example"), ==, 0);
        written += taken(l);
        if (ledger_is_wasteful(l, written)) {
            _cleanup_free_ char *anew = ledger_text(l, NOW);

            g_assert_cmpuint(strlen(anew), <, written / 2);
            written = strlen(anew);
            g_assert_false(ledger_is_wasteful(l, written));
            n_anew++;
        }
    }
    g_assert_cmpuint(n_anew, >, 5);
    g_assert_cmpuint(n_anew, <, 100);
}

/* Much that is of use is no waste, however long its names and pages are. */
static void test_useful(void)
{
    g_autofree char *label = g_strnfill(60, 'x'), *path = g_strnfill(LIMIT_URL - 30, 'x');
    g_autofree char *page = text_join("https://ca.example/", path, NULL);

    for (unsigned pages = 0; pages < 2; pages++) {
        _cleanup_ledger_ Ledger *l = ledger_make(), *again = NULL;
        LedgerWindow w = { { NOW, NOW + DAY }, NOW, page };
        _cleanup_free_ char *anew = NULL;

        for (unsigned i = 0; i < 1000; i++) {
            g_autofree char *name = g_strdup_printf("n%u.%s.%s.%s.example", i, label, label, label);
            char *names[] = { name, NULL };

            if (pages)
                g_assert_cmpint(ledger_note_window(l, name, LEAF_A, &w), ==, 0);
            else
                g_assert_cmpint(ledger_note_failed(l, name, names, true, NOW), ==, 0);
        }
        anew = ledger_text(l, NOW);
        g_assert_cmpuint(strlen(anew), >, 128 * 1024);
        again = ledger_of(anew); /* and when it is read */
        for (unsigned i = 0; i < 2; i++) {
            g_assert_false(ledger_is_wasteful(i == 0 ? l : again, strlen(anew)));
            g_assert_true(ledger_is_wasteful(i == 0 ? l : again, 5 * strlen(anew)));
        }
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/ledger-text/everything", test_everything);
    g_test_add_func("/ledger-text/fresh", test_fresh);
    g_test_add_func("/ledger-text/cut", test_cut);
    g_test_add_func("/ledger-text/damaged", test_damaged);
    g_test_add_func("/ledger-text/long", test_long);
    g_test_add_func("/ledger-text/nuls", test_nuls);
    g_test_add_func("/ledger-text/other", test_other);
    g_test_add_func("/ledger-text/pruned", test_pruned);
    g_test_add_func("/ledger-text/pruned-later", test_pruned_later);
    g_test_add_func("/ledger-text/pruned-exempt", test_pruned_exempt);
    g_test_add_func("/ledger-text/ahead", test_ahead);
    g_test_add_func("/ledger-text/former-attempt", test_former_attempt);
    g_test_add_func("/ledger-text/soon", test_soon);
    g_test_add_func("/ledger-text/most", test_most);
    g_test_add_func("/ledger-text/wasteful", test_wasteful);
    g_test_add_func("/ledger-text/useful", test_useful);
    return g_test_run();
}
