/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/deploy-section.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>

#include "config/values.h"
#include "util/text.h"
#include "util/time.h"

#define DEPLOY_PREFIX     "Deploy "
#define MODE_MAX          0777
#define ACCOUNT_MAX       256
#define UNIT_NAME_MAX     255
#define UNIT_LETTERS      TEXT_ALNUM ":-_.\\@"
#define PROBE_TIMEOUT_MAX (10 * SEC_PER_MINUTE)
#define OWN_UNITS         "certwright-deploy@"
#define PROXY_V1          "proxy=v1"

/* ---- files */

/* Joins "//", so that one file has one spelling. Returns false unless the text is the absolute path of a file, without
 * "." and "..", in which only %n and %% are specifiers. */
static bool normalize_path(char *path)
{
    char *to = path;

    for (const char *p = path; *p; p++) {
        size_t n = strcspn(p + 1, "/");

        if (p[0] == '/' && ((n == 1 && p[1] == '.') || (n == 2 && p[1] == '.' && p[2] == '.')))
            return false;
        if (p[0] == '%' && p[1] != 'n' && p[1] != '%')
            return false;
        if (p[0] == '%')
            *to++ = *p++;
        if (p[0] != '/' || p[1] != '/')
            *to++ = *p;
    }
    *to = 0;
    return path[0] == '/' && to[-1] != '/';
}

static int parse_target(ParseContext *context, const IniEntry *e, void *target)
{
    char **path = (char **)target + deploy_file_from_string(e->key);
    _cleanup_free_ char *text = NULL;

    if (!*e->value)
        return text_set(path, NULL);
    text = strdup(e->value);
    if (!text)
        return -ENOMEM;
    if (strlen(text) >= PATH_MAX || !text_is_plain(text) || !normalize_path(text))
        return entry_complain(
            context, e,
            "\"%s\" is not the absolute path of a file without \".\" and \"..\"; in it, %%n is the name of the "
            "certificate and %%%% is a percent sign",
            QUOTED(e->value));
    free(*path);
    *path = TAKE_PTR(text);
    return 0;
}

/* The account is looked up when files are written. */
static int parse_account(ParseContext *context, const IniEntry *e, void *target)
{
    uint64_t number = 0;

    if (*e->value &&
        (!text_consists_of(e->value, TEXT_ALNUM "_-.@$\\", 1, ACCOUNT_MAX) || *e->value == '-' ||
         (text_consists_of(e->value, "0123456789", 1, ACCOUNT_MAX) &&
          (parse_uint64(e->value, &number) < 0 || number >= UINT32_MAX))))
        return entry_complain(context, e, "\"%s\" is not the name or number of a %s", QUOTED(e->value),
                              streq(e->key, "Group") ? "group" : "user");
    return text_set(target, *e->value ? e->value : NULL);
}

static int parse_mode(ParseContext *context, const IniEntry *e, void *target)
{
    mode_t mode = 0;

    if (!*e->value) {
        *(mode_t *)target = MODE_AS_BEFORE;
        return 0;
    }
    if (!text_consists_of(e->value, "01234567", 3, 4) || strtoul(e->value, NULL, 8) > MODE_MAX)
        return entry_complain(context, e, "\"%s\" is not the mode of a file; write it in octal, as in 0640",
                              QUOTED(e->value));
    mode = (mode_t)strtoul(e->value, NULL, 8);
    if (mode & 0002)
        return entry_complain(context, e, "mode %s lets every user change the files; use 0640 or 0644",
                              e->value);
    *(mode_t *)target = mode;
    return 0;
}

static int parse_order(ParseContext *context, const IniEntry *e, void *target)
{
    CombinedOrder order = combined_order_from_string(e->value);

    if (order < 0)
        return entry_complain(context, e,
                              "\"%s\" is not an order; use chain-key, or key-chain if the key comes first",
                              QUOTED(e->value));
    *(CombinedOrder *)target = order;
    return 0;
}

/* ---- units */

static void clear_steps(DeploySettings *s)
{
    for (size_t i = 0; i < s->n_steps; i++)
        free(s->steps[i].unit);
    free(s->steps);
    s->steps = NULL;
    s->n_steps = 0;
    s->wrong &= ~DEPLOY_BIT_STEPS;
}

