/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/ledger.h"
#include "util/text.h"

#define DIRECTORY "https://ca.example/dir"
#define NOW       1800000000LL
#define WEEK      (7 * DAY)

#define _cleanup_ledger_ _cleanup_(ledger_freep)

/* Names: two of one domain, the same the other way round, one more; another of the domain; others. */
static char *const both[] = { S("a.one.example"), S("b.one.example"), NULL };
static char *const turned[] = { S("b.one.example"), S("a.one.example"), NULL };
static char *const three[] = { S("a.one.example"), S("b.one.example"), S("c.one.example"), NULL };
static char *const sibling[] = { S("d.one.example"), NULL };
static char *const other[] = { S("a.two.example"), NULL };
static char *const mixed[] = { S("e.one.example"), S("e.two.example"), S("192.0.2.1"), NULL };
static char *const wild[] = { S("*.three.example"), NULL };
static char *const base[] = { S("three.example"), NULL };

static Ledger *ledger_make(void)
{
    Ledger *l = ledger_new(DIRECTORY);

    g_assert_nonnull(l);
    return l;
}

/* When an order may be made as far as this limit goes. */
static int64_t until(const Ledger *l, LedgerLimit limit, unsigned count, int64_t span, char *const *names,
                     int64_t now)
{
    RateLimit limits[_LEDGER_LIMIT_MAX] = {};
    LedgerWait w;
    int64_t when;

    limits[limit] = (RateLimit){ count, span };
    w = ledger_wait(l, limits, names, LEDGER_NEW, now);
    when = w.until;
    g_assert_cmpint(when, >=, now);
    if (when > now) {
        g_assert_cmpint(w.limit, ==, limit);
        g_assert_cmpint(!w.subject, ==, limit == LEDGER_ORDERS || limit == LEDGER_SET);
    } else
        g_assert_null(w.subject);
    ledger_wait_done(&w);
    return when;
}

static void order(Ledger *l, const char *certificate, char *const *names, int64_t now)
{
    g_assert_cmpint(ledger_note_order(l, certificate, names, LEDGER_NEW, now), ==, 0);
}

static void refuse(Ledger *l, const char *certificate, char *const *names, int64_t now)
{
    g_assert_cmpint(ledger_note_failed(l, certificate, names, true, now), ==, 0);
}

/* ---- limits */

/* How one more is counted, and for whom; beside, one that is not. */
static const struct {
    LedgerLimit limit;
    void (*note)(Ledger *l, const char *certificate, char *const *names, int64_t now);
    char *const *counted, *const *asked, *const *beside; /* NULL: there is none */
    const char *subject;
} kinds[_LEDGER_LIMIT_MAX] = {
    { LEDGER_ORDERS, order, both, other, NULL, NULL },
    { LEDGER_DOMAIN, order, both, sibling, other, "one.example" },
    { LEDGER_SET, order, both, turned, three, NULL },
    { LEDGER_FAILURES, refuse, both, three, sibling, "a.one.example" },
};

/* At each limit and one above, and when the first and the second are just as old as the span. */
static void test_limits(void)
{
    static const int64_t spans[] = { 1, HOUR, 3 * HOUR, WEEK, LEDGER_SPAN_MAX };
    static const unsigned counts[] = { 1, 2, 5, 50 };

    for (size_t k = 0; k < ELEMENTSOF(kinds); k++)
        for (size_t i = 0; i < ELEMENTSOF(spans); i++)
            for (size_t j = 0; j < ELEMENTSOF(counts); j++) {
                _cleanup_ledger_ Ledger *l = ledger_make();
                LedgerLimit limit = kinds[k].limit;
                int64_t span = spans[i], step = MIN(span / 100, INT64_C(60)), last = NOW;
                unsigned count = counts[j];
                char *const *asked = kinds[k].asked;

                for (unsigned n = 0; n < count; n++) {
                    last = NOW + n * step;
                    g_assert_cmpint(until(l, limit, count, span, asked, last), ==, last);
                    kinds[k].note(l, "a", kinds[k].counted, last);
                }
                g_assert_cmpint(until(l, limit, count, span, asked, last), ==, NOW + span);
                g_assert_cmpint(until(l, limit, count, span, asked, NOW + span - 1), ==, NOW + span);
                g_assert_cmpint(until(l, limit, count, span, asked, NOW + span), ==, NOW + span);
                g_assert_cmpint(until(l, limit, count + 1, span, asked, last), ==, last);
                if (kinds[k].beside)
                    g_assert_cmpint(until(l, limit, count, span, kinds[k].beside, last), ==, last);
                kinds[k].note(l, "b", kinds[k].counted, last); /* one above */
                g_assert_cmpint(until(l, limit, count, span, asked, last), ==,
                                (count > 1 ? NOW + step : last) + span);
                g_assert_cmpint(until(l, limit, 0, span, asked, last), ==, last);
                g_assert_cmpint(until(l, limit, 0, 0, asked, last), ==, last);
            }
}

static void test_subjects(void)
{
    for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
        _cleanup_ledger_ Ledger *l = ledger_make();
        RateLimit limits[_LEDGER_LIMIT_MAX] = {};
        LedgerWait w;

        limits[kinds[k].limit] = (RateLimit){ 1, HOUR };
        kinds[k].note(l, "a", kinds[k].counted, NOW);
        w = ledger_wait(l, limits, kinds[k].asked, LEDGER_NEW, NOW + 1);
        g_assert_cmpint(w.until, ==, NOW + HOUR);
        g_assert_cmpint(w.limit, ==, kinds[k].limit);
        g_assert_cmpstr(w.subject, ==, kinds[k].subject);
        ledger_wait_done(&w);
        g_assert_null(w.subject);
    }
}

