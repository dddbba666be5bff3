/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy-fixture.h"

#include "config/deploy-section.h"

/* Good and bad values of each key. */

#define HEAD "[Certificate a.example]\n[Deploy]\n"

/* Loads a module with these lines in [Deploy]. */
static void load(Modules *m, const char *lines)
{
    g_autofree char *text = g_strconcat(HEAD, lines, NULL);

    modules_write(m, "web", text);
    modules_load(m);
}

typedef struct Line {
    const char *line;
    const char *complaint; /* a part of it; NULL: none */
} Line;

static const Line values[] = {
    { "FullChainFile=/etc/x/%n.pem", NULL },
    { "FullChainFile=/a/../b", "absolute path" },
    { "FullChainFile=/a/./b", "absolute path" },
    { "FullChainFile=/a/..", "absolute path" },
    { "FullChainFile=/a/", "absolute path" },
    { "FullChainFile=/", "absolute path" },
    { "FullChainFile=a", "absolute path" },
    { "FullChainFile=/a/%H", "%n is the name" },
    { "FullChainFile=/a/%", "%n is the name" },
    { "FullChainFile=/a/\xff", "absolute path" },
    { "FullChainFile=/a/..b/.c", NULL },
    { "CertificateFile=x", "absolute path" },
    { "ChainFile=x", "absolute path" },
    { "KeyFile=x", "absolute path" },
    { "CombinedFile=x", "absolute path" },
    { "RootFile=x", "absolute path" },
    { "CombinedOrder=key-chain", NULL },
    { "CombinedOrder=chain-key", NULL },
    { "CombinedOrder=key", "key-chain" },
    { "CombinedOrder=", "key-chain" },
    { "Owner=postfix", NULL },
    { "Owner=65534", NULL },
    { "Owner=4294967295", "name or number of a user" },
    { "Owner=99999999999999999999", "name or number of a user" },
    { "Owner=root:root", "name or number of a user" },
    { "Owner=-x", "name or number of a user" },
    { "Group=a b", "name or number of a group" },
    { "Group=", NULL },
    { "Mode=0640", NULL },
    { "Mode=640", NULL },
    { "Mode=", NULL },
    { "Mode=644", NULL },
    { "Mode=64", "octal" },
    { "Mode=0680", "octal" },
    { "Mode=4640", "octal" },
    { "Mode=1000", "octal" },
    { "Mode=00640", "octal" },
    { "Mode=rw-r-----", "octal" },
    { "Mode=0666", "change the files" },
    { "Reload=nginx.service", NULL },
    { "ReloadOrRestart=openvpn-server@office.service nginx.service", NULL },
    { "Restart=dev-x\\x2dy.socket", NULL },
    { "Start=rebuild.service reached.target look.path again.timer", NULL },
    { "Reload=nginx", "full name of a unit" },
    { "Reload=.service", "full name of a unit" },
    { "Reload=nginx.service;x.service", "full name of a unit" },
    { "Reload=/bin/true", "full name of a unit" },
    { "Reload=x.mount", "full name of a unit" },
    { "Reload=@a.service", "full name of a unit" },
    { "Restart=openvpn-server@.service", "template" },
    { "Start=certwright-deploy@web.service", "wait for itself" },
    { "Start=nginx.service x", "\"x\" is not the full name" },
    { "Probe=https://127.0.0.1", NULL },
    { "Probe=https://127.0.0.1/", NULL },
    { "Probe=https://[::1]:8443 proxy=v1 smtp://localhost:25 tls://192.0.2.1:993", NULL },
    { "Probe=https://www.example.com", "address of this machine" },
    { "Probe=https://0.0.0.0", "address of this machine" },
    { "Probe=https://[::]", "address of this machine" },
    { "Probe=https://224.0.0.1", "address of this machine" },
    { "Probe=https://[ff02::1]", "address of this machine" },
    { "Probe=https://[::1", "address of this machine" },
    { "Probe=https://::1", "address of this machine" },
    { "Probe=https://", "address of this machine" },
    { "Probe=https://user@127.0.0.1", "address of this machine" },
    { "Probe=https://127.0.0.1/health", "continues" },
    { "Probe=https://127.0.0.1x", "address of this machine" },
    { "Probe=https://127.0.0.1:0", "port" },
    { "Probe=https://127.0.0.1:65536", "port" },
    { "Probe=https://127.0.0.1:123456789", "port" },
    { "Probe=https://127.0.0.1:", "port" },
    { "Probe=tls://127.0.0.1", "no port" },
    { "Probe=ftp://127.0.0.1", "schemes" },
    { "Probe=127.0.0.1:443", "schemes" },
    { "Probe=averyveryverylongscheme://127.0.0.1", "schemes" },
    { "Probe=proxy=v1", "schemes" },
    { "Probe=https://127.0.0.1 proxy=v2", "schemes" },
    { "ProbeTimeout=1s", NULL },
    { "ProbeTimeout=10min", NULL },
    { "ProbeTimeout=0", "between 1 and 600" },
    { "ProbeTimeout=601s", "between 1 and 600" },
    { "ProbeTimeout=", "between 1 and 600" },
};