static bool is_unit_name(const char *name)
{
    static const char *const suffixes[] = { ".service", ".socket", ".target", ".path", ".timer" };
    const char *suffix = strrchr(name, '.'), *at = strchr(name, '@');

    return suffix && suffix > name && TABLE_FROM_STRING(suffixes, suffix) >= 0 &&
           text_consists_of(name, UNIT_LETTERS, 1, UNIT_NAME_MAX) && at != name && (!at || at + 1 < suffix);
}

static const char *explain_unit(const char *name)
{
    const char *at = strchr(name, '@');

    if (at && at > name && at[1] == '.' && !strchr(at + 2, '.'))
        return "is a template; name an instance, as in openvpn-server@office.service";
    if (!is_unit_name(name))
        return "is not the full name of a unit; write it as in nginx.service";
    if (strncmp(name, OWN_UNITS, strlen(OWN_UNITS)) == 0)
        return "would wait for itself; name the unit of the service that uses the files";
    return NULL;
}

static int add_step(DeploySettings *s, UnitAction action, const char *unit)
{
    UnitStep *grown;

    for (size_t i = 0; i < s->n_steps; i++)
        if (s->steps[i].action == action && streq(s->steps[i].unit, unit))
            return 0;
    if (s->n_steps >= LIMIT_DEPLOY_STEPS)
        return -E2BIG;
    grown = reallocarray(s->steps, s->n_steps + 1, sizeof(UnitStep));
    if (!grown)
        return -ENOMEM;
    s->steps = grown;
    grown[s->n_steps] = (UnitStep){ .action = action, .unit = strdup(unit) };
    if (!grown[s->n_steps].unit)
        return -ENOMEM;
    s->n_steps++;
    return 0;
}

static int parse_steps(ParseContext *context, const IniEntry *e, void *target)
{
    _cleanup_strv_ char **words = NULL;
    int r;

    r = strv_split(e->value, &words);
    if (r >= 0 && !words)
        clear_steps(target);
    for (size_t i = 0; words && words[i]; i++) {
        const char *why = explain_unit(words[i]);

        if (why)
            return entry_complain(context, e, "\"%s\" %s", QUOTED(words[i]), why);
    }
    for (size_t i = 0; words && words[i] && r >= 0; i++)
        r = add_step(target, unit_action_from_string(e->key), words[i]);
    return r == -E2BIG ? entry_complain(context, e, "there are more than %d units", LIMIT_DEPLOY_STEPS) : r;
}

/* ---- probes */

static void clear_probes(DeploySettings *s)
{
    for (size_t i = 0; i < s->n_probes; i++)
        free(s->probes[i].host);
    free(s->probes);
    s->probes = NULL;
    s->n_probes = 0;
    s->wrong &= ~DEPLOY_BIT(DEPLOY_KEY_PROBE);
}

/* Returns the canonical form of an address, or of "localhost", in ret. */
static bool read_host(const char *text, size_t size, bool six, char ret[static INET6_ADDRSTRLEN])
{
    char host[INET6_ADDRSTRLEN] = "";
    struct in6_addr a6;
    struct in_addr a4;

    if (size >= sizeof(host))
        return false;
    memcpy(host, text, size);
    if (six)
        return inet_pton(AF_INET6, host, &a6) == 1 && !IN6_IS_ADDR_UNSPECIFIED(&a6) &&
               !IN6_IS_ADDR_MULTICAST(&a6) && inet_ntop(AF_INET6, &a6, ret, INET6_ADDRSTRLEN);
    if (streq(host, "localhost"))
        return stpcpy(ret, host);
    return inet_pton(AF_INET, host, &a4) == 1 && a4.s_addr != INADDR_ANY &&
           !IN_MULTICAST(ntohl(a4.s_addr)) && inet_ntop(AF_INET, &a4, ret, INET6_ADDRSTRLEN);
}

