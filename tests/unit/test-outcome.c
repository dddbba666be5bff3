/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "manager/manager-internal.h"

/* What an upload would come to, and what it has come to. */

#define NAME "www.example.com"

static char *names[] = { S(NAME), S("example.com"), NULL };

static void expect(Service *s, bool root, char *const *covers, int64_t from, int64_t to, const char *says)
{
    Chain *chain = chain_make(covers, now_seconds() + from, now_seconds() + to);
    _cleanup_report_ UploadReport report = {};

    manager_foretell(s->manager, root, chain, &report);
    chain_unref(chain);
    g_assert_null(report_first_problem(&report));
    if (!strstr(finding_text(report.findings + CHECK_OUTCOME), says))
        g_error("\"%s\" does not say \"%s\"", finding_text(report.findings + CHECK_OUTCOME), says);
}

static void test_foretell(void)
{
    char *others[] = { S("*.example.org"), NULL };
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    expect(&s, false, names, -DAY, 90 * DAY, "It would be served for " NAME ".");
    expect(&s, false, names, DAY, 90 * DAY, "served as soon as it is");
    expect(&s, false, names, -DAY, 60, "it expires too soon");
    expect(&s, false, others, -DAY, 90 * DAY, "kept for later");
    names[1] = NULL; /* one of its names is not covered */
    expect(&s, false, names, -DAY, 90 * DAY, "kept for later");
    names[1] = S("example.com");
}

/* How many are signed again is said of a root. */
static void test_foretell_root(void)
{
    _cleanup_issued_ Issued leaf = {};
    g_autofree char *pem = bundle_for("x", "DNS:mail.example.com", &leaf);
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW "[Certificate mail.example.com]\n");
    expect(&s, true, names, -DAY, YEAR, "and 2 chains would be signed again");
    g_assert_cmpint(service_upload(&s, NULL, pem, NULL), ==, PROBLEM_NONE);
    expect(&s, true, names, -DAY, YEAR, "and 1 chain would be signed again");
    expect(&s, true, names, DAY, YEAR, "become the local root as soon as it is valid");
    expect(&s, true, names, -DAY, 60, "It would not become the local root");
}

/* What is said of one upload. says NULL: it is served. */
static void expect_fit(Service *s, const char *fingerprint, const char *says)
{
    UploadOutcome outcome = { .fingerprint = fingerprint };

    g_assert_cmpint(manager_collect_fits(s->manager, false, &outcome), ==, 0);
    g_assert_cmpuint(outcome.n_fits, ==, 1);
    g_assert_true(outcome.fits[0].certificate == service_find(s, NAME));
    g_assert_cmpint(outcome.fits[0].served, ==, says == NULL);
    if (says && !strstr(outcome.fits[0].reason, says))
        g_error("\"%s\" does not say \"%s\"", outcome.fits[0].reason, says);
    upload_outcome_done(&outcome);
    g_assert_null(outcome.fits);
}

static void test_fits(void)
{
    _cleanup_issued_ Issued a = {}, b = {};
    g_autofree char *first = bundle_for("x", "DNS:" NAME ",DNS:example.com", &a),
                    *second = bundle_for("x", "DNS:" NAME ",DNS:example.com", &b), *former = NULL;
    _cleanup_service_ Service s = {};
    UploadOutcome none = { .fingerprint = "0123" };
    Slot *slot;

    service_start_with(&s, MODULE_WWW "[Certificate mail.example.com]\n");
    g_assert_cmpint(service_upload(&s, NULL, first, NULL), ==, PROBLEM_NONE);
    former = service_copy_fingerprint(&s, NAME);
    expect_fit(&s, former, NULL);
    g_assert_cmpint(service_upload(&s, NULL, second, NULL), ==, PROBLEM_NONE);
    expect_fit(&s, service_fingerprint(&s, NAME), NULL);
    expect_fit(&s, former, "Another chain was uploaded later");
    expect_fit(&s, former, service_fingerprint(&s, NAME));
    slot = &model_find_upload(manager_model(s.manager), former)->record->slots[SOURCE_UPLOADED];
    slot->broken = true;
    expect_fit(&s, former, "damaged");
    slot->broken = false;
    slot->chain->entries[0].not_after = now_seconds() - 60;
    expect_fit(&s, former, "It expired at");
    g_assert_cmpint(manager_collect_fits(s.manager, false, &none), ==, 0);
    g_assert_cmpuint(none.n_fits, ==, 0);
    upload_outcome_done(&none);
}

static void test_fits_root(void)
{
    _cleanup_service_ Service s = {};
    UploadOutcome outcome = { .fingerprint = "0123" };

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpint(manager_collect_fits(s.manager, true, &outcome), ==, 0);
    g_assert_cmpuint(outcome.n_fits, ==, 1);
    g_assert_true(certificate_is_root(outcome.fits[0].certificate));
    upload_outcome_done(&outcome);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/outcome/foretell", test_foretell);
    g_test_add_func("/outcome/foretell-root", test_foretell_root);
    g_test_add_func("/outcome/fits", test_fits);
    g_test_add_func("/outcome/fits-root", test_fits_root);
    return g_test_run();
}