/* Of several it is the longest that is waited for, in whichever order they come. */
static void test_longest(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    order(l, "a", both, NOW);
    order(l, "b", mixed, NOW + 10);
    refuse(l, "a", both, NOW + 20);
    for (size_t k = 0; k < _LEDGER_LIMIT_MAX; k++) {
        RateLimit limits[_LEDGER_LIMIT_MAX];
        LedgerWait w;

        for (size_t i = 0; i < _LEDGER_LIMIT_MAX; i++)
            limits[i] = (RateLimit){ 1, i == k ? DAY : HOUR };
        w = ledger_wait(l, limits, mixed, LEDGER_NEW, NOW + 30);
        /* the names never failed, and this set is what "b" ordered */
        g_assert_cmpint(w.until, ==, k == LEDGER_FAILURES ? NOW + 10 + HOUR : NOW + 10 + DAY);
        if (k != LEDGER_FAILURES)
            g_assert_cmpint(w.limit, ==, k);
        if (k == LEDGER_DOMAIN)
            g_assert_true(strv_contains(
                (char *[]){ S("one.example"), S("two.example"), S("192.0.2.1"), NULL }, w.subject));
        ledger_wait_done(&w);
    }
    g_assert_cmpint(until(l, LEDGER_DOMAIN, 2, DAY, mixed, NOW + 30), ==,
                    NOW + 30); /* uncounted, but for "b" */
}

/* Each domain once, however many names of it there are; a wildcard is its base. */
static void test_domains(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    order(l, "a", three, NOW);
    g_assert_cmpint(until(l, LEDGER_DOMAIN, 2, WEEK, sibling, NOW), ==, NOW);
    order(l, "b", mixed, NOW);
    g_assert_cmpint(until(l, LEDGER_DOMAIN, 2, WEEK, sibling, NOW), ==, NOW + WEEK);
    g_assert_cmpint(until(l, LEDGER_DOMAIN, 2, WEEK, other, NOW), ==, NOW);
    g_assert_cmpint(until(l, LEDGER_DOMAIN, 1, WEEK, other, NOW), ==, NOW + WEEK);
    order(l, "c", wild, NOW);
    g_assert_cmpint(until(l, LEDGER_DOMAIN, 1, WEEK, base, NOW), ==, NOW + WEEK);
    g_assert_cmpint(until(l, LEDGER_SET, 1, WEEK, base, NOW), ==, NOW);
}

/* The proof of a wildcard is one of the name below it (RFC 8555 section 7.1.3). */
static void test_wildcard_failures(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    refuse(l, "a", wild, NOW);
    refuse(l, "b", base, NOW + 1);
    g_assert_cmpint(until(l, LEDGER_FAILURES, 2, HOUR, wild, NOW + 2), ==, NOW + HOUR);
    g_assert_cmpint(until(l, LEDGER_FAILURES, 2, HOUR, base, NOW + 2), ==, NOW + HOUR);
    g_assert_cmpint(until(l, LEDGER_FAILURES, 3, HOUR, base, NOW + 2), ==, NOW + 2);
}

/* An order that the authority does not count is neither counted nor made to wait, but for failures. */
static void test_exempt(void)
{
    static const RateLimit limits[_LEDGER_LIMIT_MAX] = {
        { 1, HOUR }, { 1, HOUR }, { 1, HOUR }, { 1, HOUR }
    };
    _cleanup_ledger_ Ledger *l = ledger_make();
    LedgerWait w;

    g_assert_cmpint(ledger_note_order(l, "a", both, LEDGER_IN_WINDOW, NOW), ==, 0);
    w = ledger_wait(l, limits, both, LEDGER_NEW, NOW);
    g_assert_cmpint(w.until, ==, NOW);
    ledger_wait_done(&w);
    order(l, "a", both, NOW);
    w = ledger_wait(l, limits, both, LEDGER_NEW, NOW);
    g_assert_cmpint(w.until, ==, NOW + HOUR);
    ledger_wait_done(&w);
    w = ledger_wait(l, limits, both, LEDGER_IN_WINDOW, NOW);
    g_assert_cmpint(w.until, ==, NOW);
    ledger_wait_done(&w);
    refuse(l, "a", both, NOW + 5);
    w = ledger_wait(l, limits, both, LEDGER_IN_WINDOW, NOW + 5);
    g_assert_cmpint(w.until, ==, NOW + 5 + HOUR);
    g_assert_cmpint(w.limit, ==, LEDGER_FAILURES);
    ledger_wait_done(&w);
}

/* What is ordered again for the same names counts for these alone; and is taken back where it was counted. */
static void test_again(void)
{
    static const RateLimit limits[_LEDGER_LIMIT_MAX] = {
        { 1, HOUR }, { 1, HOUR }, { 2, HOUR }, { 1, HOUR }
    };
    _cleanup_ledger_ Ledger *l = ledger_make();
    LedgerWait w;

    order(l, "a", both, NOW);
    w = ledger_wait(l, limits, both, LEDGER_AGAIN, NOW + 1);
    g_assert_cmpint(w.until, ==, NOW + 1);
    ledger_wait_done(&w);
    g_assert_cmpint(ledger_note_order(l, "b", both, LEDGER_AGAIN, NOW + 1), ==, 0);
    w = ledger_wait(l, limits, both, LEDGER_AGAIN, NOW + 2);
    g_assert_cmpint(w.until, ==, NOW + HOUR);
    g_assert_cmpint(w.limit, ==, LEDGER_SET);
    ledger_wait_done(&w);
    w = ledger_wait(l, limits, both, LEDGER_IN_WINDOW, NOW + 2);
    g_assert_cmpint(w.until, ==, NOW + 2);
    ledger_wait_done(&w);
    g_assert_cmpint(ledger_note_failed(l, "b", both, false, NOW + 3), ==, 0);
    w = ledger_wait(l, limits, both, LEDGER_AGAIN, NOW + 4);
    g_assert_cmpint(w.until, ==, NOW + 4);
    ledger_wait_done(&w);
    w = ledger_wait(l, limits, both, LEDGER_NEW, NOW + 4);
    g_assert_cmpint(w.until, ==, NOW + HOUR); /* that of the first order stays */
    ledger_wait_done(&w);
    g_assert_cmpuint(ledger_recent_orders(l, HOUR, NOW + 4), ==, 2);
}

