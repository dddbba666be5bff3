/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <strings.h>

#include "net/http-internal.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* RFC 9110 section 5.6.2. */
static size_t token_length(const char *s, size_t size)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    size_t n = 0;

    while (n < size && s[n] &&
           ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z') || (s[n] >= '0' && s[n] <= '9') ||
            strchr(others, s[n])))
        n++;
    return n;
}

static bool is_printable(const char *s, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((s[i] < ' ' || s[i] > '~') && s[i] != '\t')
            return false;
    return true;
}

static int headers_append(HttpHeaders *h, const char *data, size_t size)
{
    if (size + 1 > h->allocated - h->size) {
        size_t wanted = MAX(h->size + size + 1, MAX(h->allocated * 2, (size_t)512));
        char *text = realloc(h->text, wanted);

        if (!text)
            return -ENOMEM;
        h->text = text;
        h->allocated = wanted;
    }
    memcpy(h->text + h->size, data, size);
    h->text[h->size + size] = 0;
    h->size += size + 1;
    return 0;
}

/* A line that begins with white space continues the previous one (RFC 9112 section 5.2): it replaces its
 * NUL, after a space. */
static int headers_continue(HttpHeaders *h, const char *line, size_t size)
{
    if (h->size == 0 || h->ignored)
        return 0;
    while (size > 0 && is_space(*line))
        line++, size--;
    if (!is_printable(line, size)) {
        h->size = h->last;
        h->ignored = true;
        return 0;
    }
    h->text[h->size - 1] = ' ';
    return headers_append(h, line, size);
}

static int headers_begin(HttpHeaders *h, const char *line, size_t size)
{
    const char *status = memchr(line, ' ', size);

    h->size = 0;
    h->ignored = true;
    h->interim = status && status + 1 < line + size && status[1] == '1';
    return 0;
}

int headers_add(HttpHeaders *h, const char *line, size_t size)
{
    size_t name;

    while (size > 0 && strchr("\r\n", line[size - 1]))
        size--;
    if (h->closed)
        return 0;
    if (size == 0) {
        h->closed = !h->interim;
        return 0;
    }
    if (size >= 5 && strncmp(line, "HTTP/", 5) == 0)
        return headers_begin(h, line, size);
    while (size > 0 && is_space(line[size - 1]))
        size--;
    if (size > 0 && is_space(*line))
        return headers_continue(h, line, size);
    name = token_length(line, size);
    h->last = h->size;
    h->ignored = name == 0 || name == size || line[name] != ':' || !is_printable(line, size);
    return h->ignored ? 0 : headers_append(h, line, size);
}

void headers_clear(HttpHeaders *h)
{
    free(h->text);
    *h = (HttpHeaders){};
}

const char *http_reply_header(const HttpReply *reply, const char *name, size_t n)
{
    const HttpHeaders *h = reply->headers;
    size_t length = strlen(name);

    for (const char *p = h ? h->text : NULL; p && p < h->text + h->size; p += strlen(p) + 1) {
        const char *value;

        if (strncasecmp(p, name, length) != 0 || p[length] != ':' || n-- > 0)
            continue;
        for (value = p + length + 1; is_space(*value);)
            value++;
        return value;
    }
    return NULL;
}
