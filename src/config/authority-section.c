/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/authority-section.h"

#include <errno.h>
#include <stdio.h>

#include "config/settings.h"
#include "config/values.h"
#include "core/name.h"
#include "util/text.h"

#define AUTHORITY_PREFIX "Authority "
#define RATE_COUNT_MAX   1000000

static int parse_mac_algorithm(ParseContext *context, const IniEntry *e, void *target)
{
    MacAlgorithm algorithm = mac_algorithm_from_string(e->value);

    if (algorithm < 0)
        return entry_complain(context, e, "\"%s\" is not a known algorithm; use HS256, HS384 or HS512",
                              QUOTED(e->value));
    *(MacAlgorithm *)target = algorithm;
    return 0;
}

/* A count and a period, "300/3h"; empty for no limit. */
static int parse_rate(ParseContext *context, const IniEntry *e, void *target)
{
    const char *slash = strchr(e->value, '/');
    _cleanup_free_ char *count_text = NULL;
    RateLimit *limit = target;
    uint64_t count = 0;
    int64_t span = 0;

    if (!*e->value) {
        *limit = (RateLimit){};
        return 0;
    }
    count_text = slash ? strndup(e->value, (size_t)(slash - e->value)) : NULL;
    if (slash && !count_text)
        return -ENOMEM;
    if (!slash || parse_uint64(count_text, &count) < 0 || parse_seconds(slash + 1, &span) < 0 || count < 1 ||
        count > RATE_COUNT_MAX || span < 1 || span > LEDGER_SPAN_MAX)
        return entry_complain(
            context, e,
            "\"%s\" is not a limit; write a count from 1 to %d and a time of up to 31 days, as in 300/3h, or "
            "nothing for no limit",
            QUOTED(e->value), RATE_COUNT_MAX);
    *limit = (RateLimit){ .count = (unsigned)count, .span = span };
    return 0;
}

static const KeyRow authority_keys[] = {
    { "Authority", "Enabled", parse_flag, offsetof(AuthoritySettings, enabled), true },
    { "Authority", "Directory", parse_url, offsetof(AuthoritySettings, directory), true },
    { "Authority", "CAFile", parse_path, offsetof(AuthoritySettings, trust_file), true },
    { "Authority", "Origins", parse_origins, offsetof(AuthoritySettings, origins), false },
    { "Authority", "Contact", parse_contact, offsetof(AuthoritySettings, contact), false },
    { "Authority", "Public", parse_flag, offsetof(AuthoritySettings, is_public), false },
    { "Authority", "Profile", parse_word, offsetof(AuthoritySettings, profile), false },
    { "Authority", "RequireProfile", parse_flag, offsetof(AuthoritySettings, needs_profile), false },
    { "Authority", "PreferredChain", parse_label, offsetof(AuthoritySettings, preferred_chain), false },
    { "Authority", "KeyType", parse_account_key_type, offsetof(AuthoritySettings, key_type), false },
    { "Authority", "EABKeyId", parse_word, offsetof(AuthoritySettings, eab_key_id), true },
    { "Authority", "EABKeyFile", parse_path, offsetof(AuthoritySettings, eab_key_file), true },
    { "Authority", "EABAlgorithm", parse_mac_algorithm, offsetof(AuthoritySettings, eab_algorithm), true },
    { "Authority", "OrdersPerAccount", parse_rate, offsetof(AuthoritySettings, limits[LEDGER_ORDERS]),
      false },
    { "Authority", "CertificatesPerDomain", parse_rate, offsetof(AuthoritySettings, limits[LEDGER_DOMAIN]),
      false },
    { "Authority", "CertificatesPerSet", parse_rate, offsetof(AuthoritySettings, limits[LEDGER_SET]),
      false },
    { "Authority", "FailuresPerName", parse_rate, offsetof(AuthoritySettings, limits[LEDGER_FAILURES]),
      false },
};

_Static_assert(ELEMENTSOF(authority_keys) <= 64, "each key has its bit in AuthorityDraft");

