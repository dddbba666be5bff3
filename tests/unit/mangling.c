/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mangling.h"

#include "util/text.h"

static guint below(GRand *random, guint n)
{
    return (guint)g_rand_int_range(random, 0, (gint32)n);
}

static void set(GString *text, char *value)
{
    g_string_assign(text, value);
    g_free(value);
}

static void replace(GString *text, const char *from, const char *to)
{
    g_string_replace(text, from, to, 0);
}

/* Puts something around each line; "%u" in front is its number. */
static void wrap_lines(GString *text, const char *front, const char *back)
{
    g_auto(GStrv) lines = g_strsplit(text->str, "\n", -1);
    bool ended = g_str_has_suffix(text->str, "\n");

    g_string_truncate(text, 0);
    for (guint i = 0; lines[i] && (lines[i + 1] || !ended); i++) {
        const char *number = strstr(front, "%u");

        if (number)
            g_string_append_printf(text, "%.*s%u%s", (int)(number - front), front, i + 1, number + 2);
        else
            g_string_append(text, front);
        g_string_append_printf(text, "%s%s\n", lines[i], back);
    }
}

static void indent(GRand *random, GString *text)
{
    g_autofree char *blanks = g_strnfill(1 + below(random, 8), below(random, 4) ? ' ' : '\t');

    wrap_lines(text, blanks, "");
}

static void quote(GRand *random, GString *text)
{
    static const char *const fronts[] = { "> ", ">",   "| ",  "# ", "$ ", "* ", "\xe2\x80\xa2 ",
                                          "; ", ">> ", "// ", "-- " };

    wrap_lines(text, fronts[below(random, ELEMENTSOF(fronts))], "");
}

static void number(GRand *random, GString *text)
{
    static const char *const fronts[] = { "%u: ", "%u| ", " %u\t", "[%u] " };

    wrap_lines(text, fronts[below(random, ELEMENTSOF(fronts))], "");
}

static void patch(GRand *random _unused_, GString *text)
{
    wrap_lines(text, "+", "");
}

static void trail(GRand *random, GString *text)
{
    static const char *const backs[] = { " ", "\t", "   ", " \\", "," };

    wrap_lines(text, "", backs[below(random, ELEMENTSOF(backs))]);
}

static void literal(GRand *random, GString *text)
{
    static const char *const backs[] = { "\\n\"", "\\n\" +", "\",", "\" \\", "\"" };

    wrap_lines(text, "\"", backs[below(random, ELEMENTSOF(backs))]);
}

static void end_lines(GRand *random, GString *text)
{
    replace(text, "\n", below(random, 2) ? "\r\n" : "\r");
}

static void mark(GRand *random _unused_, GString *text)
{
    g_string_prepend(text, "\xef\xbb\xbf");
}

static void json(GRand *random, GString *text)
{
    replace(text, "\\", "\\\\");
    replace(text, "\"", "\\\"");
    if (below(random, 2))
        replace(text, "/", "\\/");
    if (below(random, 4) == 0)
        replace(text, "+", "\\u002b");
    replace(text, "\n", below(random, 4) ? "\\n" : "\\r\\n");
    g_string_prepend(text, below(random, 2) ? "{\"pem\": \"" : "\"");
    g_string_append(text, "\"");
}

static void quoted_printable(GRand *random _unused_, GString *text)
{
    g_autofree char *all = g_strdup(text->str);
    guint column = 0;

    g_string_truncate(text, 0);
    for (const char *c = all; *c; c++) {
        if (*c != '\n' && column >= 73) {
            g_string_append(text, "=\n");
            column = 0;
        }
        if (*c == '=' || (unsigned char)*c > '~') {
            g_string_append_printf(text, "=%02X", (unsigned char)*c);
            column += 3;
        } else {
            g_string_append_c(text, *c);
            column = *c == '\n' ? 0 : column + 1;
        }
    }
}

static void html(GRand *random, GString *text)
{
    replace(text, "&", "&amp;");
    replace(text, "<", "&lt;");
    replace(text, ">", "&gt;");
    replace(text, "\"", "&quot;");
    if (below(random, 2))
        replace(text, "+", "&#43;");
    if (below(random, 2))
        replace(text, " ", "&nbsp;");
    if (below(random, 2))
        replace(text, "\n", "<br>\n");
    g_string_prepend(text, "<p class=\"x\">");
    g_string_append(text, "</p>");
}

static void join_by_blanks(GRand *random _unused_, GString *text)
{
    replace(text, "\n", " ");
}

static void join(GRand *random _unused_, GString *text)
{
    replace(text, "\n", "");
}

static void join_blocks(GRand *random _unused_, GString *text)
{
    replace(text, "-----\n-----", "----------");
}

static void fold(GRand *random, GString *text)
{
    guint width = 20 + below(random, 60);
    g_autofree char *all = g_strdup(text->str);
    guint column = 0;

    g_string_truncate(text, 0);
    for (const char *c = all; *c; c++) {
        bool marker = *c == '-' || (unsigned char)*c >= 0x80 ||
                      (c > all && (c[-1] == '-' || (unsigned char)c[-1] >= 0x80));

        if (*c != '\n' && column >= width && !marker && g_ascii_isalnum(*c) && !strstr(all, "Proc-Type") &&
            !(g_str_has_prefix(c, "BEGIN") || g_str_has_prefix(c, "END"))) {
            const char *end = strpbrk(c, "-\n\xe2");

            if (end && *end == '\n') { /* not in a marker */
                g_string_append_c(text, '\n');
                column = 0;
            }
        }
        g_string_append_c(text, *c);
        column = *c == '\n' ? 0 : column + 1;
    }
}

