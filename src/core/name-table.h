/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Who has a name, or covers it, in a time that does not depend on how many there are. All names are canonical (core/name.h).
 *
 * Of several that fit, one whose first name it is goes before one that has it among its others, that before one whose
 * wildcard covers it, and then the one that joined the table first. */
typedef struct NameTable NameTable;

/* A part of whatever has names; the table knows it by address, so it stays where it is. */
typedef struct NameHolder {
    NameTable *table; /* NULL: in none */
    void *owner;
    uint64_t number; /* in the order of joining */
    struct NameListing *listings;
} NameHolder;

/* NULL when memory is short. */
NameTable *name_table_new(void);
/* Nobody may be in it any more. */
NameTable *name_table_free(NameTable *t);
DEFINE_CLEANUP(NameTable *, name_table_free);

/* Joins the table, without a name as yet. */
void name_holder_join(NameHolder *h, NameTable *t, void *owner);
/* Leaves it with all its names; does nothing to one that is in none. */
void name_holder_leave(NameHolder *h);
/* Has these names from now on, NULL: none, instead of what it had. Copies them. -ENOMEM: it has what it had. Nothing
 * happens to one that is in no table. */
int name_holder_set(NameHolder *h, char *const *names);

/* The owner; NULL: nobody has the name or covers it. */
void *name_table_find(const NameTable *t, const char *name);
