/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* One INI file of systemd's kind (systemd.syntax(7)): [Section] lines, Key=Value lines, comments with # or ; and
 * lines that go on after a backslash. Parsed by inih, to which lines are fed in the sizes that it takes: lines, words
 * and section names may be as long as they like here. */

typedef struct IniEntry {
    const char *file;
    const char *section; /* text between the brackets */
    unsigned section_line;
    const char *key; /* NULL: the section begins */
    const char *value;
    unsigned line;
} IniEntry;

/* Negative values end the parsing and are returned. */
typedef int (*IniVisit)(const IniEntry *entry, void *userdata);
/* What is wrong with a line; the parsing goes on. key may be NULL. */
typedef void (*ConfigComplain)(const char *file, unsigned line, const char *key, const char *text,
                               void *userdata);

int ini_parse_text(const char *file, const char *text, IniVisit visit, ConfigComplain complain,
                   void *userdata);
