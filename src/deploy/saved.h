/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/deployment.h"
#include "deploy/image.h"

/* The former files of a delivery, kept on disk until the new ones are in use: they survive a crash and a power
 * failure. Contains keys; the folder is root's alone. */
typedef struct SavedFile {
    char *certificate; /* whose target it is: a canonical name */
    DeployFile kind;
    char *path; /* of the target */
    Image image;
} SavedFile;

typedef struct SavedSet {
    SavedFile *files; /* those of a certificate follow one another */
    size_t n;
    char **units; /* that ran before the delivery; a string list */
} SavedSet;

void saved_clear(SavedSet *s);
#define _cleanup_saved_ _cleanup_(saved_clear)
/* Copies all arguments. */
int saved_add(SavedSet *s, const char *certificate, DeployFile kind, const char *path, const Image *image);

/* Writes the set as "saved" in a directory, complete and flushed, or not at all. -EEXIST if there is one: an earlier
 * delivery was interrupted, and its set is the one to go back to. */
int saved_write(int dir_fd, const SavedSet *s, Problem *problem);
/* -ENOENT: there is none. Damaged sets are reported. */
int saved_read(int dir_fd, SavedSet *ret, Problem *problem);
/* Removes it, and what is left of an interrupted write. */
int saved_erase(int dir_fd, Problem *problem);
/* Renames a damaged one to saved.damaged. */
int saved_put_aside(int dir_fd, Problem *problem);
