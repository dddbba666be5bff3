/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/ini.h"

#include <ctype.h>
#include <errno.h>

typedef struct Reader {
    const char *file;
    char *at;             /* the rest of the text, which is modified */
    unsigned next_line;   /* number of the line at which at begins */
    unsigned line_number; /* of the current line, continuation lines included */

    const char *section; /* NULL: none yet, or an invalid one whose keys are ignored */
    unsigned section_line;
    bool section_broken;

    IniVisit visit;
    ConfigComplain complain;
    void *userdata;
} Reader;

static void complain(Reader *r, const char *text)
{
    r->complain(r->file, r->line_number, NULL, text, r->userdata);
}

static int report(Reader *r, const char *key, const char *value)
{
    return r->visit(&(IniEntry){ r->file, r->section, r->section_line, key, value, r->line_number },
                    r->userdata);
}

static char *strip(char *s)
{
    char *end = s + strlen(s);

    while (end > s && isspace((unsigned char)end[-1]))
        end--;
    *end = 0;
    while (isspace((unsigned char)*s))
        s++;
    return s;
}

/* Joins the next physical lines up to one that does not end with a backslash, which becomes a space. Strips
 * white space at both ends of each, and skips comments between them. The result takes the place of the lines
 * that were read. */
static char *take_line(Reader *r)
{
    char *line = r->at, *to = line;
    bool more = true, begun = false;

    r->line_number = r->next_line;
    while (more && *r->at) {
        size_t n = strcspn(r->at, "\n"), from = strspn(r->at, " \t\r\f\v"), kept = n;
        bool comment = r->at[from] == '#' || r->at[from] == ';';

        while (kept > from && isspace((unsigned char)r->at[kept - 1]))
            kept--;
        more = comment ? begun : kept > from && r->at[kept - 1] == '\\';
        if (!comment || !begun) {
            memmove(to, r->at + from, kept - from);
            to += kept - from;
            begun = true;
            if (more)
                to[-1] = ' ';
        }
        r->at += n + (r->at[n] == '\n');
        r->next_line++;
    }
    *to = 0;
    return line;
}

static int begin_section(Reader *r, char *text)
{
    size_t length = strlen(text);

    r->section = NULL;
    r->section_broken = text[length - 1] != ']';
    if (r->section_broken) {
        complain(r, "a section begins with \"[\" but does not end with \"]\"; ignoring its keys");
        return 0;
    }
    text[length - 1] = 0;
    r->section = text + 1;
    r->section_line = r->line_number;
    return report(r, NULL, NULL);
}

static int read_line(Reader *r, char *text)
{
    char *value = strchr(text, '=');

    if (!*text || *text == '#' || *text == ';')
        return 0;
    if (*text == '[')
        return begin_section(r, text);
    if (!value || value == text) {
        complain(r, "this is neither a [Section] nor a Key=Value");
        return 0;
    }
    if (!r->section) {
        if (!r->section_broken)
            complain(r, "a Key=Value before the first [Section] is ignored");
        return 0;
    }
    *value++ = 0;
    return report(r, strip(text), strip(value));
}

int ini_parse_text(const char *file, const char *text, IniVisit visit, ConfigComplain complain_func,
                   void *userdata)
{
    _cleanup_free_ char *copy = strdup(text);
    Reader r = { .file = file,
                 .at = copy,
                 .next_line = 1,
                 .visit = visit,
                 .complain = complain_func,
                 .userdata = userdata };
    int result = 0;

    if (!copy)
        return -ENOMEM;
    if (strncmp(copy, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    while (*r.at && result >= 0)
        result = read_line(&r, strip(take_line(&r)));
    return result;
}
