/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy-fixture.h"

/* Settings that cannot be used as a whole: nothing is deployed, and it is said why. */

static void assert_complaints(const Modules *m, unsigned n, const char *part)
{
    if (m->n_complaints != n || (part && !strstr(m->complaints->str, part)))
        note_failure("%u complaints, not %u with \"%s\":\n%s", m->n_complaints, n, strempty(part),
                     m->complaints->str);
}

static void assert_deployed(const Modules *m, const char *module, const char *name)
{
    _cleanup_deploy_settings_ DeploySettings s = modules_settings(m, module, name);

    g_assert_cmpstr(s.name, ==, name);
}

/* Two modules with one file, of whatever kinds. */
static void test_two_modules(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(&m, "mail", "[Certificate a.example]\n[Deploy]\nFullChainFile=/etc/x/a.example\n");
    modules_write(&m, "web",
                  "[Certificate a.example]\n[Certificate b.example]\n[Deploy]\nKeyFile=/etc//x/%n\n");
    modules_load(&m);
    assert_complaints(
        &m, 1,
        "web.conf:3:KeyFile: KeyFile=/etc/x/a.example is also the FullChainFile= of a.example in "
        "module mail");
    assert_not_deployed(&m, "mail", "a.example",
                        "FullChainFile=/etc/x/a.example is also the KeyFile= of a.example in module web");
    assert_not_deployed(&m, "web", "a.example", "module mail");
    assert_deployed(&m, "web", "b.example");
}

/* A path without %n is one file for all; one complaint tells it. */
static void test_no_specifier(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(
        &m, "web",
        "[Certificate a.example]\n[Certificate b.example]\n[Certificate c.example]\n[Certificate d.example]\n"
        "[Deploy]\nKeyFile=/etc/key\nFullChainFile=/etc/%n\n[Deploy d.example]\nKeyFile=/etc/other\n");
    modules_load(&m);
    assert_complaints(&m, 1, "web.conf:5:KeyFile: ");
    assert_not_deployed(&m, "web", "a.example", "of b.example in module web");
    assert_not_deployed(&m, "web", "b.example", "of a.example in module web");
    assert_not_deployed(&m, "web", "c.example", "of a.example in module web");
    assert_deployed(&m, "web", "d.example");
}

static void test_twins(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(
        &m, "web",
        "[Certificate a.example]\n[Certificate b.example]\n[Deploy]\nKeyFile=/x/%n\nFullChainFile=/x/%n\n"
        "[Deploy b.example]\nFullChainFile=/y/b.example\nRootFile=/y/%n\nKeyFile=/x/k\n");
    modules_load(&m);
    assert_complaints(&m, 2, "web.conf:3:KeyFile: FullChainFile= and KeyFile= are the same file");
    assert_complaints(&m, 2,
                      "web.conf:6:RootFile: RootFile=/y/b.example is also the FullChainFile= of b.example");
    assert_not_deployed(&m, "web", "a.example", "are the same file");
    assert_not_deployed(&m, "web", "b.example", "FullChainFile= of b.example");
}

static void test_keys_for_all(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(&m, "web",
                  "[Certificate a.example]\n[Certificate b.example]\n[Certificate c.example]\n[Deploy]\n"
                  "CombinedFile=/x/%n\nMode=0644\n[Deploy b.example]\nMode=0640\n[Deploy c.example]\n"
                  "CombinedFile=\nFullChainFile=/x/c\n");
    modules_load(&m);
    assert_complaints(&m, 1, "web.conf:4:Mode: With mode 0644");
    assert_not_deployed(&m, "web", "a.example", "read the private key");
    assert_deployed(&m, "web", "b.example");
    assert_deployed(&m, "web", "c.example");
}

/* The section without a name is only judged where it is used. */
static void test_no_files(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(&m, "web", "[Certificate a.example]\n[Deploy]\nReload=a.service\n");
    modules_write(&m, "wifi",
                  "[Certificate a.example]\n[Deploy]\nReload=a.service\n[Deploy a.example]\nKeyFile=/k\n");
    modules_load(&m);
    assert_complaints(&m, 1, "web.conf:2:: No file");
    assert_not_deployed(&m, "web", "a.example", "No file");
    assert_deployed(&m, "wifi", "a.example");
}

static void test_no_certificate(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(&m, "web", "[Certificate a.example]\n[Deploy b.example]\nKeyFile=/k\n");
    modules_load(&m);
    assert_complaints(&m, 1, "web.conf:2:: there is no [Certificate b.example]");
    assert_not_deployed(&m, "web", "a.example", NULL);
    assert_not_deployed(&m, "web", "b.example", NULL);
}

/* A refused value counts where it is used, and is not told twice. */
static void test_refused_values(void)
{
    _cleanup_modules_ Modules m;

    modules_init(&m);
    modules_write(&m, "web",
                  "[Certificate a.example]\n[Certificate b.example]\n[Certificate c.example]\n[Deploy]\n"
                  "KeyFile=/x/%n\nMode=oops\n[Deploy b.example]\nMode=0600\n[Deploy c.example]\nMode=0600\n"
                  "Owner=:\n");
    modules_load(&m);
    assert_complaints(&m, 2, NULL);
    assert_not_deployed(&m, "web", "a.example", "Mode=");
    assert_deployed(&m, "web", "b.example");
    assert_not_deployed(&m, "web", "c.example", "Owner=");
}

static void test_long_paths(void)
{
    g_autofree char *label = g_strnfill(60, 'x'), *text = NULL, *name = NULL, *folder = g_strnfill(200, 'd');
    _cleanup_modules_ Modules m;

    name = g_strdup_printf("%s.%s.%s.example", label, label, label);
    text = g_strdup_printf("[Certificate a.example]\n[Certificate %s]\n[Deploy]\nKeyFile=/%s/%%n-%%n\n",
                           name, folder);
    modules_init(&m);
    modules_write(&m, "web", text);
    modules_load(&m);
    assert_complaints(&m, 1, "web.conf:3:KeyFile: ");
    assert_not_deployed(&m, "web", name, "too long");
    assert_deployed(&m, "web", "a.example");
}

/* Of thousands, some are listed. */
static void test_many(void)
{
    GString *text = g_string_new("[Deploy]\nFullChainFile=/x/%n\n");
    _cleanup_modules_ Modules m;

    modules_init(&m);
    for (int i = 0; i < 5000; i++)
        g_string_append_printf(text, "[Certificate n%d.example]\n[Deploy n%d.example]\nKeyFile=/k%d\n", i, i,
                               i / 2);
    modules_write(&m, "web", text->str);
    modules_load(&m);
    g_string_free(text, TRUE);
    assert_complaints(&m, LIMIT_CONFIG_ERRORS + 1, "there are more errors");
    assert_not_deployed(&m, "web", "n4999.example", "of n4998.example");
    assert_not_deployed(&m, "web", "n0.example", "of n1.example");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/deploy-flaws/two-modules", test_two_modules);
    g_test_add_func("/deploy-flaws/no-specifier", test_no_specifier);
    g_test_add_func("/deploy-flaws/twins", test_twins);
    g_test_add_func("/deploy-flaws/keys-for-all", test_keys_for_all);
    g_test_add_func("/deploy-flaws/no-files", test_no_files);
    g_test_add_func("/deploy-flaws/no-certificate", test_no_certificate);
    g_test_add_func("/deploy-flaws/refused-values", test_refused_values);
    g_test_add_func("/deploy-flaws/long-paths", test_long_paths);
    g_test_add_func("/deploy-flaws/many", test_many);
    return g_test_run();
}