/* What failed is released when what it failed for is over: not after a refusal, and not for ever. */
static void test_released(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    g_assert_cmpint(ledger_note_released(l, "a", NOW), ==, 0); /* nothing holds it */
    g_assert_cmpint(ledger_note_attempt(l, "a", NOW), >, NOW);
    g_assert_cmpint(ledger_note_failed(l, "a", both, false, NOW), ==, 0);
    g_assert_cmpint(ledger_note_released(l, "a", NOW), ==, 1);
    g_assert_cmpint(ledger_after(l, "a"), ==, NOW);
    for (unsigned i = 1; i < 8; i++) {
        g_assert_cmpint(ledger_note_attempt(l, "a", NOW), >, NOW);
        g_assert_cmpint(ledger_note_released(l, "a", NOW), ==, 1);
    }
    g_assert_cmpint(ledger_note_attempt(l, "a", NOW), >, NOW);
    g_assert_cmpint(ledger_note_released(l, "a", NOW), ==, 0);
    g_assert_cmpint(ledger_after(l, "a"), >, NOW);
    g_assert_cmpint(ledger_note_issued(l, "a"), ==, 0);
    g_assert_cmpint(ledger_note_attempt(l, "a", NOW), >, NOW);
    g_assert_cmpint(ledger_note_failed(l, "a", both, true, NOW), ==, 0);
    g_assert_cmpint(ledger_note_released(l, "a", NOW), ==, 0);
    g_assert_cmpint(ledger_note_attempt(l, "a", NOW), >, NOW);
    g_assert_cmpint(ledger_note_failed(l, "a", both, false, NOW), ==, 0);
    g_assert_cmpint(ledger_note_released(l, "a", NOW), ==, 0); /* what it fails for later does not matter */
    g_assert_cmpint(ledger_note_issued(l, "a"), ==, 0);
    g_assert_cmpint(ledger_note_attempt(l, "a", NOW), >, NOW);
    g_assert_cmpint(ledger_note_released(l, "a", NOW), ==, 1);
}

/* What was bound to fail waits as after the third failure, and then as ever. */
static void test_foreseen(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    g_assert_cmpint(ledger_note_foreseen(l, "a"), ==, 0); /* it was not tried */
    g_assert_cmpint(ledger_after(l, "a"), ==, 0);
    g_assert_cmpint(ledger_note_attempt(l, "a", NOW), <, NOW + 100);
    g_assert_cmpint(ledger_note_foreseen(l, "a"), ==, 0);
    g_assert_cmpint(ledger_after(l, "a"), >=, NOW + 6000 * 4 / 5);
    g_assert_cmpint(ledger_after(l, "a"), <=, NOW + 6000 * 6 / 5);
    g_assert_cmpint(ledger_note_attempt(l, "a", NOW), >=, NOW + 86400 * 4 / 5);
    g_assert_cmpint(ledger_note_foreseen(l, "a"), ==, 0);
    g_assert_cmpuint(ledger_attempts(l, "a"), ==, 4);
}

static void assert_look(const Ledger *l, int64_t from, int64_t delay, bool soon)
{
    LedgerFinding f = {};

    g_assert_true(ledger_finding(l, "a", &f));
    g_assert_cmpint(f.due, >=, from + delay * 4 / 5);
    g_assert_cmpint(f.due, <=, from + delay * 6 / 5);
    g_assert_cmpint(f.soon, ==, soon);
}

/* The self-check of what was bound to fail is repeated in steps that go on as long as it finds the same. */
static void test_finding(void)
{
    const SolverFinding found = { "x.a", "http-01", 7 }, differs = { "x.a", "http-01", 8 };
    _cleanup_ledger_ Ledger *l = ledger_make();
    LedgerFinding f = {};

    g_assert_false(ledger_finding(l, "a", &f));
    g_assert_cmpint(ledger_note_looked(l, "a", NOW), ==, 0);
    g_assert_cmpint(ledger_note_changed(l, "a", NOW), ==, 0);
    g_assert_cmpint(ledger_note_finding(l, "a", NULL, NOW), ==, 0);
    g_assert_cmpint(ledger_note_attempt(l, "a", NOW), >, 0);
    g_assert_cmpint(ledger_note_finding(l, "a", &found, NOW), ==, 0);
    g_assert_true(ledger_finding(l, "a", &f));
    g_assert_cmpstr(f.found.name, ==, "x.a");
    g_assert_cmpstr(f.found.solver, ==, "http-01");
    g_assert_cmpuint(f.found.what, ==, 7);
    assert_look(l, NOW, 60, true);
    g_assert_cmpint(ledger_note_looked(l, "a", NOW + 60), ==, 0);
    assert_look(l, NOW + 60, 600, true);
    for (int i = 0; i < 5; i++) {
        g_assert_cmpint(ledger_note_looked(l, "a", NOW + 600), ==, 0);
        assert_look(l, NOW + 600, 6000, false);
    }
    g_assert_cmpint(ledger_note_finding(l, "a", &found, NOW + 6000), ==, 0); /* the next order: the same */
    assert_look(l, NOW + 6000, 6000, false);
    g_assert_cmpint(ledger_note_finding(l, "a", &differs, NOW + 6000), ==, 0);
    assert_look(l, NOW + 6000, 60, true);
    g_assert_cmpint(ledger_note_finding(l, "a", NULL, NOW), ==, 0);
    g_assert_false(ledger_finding(l, "a", &f));
}

/* Something else is found: the wait is over, although proofs were refused; not for ever, if it finds something else each time. */
static void test_changed(void)
{
    const SolverFinding found = { "a", "http-01", 7 };
    _cleanup_ledger_ Ledger *l = ledger_make();
    LedgerFinding f = {};
    unsigned n = 0;

    for (;; n++) {
        g_assert_cmpint(ledger_note_attempt(l, "a", NOW), >, NOW);
        g_assert_cmpint(ledger_note_failed(l, "a", both, true, NOW), ==, 0);
        g_assert_cmpint(ledger_note_finding(l, "a", &found, NOW), ==, 0);
        g_assert_cmpint(ledger_note_foreseen(l, "a"), ==, 0);
        g_assert_cmpint(ledger_note_released(l, "a", NOW), ==, 0);
        if (ledger_note_changed(l, "a", NOW) == 0)
            break;
        g_assert_cmpint(ledger_after(l, "a"), <=, NOW);
        if (n < 7) /* should no order follow */
            assert_look(l, NOW, 60, true);
    }
    g_assert_cmpuint(n, ==, 8);
    g_assert_cmpint(ledger_after(l, "a"), >, NOW);
    g_assert_true(ledger_finding(l, "a", &f));
    g_assert_cmpint(f.due, ==, INT64_MAX);
    g_assert_cmpint(ledger_note_issued(l, "a"), ==, 0);
    g_assert_cmpint(ledger_note_finding(l, "a", &found, NOW), ==,
                    0); /* of a reissue: no attempt of the service */
    g_assert_cmpint(ledger_note_changed(l, "a", NOW), ==, 1);
}

