/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy-fixture.h"

#include <sys/stat.h>

/* The settings of a module for one of its certificates. */

#define CERTIFICATES "[Certificate a.example]\n[Certificate *.b.example]\n[Certificate 192.0.2.7]\n"

static void assert_file(const Modules *m, const char *name, DeployFile file, const char *path)
{
    _cleanup_deploy_settings_ DeploySettings s = modules_settings(m, "web", name);

    g_assert_cmpstr(s.files[file], ==, path);
}

static void test_expansion(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(&m, "web", CERTIFICATES "[Deploy]\nKeyFile=/x/%n/100%%n/%n.key\n");
    modules_load(&m);
    g_assert_cmpuint(m.n_complaints, ==, 0);
    assert_file(&m, "a.example", DEPLOY_KEY, "/x/a.example/100%n/a.example.key");
    assert_file(&m, "*.b.example", DEPLOY_KEY, "/x/_.b.example/100%n/_.b.example.key");
    assert_file(&m, "192.0.2.7", DEPLOY_KEY, "/x/192.0.2.7/100%n/192.0.2.7.key");
}

/* Names in sections are canonical, and %H is the host's. */
static void test_names_of_sections(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(&m, "web",
                  "[Certificate %H.example]\n[Deploy %H.example]\nKeyFile=/h\n"
                  "[Certificate b.example]\n[Deploy  B.Example.]\nKeyFile=/b\n");
    modules_load(&m);
    g_assert_cmpuint(m.n_complaints, ==, 0);
    assert_file(&m, "b.example", DEPLOY_KEY, "/b");
    assert_file(&m, m.config->modules[0].claims[0].name, DEPLOY_KEY, "/h");
}

static void test_units(void)
{
    _cleanup_modules_ Modules m;
    _cleanup_strv_ char **units = NULL;
    _cleanup_free_ char *text = NULL;

    modules_init(&m);
    modules_write(&m, "web",
                  CERTIFICATES
                  "[Deploy]\nReload=b.service a.service\n[Deploy a.example]\nRestart=c.service b.service\n");
    modules_load(&m);
    g_assert_cmpint(module_units(m.config->modules, &units), ==, 0);
    text = strv_join(units, " ");
    g_assert_cmpstr(text, ==, "b.service a.service c.service");
}

static void test_overrides(void)
{
    _cleanup_deploy_settings_ DeploySettings own = {}, all = {};
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(&m, "web",
                  CERTIFICATES
                  "[Deploy *.b.example]\nKeyFile=\nMode=0640\nRestart=other.service\nProbe=\n"
                  "FullChainFile=/own\n[Deploy]\nFullChainFile=/x/%n\nKeyFile=/k/%n\nOwner=www\n"
                  "Mode=0600\nReload=all.service\nProbe=https://127.0.0.1\nProbeTimeout=7s\n"
                  "CombinedOrder=key-chain\n");
    modules_load(&m);
    g_assert_cmpuint(m.n_complaints, ==, 0);
    own = modules_settings(&m, "web", "*.b.example");
    g_assert_cmpstr(own.files[DEPLOY_FULL_CHAIN], ==, "/own");
    g_assert_null(own.files[DEPLOY_KEY]);
    g_assert_cmpstr(own.owner, ==, "www");
    g_assert_cmpuint(own.mode, ==, 0640);
    g_assert_cmpuint(own.n_steps, ==, 1);
    g_assert_cmpint(own.steps[0].action, ==, UNIT_RESTART);
    g_assert_cmpstr(own.steps[0].unit, ==, "other.service");
    g_assert_cmpuint(own.n_probes, ==, 0);
    g_assert_cmpint(own.probe_timeout, ==, 7);
    g_assert_cmpint(own.combined_order, ==, COMBINED_KEY_CHAIN);
    all = modules_settings(&m, "web", "a.example");
    g_assert_cmpstr(all.files[DEPLOY_FULL_CHAIN], ==, "/x/a.example");
    g_assert_cmpstr(all.steps[0].unit, ==, "all.service");
    g_assert_cmpuint(all.n_probes, ==, 1);
}

