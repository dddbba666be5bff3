/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "deploy/folder.h"
#include "deploy/image.h"

/* A file of a service that is replaced: first staged beside the others, then switched by a rename. So a service
 * reads the former or the new file, whole, and a set of files is mixed for a few microseconds only.
 *
 * Staged files lie in a folder of their own below that of the target, which no service reads: some load every
 * file of a directory. */

/* A directory with targets. Each is opened once, however its path is written. */
typedef struct TargetFolder {
    char *path; /* as it was first written */
    int fd, stage;
    dev_t device;
    ino_t inode;
    bool unflushed; /* something was switched */
} TargetFolder;

typedef struct TargetFolders {
    TargetFolder **folders;
    size_t n;
} TargetFolders;

/* Removes the stages, with all that is still in them. */
void target_folders_tidy(TargetFolders *f);
/* The same, and closes the folders. All targets have to be closed. */
void target_folders_close(TargetFolders *f);
#define _cleanup_target_folders_ _cleanup_(target_folders_close)
/* Removes stages that were left by a crash or an error, even if nothing is staged now. The folders have to be locked. */
void target_folders_clean(TargetFolders *f);
/* Flushes everything that was staged, at once. */
int target_folders_flush_staged(TargetFolders *f, Problem *problem);

typedef struct Target {
    char *path;
    const char *name;     /* within the path */
    TargetFolder *folder; /* NULL: not open */
    bool staged;          /* a file waits in the stage, or a removal */
    bool removes;         /* the target is removed instead */
} Target;

/* Opens the folder of an absolute path (walk.h). make: how the folder is made if it is missing; NULL: it must exist. */
int target_open(TargetFolders *f, const char *path, const FolderAccess *make, Target *ret, Problem *problem);
void target_close(Target *t);
#define _cleanup_target_ _cleanup_(target_close)
/* True if they are one file, whatever their paths. */
bool target_equal(const Target *a, const Target *b);
/* False if there is nothing at its path. */
bool target_exists(const Target *t);
/* Captures the current file. */
int target_capture(const Target *t, Image *ret, Problem *problem);
/* Makes the stage, and removes what a crash left in it. Its folder has to be locked (lock.h). */
int target_prepare(Target *t, Problem *problem);
/* Writes the file aside. The kind IMAGE_ABSENT stages a removal. flush: see image_create(). */
int target_stage(Target *t, const Image *next, bool flush, Problem *problem);
/* Removes what is staged. */
void target_unstage(Target *t);
/* Puts the staged file in its place. */
int target_switch(Target *t, Problem *problem);
/* Flushes the folder: what was switched in it survives a power failure. */
int target_flush(Target *t, Problem *problem);
