/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/escapes.h"

#include <ctype.h>
#include <strings.h>

#include "util/encoding.h"
#include "util/text.h"

#define ROUNDS_MAX 8   /* escapes within escapes */
#define TAG_MAX    512 /* bytes of an HTML tag */
#define UNREADABLE '?' /* no part of any block */

/* Reads from and writes to the same buffer; nothing becomes longer. */
typedef struct Round {
    const char *at, *end;
    char *to;
    bool percent; /* the text is a URL or a form */
    bool changed;
} Round;

static size_t left(const Round *r)
{
    return (size_t)(r->end - r->at);
}

static bool starts_with(const Round *r, const char *s)
{
    return left(r) >= strlen(s) && strncasecmp(r->at, s, strlen(s)) == 0;
}

static void put(Round *r, char c)
{
    *r->to++ = c ? c : UNREADABLE;
}

/* Skips n bytes, which were an escape. */
static void skip(Round *r, size_t n)
{
    r->at += n;
    r->changed = true;
}

/* Reads up to max digits at offset from. Returns how many there are. */
static size_t digits_at(const Round *r, size_t from, size_t max, unsigned base, uint32_t *ret)
{
    uint32_t value = 0;
    size_t n = 0;

    for (; n < max && from + n < left(r); n++) {
        unsigned char c = (unsigned char)r->at[from + n];
        unsigned digit = isdigit(c) ? (unsigned)c - '0' : isxdigit(c) ? (unsigned)tolower(c) - 'a' + 10 : 99;

        if (digit >= base)
            break;
        value = value * base + digit;
    }
    *ret = value;
    return n;
}

static void put_letter(Round *r, uint32_t letter)
{
    if (letter == 0 || letter > 0x10ffff)
        put(r, UNREADABLE);
    else if (letter == '\n' || letter == '\r')
        put(r, ESCAPED_LINE_END);
    else
        r->to = utf8_encode(r->to, letter);
}

/* "=3D". A line break that "=" hides needs nothing, as it is between letters of base64. */
static bool undo_quoted_printable(Round *r)
{
    uint32_t byte;

    if (*r->at != '=' || digits_at(r, 1, 2, 16, &byte) != 2)
        return false;
    skip(r, 3);
    put(r, byte == '\n' || byte == '\r' ? ESCAPED_LINE_END : (char)byte);
    return true;
}

static bool undo_percent(Round *r)
{
    uint32_t byte;

    if (r->percent && *r->at == '+') {
        skip(r, 1);
        put(r, ' ');
        return true;
    }
    if (*r->at != '%' || digits_at(r, 1, 2, 16, &byte) != 2)
        return false;
    skip(r, 3);
    put(r, byte == '\n' || byte == '\r' ? ESCAPED_LINE_END : (char)byte);
    return true;
}

static bool undo_entity(Round *r)
{
    static const struct {
        const char *name;
        char letter;
    } names[] = {
        { "&nbsp;", ' ' },  { "&ensp;", ' ' },     { "&emsp;", ' ' },   { "&amp;", '&' },
        { "&lt;", '<' },    { "&gt;", '>' },       { "&quot;", '"' },   { "&apos;", '\'' },
        { "&plus;", '+' },  { "&sol;", '/' },      { "&equals;", '=' }, { "&ndash;", '-' },
        { "&mdash;", '-' }, { "&dash;", '-' },     { "&hyphen;", '-' }, { "&minus;", '-' },
        { "&Tab;", ' ' },   { "&NewLine;", '\n' }, { "&bsol;", '\\' },
    };
    bool hex = starts_with(r, "&#x");
    size_t n, head = hex ? 3 : 2;
    uint32_t letter;

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (starts_with(r, names[i].name)) {
            skip(r, strlen(names[i].name));
            put_letter(r, (uint32_t)names[i].letter);
            return true;
        }
    if (!starts_with(r, "&#"))
        return false;
    n = digits_at(r, head, 6, hex ? 16 : 10, &letter);
    if (n == 0 || head + n >= left(r) || r->at[head + n] != ';')
        return false;
    skip(r, head + n + 1);
    put_letter(r, letter);
    return true;
}

/* Tags that begin a line do so here, others leave nothing. */
static bool undo_tag(Round *r)
{
    static const char *const inlined[] = { "<wbr",  "<span",  "</span", "<b>",   "</b>",
                                           "<code", "</code", "<font",  "</font" };
    const char *close =
        *r->at == '<' && left(r) > 2 ? memchr(r->at, '>', MIN(left(r), (size_t)TAG_MAX)) : NULL;
    bool breaks = true;

    if (!close || (!isalpha((unsigned char)r->at[1]) && !strchr("/!", r->at[1])) ||
        memchr(r->at + 1, '<', (size_t)(close - r->at) - 1) || memchr(r->at, '\n', (size_t)(close - r->at)))
        return false;
    for (size_t i = 0; i < ELEMENTSOF(inlined); i++)
        breaks = breaks && !starts_with(r, inlined[i]);
    skip(r, (size_t)(close - r->at) + 1);
    if (breaks)
        put(r, ESCAPED_LINE_END);
    return true;
}