/* What could not be sent was not an order, whatever was written down before. */
static void test_unsent(void)
{
    static const LedgerOrder orders[] = { LEDGER_NEW, LEDGER_AGAIN, LEDGER_IN_WINDOW };

    for (size_t i = 0; i < ELEMENTSOF(orders); i++) {
        _cleanup_ledger_ Ledger *l = ledger_make();

        g_assert_cmpint(ledger_note_unsent(l, "a", both, true, NOW), ==, 0); /* it was not tried */
        g_assert_cmpint(ledger_note_attempt(l, "a", NOW - 90000), <, NOW);
        for (unsigned n = 0; n < 3; n++) {
            g_assert_cmpint(ledger_note_attempt(l, "a", NOW), >, NOW);
            g_assert_cmpint(ledger_note_order(l, "a", both, orders[i], NOW), ==, 0);
            g_assert_cmpint(ledger_note_unsent(l, "a", both, true, NOW), ==, 0);
        }
        g_assert_cmpuint(ledger_attempts(l, "a"), ==, 1);
        g_assert_cmpint(ledger_after(l, "a"), <=, NOW);
        if (orders[i] != LEDGER_IN_WINDOW)
            g_assert_cmpuint(ledger_recent_orders(l, 60, NOW), ==, 0);
        g_assert_cmpint(ledger_note_order(l, "a", both, orders[i], NOW), ==, 0);
        g_assert_cmpint(ledger_note_unsent(l, "a", both, false, NOW), ==, 0); /* a reissue */
        g_assert_cmpuint(ledger_attempts(l, "a"), ==, 1);
    }
}

/* An authority that says how long it wants to be left alone is. */
static void test_retry_after(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    g_assert_cmpint(ledger_note_outage(l, 7200, NOW), ==, 0);
    g_assert_cmpint(ledger_state(l, NOW), ==, LEDGER_OPEN);
    g_assert_cmpint(ledger_open_until(l), ==, NOW + 7200);
    g_assert_cmpint(ledger_probe_due(l), >=, NOW + 7200);
    g_assert_cmpint(ledger_note_outage(l, 60, NOW + 1), ==, 0);
    g_assert_cmpint(ledger_open_until(l), ==, NOW + 7200);
    g_assert_cmpint(ledger_state(l, NOW + 7200), ==, LEDGER_HALF_OPEN);
}

static void test_recent(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    g_assert_cmpuint(ledger_recent_orders(l, 60, NOW), ==, 0);
    for (unsigned i = 0; i < 10; i++)
        g_assert_cmpint(ledger_note_order(l, "a", both, i % 2 == 0, NOW + i), ==, 0);
    g_assert_cmpuint(ledger_recent_orders(l, 60, NOW + 9), ==, 10);
    g_assert_cmpuint(ledger_recent_orders(l, 60, NOW + 59), ==, 10);
    g_assert_cmpuint(ledger_recent_orders(l, 60, NOW + 60), ==, 9);
    g_assert_cmpuint(ledger_recent_orders(l, 60, NOW + 68), ==, 1);
    g_assert_cmpuint(ledger_recent_orders(l, 60, NOW + 69), ==, 0);
    g_assert_cmpuint(ledger_recent_orders(l, 1, NOW + 9), ==, 1);
}

/* What was noted with a clock that was years ahead does not count; after a clock was set back a little, all
 * does. */
static void test_ahead(void)
{
    for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
        _cleanup_ledger_ Ledger *l = ledger_make();

        kinds[k].note(l, "a", kinds[k].counted, NOW + 10 * YEAR);
        g_assert_cmpint(until(l, kinds[k].limit, 1, WEEK, kinds[k].asked, NOW), ==, NOW);
        g_assert_cmpuint(ledger_recent_orders(l, WEEK, NOW), ==, 0);
        kinds[k].note(l, "a", kinds[k].counted, NOW + 60);
        g_assert_cmpint(until(l, kinds[k].limit, 1, WEEK, kinds[k].asked, NOW), ==, NOW + 60 + WEEK);
    }
}

/* ---- orders that fail */

static void test_failed(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    order(l, "a", both, NOW);
    g_assert_cmpint(until(l, LEDGER_SET, 1, WEEK, both, NOW), >, NOW);
    g_assert_cmpint(until(l, LEDGER_DOMAIN, 1, WEEK, both, NOW), >, NOW);
    g_assert_cmpint(ledger_note_failed(l, "a", both, false, NOW + 60), ==, 0);
    g_assert_cmpint(until(l, LEDGER_SET, 1, WEEK, both, NOW + 60), ==, NOW + 60);
    g_assert_cmpint(until(l, LEDGER_DOMAIN, 1, WEEK, both, NOW + 60), ==, NOW + 60);
    g_assert_cmpint(until(l, LEDGER_FAILURES, 1, WEEK, both, NOW + 60), ==, NOW + 60);
    g_assert_cmpint(until(l, LEDGER_ORDERS, 1, WEEK, both, NOW + 60), ==, NOW + WEEK); /* it was one */
    order(l, "a", both, NOW + 100);
    refuse(l, "a", both, NOW + 160);
    g_assert_cmpint(until(l, LEDGER_SET, 1, WEEK, both, NOW + 160), ==, NOW + 160);
    g_assert_cmpint(until(l, LEDGER_FAILURES, 1, WEEK, both, NOW + 160), ==, NOW + 160 + WEEK);
    g_assert_cmpint(until(l, LEDGER_ORDERS, 2, WEEK, both, NOW + 160), ==, NOW + WEEK);
}