/* A drop-in adds to lists and replaces other values. */
static void test_drop_ins(void)
{
    _cleanup_deploy_settings_ DeploySettings s = {};
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(&m, "web",
                  "[Certificate a.example]\n[Deploy]\nKeyFile=/k\nMode=0600\nReload=a.service\nOwner=x\n");
    folder_write(&m.folder, "modules.d/web.conf.d/1.conf",
                 "[Deploy]\nMode=0640\nReload=b.service\n[Deploy a.example]\nOwner=\n");
    modules_load(&m);
    s = modules_settings(&m, "web", "a.example");
    g_assert_cmpuint(s.mode, ==, 0640);
    g_assert_cmpuint(s.n_steps, ==, 2);
    g_assert_null(s.owner);
}

/* The configuration of a module has them, and not registrations: those are another user's. */
static void test_nothing(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(&m, "web", "[Certificate a.example]\n[Deploy]\nKeyFile=/%n\n");
    modules_write(&m, "plain", "[Certificate a.example]\n");
    modules_write(&m, "empty", "[Deploy]\nKeyFile=/%n\n");
    modules_load(&m);
    g_assert_cmpuint(m.n_complaints, ==, 0);
    assert_not_deployed(&m, "web", "registered.example", NULL);
    assert_not_deployed(&m, "plain", "a.example", NULL);
    assert_not_deployed(&m, "empty", "a.example", NULL);
}

static void test_copies(void)
{
    _cleanup_deploy_settings_ DeploySettings s = {}, copy = {};
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(&m, "web",
                  "[Certificate a.example]\n[Deploy a.example]\nKeyFile=/k\nMode=0640\nStart=a.service\n"
                  "Probe=smtp://127.0.0.1 proxy=v1\n");
    modules_load(&m);
    g_assert_cmpint(deploy_settings_copy(m.config->modules[0].deploys, &copy), ==, 0);
    g_assert_cmpstr(copy.name, ==, "a.example");
    g_assert_cmpstr(copy.files[DEPLOY_KEY], ==, "/k");
    g_assert_cmpuint(copy.mode, ==, 0640);
    g_assert_cmpstr(copy.steps[0].unit, ==, "a.service");
    g_assert_true(copy.steps[0].unit != m.config->modules[0].deploys[0].steps[0].unit);
    g_assert_cmpuint(copy.probes[0].port, ==, 25);
    g_assert_true(copy.probes[0].proxy_v1);
    g_assert_cmpuint(copy.given, ==, m.config->modules[0].deploys[0].given);
    g_assert_cmpuint(copy.line, ==, 2);
    s = modules_settings(&m, "web", "a.example");
}

/* A module whose file cannot be read keeps its settings, and its claim to files. */
static void test_kept(void)
{
    _cleanup_modules_ Modules m;
    g_autofree char *path = NULL;
    g_autofree char *large = g_strnfill(LIMIT_CONFIG_FILE + 1, '#');

    modules_init(&m);
    path = folder_path(&m.folder, "modules.d/web.conf");
    modules_write(
        &m, "web",
        "[Certificate b.example]\n[Certificate a.example]\n[Deploy]\nKeyFile=/x/%n\nReload=a.service\n"
        "[Deploy a.example]\nKeyFile=/a\n");
    modules_load(&m);
    modules_write(&m, "web", large);
    modules_load(&m);
    g_assert_cmpuint(m.n_complaints, ==, 1);
    assert_file(&m, "a.example", DEPLOY_KEY, "/a");
    assert_file(&m, "b.example", DEPLOY_KEY, "/x/b.example");
    modules_write(&m, "other", "[Certificate c.example]\n[Deploy]\nKeyFile=/a\n");
    modules_load(&m);
    assert_not_deployed(&m, "other", "c.example", "module web");
    assert_not_deployed(&m, "web", "a.example", "module other");
    assert_file(&m, "b.example", DEPLOY_KEY, "/x/b.example");
}

