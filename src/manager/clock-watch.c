/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <sys/timerfd.h>

#include "core/now.h"
#include "crypto/digest.h"
#include "manager/manager-internal.h"
#include "util/log.h"
#include "util/timer.h"

/* What comes from outside and changes what can be done: a clock that is set, a machine that wakes up, a network that comes
 * back. A clock that is not believed is looked at again and again until it is. */

#define LOOK_AGAIN_USEC (20 * USEC_PER_SEC)
#define RECORD_USEC     (3600 * USEC_PER_SEC)
#define BACK_USEC       (10 * USEC_PER_SEC) /* by chance up to that much later, since others come back as well */

typedef struct ClockTask {
    Store *store;
    int64_t now;
    int result;
} ClockTask;

static void run_record(void *data)
{
    ClockTask *t = data;

    t->result = store_write_clock(t->store, t->now);
}

static void on_recorded(void *data, void *userdata _unused_)
{
    ClockTask *t = data;

    if (t->result < 0)
        (void)log_warning_errno(t->result, "What the clock shows could not be noted for the next start");
    free(t);
}

static void record_clock(Manager *m)
{
    ClockTask *t = calloc(1, sizeof(ClockTask));

    if (!t)
        return;
    *t = (ClockTask){ .store = m->store, .now = clock_now() };
    if (lifecycle_run(m->lifecycle, true, run_record, on_recorded, t) < 0)
        free(t);
}

void manager_record_last_clock(Manager *m)
{
    if (m->store && clock_is_trusted())
        (void)store_write_clock(m->store, clock_now());
}

bool manager_clock_is_doubted(const Manager *m)
{
    return m->doubts_clock;
}

/* Everything is looked at anew, as if time had passed. */
static void look_at_all(Manager *m)
{
    (void)manager_renew_due(m);
    manager_settle_all(m);
    manager_arm_wake(m);
    TELL(m, counts_changed);
}

static void arm_clock(Manager *m)
{
    (void)timer_arm(m->clock_timer, m->doubts_clock ? LOOK_AGAIN_USEC : RECORD_USEC);
}

void manager_look_at_clock(Manager *m)
{
    bool doubted = !clock_is_trusted();

    if (doubted && !m->doubts_clock)
        log_warning(
            "The clock of this machine cannot be right: until it is, or is kept in step by a time service, nothing is "
            "ordered, renewed, removed or taken for expired.");
    else if (!doubted && m->doubts_clock)
        log_info("The clock is right again.");
    if (!doubted && (m->doubts_clock || !m->recorded_clock))
        record_clock(m);
    m->recorded_clock = m->recorded_clock || !doubted;
    if (doubted != m->doubts_clock) {
        m->doubts_clock = doubted;
        manager_note_outlook(m);
        arm_clock(m);
        if (!doubted)
            look_at_all(m);
    }
}

static int on_clock_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Manager *m = userdata;
    bool doubted = m->doubts_clock;

    manager_look_at_clock(m);
    if (m->doubts_clock)
        TELL(m, clock_doubted);
    else if (!doubted)
        record_clock(m);
    arm_clock(m);
    return 0;
}

/* ---- the network */

static int on_back_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Manager *m = userdata;

    log_info("The network is there again; what failed for want of it is tried again.");
    acme_source_network_back(lifecycle_acme(m->lifecycle));
    return 0;
}

static void arm_back(Manager *m)
{
    uint16_t chance = 0;

    (void)random_bytes(&chance, sizeof(chance));
    (void)timer_arm(m->back_timer, USEC_PER_SEC + BACK_USEC * chance / UINT16_MAX);
}

static void on_network_changed(void *userdata)
{
    Manager *m = userdata;
    Certificate *c, *next;

    HASH_ITER (hh, m->certificates, c, next)
        if (c->record->order_failed && c->record->failure.problem.code == PROBLEM_NETWORK_FAILED) {
            arm_back(m);
            return;
        }
}

void manager_orders_back(const char *authority, void *userdata)
{
    Manager *m = userdata;
    Certificate *c, *next;

    HASH_ITER (hh, m->certificates, c, next) {
        const Problem *p = &c->record->failure.problem;

        if (!c->published || c->ordered || !c->record->order_failed || problem_is_rate_limited(p) ||
            (authority ? !problem_blames_authority(p) : p->code != PROBLEM_NETWORK_FAILED))
            continue;
        if (c->record->failure.attempts > 0 &&
            !acme_source_release(lifecycle_acme(m->lifecycle), authority, certificate_name(c)))
            continue;
        c->orders_anew = true;
        lifecycle_settle(m->lifecycle, c);
    }
}

bool manager_waits_for_network(const Manager *m)
{
    const Certificate *c, *next;

    if (network_has_way(m->network))
        return false;
    HASH_ITER (hh, m->certificates, c, next)
        if (c->published && c->record->order_failed &&
            c->record->failure.problem.code == PROBLEM_NETWORK_FAILED)
            return true;
    return false;
}

/* ---- the clock is set, or the machine wakes up */

static int arm_set(int fd)
{
    const struct itimerspec never = { .it_value.tv_sec =
                                          sizeof(time_t) > 4 ? INT64_MAX / NSEC_PER_SEC : INT_MAX };

    return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 ? -errno : 0;
}

static int on_clock_set(sd_event_source *s _unused_, int fd, uint32_t revents _unused_, void *userdata)
{
    Manager *m = userdata;
    uint64_t n;

    if (read(fd, &n, sizeof(n)) < 0 && errno == EAGAIN)
        return 0;
    (void)arm_set(fd);
    log_info("The clock was set, or the machine woke up.");
    manager_look_at_clock(m);
    acme_source_clock_set(lifecycle_acme(m->lifecycle));
    if (!m->doubts_clock)
        look_at_all(m);
    on_network_changed(m);
    return 0;
}

static int watch_clock(Manager *m)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK), r;

    if (fd < 0)
        return -errno;
    r = arm_set(fd);
    if (r >= 0)
        r = sd_event_add_io(m->event, &m->clock_set, fd, EPOLLIN, on_clock_set, m);
    if (r < 0) {
        close(fd);
        return r;
    }
    return sd_event_source_set_io_fd_own(m->clock_set, 1);
}

int manager_clock_init(Manager *m)
{
    int64_t recorded = 0;
    int r;

    if ((r = store_read_clock(m->store, &recorded)) < 0)
        (void)log_warning_errno(r, "What the clock showed at the last stop cannot be read");
    clock_begin(recorded);
    if ((r = timer_add(m->event, &m->clock_timer, CLOCK_MONOTONIC, 0, on_clock_timer, m)) < 0 ||
        (r = timer_add(m->event, &m->back_timer, CLOCK_MONOTONIC, 0, on_back_timer, m)) < 0 ||
        (r = watch_clock(m)) < 0)
        return r;
    arm_clock(m);
    r = network_new(m->event, on_network_changed, m, &m->network);
    if (r < 0)
        (void)log_warning_errno(
            r, "The routes of this machine cannot be watched; what failed for want of a network is "
               "tried again by and by");
    return 0;
}

void manager_clock_done(Manager *m)
{
    sd_event_source_disable_unref(m->clock_timer);
    sd_event_source_disable_unref(m->back_timer);
    sd_event_source_disable_unref(m->clock_set);
    network_free(m->network);
}
