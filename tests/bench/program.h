/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Prints a message behind the program's name and exits. */
__attribute__((noreturn, format(printf, 1, 2))) void fatal(const char *format, ...);

/* A number between 1 and max, or the end of the program. */
long parse_number(const char *text, long max);

/* CLOCK_MONOTONIC, in microseconds. */
double now_us(void);

/* How many processors this process may use, at least 2 and at most max. */
int count_processors(int max);
