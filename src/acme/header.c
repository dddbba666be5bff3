/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/header.h"

#include <errno.h>
#include <strings.h>

#include "core/limits.h"
#include "net/http.h"
#include "util/text.h"

#define SPACE " \t"

static bool skip(const char **s, const char *text)
{
    size_t n = strlen(text);

    if (strncmp(*s, text, n) != 0)
        return false;
    *s += n;
    return true;
}

/* ---- Retry-After */

int header_parse_retry_after(const char *value, int64_t now, int64_t *ret_delay)
{
    size_t digits = strspn(value, "0123456789");
    int64_t delay = 0, moment;

    if (digits > 0 && !value[digits])
        for (; *value && delay <= LIMIT_RETRY_MAX; value++)
            delay = delay * 10 + (*value - '0');
    else if (http_date_parse(value, now, &moment) >= 0)
        delay = moment - now;
    else
        return -EINVAL;
    *ret_delay = MIN(MAX(delay, (int64_t)LIMIT_RETRY_MIN), (int64_t)LIMIT_RETRY_MAX);
    return 0;
}

/* ---- Link */

typedef struct Link {
    const char *target;
    size_t target_size;
    bool wanted;   /* has the requested relation */
    bool related;  /* has a rel parameter; further ones are ignored */
    bool anchored; /* has another context */
} Link;

static void skip_space(const char **s)
{
    *s += strspn(*s, SPACE);
}

/* Reads a token, or a quoted string without quotes and backslashes (RFC 9110 section 5.6.4). */
static int take_value(const char **s, char **ret)
{
    char *value = malloc(strlen(*s) + 1), *end = value;

    if (!value)
        return -ENOMEM;
    if (skip(s, "\"")) {
        while (**s && **s != '"') {
            if (**s == '\\')
                (*s)++;
            if (**s)
                *end++ = *(*s)++;
        }
        *end = 0;
        *ret = value;
        return skip(s, "\"") ? 0 : -EINVAL;
    }
    while (**s && strchr(TEXT_TOKEN, **s))
        *end++ = *(*s)++;
    *end = 0;
    *ret = value;
    return end > value ? 0 : -EINVAL;
}

static bool relations_have(const char *relations, const char *relation)
{
    size_t n;

    for (; *relations; relations += n) {
        relations += strspn(relations, SPACE);
        n = strcspn(relations, SPACE);
        if (n == strlen(relation) && strncasecmp(relations, relation, n) == 0)
            return true;
    }
    return false;
}

static int take_parameter(const char **s, const char *relation, Link *link)
{
    _cleanup_free_ char *value = NULL;
    const char *name = *s;
    size_t n = strspn(*s, TEXT_TOKEN);
    int r;

    if (n == 0)
        return 0; /* empty parameter */
    *s += n;
    skip_space(s);
    if (!skip(s, "="))
        return 0;
    skip_space(s);
    r = take_value(s, &value);
    if (r < 0)
        return r;
    if (n == 6 && strncasecmp(name, "anchor", n) == 0)
        link->anchored = true;
    if (n == 3 && strncasecmp(name, "rel", n) == 0 && !link->related) {
        link->related = true;
        link->wanted = relations_have(value, relation);
    }
    return 0;
}

static bool take_target(const char **s, Link *link)
{
    if (!skip(s, "<"))
        return false;
    link->target = *s;
    while (**s > ' ' && **s <= '~' && !strchr("<>\"", **s))
        (*s)++;
    link->target_size = (size_t)(*s - link->target);
    return link->target_size <= LIMIT_URL && skip(s, ">");
}

static int take_link(const char **s, const char *relation, Link *link)
{
    int r;

    if (!take_target(s, link))
        return -EINVAL;
    for (;;) {
        skip_space(s);
        if (!skip(s, ";"))
            return 0;
        skip_space(s);
        r = take_parameter(s, relation, link);
        if (r < 0)
            return r;
    }
}

static int collect(const Link *link, char ***targets)
{
    _cleanup_free_ char *target = NULL;

    if (!link->wanted || link->anchored)
        return 0;
    target = strndup(link->target, link->target_size);
    return target ? strv_extend(targets, target) : -ENOMEM;
}

/* links = [ link ] *( OWS "," OWS [ link ] ) */
static int collect_links(const char *s, const char *relation, char ***targets)
{
    int r;

    for (;;) {
        Link link = {};

        skip_space(&s);
        if (*s && *s != ',') {
            r = take_link(&s, relation, &link);
            r = r < 0 ? r : collect(&link, targets);
            if (r < 0)
                return r;
        }
        if (!*s)
            return 0;
        if (!skip(&s, ","))
            return -EINVAL;
    }
}

int header_parse_link(const char *value, const char *relation, char ***targets)
{
    _cleanup_strv_ char **found = NULL;
    int r = collect_links(value, relation, &found);

    for (char **l = found; r >= 0 && l && *l; l++)
        r = strv_extend(targets, *l);
    return r < 0 ? r : 0;
}

/* ---- others */

bool header_is_type(const char *value, const char *type)
{
    size_t n;

    if (!value)
        return false;
    value += strspn(value, SPACE);
    n = strcspn(value, ";" SPACE);
    if (n != strlen(type) || strncasecmp(value, type, n) != 0)
        return false;
    value += n;
    value += strspn(value, SPACE);
    return !*value || *value == ';';
}

bool header_is_nonce(const char *value)
{
    return value && text_consists_of(value, TEXT_ALNUM "-_", 1, LIMIT_NONCE);
}
