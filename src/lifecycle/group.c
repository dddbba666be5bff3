/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "lifecycle/lifecycle-internal.h"
#include "util/log.h"

/* Commits staged attempts as a group, in the thread that owns the disk. */

#define GROUP_MAX 1024
#define GROUP_WAIT_USEC \
    (20 * USEC_PER_MSEC) /* while a slow disk commits a group, the next one grows anyway */
#define ORDERS_FEW 2     /* while more orders run, wait for their chains, too */

static void group_commit(void *data)
{
    Lifecycle *l = data;
    StoreChange **changes = calloc(l->group.n, sizeof(StoreChange *));

    l->group.committed = changes;
    for (size_t i = 0; changes && i < l->group.n; i++)
        changes[i] = l->group.attempts[i]->change;
    if (changes)
        (void)store_commit(l->store, changes, l->group.n);
    free(changes);
}

static void on_group_committed(void *data, void *userdata _unused_)
{
    Lifecycle *l = data;
    Attempt **group = TAKE_PTR(l->group.attempts);
    size_t n = l->group.n;
    bool committed = l->group.committed;

    l->group.n = 0; /* settling may start the next group */
    for (size_t i = 0; i < n; i++) {
        group[i]->result = committed ? group[i]->change->result : -ECANCELED;
        if (!committed)
            store_discard(l->store, group[i]->change);
        problem_set_errno(&group[i]->problem, group[i]->result, "Writing to the store");
        attempt_end(l, group[i]);
    }
    store_applied(l->store);
    free(group);
    group_maybe_commit(l);
}

static void start_group(Lifecycle *l)
{
    Attempt *a;

    l->group.attempts = calloc(MIN(l->group.n_staged, (size_t)GROUP_MAX), sizeof(Attempt *));
    if (!l->group.attempts) {
        (void)log_oom();
        return;
    }
    while (l->group.n < GROUP_MAX && (a = STAILQ_FIRST(&l->group.staged))) {
        STAILQ_REMOVE_HEAD(&l->group.staged, entry);
        l->group.attempts[l->group.n++] = a;
        l->group.n_staged--;
    }
    l->group.committed = false;
    l->group.staged_since = loop_now(l->event, CLOCK_MONOTONIC);
    if (workers_add(l->disk, group_commit, on_group_committed, l) < 0)
        (void)log_oom();
}

void group_maybe_commit(Lifecycle *l)
{
    uint64_t due = l->group.staged_since + GROUP_WAIT_USEC;

    if (l->group.attempts || l->group.n_staged == 0 || l->stopping)
        return;
    if ((l->group.n_staging == 0 && orders_running(l->orders) <= ORDERS_FEW) ||
        l->group.n_staged >= GROUP_MAX || loop_now(l->event, CLOCK_MONOTONIC) >= due) {
        start_group(l);
        return;
    }
    (void)timer_arm_at(l->group.timer, due);
}

static int on_group_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    group_maybe_commit(userdata);
    return 0;
}

void group_add(Lifecycle *l, Attempt *a)
{
    if (l->group.n_staged++ == 0)
        l->group.staged_since = loop_now(l->event, CLOCK_MONOTONIC);
    STAILQ_INSERT_TAIL(&l->group.staged, a, entry);
}

int group_init(Lifecycle *l)
{
    STAILQ_INIT(&l->group.staged);
    return timer_add(l->event, &l->group.timer, CLOCK_MONOTONIC, 1, on_group_timer, l);
}
