/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/limits.h"
#include "manager/manager-internal.h"

/* From the configuration, and from registrations, to what is wanted of each certificate. */

static void on_done(Certificate *c _unused_, RequestResult result _unused_, const Problem *problem _unused_,
                    void *userdata _unused_)
{
    g_assert_not_reached();
}

static void test_register(void)
{
    _cleanup_service_ Service s = {};
    char *names[] = { S("IMAP.example.com"), S("imap.example.com."), S("2001:DB8::1"), NULL };
    g_autofree char *before = NULL;
    Certificate *c;

    service_init(&s);
    service_start(&s);
    g_assert_cmpint(service_register(&s, "mail", "Mail.Example.com", names, KEY_TYPE_RSA_2048), ==,
                    PROBLEM_NONE);
    service_assert_served(&s, "mail.example.com", SOURCE_LOCAL);
    c = service_find(&s, "mail.example.com");
    g_assert_cmpuint(certificate_chain(c)->n_names, ==, 3);
    g_assert_cmpint(certificate_chain(c)->key_type, ==, KEY_TYPE_RSA_2048);
    g_assert_cmpstr(certificate_chain(c)->names[2], ==, "2001:db8::1");
    before = service_copy_fingerprint(&s, "mail.example.com");
    /* the same once more changes no chain */
    g_assert_cmpint(service_register(&s, "mail", "mail.example.com", names, KEY_TYPE_RSA_2048), ==,
                    PROBLEM_NONE);
    g_assert_cmpstr(service_fingerprint(&s, "mail.example.com"), ==, before);
    service_restart(&s);
    g_assert_cmpstr(service_fingerprint(&s, "mail.example.com"), ==, before);
    g_assert_cmpuint(service_find(&s, "mail.example.com")->record->n_registrations, ==, 1);
    /* a second module shares it, with the names of both */
    g_assert_cmpint(service_register(&s, "web", "mail.example.com", (char *[]){ S("www.example.com"), NULL },
                                     _KEY_TYPE_INVALID),
                    ==, PROBLEM_NONE);
    g_assert_cmpuint(certificate_chain(service_find(&s, "mail.example.com"))->n_names, ==, 4);
    g_assert_cmpint(service_unregister(&s, "mail", "mail.example.com"), ==, PROBLEM_NONE);
    g_assert_cmpuint(certificate_chain(service_find(&s, "mail.example.com"))->n_names, ==, 2);
    g_assert_cmpint(service_unregister(&s, "mail", "mail.example.com"), ==, PROBLEM_NO_SUCH_CERTIFICATE);
    g_assert_cmpint(service_unregister(&s, "web", "mail.example.com"), ==, PROBLEM_NONE);
    service_settle_to(&s, 0);
}

