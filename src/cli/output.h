/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libintl.h>
#include <stdint.h>
#include <stdio.h>

#include "util/macro.h"

#define _(text)  gettext(text)
#define N_(text) (text)

/* What the command prints. Much of it was written by others (names, reasons, distinguished names), so every
 * line passes output_escape() as a whole, and a terminal never sees a control sequence. */

/* How the command ends; documented in certwright(1). Functions that return an Exit have already told the
 * user what went wrong when it is not EXIT_DONE. */
typedef enum Exit {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_NOT_AUTHORIZED = 4,
    EXIT_NO_SERVICE = 5,
    EXIT_JOB_FAILED = 6,
    EXIT_FELL_BACK = 7,
    EXIT_NOT_SERVED = 8,
} Exit;

/* Sets the locale. Without a UTF-8 one the texts stay English and everything else is escaped to ASCII. */
void output_init(void);

/* Returns a copy with control, formatting and undecodable characters as \n, \x1b or \u202e; NULL if out of
 * memory. */
char *output_escape(const char *text);

/* Writes JSON text to stdout; the same characters as \u202e, and newlines are left as they are. */
void output_write_json(const char *text);

/* Columns that escaped text takes on a terminal. */
size_t output_width(const char *text);

/* Each prints one escaped line: to the file; to stderr behind "certwright: "; to stderr as advice. */
void print_line(FILE *file, const char *format, ...) _printf_(2, 3);
Exit fail(Exit code, const char *format, ...) _printf_(2, 3);
void hint(const char *format, ...) _printf_(1, 2);

/* All return an allocated string, "" for no time at all, or NULL if out of memory. */
char *time_format(int64_t t);           /* 2026-11-23 17:50:51 UTC */
char *time_format_date(int64_t t);      /* 2026-11-23 */
char *time_format_remaining(int64_t t); /* "89 days left", "ran out 3 days ago" */

/* Finishes stdout; a full disk is an error as any other. */
Exit output_finish(Exit code);
