/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Files below /etc that commands write and remove as root, and what became of them. */

typedef struct FilesChange {
    char **done; /* files that were written or removed */
    char **kept; /* files that were there already, or that stay */
} FilesChange;

void files_change_done(FilesChange *c);
#define _cleanup_files_change_ _cleanup_(files_change_done)

void files_change_keep(FilesChange *c, const char *path);

/* Returns 0 if there is none, and 1 with its text. */
int root_file_read(const char *path, char **ret);
/* The same, and reports failures; *ret is NULL if there is none. */
Exit root_file_load(const char *path, char **ret);

/* Creates the folder, unless it exists; root_file_create() does so with that of its file, but not above it. */
int root_folder_make(const char *path);

/* All are durable when they return, report failures, and record what they did. */
/* Creates a whole file that everybody can read, in the place of no other. */
Exit root_file_create(const char *path, const char *text, FilesChange *c);
/* Replaces it, or creates it. */
Exit root_file_replace(const char *path, const char *text, FilesChange *c);
Exit root_file_link(const char *path, const char *target, FilesChange *c);
/* Removes a file or a link. */
Exit root_file_remove(const char *path, FilesChange *c);

/* True if a file below the folder, apart from those whose name begins with `except`, contains one of the words. Neither
 * large files nor deep folders are looked at. */
bool root_folder_mentions(const char *folder, char *const *words, const char *except);