static void type_dashes(GRand *random, GString *text)
{
    static const char *const dashes[] = { "\xe2\x80\x94", "\xe2\x80\x93", "\xe2\x80\x94-",
                                          "\xe2\x80\x94\xe2\x80\x93" };

    if (below(random, 4))
        replace(text, "-----", dashes[below(random, ELEMENTSOF(dashes))]);
    else
        replace(text, "-", "\xe2\x80\x91");
}

static void count_dashes(GRand *random, GString *text)
{
    g_autofree char *dashes = g_strnfill(1 + below(random, 9), '-');

    replace(text, "-----", dashes);
}

static void lower_labels(GRand *random _unused_, GString *text)
{
    static const char *const words[] = { "BEGIN", "END", "CERTIFICATE", "PRIVATE", "KEY" };

    for (size_t i = 0; i < ELEMENTSOF(words); i++) {
        g_autofree char *spaced = g_strdup_printf("%s ", words[i]),
                        *ended = g_strdup_printf("%s-", words[i]);
        g_autofree char *small = g_ascii_strdown(spaced, -1), *small_ended = g_ascii_strdown(ended, -1);

        replace(text, spaced, small);
        replace(text, ended, small_ended);
    }
}

static void hard_blanks(GRand *random, GString *text)
{
    replace(text, " ", below(random, 2) ? "\xc2\xa0" : "\xe2\x80\xaf");
}

static void invisible(GRand *random, GString *text)
{
    static const char *const letters[] = { "\xe2\x80\x8b", "\xef\xbb\xbf", "\xe2\x81\xa0", "\xc2\xad" };
    const char *letter = letters[below(random, ELEMENTSOF(letters))];

    for (guint i = 0; i < 10; i++) {
        gsize at = below(random, (guint)text->len);

        if ((unsigned char)text->str[at] < 0x80)
            g_string_insert(text, (gssize)at, letter);
    }
}

static void feed_forms(GRand *random, GString *text)
{
    replace(text, "-----BEGIN", below(random, 2) ? "\f-----BEGIN" : "\v\n-----BEGIN");
}

static void end_with_zero(GRand *random, GString *text)
{
    for (guint n = 1 + below(random, 4); n > 0; n--)
        g_string_append_c(text, 0);
}

static void talk(GRand *random _unused_, GString *text)
{
    replace(text, "-----BEGIN CERTIFICATE",
            "Here is one, from -----BEGIN CERTIFICATE----- to its end:\n-----BEGIN CERTIFICATE");
    g_string_append(text, "\nThat is all. Regards\n");
}

static void percent(GRand *random, GString *text)
{
    bool form = below(random, 2);

    replace(text, "%", "%25");
    replace(text, "+", "%2B");
    replace(text, "/", "%2F");
    replace(text, "=", "%3D");
    replace(text, "\n", "%0A");
    replace(text, " ", form ? "+" : "%20");
}

static void in_base64(GRand *random _unused_, GString *text)
{
    set(text, g_base64_encode((const guchar *)text->str, text->len));
}

static void widen(GRand *random, GString *text)
{
    bool big = below(random, 2);
    glong n = 0;
    g_autofree gunichar2 *units = g_utf8_to_utf16(text->str, -1, NULL, &n, NULL);

    if (!units)
        return;
    g_string_truncate(text, 0);
    if (below(random, 4))
        g_string_append(text, big ? "\xfe\xff" : "\xff\xfe");
    for (glong i = 0; i < n; i++) {
        g_string_append_c(text, (char)(big ? units[i] >> 8 : units[i] & 0xff));
        g_string_append_c(text, (char)(big ? units[i] & 0xff : units[i] >> 8));
    }
}

const Mangling manglings[] = {
    { "indent", indent, false },
    { "quote", quote, false },
    { "number", number, false },
    { "patch", patch, false },
    { "trail", trail, false },
    { "literal", literal, false },
    { "line ends", end_lines, false },
    { "mark", mark, false },
    { "JSON", json, false },
    { "quoted-printable", quoted_printable, false },
    { "HTML", html, false },
    { "blanks for line ends", join_by_blanks, false },
    { "without line ends", join, false },
    { "joined blocks", join_blocks, false },
    { "folded", fold, false },
    { "typographic dashes", type_dashes, false },
    { "number of dashes", count_dashes, false },
    { "small labels", lower_labels, false },
    { "hard blanks", hard_blanks, false },
    { "invisible", invisible, false },
    { "form feeds", feed_forms, false },
    { "prose", talk, false },
    { "percent", percent, false },
    { "zeros", end_with_zero, true },
    { "base64", in_base64, true },
    { "UTF-16", widen, true },
};
const size_t n_manglings = ELEMENTSOF(manglings);
