/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "deploy/due.h"
#include "util/text.h"

#define LEAF  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define WHEN  1000000

static Deployment deployment(DeploymentState state, const char *detail, unsigned failures)
{
    return (Deployment){ .name = S("www.example.com"),
                         .state = state,
                         .detail = S(detail),
                         .when = WHEN,
                         .failures = failures,
                         .leaf = OTHER,
                         .content = LEAF,
                         .settings = OTHER };
}

static void test_pending(void)
{
    static const struct {
        DeploymentState state;
        const char *detail;
        unsigned failures;
        bool pending;
        int64_t due;
    } cases[] = {
        { DEPLOYMENT_VERIFIED, NULL, 0, false, INT64_MAX },
        { DEPLOYMENT_WRITTEN, NULL, 0, false, INT64_MAX },
        { DEPLOYMENT_WRITTEN, "nginx.service does not run.", 0, true, WHEN + HOUR },
        { DEPLOYMENT_PENDING, NULL, 0, true, 0 },
        { DEPLOYMENT_PENDING, "It was interrupted.", 1, true, WHEN + 60 },
        { DEPLOYMENT_FAILED, "x", 1, true, WHEN + 60 },
        { DEPLOYMENT_FAILED, "x", 2, true, WHEN + 600 },
        { DEPLOYMENT_ROLLED_BACK, "x", 3, true, WHEN + 6000 },
        { DEPLOYMENT_ROLLED_BACK, "x", 4, true, WHEN + DAY },
        { DEPLOYMENT_FAILED, "x", UINT32_MAX, true, WHEN + DAY },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        Deployment d = deployment(cases[i].state, cases[i].detail, cases[i].failures);

        if (deployment_is_pending(&d, LEAF, OTHER) != cases[i].pending)
            note_failure("%zu: pending", i);
        if (deployment_due(&d, LEAF, OTHER) != cases[i].due)
            note_failure("%zu: due", i);
        /* with another chain, or other settings, at once */
        if (!deployment_is_pending(&d, OTHER, OTHER) || !deployment_is_pending(&d, LEAF, LEAF))
            note_failure("%zu: changed", i);
        if (deployment_due(&d, OTHER, OTHER) != 0 || deployment_due(&d, LEAF, LEAF) != 0)
            note_failure("%zu: changed, due", i);
    }
    g_assert_true(deployment_is_pending(NULL, LEAF, OTHER));
    g_assert_cmpint(deployment_due(NULL, LEAF, OTHER), ==, 0);
}

/* A chain that could not be read is not tried again at once, for ever. */
static void test_unreadable(void)
{
    Deployment d = deployment(DEPLOYMENT_FAILED, "x", 2);

    d.content[0] = 0;
    g_assert_true(deployment_is_pending(&d, LEAF, OTHER));
    g_assert_cmpint(deployment_due(&d, LEAF, OTHER), ==, WHEN + 600);
    g_assert_cmpint(deployment_due(&d, LEAF, LEAF), ==, 0);
}

