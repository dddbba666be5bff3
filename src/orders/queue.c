/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/timer.h"

/* In which order, and how fast, what waits is begun. */

#define MINUTE 60

/* Who somebody waits for, and what was under way already, comes first and does not wait for OrdersPerMinute=; then that whose
 * chain ends first. */
static bool is_pressing(const Ordering *o)
{
    return o->manual || orders_has_order(o->orders, o->name);
}

static bool comes_before(const Ordering *a, const Ordering *b)
{
    bool pressing = is_pressing(a);

    if (pressing != is_pressing(b))
        return pressing;
    return a->not_after < b->not_after;
}

static Ordering *choose_waiting(Orders *s)
{
    Ordering *o, *best = NULL;

    TAILQ_FOREACH (o, &s->orderings, entry)
        if (o->state == ORDERING_WAITING && o->owner == OWNER_WAITS && !o->held && !o->ending &&
            (!best || comes_before(o, best)))
            best = o;
    return best;
}

static int on_pace_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    queue_drive(userdata);
    return 0;
}

/* A second is what the ledger's moments tell apart. */
static void wait_for_pace(Orders *s)
{
    if (timer_arm(s->pace_timer, USEC_PER_SEC) < 0)
        (void)log_oom();
}

static int on_drive(sd_event_source *source, void *userdata);

int queue_init(Orders *s)
{
    int r = timer_add(s->event, &s->pace_timer, CLOCK_MONOTONIC, 0, on_pace_timer, s);

    if (r >= 0)
        r = deferred_add(s->event, &s->drive_source, on_drive, s);
    return r < 0 ? r : deferred_add(s->event, &s->back_source, orders_on_back, s);
}

/* Whether one more new order is within OrdersPerMinute=. */
static bool is_in_pace(const Orders *s)
{
    unsigned allowed = s->settings->orders_per_minute, recent = 0;
    int64_t now = clock_now();
    const Book *b;

    TAILQ_FOREACH (b, &s->books, entry)
        recent += ledger_recent_orders(b->ledger, MINUTE + 1, now);
    return allowed == 0 || recent < allowed;
}

static int on_drive(sd_event_source *source _unused_, void *userdata)
{
    Orders *s = userdata;
    Ordering *o;

    while (s->n_running < LIMIT_ORDERS && (o = choose_waiting(s))) {
        if (!is_pressing(o) && !is_in_pace(s)) {
            wait_for_pace(s);
            break;
        }
        /* Those that have begun stand first: they are few. */
        TAILQ_REMOVE(&s->orderings, o, entry);
        TAILQ_INSERT_HEAD(&s->orderings, o, entry);
        ordering_begin(o);
        if (o->state == ORDERING_WAITING) {
            TAILQ_REMOVE(&s->orderings, o, entry);
            TAILQ_INSERT_TAIL(&s->orderings, o, entry);
        }
    }
    return 0;
}

void queue_drive(Orders *s)
{
    if (s->drive_source)
        (void)sd_event_source_set_enabled(s->drive_source, SD_EVENT_ONESHOT);
}

bool ordering_join(Ordering *o, bool hurry)
{
    if (o->state != ORDERING_WAITING && o->keeps_key)
        return false;
    if (o->state == ORDERING_WAITING) {
        o->reissue = true;
        o->keeps_key = o->early = false;
    }
    o->manual = o->manual || hurry;
    o->held = false;
    queue_drive(o->orders);
    return true;
}
