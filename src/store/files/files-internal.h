/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "store/files/journal.h"
#include "store/files/paths.h"
#include "store/store.h"

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

/* Renames an entry of another type (S_IFREG, ...) to NAME.damaged. */
int put_aside_unless(int dir_fd, const char *path, mode_t type);
int store_open_object(Store *s, RecordKind kind, const char *name, int *ret_fd);
/* Removes generations that the record does not refer to, and what was staged. Nothing may be staged now. */
void object_tidy(Store *s, const Record *rec);
/* Computes the SHA-256 of the files of a generation on disk, for comparison with the digest of a slot. */
int generation_read_digest(int dir_fd, RecordKind kind, uint64_t generation, uint8_t ret[static 32]);
/* Reads key and certificates of a generation from disk, without a chain. */
int generation_read(int dir_fd, RecordKind kind, uint64_t generation, Bundle **ret);
/* Returns 0 if the files of the generation match the slot, else -EBADMSG. */
int generation_verify(int dir_fd, RecordKind kind, const Slot *slot);

/* A step of an upgrade from an older format; from: the version it applies to. */
typedef struct StoreUpgrade {
    uint64_t from;
    int (*upgrade)(int dir_fd);
} StoreUpgrade;
/* Upgrades a folder to the wanted version, recording each completed step. -EPROTONOSUPPORT if it is newer,
 * or if there is no upgrade. */
int store_upgrade(int dir_fd, uint64_t wanted, const StoreUpgrade *steps, size_t n_steps);