/* A refused value keeps everything from being deployed, and is told with its line. */
static void test_values(void)
{
    for (size_t i = 0; i < ELEMENTSOF(values); i++) {
        _cleanup_modules_ Modules m;
        g_autofree char *text = g_strdup_printf("ChainFile=/etc/c\n%s\n", values[i].line);
        bool fine = !values[i].complaint;
        DeploySettings s = {};

        modules_init(&m);
        load(&m, text);
        if (m.n_complaints != !fine || (!fine && !strstr(m.complaints->str, values[i].complaint)) ||
            (!fine && !g_str_has_prefix(m.complaints->str, "web.conf:4:")))
            note_failure("%s: %s", values[i].line, m.complaints->str);
        if (module_deploy_settings(m.config->modules, "a.example", &s) != fine)
            note_failure("%s: it is %sdeployed", values[i].line, fine ? "not " : "");
        deploy_settings_done(&s);
    }
}

static void test_all_keys(void)
{
    _cleanup_deploy_settings_ DeploySettings s = {};
    _cleanup_modules_ Modules m;

    modules_init(&m);
    load(&m, "FullChainFile=//etc//x/full\nCertificateFile=/etc/x/leaf\nChainFile=/etc/x/chain\n"
             "KeyFile=/etc/x/key\nCombinedFile=/etc/x/all\nCombinedOrder=key-chain\nRootFile=/etc/x/root\n"
             "Owner=root\nGroup=ssl-cert\nMode=0640\nProbeTimeout=30s\n");
    s = modules_settings(&m, "web", "a.example");
    g_assert_cmpuint(m.n_complaints, ==, 0);
    g_assert_cmpstr(s.name, ==, "a.example");
    g_assert_cmpstr(s.files[DEPLOY_FULL_CHAIN], ==, "/etc/x/full");
    g_assert_cmpstr(s.files[DEPLOY_CERTIFICATE], ==, "/etc/x/leaf");
    g_assert_cmpstr(s.files[DEPLOY_CHAIN], ==, "/etc/x/chain");
    g_assert_cmpstr(s.files[DEPLOY_KEY], ==, "/etc/x/key");
    g_assert_cmpstr(s.files[DEPLOY_COMBINED], ==, "/etc/x/all");
    g_assert_cmpstr(s.files[DEPLOY_ROOT], ==, "/etc/x/root");
    g_assert_cmpstr(s.owner, ==, "root");
    g_assert_cmpstr(s.group, ==, "ssl-cert");
    g_assert_cmpuint(s.mode, ==, 0640);
    g_assert_cmpint(s.combined_order, ==, COMBINED_KEY_CHAIN);
    g_assert_cmpint(s.probe_timeout, ==, 30);
}

static void test_defaults(void)
{
    _cleanup_deploy_settings_ DeploySettings s = {};
    _cleanup_modules_ Modules m;

    modules_init(&m);
    load(&m, "KeyFile=/etc/x/key\n");
    s = modules_settings(&m, "web", "a.example");
    g_assert_null(s.owner);
    g_assert_null(s.group);
    g_assert_true(s.mode == MODE_AS_BEFORE);
    g_assert_cmpint(s.combined_order, ==, COMBINED_CHAIN_KEY);
    g_assert_cmpuint(s.n_steps, ==, 0);
    g_assert_cmpuint(s.n_probes, ==, 0);
    g_assert_cmpint(s.probe_timeout, ==, PROBE_TIMEOUT_DEFAULT);
}

static char *steps_text(const DeploySettings *s)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < s->n_steps; i++)
        g_string_append_printf(text, "%s=%s ", unit_action_to_string(s->steps[i].action), s->steps[i].unit);
    return g_string_free(text, FALSE);
}

static void assert_steps(const char *lines, const char *expected)
{
    _cleanup_modules_ Modules m;
    g_autofree char *text = g_strdup_printf("KeyFile=/k\n%s", lines), *steps = NULL;
    _cleanup_deploy_settings_ DeploySettings s = {};

    modules_init(&m);
    load(&m, text);
    s = modules_settings(&m, "web", "a.example");
    steps = steps_text(&s);
    g_assert_cmpstr(steps, ==, expected);
}

/* The order of the lines is that of the steps; a reset forgets refused lines, too. */
static void test_steps(void)
{
    assert_steps("Start=c.service\nReload=a.service b.service\nStart=c.service\nRestart=a.service\n",
                 "Start=c.service Reload=a.service Reload=b.service Restart=a.service ");
    assert_steps("Start=c.service\nReload=oops\nReload=\nRestart=a.service\n", "Restart=a.service ");
    assert_steps("Reload=a.service\nRestart=\n", "");
}

