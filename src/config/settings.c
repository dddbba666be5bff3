/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/settings.h"

#include <errno.h>

#include "util/text.h"
#include "util/time.h"

#define AUTHORITY_DIRECTORY "/etc/ssl/certs"

static const char *const challenge_type_table[_CHALLENGE_TYPE_MAX] = {
    [CHALLENGE_HTTP_01] = "http-01",
    [CHALLENGE_TLS_ALPN_01] = "tls-alpn-01",
    [CHALLENGE_DNS_01] = "dns-01",
};

DEFINE_STRING_TABLE(challenge_type, ChallengeType, challenge_type_table);

int settings_new(Settings **ret)
{
    _cleanup_(settings_unrefp) Settings *s = malloc(sizeof(Settings));

    if (!s)
        return -ENOMEM;
    *s = (Settings){
        .n_refs = 1,
        .key_type = KEY_TYPE_ECDSA_P256,
        .root_key_type = KEY_TYPE_ECDSA_P256,
        .leaf_lifetime = 90LL * SEC_PER_DAY,
        .root_lifetime = 3650LL * SEC_PER_DAY,
        .authority_directory = strdup(AUTHORITY_DIRECTORY),
        .idle_exit = 60,
        .orders_per_minute = 10,
        .acme = { .enabled = true,
                  .challenges = { CHALLENGE_HTTP_01, CHALLENGE_TLS_ALPN_01, CHALLENGE_DNS_01 },
                  .n_challenges = _CHALLENGE_TYPE_MAX,
                  .http_check_port = 80,
                  .tls_check_port = 443,
                  .self_check = CHECK_ADVISE },
    };
    if (!s->authority_directory || strv_extend(&s->acme.http_listen, ":80") < 0)
        return -ENOMEM;
    *ret = TAKE_PTR(s);
    return 0;
}

static void acme_settings_done(AcmeSettings *acme)
{
    strv_free(acme->http_listen);
    free(acme->web_root);
    strv_free(acme->tls_listen);
    free(acme->dns_server);
    free(acme->dns_key_file);
    free(acme->dns_hook);
    strv_free(acme->dns_resolvers);
}

void authority_settings_done(AuthoritySettings *a)
{
    free(a->name);
    free(a->directory);
    free(a->trust_file);
    strv_free(a->origins);
    strv_free(a->contact);
    free(a->profile);
    free(a->preferred_chain);
    free(a->eab_key_id);
    free(a->eab_key_file);
    *a = (AuthoritySettings){};
}

Settings *settings_ref(Settings *s)
{
    if (s)
        __atomic_add_fetch(&s->n_refs, 1, __ATOMIC_RELAXED);
    return s;
}

Settings *settings_unref(Settings *s)
{
    if (!s || __atomic_sub_fetch(&s->n_refs, 1, __ATOMIC_ACQ_REL) > 0)
        return NULL;
    free(s->organization);
    free(s->authority_directory);
    free(s->on_warning);
    strv_free(s->constraints);
    acme_settings_done(&s->acme);
    for (size_t i = 0; i < s->n_authorities; i++)
        authority_settings_done(s->authorities + i);
    free(s->authorities);
    free(s);
    return NULL;
}

int settings_add_authority(Settings *s, const char *name)
{
    AuthoritySettings *grown = reallocarray(s->authorities, s->n_authorities + 1, sizeof(AuthoritySettings));

    if (!grown)
        return -ENOMEM;
    s->authorities = grown;
    grown[s->n_authorities] = (AuthoritySettings){ .name = strdup(name),
                                                   .enabled = true,
                                                   .is_public = true,
                                                   .key_type = KEY_TYPE_ECDSA_P256,
                                                   .eab_algorithm = MAC_HS256 };
    return grown[s->n_authorities++].name ? 0 : -ENOMEM;
}

static bool text_equal(const char *a, const char *b)
{
    return a && b ? streq(a, b) : a == b;
}

static bool limits_equal(const AuthoritySettings *a, const AuthoritySettings *b)
{
    for (size_t i = 0; i < _LEDGER_LIMIT_MAX; i++)
        if (a->limits[i].count != b->limits[i].count || a->limits[i].span != b->limits[i].span)
            return false;
    return true;
}

bool authority_settings_equal(const AuthoritySettings *a, const AuthoritySettings *b)
{
    return streq(a->name, b->name) && a->enabled == b->enabled && text_equal(a->directory, b->directory) &&
           text_equal(a->trust_file, b->trust_file) && strv_equal(a->origins, b->origins) &&
           strv_equal(a->contact, b->contact) && a->is_public == b->is_public &&
           text_equal(a->profile, b->profile) && a->needs_profile == b->needs_profile &&
           text_equal(a->preferred_chain, b->preferred_chain) && a->key_type == b->key_type &&
           text_equal(a->eab_key_id, b->eab_key_id) && text_equal(a->eab_key_file, b->eab_key_file) &&
           a->eab_algorithm == b->eab_algorithm && limits_equal(a, b);
}

static bool acme_settings_equal(const AcmeSettings *a, const AcmeSettings *b)
{
    if (a->n_challenges != b->n_challenges)
        return false;
    for (size_t i = 0; i < a->n_challenges; i++)
        if (a->challenges[i] != b->challenges[i])
            return false;
    return a->enabled == b->enabled && a->terms_agreed == b->terms_agreed &&
           strv_equal(a->http_listen, b->http_listen) && text_equal(a->web_root, b->web_root) &&
           a->http_check_port == b->http_check_port && strv_equal(a->tls_listen, b->tls_listen) &&
           a->tls_check_port == b->tls_check_port && text_equal(a->dns_server, b->dns_server) &&
           text_equal(a->dns_key_file, b->dns_key_file) && text_equal(a->dns_hook, b->dns_hook) &&
           strv_equal(a->dns_resolvers, b->dns_resolvers) && a->self_check == b->self_check &&
           a->reuse_key == b->reuse_key;
}

bool settings_order_alike(const Settings *a, const Settings *b)
{
    if (!acme_settings_equal(&a->acme, &b->acme) || a->n_authorities != b->n_authorities)
        return false;
    for (size_t i = 0; i < a->n_authorities; i++)
        if (!authority_settings_equal(a->authorities + i, b->authorities + i))
            return false;
    return true;
}
