/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/values.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>

#include "core/limits.h"
#include "core/name.h"
#include "core/server-address.h"
#include "util/text.h"

#define ORGANIZATION_MAX 64
#define LABEL_MAX        256
#define WORD_MAX         1024
#define HTTPS            "https://"
#define MAILTO           "mailto:"

/* ---- texts */

static int set_text(void *target, const char *value)
{
    return text_set(target, *value ? value : NULL);
}

int parse_text(ParseContext *context _unused_, const IniEntry *e, void *target)
{
    return set_text(target, e->value);
}

int parse_organization(ParseContext *context, const IniEntry *e, void *target)
{
    if (strlen(e->value) > ORGANIZATION_MAX || !text_is_utf8(e->value))
        return entry_complain(context, e, "an organization is UTF-8 of at most %d bytes", ORGANIZATION_MAX);
    return set_text(target, e->value);
}

int parse_label(ParseContext *context, const IniEntry *e, void *target)
{
    if (strlen(e->value) > LABEL_MAX || !text_is_plain(e->value))
        return entry_complain(context, e, "give plain text of at most %d bytes", LABEL_MAX);
    return set_text(target, e->value);
}

int parse_word(ParseContext *context, const IniEntry *e, void *target)
{
    if (strlen(e->value) > WORD_MAX || !text_is_graphic(e->value))
        return entry_complain(context, e, "give one word of printable ASCII, without white space");
    return set_text(target, e->value);
}

int parse_directory(ParseContext *context, const IniEntry *e, void *target)
{
    if ((*e->value && *e->value != '/') || strchr(e->value, ':'))
        return entry_complain(context, e, "\"%s\" is not an absolute path without colons", QUOTED(e->value));
    return set_text(target, e->value);
}