/* Only the certificate that failed is uncounted, and once. */
static void test_failed_once(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    order(l, "a", both, NOW);
    g_assert_cmpint(ledger_note_issued(l, "a"), ==, 0);
    order(l, "b", both, NOW);
    g_assert_cmpint(ledger_note_failed(l, "b", both, false, NOW), ==, 0);
    g_assert_cmpint(ledger_note_failed(l, "b", both, false, NOW), ==, 0);
    g_assert_cmpint(ledger_note_failed(l, "a", both, false, NOW), ==, 0); /* that came to a chain */
    g_assert_cmpint(ledger_note_failed(l, "c", both, false, NOW), ==, 0); /* that never was */
    g_assert_cmpint(until(l, LEDGER_SET, 1, WEEK, both, NOW), ==, NOW + WEEK);
    g_assert_cmpint(until(l, LEDGER_DOMAIN, 1, WEEK, both, NOW), ==, NOW + WEEK);
}

/* One that was not counted takes nothing from another that was ordered in the same second. */
static void test_failed_exempt(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    order(l, "a", both, NOW);
    g_assert_cmpint(ledger_note_order(l, "b", turned, LEDGER_IN_WINDOW, NOW), ==, 0);
    refuse(l, "b", turned, NOW + 9);
    g_assert_cmpint(until(l, LEDGER_SET, 1, WEEK, both, NOW + 9), ==, NOW + WEEK);
    g_assert_cmpint(until(l, LEDGER_DOMAIN, 1, WEEK, both, NOW + 9), ==, NOW + WEEK);
    g_assert_cmpint(until(l, LEDGER_FAILURES, 1, WEEK, both, NOW + 9), ==, NOW + 9 + WEEK);
    /* nor from one before it of the same certificate, of which nobody knows what came */
    g_assert_cmpint(ledger_note_order(l, "a", both, LEDGER_IN_WINDOW, NOW + 10), ==, 0);
    g_assert_cmpint(ledger_note_failed(l, "a", both, false, NOW + 20), ==, 0);
    g_assert_cmpint(until(l, LEDGER_SET, 1, WEEK, both, NOW + 20), ==, NOW + WEEK);
}

/* ---- attempts */

static void test_attempts(void)
{
    static const int64_t delays[] = { 60, 600, 6000, DAY, DAY, DAY, DAY };
    _cleanup_ledger_ Ledger *l = ledger_make();

    g_assert_cmpuint(ledger_attempts(l, "a"), ==, 0);
    g_assert_cmpint(ledger_after(l, "a"), ==, 0);
    for (unsigned i = 0; i < ELEMENTSOF(delays); i++) {
        int64_t after = ledger_note_attempt(l, "a", NOW + i);

        g_assert_cmpuint(ledger_attempts(l, "a"), ==, i + 1);
        g_assert_cmpint(ledger_after(l, "a"), ==, after);
        g_assert_cmpint(after - NOW - i, >=, delays[i] * 4 / 5);
        g_assert_cmpint(after - NOW - i, <=, delays[i] * 6 / 5);
        order(l, "a", both, NOW + i);
        g_assert_cmpint(ledger_note_failed(l, "a", both, i % 2 == 0, NOW + i), ==,
                        0); /* changes nothing in it */
        g_assert_cmpuint(ledger_attempts(l, "a"), ==, i + 1);
        g_assert_cmpint(ledger_after(l, "a"), ==, after);
    }
    g_assert_cmpuint(ledger_attempts(l, "b"), ==, 0);
    g_assert_cmpint(ledger_note_issued(l, "a"), ==, 0);
    g_assert_cmpuint(ledger_attempts(l, "a"), ==, 0);
    g_assert_cmpint(ledger_after(l, "a"), ==, 0);
    g_assert_cmpint(ledger_note_attempt(l, "a", NOW), <=, NOW + 72);
    g_assert_cmpint(ledger_note_issued(l, "never"), ==, 0);
}

/* What always fails is tried once a day in the long run, and names are not tried together. */
static void test_ten_years(void)
{
    int64_t least = INT64_MAX, most = 0;

    for (unsigned i = 0; i < 1000; i++) {
        _cleanup_ledger_ Ledger *l = ledger_make();
        g_autofree char *name = g_strdup_printf("n%u.example", i);
        int64_t now = NOW, before = 0, third = 0;
        unsigned n = 0;

        while (now < NOW + 3652 * DAY) {
            int64_t after = ledger_note_attempt(l, name, now);

            free(ledger_take(l));
            n++;
            if (n > 3 && n % 2 == 1) /* the second of two */
                g_assert_cmpint(labs(after - now + before - 2 * DAY), <=, 1);
            if (n == 100)
                third = after;
            before = after - now;
            now = after;
        }
        g_assert_cmpuint(n, <=, 3656);
        g_assert_cmpuint(n, >=, 3652);
        least = MIN(least, third);
        most = MAX(most, third);
    }
    g_assert_cmpint(most - least, >, DAY / 4);
}

/* ---- the circuit breaker */

static void trouble(Ledger *l, int64_t now)
{
    g_assert_cmpint(ledger_note_outage(l, 0, now), ==, 0);
}

static void test_breaker(void)
{
    static const int64_t delays[] = { 60, 600, 6000, 6 * HOUR, 6 * HOUR };
    _cleanup_ledger_ Ledger *l = ledger_make();
    int64_t now = NOW;

    g_assert_cmpint(ledger_state(l, now), ==, LEDGER_CLOSED);
    g_assert_cmpint(ledger_probe_due(l), ==, INT64_MAX);
    trouble(l, now); /* one is no trouble */
    g_assert_cmpint(ledger_state(l, now), ==, LEDGER_CLOSED);
    g_assert_cmpint(ledger_open_until(l), <=, now);
    g_assert_cmpint(ledger_probe_due(l), ==, INT64_MAX);
    g_assert_cmpint(ledger_note_works(l), ==, 0);
    trouble(l, now); /* and one after it worked neither */
    g_assert_cmpint(ledger_state(l, now), ==, LEDGER_CLOSED);
    for (size_t i = 0; i < ELEMENTSOF(delays); i++) {
        int64_t end;

        trouble(l, now);
        end = ledger_open_until(l);
        g_assert_cmpint(end - now, >=, delays[i] * 4 / 5);
        g_assert_cmpint(end - now, <=, delays[i] * 6 / 5);
        g_assert_cmpint(ledger_state(l, now), ==, LEDGER_OPEN);
        trouble(l, now + 1); /* what was under way makes it no longer */
        g_assert_cmpint(ledger_open_until(l), ==, end);
        g_assert_cmpint(ledger_state(l, end - 1), ==, LEDGER_OPEN);
        g_assert_cmpint(ledger_state(l, end), ==, LEDGER_HALF_OPEN);
        g_assert_cmpint(ledger_probe_due(l), ==, now + HOUR);
        now = end;
    }
    g_assert_cmpint(ledger_note_works(l), ==, 0);
    g_assert_cmpint(ledger_state(l, now), ==, LEDGER_CLOSED);
    g_assert_cmpint(ledger_state(l, 0), ==, LEDGER_CLOSED);
    g_assert_cmpint(ledger_open_until(l), ==, 0);
    g_assert_cmpint(ledger_probe_due(l), ==, INT64_MAX);
    trouble(l, now);
    g_assert_cmpint(ledger_state(l, now), ==, LEDGER_CLOSED);
    trouble(l, now); /* it begins with a minute again */
    g_assert_cmpint(ledger_open_until(l), <=, now + 72);
}