static char *data_read(const char *folder, const char *name)
{
    g_autofree char *path = g_strconcat(DATA "/", folder, "/", name, NULL);
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

/* Cockpit has no lines of its own: it reads the last pair of a folder. */
static void assert_cockpit(void)
{
    static const char folder[] = "/etc/cockpit/ws-certs.d/";
    g_autofree char *template = data_read("modules", "cockpit.conf");
    _cleanup_deploy_settings_ DeploySettings s = {};
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(&m, "cockpit", template);
    folder_write(&m.folder, "modules.d/cockpit.conf.d/a.conf", "[Certificate a.example]\n");
    modules_load(&m);
    g_assert_cmpstr(m.complaints->str, ==, "");
    s = modules_settings(&m, "cockpit", "a.example");
    g_assert_true(g_str_has_prefix(s.files[DEPLOY_FULL_CHAIN], folder));
    g_assert_true(g_str_has_suffix(s.files[DEPLOY_FULL_CHAIN], "/a.example.crt"));
    g_assert_true(g_str_has_suffix(s.files[DEPLOY_KEY], "/a.example.key"));
    g_assert_cmpuint(s.mode, ==, 0600);
    g_assert_cmpuint(s.n_probes, ==, 1);
}

/* A template and the lines of the service, as "certwright enable" uses them: they name the same file. */
static void assert_template(const char *service, const char *snippet)
{
    g_autofree char *name = g_strconcat(service, ".conf", NULL), *drop_in = NULL, *template = NULL,
                    *lines = NULL, *folder = NULL;
    _cleanup_deploy_settings_ DeploySettings a = {}, b = {};
    _cleanup_modules_ Modules m;

    template = data_read("modules", name);
    lines = data_read("snippets", snippet);
    drop_in = g_strdup_printf("modules.d/%s.conf.d/a.conf", service);
    modules_init(&m);
    modules_write(&m, service, template);
    modules_load(&m);
    g_assert_cmpstr(m.complaints->str, ==, "");
    folder_write(&m.folder, drop_in,
                 "[Certificate a.example]\n[Certificate %n.example]\n[Certificate *.b.example]\n");
    modules_load(&m);
    g_assert_cmpuint(m.n_complaints, ==, 1); /* %n is not for names */
    a = modules_settings(&m, service, "a.example");
    b = modules_settings(&m, service, "*.b.example");
    folder = g_strdup_printf("/etc/ssl/certwright/%s/", service);
    g_assert_true(g_str_has_prefix(a.files[DEPLOY_COMBINED], folder));
    g_assert_true(g_str_has_suffix(b.files[DEPLOY_COMBINED], "/_.b.example.pem"));
    g_assert_nonnull(strstr(lines, folder));
    g_assert_cmpuint(a.mode, ==, 0600);
    g_assert_cmpint(a.combined_order, ==,
                    streq(service, "postfix") ? COMBINED_KEY_CHAIN : COMBINED_CHAIN_KEY);
    g_assert_cmpuint(a.n_steps, ==, 1);
    g_assert_cmpuint(a.n_probes, ==, 1);
    g_assert_nonnull(modules_get(&m, service)->description);
}

static void test_templates(void)
{
    GDir *folder = g_dir_open(DATA "/modules", 0, NULL);
    unsigned n = 0;

    while (g_dir_read_name(folder))
        n++;
    g_dir_close(folder);
    g_assert_cmpuint(n, ==, 6);
    assert_template("nginx", "nginx-tls.conf");
    assert_template("apache2", "apache-tls.conf");
    assert_template("haproxy", "haproxy-tls.cfg");
    assert_template("postfix", "postfix.cf");
    assert_template("dovecot", "dovecot.conf");
    assert_cockpit();
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/config-deploy/expansion", test_expansion);
    g_test_add_func("/config-deploy/names-of-sections", test_names_of_sections);
    g_test_add_func("/config-deploy/units", test_units);
    g_test_add_func("/config-deploy/overrides", test_overrides);
    g_test_add_func("/config-deploy/drop-ins", test_drop_ins);
    g_test_add_func("/config-deploy/nothing", test_nothing);
    g_test_add_func("/config-deploy/copies", test_copies);
    g_test_add_func("/config-deploy/kept", test_kept);
    g_test_add_func("/config-deploy/templates", test_templates);
    return g_test_run();
}