/* Only what the files contain counts, and all of it. */
static void test_content(void)
{
    static const char chain[][DIGEST_TEXT] = { LEAF, OTHER, LEAF }, other[][DIGEST_TEXT] = { LEAF, LEAF };
    static const struct {
        DeployScope scope;
        const char (*chain)[DIGEST_TEXT];
        size_t n;
        const char *root;
        unsigned same; /* as other rows with this number */
    } rows[] = {
        { {}, chain, 1, "", 1 },
        { {}, chain, 3, OTHER, 1 },
        { {}, chain + 1, 1, "", 2 },
        { { .issuers = true }, chain, 1, LEAF, 1 },
        { { .issuers = true }, chain, 2, "", 3 },
        { { .issuers = true }, other, 2, "", 4 },
        { { .issuers = true }, chain, 3, "", 5 },
        { { .root = true }, chain, 2, OTHER, 6 },
        { { .root = true }, other, 2, OTHER, 6 },
        { { .root = true }, chain, 2, LEAF, 7 },
        { { .issuers = true, .root = true }, chain, 2, OTHER, 8 },
    };
    char digests[ELEMENTSOF(rows)][DIGEST_TEXT], none[DIGEST_TEXT] = LEAF;

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        g_assert_cmpint(
            deploy_content_digest(rows[i].scope, rows[i].chain, rows[i].n, rows[i].root, digests[i]), ==, 0);
        g_assert_true(text_is_hex(digests[i], DIGEST_TEXT - 1));
        for (size_t k = 0; k < i; k++)
            if (streq(digests[i], digests[k]) != (rows[i].same == rows[k].same))
                note_failure("%zu and %zu", i, k);
    }
    g_assert_cmpint(deploy_content_digest((DeployScope){}, chain, 0, LEAF, none), ==, 0);
    g_assert_cmpstr(none, ==, "");
    g_assert_cmpint(deploy_content_digest((DeployScope){ .root = true }, chain, 1, "", none), ==, 0);
    g_assert_cmpstr(none, ==, "");
}

static void test_scope(void)
{
    for (DeployFile f = 0; f < _DEPLOY_FILE_MAX; f++) {
        DeploySettings s = {};
        DeployScope scope;

        s.files[f] = S("/a");
        scope = deploy_scope(&s);
        g_assert_cmpint(scope.root, ==, f == DEPLOY_ROOT);
        g_assert_cmpint(scope.issuers, ==,
                        f == DEPLOY_FULL_CHAIN || f == DEPLOY_CHAIN || f == DEPLOY_COMBINED);
    }
}

/* Each member counts, and none can be taken for another. */
static void test_digest(void)
{
    UnitStep steps[] = { { UNIT_RELOAD, S("a.service") }, { UNIT_RESTART, S("a.service") } };
    Probe probes[] = { { PROBE_TLS, S("127.0.0.1"), 1, false }, { PROBE_TLS, S("127.0.0.1"), 1, true } };
    DeploySettings s[] = {
        {},
        { .name = S("www.example.com") },
        { .files[DEPLOY_KEY] = S("/a") },
        { .files[DEPLOY_CHAIN] = S("/a") },
        { .files[DEPLOY_CHAIN] = S("/a -") },
        { .owner = S("a") },
        { .group = S("a") },
        { .owner = S("") },
        { .mode = 0640 },
        { .combined_order = COMBINED_KEY_CHAIN },
        { .steps = steps, .n_steps = 1 },
        { .steps = steps + 1, .n_steps = 1 },
        { .steps = steps, .n_steps = 2 },
        { .probes = probes, .n_probes = 1 },
        { .probes = probes + 1, .n_probes = 1 },
        { .probe_timeout = 7 },
    };
    char digests[ELEMENTSOF(s)][DIGEST_TEXT], again[DIGEST_TEXT];

    for (size_t i = 0; i < ELEMENTSOF(s); i++) {
        g_assert_cmpint(deploy_settings_digest(s + i, digests[i]), ==, 0);
        g_assert_cmpint(deploy_settings_digest(s + i, again), ==, 0);
        g_assert_cmpstr(digests[i], ==, again);
        g_assert_true(text_is_hex(again, DIGEST_TEXT - 1));
        for (size_t j = 0; j < i; j++)
            if (streq(digests[i], digests[j]))
                note_failure("%zu and %zu", i, j);
    }
    s[0].given = 7; /* the same settings, written differently */
    g_assert_cmpint(deploy_settings_digest(s, again), ==, 0);
    g_assert_cmpstr(digests[0], ==, again);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/due/pending", test_pending);
    g_test_add_func("/due/unreadable", test_unreadable);
    g_test_add_func("/due/content", test_content);
    g_test_add_func("/due/scope", test_scope);
    g_test_add_func("/due/digest", test_digest);
    return g_test_run();
}