/* Opened so often that it lasts as long as it can. */
static int64_t open_for_long(Ledger *l)
{
    int64_t now = NOW;

    trouble(l, now);
    for (unsigned i = 0; i < 4; i++) {
        trouble(l, now);
        now = i < 3 ? ledger_open_until(l) : now;
    }
    g_assert_cmpint(ledger_open_until(l), ==, now + 6 * HOUR);
    return now;
}

static void test_probe(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();
    int64_t now, end;

    g_assert_cmpint(ledger_note_probe(l, false, NOW), ==, 0); /* it was not looked for */
    g_assert_cmpint(ledger_note_probe(l, true, NOW), ==, 0);
    g_assert_cmpint(ledger_state(l, NOW), ==, LEDGER_CLOSED);
    now = open_for_long(l);
    end = ledger_open_until(l);
    for (unsigned i = 0; i < 2; i++) { /* its directory can be read, and orders fail */
        now = ledger_probe_due(l);
        g_assert_cmpint(ledger_note_probe(l, true, now), ==, 0);
        g_assert_cmpint(ledger_state(l, now), ==, LEDGER_OPEN);
        g_assert_cmpint(ledger_open_until(l), ==, end);
        g_assert_cmpint(ledger_probe_due(l), ==, now + HOUR);
    }
    for (unsigned i = 0; i < 2; i++) {
        now = ledger_probe_due(l);
        g_assert_cmpint(ledger_note_probe(l, false, now), ==, 0);
        g_assert_cmpint(ledger_state(l, now), ==, LEDGER_OPEN);
        g_assert_cmpint(ledger_open_until(l), ==, end);
        g_assert_cmpint(ledger_probe_due(l), ==, now + HOUR);
    }
    now = ledger_probe_due(l);
    g_assert_cmpint(ledger_note_probe(l, true, now), ==, 1); /* it came back */
    g_assert_cmpint(ledger_state(l, now), ==, LEDGER_HALF_OPEN);
    g_assert_cmpint(ledger_note_probe(l, true, now + HOUR), ==, 0); /* once */
    trouble(l, now + HOUR);
    g_assert_cmpint(ledger_state(l, now + HOUR), ==, LEDGER_OPEN);
    g_assert_cmpint(ledger_open_until(l), <=, now + HOUR + 7200); /* for less time than before */
    g_assert_cmpint(ledger_open_until(l), >, now + HOUR + 72);
    g_assert_cmpint(ledger_note_works(l), ==, 0);
    g_assert_cmpint(ledger_state(l, now), ==, LEDGER_CLOSED);
    g_assert_cmpint(ledger_note_probe(l, false, now), ==, 0);
    g_assert_cmpint(ledger_probe_due(l), ==, INT64_MAX);
}

/* The network is there again: one order may be tried, and it begins with a minute. */
static void test_back(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();
    int64_t now;

    g_assert_cmpint(ledger_note_back(l, NOW), ==, 0);
    g_assert_cmpint(ledger_state(l, NOW), ==, LEDGER_CLOSED);
    g_assert_null(ledger_take(l));
    now = open_for_long(l);
    g_assert_cmpint(ledger_note_back(l, now + 5), ==, 0);
    g_assert_cmpint(ledger_state(l, now + 4), ==, LEDGER_OPEN);
    g_assert_cmpint(ledger_state(l, now + 5), ==, LEDGER_HALF_OPEN);
    trouble(l, now + 5);
    g_assert_cmpint(ledger_state(l, now + 5), ==, LEDGER_OPEN);
    g_assert_cmpint(ledger_open_until(l), <=, now + 5 + 72);
}

/* ---- windows */

#define LEAF_A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LEAF_B "0123456789abcdee0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_windows(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();
    LedgerWindow w = { { NOW, NOW + DAY }, NOW + HOUR, "https://ca.example/why" }, got;

    got = ledger_window(l, "a", LEAF_A);
    g_assert_cmpint(got.window.start, ==, 0);
    g_assert_cmpint(got.window.end, ==, 0);
    g_assert_cmpint(got.check, ==, 0);
    g_assert_null(got.explanation_url);
    g_assert_cmpint(ledger_note_window(l, "a", LEAF_A, &w), ==, 0);
    got = ledger_window(l, "a", LEAF_A);
    g_assert_cmpint(got.window.start, ==, NOW);
    g_assert_cmpint(got.window.end, ==, NOW + DAY);
    g_assert_cmpint(got.check, ==, NOW + HOUR);
    g_assert_cmpstr(got.explanation_url, ==, "https://ca.example/why");
    g_assert_cmpint(ledger_window(l, "a", LEAF_B).check, ==, 0); /* it is another's */
    g_assert_cmpint(ledger_window(l, "b", LEAF_A).check, ==, 0);
    g_assert_cmpint(ledger_window(l, "a", "").check, ==, 0);
    got.check += HOUR; /* the page of before */
    g_assert_cmpint(ledger_note_window(l, "a", LEAF_A, &got), ==, 0);
    got = ledger_window(l, "a", LEAF_A);
    g_assert_cmpint(got.check, ==, NOW + 2 * HOUR);
    g_assert_cmpstr(got.explanation_url, ==, "https://ca.example/why");
    w = (LedgerWindow){ .check = NOW + 5 }; /* asked in vain */
    g_assert_cmpint(ledger_note_window(l, "a", LEAF_B, &w), ==, 0);
    got = ledger_window(l, "a", LEAF_B);
    g_assert_cmpint(got.window.end, ==, 0);
    g_assert_cmpint(got.check, ==, NOW + 5);
    g_assert_null(got.explanation_url);
    g_assert_cmpint(ledger_window(l, "a", LEAF_A).check, ==, 0);
    g_assert_cmpuint(ledger_attempts(l, "a"), ==, 0);
}

