/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/encoding.h"

#include <errno.h>

#include "util/text.h"

char *utf8_encode(char *to, uint32_t letter)
{
    if (letter < 0x80)
        *to++ = (char)letter;
    else if (letter < 0x800)
        *to++ = (char)(0xc0 | letter >> 6);
    else if (letter < 0x10000) {
        *to++ = (char)(0xe0 | letter >> 12);
        *to++ = (char)(0x80 | (letter >> 6 & 0x3f));
    } else {
        *to++ = (char)(0xf0 | letter >> 18);
        *to++ = (char)(0x80 | (letter >> 12 & 0x3f));
        *to++ = (char)(0x80 | (letter >> 6 & 0x3f));
    }
    if (letter >= 0x80)
        *to++ = (char)(0x80 | (letter & 0x3f));
    return to;
}

bool letter_is_invisible(uint32_t letter)
{
    static const uint32_t ranges[][2] = {
        { 0xad, 0xad },     { 0x34f, 0x34f },   { 0x61c, 0x61c },   { 0x180e, 0x180e }, { 0x200b, 0x200f },
        { 0x202a, 0x202e }, { 0x2060, 0x206f }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
    };

    for (size_t i = 0; i < ELEMENTSOF(ranges); i++)
        if (letter >= ranges[i][0] && letter <= ranges[i][1])
            return true;
    return false;
}

bool letter_is_wide_blank(uint32_t letter)
{
    return letter == 0xa0 || letter == 0x1680 || (letter >= 0x2000 && letter <= 0x200a) ||
           letter == 0x202f || letter == 0x205f || letter == 0x3000;
}

/* Returns the length of the blank or invisible character at s, or 0. */
static size_t blank_length(const char *s)
{
    uint32_t letter;
    size_t n = utf8_decode(s, &letter);

    if (n == 1)
        return letter == ' ' || (letter >= '\t' && letter <= '\r');
    return letter_is_invisible(letter) || letter_is_wide_blank(letter) ? n : 0;
}

char *text_strip_blanks(char *s)
{
    size_t n;
    char *end;

    while ((n = blank_length(s)) > 0)
        s += n;
    end = s;
    for (char *at = s; *at; at += MAX(n, (size_t)1)) {
        n = blank_length(at);
        if (n == 0)
            end = at + 1;
    }
    *end = 0;
    return s;
}

void text_unify_line_ends(char *s)
{
    char *to = s;

    for (; *s; s++)
        if (*s != '\r')
            *to++ = *s;
        else if (s[1] != '\n')
            *to++ = '\n';
    *to = 0;
}

void text_blank_out(char *s, const char *end)
{
    size_t n;

    for (; s < end; s += MAX(n, (size_t)1)) {
        n = blank_length(s);
        if (n > 1)
            memset(s, ' ', n);
    }
}

int passphrase_from_file(char *data, size_t *size, size_t max)
{
    _cleanup_erase_ char *text = NULL;
    size_t n;
    int r;

    r = encoding_to_utf8(data, *size, &text, &n);
    if (r < 0)
        return r;
    n -= n > 0 && text[n - 1] == '\n';
    n -= n > 0 && text[n - 1] == '\r';
    text[n] = 0;
    if (n > max)
        return -E2BIG;
    explicit_bzero(data, *size);
    memcpy(data, text, n);
    data[n] = 0;
    *size = n;
    return 0;
}

/* Returns the position of the low byte in each unit of UTF-16, or -1 if this is none. Without a mark, one of the
 * bytes of most of the first units is zero, and never the other: keys and configuration begin with ASCII. */
static int low_byte(const uint8_t *data, size_t size)
{
    size_t zeros[2] = {}, n = MIN(size, (size_t)64) & ~(size_t)1;

    if (size >= 2 && ((data[0] == 0xff && data[1] == 0xfe) || (data[0] == 0xfe && data[1] == 0xff)))
        return data[0] == 0xff ? 0 : 1;
    for (size_t i = 0; i < n; i++)
        zeros[i % 2] += data[i] == 0;
    if (n < 8 || (zeros[0] != 0) == (zeros[1] != 0) || zeros[0] + zeros[1] < n / 4)
        return -1;
    return zeros[0] ? 1 : 0;
}

static uint32_t unit_at(const uint8_t *data, size_t size, size_t at, int low)
{
    return at + 1 < size ? (uint32_t)data[at + (size_t)low] | (uint32_t)data[at + 1 - (size_t)low] << 8 : 0;
}

static char *narrow(const uint8_t *data, size_t size, int low, char *to)
{
    for (size_t i = 0; i + 1 < size; i += 2) {
        uint32_t letter = unit_at(data, size, i, low), second = unit_at(data, size, i + 2, low);

        if (letter >= 0xd800 && letter < 0xdc00 && second >= 0xdc00 && second < 0xe000) {
            letter = 0x10000 + ((letter - 0xd800) << 10) + (second - 0xdc00);
            i += 2;
        } else if (letter >= 0xd800 && letter < 0xe000)
            letter = '?';
        if (letter != 0xfeff)
            to = utf8_encode(to, letter);
    }
    return to;
}

/* Marks may also be where files were put together. */
static char *copy_unmarked(const char *s, size_t size, char *to)
{
    static const char mark[] = "\xef\xbb\xbf";

    for (size_t i = 0; i < size; i++)
        if (size - i >= 3 && memcmp(s + i, mark, 3) == 0)
            i += 2;
        else
            *to++ = s[i];
    return to;
}

int encoding_to_utf8(const void *data, size_t size, char **ret, size_t *ret_size)
{
    int low = low_byte(data, size);
    char *text = malloc(size + size / 2 + 1), *end;

    if (!text)
        return -ENOMEM;
    end = low < 0 ? copy_unmarked(data, size, text) : narrow(data, size, low, text);
    *end = 0;
    *ret = text;
    if (ret_size)
        *ret_size = (size_t)(end - text);
    return 0;
}