bool is_authority_section(const char *section)
{
    return strncmp(section, AUTHORITY_PREFIX, strlen(AUTHORITY_PREFIX)) == 0 || streq(section, "Authority");
}

static int add_authority(ParseContext *context, const IniEntry *e, const char *name)
{
    Settings *s = context->settings;
    AuthorityDraft *draft = context->drafts + s->n_authorities;
    int r;

    if (s->n_authorities >= LIMIT_AUTHORITIES) {
        entry_complain(context, e, "there are more than %d authorities; ignoring this one",
                       LIMIT_AUTHORITIES);
        return 0;
    }
    *draft = (AuthorityDraft){ .file = strdup(e->file), .line = e->line };
    if (!draft->file)
        return -ENOMEM;
    r = settings_add_authority(s, name);
    if (r >= 0)
        context->authority = (ssize_t)s->n_authorities - 1;
    return r;
}

static int begin_authority(ParseContext *context, const IniEntry *e)
{
    const Settings *s = context->settings;
    const char *name = e->section + strlen("Authority");

    context->authority = -1;
    name += strspn(name, " \t");
    if (!module_name_is_valid(name)) {
        entry_complain(
            context, e,
            "an authority's name consists of letters, digits, \"-\", \"_\" and \".\", begins with a letter "
            "or digit and has at most %d, as in [Authority example]; ignoring the section",
            LIMIT_MODULE_NAME);
        return 0;
    }
    for (size_t i = 0; i < s->n_authorities; i++)
        if (streq(s->authorities[i].name, name)) {
            context->authority = (ssize_t)i;
            return 0;
        }
    return add_authority(context, e, name);
}

static int on_authority_key(ParseContext *context, const IniEntry *e)
{
    const KeyRow *row = key_find(context, e, authority_keys, ELEMENTSOF(authority_keys), "Authority");
    uint64_t bit;
    int r;

    if (!row)
        return 0;
    r = row->parse(context, e, (char *)(context->settings->authorities + context->authority) + row->offset);
    bit = 1ULL << (row - authority_keys);
    if (r < 0)
        context->drafts[context->authority].wrong |= bit;
    else
        context->drafts[context->authority].wrong &= ~bit;
    return r == -ENOMEM ? r : 0;
}

int on_authority_entry(ParseContext *context, const IniEntry *e)
{
    if (!e->key)
        return begin_authority(context, e);
    return context->authority >= 0 ? on_authority_key(context, e) : 0;
}

/* Returns why it cannot be used, as a clause; NULL if it can. */
static const char *find_flaw(const AuthoritySettings *a, const AuthorityDraft *draft, char text[static 128])
{
    for (size_t i = 0; i < ELEMENTSOF(authority_keys); i++)
        if (authority_keys[i].vital && (draft->wrong & (1ULL << i))) {
            snprintf(text, 128, "its %s= is wrong", authority_keys[i].key);
            return text;
        }
    if (!a->directory)
        return "it has no Directory=";
    if (a->eab_key_id && !a->eab_key_file)
        return "EABKeyId= requires EABKeyFile=";
    if (a->eab_key_file && !a->eab_key_id)
        return "EABKeyFile= requires EABKeyId=";
    if (a->needs_profile && !a->profile)
        return "RequireProfile= requires Profile=";
    return NULL;
}

/* An authority that is only partly understood is not used: it might be another one than intended. */
void authorities_settle(ParseContext *context)
{
    Settings *s = context->settings;
    size_t kept = 0;

    for (size_t i = 0; i < s->n_authorities; i++) {
        AuthoritySettings *a = s->authorities + i;
        char why[128], text[LIMIT_MODULE_NAME + 256];
        const char *flaw = find_flaw(a, context->drafts + i, why);

        if (!flaw) {
            s->authorities[kept++] = *a;
            continue;
        }
        snprintf(text, sizeof(text), "[Authority %s] is left out: %s", a->name, flaw);
        if (a->enabled)
            context->complain(context->drafts[i].file, context->drafts[i].line, NULL, text,
                              context->userdata);
        authority_settings_done(a);
    }
    s->n_authorities = kept;
}
