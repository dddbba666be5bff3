/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* certwright.conf and a module's file: settings stay within their bounds, names are canonical. */
#include "config/authority-section.h"
#include "config/deploy-internal.h"
#include "config/keys.h"
#include "config/settings.h"
#include "core/limits.h"
#include "core/name.h"
#include "target.h"
#include "util/text.h"

static void on_complaint(const char *file, unsigned line, const char *key, const char *text, void *userdata)
{
    require(file && text && *text);
    (*(unsigned *)userdata)++;
    (void)line;
    (void)key;
}

static void check_settings(const Settings *s)
{
    require(key_type_suits_leaf(s->key_type) && key_type_suits_root(s->root_key_type));
    require(s->leaf_lifetime > 0 && s->root_lifetime > 0 && s->idle_exit >= 0);
    require(!s->organization || text_is_utf8(s->organization));
    require(s->acme.n_challenges >= 1 && s->acme.n_challenges <= _CHALLENGE_TYPE_MAX);
    require(s->acme.http_check_port && s->acme.tls_check_port);
    require(strv_length(s->acme.http_listen) <= LIMIT_LISTEN_ADDRESSES);
    require(!s->acme.dns_hook || module_name_is_valid(s->acme.dns_hook));
    require(!s->acme.web_root || s->acme.web_root[0] == '/');
}

static void check_authorities(const Settings *s)
{
    require(s->n_authorities <= LIMIT_AUTHORITIES);
    for (size_t i = 0; i < s->n_authorities; i++) {
        const AuthoritySettings *a = s->authorities + i;

        require(module_name_is_valid(a->name));
        require(strncmp(a->directory, "https://", 8) == 0 && strlen(a->directory) <= LIMIT_URL + LIMIT_NAME);
        require(!strchr(a->directory, '@') || strchr(a->directory + 8, '/') < strchr(a->directory, '@') ||
                strchr(a->directory, '?'));
        require(!a->eab_key_id == !a->eab_key_file);
        require(!a->trust_file || a->trust_file[0] == '/');
    }
}

static void check_name(const char *name)
{
    _cleanup_free_ char *canonical = NULL;

    require(name_canonicalize(name, &canonical, NULL) >= 0 && streq(name, canonical));
}

static void check_module(const Module *m)
{
    require(m->n_claims <= LIMIT_CERTIFICATES);
    for (size_t i = 0; i < m->n_claims; i++) {
        check_name(m->claims[i].name);
        require(!m->claims[i].authority || module_name_is_valid(m->claims[i].authority));
        require(m->claims[i].key_type == _KEY_TYPE_INVALID || key_type_suits_leaf(m->claims[i].key_type));
        for (size_t k = 0; m->claims[i].names && m->claims[i].names[k]; k++)
            check_name(m->claims[i].names[k]);
    }
}

static void check_path(const char *path)
{
    require(path[0] == '/' && path[strlen(path) - 1] != '/' && !strstr(path, "//"));
    require(!strstr(path, "/../") && !text_ends_with(path, "/..") && text_is_plain(path));
}

static void check_deploy(const Module *m, const Claim *claim)
{
    _cleanup_deploy_settings_ DeploySettings s = {};
    bool key = false, any = false;

    if (module_deploy_settings(m, claim->name, &s) <= 0)
        return;
    require(!claim->deploy_flaw && s.n_steps <= LIMIT_DEPLOY_STEPS && s.n_probes <= LIMIT_DEPLOY_PROBES);
    for (DeployFile f = 0; f < _DEPLOY_FILE_MAX; f++)
        if (s.files[f]) {
            check_path(s.files[f]);
            any = true;
            key |= deploy_file_has_key(f);
        }
    require(any && (s.mode == MODE_AS_BEFORE || (s.mode <= 0777 && !(key && (s.mode & 0004)))));
    for (size_t i = 0; i < s.n_steps; i++)
        require(!strchr(s.steps[i].unit, '/') && !strstr(s.steps[i].unit, "@."));
    for (size_t i = 0; i < s.n_probes; i++)
        require(s.probes[i].port && s.probes[i].scheme >= 0);
    require(s.probe_timeout >= 1 && s.probe_timeout <= 600);
}

static Config *config_new(void)
{
    Config *c = calloc(1, sizeof(Config));

    require(c);
    require(settings_new(&c->settings) >= 0);
    c->modules = calloc(1, sizeof(Module));
    require(c->modules && (c->modules->name = strdup("module")));
    c->n_modules = 1;
    return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = text_from_input(data, size);
    _cleanup_config_ Config *c = config_new();
    unsigned n_complaints = 0;
    ParseContext context = { .settings = c->settings, .complain = on_complaint, .userdata = &n_complaints };

    context_begin_file(&context);
    require(ini_parse_text("certwright.conf", text, on_settings_entry, context_complain, &context) >= 0);
    authorities_settle(&context);
    check_settings(c->settings);
    check_authorities(c->settings);
    context.module = c->modules;
    context_begin_file(&context);
    require(ini_parse_text("module.conf", text, on_module_entry, context_complain, &context) >= 0);
    check_module(c->modules);
    require(deploys_settle(c, &context) >= 0);
    for (size_t i = 0; i < c->modules->n_claims; i++)
        check_deploy(c->modules, c->modules->claims + i);
    require(n_complaints <= 3 * (LIMIT_CONFIG_ERRORS + 1) + LIMIT_AUTHORITIES);
    context_done(&context);
    return 0;
}