static bool has_dots(const char *path)
{
    for (size_t n; *path; path += n) {
        path += strspn(path, "/");
        n = strcspn(path, "/");
        if ((n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.'))
            return true;
    }
    return false;
}

int parse_path(ParseContext *context, const IniEntry *e, void *target)
{
    if ((*e->value && *e->value != '/') || has_dots(e->value) || !text_is_plain(e->value) ||
        strlen(e->value) >= PATH_MAX)
        return entry_complain(context, e, "\"%s\" is not an absolute path without \".\" and \"..\"",
                              QUOTED(e->value));
    return set_text(target, e->value);
}

int parse_file_name(ParseContext *context, const IniEntry *e, void *target)
{
    if (*e->value && !module_name_is_valid(e->value))
        return entry_complain(
            context, e,
            "\"%s\" is not a file name; use at most %d letters, digits, \"-\", \"_\" and \".\", beginning with a "
            "letter or digit, and no directory",
            QUOTED(e->value), LIMIT_MODULE_NAME);
    return set_text(target, e->value);
}

/* ---- switches and numbers */

int parse_flag(ParseContext *context, const IniEntry *e, void *target)
{
    bool flag = false;

    if (parse_boolean(e->value, &flag) < 0)
        return entry_complain(context, e, "\"%s\" is neither yes nor no", QUOTED(e->value));
    *(bool *)target = flag;
    return 0;
}

int parse_choice(ParseContext *context, const IniEntry *e, void *target)
{
    bool flag = false;
    int r = parse_flag(context, e, &flag);

    if (r >= 0)
        *(int *)target = flag;
    return r;
}

int parse_check(ParseContext *context, const IniEntry *e, void *target)
{
    static const char *const modes[_CHECK_MODE_MAX] = {
        [CHECK_NO] = "no",
        [CHECK_ADVISE] = "advise",
        [CHECK_REQUIRE] = "require",
    };
    int mode = TABLE_FROM_STRING(modes, e->value);
    bool flag;

    if (mode < 0 && parse_boolean(e->value, &flag) < 0)
        return entry_complain(context, e, "\"%s\" is none of advise, require and no", QUOTED(e->value));
    *(CheckMode *)target = mode >= 0 ? (CheckMode)mode : flag ? CHECK_ADVISE : CHECK_NO;
    return 0;
}

int parse_port(ParseContext *context, const IniEntry *e, void *target)
{
    if (parse_ip_port(e->value, target) < 0)
        return entry_complain(context, e, "\"%s\" is not a port; give a number from 1 to 65535",
                              QUOTED(e->value));
    return 0;
}

int parse_span(ParseContext *context, const IniEntry *e, int64_t min, int64_t max, int64_t *ret)
{
    int64_t seconds;

    if (parse_seconds(e->value, &seconds) < 0 || seconds < min || seconds > max)
        return entry_complain(
            context, e, "\"%s\" is not a time span between %lld and %lld seconds; write it as 90d or 12h",
            QUOTED(e->value), (long long)min, (long long)max);
    *ret = seconds;
    return 0;
}

static int parse_key_type(ParseContext *context, const IniEntry *e, bool (*suits)(KeyType),
                          const char *purpose, const char *types, KeyType *target)
{
    KeyType type = key_type_from_string(e->value);

    if (!suits(type))
        return entry_complain(context, e, "\"%s\" is not a key type for %s; use %s", QUOTED(e->value),
                              purpose, types);
    *target = type;
    return 0;
}

int parse_leaf_key_type(ParseContext *context, const IniEntry *e, void *target)
{
    return parse_key_type(context, e, key_type_suits_leaf, "leaves",
                          "ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096 or ed25519", target);
}

int parse_root_key_type(ParseContext *context, const IniEntry *e, void *target)
{
    return parse_key_type(context, e, key_type_suits_root, "roots",
                          "ecdsa-p256, ecdsa-p384, rsa-3072 or rsa-4096", target);
}

int parse_account_key_type(ParseContext *context, const IniEntry *e, void *target)
{
    return parse_key_type(context, e, key_type_suits_account, "accounts",
                          "ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072 or rsa-4096", target);
}

/* ---- lists: each line replaces the previous value, as a whole or not at all */

/* Parses a word; returns NULL after a complaint, or on OOM (errno ENOMEM). */
typedef char *(*ReadWord)(ParseContext *context, const IniEntry *e, const char *word);

static int parse_list(ParseContext *context, const IniEntry *e, size_t max, ReadWord read, void *target)
{
    _cleanup_strv_ char **words = NULL, **list = NULL;
    char ***field = target;
    int r;

    r = strv_split(e->value, &words);
    if (r >= 0 && strv_length(words) > max)
        return entry_complain(context, e, "there are more than %zu; ignoring the line", max);
    for (size_t i = 0; words && words[i] && r >= 0; i++) {
        _cleanup_free_ char *word = NULL;

        errno = 0;
        word = read(context, e, words[i]);
        if (!word)
            return errno == ENOMEM ? -ENOMEM : -EINVAL;
        if (!strv_contains(list, word))
            r = strv_extend(&list, word);
    }
    if (r < 0)
        return r;
    strv_free(*field);
    *field = TAKE_PTR(list);
    return 0;
}

static bool is_server(const char *word, uint16_t *ret_port)
{
    char address[ADDRESS_TEXT_SIZE];

    return server_address_parse(word, address, ret_port) >= 0;
}

#define NO_SERVER \
    "\"%s\" is not the address of a server; write it as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353"

static char *read_server(ParseContext *context, const IniEntry *e, const char *word)
{
    uint16_t port;

    if (is_server(word, &port))
        return strdup(word);
    entry_complain(context, e, NO_SERVER, QUOTED(word));
    return NULL;
}

static char *read_listen(ParseContext *context, const IniEntry *e, const char *word)
{
    uint16_t port = 0;

    if (*word == ':' ? parse_ip_port(word + 1, &port) >= 0 : is_server(word, &port) && port > 0)
        return strdup(word);
    entry_complain(
        context, e,
        "\"%s\" is not an address to listen on; write :80 for port 80 on all addresses, or an address and "
        "port as in 127.0.0.1:8080 or [::1]:8080",
        QUOTED(word));
    return NULL;
}

/* One address, no header fields: RFC 8555 section 7.3. */
static char *read_contact(ParseContext *context, const IniEntry *e, const char *word)
{
    const char *address = word + strlen(MAILTO), *at;

    if (strncasecmp(word, MAILTO, strlen(MAILTO)) != 0) {
        entry_complain(context, e, "\"%s\" is not a mailto: URL; write it as mailto:admin@example.com",
                       QUOTED(word));
        return NULL;
    }
    at = strchr(address, '@');
    if (at && at > address && at[1] && !strchr(at + 1, '@') && !strpbrk(address, ",?<>\"") &&
        text_is_graphic(word) && strlen(word) <= LABEL_MAX)
        return strdup(word);
    entry_complain(
        context, e,
        "\"%s\" is not a single mail address; write one mailto: URL for each, without \"?\" and \",\"",
        QUOTED(word));
    return NULL;
}

int parse_server(ParseContext *context, const IniEntry *e, void *target)
{
    uint16_t port;

    if (!*e->value || is_server(e->value, &port))
        return set_text(target, e->value);
    return entry_complain(context, e, NO_SERVER, QUOTED(e->value));
}

int parse_servers(ParseContext *context, const IniEntry *e, void *target)
{
    return parse_list(context, e, LIMIT_RESOLVERS, read_server, target);
}

int parse_listen(ParseContext *context, const IniEntry *e, void *target)
{
    return parse_list(context, e, LIMIT_LISTEN_ADDRESSES, read_listen, target);
}

int parse_contact(ParseContext *context, const IniEntry *e, void *target)
{
    return parse_list(context, e, LIMIT_CONTACTS, read_contact, target);
}

/* ---- URLs (RFC 3986) */

/* Checks HOST[:PORT], where HOST is a name, an IPv4 address, or an IPv6 address in brackets. Returns what is
 * wrong. */
static const char *read_host(char *text, char **ret_host, uint16_t *ret_port)
{
    static const char no_brackets[] = "its host is not an address in brackets";
    bool six = *text == '[';
    char *end = six ? strchr(text, ']') : text + strcspn(text, ":"), *tail = end ? end + six : NULL;

    if (!tail || (*tail && *tail != ':'))
        return no_brackets;
    if (*tail && parse_ip_port(tail + 1, ret_port) < 0)
        return "its port is not a number from 1 to 65535";
    *end = 0;
    if (name_canonicalize(text + six, ret_host, NULL) < 0 || name_is_wildcard(*ret_host))
        return "its host is neither a name nor an address";
    return six == !!strchr(*ret_host, ':') ? NULL : no_brackets;
}

/* Returns what is wrong with it. */
static const char *read_url(const char *text, bool origin, char **ret)
{
    _cleanup_free_ char *authority = NULL, *host = NULL;
    char port_text[8] = "";
    uint16_t port = 443;
    const char *rest, *why;
    bool six;

    if (strncasecmp(text, HTTPS, strlen(HTTPS)) != 0)
        return "it does not begin with https:// (http:// is insecure and not supported)";
    if (strlen(text) > LIMIT_URL || !text_is_graphic(text) || strchr(text, '#') ||
        strpbrk(text, "\"<>\\^`{|}"))
        return "it is too long, or has characters that are invalid in a URL";
    text += strlen(HTTPS);
    rest = text + strcspn(text, "/?");
    authority = strndup(text, (size_t)(rest - text));
    if (!authority)
        return errno = ENOMEM, NULL;
    if (strchr(authority, '@'))
        return "it contains a user name or password";
    why = read_host(authority, &host, &port);
    if (why)
        return why;
    if (origin && *rest)
        return "it continues after its host";
    six = strchr(host, ':');
    if (port != 443)
        snprintf(port_text, sizeof(port_text), ":%u", port);
    if (asprintf(ret, HTTPS "%s%s%s%s%s", six ? "[" : "", host, six ? "]" : "", port_text, rest) < 0)
        *ret = NULL;
    return NULL;
}

/* Keeps a password in it out of the journal. */
static const char *shown(const char *url)
{
    return strchr(url, '@') ? "the URL" : url;
}

int parse_url(ParseContext *context, const IniEntry *e, void *target)
{
    _cleanup_free_ char *url = NULL;
    const char *why = *e->value ? read_url(e->value, false, &url) : NULL;

    if (why)
        return entry_complain(context, e,
                              "%s cannot be used: %s; write it as https://ca.example.com/directory",
                              QUOTED(shown(e->value)), why);
    return *e->value && !url ? -ENOMEM : set_text(target, strempty(url));
}

static char *read_origin(ParseContext *context, const IniEntry *e, const char *word)
{
    char *url = NULL;
    const char *why = read_url(word, true, &url);

    if (why)
        entry_complain(context, e, "%s cannot be used: %s; write it as https://ca.example.com",
                       QUOTED(shown(word)), why);
    else if (!url)
        errno = ENOMEM;
    return url;
}

int parse_origins(ParseContext *context, const IniEntry *e, void *target)
{
    return parse_list(context, e, LIMIT_ORIGINS, read_origin, target);
}

/* ---- names of servers */

typedef struct HostName {
    char text[HOST_NAME_MAX + 1]; /* any bytes */
    bool used;
} HostName;

/* Expands %H to the host name and %% to a percent sign. */
static int expand(ParseContext *context, const IniEntry *e, const char *text, HostName *host, char **ret)
{
    char expanded[LIMIT_NAME_INPUT + 1];
    size_t n = 0;

    if (strchr(text, '%') && gethostname(host->text, sizeof(host->text)) < 0)
        return entry_complain(context, e, "failed to determine the host name: %s", strerror(errno));
    host->text[sizeof(host->text) - 1] = 0;
    for (; *text && n < sizeof(expanded) - sizeof(host->text); text++) {
        if (*text != '%')
            expanded[n++] = *text;
        else if (*++text == 'H') {
            n += (size_t)(stpcpy(expanded + n, host->text) - (expanded + n));
            host->used = true;
        } else if (*text == '%')
            expanded[n++] = '%';
        else
            return entry_complain(
                context, e, "unknown specifier %%%c; use %%H for the host name, and %%%% for a percent sign",
                *text ? *text : ' ');
    }
    if (*text)
        return entry_complain(context, e, "the name is too long");
    expanded[n] = 0;
    *ret = strdup(expanded);
    return *ret ? 0 : -ENOMEM;
}

/* The kernel takes any bytes for a host name, and begins with "(none)". */
static void complain_name(ParseContext *context, const IniEntry *e, const HostName *host, const char *why)
{
    if (!host->used)
        entry_complain(context, e, "%s", why);
    else
        entry_complain(context, e,
                       "%s %%H is the host name of this machine, \"%s\"; set another one with \"hostnamectl "
                       "set-hostname NAME\", or write a name instead of %%H.",
                       why, QUOTED(host->text));
}

int parse_name(ParseContext *context, const IniEntry *e, const char *text, char **ret)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_free_ char *expanded = NULL;
    HostName host = {};
    int r;

    r = expand(context, e, text, &host, &expanded);
    if (r < 0)
        return r;
    r = name_canonicalize(expanded, ret, &problem);
    if (r < 0 && r != -ENOMEM)
        complain_name(context, e, &host, problem.text);
    return r;
}
