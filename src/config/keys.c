/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/keys.h"

#include <errno.h>

#include "config/authority-section.h"
#include "config/deploy-section.h"
#include "config/values.h"
#include "core/limits.h"
#include "core/name-constraint.h"
#include "core/name.h"
#include "util/text.h"
#include "util/time.h"

#define LIFETIME_MIN       3600
#define LEAF_LIFETIME_MAX  (825LL * SEC_PER_DAY)
#define ROOT_LIFETIME_MIN  (7LL * SEC_PER_DAY)
#define ROOT_LIFETIME_MAX  (40LL * 365 * SEC_PER_DAY)
#define CERTIFICATE_PREFIX "Certificate "
#define PACE_MAX           100000
#define UNIT_NAME_MAX      200
#define UNIT_LETTERS       "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:-_.\\@"

void context_begin_file(ParseContext *context)
{
    context->claim = NULL;
    context->deploy = NULL;
    context->authority = -1;
    context->n_complaints = 0;
    if (context->index_module != context->module) {
        section_index_clear(&context->claims);
        section_index_clear(&context->deploys);
    }
    context->index_module = context->module;
}

void context_done(ParseContext *context)
{
    section_index_clear(&context->claims);
    section_index_clear(&context->deploys);
    for (size_t i = 0; i < LIMIT_AUTHORITIES; i++) {
        free(context->drafts[i].file);
        context->drafts[i].file = NULL;
        context->unreadable = strv_free(context->unreadable);
    }
}

static int parse_leaf_lifetime(ParseContext *context, const IniEntry *e, void *target)
{
    return parse_span(context, e, LIFETIME_MIN, LEAF_LIFETIME_MAX, target);
}

static int parse_root_lifetime(ParseContext *context, const IniEntry *e, void *target)
{
    return parse_span(context, e, ROOT_LIFETIME_MIN, ROOT_LIFETIME_MAX, target);
}

static int parse_idle_exit(ParseContext *context, const IniEntry *e, void *target)
{
    return parse_span(context, e, 0, SEC_PER_DAY, target);
}

static int parse_pace(ParseContext *context, const IniEntry *e, void *target)
{
    uint64_t n;

    if (parse_uint64(e->value, &n) < 0 || n > PACE_MAX)
        return entry_complain(context, e, "\"%s\" is not a number from 1 to %d, or 0 for no limit",
                              QUOTED(e->value), PACE_MAX);
    *(unsigned *)target = (unsigned)n;
    return 0;
}

/* The name of a service unit, which may be a template (systemd.unit(5)). */
static int parse_unit(ParseContext *context, const IniEntry *e, void *target)
{
    static const char suffix[] = ".service";
    size_t n = strlen(e->value);
    const char *at = strchr(e->value, '@');

    if (n == 0)
        return parse_text(context, e, target);
    if (n <= strlen(suffix) || n > UNIT_NAME_MAX || !text_ends_with(e->value, suffix) ||
        strspn(e->value, UNIT_LETTERS) != n || at == e->value || (at && !streq(at + 1, suffix)))
        return entry_complain(
            context, e,
            "\"%s\" is not the name of a service; use NAME.service, or NAME@.service to pass the name of the "
            "certificate to it",
            QUOTED(e->value));
    return parse_text(context, e, target);
}

static int parse_exec(ParseContext *context, const IniEntry *e, void *target)
{
    bool direct = streq(e->value, "direct");

    if (!direct && !streq(e->value, "systemd"))
        return entry_complain(
            context, e,
            "\"%s\" is not a way to run certwright-deploy; use systemd, or direct on a machine without systemd",
            QUOTED(e->value));
    *(bool *)target = direct;
    return 0;
}

static int parse_challenges(ParseContext *context, const IniEntry *e, void *target)
{
    _cleanup_strv_ char **words = NULL;
    AcmeSettings *acme = target;
    ChallengeType types[_CHALLENGE_TYPE_MAX];
    size_t n = 0, at;
    int r;

    r = strv_split(e->value, &words);
    if (r < 0)
        return r;
    for (size_t i = 0; words && words[i]; i++) {
        ChallengeType type = challenge_type_from_string(words[i]);

        if (type < 0)
            return entry_complain(context, e,
                                  "\"%s\" is not a known challenge; use http-01, tls-alpn-01 or dns-01",
                                  QUOTED(words[i]));
        for (at = 0; at < n && types[at] != type; at++)
            ;
        if (at == n)
            types[n++] = type;
    }
    if (n == 0)
        return entry_complain(context, e, "give at least one challenge; to disable ACME, use Enabled=no");
    memcpy(acme->challenges, types, n * sizeof(types[0]));
    acme->n_challenges = n;
    return 0;
}