/* Returns why a URL is refused, as a clause; NULL if it is a probe. */
static const char *read_probe(const char *url, Probe *ret, char host[static INET6_ADDRSTRLEN])
{
    const char *colon = strstr(url, "://"), *begin = colon ? colon + 3 : url, *rest;
    char scheme[16] = "", port[8] = "";
    bool six = *begin == '[';
    size_t n = six ? strcspn(++begin, "]") : strcspn(begin, ":/");

    if (colon && (size_t)(colon - url) < sizeof(scheme))
        memcpy(scheme, url, (size_t)(colon - url));
    *ret = (Probe){ .scheme = probe_scheme_from_string(scheme) };
    if (ret->scheme < 0)
        return "has none of the schemes https, tls, smtp, imap and pop3";
    if (!read_host(begin, n, six, host) || (six && begin[n] != ']'))
        return "does not have an address of this machine as its host";
    rest = begin + n + six;
    if (*rest == ':') {
        size_t digits = strcspn(++rest, "/");

        memcpy(port, rest, MIN(digits, sizeof(port) - 1));
        if (parse_ip_port(port, &ret->port) < 0)
            return "has a port that is not a number from 1 to 65535";
        rest += digits;
    } else
        ret->port = probe_scheme_port(ret->scheme);
    if (*rest && !streq(rest, "/"))
        return "continues after its host and port";
    return ret->port ? NULL : "has no port";
}

static int add_probe(DeploySettings *s, const Probe *probe, const char *host)
{
    Probe *grown;

    if (s->n_probes >= LIMIT_DEPLOY_PROBES)
        return -E2BIG;
    grown = reallocarray(s->probes, s->n_probes + 1, sizeof(Probe));
    if (!grown)
        return -ENOMEM;
    s->probes = grown;
    grown[s->n_probes] = *probe;
    grown[s->n_probes].host = strdup(host);
    if (!grown[s->n_probes].host)
        return -ENOMEM;
    s->n_probes++;
    return 0;
}

static int parse_probe_word(ParseContext *context, const IniEntry *e, const char *word, bool first,
                            DeploySettings *s)
{
    char host[INET6_ADDRSTRLEN];
    const char *why;
    Probe probe;
    int r;

    if (streq(word, PROXY_V1) && !first) {
        s->probes[s->n_probes - 1].proxy_v1 = true;
        return 0;
    }
    why = read_probe(word, &probe, host);
    if (why)
        return entry_complain(
            context, e,
            "\"%s\" %s; write it as https://127.0.0.1:443, tls://[::1]:993 or smtp://localhost:25, with " PROXY_V1
            " behind it if the service expects the PROXY protocol",
            QUOTED(word), why);
    r = add_probe(s, &probe, host);
    return r == -E2BIG ? entry_complain(context, e, "there are more than %d probes", LIMIT_DEPLOY_PROBES)
                       : r;
}

static int parse_probes(ParseContext *context, const IniEntry *e, void *target)
{
    _cleanup_strv_ char **words = NULL;
    int r;

    r = strv_split(e->value, &words);
    if (r >= 0 && !words)
        clear_probes(target);
    for (size_t i = 0; words && words[i] && r >= 0; i++)
        r = parse_probe_word(context, e, words[i], i == 0, target);
    return r;
}

static int parse_probe_timeout(ParseContext *context, const IniEntry *e, void *target)
{
    return parse_span(context, e, 1, PROBE_TIMEOUT_MAX, target);
}

/* ---- sections */

#define FILE_KEY(name) \
    { \
        "Deploy", name, parse_target, offsetof(DeploySettings, files), true \
    }
#define STEP_KEY(name) \
    { \
        "Deploy", name, parse_steps, 0, true \
    }

