/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "config/settings.h"
#include "orders/orders-internal.h"

/* Which names an authority can be asked for. */

static char *public[] = { S("www.certwright.org"), S("certwright.org"), NULL };
static char *mixed[] = { S("www.certwright.org"), S("printer"), NULL };

/* Two authorities, a public one and one that issues for any name; ACME is on, and the terms are agreed to. */
static Settings *settings_make(void)
{
    Settings *s = NULL;

    g_assert_cmpint(settings_new(&s), ==, 0);
    g_assert_cmpint(settings_add_authority(s, "outside"), ==, 0);
    g_assert_cmpint(settings_add_authority(s, "inside"), ==, 0);
    s->acme.enabled = s->acme.terms_agreed = true;
    for (size_t i = 0; i < s->n_authorities; i++)
        s->authorities[i].enabled = true;
    s->authorities[0].is_public = true;
    s->authorities[1].is_public = false;
    return s;
}

static void test_on(void)
{
    _cleanup_(settings_unrefp) Settings *s = settings_make();

    g_assert_true(acme_settings_are_on(s));
    s->authorities[0].enabled = false;
    g_assert_true(acme_settings_are_on(s));
    s->authorities[1].enabled = false;
    g_assert_false(acme_settings_are_on(s));
    s->authorities[1].enabled = true;
    s->acme.terms_agreed = false;
    g_assert_false(acme_settings_are_on(s));
    s->acme.terms_agreed = true;
    s->acme.enabled = false;
    g_assert_false(acme_settings_are_on(s));
}

static void test_authority(void)
{
    _cleanup_(settings_unrefp) Settings *s = settings_make();
    AuthoritySettings *outside = s->authorities, *inside = s->authorities + 1;

    g_assert_true(authority_suits(outside, public, NULL));
    g_assert_false(authority_suits(outside, mixed, NULL));
    g_assert_true(authority_suits(inside, mixed, NULL));
    g_assert_true(authority_suits(inside, mixed, "inside"));
    g_assert_false(authority_suits(inside, mixed, "outside"));
    inside->enabled = false;
    g_assert_false(authority_suits(inside, mixed, NULL));
}

/* What is told of names that cannot be ordered says which of them, or which setting, is in the way. */
static void judge(const Settings *s, char *const *names, const char *authority, AcmeEligibility expected,
                  const char *why)
{
    _cleanup_problem_ Problem problem = {};

    g_assert_cmpint(acme_settings_judge(s, names, authority), ==, expected);
    g_assert_cmpint(acme_settings_suit(s, names, authority, &problem), ==,
                    expected == ACME_ELIGIBILITY_ASKED);
    g_assert_cmpint(problem.code, ==, why ? PROBLEM_ACME_DISABLED : PROBLEM_NONE);
    if (why && !strstr(problem.text, why))
        g_error("\"%s\" does not say \"%s\"", problem.text, why);
}

static void test_judge(void)
{
    _cleanup_(settings_unrefp) Settings *s = settings_make();

    judge(s, public, NULL, ACME_ELIGIBILITY_ASKED, NULL);
    judge(s, mixed, NULL, ACME_ELIGIBILITY_ASKED, NULL);
    judge(s, mixed, "inside", ACME_ELIGIBILITY_ASKED, NULL);
    judge(s, mixed, "outside", ACME_ELIGIBILITY_PRIVATE, "printer");
    judge(s, public, "elsewhere", ACME_ELIGIBILITY_MISSING, "[Authority elsewhere]");
    judge(s, mixed, "elsewhere", ACME_ELIGIBILITY_MISSING,
          "[Authority elsewhere]"); /* whatever the names are */
    s->authorities[1].enabled = false;
    judge(s, mixed, NULL, ACME_ELIGIBILITY_PRIVATE, "Public=no");
    judge(s, public, "inside", ACME_ELIGIBILITY_MISSING, "[Authority inside]");
    s->acme.terms_agreed = false;
    judge(s, public, NULL, ACME_ELIGIBILITY_TERMS, "TermsOfServiceAgreed=yes");
    s->acme.enabled = false;
    judge(s, public, NULL, ACME_ELIGIBILITY_OFF, "Enabled=yes");
}

/* Nothing is said of the terms where there is nobody to agree with. */
static void test_no_authority(void)
{
    _cleanup_(settings_unrefp) Settings *s = NULL;

    g_assert_cmpint(settings_new(&s), ==, 0);
    s->acme.enabled = true;
    s->acme.terms_agreed = false;
    g_assert_cmpint(acme_settings_judge(s, public, NULL), ==, ACME_ELIGIBILITY_OFF);
    s->acme.terms_agreed = true;
    judge(s, public, NULL, ACME_ELIGIBILITY_OFF, "No ACME authority is configured; see [Authority]");
}

/* Who has switched all of them off is not told to add one. */
static void test_all_off(void)
{
    _cleanup_(settings_unrefp) Settings *s = settings_make();

    s->authorities[0].enabled = s->authorities[1].enabled = false;
    judge(s, public, NULL, ACME_ELIGIBILITY_OFF, "All ACME authorities are switched off; remove Enabled=no");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/eligibility/on", test_on);
    g_test_add_func("/eligibility/authority", test_authority);
    g_test_add_func("/eligibility/judge", test_judge);
    g_test_add_func("/eligibility/all-off", test_all_off);
    g_test_add_func("/eligibility/no-authority", test_no_authority);
    return g_test_run();
}
