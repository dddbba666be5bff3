/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/account-record.h"
#include "core/bundle.h"
#include "core/order-record.h"
#include "core/record.h"

/* Where certificates, the local root and uploads are kept: the only way to them. Behind it are plain files:
 *
 *     version                               format of this folder
 *     root/  certificates/NAME/  uploads/FINGERPRINT/
 *         record.json                       what the store remembers of the object (Record)
 *         GENERATION/                       a chain with its key, written once and never changed
 *         current -> GENERATION             the one that is served
 *     journal                               one line for each change, on disk before the change
 *     index                                 all records in one file, for a quick start
 *
 * A change is first staged: its generation and record are written aside. A group of staged changes is then
 * committed: journal and files are flushed, read back and compared with what was written; records and links are
 * switched by rename; that is flushed as well. So at whatever moment the machine stops, "current" names a
 * whole generation, the old or the new one, and what was reported is there. Few changes are flushed file by
 * file, many by one syncfs(2).
 *
 * The index is a copy of all records as of a position in the journal. A start reads it and, from the files, just
 * the objects that the journal names behind that position; without a usable index it reads all records. */
typedef struct Store Store;

/* Opens, makes or upgrades the folder. */
int store_open(const char *path, Store **ret, Problem *problem);
Store *store_close(Store *s);
DEFINE_CLEANUP(Store *, store_close);

/* Hands every record over: the root first, then uploads, then certificates. rec belongs to the callee. */
typedef int (*StoreVisit)(Record *rec, void *userdata);
int store_load(Store *s, StoreVisit visit, void *userdata);

/* One object's change. Made by _new, owned by the caller; fields are for reading, except result. */
typedef struct StoreChange {
    Record *record; /* as it shall be; owned */
    Bundle *bundle; /* goes into a new generation; NULL: only the record changes; owned */
    Source source;  /* whose generation that is */
    uint64_t obsolete[_SOURCE_MAX + 1]; /* generations to remove afterwards */
    size_t n_obsolete;
    bool fresh;        /* there is nothing of this object yet */
    bool switches;     /* "current" changes */
    bool removes;      /* the object goes */
    const char *event; /* a word for the journal; static */
    int result;        /* of staging or commit: 0 or negative errno */
} StoreChange;

/* before is the record that is there (NULL: none), after the one that shall be. With a bundle its slot gets the
 * next generation. Takes after and bundle, also when it fails. after NULL removes the object. */
int store_change_new(const Record *before, Record *after, Source source, Bundle *bundle, const char *event,
                     StoreChange **ret);
/* To be called when the record says what is served: notes what has to be switched and removed. */
void store_change_finish(StoreChange *c, const Record *before);
StoreChange *store_change_free(StoreChange *c);
DEFINE_CLEANUP(StoreChange *, store_change_free);

/* Any thread. On failure what was written is removed again. */
int store_stage(Store *s, StoreChange *c);
/* One thread at a time. Each change's result tells what came of it; the value is the worst. */
int store_commit(Store *s, StoreChange *const *changes, size_t n);
/* Takes back what was staged and not committed. Any thread. */
void store_discard(Store *s, StoreChange *c);
/* To be called in the order of commits, by the thread that calls store_snapshot(), when the changes of a
 * commit are in the records that the next snapshot will show. */
void store_applied(Store *s);

/* The object as its files tell, after a commit of unknown end. -ENOENT. */
int store_reload(Store *s, RecordKind kind, const char *name, Record **ret);
/* A generation's chain and key; its files are compared with the slot's digest. Any thread. -EBADMSG. */
int store_read(Store *s, const Record *rec, Source source, Bundle **ret);
/* Removes what a crash left in the object's folder: generations and files that the record does not know. Any thread,
 * while nothing is staged for the object. */
void store_tidy(Store *s, const Record *rec);
/* Whether files and links are what the record says. Any thread. */
int store_verify(Store *s, const Record *rec, Source source);

/* A new index in two steps: a snapshot in memory, at once, and the slow writing, by the thread that commits. */
typedef struct StoreSnapshot StoreSnapshot;
int store_snapshot(Store *s, const Record *const *records, size_t n, StoreSnapshot **ret);
int store_write_index(Store *s, StoreSnapshot *snapshot);
StoreSnapshot *store_snapshot_free(StoreSnapshot *snapshot);
/* Whether anything was committed since the last index. */
bool store_index_is_stale(const Store *s);

/* acme/AUTHORITY/{account.json,account.key} and acme/orders/NAME.json. Any thread, each object by one at a time. -ENOENT: there
 * is none. */
int store_read_account(Store *s, const char *authority, AccountRecord **ret);
/* On disk when it returns. With next_key set, that is there beside key; without, it is removed. */
int store_write_account(Store *s, const char *authority, const AccountRecord *account);
int store_remove_account(Store *s, const char *authority);
/* Whole, old or new, after a crash; after the loss of power perhaps missing. */
int store_write_order(Store *s, const OrderRecord *order);
int store_read_order(Store *s, const char *name, OrderRecord **ret);
int store_remove_order(Store *s, const char *name);
/* Names of the certificates that orders are under way for; a list (util/text.h). */
int store_list_orders(Store *s, char ***ret);

/* acme/AUTHORITY/ledger (core/ledger.h): lines that are appended, or the whole instead of all that is there; on disk when it
 * returns, if that matters (sync). -ENOENT. */
int store_read_ledger(Store *s, const char *authority, char **ret, size_t *ret_size);
int store_append_ledger(Store *s, const char *authority, const char *lines, bool sync);
int store_write_ledger(Store *s, const char *authority, const char *text);

/* clock: the latest moment at which the clock was believed, seconds since 1970-01-01 UTC. 0 and success when there is none,
 * or none that can be read. */
int store_read_clock(Store *s, int64_t *ret);
int store_write_clock(Store *s, int64_t now);