static void test_early(void)
{
    _cleanup_ledger_ Ledger *l = ledger_make();

    g_assert_cmpint(ledger_early(l, "a"), ==, 0);
    g_assert_cmpint(ledger_note_early(l, "a", NOW), ==, 0);
    g_assert_cmpint(ledger_early(l, "a"), ==, NOW);
    g_assert_cmpint(ledger_early(l, "b"), ==, 0);
    g_assert_cmpint(ledger_note_attempt(l, "a", NOW), >, 0);
    g_assert_cmpint(ledger_note_issued(l, "a"), ==, 0);
    g_assert_cmpint(ledger_early(l, "a"), ==, NOW);
    g_assert_cmpint(ledger_note_early(l, "a", NOW + DAY), ==, 0);
    g_assert_cmpint(ledger_early(l, "a"), ==, NOW + DAY);
}

/* ---- anything, compared with what is counted one by one */

#define EVENTS_MAX 4000

static const struct {
    const char *name, *domain, *proof;
} known[] = {
    { "one.example", "one.example", "one.example" },
    { "a.one.example", "one.example", "a.one.example" },
    { "*.one.example", "one.example", "one.example" },
    { "two.example", "two.example", "two.example" },
    { "a.b.two.example", "two.example", "a.b.two.example" },
    { "192.0.2.1", "192.0.2.1", "192.0.2.1" },
    { "2001:db8::1", "2001:db8::", "2001:db8::1" },
    { "2001:db8::2", "2001:db8::", "2001:db8::2" },
};

typedef struct Event {
    LedgerLimit limit; /* _LEDGER_LIMIT_MAX: an order that is not counted */
    char *what;
    int64_t when;
} Event;

/* A certificate's names are bits of the table. */
typedef struct Client {
    char name[16];
    unsigned names;
    bool ordered, counted;
    int64_t when, after;
    unsigned attempts;
} Client;

typedef struct Reference {
    Ledger *ledger;
    GString *text;
    RateLimit limits[_LEDGER_LIMIT_MAX];
    Event events[EVENTS_MAX];
    size_t n_events;
    Client clients[6];
    int64_t now;
} Reference;

static void reference_add(Reference *m, LedgerLimit limit, const char *what)
{
    g_assert_cmpuint(m->n_events, <, EVENTS_MAX);
    m->events[m->n_events++] = (Event){ limit, g_strdup(what), m->now };
}

static void reference_remove(Reference *m, LedgerLimit limit, const char *what, int64_t when)
{
    for (size_t i = 0; i < m->n_events; i++)
        if (m->events[i].limit == limit && streq(m->events[i].what, what) && m->events[i].when == when) {
            g_free(m->events[i].what);
            m->events[i] = m->events[--m->n_events];
            return;
        }
    g_assert_not_reached();
}

static bool reference_is_free(const Reference *m, LedgerLimit limit, const char *what, int64_t when)
{
    unsigned n = 0;

    for (size_t i = 0; i < m->n_events; i++)
        if (m->events[i].limit == limit && streq(m->events[i].what, what) &&
            m->events[i].when > when - m->limits[limit].span)
            n++;
    return m->limits[limit].count == 0 || n < m->limits[limit].count;
}

/* The first moment at which one more is within the limit: now, or when one is too old. */
static int64_t reference_until(const Reference *m, LedgerLimit limit, const char *what)
{
    int64_t first = INT64_MAX;

    if (reference_is_free(m, limit, what, m->now))
        return m->now;
    for (size_t i = 0; i < m->n_events; i++) {
        int64_t end = m->events[i].when + m->limits[limit].span;

        if (end > m->now && end < first && reference_is_free(m, limit, what, end))
            first = end;
    }
    return first;
}

static void client_set(const Client *c, char text[16])
{
    g_snprintf(text, 16, "%u", c->names);
}

