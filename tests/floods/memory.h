/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Watches how much memory a process has, 20 times a second, in a thread of its own. */
typedef struct MemoryWatch MemoryWatch;

MemoryWatch *memory_watch_new(pid_t pid);
/* KiB, the most since the beginning. */
long memory_watch_most(MemoryWatch *w);
void memory_watch_free(MemoryWatch *w);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MemoryWatch, memory_watch_free)
