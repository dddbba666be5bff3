/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/json.h"

/* Failures by their causes: a thousand names that failed alike are one failure, with a thousand names behind it. */

typedef struct Causes {
    struct Failed *items;
    size_t n;
} Causes;

void causes_done(Causes *c);
#define _cleanup_causes_ _cleanup_(causes_done)

/* label: the name for people; cause: a sentence, which may contain the name; time: when it was, 0: not known. */
void causes_add(Causes *c, const char *label, const char *name, const char *cause, int64_t time);

/* Prints "NAME: CAUSE (TIME)" for what only one name has, else "CAUSE (TIME)" and a line of at most names_max names. Each
 * cause begins with the prefix; those beyond causes_max are counted (0: all are printed). */
void causes_print(Causes *c, FILE *file, const char *prefix, size_t causes_max, size_t names_max);

/* An array of objects with cause, names and time. */
Json *causes_to_json(Causes *c);