/* Each domain of it once. */
static bool client_has_domain(const Client *c, size_t n)
{
    if (!(c->names & 1U << n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (c->names & 1U << i && streq(known[i].domain, known[n].domain))
            return false;
    return true;
}

/* In any order. */
static char **client_names(const Client *c)
{
    char **names = NULL;
    size_t turn = (size_t)g_test_rand_int_range(0, ELEMENTSOF(known));

    for (size_t i = 0; i < ELEMENTSOF(known); i++) {
        size_t n = (i + turn) % ELEMENTSOF(known);

        if (c->names & 1U << n)
            g_assert_cmpint(strv_extend(&names, known[n].name), ==, 0);
    }
    return names;
}

static void reference_compare(Reference *m, const Client *c, char *const *names, bool exempt)
{
    LedgerWait w = ledger_wait(m->ledger, m->limits, names, exempt, m->now);
    int64_t longest = m->now;
    char set[16];

    client_set(c, set);
    if (!exempt) {
        longest = MAX(longest, reference_until(m, LEDGER_ORDERS, ""));
        longest = MAX(longest, reference_until(m, LEDGER_SET, set));
    }
    for (size_t i = 0; i < ELEMENTSOF(known); i++) {
        if (c->names & 1U << i)
            longest = MAX(longest, reference_until(m, LEDGER_FAILURES, known[i].proof));
        if (!exempt && client_has_domain(c, i))
            longest = MAX(longest, reference_until(m, LEDGER_DOMAIN, known[i].domain));
    }
    g_assert_cmpint(w.until, ==, longest);
    ledger_wait_done(&w);
    g_assert_cmpuint(ledger_attempts(m->ledger, c->name), ==, c->attempts);
    g_assert_cmpint(ledger_after(m->ledger, c->name), ==, c->after);
}

/* A certificate counts, or not any more. */
static void reference_count(Reference *m, const Client *c, bool add)
{
    char set[16];

    client_set(c, set);
    for (size_t i = 0; i < ELEMENTSOF(known); i++)
        if (client_has_domain(c, i)) {
            if (add)
                reference_add(m, LEDGER_DOMAIN, known[i].domain);
            else
                reference_remove(m, LEDGER_DOMAIN, known[i].domain, c->when);
        }
    if (add)
        reference_add(m, LEDGER_SET, set);
    else
        reference_remove(m, LEDGER_SET, set, c->when);
}

static void reference_order(Reference *m, Client *c, char *const *names, bool exempt)
{
    g_assert_cmpint(ledger_note_order(m->ledger, c->name, names, exempt, m->now), ==, 0);
    c->ordered = true;
    c->counted = !exempt;
    c->when = m->now;
    reference_add(m, exempt ? _LEDGER_LIMIT_MAX : LEDGER_ORDERS, "");
    if (!exempt)
        reference_count(m, c, true);
}

static void reference_fail(Reference *m, Client *c, char *const *names, bool refused)
{
    g_assert_cmpint(ledger_note_failed(m->ledger, c->name, names, refused, m->now), ==, 0);
    if (c->ordered && c->counted && c->when > m->now - LEDGER_SPAN_MAX)
        reference_count(m, c, false);
    for (size_t i = 0; refused && i < ELEMENTSOF(known); i++)
        if (c->names & 1U << i)
            reference_add(m, LEDGER_FAILURES, known[i].proof);
    c->ordered = false;
}

/* What is written is read by another, that goes on. */
static void reference_read_again(Reference *m, bool anew)
{
    char *fresh = anew ? ledger_text(m->ledger, m->now) : ledger_take(m->ledger);
    Ledger *other_one = ledger_make();

    if (anew)
        g_string_truncate(m->text, 0);
    g_string_append(m->text, fresh ? fresh : "");
    free(fresh);
    g_assert_cmpint(ledger_read(other_one, m->text->str, m->text->len, m->now), ==, 0);
    ledger_free(m->ledger);
    m->ledger = other_one;
}

static void reference_step(Reference *m)
{
    Client *c = m->clients + g_test_rand_int_range(0, ELEMENTSOF(m->clients));
    _cleanup_strv_ char **names = client_names(c);
    unsigned recent = 0;

    m->now += g_test_rand_int_range(0, 4) == 0 ? g_test_rand_int_range(0, 20 * HOUR)
                                               : g_test_rand_int_range(0, 60);
    switch (g_test_rand_int_range(0, 6)) {
    case 0:
        c->after = ledger_note_attempt(m->ledger, c->name, m->now);
        g_assert_cmpint(c->after, >, m->now);
        c->attempts++;
        break;
    case 1:
    case 2:
        if (!c->ordered)
            reference_order(m, c, names, g_test_rand_int_range(0, 3) == 0);
        break;
    case 3:
        reference_fail(m, c, names, g_test_rand_int_range(0, 2) == 0);
        break;
    case 4:
        g_assert_cmpint(ledger_note_issued(m->ledger, c->name), ==, 0);
        c->ordered = false;
        c->attempts = 0;
        c->after = 0;
        break;
    default:
        reference_read_again(m, g_test_rand_int_range(0, 4) == 0);
    }
    reference_compare(m, c, names, false);
    reference_compare(m, c, names, true);
    for (size_t i = 0; i < m->n_events; i++)
        if ((m->events[i].limit == LEDGER_ORDERS || m->events[i].limit == _LEDGER_LIMIT_MAX) &&
            m->events[i].when > m->now - HOUR)
            recent++;
    g_assert_cmpuint(ledger_recent_orders(m->ledger, HOUR, m->now), ==, recent);
}

static void test_model(void)
{
    const int n = sample_of(60).n; /* the seed is GLib's, which prints it */

    for (int run = 0; run < n; run++) {
        g_autofree Reference *m = g_new0(Reference, 1);

        m->ledger = ledger_make();
        m->text = g_string_new(NULL);
        m->now = NOW;
        for (size_t i = 0; i < _LEDGER_LIMIT_MAX; i++)
            m->limits[i] = (RateLimit){ (unsigned)g_test_rand_int_range(0, 6),
                                        g_test_rand_int_range(1, (int)LEDGER_SPAN_MAX) };
        for (size_t i = 0; i < ELEMENTSOF(m->clients); i++) {
            Client *c = m->clients + i;

            g_snprintf(c->name, sizeof(c->name), "client%zu", i);
            c->names = (unsigned)g_test_rand_int_range(1, 1 << ELEMENTSOF(known));
        }
        m->clients[1].names = m->clients[0].names;
        reference_read_again(m, true);
        for (unsigned i = 0; i < 400; i++)
            reference_step(m);
        for (size_t i = 0; i < m->n_events; i++)
            g_free(m->events[i].what);
        g_string_free(m->text, TRUE);
        ledger_free(m->ledger);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/ledger/limits", test_limits);
    g_test_add_func("/ledger/subjects", test_subjects);
    g_test_add_func("/ledger/longest", test_longest);
    g_test_add_func("/ledger/domains", test_domains);
    g_test_add_func("/ledger/wildcard-failures", test_wildcard_failures);
    g_test_add_func("/ledger/exempt", test_exempt);
    g_test_add_func("/ledger/again", test_again);
    g_test_add_func("/ledger/released", test_released);
    g_test_add_func("/ledger/foreseen", test_foreseen);
    g_test_add_func("/ledger/finding", test_finding);
    g_test_add_func("/ledger/changed", test_changed);
    g_test_add_func("/ledger/unsent", test_unsent);
    g_test_add_func("/ledger/retry-after", test_retry_after);
    g_test_add_func("/ledger/recent", test_recent);
    g_test_add_func("/ledger/ahead", test_ahead);
    g_test_add_func("/ledger/failed", test_failed);
    g_test_add_func("/ledger/failed-once", test_failed_once);
    g_test_add_func("/ledger/failed-exempt", test_failed_exempt);
    g_test_add_func("/ledger/attempts", test_attempts);
    g_test_add_func("/ledger/ten-years", test_ten_years);
    g_test_add_func("/ledger/breaker", test_breaker);
    g_test_add_func("/ledger/probe", test_probe);
    g_test_add_func("/ledger/back", test_back);
    g_test_add_func("/ledger/windows", test_windows);
    g_test_add_func("/ledger/early", test_early);
    g_test_add_func("/ledger/model", test_model);
    return g_test_run();
}
