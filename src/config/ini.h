/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Parses an INI file with the syntax of systemd (systemd.syntax(7)): [Section] lines, Key=Value lines,
 * comments with # or ;, and continuation with a backslash. inih parses the lines, in pieces that it can
 * handle: lines, words and section names may have any length. */

typedef struct IniEntry {
    const char *file;
    const char *section; /* text between the brackets */
    unsigned section_line;
    const char *key; /* NULL: start of the section */
    const char *value;
    unsigned line;
} IniEntry;

/* A negative return value stops parsing and is returned. */
typedef int (*IniVisit)(const IniEntry *entry, void *userdata);
/* Reports an error in a line; parsing continues. key may be NULL. */
typedef void (*ConfigComplain)(const char *file, unsigned line, const char *key, const char *text,
                               void *userdata);

int ini_parse_text(const char *file, const char *text, IniVisit visit, ConfigComplain complain,
                   void *userdata);
