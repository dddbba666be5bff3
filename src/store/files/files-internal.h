/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "store/files/journal.h"
#include "store/files/paths.h"
#include "store/store.h"

/* Shared by the files of this folder alone. */

#define INDEX_FILE   "index"
#define VERSION_FILE "version"

struct Store {
    char *path;
    int fd;
    Journal *journal;
    JournalPosition committed; /* the journal's end at the last commit, */
    JournalPosition applied;   /* and at the last that store_applied() was told of; owner's thread */
    JournalPosition indexed;   /* what the index on disk holds; owner's thread */
};

/* Where there is something of another type (S_IFREG, ...) it is renamed to NAME.damaged. */
int put_aside_unless(int dir_fd, const char *path, mode_t type);
int store_open_object(Store *s, RecordKind kind, const char *name, int *ret_fd);
/* SHA-256 of a generation's files as they are on disk, for comparison with a slot's digest. */
int generation_read_digest(int dir_fd, RecordKind kind, uint64_t generation, uint8_t ret[static 32]);
/* Key and certificates of a generation as they are on disk, without a chain. */
int generation_read(int dir_fd, RecordKind kind, uint64_t generation, Bundle **ret);
/* 0 when the generation's files are what the slot says, -EBADMSG when not. */
int generation_verify(int dir_fd, RecordKind kind, const Slot *slot);

/* One step of the path from an older format of the store's folder: from is the version that it takes. */
typedef struct StoreUpgrade {
    uint64_t from;
    int (*upgrade)(int dir_fd);
} StoreUpgrade;
/* Brings a folder to the wanted version, step by step, each recorded when it is done. -EPROTONOSUPPORT when it
 * is newer or there is no way. */
int store_upgrade(int dir_fd, uint64_t wanted, const StoreUpgrade *steps, size_t n_steps);
