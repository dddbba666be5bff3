/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"
#include "util/timer.h"

/* Decides when waiting orderings begin, and in which order. */

#define MINUTE 60

void queue_move_last(Ordering *o)
{
    struct OrderingList *l = &o->orders->queue.orderings;

    TAILQ_REMOVE(l, o, entry);
    TAILQ_INSERT_TAIL(l, o, entry);
}

bool ordering_is_waiting(const Ordering *o)
{
    return o->state == ORDERING_WAITING || o->state == ORDERING_HELD;
}

static void unhold(Ordering *o)
{
    if (o->state == ORDERING_HELD)
        o->state = ORDERING_WAITING;
}

void queue_unhold(Orders *s)
{
    Ordering *o;

    TAILQ_FOREACH (o, &s->queue.orderings, entry)
        unhold(o);
}

size_t orders_running(const Orders *s)
{
    const Ordering *o;
    size_t n = 0;

    TAILQ_FOREACH (o, &s->queue.orderings, entry) {
        if (ordering_is_waiting(o)) /* so are those behind it */
            break;
        n++;
    }
    return n;
}

/* Manual and resumed orders go first, without waiting for OrdersPerMinute=; then the one whose chain expires first, those that
 * are likely to fail last. */
static bool is_pressing(const Ordering *o)
{
    return o->flags & ORDERING_MANUAL || orders_has_order(o->orders, o->wanted.name);
}

static bool comes_before(const Ordering *a, const Ordering *b)
{
    bool pressing = is_pressing(a), doubtful = orders_foresaw(a->orders, a->wanted.name);

    if (pressing != is_pressing(b))
        return pressing;
    if (doubtful != orders_foresaw(b->orders, b->wanted.name))
        return !doubtful;
    return a->wanted.not_after < b->wanted.not_after;
}

static Ordering *choose_waiting(Orders *s)
{
    Ordering *o, *best = NULL;

    TAILQ_FOREACH (o, &s->queue.orderings, entry)
        if (o->state == ORDERING_WAITING && (!best || comes_before(o, best)))
            best = o;
    return best;
}

static int on_pace_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    queue_drive(userdata);
    return 0;
}

/* Returns true if one more new order is within OrdersPerMinute=. */
static bool is_in_pace(const Orders *s)
{
    unsigned allowed = s->settings->orders_per_minute, recent = 0;
    int64_t now = clock_now();
    const LedgerFile *f;

    TAILQ_FOREACH (f, &s->ledgers, entry)
        recent += ledger_recent_orders(f->ledger, MINUTE + 1, now);
    return allowed == 0 || recent < allowed;
}

static int on_drive(sd_event_source *source _unused_, void *userdata)
{
    Orders *s = userdata;
    Ordering *o;

    while (orders_running(s) < LIMIT_ORDERS && (o = choose_waiting(s))) {
        if (!is_pressing(o) && !is_in_pace(s)) {
            if (timer_arm(s->queue.pace_timer, USEC_PER_SEC) < 0) /* the ledger counts in seconds */
                (void)log_oom();
            break;
        }
        TAILQ_REMOVE(&s->queue.orderings, o, entry);
        TAILQ_INSERT_HEAD(&s->queue.orderings, o, entry);
        ordering_begin(o);
        if (o->state == ORDERING_HELD)
            queue_move_last(o);
    }
    return 0;
}

int queue_init(Orders *s)
{
    int r = timer_add(s->event, &s->queue.pace_timer, CLOCK_MONOTONIC, 0, on_pace_timer, s);

    return r < 0 ? r : deferred_add(s->event, &s->queue.drive_source, on_drive, s);
}

void queue_drive(Orders *s)
{
    (void)sd_event_source_set_enabled(s->queue.drive_source, SD_EVENT_ONESHOT);
}

bool ordering_join(Ordering *o, bool hurry)
{
    if (ordering_is_waiting(o))
        o->flags = (o->flags & (ORDERING_MANUAL | ORDERING_RETRY)) | ORDERING_REISSUE;
    else if (o->flags & ORDERING_REUSE_KEY)
        return false;
    if (hurry)
        o->flags |= ORDERING_MANUAL;
    unhold(o);
    queue_drive(o->orders);
    return true;
}