static void test_register_refused(void)
{
    _cleanup_service_ Service s = {};
    char *many[LIMIT_NAMES + 1] = {};
    g_autofree char *module = g_strnfill(LIMIT_MODULE_NAME + 1, 'm');

    service_init(&s);
    service_start(&s);
    service_settle(&s);
    for (int i = 0; i < LIMIT_NAMES; i++)
        many[i] = g_strdup_printf("n%d.example", i);
    g_assert_cmpint(service_register(&s, "m", "../..", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_INVALID_NAME);
    g_assert_cmpint(
        service_register(&s, "m", "a.example", (char *[]){ S("b..example"), NULL }, _KEY_TYPE_INVALID), ==,
        PROBLEM_INVALID_NAME);
    g_assert_cmpint(service_register(&s, "../m", "a.example", NULL, _KEY_TYPE_INVALID), ==,
                    PROBLEM_INVALID_ARGUMENT);
    g_assert_cmpint(service_register(&s, module, "a.example", NULL, _KEY_TYPE_INVALID), ==,
                    PROBLEM_INVALID_ARGUMENT);
    g_assert_cmpint(service_register(&s, "m", "a.example", NULL, KEY_TYPE_ECDSA_P521), ==,
                    PROBLEM_INVALID_ARGUMENT);
    g_assert_cmpint(service_register(&s, "m", "a.example", many, _KEY_TYPE_INVALID), ==,
                    PROBLEM_LIMITS_EXCEEDED);
    g_assert_cmpuint(manager_model(s.manager)->n_published, ==, 0);
    g_assert_false(folder_has(&s.state, "certificates/a.example"));
    /* LIMIT_NAMES with the primary one, and one more by another module */
    g_free(TAKE_PTR(many[LIMIT_NAMES - 1]));
    g_assert_cmpint(service_register(&s, "m", "a.example", many, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    g_assert_cmpuint(certificate_chain(service_find(&s, "a.example"))->n_names, ==, LIMIT_NAMES);
    g_assert_cmpint(
        service_register(&s, "n", "a.example", (char *[]){ S("one-more.example"), NULL }, _KEY_TYPE_INVALID),
        ==, PROBLEM_LIMITS_EXCEEDED);
    g_assert_cmpint(
        service_register(&s, "n", "a.example", (char *[]){ S("n7.example"), NULL }, _KEY_TYPE_INVALID), ==,
        PROBLEM_NONE);
    for (int i = 0; i < LIMIT_NAMES; i++)
        g_free(many[i]);
}

static void test_limit_registrations(void)
{
    _cleanup_service_ Service s = {};

    service_init(&s);
    service_start(&s);
    for (int i = 0; i <= LIMIT_REGISTRATIONS; i++) {
        g_autofree char *module = g_strdup_printf("m%d", i);

        g_assert_cmpint(service_register(&s, module, "a.example", NULL, _KEY_TYPE_INVALID), ==,
                        i < LIMIT_REGISTRATIONS ? PROBLEM_NONE : PROBLEM_LIMITS_EXCEEDED);
    }
    service_restart(&s);
    g_assert_cmpuint(service_find(&s, "a.example")->record->n_registrations, ==, LIMIT_REGISTRATIONS);
}

static void test_reload(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *before = NULL;

    service_start_with(&s, MODULE_WWW);
    before = service_copy_fingerprint(&s, "www.example.com");
    service_reload(&s);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), ==, before);
    service_write_module(
        &s, "mail", "[Certificate mail.example.com]\nKeyType=ecdsa-p384\nExtendedKeyUsage=clientAuth\n");
    service_reload(&s);
    g_assert_cmpuint(manager_model(s.manager)->n_published, ==, 2);
    g_assert_cmpint(certificate_chain(service_find(&s, "mail.example.com"))->key_type, ==,
                    KEY_TYPE_ECDSA_P384);
    g_assert_cmpuint(service_find(&s, "mail.example.com")->record->slots[SOURCE_LOCAL].purposes, ==,
                     PURPOSE_CLIENT_AUTH);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), ==, before);
    /* another key type makes another chain */
    service_write_module(&s, "mail", "[Certificate mail.example.com]\nKeyType=ed25519\n");
    service_reload(&s);
    g_assert_cmpint(certificate_chain(service_find(&s, "mail.example.com"))->key_type, ==, KEY_TYPE_ED25519);
    /* another name in the module */
    service_write_module(&s, "web", MODULE_WWW "AlternativeNames=a.example.com\n");
    service_reload(&s);
    g_assert_cmpuint(certificate_chain(service_find(&s, "www.example.com"))->n_names, ==, 3);
    /* a module goes */
    folder_remove(&s.config, "modules.d/mail.conf");
    service_reload(&s);
    g_assert_cmpuint(manager_model(s.manager)->n_published, ==, 1);
    g_assert_cmpuint(s.n_removed, ==, 1);
    g_assert_null(model_find(manager_model(s.manager), "mail.example.com"));
    g_assert_true(pair_is_whole(&s.state, "certificates/mail.example.com/current", RECORD_CERTIFICATE));
}

static bool has_mail(void *userdata)
{
    Service *s = userdata;

    return model_find(manager_model(s->manager), "mail.example.com") &&
           certificate_chain(model_find(manager_model(s->manager), "mail.example.com"));
}

