/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/record.h"

/* An append-only file of one line per change, and a random id of its own in the first line, so that a position
 * in it is never taken for one in another journal. */
typedef struct Journal Journal;

#define JOURNAL_ID_SIZE 33

typedef struct JournalPosition {
    char id[JOURNAL_ID_SIZE];
    uint64_t offset;
} JournalPosition;

/* Opens it, or makes it (flushed). A damaged one is put aside as journal.damaged and a new one made. */
int journal_open(int dir_fd, Journal **ret);
Journal *journal_close(Journal *j);
DEFINE_CLEANUP(Journal *, journal_close);
JournalPosition journal_end(const Journal *j);
/* Not flushed; a failed write leaves nothing that a reader would take for a line. */
int journal_append(Journal *j, const char *lines, size_t size);
int journal_sync(Journal *j);
/* Moves it aside as journal.1 and begins a new one when it has grown over LIMIT_JOURNAL. */
int journal_rotate(int dir_fd, Journal **j);

typedef int (*JournalVisit)(RecordKind kind, const char *name, void *userdata);
/* The lines behind a position. -ESTALE when the position is not one in this journal. A last line without end is
 * what a crash left of a change that was never made. */
int journal_replay(Journal *j, const JournalPosition *from, JournalVisit visit, void *userdata);
