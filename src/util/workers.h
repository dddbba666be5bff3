/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "util/macro.h"

/* Threads for work that would hold up the event loop: making keys, waiting for disks.
 *
 * A task is run in one of the threads, in the order of adding; done is called for it from the event loop
 * afterwards. The data belongs to the task from _add until done; between the two only run touches it. */
typedef struct Workers Workers;

typedef void (*WorkerRun)(void *data);
typedef void (*WorkerDone)(void *data, void *userdata);

/* name: of the threads, 15 bytes at most. */
int workers_new(sd_event *event, const char *name, unsigned n_threads, void *userdata, Workers **ret);
/* Runs what was added and is not yet begun no more, waits for what is being run, and calls done for all. */
Workers *workers_free(Workers *w);
DEFINE_CLEANUP(Workers *, workers_free);
int workers_add(Workers *w, WorkerRun run, WorkerDone done, void *data);
/* Tasks added for which done was not called yet. */
size_t workers_pending(const Workers *w);