/* Without being told: the folder is watched. */
static void test_watched(void)
{
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    service_write_module(&s, "mail", "[Certificate mail.example.com]\n");
    loop_until(s.event, has_mail, &s);
}

static void test_settings(void)
{
    _cleanup_service_ Service s = {};
    const Chain *chain;

    service_init(&s);
    folder_write(&s.config, "certwright.conf",
                 "[Local]\nKeyType=ecdsa-p384\nRootKeyType=ecdsa-p384\nLeafLifetime=10d\n"
                 "RootLifetime=2y\nOrganization=Org\n");
    service_write_module(&s, "web", MODULE_WWW);
    service_start(&s);
    service_settle(&s);
    chain = certificate_chain(manager_model(s.manager)->root);
    g_assert_cmpint(chain->key_type, ==, KEY_TYPE_ECDSA_P384);
    g_assert_nonnull(strstr(chain_leaf(chain)->subject, "O=Org"));
    g_assert_cmpint(chain_leaf(chain)->not_after - chain_leaf(chain)->not_before, ==, 2 * YEAR + HOUR);
    chain = certificate_chain(service_find(&s, "www.example.com"));
    g_assert_cmpint(chain->key_type, ==, KEY_TYPE_ECDSA_P384);
    g_assert_cmpint(chain_leaf(chain)->not_after - chain_leaf(chain)->not_before, ==, 10 * DAY - 1);
}

