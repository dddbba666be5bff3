/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/name.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <idn2.h>
#include <stdio.h>

#include "core/limits.h"
#include "util/text.h"

#define MODULE_SIGNS   "-_."
#define MODULE_LETTERS "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define QUOTED_MAX     64 /* bytes of an invalid name that are quoted */

static bool is_ascii(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s >= 0x80)
            return false;
    return true;
}

static int label_check(const char *label, size_t length, Problem *problem)
{
    const char *why = NULL;

    if (length == 0)
        why = "it has an empty label (two dots in a row, or a dot in front)";
    else if (length > LIMIT_LABEL)
        why = "it has a label of more than 63 bytes";
    else if (label[0] == '-' || label[length - 1] == '-')
        why = "it has a label that begins or ends with a hyphen";
    else if (memchr(label, '*', length))
        why = "a wildcard may only stand as the whole first label, as in *.example.com";
    else if (memchr(label, '_', length))
        why = "an underscore cannot be part of a host name";
    else
        for (size_t i = 0; i < length; i++)
            if (!isalnum((unsigned char)label[i]) && label[i] != '-')
                why = "only letters, digits, hyphens and dots can be part of a host name";
    return why ? problem_set(problem, PROBLEM_INVALID_NAME, "%s", why) : 0;
}

/* IDNA2008 excludes letters, such as emoji, that registries nevertheless sell and authorities issue for. A label is
 * left as it is then, which is its only spelling, as punycode has just one for each text. */
static bool is_only_excluded(int r)
{
    return r == IDN2_DISALLOWED || r == IDN2_CONTEXTJ || r == IDN2_CONTEXTJ_NO_RULE || r == IDN2_CONTEXTO ||
           r == IDN2_CONTEXTO_NO_RULE || r == IDN2_UNASSIGNED || r == IDN2_BIDI || r == IDN2_DOT_IN_LABEL ||
           r == IDN2_INVALID_NONTRANSITIONAL || r == IDN2_2HYPHEN || r == IDN2_LEADING_COMBINING ||
           r == IDN2_NOT_NFC;
}

