/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* Finds the files to read. */

#define MODULES_FOLDER "modules.d"

/* Called with an errno for a folder or file that is there, as far as one can tell, but cannot be looked at; may be NULL. */
typedef void (*ConfigUnreadable)(const char *path, int error, void *userdata);

/* Lists NAME.conf and its drop-ins in NAME.conf.d, in reading order: the main file of the most important
 * directory that has one, then the drop-ins by name, each of the most important directory. */
int config_files_of(char *const *directories, const char *path, ConfigUnreadable unreadable, void *userdata,
                    char ***ret);
/* Returns when these files, or the directories they are looked up in, were last changed (ctime), which
 * includes added and removed files. */
int64_t config_files_changed(char *const *directories, const char *path, char *const *files);
/* Lists the sorted names, without suffix, of the *.conf files in a folder of any of the directories. */
int config_file_names(char *const *directories, const char *folder, ConfigUnreadable unreadable,
                      void *userdata, char ***ret);
/* Returns what keeps a file or folder from being read: the first folder above it that cannot be entered, else itself.
 * Allocated; NULL on OOM. */
char *config_find_obstacle(const char *path, int error);
/* Explains in one sentence why an obstacle cannot be read, and what to do about it. Allocated; NULL on OOM. */
char *config_explain_unreadable(const char *path, int error);

/* Checks that nobody but root could have written any of the files, or could add one: that all files, the folders that
 * they are looked up in, and what leads there are root's and not writable by others. The problem names the first that
 * is not. -EACCES; -ENOMEM, or another errno if something could not be examined. */
int config_files_are_roots(char *const *directories, Problem *problem);
