/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libintl.h>
#include <stdint.h>
#include <stdio.h>

#include "util/macro.h"

#define _(text)  gettext(text)
#define N_(text) (text)

/* Output of the command. Much of it is untrusted (names, reasons, distinguished names), so every line passes
 * output_escape() as a whole, and terminals never receive control sequences. */

/* Exit statuses of the command, documented in certwright(1). Functions that return an Exit have already
 * printed an error unless it is EXIT_DONE. */
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
    EXIT_WARNINGS = 9, /* of doctor: only these, */
    EXIT_ERRORS = 10,  /* or errors, too */
} Exit;

/* Occupies standard descriptors that are closed, and sets the locale. Unless its encoding is UTF-8, texts stay English and
 * everything else is escaped to ASCII. */
void output_init(void);

/* Returns true if the locale has all letters. */
bool output_is_utf8(void);

/* Returns a copy with control, formatting and undecodable characters escaped as \n, \x1b or \u202e; NULL on
 * OOM. */
char *output_escape(const char *text);

/* Writes JSON text to stdout, escaping the same characters as \u202e but keeping newlines. */
void output_write_json(const char *text);

/* Returns the width of escaped text in columns. */
size_t output_width(const char *text);

/* Returns how many columns a line on stdout may have; 0: any number, since it is no terminal. COLUMNS of the environment
 * takes precedence over the terminal's own width. */
size_t output_columns(void);

/* Prints as many columns of escaped text, of which an ellipsis is the last one. */
void output_cut(const char *text, size_t columns);

/* How text looks on a terminal, unless it has no colours or NO_COLOR (https://no-color.org) is set. */
typedef enum Style {
    STYLE_PLAIN,
    STYLE_HEADING,
    STYLE_GOOD,
    STYLE_WARNING,
    STYLE_BAD,
    _STYLE_MAX,
} Style;

/* Print what turns a style on and off again: nothing where there are no colours. */
void style_begin(Style style);
void style_end(Style style);

/* Returns true if nobody can read stdout any more, as behind head(1). */
bool output_is_closed(void);

/* Print one escaped line each: to the file; to stderr after "certwright: "; to stderr as a hint. */
void print_line(FILE *file, const char *format, ...) _printf_(2, 3);
Exit fail(Exit code, const char *format, ...) _printf_(2, 3);
void hint(const char *format, ...) _printf_(1, 2);

typedef enum TimeForm {
    TIME_CLOCK,        /* 17:50 */
    TIME_DATE,         /* 2026-11-23 */
    TIME_MINUTES,      /* 2026-11-23 17:50 */
    TIME_MINUTES_ZONE, /* 2026-11-23 17:50 UTC */
    TIME_SECONDS_ZONE, /* 2026-11-23 17:50:51 UTC */
} TimeForm;

/* Local times. All return an allocated string; all but time_format_remaining() "" for 0, which is no time. */
char *time_format_by(int64_t t, TimeForm form);
char *time_format(int64_t t);           /* with seconds and zone */
char *time_format_remaining(int64_t t); /* "89 days left", "expired 3 days ago" */
char *time_format_expiry(int64_t t);    /* "2026-11-23 (89 days left)", "2026-11-23 17:50 (3 hours left)" */

/* Flushes stdout; reports write errors such as a full disk, but not that nobody reads any more. */
Exit output_finish(Exit code);
