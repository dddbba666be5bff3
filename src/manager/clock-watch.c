/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <sys/timerfd.h>

#include "core/now.h"
#include "manager/manager-internal.h"
#include "util/log.h"

/* Checks everything again when the clock is set or the machine wakes up. A clock that is not trusted (core/clock.h) is checked
 * periodically until it is. */

#define LOOK_AGAIN_USEC (20 * USEC_PER_SEC)
#define RECORD_USEC     (3600 * USEC_PER_SEC)

struct ClockWatch {
    Manager *manager;
    sd_event_source *timer; /* checks the clock again, or records the time */
    sd_event_source *set;   /* signals that it was set */
    bool doubts, recorded;
    int64_t recording; /* the time that is being written; 0: none is */
    int result;
};

static void run_record(void *data)
{
    ClockWatch *w = data;

    w->result = store_write_clock(w->manager->store, w->recording);
}

static void on_recorded(void *data, void *userdata _unused_)
{
    ClockWatch *w = data;

    if (w->result < 0)
        (void)log_warning_errno(w->result, "Failed to record the current time, ignoring");
    w->recording = 0;
}

static void record_clock(ClockWatch *w)
{
    if (w->recording > 0)
        return;
    w->recording = clock_now();
    w->result = 0;
    if (lifecycle_run(w->manager->lifecycle, true, run_record, on_recorded, w) < 0)
        w->recording = 0;
}

void clock_watch_record_last(ClockWatch *w)
{
    if (clock_is_trusted())
        (void)store_write_clock(w->manager->store, clock_now());
}

bool manager_clock_is_doubted(const Manager *m)
{
    return m->clock->doubts;
}

static void look_at_all(Manager *m)
{
    (void)manager_renew_due(m);
    lifecycle_settle_all(m->lifecycle);
    agenda_arm(m->agenda);
    MODEL_NOTIFY(m->model, counts_changed);
}

static void arm_clock(ClockWatch *w)
{
    (void)timer_arm(w->timer, w->doubts ? LOOK_AGAIN_USEC : RECORD_USEC);
}

void manager_look_at_clock(Manager *m)
{
    ClockWatch *w = m->clock;
    bool doubted = !clock_is_trusted();

    if (doubted && !w->doubts)
        log_fields(
            LOG_WARNING, MESSAGE_CLOCK_DOUBTED, NULL,
            "The clock of this machine is not trusted: until it is set or synchronized, nothing is ordered, renewed, "
            "removed or considered expired.");
    else if (!doubted && w->doubts)
        log_info("The clock is trusted again.");
    if (!doubted && (w->doubts || !w->recorded))
        record_clock(w);
    w->recorded = w->recorded || !doubted;
    if (doubted != w->doubts) {
        w->doubts = doubted;
        agenda_note_outlook(m->agenda);
        arm_clock(w);
        if (!doubted)
            look_at_all(m);
    }
}

static int on_clock_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    ClockWatch *w = userdata;
    bool doubted = w->doubts;

    manager_look_at_clock(w->manager);
    if (w->doubts)
        TELL(w->manager, clock_doubted);
    else if (!doubted)
        record_clock(w);
    arm_clock(w);
    return 0;
}

static int arm_set(int fd)
{
    const struct itimerspec never = { .it_value.tv_sec =
                                          sizeof(time_t) > 4 ? INT64_MAX / NSEC_PER_SEC : INT_MAX };

    return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 ? -errno : 0;
}

static int on_clock_set(sd_event_source *s _unused_, int fd, uint32_t revents _unused_, void *userdata)
{
    ClockWatch *w = userdata;
    Manager *m = w->manager;
    uint64_t n;

    if (read(fd, &n, sizeof(n)) < 0 && errno == EAGAIN)
        return 0;
    (void)arm_set(fd);
    log_info("The clock was set, or the machine woke up.");
    manager_look_at_clock(m);
    orders_clock_set(lifecycle_orders(m->lifecycle));
    if (!w->doubts)
        look_at_all(m);
    network_watch_retry(m->network);
    return 0;
}

static int watch_set(ClockWatch *w)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK), r;

    if (fd < 0)
        return -errno;
    r = arm_set(fd);
    if (r >= 0)
        r = sd_event_add_io(w->manager->event, &w->set, fd, EPOLLIN, on_clock_set, w);
    if (r < 0) {
        close(fd);
        return r;
    }
    return sd_event_source_set_io_fd_own(w->set, 1);
}

int clock_watch_new(Manager *m, ClockWatch **ret)
{
    _cleanup_(clock_watch_freep) ClockWatch *w = calloc(1, sizeof(ClockWatch));
    int64_t recorded = 0;
    int r;

    if (!w)
        return -ENOMEM;
    w->manager = m;
    if ((r = store_read_clock(m->store, &recorded)) < 0)
        (void)log_warning_errno(r, "Failed to read the time of the last stop, ignoring");
    clock_begin(recorded);
    r = timer_add(m->event, &w->timer, CLOCK_MONOTONIC, 0, on_clock_timer, w);
    if (r >= 0)
        r = watch_set(w);
    if (r < 0)
        return r;
    arm_clock(w);
    *ret = TAKE_PTR(w);
    return 0;
}

ClockWatch *clock_watch_free(ClockWatch *w)
{
    if (!w)
        return NULL;
    sd_event_source_disable_unref(w->timer);
    sd_event_source_disable_unref(w->set);
    free(w);
    return NULL;
}
