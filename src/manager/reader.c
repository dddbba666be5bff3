/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/limits.h"
#include "manager/manager-internal.h"
#include "util/workers.h"

/* Reads served chains from the store for callers, in threads of its own, so that the event loop does not wait for the disk, and
 * callers do not wait behind a thousand reissues. What is made of a chain for them is made there, too. */

#define N_THREADS 2

struct Reader {
    Manager *manager;
    Workers *workers;
    bool stopping;
};

typedef struct Reading {
    Reader *reader;
    Record *record; /* a copy: the certificate may change, or be removed, meanwhile */
    ReaderRun run;
    ReaderDone done;
    void *userdata;

    Bundle *bundle;
    int result;
} Reading;

static Reading *reading_free(Reading *g)
{
    if (!g)
        return NULL;
    record_free(g->record);
    bundle_free(g->bundle);
    free(g);
    return NULL;
}
DEFINE_CLEANUP(Reading *, reading_free);

static void run_reading(void *data)
{
    Reading *g = data;

    g->result = store_read(g->reader->manager->store, g->record, g->record->served, &g->bundle);
    if (g->result >= 0 && g->run)
        g->result = g->run(g->record, g->bundle, g->userdata);
}

static void on_read(void *data, void *userdata);

static int queue(Reader *r, const Certificate *c, Reading *g)
{
    Record *copy = r->stopping ? NULL : record_copy(c->record);

    if (!copy)
        return r->stopping ? -ECANCELED : -ENOMEM;
    record_free(g->record);
    g->record = copy;
    g->result = -ECANCELED;
    return workers_add(r->workers, run_reading, on_read, g);
}

/* The store keeps the former chain, but not those before it. */
static bool read_again(Reader *r, Reading *g)
{
    const Model *model = r->manager->model;
    const Certificate *c =
        g->record->kind == RECORD_ROOT ? model->root : model_find_any(model, g->record->name);

    return c && certificate_chain(c) && record_current(c->record) != record_current(g->record) &&
           queue(r, c, g) >= 0;
}

static void on_read(void *data, void *userdata)
{
    _cleanup_(reading_freep) Reading *g = data;

    if (!g->bundle && read_again(userdata, g))
        TAKE_PTR(g);
    else
        g->done(g->result, g->record, g->bundle, g->userdata);
}

int reader_read(Reader *r, const Certificate *c, ReaderRun run, ReaderDone done, void *userdata)
{
    _cleanup_(reading_freep) Reading *g = calloc(1, sizeof(Reading));
    int k;

    if (!g)
        return -ENOMEM;
    *g = (Reading){ .reader = r, .run = run, .done = done, .userdata = userdata };
    k = queue(r, c, g);
    if (k >= 0)
        TAKE_PTR(g);
    return k;
}

bool reader_is_full(const Reader *r)
{
    return workers_pending(r->workers) >= LIMIT_READINGS;
}

bool reader_is_busy(const Reader *r)
{
    return workers_pending(r->workers) > 0;
}

int reader_new(Manager *m, Reader **ret)
{
    _cleanup_(reader_freep) Reader *r = calloc(1, sizeof(Reader));
    int k;

    if (!r)
        return -ENOMEM;
    r->manager = m;
    k = workers_new(m->event, "read", N_THREADS, r, &r->workers);
    if (k >= 0)
        *ret = TAKE_PTR(r);
    return k;
}

Reader *reader_free(Reader *r)
{
    if (!r)
        return NULL;
    r->stopping = true;
    if (r->workers)
        workers_free(r->workers);
    free(r);
    return NULL;
}
