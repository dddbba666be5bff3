/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/binding-key.h"

#include <stdio.h>

#include "crypto/base64url.h"
#include "util/encoding.h"
#include "util/text.h"

#define FOLDED_MIN 60 /* letters of a line that is folded; shorter words are not parts of one key */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Joins lines of equal length, of which the last may be shorter. Returns false if the words are something else. */
static bool unfold(char *s)
{
    size_t width = strcspn(s, " \t\r\n"), n = width;
    char *to = s + width;

    for (s += width; *s; s += n) {
        if (n != width)
            return false;
        while (is_blank(*s))
            s++;
        n = strcspn(s, " \t\r\n");
        if (width < FOLDED_MIN || n > width)
            return false;
        memmove(to, s, n);
        to += n;
    }
    *to = 0;
    return true;
}

/* Translates to base64, without padding. Returns false if both alphabets are in use. */
static bool unify_alphabet(char *s)
{
    if (strpbrk(s, "-_") && strpbrk(s, "+/"))
        return false;
    for (; *s; s++)
        *s = *s == '-' ? '+' : *s == '_' ? '/' : *s;
    while (s[-1] == '=')
        *--s = 0;
    return true;
}

static int refuse(const char *why, const char **ret_why)
{
    *ret_why = why;
    return -EINVAL;
}

int binding_key_parse(const char *text, Blob *ret, const char **ret_why)
{
    _cleanup_erase_ char *copy = strdup(text), *padded = NULL;
    char *s, *last;
    int r;

    if (!copy)
        return -ENOMEM;
    s = text_strip_blanks(copy);
    last = *s ? s + strlen(s) - 1 : s;
    if (last > s && *s == *last && strchr("\"'", *s)) {
        *last = 0;
        s = text_strip_blanks(s + 1);
    }
    if (!*s)
        return refuse("is empty", ret_why);
    if (!unfold(s))
        return refuse("contains several words or lines; leave only the key in it", ret_why);
    if (s[strspn(s, TEXT_ALNUM "+/-_=")] || s[strcspn(s, "=") + strspn(s + strcspn(s, "="), "=")] ||
        *s == '=')
        return refuse("contains characters that are not base64", ret_why);
    if (!unify_alphabet(s))
        return refuse("mixes the characters of base64 (+ and /) and of base64url (- and _)", ret_why);
    if (asprintf(&padded, "%s%s", s, &"==="[3 - -strlen(s) % 4]) < 0)
        return -ENOMEM;
    r = base64_decode(padded, ret);
    return r == -EINVAL ? refuse("contains base64 that is cut off or damaged", ret_why) : r;
}
