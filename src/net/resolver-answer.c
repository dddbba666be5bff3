/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <ctype.h>
#include <errno.h>

#include "core/limits.h"
#include "core/server-address.h"
#include "net/resolver-internal.h"
#include "util/text.h"

/* A message and how far it is read. */
typedef struct Reader {
    const uint8_t *data;
    size_t size, at;
} Reader;

typedef struct Resource {
    char *owner;
    int type, class;
    size_t at, size; /* its data */
} Resource;

static int reader_take16(Reader *r, int *ret)
{
    if (r->size - r->at < 2)
        return -EBADMSG;
    *ret = r->data[r->at] << 8 | r->data[r->at + 1];
    r->at += 2;
    return 0;
}

static int reader_skip(Reader *r, size_t n)
{
    if (r->size - r->at < n)
        return -EBADMSG;
    r->at += n;
    return 0;
}

static int reader_take_name(Reader *r, char **ret)
{
    char *expanded = NULL, *name;
    long n = 0;
    int status;

    if (r->at >= r->size)
        return -EBADMSG;
    status = ares_expand_name(r->data + r->at, r->data, (int)r->size, &expanded, &n);
    if (status != ARES_SUCCESS)
        return status == ARES_ENOMEM ? -ENOMEM : -EBADMSG;
    name = strdup(*expanded ? expanded : ".");
    ares_free_string(expanded);
    if (!name)
        return -ENOMEM;
    if (reader_skip(r, (size_t)n) < 0) {
        free(name);
        return -EBADMSG;
    }
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    *ret = name;
    return 0;
}

static int reader_take_resource(Reader *r, Resource *ret)
{
    _cleanup_free_ char *owner = NULL;
    int type, class, size;

    if (reader_take_name(r, &owner) < 0 || reader_take16(r, &type) < 0 || reader_take16(r, &class) < 0 ||
        reader_skip(r, 4) < 0 || reader_take16(r, &size) < 0 || (size_t)size > r->size - r->at)
        return -EBADMSG;
    *ret = (Resource){
        .owner = TAKE_PTR(owner), .type = type, .class = class, .at = r->at, .size = (size_t)size
    };
    r->at += (size_t)size;
    return 0;
}

static int add_address(const Reader *r, const Resource *rr, char ***values)
{
    char text[ADDRESS_TEXT_SIZE];
    int family = rr->type == ns_t_a ? AF_INET : AF_INET6;

    if (rr->size != (rr->type == ns_t_a ? 4U : 16U) ||
        !inet_ntop(family, r->data + rr->at, text, sizeof(text)))
        return -EBADMSG;
    return strv_extend(values, text);
}

/* A sequence of strings, each with a byte of length before it. */
static int add_text(const Reader *r, const Resource *rr, char ***values)
{
    _cleanup_free_ char *text = malloc(rr->size + 1);
    const uint8_t *data = r->data + rr->at;
    size_t n = 0;

    if (!text)
        return -ENOMEM;
    for (size_t at = 0; at < rr->size; at += 1U + data[at]) {
        if (data[at] > rr->size - at - 1)
            return -EBADMSG;
        for (size_t i = 0; i < data[at]; i++)
            text[n++] = data[at + 1 + i] ? (char)data[at + 1 + i] : '?';
    }
    text[n] = 0;
    return strv_extend(values, text);
}

static int add_name(const Reader *r, const Resource *rr, char ***values)
{
    Reader inner = { .data = r->data, .size = r->size, .at = rr->at };
    _cleanup_free_ char *name = NULL;
    int k;

    k = reader_take_name(&inner, &name);
    if (k >= 0 && inner.at > rr->at + rr->size)
        k = -EBADMSG;
    return k < 0 ? k : strv_extend(values, name);
}

/* Whether zone is name or above it. */
static bool zone_has_name(const char *zone, const char *name)
{
    size_t z = strlen(zone), n = strlen(name);

    if (n > 0 && name[n - 1] == '.')
        n--;
    if (streq(zone, "."))
        return true;
    return z <= n && strncasecmp(name + n - z, zone, z) == 0 && (z == n || name[n - z - 1] == '.');
}

/* Found in the answer, or beside it when the name is not a zone's own (RFC 2308 section 3); one of another zone is that of
 * an alias' target. */
static int add_zone(const Reader *r, const Resource *rr, const char *name, char ***values)
{
    int k;

    if (*values || !zone_has_name(rr->owner, name))
        return 0;
    k = strv_extend(values, rr->owner);
    return k < 0 ? k : add_name(r, rr, values);
}

static int resource_read(const Reader *r, const Resource *rr, const char *name, bool in_answer,
                         char ***values)
{
    switch (rr->type) {
    case ns_t_a:
    case ns_t_aaaa:
        return in_answer ? add_address(r, rr, values) : 0;
    case ns_t_txt:
        return in_answer ? add_text(r, rr, values) : 0;
    case ns_t_cname:
    case ns_t_ns:
        return in_answer ? add_name(r, rr, values) : 0;
    case ns_t_soa:
        return add_zone(r, rr, name, values);
    default:
        return 0;
    }
}

static int read_section(Reader *r, int n, const char *name, int record, bool in_answer, char ***values)
{
    int k = 0;

    for (int i = 0; i < n && k >= 0; i++) {
        _cleanup_(freep) char *owner = NULL;
        Resource rr;

        k = reader_take_resource(r, &rr);
        if (k < 0)
            break;
        owner = rr.owner;
        if (rr.class == ns_c_in && rr.type == record)
            k = resource_read(r, &rr, name, in_answer, values);
    }
    return k;
}

static int skip_questions(Reader *r, int n)
{
    int k = 0;

    for (int i = 0; i < n && k >= 0; i++) {
        _cleanup_free_ char *name = NULL;

        k = reader_take_name(r, &name);
        if (k >= 0)
            k = reader_skip(r, 4);
    }
    return k;
}

static void drop_values(char **values, size_t n)
{
    for (size_t i = n; values && values[i]; i++) {
        free(values[i]);
        values[i] = NULL;
    }
}

static int read_message(const uint8_t *data, size_t size, const char *name, int record, char ***values)
{
    Reader r = { .data = data, .size = size };
    int n_questions, n_answers, n_authorities, k;

    if (size > UINT16_MAX)
        return -EBADMSG;
    if (reader_skip(&r, 4) < 0 || reader_take16(&r, &n_questions) < 0 || reader_take16(&r, &n_answers) < 0 ||
        reader_take16(&r, &n_authorities) < 0 || reader_skip(&r, 2) < 0)
        return -EBADMSG;
    k = skip_questions(&r, n_questions);
    if (k >= 0)
        k = read_section(&r, n_answers, name, record, true, values);
    if (k >= 0 && record == ns_t_soa)
        k = read_section(&r, n_authorities, name, record, false, values);
    return k;
}

/* All of it or nothing. */
int dns_answer_read(const uint8_t *data, size_t size, const char *name, int record, char ***values)
{
    size_t before = strv_length(*values);
    int r = read_message(data, size, name, record, values);

    if (r < 0) {
        drop_values(*values, before);
        if (before == 0)
            *values = strv_free(*values);
    }
    return r;
}