static const KeyRow deploy_keys[_DEPLOY_KEY_MAX] = {
    [DEPLOY_FULL_CHAIN] = FILE_KEY("FullChainFile"),
    [DEPLOY_CERTIFICATE] = FILE_KEY("CertificateFile"),
    [DEPLOY_CHAIN] = FILE_KEY("ChainFile"),
    [DEPLOY_KEY] = FILE_KEY("KeyFile"),
    [DEPLOY_COMBINED] = FILE_KEY("CombinedFile"),
    [DEPLOY_ROOT] = FILE_KEY("RootFile"),
    [DEPLOY_KEY_OWNER] = { "Deploy", "Owner", parse_account, offsetof(DeploySettings, owner), true },
    [DEPLOY_KEY_GROUP] = { "Deploy", "Group", parse_account, offsetof(DeploySettings, group), true },
    [DEPLOY_KEY_MODE] = { "Deploy", "Mode", parse_mode, offsetof(DeploySettings, mode), true },
    [DEPLOY_KEY_COMBINED_ORDER] = { "Deploy", "CombinedOrder", parse_order,
                                    offsetof(DeploySettings, combined_order), true },
    [DEPLOY_KEY_RELOAD + UNIT_RELOAD] = STEP_KEY("Reload"),
    [DEPLOY_KEY_RELOAD + UNIT_RELOAD_OR_RESTART] = STEP_KEY("ReloadOrRestart"),
    [DEPLOY_KEY_RELOAD + UNIT_RESTART] = STEP_KEY("Restart"),
    [DEPLOY_KEY_RELOAD + UNIT_START] = STEP_KEY("Start"),
    [DEPLOY_KEY_PROBE] = { "Deploy", "Probe", parse_probes, 0, true },
    [DEPLOY_KEY_PROBE_TIMEOUT] = { "Deploy", "ProbeTimeout", parse_probe_timeout,
                                   offsetof(DeploySettings, probe_timeout), true },
};

const char *deploy_key_to_string(DeployKey k)
{
    return (unsigned)k < ELEMENTSOF(deploy_keys) ? deploy_keys[k].key : NULL;
}

bool is_deploy_section(const char *section)
{
    return strncmp(section, DEPLOY_PREFIX, strlen(DEPLOY_PREFIX)) == 0 || streq(section, "Deploy");
}

static int get_deploy(ParseContext *context, const IniEntry *e, const char *name)
{
    Module *m = context->module;
    size_t at = m->n_deploys;
    DeploySettings *grown;

    if (section_index_find(context->deploys, strempty(name), &at)) {
        context->deploy = m->deploys + at;
        return 0;
    }
    if (m->n_deploys > LIMIT_CERTIFICATES) {
        entry_complain(context, e, "there are more than %d sections; ignoring this one", LIMIT_CERTIFICATES);
        return 0;
    }
    grown = reallocarray(m->deploys, m->n_deploys + 1, sizeof(DeploySettings));
    if (!grown)
        return -ENOMEM;
    m->deploys = grown;
    if (section_index_add(&context->deploys, strempty(name), at) < 0)
        return -ENOMEM;
    context->deploy = grown + m->n_deploys++;
    *context->deploy = (DeploySettings){ .mode = MODE_AS_BEFORE,
                                         .probe_timeout = PROBE_TIMEOUT_DEFAULT,
                                         .file = strdup(e->file),
                                         .line = e->line };
    return context->deploy->file ? text_set(&context->deploy->name, name) : -ENOMEM;
}

static int begin_deploy(ParseContext *context, const IniEntry *e)
{
    const char *text = e->section + strlen("Deploy");
    _cleanup_free_ char *name = NULL;
    int r = 0;

    text += strspn(text, " \t");
    if (*text)
        r = parse_name(context, e, text, &name);
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    return get_deploy(context, e, name);
}

/* A list that lost a line is wrong until it is reset. */
static bool is_mended(const IniEntry *e, const KeyRow *row)
{
    return !*e->value || (row->parse != parse_steps && row->parse != parse_probes);
}

int on_deploy_entry(ParseContext *context, const IniEntry *e)
{
    DeploySettings *s = context->deploy;
    const KeyRow *row;
    int r;

    if (!e->key)
        return begin_deploy(context, e);
    row = s ? key_find(context, e, deploy_keys, ELEMENTSOF(deploy_keys), "Deploy") : NULL;
    if (!row)
        return 0;
    s->given |= DEPLOY_BIT(row - deploy_keys);
    r = row->parse(context, e, (char *)s + row->offset);
    if (r < 0)
        s->wrong |= DEPLOY_BIT(row - deploy_keys);
    else if (is_mended(e, row))
        s->wrong &= ~DEPLOY_BIT(row - deploy_keys);
    return r == -ENOMEM ? r : 0;
}
