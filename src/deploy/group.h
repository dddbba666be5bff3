/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"

/* Which modules one run delivers to, and which targets it must not touch. Pure. */

/* Lists the module, and all that are connected with it by common units: they are delivered to together, so that each
 * unit takes all new files at once. The caller frees the array. *ret_n is 0 if there is no such module. -ENOMEM. */
int deploy_group_of(const Config *c, const char *module, const Module ***ret, size_t *ret_n);

/* The paths that several settings of the configuration name as their target; with all of them it is an error. */
typedef struct Conflict {
    char *path;
    char *users[2]; /* two of those who name it: "MODULE: FullChainFile= of NAME" */
} Conflict;

typedef struct Conflicts {
    Conflict *conflicts; /* ordered by path */
    size_t n;
} Conflicts;

int conflicts_find(const Config *c, Conflicts *ret);
void conflicts_clear(Conflicts *c);
#define _cleanup_conflicts_ _cleanup_(conflicts_clear)
/* NULL: nobody else has this target. */
const Conflict *conflicts_about(const Conflicts *c, const char *path);
