/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "store/files/journal.h"
#include "store/files/paths.h"
#include "store/store.h"

/* The store as plain files:
 *
 *     version                               format of this folder
 *     root/  certificates/NAME/  uploads/FINGERPRINT/
 *         record.json                       the record of the object (Record)
 *         GENERATION/                       a chain with its key, written once and never changed
 *         current -> GENERATION             the one that is served
 *     acme/AUTHORITY/                       account.json, account.key, account.key.next and ledger
 *     acme/orders/NAME.json                 an order in progress
 *     clock                                 the latest trusted time
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

/* Shared by the files of this folder only. */

#define INDEX_FILE   "index"
#define VERSION_FILE "version"

struct Store {
    char *path;
    int fd;
    Journal *journal;
    JournalPosition committed; /* end of the journal at the last commit, */
    JournalPosition applied;   /* and at the last store_applied(); owner's thread */
    JournalPosition indexed;   /* position of the index on disk; owner's thread */
};

/* Renames a damaged entry of a directory to NAME.damaged and reports it; 0 if there is none. path: its path in the store;
 * meaning: what follows from that. */
int put_aside(const Store *s, int dir_fd, const char *entry, const char *path, const char *meaning);
/* The same with an entry of another type than this one (S_IFREG, ...). */
int put_aside_unless(const Store *s, int dir_fd, const char *entry, const char *path, mode_t type,
                     const char *meaning);
/* Says what to do about a negative errno: a sentence after a blank, or "". */
const char *store_advice(int r);
int store_open_object(Store *s, RecordKind kind, const char *name, int *ret_fd);
/* Removes generations that the record does not refer to, and what was staged. Nothing may be staged now. */
void object_tidy(Store *s, const Record *rec);
/* Computes the SHA-256 of the files of a generation on disk, for comparison with the digest of a slot. */
int generation_read_digest(int dir_fd, RecordKind kind, uint64_t generation, uint8_t ret[static 32]);
/* Reads key and certificates of a generation from disk, without a chain. */
int generation_read(int dir_fd, RecordKind kind, uint64_t generation, Bundle **ret);
/* Returns 0 if the files of the generation match the slot, else -EBADMSG. */
int generation_verify(int dir_fd, RecordKind kind, const Slot *slot);

/* Returns 0 if the certificates of the generation have the metadata of the slot, else -EBADMSG or another error. */
int generation_bears_out(int fd, RecordKind kind, const Slot *slot);
/* Returns 0 if the record of this object can be read, else -EBADMSG. */
int object_verify_record(int fd, RecordKind kind, const char *name);

/* A step of an upgrade from an older format; from: the version it applies to. */
typedef struct StoreUpgrade {
    uint64_t from;
    int (*upgrade)(int dir_fd);
} StoreUpgrade;
/* Upgrades a folder to the wanted version, recording each completed step. -EPROTONOSUPPORT if it is newer,
 * or if there is no upgrade. */
int store_upgrade(int dir_fd, uint64_t wanted, const StoreUpgrade *steps, size_t n_steps);
/* The same for the store; a damaged file is put aside and replaced if the rest of the store is of this version. */
int version_check(Store *s, uint64_t version, const StoreUpgrade *steps, size_t n_steps, Problem *problem);
