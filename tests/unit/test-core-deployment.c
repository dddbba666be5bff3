/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/deployment.h"

/* Words of the configuration, of reports and of the bus. */

static void assert_words(const char *(*to)(int), int (*from)(const char *), const char *const *words, int n)
{
    for (int i = 0; i < n; i++) {
        g_assert_cmpstr(to(i), ==, words[i]);
        g_assert_cmpint(from(words[i]), ==, i);
    }
    g_assert_null(to(n));
    g_assert_null(to(-22));
    g_assert_cmpint(from(""), ==, -22);
    g_assert_cmpint(from("other"), ==, -22);
}

/* The same functions for all enumerations. */
#define WRAP(name, type) \
    static const char *name##_to(int value) \
    { \
        return name##_to_string((type)value); \
    } \
    static int name##_from(const char *word) \
    { \
        return name##_from_string(word); \
    }

WRAP(deployment_state, DeploymentState)
WRAP(deploy_file, DeployFile)
WRAP(combined_order, CombinedOrder)
WRAP(unit_action, UnitAction)
WRAP(probe_scheme, ProbeScheme)

#define ASSERT_WORDS(name, n, ...) \
    assert_words(name##_to, name##_from, (const char *const[n]){ __VA_ARGS__ }, n)

static void test_words(void)
{
    ASSERT_WORDS(deployment_state, _DEPLOYMENT_STATE_MAX, "pending", "written", "waiting", "verified",
                 "failed", "rolled-back");
    ASSERT_WORDS(deploy_file, _DEPLOY_FILE_MAX, "FullChainFile", "CertificateFile", "ChainFile", "KeyFile",
                 "CombinedFile", "RootFile");
    ASSERT_WORDS(combined_order, _COMBINED_ORDER_MAX, "chain-key", "key-chain");
    ASSERT_WORDS(unit_action, _UNIT_ACTION_MAX, "Reload", "ReloadOrRestart", "Restart", "Start");
    ASSERT_WORDS(probe_scheme, _PROBE_SCHEME_MAX, "tls", "https", "smtp", "imap", "pop3");
}

static void test_keys(void)
{
    for (DeployFile f = 0; f < _DEPLOY_FILE_MAX; f++)
        g_assert_cmpint(deploy_file_has_key(f), ==, f == DEPLOY_KEY || f == DEPLOY_COMBINED);
}

static void test_ports(void)
{
    g_assert_cmpuint(probe_scheme_port(PROBE_TLS), ==, 0);
    g_assert_cmpuint(probe_scheme_port(PROBE_HTTPS), ==, 443);
    g_assert_cmpuint(probe_scheme_port(PROBE_SMTP), ==, 25);
    g_assert_cmpuint(probe_scheme_port(PROBE_IMAP), ==, 143);
    g_assert_cmpuint(probe_scheme_port(PROBE_POP3), ==, 110);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/core-deployment/words", test_words);
    g_test_add_func("/core-deployment/keys", test_keys);
    g_test_add_func("/core-deployment/ports", test_ports);
    return g_test_run();
}