static void test_lists_that_lost_a_line(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    load(&m, "KeyFile=/k\nReload=oops\nReload=a.service\n");
    assert_not_deployed(&m, "web", "a.example", "Reload=");
    load(&m, "KeyFile=/k\nProbe=oops\nProbe=https://127.0.0.1\n");
    assert_not_deployed(&m, "web", "a.example", "Probe=");
    load(&m, "KeyFile=/k\nProbe=oops\nProbe=\nMode=oops\nMode=0600\n");
    g_assert_cmpuint(m.n_complaints, ==, 2);
    deploy_settings_done(&(DeploySettings[]){ modules_settings(&m, "web", "a.example") }[0]);
}

static void test_probes(void)
{
    _cleanup_deploy_settings_ DeploySettings s = {};
    _cleanup_modules_ Modules m;

    modules_init(&m);
    load(&m,
         "KeyFile=/k\nProbe=tls://127.0.0.1:1\nProbe=\nProbe=https://[0:0::1] proxy=v1 imap://127.0.0.2\n"
         "Probe=pop3://localhost:1100/\n");
    s = modules_settings(&m, "web", "a.example");
    g_assert_cmpuint(s.n_probes, ==, 3);
    g_assert_cmpint(s.probes[0].scheme, ==, PROBE_HTTPS);
    g_assert_cmpstr(s.probes[0].host, ==, "::1");
    g_assert_cmpuint(s.probes[0].port, ==, 443);
    g_assert_true(s.probes[0].proxy_v1);
    g_assert_cmpint(s.probes[1].scheme, ==, PROBE_IMAP);
    g_assert_cmpuint(s.probes[1].port, ==, 143);
    g_assert_false(s.probes[1].proxy_v1);
    g_assert_cmpint(s.probes[2].scheme, ==, PROBE_POP3);
    g_assert_cmpstr(s.probes[2].host, ==, "localhost");
    g_assert_cmpuint(s.probes[2].port, ==, 1100);
}

/* n lines, each with its number between two texts. */
static void load_many(Modules *m, const char *before, const char *behind, int n)
{
    GString *text = g_string_new("KeyFile=/k\n");

    for (int i = 1; i <= n; i++)
        g_string_append_printf(text, "%s%d%s\n", before, i, behind);
    load(m, text->str);
    g_string_free(text, TRUE);
}

static void test_limits(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    load_many(&m, "Reload=u", ".service", LIMIT_DEPLOY_STEPS);
    g_assert_cmpuint(m.n_complaints, ==, 0);
    load_many(&m, "Reload=u", ".service", LIMIT_DEPLOY_STEPS + 1);
    g_assert_cmpuint(m.n_complaints, ==, 1);
    assert_not_deployed(&m, "web", "a.example", "Reload=");
    load_many(&m, "Probe=tls://127.0.0.1:", "", LIMIT_DEPLOY_PROBES);
    g_assert_cmpuint(m.n_complaints, ==, 0);
    load_many(&m, "Probe=tls://127.0.0.1:", "", LIMIT_DEPLOY_PROBES + 1);
    g_assert_cmpuint(m.n_complaints, ==, 1);
    assert_not_deployed(&m, "web", "a.example", "Probe=");
}

static void test_unknown_keys(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    load(&m, "KeyFile=/k\nLive=x\nWindow=Sun\n[Deploy ..]\nKeyFile=/x\n");
    g_assert_cmpuint(m.n_complaints, ==, 3);
    deploy_settings_done(&(DeploySettings[]){ modules_settings(&m, "web", "a.example") }[0]);
}

static void test_names_of_keys(void)
{
    g_assert_cmpstr(deploy_key_to_string(DEPLOY_KEY_START), ==, "Start");
    g_assert_cmpstr(deploy_key_to_string(DEPLOY_KEY_PROBE_TIMEOUT), ==, "ProbeTimeout");
    g_assert_null(deploy_key_to_string(_DEPLOY_KEY_MAX));
    for (DeployFile f = 0; f < _DEPLOY_FILE_MAX; f++)
        g_assert_cmpstr(deploy_key_to_string((DeployKey)f), ==, deploy_file_to_string(f));
    for (UnitAction a = 0; a < _UNIT_ACTION_MAX; a++)
        g_assert_cmpstr(deploy_key_to_string(DEPLOY_KEY_RELOAD + a), ==, unit_action_to_string(a));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/deploy-section/values", test_values);
    g_test_add_func("/deploy-section/all-keys", test_all_keys);
    g_test_add_func("/deploy-section/defaults", test_defaults);
    g_test_add_func("/deploy-section/steps", test_steps);
    g_test_add_func("/deploy-section/lists-that-lost-a-line", test_lists_that_lost_a_line);
    g_test_add_func("/deploy-section/probes", test_probes);
    g_test_add_func("/deploy-section/limits", test_limits);
    g_test_add_func("/deploy-section/unknown-keys", test_unknown_keys);
    g_test_add_func("/deploy-section/names-of-keys", test_names_of_keys);
    return g_test_run();
}
