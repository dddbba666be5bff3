/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/account-record.h"
#include "core/bundle.h"
#include "core/order-record.h"
#include "core/record.h"

/* The store of certificates, the local root and uploads, which are accessed only through it. It consists of
 * plain files:
 *
 *     version                               format of this folder
 *     root/  certificates/NAME/  uploads/FINGERPRINT/
 *         record.json                       the record of the object (Record)
 *         GENERATION/                       a chain with its key, written once and never changed
 *         current -> GENERATION             the one that is served
 *     journal                               one line for each change, on disk before the change
 *     index                                 all records in one file, for a fast start
 *
 * A change is first staged: its generation and record are written aside. A group of staged changes is then
 * committed: journal and files are flushed, read back and compared with what was written; records and links
 * are switched by rename, and flushed as well. So whenever the machine stops, "current" refers to a complete
 * generation, the old or the new one, and everything that was reported is on disk. A few changes are flushed
 * file by file, many with a single syncfs(2).
 *
 * The index is a copy of all records as of a position in the journal. A start reads it, and reads from files
 * only the objects that the journal names after that position; without a usable index it reads all records. */
typedef struct Store Store;

/* Opens, creates or upgrades the folder. */
int store_open(const char *path, Store **ret, Problem *problem);
Store *store_close(Store *s);
DEFINE_CLEANUP(Store *, store_close);

/* Calls visit for every record: the root first, then uploads, then certificates. The callee takes ownership
 * of rec. */
typedef int (*StoreVisit)(Record *rec, void *userdata);
int store_load(Store *s, StoreVisit visit, void *userdata);

/* A change of one object. Created by store_change_new(), owned by the caller, who may modify the record until
 * it is staged; all else is read-only. */
typedef struct StoreChange {
    Record *record;    /* the new record; owned */
    Bundle *bundle;    /* a new chain; NULL: only the record changes; owned */
    Source source;     /* source of that chain */
    uint64_t served;   /* record_current() before */
    bool fresh;        /* the object does not exist yet */
    bool removes;      /* the object is removed */
    const char *event; /* a word for the journal; static */
    int result;        /* of staging or commit: 0 or a negative errno */
    bool doubtful;     /* when it failed: the store alone knows how far it came, see store_reload() */
} StoreChange;

/* before: the current record (NULL: none), after: the new one. With a bundle, its slot gets the chain. Takes
 * ownership of after and bundle, also on failure. after NULL removes the object. event is static. */
int store_change_new(const Record *before, Record *after, Source source, Bundle *bundle, const char *event,
                     StoreChange **ret);
/* Returns true if another chain is served after the change than before. */
bool store_change_switches(const StoreChange *c);
StoreChange *store_change_free(StoreChange *c);
DEFINE_CLEANUP(StoreChange *, store_change_free);

/* Writes the new generation and record aside. Any thread. Removes them again on failure. */
int store_stage(Store *s, StoreChange *c);
/* Commits a group of staged changes. One thread at a time. Sets the result of each change, and returns the
 * worst. */
int store_commit(Store *s, StoreChange *const *changes, size_t n);
/* Removes a staged change that was not committed. Any thread. */
void store_discard(Store *s, StoreChange *c);
/* Call this in the order of commits, in the thread that calls store_checkpoint_new(), when the records for the
 * next checkpoint include the changes of a commit. */
void store_applied(Store *s);

/* Reads the object from its files, after a commit with an unknown result. -ENOENT. */
int store_reload(Store *s, RecordKind kind, const char *name, Record **ret);
/* Reads the chain and key of a source. Any thread. -EBADMSG if they are not what was stored. */
int store_read(Store *s, const Record *rec, Source source, Bundle **ret);
/* Checks that the stored object matches the record, and if so, removes what a crash left beside it. Any thread,
 * while nothing is staged for the object. */
int store_verify(Store *s, const Record *rec, Source source);

/* A checkpoint makes the next start fast. It is taken of all records in memory, which is fast, and then written in the
 * thread that commits. */
typedef struct StoreCheckpoint StoreCheckpoint;
int store_checkpoint_new(Store *s, const Record *const *records, size_t n, StoreCheckpoint **ret);
int store_checkpoint_write(Store *s, StoreCheckpoint *checkpoint);
StoreCheckpoint *store_checkpoint_free(StoreCheckpoint *checkpoint);
/* Returns true if anything was committed since the last checkpoint was taken. */
bool store_wants_checkpoint(const Store *s);

/* acme/AUTHORITY/{account.json,account.key} and acme/orders/NAME.json. Any thread, each object by one at a time. -ENOENT: there
 * is none. */
int store_read_account(Store *s, const char *authority, AccountRecord **ret);
/* Flushed before it returns. next_key, if set, is stored beside key, and removed otherwise. */
int store_write_account(Store *s, const char *authority, const AccountRecord *account);
int store_remove_account(Store *s, const char *authority);
/* Atomic: after a crash, the old or the new one; after a power failure, it may be missing. */
int store_write_order(Store *s, const OrderRecord *order);
int store_read_order(Store *s, const char *name, OrderRecord **ret);
int store_remove_order(Store *s, const char *name);
/* Lists the names of certificates with orders in progress; a string list (util/text.h). */
int store_list_orders(Store *s, char ***ret);

/* acme/AUTHORITY/ledger (core/ledger.h): reads it, appends lines, or replaces it; flushed before returning
 * if sync is set. -ENOENT. */
int store_read_ledger(Store *s, const char *authority, char **ret, size_t *ret_size);
int store_append_ledger(Store *s, const char *authority, const char *lines, bool sync);
int store_write_ledger(Store *s, const char *authority, const char *text);

/* clock: the latest trusted time, in seconds since 1970-01-01 UTC. Returns success and 0 if there is none,
 * or if it cannot be parsed. */
int store_read_clock(Store *s, int64_t *ret);
int store_write_clock(Store *s, int64_t now);
