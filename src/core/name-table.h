/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Finds the owner of a name, or of a certificate that covers it, independent of the size of the table. All
 * names are canonical (core/name.h).
 *
 * If several match, one with this primary name takes precedence over one with this alternative name, that
 * over one whose wildcard covers it, and then the one that joined the table first. */
typedef struct NameTable NameTable;

/* Embedded in the object that has names; the table refers to it by address, so it must not move. */
typedef struct NameHolder {
    NameTable *table; /* NULL: not in a table */
    void *owner;
    uint64_t number; /* in joining order */
    struct NameListing *listings;
} NameHolder;

/* Returns NULL on OOM. */
NameTable *name_table_new(void);
/* The table must be empty. */
NameTable *name_table_free(NameTable *t);
DEFINE_CLEANUP(NameTable *, name_table_free);

/* Joins the table, without any names yet. */
void name_holder_join(NameHolder *h, NameTable *t, void *owner);
/* Leaves the table and drops all names; no-op for a holder that is in none. */
void name_holder_leave(NameHolder *h);
/* Replaces the names (NULL: none); copies them. -ENOMEM leaves them unchanged. No-op for a holder that is in
 * no table. */
int name_holder_set(NameHolder *h, char *const *names);

/* Returns the owner, or NULL if nobody has or covers the name. */
void *name_table_find(const NameTable *t, const char *name);