/* A letter that a backslash stands before, or 0. */
static char plain_letter(char c)
{
    switch (c) {
    case 'n':
    case 'r':
    case 'f':
    case 'v':
        return ESCAPED_LINE_END;
    case 't':
        return ' ';
    case '\n': /* of a shell */
    case ' ':
    case '/':
    case '"':
    case '\'':
    case '-':
    case '+':
    case '=':
    case '#':
        return c;
    default:
        return 0;
    }
}

/* "\n", "\/", "\u002b", "\x2b", "\053", with any number of backslashes. */
static bool undo_backslash(Round *r)
{
    size_t n = 0, digits;
    uint32_t letter;
    char c;

    while (n < left(r) && r->at[n] == '\\')
        n++;
    if (n == 0 || n == left(r))
        return false;
    c = plain_letter(r->at[n]);
    if (c) {
        skip(r, n + 1);
        put(r, c);
        return true;
    }
    c = r->at[n];
    digits = c == 'u'   ? digits_at(r, n + 1, 4, 16, &letter)
             : c == 'x' ? digits_at(r, n + 1, 2, 16, &letter)
                        : digits_at(r, n, 3, 8, &letter);
    if (digits != (c == 'u' ? 4U : c == 'x' ? 2U : 3U))
        return false;
    skip(r, n + digits + (c == 'u' || c == 'x'));
    put_letter(r, letter);
    return true;
}

static bool undo_letter(Round *r, uint32_t letter, size_t n)
{
    static const uint16_t dashes[] = {
        0x2010, 0x2011, 0x2012, 0x2212, 0x2043, 0x23af, 0x2500, 0xfe63, 0xff0d
    };
    static const uint16_t bullets[] = { 0xb7, 0x2022, 0x2023, 0x25aa, 0x25b8, 0x25cb, 0x25cf, 0x25e6 };
    size_t hyphens = letter == 0x2014 || letter == 0x2015 || letter == 0xfe58 ? 3 : letter == 0x2013 ? 2 : 0;
    bool bullet = false;

    for (size_t i = 0; i < ELEMENTSOF(dashes); i++)
        hyphens = letter == dashes[i] ? 1 : hyphens;
    for (size_t i = 0; i < ELEMENTSOF(bullets); i++)
        bullet = bullet || letter == bullets[i];
    if (!hyphens && !bullet && !letter_is_wide_blank(letter) && !letter_is_invisible(letter) &&
        letter != 0x85 && letter != 0x2028 && letter != 0x2029)
        return false;
    skip(r, n);
    for (size_t i = 0; i < hyphens; i++)
        put(r, '-');
    if (bullet)
        put(r, '*');
    else if (letter_is_wide_blank(letter))
        put(r, ' ');
    else if (hyphens == 0 && !letter_is_invisible(letter))
        put(r, ESCAPED_LINE_END);
    return true;
}

/* Bytes that are no UTF-8: Windows-1252, or nothing that is known. */
static void undo_byte(Round *r)
{
    unsigned char byte = (unsigned char)*r->at;

    skip(r, 1);
    put(r, byte == 0x96 || byte == 0x97 ? '-' : byte == 0xa0 ? ' ' : byte == 0x95 ? '*' : UNREADABLE);
}

static void undo_or_copy(Round *r)
{
    char copy[5] = {};
    uint32_t letter;
    size_t n;

    if (undo_quoted_printable(r) || undo_percent(r) || undo_entity(r) || undo_tag(r) || undo_backslash(r))
        return;
    memcpy(copy, r->at, MIN(left(r), sizeof(copy) - 1));
    n = utf8_decode(copy, &letter);
    if (n == 0)
        undo_byte(r);
    else if (n == 1 || !undo_letter(r, letter, n)) {
        memmove(r->to, r->at, n);
        r->to += n;
        r->at += n;
    }
}

/* The line ends of all systems. Nothing else writes "\n", so that lines keep their numbers. */
static size_t unify_line_ends(char *text, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++)
        if (text[i] == '\r' && i + 1 < size && text[i + 1] == '\n')
            continue;
        else
            text[n++] = text[i] == '\r'   ? '\n'
                        : text[i] == '\v' ? ESCAPED_LINE_END
                        : text[i] == 0    ? UNREADABLE
                                          : text[i];
    return n;
}

/* "+" is a blank in a form, and only there: "-----BEGIN+", or "%2D%2DBEGIN+". */
static bool is_form(const char *text, size_t size)
{
    for (size_t i = 0; i + 7 <= size; i++)
        if (strncasecmp(text + i + 1, "BEGIN+", 6) == 0 &&
            (!isalnum((unsigned char)text[i]) || text[i] == 'D'))
            return memchr(text, '%', size) != NULL;
    return false;
}

size_t escapes_undo(char *text, size_t size)
{
    bool changed = true;

    while (size > 0 && text[size - 1] == 0)
        size--;
    size = unify_line_ends(text, size);
    for (unsigned i = 0; i < ROUNDS_MAX && changed; i++) {
        Round r = { .at = text, .end = text + size, .to = text, .percent = is_form(text, size) };

        while (r.at < r.end)
            undo_or_copy(&r);
        size = (size_t)(r.to - text);
        changed = r.changed;
    }
    return size;
}
