/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Allocations that never return NULL: without memory, they print an error and exit. Not for use between the
 * creation and the completion of a file. */
void *xcheck(void *p);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *text);
/* Adds a copy of the text to a string list that does not have it. */
void xstrv_add(char ***list, const char *text);
char *xasprintf(const char *format, ...) _printf_(1, 2);