/* LIMIT_CERTIFICATES, and LIMIT_NAMES_SIZE for names of this length: what comes then is left out. */
static void test_limit(gconstpointer userdata)
{
    size_t length = GPOINTER_TO_SIZE(userdata),
           max = MIN((size_t)LIMIT_CERTIFICATES, (size_t)LIMIT_NAMES_SIZE / length);
    g_autoptr(GString) text = g_string_new("");
    _cleanup_problem_ Problem problem = {};
    const RegistrationRequest wish = { .module = "m", .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    _cleanup_service_ Service s = {};

    for (size_t i = 0; i < max + 2; i++) {
        size_t begin = text->len + strlen("[Certificate ");

        g_string_append_printf(text, "[Certificate h%06zu", i);
        while (text->len < begin + length - 2)
            g_string_append(text, (text->len - begin) % 32 ? "x" : ".");
        g_string_append(text, ".x]\n");
    }
    service_init(&s);
    service_write_module(&s, "web", text->str);
    service_start(&s);
    g_assert_cmpuint(manager_model(s.manager)->n_published, ==, max);
    g_assert_cmpint(manager_register(s.manager, "one-more.example.com", &wish, on_done, NULL, &problem), <,
                    0);
    g_assert_cmpint(problem.code, ==, PROBLEM_LIMITS_EXCEEDED);
    g_assert_cmpuint(manager_model(s.manager)->n_published, ==, max);
}

static void abandon(Service *s, const char *name, int64_t when)
{
    g_assert_cmpint(service_register(s, "m", name, NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    g_assert_cmpint(service_unregister(s, "m", name), ==, PROBLEM_NONE);
    model_find_any(manager_model(s->manager), name)->record->abandoned = when;
}

/* What nobody requests any more gives way when room is needed, the oldest first, to a call and to a file; what is still
 * requested does not. */
static void test_room(void)
{
    _cleanup_service_ Service s = {};
    size_t others; /* names that are not there */
    Model *m;

    service_start_with(&s, MODULE_WWW);
    m = manager_model(s.manager);
    abandon(&s, "b.example.com", now_seconds() - 20);
    abandon(&s, "a.example.com", now_seconds() - 10);
    abandon(&s, "c.example.com", now_seconds() - 30);
    others = LIMIT_NAMES_SIZE - m->names_size;
    m->names_size += others;
    g_assert_cmpint(service_register(&s, "m", "d.example.com", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    service_settle_to(&s, 2);
    g_assert_null(model_find_any(m, "c.example.com"));
    g_assert_false(folder_has(&s.state, "certificates/c.example.com"));
    g_assert_nonnull(model_find_any(m, "b.example.com"));
    service_write_module(&s, "more", "[Certificate a.example.com]\n[Certificate e.example.com]\n");
    service_reload(&s);
    g_assert_nonnull(service_find(&s, "a.example.com")); /* the same */
    g_assert_nonnull(service_find(&s, "e.example.com"));
    g_assert_null(model_find_any(m, "b.example.com"));
    g_assert_cmpint(service_register(&s, "m", "f.example.com", NULL, _KEY_TYPE_INVALID), ==,
                    PROBLEM_LIMITS_EXCEEDED);
    service_settle_to(&s, 4);
    g_assert_cmpuint(m->n_leaving, ==, 0);
    m->names_size -= others;
}

static void on_answered(Certificate *c _unused_, RequestResult result, const Problem *problem _unused_,
                        void *userdata)
{
    *(int *)userdata = result;
}

/* Requested again while it is being removed: as if it had never been there. */
static void test_wanted_again(void)
{
    const RegistrationRequest wish = { .module = "m", .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    _cleanup_service_ Service s = {};
    int result = -1;
    Certificate *c;

    service_start_with(&s, MODULE_WWW);
    abandon(&s, "a.example.com", now_seconds());
    c = model_find_any(manager_model(s.manager), "a.example.com");
    model_set_leaving(manager_model(s.manager), c, true);
    g_assert_cmpint(lifecycle_request(s.manager->lifecycle, c, REQUEST_REMOVE, NULL, NULL, NULL), ==, 0);
    g_assert_cmpint(manager_register(s.manager, "a.example.com", &wish, on_answered, &result, NULL), ==, 0);
    service_settle_to(&s, 2);
    g_assert_cmpint(result, ==, RESULT_DONE);
    service_assert_served(&s, "a.example.com", SOURCE_LOCAL);
    g_assert_cmpuint(manager_model(s.manager)->n_leaving, ==, 0);
}

static void on_configured(bool errors, void *userdata)
{
    ((unsigned *)userdata)[errors]++;
}

/* Observers hear of each time it was read, and whether what is wrong is another. */
static void test_errors(void)
{
    static const ManagerObserver observer = { .configured = on_configured };
    _cleanup_service_ Service s = {};
    const ConfigError *errors;
    unsigned n[2] = { 0 };

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpuint(manager_config_errors(s.manager, &errors), ==, 0);
    service_write_module(&s, "bad", "[Certificate bad.example.com]\nKeyTipe=x\n");
    manager_observe(s.manager, &observer, n);
    g_assert_cmpint(manager_reload(s.manager), ==, 0);
    g_assert_cmpint(manager_reload(s.manager), ==, 0);
    g_assert_cmpuint(n[0], ==, 1);
    g_assert_cmpuint(n[1], ==, 1);
    g_assert_cmpuint(manager_config_errors(s.manager, &errors), ==, 1);
    g_assert_true(g_str_has_suffix(errors[0].file, "/modules.d/bad.conf"));
    g_assert_cmpuint(errors[0].line, ==, 2);
    g_assert_cmpstr(errors[0].key, ==, "KeyTipe");
    manager_observe(s.manager, NULL, NULL);
}

/* Names of the modules beyond LIMIT_NAMES are left out, the others are served. */
static void test_limit_names(void)
{
    g_autoptr(GString) module = g_string_new("[Certificate www.example.com]\nAlternativeNames=");
    const ConfigError *errors;
    _cleanup_service_ Service s = {};

    for (int i = 0; i < LIMIT_NAMES - 10; i++)
        g_string_append_printf(module, "a%d.example ", i);
    service_init(&s);
    service_write_module(&s, "a", module->str);
    for (char *p = module->str; (p = strstr(p, " a")); p++)
        p[1] = 'b';
    service_write_module(&s, "b", module->str);
    service_start(&s);
    service_settle(&s);
    g_assert_cmpuint(manager_config_errors(s.manager, &errors), ==, 1);
    g_assert_true(g_str_has_suffix(errors[0].file, "/modules.d/a.conf"));
    g_assert_nonnull(strstr(errors[0].text, "www.example.com"));
    g_assert_cmpuint(certificate_chain(service_find(&s, "www.example.com"))->n_names, ==, LIMIT_NAMES);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
}

/* What is asked of authorities by name is refused when that cannot be. */
static void test_authority(void)
{
    RegistrationRequest wish = { "m", NULL, _KEY_TYPE_INVALID, -1, "nowhere" };
    _cleanup_problem_ Problem problem = {};
    _cleanup_service_ Service s = {};

    service_init(&s);
    folder_write(
        &s.config, "certwright.conf",
        "[ACME]\nEnabled=no\n[Authority here]\nDirectory=https://127.0.0.1:1/directory\nPublic=no\n");
    service_start(&s);
    g_assert_cmpint(manager_register(s.manager, "a.example", &wish, on_done, NULL, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_INVALID_ARGUMENT);
    g_assert_nonnull(strstr(problem.text, "\"nowhere\""));
    problem_clear(&problem);
    wish.authority = "here";
    wish.acme = 0;
    g_assert_cmpint(manager_register(s.manager, "a.example", &wish, on_done, NULL, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_INVALID_ARGUMENT);
    g_assert_nonnull(strstr(problem.text, "contradict"));
    g_assert_null(model_find_any(manager_model(s.manager), "a.example"));
}

/* A module file's wish is not taken back by a call; where it is to be taken out is said. */
static void test_unregister_module(void)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpint(manager_unregister(s.manager, "web", "www.example.com", on_done, NULL, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_NO_SUCH_CERTIFICATE);
    g_assert_nonnull(strstr(problem.text, "its module file requests it"));
    service_settle_to(&s, 1);
}

static void on_authorities(void *userdata)
{
    ++*(unsigned *)userdata;
}

static void on_chain(Certificate *c _unused_, const char *previous _unused_, void *userdata _unused_)
{
}

/* Observers hear of it when the authorities, or what is asked of them, differ; not when something else does. */
static void test_authorities_changed(void)
{
    static const ManagerObserver observer = { .chain_changed = on_chain,
                                              .authorities_changed = on_authorities };
    _cleanup_service_ Service s = {};
    unsigned n = 0;

    service_start_with(&s, MODULE_WWW);
    manager_observe(s.manager, &observer, &n);
    folder_write(&s.config, "certwright.conf", "[Local]\nOrganization=Org\n");
    service_reload(&s);
    g_assert_cmpuint(n, ==, 0);
    g_assert_cmpstr(manager_settings(s.manager)->organization, ==, "Org");
    folder_write(&s.config, "certwright.conf", "[ACME]\nEnabled=no\n");
    service_reload(&s);
    g_assert_cmpuint(n, >=, 1);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/configure/register", test_register);
    g_test_add_func("/configure/register-refused", test_register_refused);
    g_test_add_func("/configure/limit-registrations", test_limit_registrations);
    g_test_add_func("/configure/limit-names", test_limit_names);
    g_test_add_data_func("/configure/limit/certificates", GSIZE_TO_POINTER(16), test_limit);
    g_test_add_data_func("/configure/limit/names", GSIZE_TO_POINTER(250), test_limit);
    g_test_add_func("/configure/room", test_room);
    g_test_add_func("/configure/wanted-again", test_wanted_again);
    g_test_add_func("/configure/errors", test_errors);
    g_test_add_func("/configure/authority", test_authority);
    g_test_add_func("/configure/unregister-module", test_unregister_module);
    g_test_add_func("/configure/reload", test_reload);
    g_test_add_func("/configure/watched", test_watched);
    g_test_add_func("/configure/settings", test_settings);
    g_test_add_func("/configure/authorities-changed", test_authorities_changed);
    return g_test_run();
}
