/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#define WHITESPACE " \t\r\n"
#define CUT        "…"

size_t strv_length(char *const *l)
{
    size_t n = 0;

    while (l && l[n])
        n++;
    return n;
}

char **strv_free(char **l)
{
    for (size_t i = 0; l && l[i]; i++)
        free(l[i]);
    free(l);
    return NULL;
}

bool strv_contains(char *const *l, const char *s)
{
    for (size_t i = 0; l && l[i]; i++)
        if (streq(l[i], s))
            return true;
    return false;
}

bool strv_equal(char *const *a, char *const *b)
{
    for (size_t i = 0; a && a[i]; i++)
        if (!b || !b[i] || !streq(a[i], b[i]))
            return false;
    return strv_length(a) == strv_length(b);
}

bool strv_equal_sets(char *const *a, char *const *b)
{
    for (size_t i = 0; a && a[i]; i++)
        if (!strv_contains(b, a[i]))
            return false;
    return strv_length(a) == strv_length(b);
}

int strv_copy(char *const *l, char ***ret)
{
    _cleanup_strv_ char **copy = NULL;
    int r = 0;

    for (size_t i = 0; l && l[i] && r >= 0; i++)
        r = strv_extend(&copy, l[i]);
    if (r >= 0)
        *ret = TAKE_PTR(copy);
    return r;
}

void strv_take(char **l, const char *s)
{
    size_t n = strv_length(l);

    for (size_t i = 0; i < n; i++)
        if (streq(l[i], s)) {
            free(l[i]);
            memmove(l + i, l + i + 1, (n - i) * sizeof(char *));
            return;
        }
}

int strv_extend(char ***l, const char *s)
{
    size_t n = strv_length(*l);
    char **grown = reallocarray(*l, n + 2, sizeof(char *));

    if (!grown)
        return -ENOMEM;
    *l = grown;
    grown[n] = strdup(s);
    grown[n + 1] = NULL;
    return grown[n] ? 0 : -ENOMEM;
}

int strv_split(const char *s, char ***ret)
{
    _cleanup_strv_ char **l = NULL;
    _cleanup_free_ char *copy = strdup(s);
    char *state, *word;
    int r;

    if (!copy)
        return -ENOMEM;
    for (word = strtok_r(copy, WHITESPACE, &state); word; word = strtok_r(NULL, WHITESPACE, &state)) {
        r = strv_extend(&l, word);
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(l);
    return 0;
}

char *strv_join(char *const *l, const char *separator)
{
    size_t size = 1, at = 0;
    char *joined;

    for (size_t i = 0; l && l[i]; i++)
        size += strlen(l[i]) + strlen(separator);
    joined = malloc(size);
    if (!joined)
        return NULL;
    for (size_t i = 0; l && l[i]; i++)
        at = (size_t)(stpcpy(stpcpy(joined + at, i > 0 ? separator : ""), l[i]) - joined);
    joined[at] = 0;
    return joined;
}

void hex_encode(const uint8_t *data, size_t size, bool upper, char *ret)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        ret[2 * i] = digits[data[i] >> 4];
        ret[2 * i + 1] = digits[data[i] & 15];
    }
    ret[2 * size] = 0;
}

bool text_is_hex(const char *s, size_t length)
{
    return strlen(s) == length && strspn(s, "0123456789abcdefABCDEF") == length;
}

bool text_consists_of(const char *s, const char *letters, size_t min, size_t max)
{
    size_t n = strspn(s, letters);

    return !s[n] && n >= min && n <= max;
}

bool text_is_graphic(const char *s)
{
    for (; *s; s++)
        if (*s <= ' ' || *s > '~')
            return false;
    return true;
}

const char *text_ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), k = strlen(suffix);

    return n >= k && streq(s + n - k, suffix) ? s + n - k : NULL;
}

static bool letter_has_form(char c, char form)
{
    switch (form) {
    case '9':
        return c >= '0' && c <= '9';
    case 'A':
        return c >= 'A' && c <= 'Z';
    case 'a':
        return c >= 'a' && c <= 'z';
    default:
        return c == form;
    }
}

const char *text_skip_form(const char *s, const char *form)
{
    for (; *form; s++, form++)
        if (!letter_has_form(*s, *form))
            return NULL;
    return s;
}

int text_set(char **text, const char *value)
{
    char *copy = value ? strdup(value) : NULL;

    if (value && !copy)
        return -ENOMEM;
    free(*text);
    *text = copy;
    return 0;
}

