/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/report.h"

#include "core/limits.h"
#include "util/text.h"

static void test_names(void)
{
    static const char *const names[] = { "format",     "key",      "leaf",  "key-match", "chain",
                                         "signatures", "validity", "names", "purpose",   "outcome" };

    g_assert_cmpuint(ELEMENTSOF(names), ==, _CHECK_MAX);
    for (Check c = 0; c < _CHECK_MAX; c++)
        g_assert_cmpstr(check_to_string(c), ==, names[c]);
}

static void assert_finding(const Finding *f, bool made, bool passed, const char *text)
{
    g_assert_cmpint(finding_was_made(f), ==, made);
    g_assert_cmpint(finding_passed(f), ==, passed);
    g_assert_cmpstr(finding_text(f), ==, text);
}

static void test_findings(void)
{
    _cleanup_report_ UploadReport r = {};
    Finding *names = r.findings + CHECK_NAMES;

    assert_finding(names, false, false, "");
    report_pass(&r, CHECK_NAMES, "%s and %d more.", "a.example", 2);
    assert_finding(names, true, true, "a.example and 2 more.");
    report_pass(&r, CHECK_NAMES, "too late");
    assert_finding(names, true, true, "a.example and 2 more.");
    problem_set(&names->problem, PROBLEM_NAME_MISMATCH, "It is not for b.example.");
    assert_finding(names, true, false, "It is not for b.example.");
    assert_finding(r.findings + CHECK_PURPOSE, false, false, "");
}

/* A check that failed stays failed, whatever passes in the end. */
static void test_failed(void)
{
    _cleanup_report_ UploadReport r = {};

    problem_set(&r.findings[CHECK_KEY].problem, PROBLEM_WEAK_KEY, "It is weak.");
    report_pass(&r, CHECK_KEY, "passed");
    assert_finding(r.findings + CHECK_KEY, true, false, "It is weak.");
    g_assert_null(r.findings[CHECK_KEY].text);
}

/* The first is that of the first check, not the one that was set first. */
static void test_first_problem(void)
{
    _cleanup_report_ UploadReport r = {};

    g_assert_null(report_first_problem(&r));
    report_pass(&r, CHECK_FORMAT, "PEM.");
    g_assert_null(report_first_problem(&r));
    problem_set(&r.findings[CHECK_OUTCOME].problem, PROBLEM_INTERNAL, "last");
    g_assert_true(report_first_problem(&r) == &r.findings[CHECK_OUTCOME].problem);
    problem_set(&r.findings[CHECK_CHAIN].problem, PROBLEM_CHAIN_INCOMPLETE, "middle");
    g_assert_true(report_first_problem(&r) == &r.findings[CHECK_CHAIN].problem);
    report_done(&r);
    g_assert_null(report_first_problem(&r));
    assert_finding(r.findings + CHECK_FORMAT, false, false, "");
}

/* Names come from certificates: what they do to a terminal, or to a log, is taken out. */
static void test_plain(void)
{
    _cleanup_report_ UploadReport r = {};
    g_autofree char *large = g_strnfill(2 * LIMIT_PROBLEM_TEXT, 'x');

    report_pass(&r, CHECK_LEAF, "a\n\033[31mb");
    g_assert_true(text_is_plain(finding_text(r.findings + CHECK_LEAF)));
    g_assert_true(g_str_has_prefix(finding_text(r.findings + CHECK_LEAF), "a"));
    g_assert_true(g_str_has_suffix(finding_text(r.findings + CHECK_LEAF), "[31mb"));
    report_pass(&r, CHECK_CHAIN, "%s", large);
    g_assert_cmpuint(strlen(finding_text(r.findings + CHECK_CHAIN)), <=, LIMIT_PROBLEM_TEXT);
    g_assert_true(finding_passed(r.findings + CHECK_CHAIN));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/report/names", test_names);
    g_test_add_func("/report/findings", test_findings);
    g_test_add_func("/report/failed", test_failed);
    g_test_add_func("/report/first-problem", test_first_problem);
    g_test_add_func("/report/plain", test_plain);
    return g_test_run();
}
