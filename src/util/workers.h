/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "util/macro.h"

/* Threads for tasks that would block the event loop: generating keys, waiting for disks.
 *
 * Tasks are started in the order in which they were added; the event loop then calls done() for each. A task
 * owns its data from workers_add() until done(); only run() accesses it in between. */
typedef struct Workers Workers;

typedef void (*WorkerRun)(void *data);
typedef void (*WorkerDone)(void *data, void *userdata);

/* name: thread name, up to 15 bytes. */
int workers_new(sd_event *event, const char *name, unsigned n_threads, void *userdata, Workers **ret);
/* Drops queued tasks, waits for running ones, and calls done() for all of them. */
Workers *workers_free(Workers *w);
DEFINE_CLEANUP(Workers *, workers_free);
int workers_add(Workers *w, WorkerRun run, WorkerDone done, void *data);
/* Returns the number of tasks for which done() was not called yet. */
size_t workers_pending(const Workers *w);
