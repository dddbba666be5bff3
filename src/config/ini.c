/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/ini.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>

#include "util/encoding.h"

/* inih truncates lines after 200 bytes and section names after 50. So the reader below, which inih calls for
 * each line, keeps section names to itself, and passes a long value as a line with continuation lines, which
 * inih recognizes by the leading white space. */
#define HIDDEN_SEMICOLON '\001'
#define HIDDEN_HASH      '\002'

typedef struct Reader {
    const char *file;
    const char *at; /* the rest of the text */
    char *line;     /* the logical line being handed over; its rest begins at rest */
    char *rest;
    unsigned next_line;   /* number of the line at which at begins */
    unsigned line_number; /* of the logical line */
    bool continues;       /* the last piece passed is not the first of its line */
    bool cut_in_word;     /* and ended in the middle of a word */
    bool glued;           /* and began there */

    char *section; /* NULL: none yet, or an invalid one whose keys are ignored */
    unsigned section_line;
    bool section_new;
    bool section_broken;

    char *key, *value; /* collected so far */
    unsigned key_line;

    IniVisit visit;
    ConfigComplain complain;
    void *userdata;
    int result;
} Reader;

static void complain(Reader *r, const char *key, const char *text)
{
    r->complain(r->file, r->line_number, key, text, r->userdata);
}

static void report(Reader *r, const char *key, const char *value, unsigned line)
{
    IniEntry entry = { r->file, r->section, r->section_line, key, value, line };

    if (r->result >= 0)
        r->result = r->visit(&entry, r->userdata);
}

static void unhide(char *text);

static void flush_key(Reader *r)
{
    if (r->value)
        unhide(r->value);
    if (r->key && r->section)
        report(r, r->key, r->value, r->key_line);
    free(r->key);
    free(r->value);
    r->key = r->value = NULL;
}

static int append_piece(char **line, size_t *length, const char *piece, size_t size)
{
    char *grown = realloc(*line, *length + size + 2);

    if (!grown)
        return -ENOMEM;
    memcpy(grown + *length, piece, size);
    *length += size;
    grown[*length] = 0;
    *line = grown;
    return 0;
}

/* Joins the next physical lines up to one that does not end with a backslash, stripping white space at both
 * ends and skipping comments between them. */
static char *take_logical_line(Reader *r)
{
    char *line = NULL;
    size_t length = 0;
    bool more = true;

    r->line_number = r->next_line;
    while (more && *r->at) {
        size_t n = strcspn(r->at, "\n"), from = strspn(r->at, " \t\r\f\v"), kept = n;
        bool comment = r->at[from] == '#' || r->at[from] == ';';

        from = MIN(from, n);
        while (kept > from && isspace((unsigned char)r->at[kept - 1]))
            kept--;
        more = comment ? line != NULL : kept > from && r->at[kept - 1] == '\\';
        if ((!comment || !line) && append_piece(&line, &length, r->at + from, kept - from) < 0) {
            free(line);
            r->result = -ENOMEM;
            return NULL;
        }
        if (more && !comment)
            line[length - 1] = ' ';
        r->at += n + (r->at[n] == '\n');
        r->next_line++;
    }
    return line;
}

static void begin_section(Reader *r, char *text)
{
    size_t length = strlen(text);

    flush_key(r);
    free(r->section);
    r->section = NULL;
    r->section_broken = text[length - 1] != ']';
    if (r->section_broken) {
        complain(r, NULL, "a section begins with \"[\" but does not end with \"]\"; ignoring its keys");
        return;
    }
    r->section = strndup(text + 1, length - 2);
    r->section_line = r->line_number;
    if (!r->section)
        r->result = -ENOMEM;
    else
        report(r, NULL, NULL, r->line_number);
}

/* Returns true if the line is for inih. */
static bool examine_line(Reader *r, char *text)
{
    if (!*text || *text == '#' || *text == ';')
        return false;
    if (*text == '[') {
        begin_section(r, text);
        return false;
    }
    if (*text == '=' || !strchr(text, '=')) {
        complain(r, NULL, "this is neither a [Section] nor a Key=Value");
        return false;
    }
    if (!r->section && !r->section_broken)
        complain(r, NULL, "a Key=Value before the first [Section] is ignored");
    return r->section;
}

/* inih takes everything after a semicolon for a comment, which systemd's syntax does not support after a
 * value. */
static void hide(char *text)
{
    for (; *text; text++)
        *text = *text == ';' ? HIDDEN_SEMICOLON : *text == '#' ? HIDDEN_HASH : *text;
}

static void unhide(char *text)
{
    for (; *text; text++)
        *text = *text == HIDDEN_SEMICOLON ? ';' : *text == HIDDEN_HASH ? '#' : *text;
}

/* Splits a long line at white space if possible, and a longer word anywhere: then its pieces are joined
 * again. */
static char *hand_over(Reader *r, char *buffer, size_t size)
{
    size_t room = size - 3, n = strlen(r->rest), rest = n;

    r->glued = r->cut_in_word;
    r->cut_in_word = false;
    if (n > room) {
        n = room;
        while (n > 0 && !isspace((unsigned char)r->rest[n - 1]))
            n--;
        r->cut_in_word = n == 0;
        if (n == 0)
            n = room;
    }
    snprintf(buffer, size, "%s%.*s\n", r->continues ? " " : "", (int)n, r->rest);
    r->rest += n;
    r->rest += strspn(r->rest, " \t");
    if (n >= rest || !*r->rest)
        r->rest = NULL;
    return buffer;
}

/* Editors write other blanks than those of ASCII where somebody pressed more than the space bar. */
static char *straighten(char *line)
{
    char *text = text_strip_blanks(line), *value = strchr(text, '=');

    if (value && *text != '#' && *text != ';') {
        char *rest = text_strip_blanks(value + 1);

        text_blank_out(text, value);
        text_blank_out(value + 1, rest);
    }
    return text;
}

static char *on_read(char *buffer, int size, void *stream)
{
    Reader *r = stream;
    char *text;

    r->continues = r->rest;
    while (!r->rest) {
        free(r->line);
        r->line = NULL;
        if (!*r->at || r->result < 0 || !(r->line = take_logical_line(r)))
            return NULL;
        text = straighten(r->line);
        if (examine_line(r, text)) {
            hide(text);
            r->rest = text;
        }
    }
    return hand_over(r, buffer, (size_t)size);
}

static int on_value(void *userdata, const char *section _unused_, const char *name, const char *value)
{
    Reader *r = userdata;
    char *joined;

    if (r->continues && r->key) {
        if (asprintf(&joined, "%s%s%s", r->value, r->glued || !*r->value ? "" : " ", value) < 0)
            return r->result = -ENOMEM, 0;
        free(r->value);
        r->value = joined;
        return 1;
    }
    flush_key(r);
    r->key = strdup(name);
    r->value = strdup(value);
    r->key_line = r->line_number;
    if (!r->key || !r->value)
        r->result = -ENOMEM;
    return 1;
}

int ini_parse_text(const char *file, const char *text, IniVisit visit, ConfigComplain complain_func,
                   void *userdata)
{
    Reader r = { .file = file,
                 .at = text,
                 .next_line = 1,
                 .visit = visit,
                 .complain = complain_func,
                 .userdata = userdata };

    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    (void)ini_parse_stream(on_read, &r, on_value, &r);
    flush_key(&r);
    free(r.section);
    free(r.line);
    return r.result;
}