/* Splits a line that adds to a list. An empty one empties the list. */
static int split_more(const IniEntry *e, char ***list, char ***ret)
{
    int r = strv_split(e->value, ret);

    if (r >= 0 && !*ret)
        *list = strv_free(*list);
    return r;
}

static int parse_constraints(ParseContext *context, const IniEntry *e, void *target)
{
    _cleanup_strv_ char **words = NULL;
    char ***list = target;
    int r;

    r = split_more(e, list, &words);
    if (r < 0)
        return r;
    for (size_t i = 0; words && words[i] && r >= 0; i++) {
        NameConstraint c = {};

        r = name_constraint_parse(words[i], &c);
        free(c.domain);
        if (r >= 0)
            r = strv_extend(list, words[i]);
        else if (r != -ENOMEM)
            entry_complain(context, e, "\"%s\" is neither a domain nor a network like 10.0.0.0/8",
                           QUOTED(words[i]));
    }
    return r;
}

static int parse_names(ParseContext *context, const IniEntry *e, void *target)
{
    _cleanup_strv_ char **words = NULL;
    char ***list = target;
    int r;

    r = split_more(e, list, &words);
    if (r < 0)
        return r;
    for (size_t i = 0; words && words[i]; i++) {
        _cleanup_free_ char *name = NULL;

        r = parse_name(context, e, words[i], &name);
        if (r >= 0 && strv_length(*list) + 1 >= LIMIT_NAMES)
            return entry_complain(context, e,
                                  "a certificate can have at most %d names; ignoring %s and all that follow",
                                  LIMIT_NAMES, QUOTED(words[i]));
        if (r >= 0 && !strv_contains(*list, name))
            r = strv_extend(list, name);
        if (r == -ENOMEM)
            return r;
    }
    return 0;
}

static int parse_purposes(ParseContext *context, const IniEntry *e, void *target)
{
    static const char *const names[] = { "serverAuth", "clientAuth", "ipsecIKE" };
    static const unsigned bits[] = { 0, PURPOSE_CLIENT_AUTH, PURPOSE_IPSEC_IKE };
    _cleanup_strv_ char **words = NULL;
    unsigned purposes = 0;
    int r;

    r = strv_split(e->value, &words);
    if (r < 0)
        return r;
    for (size_t i = 0; words && words[i]; i++) {
        int purpose = TABLE_FROM_STRING(names, words[i]);

        if (purpose < 0)
            return entry_complain(
                context, e,
                "\"%s\" is not a known usage; give clientAuth or ipsecIKE, serverAuth is always included",
                QUOTED(words[i]));
        purposes |= bits[purpose];
    }
    *(unsigned *)target = purposes;
    return 0;
}

static int parse_authority_name(ParseContext *context, const IniEntry *e, void *target)
{
    const Settings *s = context->settings;
    bool found = !*e->value;

    for (size_t i = 0; s && i < s->n_authorities; i++)
        found |= s->authorities[i].enabled && streq(s->authorities[i].name, e->value);
    if (s && !found)
        entry_complain(
            context, e,
            "there is no [Authority %s] in certwright.conf that is enabled; until there is one, this machine "
            "signs the certificate",
            QUOTED(e->value));
    return parse_file_name(context, e, target);
}

static const KeyRow settings_keys[] = {
    { "Local", "KeyType", parse_leaf_key_type, offsetof(Settings, key_type), false },
    { "Local", "RootKeyType", parse_root_key_type, offsetof(Settings, root_key_type), false },
    { "Local", "LeafLifetime", parse_leaf_lifetime, offsetof(Settings, leaf_lifetime), false },
    { "Local", "RootLifetime", parse_root_lifetime, offsetof(Settings, root_lifetime), false },
    { "Local", "Organization", parse_organization, offsetof(Settings, organization), false },
    { "Local", "NameConstraints", parse_constraints, offsetof(Settings, constraints), false },
    { "Uploads", "AuthorityDirectory", parse_directory, offsetof(Settings, authority_directory), false },
    { "Renewal", "IdleExit", parse_idle_exit, offsetof(Settings, idle_exit), false },
    { "Renewal", "OrdersPerMinute", parse_pace, offsetof(Settings, orders_per_minute), false },
    { "Renewal", "OnWarning", parse_unit, offsetof(Settings, on_warning), false },
    { "Deploy", "Exec", parse_exec, offsetof(Settings, deploys_directly), false },
    { "ACME", "Enabled", parse_flag, offsetof(Settings, acme.enabled), false },
    { "ACME", "TermsOfServiceAgreed", parse_flag, offsetof(Settings, acme.terms_agreed), false },
    { "ACME", "Challenges", parse_challenges, offsetof(Settings, acme), false },
    { "ACME", "HTTPListen", parse_listen, offsetof(Settings, acme.http_listen), false },
    { "ACME", "HTTPCheckPort", parse_port, offsetof(Settings, acme.http_check_port), false },
    { "ACME", "WebRoot", parse_path, offsetof(Settings, acme.web_root), false },
    { "ACME", "TLSListen", parse_listen, offsetof(Settings, acme.tls_listen), false },
    { "ACME", "TLSCheckPort", parse_port, offsetof(Settings, acme.tls_check_port), false },
    { "ACME", "DNSServer", parse_server, offsetof(Settings, acme.dns_server), false },
    { "ACME", "DNSKeyFile", parse_path, offsetof(Settings, acme.dns_key_file), false },
    { "ACME", "DNSHook", parse_file_name, offsetof(Settings, acme.dns_hook), false },
    { "ACME", "DNSResolvers", parse_servers, offsetof(Settings, acme.dns_resolvers), false },
    { "ACME", "SelfCheck", parse_check, offsetof(Settings, acme.self_check), false },
    { "ACME", "ReuseKey", parse_flag, offsetof(Settings, acme.reuse_key), false },
};

