/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory.h"

#include "process.h"

#define PERIOD_USEC 50000

struct MemoryWatch {
    pid_t pid;
    gint stop, most; /* KiB */
    GThread *thread;
};

static gpointer watch(gpointer userdata)
{
    MemoryWatch *w = userdata;

    while (!g_atomic_int_get(&w->stop)) {
        gint now = (gint)process_memory(w->pid);

        if (now > g_atomic_int_get(&w->most))
            g_atomic_int_set(&w->most, now);
        g_usleep(PERIOD_USEC);
    }
    return NULL;
}

MemoryWatch *memory_watch_new(pid_t pid)
{
    MemoryWatch *w = g_new0(MemoryWatch, 1);

    w->pid = pid;
    w->thread = g_thread_new("memory", watch, w);
    return w;
}

long memory_watch_most(MemoryWatch *w)
{
    return g_atomic_int_get(&w->most);
}

void memory_watch_free(MemoryWatch *w)
{
    g_atomic_int_set(&w->stop, 1);
    g_thread_join(w->thread);
    g_free(w);
}
