/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

#include "store/store.h"

/* A store that is open, and what it knew when it was loaded. */
typedef struct Shelf {
    Folder folder;
    Store *store;
    GHashTable *records; /* "kind/name" -> Record */
} Shelf;

Shelf shelf_new(void);
void shelf_done(Shelf *s);
#define _cleanup_shelf_ _cleanup_(shelf_done)
int shelf_try(Shelf *s, Problem *problem);
/* The same, and it has to be possible. */
void shelf_open(Shelf *s);
void shelf_close(Shelf *s);
void shelf_reopen(Shelf *s);
/* The same, and all records are what they were. */
void shelf_reopen_and_compare(Shelf *s);
void assert_same_records(GHashTable *a, GHashTable *b);

/* The key of its record. */
char *shelf_key(RecordKind kind, const char *name);
/* NULL: there is none. */
Record *shelf_find(const Shelf *s, RecordKind kind, const char *name);
/* Of a certificate, which has to be there. */
Record *shelf_get(const Shelf *s, const char *name);

/* A change as the service makes it: a new local chain, served from then on. bundle NULL: the record
 * changes alone. */
StoreChange *change_of(const Record *before, RecordKind kind, const char *name, Bundle *bundle,
                       Source source);
StoreChange *change_of_leaf(const Record *before, const char *name);
/* What is in the records of the shelf from now on, as the service does. Takes the change. */
void shelf_apply(Shelf *s, StoreChange *c);
/* Stages, commits and applies it. */
int shelf_commit(Shelf *s, StoreChange *c);
/* A new chain for the name. */
void shelf_put(Shelf *s, const char *name);
void shelf_write_index(Shelf *s);

/* The record on disk, by link and by what was told, is the same and whole. */
void shelf_assert_whole(const Shelf *s, const Record *rec);
void shelf_assert_all_whole(const Shelf *s);
mode_t shelf_mode_of(const Shelf *s, const char *path);
