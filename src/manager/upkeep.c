/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "manager/manager-internal.h"
#include "util/log.h"

#define CHECKPOINT_WAIT_USEC (2 * USEC_PER_SEC)
#define CHECK_WAIT_USEC      (5 * USEC_PER_SEC)
#define CHECK_AGAIN_USEC     (24 * 3600 * USEC_PER_SEC)
#define CHECK_PAUSE_USEC     (20 * USEC_PER_MSEC)
#define CHECKED_AT_ONCE      32

/* Writes checkpoints of the store, for a fast start, and verifies the files after the start and once a day. */

struct Upkeep {
    Manager *manager;
    sd_event_source *checkpoint_timer; /* elapses a while after the last change */
    sd_event_source *check_timer;
    char *checked;               /* name of the certificate checked last */
    StoreCheckpoint *checkpoint; /* being written; NULL: none is */
    int result;
};

/* ---- checkpoints: one for a burst of changes */

static void run_checkpoint(void *data)
{
    Upkeep *u = data;

    u->result = store_checkpoint_write(u->manager->store, u->checkpoint);
}

static void on_checkpoint_written(void *data, void *userdata _unused_)
{
    Upkeep *u = data;

    if (u->result < 0 && u->result != -ECANCELED)
        (void)log_warning_errno(u->result,
                                "Failed to write a checkpoint of the store, the next start will be slower");
    store_checkpoint_free(TAKE_PTR(u->checkpoint));
}

static int collect_records(const Model *m, const Record ***ret, size_t *ret_n)
{
    size_t n = 1 + HASH_COUNT(m->certificates) + HASH_COUNT(m->uploads), at = 0;
    const Record **l = calloc(n, sizeof(Record *));
    Certificate *c, *next;

    if (!l)
        return -ENOMEM;
    if (m->root->stored)
        l[at++] = m->root->record;
    FOREACH_UPLOAD (m, c, next)
        if (c->stored)
            l[at++] = c->record;
    FOREACH_CERTIFICATE (m, c, next)
        if (c->stored)
            l[at++] = c->record;
    *ret = l;
    *ret_n = at;
    return 0;
}

static int take_checkpoint(Manager *m, StoreCheckpoint **ret)
{
    const Record **records;
    size_t n;
    int r;

    r = collect_records(m->model, &records, &n);
    if (r < 0)
        return r;
    r = store_checkpoint_new(m->store, records, n, ret);
    free(records);
    return r;
}

static int write_checkpoint(Upkeep *u)
{
    int r = take_checkpoint(u->manager, &u->checkpoint);

    u->result = -ECANCELED;
    if (r >= 0)
        r = lifecycle_run(u->manager->lifecycle, true, run_checkpoint, on_checkpoint_written, u);
    if (r >= 0)
        return 0;
    store_checkpoint_free(TAKE_PTR(u->checkpoint));
    return log_warning_errno(r, "Failed to prepare a checkpoint of the store");
}

static int on_checkpoint_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    (void)upkeep_is_done(userdata);
    return 0;
}

void upkeep_note_change(Upkeep *u)
{
    (void)timer_arm(u->checkpoint_timer, CHECKPOINT_WAIT_USEC);
}

bool upkeep_is_done(Upkeep *u)
{
    if (!u->checkpoint && store_wants_checkpoint(u->manager->store))
        (void)write_checkpoint(u);
    return !u->checkpoint;
}

/* ---- verification, a few certificates at a time */

static int on_check_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Upkeep *u = userdata;
    const Model *model = u->manager->model;
    Certificate *some[CHECKED_AT_ONCE], *c = u->checked ? model_find_any(model, u->checked) : NULL;
    size_t n = 0;

    if (!u->checked)
        some[n++] = model->root;
    for (c = c ? c->hh.next : model->certificates; c && n < CHECKED_AT_ONCE; c = c->hh.next)
        some[n++] = c;
    free(u->checked);
    u->checked = n > 0 ? strdup(certificate_name(some[n - 1])) : NULL;
    if (u->checked && lifecycle_check(u->manager->lifecycle, some, n) >= 0)
        return timer_arm(u->check_timer, CHECK_PAUSE_USEC);
    free(TAKE_PTR(u->checked));
    return timer_arm(u->check_timer, CHECK_AGAIN_USEC);
}

void upkeep_write_last(Upkeep *u)
{
    Manager *m = u->manager;
    StoreCheckpoint *checkpoint;

    if (!store_wants_checkpoint(m->store) || take_checkpoint(m, &checkpoint) < 0)
        return;
    (void)store_checkpoint_write(m->store, checkpoint);
    store_checkpoint_free(checkpoint);
}

int upkeep_new(Manager *m, Upkeep **ret)
{
    _cleanup_(upkeep_freep) Upkeep *u = calloc(1, sizeof(Upkeep));
    int r;

    if (!u)
        return -ENOMEM;
    u->manager = m;
    r = timer_add(m->event, &u->checkpoint_timer, CLOCK_MONOTONIC, 0, on_checkpoint_timer, u);
    if (r >= 0)
        r = timer_add(m->event, &u->check_timer, CLOCK_MONOTONIC, 0, on_check_timer, u);
    if (r >= 0)
        r = timer_arm(u->check_timer, CHECK_WAIT_USEC);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(u);
    return 0;
}

Upkeep *upkeep_free(Upkeep *u)
{
    if (!u)
        return NULL;
    sd_event_source_disable_unref(u->checkpoint_timer);
    sd_event_source_disable_unref(u->check_timer);
    free(u->checked);
    free(u);
    return NULL;
}
