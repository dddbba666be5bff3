/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

void file_write(const char *path, const char *text);
/* By rename from a hidden neighbour, so that nobody sees it half written. */
void file_replace(const char *path, const char *text);
char *file_read(const char *path);
void file_copy(const char *from, const char *to, int mode);
void directory_make(const char *path, int mode);
void directory_remove(const char *path);
/* Everything below it as text: paths, modes, sizes, digests; without the index, which can be made anew. */
char *directory_digest(const char *path);
/* All files of that name below it, one after the other. */
char *directory_collect(const char *path, const char *name);
