/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/record.h"

/* An append-only file with one line per change, and a random id in the first line, so that positions of
 * different journals are never confused. */
typedef struct Journal Journal;

#define JOURNAL_FILE    "journal"
#define JOURNAL_ID_SIZE 33

typedef struct JournalPosition {
    char id[JOURNAL_ID_SIZE];
    uint64_t offset;
} JournalPosition;

/* Opens or creates (and flushes) the journal. A damaged one is renamed to journal.damaged and replaced, which returns 1. On a
 * file system that is read-only, it can only be read until that changes. dir_fd is borrowed. */
int journal_open(int dir_fd, Journal **ret);
/* Returns 0 if there is a journal that can be read. -ENOENT. */
int journal_probe(int dir_fd);
Journal *journal_close(Journal *j);
DEFINE_CLEANUP(Journal *, journal_close);
JournalPosition journal_end(const Journal *j);
/* Does not flush; a failed write leaves nothing that could be read as a line. */
int journal_append(Journal *j, const char *lines, size_t size);
int journal_sync(Journal *j);
/* Renames the journal to journal.1 and starts a new one if it is larger than LIMIT_JOURNAL. */
int journal_rotate(int dir_fd, Journal **j);

typedef int (*JournalVisit)(RecordKind kind, const char *name, void *userdata);
/* Reads the lines after a position. -ESTALE if the position is not in this journal. An incomplete last line
 * is a leftover of a crash, and its change was never made. */
int journal_replay(Journal *j, const JournalPosition *from, JournalVisit visit, void *userdata);