/* An A-label must be the encoding of its U-label, or two spellings would be two names. */
static int alabel_check(const char *label, Problem *problem)
{
    _cleanup_free_ char *unicode = NULL, *again = NULL;
    int r;

    r = idn2_to_unicode_8z8z(label, &unicode, 0);
    if (r == IDN2_OK)
        r = idn2_to_ascii_8z(unicode, &again, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (r == IDN2_MALLOC)
        return -ENOMEM;
    if (unicode && is_only_excluded(r) && text_is_plain(unicode) && !is_ascii(unicode) &&
        !strchr(unicode, '.'))
        return 0;
    if (r != IDN2_OK)
        return problem_set(problem, PROBLEM_INVALID_NAME,
                           "it has an xn-- label that is no international name (%s)", idn2_strerror(r));
    if (!streq(label, again))
        return problem_set(problem, PROBLEM_INVALID_NAME,
                           "it has an xn-- label that is properly written as %s", again);
    return 0;
}

static int alabels_check(const char *name, Problem *problem)
{
    int r = 0;

    while (*name && r >= 0) {
        size_t length = strcspn(name, ".");
        _cleanup_free_ char *label = strndup(name, length);

        if (!label)
            return -ENOMEM;
        if (strncmp(label, "xn--", 4) == 0)
            r = alabel_check(label, problem);
        name += length + (name[length] == '.');
    }
    return r;
}

static int labels_check(const char *name, bool wildcard, Problem *problem)
{
    const char *label = name, *last = name;
    size_t length;
    int r;

    if (strlen(name) + (wildcard ? 2 : 0) > LIMIT_NAME)
        return problem_set(problem, PROBLEM_INVALID_NAME, "it is longer than %d bytes", LIMIT_NAME);
    for (;; label += length + 1) {
        length = strcspn(label, ".");
        r = label_check(label, length, problem);
        if (r < 0)
            return r;
        last = label;
        if (!label[length])
            break;
    }
    /* Resolvers and browsers treat names that end in a number as addresses, in a format that is not
     * supported here. */
    if (last[strspn(last, "0123456789")] == 0 ||
        (last[0] == '0' && last[1] == 'x' && last[2 + strspn(last + 2, "0123456789abcdef")] == 0))
        return problem_set(problem, PROBLEM_INVALID_NAME,
                           "its last label is a number, and it is no IPv4 address like 192.0.2.1 either");
    return 0;
}

static bool address_canonicalize(const char *text, char ret[static INET6_ADDRSTRLEN])
{
    uint8_t address[sizeof(struct in6_addr)];

    for (int i = 0; i < 2; i++) {
        int family = i == 0 ? AF_INET : AF_INET6;

        if (inet_pton(family, text, address) == 1)
            return inet_ntop(family, address, ret, INET6_ADDRSTRLEN);
    }
    return false;
}

/* Labels of ASCII are left alone: IDNA2008 forbids some of them, too, such as "r3---sn". */
static int label_to_ascii(const char *label, char **ret, Problem *problem)
{
    char *ascii = NULL;
    int r;

    if (is_ascii(label))
        ascii = strdup(label);
    else {
        r = idn2_to_ascii_8z(label, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
        if (r != IDN2_OK && r != IDN2_MALLOC)
            return problem_set(problem, PROBLEM_INVALID_NAME, "it is no valid international name (%s)%s",
                               idn2_strerror(r), is_only_excluded(r) ? "; give the xn-- form of it" : "");
    }
    if (!ascii)
        return -ENOMEM;
    *ret = ascii;
    return 0;
}

static int to_ascii(const char *text, char **ret, Problem *problem)
{
    _cleanup_free_ char *all = strdup("");
    int r;

    for (bool more = true; more;) {
        size_t length = strcspn(text, ".");
        _cleanup_free_ char *label = strndup(text, length), *ascii = NULL;
        char *joined;

        if (!all || !label)
            return -ENOMEM;
        r = label_to_ascii(label, &ascii, problem);
        if (r < 0)
            return r;
        more = text[length] == '.';
        if (asprintf(&joined, "%s%s%s", all, ascii, more ? "." : "") < 0)
            return -ENOMEM;
        free(all);
        all = joined;
        text += length + more;
    }
    for (char *p = all; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    *ret = TAKE_PTR(all);
    return 0;
}

static int dns_canonicalize(const char *text, char **ret, Problem *problem)
{
    _cleanup_free_ char *ascii = NULL, *name = NULL;
    bool wildcard = strncmp(text, "*.", 2) == 0;
    size_t length;
    int r;

    r = to_ascii(text + (wildcard ? 2 : 0), &ascii, problem);
    if (r < 0)
        return r;
    length = strlen(ascii);
    if (length > 1 && ascii[length - 1] == '.')
        ascii[length - 1] = 0;
    r = labels_check(ascii, wildcard, problem);
    if (r < 0)
        return r;
    r = alabels_check(ascii, problem);
    if (r < 0)
        return r;
    if (asprintf(&name, "%s%s", wildcard ? "*." : "", ascii) < 0)
        return -ENOMEM;
    *ret = TAKE_PTR(name);
    return 0;
}

/* Returns false if the name is better left as it is. */
static bool unicode_is_faithful(const char *unicode, const char *name)
{
    _cleanup_free_ char *again = NULL;

    return text_is_plain(unicode) &&
           idn2_to_ascii_8z(unicode, &again, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
           streq(again, name);
}

int name_to_unicode(const char *name, char **ret)
{
    const char *base = name_base(name);
    _cleanup_free_ char *unicode = NULL;
    char *text;

    if (!strstr(base, "xn--") || idn2_to_unicode_8z8z(base, &unicode, 0) != IDN2_OK ||
        !unicode_is_faithful(unicode, base))
        text = strdup(name);
    else if (asprintf(&text, "%s%s", base == name ? "" : "*.", unicode) < 0)
        text = NULL;
    *ret = text;
    return text ? 0 : -ENOMEM;
}

int name_canonicalize(const char *text, char **ret, Problem *problem)
{
    _cleanup_problem_ Problem why = {};
    char address[INET6_ADDRSTRLEN];
    char *name = NULL;
    int r;

    if (!*text)
        return problem_set(problem, PROBLEM_INVALID_NAME,
                           "The name is empty; give a host name or an IP address.");
    if (strlen(text) > LIMIT_NAME_INPUT)
        return problem_set(problem, PROBLEM_INVALID_NAME, "The name is longer than %d bytes.",
                           LIMIT_NAME_INPUT);
    if (address_canonicalize(text, address)) {
        name = strdup(address);
        r = name ? 0 : -ENOMEM;
    } else if (strchr(text, ':'))
        r = problem_set(
            &why, PROBLEM_INVALID_NAME,
            "it has a colon but is no IPv6 address (no brackets, port, scheme or zone belongs to it)");
    else
        r = dns_canonicalize(text, &name, &why);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return problem_set(problem, PROBLEM_INVALID_NAME, "\"%s\" is not a valid name: %s.",
                           QUOTE(text, QUOTED_MAX), why.text);
    *ret = name;
    return 0;
}

bool name_is_address(const char *name)
{
    uint8_t address[sizeof(struct in6_addr)];

    return strchr(name, ':') || inet_pton(AF_INET, name, address) == 1;
}

bool name_is_wildcard(const char *name)
{
    return name[0] == '*';
}

const char *name_base(const char *name)
{
    return name_is_wildcard(name) ? name + strlen("*.") : name;
}

const char *name_without_label(const char *name)
{
    return name_is_wildcard(name) || name_is_address(name) ? NULL : strchr(name, '.');
}

bool name_covers(const char *pattern, const char *name)
{
    const char *parent = name_is_wildcard(pattern) ? name_without_label(name) : NULL;

    return streq(pattern, name) || (parent && streq(pattern + 1, parent));
}

bool module_name_is_valid(const char *s)
{
    size_t length = strlen(s);

    return length > 0 && length <= LIMIT_MODULE_NAME && !strchr(MODULE_SIGNS, s[0]) &&
           strspn(s, MODULE_SIGNS MODULE_LETTERS) == length;
}
