/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/acme-file.h"

#include "cli/xalloc.h"
#include "util/text.h"

#define HEADER_ENABLE "# Written by \"certwright enable\"; the last \"certwright disable\" removes it."

void acme_file_done(AcmeFile *f)
{
    strv_free(f->lines);
    *f = (AcmeFile){ 0 };
}

static void lines_insert(AcmeFile *f, size_t at, char *line)
{
    size_t n = strv_length(f->lines);

    f->lines = xreallocarray(f->lines, n + 2, sizeof(char *));
    for (size_t i = n; i > at; i--)
        f->lines[i] = f->lines[i - 1];
    f->lines[at] = line;
    f->lines[n + 1] = NULL;
}

static void lines_append(AcmeFile *f, char *line)
{
    lines_insert(f, strv_length(f->lines), line);
}

static void lines_split(AcmeFile *f, char *text)
{
    size_t n = strlen(text);

    if (n > 0 && text[n - 1] == '\n')
        text[n - 1] = '\0';
    for (char *rest = text; rest;)
        lines_append(f, xstrdup(strsep(&rest, "\n")));
}

Exit acme_file_load(AcmeFile *f, const char *command)
{
    _cleanup_free_ char *text = NULL;
    Exit e = root_file_load(ACME_FILE, &text);

    if (e != EXIT_DONE)
        return e;
    f->exists = text;
    if (text)
        lines_split(f, text);
    else if (streq(command, "enable"))
        lines_append(f, xstrdup(HEADER_ENABLE));
    else
        lines_append(f, xasprintf("# Written by \"certwright %s\"; see certwright.conf(5).", command));
    return EXIT_DONE;
}

/* ---- change */

static size_t section_find(const AcmeFile *f, const char *section)
{
    _cleanup_free_ char *heading = xasprintf("[%s]", section);
    size_t i = 0;

    while (f->lines[i] && !streq(f->lines[i], heading))
        i++;
    return i;
}

static bool line_has_key(const char *line, const char *key)
{
    size_t n = strlen(key);

    return strncmp(line, key, n) == 0 && line[n + strspn(line + n, " \t")] == '=';
}

void acme_file_set(AcmeFile *f, const char *section, const char *key, const char *value)
{
    _cleanup_free_ char *line = xasprintf("%s=%s", key, value);
    size_t at = section_find(f, section);

    if (!f->lines[at])
        lines_append(f, xasprintf("[%s]", section));
    for (at++; f->lines[at] && *f->lines[at] != '['; at++) {
        if (!line_has_key(f->lines[at], key))
            continue;
        if (streq(f->lines[at], line))
            return;
        free(f->lines[at]);
        f->lines[at] = TAKE_PTR(line);
        f->changed = true;
        return;
    }
    lines_insert(f, at, TAKE_PTR(line));
    f->changed = true;
}

Exit acme_file_save(const AcmeFile *f, FilesChange *c)
{
    _cleanup_free_ char *joined = xcheck(strv_join(f->lines, "\n")), *text = xasprintf("%s\n", joined);

    if (!f->changed) {
        if (f->exists)
            files_change_keep(c, ACME_FILE);
        return EXIT_DONE;
    }
    (void)root_folder_make("/etc/certwright"); /* what fails here fails again */
    return root_file_replace(ACME_FILE, text, c);
}

/* ---- take back */

static bool line_is_enabled(const char *line)
{
    return streq(line, HEADER_ENABLE) || streq(line, "[ACME]") || streq(line, "TermsOfServiceAgreed=yes") ||
           strncmp(line, "[Authority ", 11) == 0 || strncmp(line, "Contact=", 8) == 0;
}

Exit acme_file_remove_enabled(FilesChange *c)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_acme_file_ AcmeFile f = {};
    Exit e = root_file_load(ACME_FILE, &text);

    if (e != EXIT_DONE || !text)
        return e;
    lines_split(&f, text);
    if (!f.lines || !streq(f.lines[0], HEADER_ENABLE))
        return EXIT_DONE;
    for (char **line = f.lines; *line; line++)
        if (!line_is_enabled(*line)) {
            files_change_keep(c, ACME_FILE);
            return EXIT_DONE;
        }
    return root_file_remove(ACME_FILE, c);
}

/* ---- values */

char *acme_contact_to_url(const char *contact)
{
    static const char scheme[] = "mailto:";
    const char *address = contact, *at;

    if (strncmp(contact, scheme, strlen(scheme)) == 0)
        address += strlen(scheme);
    at = strchr(address, '@');
    if (text_is_graphic(address) && at && at > address && at[1] && !strpbrk(address, ",;?\"<>"))
        return xasprintf("%s%s", scheme, address);
    fail(EXIT_USAGE, _("\"%s\" is not an e-mail address, such as admin@example.com."), contact);
    return NULL;
}
