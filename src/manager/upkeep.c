/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "manager/manager-internal.h"
#include "util/log.h"
#include "util/timer.h"

#define INDEX_WAIT_USEC  (2 * USEC_PER_SEC)
#define CHECK_WAIT_USEC  (5 * USEC_PER_SEC)
#define CHECK_PAUSE_USEC (20 * USEC_PER_MSEC)
#define CHECKED_AT_ONCE  32
#define SOON_SEC         (15 * 60)

/* The index of the store, and the look at the files that it stands for. */

/* The index is written when things have calmed down: for a burst once. */

typedef struct IndexWriting {
    Manager *manager;
    StoreSnapshot *snapshot;
    int result;
} IndexWriting;

static void index_write(void *data)
{
    IndexWriting *w = data;

    w->result = store_write_index(w->manager->store, w->snapshot);
}

static void on_index_written(void *data, void *userdata _unused_)
{
    IndexWriting *w = data;

    w->manager->index_being_written = false;
    if (w->result < 0 && w->result != -ECANCELED)
        (void)log_warning_errno(w->result,
                                "The index could not be written; the next start reads every record");
    store_snapshot_free(w->snapshot);
    free(w);
}

static int collect_records(Manager *m, const Record ***ret, size_t *ret_n)
{
    size_t n = 1 + HASH_COUNT(m->certificates) + HASH_COUNT(m->uploads), at = 0;
    const Record **l = calloc(n, sizeof(Record *));
    Certificate *c, *next;

    if (!l)
        return -ENOMEM;
    if (m->root->stored)
        l[at++] = m->root->record;
    HASH_ITER (hh, m->uploads, c, next)
        if (c->stored)
            l[at++] = c->record;
    HASH_ITER (hh, m->certificates, c, next)
        if (c->stored)
            l[at++] = c->record;
    *ret = l;
    *ret_n = at;
    return 0;
}

static int take_snapshot(Manager *m, StoreSnapshot **ret)
{
    const Record **records;
    size_t n;
    int r;

    r = collect_records(m, &records, &n);
    if (r < 0)
        return r;
    r = store_snapshot(m->store, records, n, ret);
    free(records);
    return r;
}

static int write_index(Manager *m)
{
    IndexWriting *w = calloc(1, sizeof(IndexWriting));
    int r;

    if (!w)
        return log_oom();
    w->manager = m;
    w->result = -ECANCELED;
    r = take_snapshot(m, &w->snapshot);
    if (r >= 0)
        r = lifecycle_run(m->lifecycle, true, index_write, on_index_written, w);
    if (r < 0) {
        store_snapshot_free(w->snapshot);
        free(w);
        return log_warning_errno(r, "The index could not be prepared");
    }
    m->index_being_written = true;
    return 0;
}

int manager_on_index_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Manager *m = userdata;

    if (!m->index_being_written && store_index_is_stale(m->store))
        (void)write_index(m);
    return 0;
}

void manager_note_change(Manager *m)
{
    (void)timer_arm(m->index_timer, INDEX_WAIT_USEC);
}

/* It is not worth to go, and who watches sees it happen. The timer of the service comes once an hour. */
static bool is_due_soon(Manager *m)
{
    int64_t now = clock_now(), next = manager_next_wake(m);

    return timer_is_armed(m->back_timer) || (next > now && next - now <= SOON_SEC);
}

bool manager_is_idle(Manager *m)
{
    if (lifecycle_busy(m->lifecycle) > 0 || importer_pending(m->importer) > 0 || m->jobs ||
        m->index_being_written)
        return false;
    if (store_index_is_stale(m->store) && write_index(m) >= 0)
        return false;
    return !m->doubts_clock && !manager_waits_for_network(m) && !is_due_soon(m);
}

/* After the start every certificate's files are looked at once, a few at a time. */

int manager_on_check_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Certificate *some[CHECKED_AT_ONCE], *c;
    Manager *m = userdata;
    size_t n = 0;

    if (m->checked)
        HASH_FIND_STR(m->certificates, m->checked, c);
    else
        c = NULL;
    if (!m->checked)
        some[n++] = m->root;
    for (c = c ? c->hh.next : m->certificates; c && n < CHECKED_AT_ONCE; c = c->hh.next)
        some[n++] = c;
    free(m->checked);
    m->checked = n > 0 ? strdup(certificate_name(some[n - 1])) : NULL;
    if (!m->checked || lifecycle_check(m->lifecycle, some, n) < 0)
        return 0;
    return timer_arm(m->check_timer, CHECK_PAUSE_USEC);
}

void manager_begin_check(Manager *m)
{
    (void)timer_arm(m->check_timer, CHECK_WAIT_USEC);
}

void manager_write_last_index(Manager *m)
{
    StoreSnapshot *snapshot;

    if (!store_index_is_stale(m->store) || take_snapshot(m, &snapshot) < 0)
        return;
    (void)store_write_index(m->store, snapshot);
    store_snapshot_free(snapshot);
}