static const KeyRow module_keys[] = {
    { "Module", "Description", parse_text, offsetof(Module, description), false },
};

static const KeyRow claim_keys[] = {
    { "Certificate", "AlternativeNames", parse_names, offsetof(Claim, names), false },
    { "Certificate", "KeyType", parse_leaf_key_type, offsetof(Claim, key_type), false },
    { "Certificate", "ExtendedKeyUsage", parse_purposes, offsetof(Claim, purposes), false },
    { "Certificate", "ACME", parse_choice, offsetof(Claim, acme), false },
    { "Certificate", "Authority", parse_authority_name, offsetof(Claim, authority), false },
};

static void complain_of_section(ParseContext *context, const IniEntry *e)
{
    entry_complain(context, e, "unknown section [%s], ignoring it", QUOTED(e->section));
}

int on_settings_entry(const IniEntry *e, void *userdata)
{
    ParseContext *context = userdata;
    bool known = section_is_known(settings_keys, ELEMENTSOF(settings_keys), e->section);

    if (is_authority_section(e->section))
        return on_authority_entry(context, e);
    if (known && e->key)
        return key_apply(context, e, settings_keys, ELEMENTSOF(settings_keys), e->section,
                         context->settings);
    if (!known && !e->key)
        complain_of_section(context, e);
    return 0;
}

static int get_claim(ParseContext *context, const char *name, Claim **ret)
{
    Module *m = context->module;
    size_t at = m->n_claims;
    Claim *grown;

    if (section_index_find(context->claims, name, &at)) {
        *ret = m->claims + at;
        return 0;
    }
    grown = reallocarray(m->claims, m->n_claims + 1, sizeof(Claim));
    if (!grown)
        return -ENOMEM;
    m->claims = grown;
    if (section_index_add(&context->claims, name, at) < 0)
        return -ENOMEM;
    m->claims[m->n_claims++] = (Claim){ .name = strdup(name), .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    *ret = m->claims + at;
    return (*ret)->name ? 0 : -ENOMEM;
}

static int begin_claim(ParseContext *context, const IniEntry *e)
{
    const char *text = e->section + strlen(CERTIFICATE_PREFIX);
    _cleanup_free_ char *name = NULL;
    int r;

    text += strspn(text, " \t");
    r = parse_name(context, e, text, &name);
    if (r >= 0 && context->module->n_claims >= LIMIT_CERTIFICATES) {
        entry_complain(context, e, "there are more than %d certificates; ignoring this one",
                       LIMIT_CERTIFICATES);
        return 0;
    }
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    return get_claim(context, name, &context->claim);
}

static int on_certificate_entry(ParseContext *context, const IniEntry *e)
{
    if (!e->key)
        return begin_claim(context, e);
    return context->claim
               ? key_apply(context, e, claim_keys, ELEMENTSOF(claim_keys), "Certificate", context->claim)
               : 0;
}

int on_module_entry(const IniEntry *e, void *userdata)
{
    ParseContext *context = userdata;

    if (!e->key) {
        context->claim = NULL;
        context->deploy = NULL;
    }
    if (strncmp(e->section, CERTIFICATE_PREFIX, strlen(CERTIFICATE_PREFIX)) == 0)
        return on_certificate_entry(context, e);
    if (is_deploy_section(e->section))
        return on_deploy_entry(context, e);
    if (streq(e->section, "Module"))
        return e->key
                   ? key_apply(context, e, module_keys, ELEMENTSOF(module_keys), "Module", context->module)
                   : 0;
    if (!e->key)
        complain_of_section(context, e);
    return 0;
}
