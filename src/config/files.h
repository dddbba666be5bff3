/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Which files there are to read. */

/* NAME.conf and its drop-ins in NAME.conf.d, in the order of reading: the main file of the most important directory
 * that has one, then the drop-ins by their names, each of the most important directory. */
int config_files_of(char *const *directories, const char *path, char ***ret);
/* When one of these files, or a folder that they are looked for in, was changed last (ctime): also by one that came or went. */
int64_t config_files_changed(char *const *directories, const char *path, char *const *files);
/* Names, without suffix, of the *.conf files in a folder of any of the directories; sorted. */
int config_file_names(char *const *directories, const char *folder, char ***ret);