size_t utf8_decode(const char *text, uint32_t *ret_letter)
{
    const unsigned char *s = (const unsigned char *)text;
    uint32_t c, least;
    size_t n;

    *ret_letter = s[0];
    if (s[0] < 0x80)
        return 1;
    n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    c = s[0] & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    *ret_letter = c;
    least = n == 2 ? 0x80 : n == 3 ? 0x800 : 0x10000;
    return c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

bool text_is_utf8(const char *s)
{
    uint32_t letter;
    size_t n;

    for (; *s; s += n) {
        n = utf8_decode(s, &letter);
        if (n == 0)
            return false;
    }
    return true;
}

static char *write_unit(char *to, uint32_t unit)
{
    return to + sprintf(to, "\\u%04" PRIx32, unit);
}

/* Two bytes become six, four become twelve. */
int text_json_to_ascii(const char *s, size_t size, char **ret)
{
    _cleanup_erase_ char *copy = strndup(s, size), *text = calloc(size + 1, 3);
    char *to = text;
    uint32_t letter;
    size_t n;

    if (!copy || !text)
        return -ENOMEM;
    if (strlen(copy) < size || !text_is_utf8(copy))
        return -EINVAL;
    for (const char *from = copy; *from; from += n) {
        n = utf8_decode(from, &letter);
        if (n == 1)
            *to++ = *from;
        else if (n < 4)
            to = write_unit(to, letter);
        else
            to = write_unit(write_unit(to, 0xd800 | (letter - 0x10000) >> 10), 0xdc00 | (letter & 0x3ff));
    }
    *ret = TAKE_PTR(text);
    return 0;
}

static bool letter_is_plain(uint32_t c)
{
    static const uint32_t turns[][2] = {
        { 0x61c, 0x61c }, { 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 }
    };

    for (size_t i = 0; i < ELEMENTSOF(turns); i++)
        if (c >= turns[i][0] && c <= turns[i][1])
            return false;
    return c >= 0x20 && (c < 0x7f || c > 0x9f);
}

bool text_is_plain(const char *s)
{
    uint32_t letter;
    size_t n;

    for (; *s; s += n) {
        n = utf8_decode(s, &letter);
        if (n == 0 || !letter_is_plain(letter))
            return false;
    }
    return true;
}

/* Copies s to ret, with "?" for bytes that are not plain, up to the character that does not fit into max
 * bytes, and returns the position of that. ret may be s, as nothing becomes longer. */
static const char *copy_plain(const char *s, size_t max, char *ret)
{
    size_t to = 0, n;
    uint32_t letter;

    for (; *s; s += MAX(n, (size_t)1)) {
        n = utf8_decode(s, &letter);
        if (to + MAX(n, (size_t)1) > max)
            break;
        if (n > 0 && letter_is_plain(letter)) {
            memmove(ret + to, s, n);
            to += n;
        } else
            ret[to++] = '?';
    }
    ret[to] = 0;
    return s;
}

void text_make_plain(char *s, size_t max)
{
    (void)copy_plain(s, SIZE_MAX, s);
    if (strlen(s) <= max)
        return;
    (void)copy_plain(s, max < strlen(CUT) ? max : max - strlen(CUT), s);
    if (max >= strlen(CUT))
        strcat(s, CUT);
}

char *text_format_plain(size_t max, const char *format, va_list ap)
{
    char *text;

    if (vasprintf(&text, format, ap) < 0)
        return NULL;
    text_make_plain(text, max);
    return text;
}

const char *text_quote(const char *s, size_t max, char *ret)
{
    if (*copy_plain(strempty(s), max, ret))
        strcat(ret, CUT);
    return ret;
}

const char *text_full_stop(const char *s)
{
    size_t n = strlen(s);

    return n == 0 || strchr(".!?", s[n - 1]) ? "" : ".";
}

int table_from_string(const char *const *table, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++)
        if (table[i] && streq(table[i], s))
            return (int)i;
    return -EINVAL;
}

const char *moment_to_text(int64_t when, char ret[static MOMENT_SIZE])
{
    time_t t = (time_t)when;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(ret, MOMENT_SIZE, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        strcpy(ret, "an unknown time");
    return ret;
}

static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    return h ^ h >> 33;
}

/* The seed is mixed, as one that is a small number would cancel out with a difference of the first byte. */
uint64_t bytes_hash(const void *data, size_t size, uint64_t seed)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ mix(seed);
    const uint8_t *p = data;

    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return mix(h);
}

uint64_t text_hash(const char *s, uint64_t seed)
{
    return bytes_hash(s, strlen(s), seed);
}

int parse_uint64(const char *s, uint64_t *ret)
{
    unsigned long long value;
    char *end;

    if (!isdigit((unsigned char)*s))
        return -EINVAL;
    errno = 0;
    value = strtoull(s, &end, 10);
    if (errno > 0)
        return -errno;
    if (*end)
        return -EINVAL;
    *ret = value;
    return 0;
}

int parse_ip_port(const char *s, uint16_t *ret)
{
    uint64_t port;

    if (parse_uint64(s, &port) < 0 || port < 1 || port > UINT16_MAX)
        return -EINVAL;
    *ret = (uint16_t)port;
    return 0;
}

int parse_boolean(const char *s, bool *ret)
{
    static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off",
                                                                                   "0" };

    for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
        if (strcasecmp(s, yes[i]) == 0)
            return *ret = true, 0;
        if (strcasecmp(s, no[i]) == 0)
            return *ret = false, 0;
    }
    return -EINVAL;
}

static int unit_seconds(const char *unit, size_t length, int64_t *ret)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {
        { "", 1 },      { "s", 1 },      { "min", 60 },     { "h", 3600 },
        { "d", 86400 }, { "w", 604800 }, { "y", 31536000 },
    };

    for (size_t i = 0; i < ELEMENTSOF(units); i++)
        if (strlen(units[i].unit) == length && strncmp(units[i].unit, unit, length) == 0)
            return *ret = units[i].seconds, 0;
    return -EINVAL;
}

int parse_seconds(const char *s, int64_t *ret)
{
    int64_t sum = 0, unit;
    int r;

    s += strspn(s, WHITESPACE);
    if (!*s)
        return -EINVAL;
    while (*s) {
        unsigned long long count;
        size_t length;
        char *end;

        if (!isdigit((unsigned char)*s))
            return -EINVAL;
        errno = 0;
        count = strtoull(s, &end, 10);
        if (errno > 0 || count > INT32_MAX)
            return -ERANGE;
        length = strspn(end, "abcdefghijklmnopqrstuvwxyz");
        r = unit_seconds(end, length, &unit);
        if (r < 0)
            return r;
        if (__builtin_add_overflow(sum, (int64_t)count * unit, &sum))
            return -ERANGE;
        s = end + length;
        s += strspn(s, WHITESPACE);
    }
    *ret = sum;
    return 0;
}
