/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/account-record.h"
#include "core/bundle.h"
#include "core/order-record.h"
#include "core/record.h"

/* The store of certificates, the local root and uploads, and of what is kept of ACME authorities. This is the
 * boundary of an engine: callers know objects by kind and name, an upload by its fingerprint, and nothing of
 * the files behind them. Today's engine is store/files/.
 *
 * A change of an object is first staged, which any thread may do; a group of staged changes is then committed.
 * Whenever the machine stops, an object is the old or the new one as a whole, and everything that was reported
 * is on disk. Leftovers are removed by the store itself. */
typedef struct Store Store;

/* Opens, creates or upgrades the store in this directory. */
int store_open(const char *path, Store **ret, Problem *problem);
Store *store_close(Store *s);
DEFINE_CLEANUP(Store *, store_close);

/* Calls visit for every record: the root first, then uploads, then certificates. The callee takes ownership
 * of rec. */
typedef int (*StoreVisit)(Record *rec, void *userdata);
int store_load(Store *s, StoreVisit visit, void *userdata);

/* A change of one object. Created by store_change_new(), owned by the caller, who may modify the record until
 * it is staged. */
typedef struct StoreChange {
    Record *record; /* the new record; owned */
    int result;     /* of staging or commit: 0 or a negative errno */
    bool doubtful;  /* when it failed: the store alone knows how far it came, see store_reload() */

    /* for the store alone */
    Bundle *bundle;    /* a new chain; NULL: only the record changes; owned */
    Source source;     /* source of that chain */
    uint64_t served;   /* record_current() before */
    bool fresh;        /* the object does not exist yet */
    bool removes;      /* the object is removed */
    const char *event; /* a word for the journal; static */
} StoreChange;

/* before: the current record (NULL: none), after: the new one. With a bundle, its slot gets the chain. Takes
 * ownership of after and bundle, also on failure. after NULL removes the object. event is static. */
int store_change_new(const Record *before, Record *after, Source source, Bundle *bundle, const char *event,
                     StoreChange **ret);
/* Returns true if a chain is stored, or another one served. */
bool store_change_concerns_chain(const StoreChange *c);
StoreChange *store_change_free(StoreChange *c);
DEFINE_CLEANUP(StoreChange *, store_change_free);

/* Writes the new chain and record aside, where nobody finds them. Any thread. Removes them again on failure. */
int store_stage(Store *s, StoreChange *c);
/* Commits a group of staged changes. One thread at a time. Sets the result of each change, and returns the
 * worst. */
int store_commit(Store *s, StoreChange *const *changes, size_t n);
/* Removes a staged change that was not committed. Any thread. */
void store_discard(Store *s, StoreChange *c);
/* Call this in the order of commits, in the thread that calls store_checkpoint_new(), when the records for the
 * next checkpoint include the changes of a commit. */
void store_applied(Store *s);

/* Reads the object again, repairing it, after a commit with an unknown result. former: what was known of it, in case its record
 * cannot be read; NULL. -ENOENT. */
int store_reload(Store *s, RecordKind kind, const char *name, const Record *former, Record **ret);
/* Reads the chain and key of a source. Any thread. -EBADMSG if they are not what was stored. */
int store_read(Store *s, const Record *rec, Source source, Bundle **ret);
/* Checks that the stored object matches the record, and if so, removes what a crash left beside it. Any thread,
 * while nothing is staged for the object. */
int store_verify(Store *s, const Record *rec, Source source);

/* Reads from the text of a record.json, a file of the store, which leaves of the certificate must not be served again: for
 * certwright-deploy. -EBADMSG. */
int store_read_blocklist(const char *record, size_t size, Blocklist *ret);

/* A checkpoint makes the next start fast. It is taken of all records in memory, which is fast, and then written in the
 * thread that commits. */
typedef struct StoreCheckpoint StoreCheckpoint;
int store_checkpoint_new(Store *s, const Record *const *records, size_t n, StoreCheckpoint **ret);
int store_checkpoint_write(Store *s, StoreCheckpoint *checkpoint);
StoreCheckpoint *store_checkpoint_free(StoreCheckpoint *checkpoint);
/* Returns true if anything was committed since the last checkpoint was taken. */
bool store_wants_checkpoint(const Store *s);

/* Accounts by authority, and orders by certificate. Any thread, but each object by one at a time. -ENOENT: there is
 * none. */
int store_read_account(Store *s, const char *authority, AccountRecord **ret);
/* On disk before it returns. */
int store_write_account(Store *s, const char *authority, const AccountRecord *account);
int store_remove_account(Store *s, const char *authority);
/* Atomic: after a crash, the old or the new one; after a power failure, it may be missing. */
int store_write_order(Store *s, const OrderRecord *order);
int store_read_order(Store *s, const char *name, OrderRecord **ret);
int store_remove_order(Store *s, const char *name);
/* Lists the names of certificates with orders in progress; a string list (util/text.h). */
int store_list_orders(Store *s, char ***ret);

/* The ledger of an authority (core/ledger.h): reads it, appends lines, or replaces it. On disk before it returns
 * if replaced or if sync is set. -ENOENT. */
int store_read_ledger(Store *s, const char *authority, char **ret, size_t *ret_size);
int store_append_ledger(Store *s, const char *authority, const char *lines, bool sync);
int store_write_ledger(Store *s, const char *authority, const char *text);

/* The latest trusted time, in seconds since 1970-01-01 UTC. Returns success and 0 if there is none, or if it
 * cannot be parsed. */
int store_read_clock(Store *s, int64_t *ret);
int store_write_clock(Store *s, int64_t now);
