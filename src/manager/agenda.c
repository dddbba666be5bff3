/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/now.h"
#include "manager/manager-internal.h"
#include "util/text.h"
#include "util/timer.h"

/* What the passing of time brings: what is due now, and when to look again. */

/* The outlook of all is looked at in slices of a few milliseconds, which take a small part of the time. */
#define OUTLOOK_SLICE      200
#define OUTLOOK_USEC       (10 * USEC_PER_MSEC)
#define OUTLOOK_PAUSE_USEC (50 * USEC_PER_MSEC)
#define WAKE_MAX_SEC       3600
#define CHECK_WAIT_SEC     60
#define TIMER_SEC          (2 * 3600)     /* certwright-renew.timer wakes the service more often */
#define ABANDONED_SEC      (30 * 86400LL) /* files of a name that nobody wants any more are kept this long */

int64_t manager_next_renewal(const Manager *m, const Certificate *c)
{
    int64_t own = certificate_next_renewal(c), order = INT64_MAX;

    if (!certificate_is_root(c))
        order = lifecycle_next_order(m->lifecycle, c);
    if (order == INT64_MAX)
        return own;
    order = MAX(order, clock_now());
    return c->record->served == SOURCE_LOCAL ? MIN(order, own) : order;
}

static int64_t find_next_wake(const Manager *m)
{
    Certificate *c, *next;
    int64_t wake = certificate_next_renewal(m->root);

    HASH_ITER (hh, m->certificates, c, next) {
        int64_t renewal = c->published ? manager_next_renewal(m, c) : 0;

        if (renewal > 0 && (wake == 0 || renewal < wake))
            wake = renewal;
    }
    return wake;
}

int64_t manager_next_wake(Manager *m)
{
    if (m->wake_is_stale)
        m->next_wake = find_next_wake(m);
    m->wake_is_stale = false;
    return m->next_wake;
}

/* The moments of checks are not kept to the second: many certificates are not to wake the service all the time. */
static int64_t next_check_of(Manager *m, const Certificate *c, int64_t now)
{
    int64_t check = lifecycle_next_check(m->lifecycle, c);

    return check == INT64_MAX ? check : MAX(check, now + CHECK_WAIT_SEC);
}

static int64_t next_change_of(Manager *m, const Certificate *c, int64_t now)
{
    int64_t order = INT64_MAX, check = INT64_MAX;
    Candidate candidates[_SOURCE_MAX];

    if (!certificate_is_root(c)) {
        order = lifecycle_next_order(m->lifecycle, c);
        check = next_check_of(m, c, now);
    }
    record_candidates(c->record, candidates);
    return MIN(MIN(choose_next_change(candidates, now), certificate_next_warning(c, now)),
               MIN(order > now ? order : INT64_MAX, check));
}

static int64_t next_change(Manager *m, int64_t now)
{
    int64_t next = MIN(now + WAKE_MAX_SEC, acme_source_next_look(lifecycle_acme(m->lifecycle)));
    Certificate *c, *following;

    next = MIN(next, manager_next_upload_change(m, now));

    m->wake_is_stale = true;
    if (manager_next_wake(m) > now)
        next = MIN(next, m->next_wake);
    HASH_ITER (hh, m->certificates, c, following)
        if (c->published)
            next = MIN(next, next_change_of(m, c, now));
    next = MIN(next, next_change_of(m, m->root, now));
    return MAX(now + 1, next);
}

static void arm_wake_at(Manager *m, int64_t when, int64_t now)
{
    m->wake_at = when;
    (void)timer_arm(m->wake_timer, (uint64_t)(when - now) * USEC_PER_SEC);
}

void manager_arm_wake(Manager *m)
{
    int64_t now = clock_now();

    manager_note_outlook(m);
    arm_wake_at(m, next_change(m, now), now);
}

static void wake_no_later(Manager *m, int64_t when, int64_t now)
{
    when = MAX(now + 1, when);
    if (when < m->wake_at)
        arm_wake_at(m, when, now);
}

/* What has just changed may want to be looked at sooner than all the rest. */
void manager_note_next_change(Manager *m, const Certificate *c)
{
    int64_t now = clock_now();

    m->wake_is_stale = true;
    manager_note_outlook(m);
    wake_no_later(m, next_change_of(m, c, now), now);
}

void manager_note_uploads(Manager *m)
{
    int64_t now = clock_now();

    wake_no_later(m, manager_next_upload_change(m, now), now);
}

/* ---- what is told of the future */

Outlook manager_outlook(const Manager *m, const Certificate *c)
{
    int64_t now = clock_now();
    Choice choice = certificate_choose(c, now);
    Outlook o = {
        .reason = certificate_is_root(c) ? NULL : certificate_explain_choice(c, &choice),
        .state = (int)certificate_state(c, now),
        .next_renewal = manager_next_renewal(m, c),
        .job = c->job ? c->job->id : 0,
    };

    memcpy(o.verdicts, choice.verdicts, sizeof(o.verdicts));
    return o;
}

bool outlook_equal(const Outlook *a, const Outlook *b)
{
    return streq(strempty(a->reason), strempty(b->reason)) && a->state == b->state &&
           a->next_renewal == b->next_renewal && a->job == b->job &&
           memcmp(a->verdicts, b->verdicts, sizeof(a->verdicts)) == 0;
}

/* One that is busy is told of when that is over. */
static void look_at_outlook(Manager *m, Certificate *c)
{
    Outlook o;

    if (!c->published || !c->is_known || c->busy)
        return;
    o = manager_outlook(m, c);
    if (!outlook_equal(&o, &c->told))
        TELL(m, certificate_changed, c, CHANGED_OUTLOOK);
}

/* Looks at some of them, from where the last look ended; the first of those that are left, NULL: none is. */
static Certificate *look_at_some(Manager *m)
{
    Certificate *c = NULL;

    if (m->outlook_next)
        HASH_FIND_STR(m->certificates, m->outlook_next, c);
    if (!c)
        c = m->certificates;
    for (int n = 0; c && n < OUTLOOK_SLICE; n++, c = c->hh.next)
        look_at_outlook(m, c);
    return c;
}

int manager_on_outlook_timer(sd_event_source *s, uint64_t usec _unused_, void *userdata)
{
    Manager *m = userdata;
    Certificate *next = look_at_some(m);

    free(m->outlook_next);
    m->outlook_next = next ? strdup(certificate_name(next)) : NULL;
    if (m->outlook_next)
        return timer_arm(s, OUTLOOK_PAUSE_USEC);
    look_at_outlook(m, m->root);
    m->wake_is_stale = true;
    TELL(m, counts_changed);
    if (m->outlook_again)
        (void)timer_arm(s, OUTLOOK_PAUSE_USEC);
    m->outlook_again = false;
    return 0;
}

void manager_note_outlook(Manager *m)
{
    m->outlook_again = m->outlook_next != NULL;
    if (!timer_is_armed(m->outlook_timer))
        (void)timer_arm(m->outlook_timer, OUTLOOK_USEC);
}

/* Whether time alone soon has another chain served. */
static bool changes_soon(Manager *m, const Certificate *c, int64_t now)
{
    Candidate candidates[_SOURCE_MAX];
    int64_t next;

    record_candidates(c->record, candidates);
    next = choose_next_change(candidates, now);
    return next <= now + TIMER_SEC && certificate_choose(c, next).source != c->record->served;
}

bool manager_awaits_change(Manager *m)
{
    int64_t now = clock_now(), next = manager_next_upload_change(m, now);
    Certificate *c, *following;

    HASH_ITER (hh, m->certificates, c, following)
        if (c->published &&
            (changes_soon(m, c, now) || (next <= now + TIMER_SEC && manager_takes_other_upload(m, c, next))))
            return true;
    return false;
}

int manager_on_wake(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Manager *m = userdata;

    (void)manager_renew_due(m);
    manager_arm_wake(m);
    return 0;
}

/* Whether time has changed nothing: the chain that is served is the one to be served, and no warning is due. */
static bool has_right_chain(const Certificate *c, int64_t now)
{
    Choice choice = certificate_choose(c, now);

    return choice.source == c->record->served && choice.source >= 0 &&
           choice.verdicts[choice.source] == VERDICT_USABLE && certificate_warning_due(c, now) == 0;
}

static unsigned renew_root(Manager *m, int64_t now)
{
    int64_t renewal = certificate_next_renewal(m->root);
    uint64_t job;

    if (renewal > 0 && renewal <= now && !m->root->job)
        return manager_start_job(m, m->root, JOB_ROOT, &job) >= 0;
    lifecycle_settle(m->lifecycle, m->root);
    return 0;
}

static unsigned renew_leaf(Manager *m, Certificate *c, bool uploads_changed, int64_t now)
{
    int64_t renewal = certificate_next_renewal(c);
    uint64_t job;

    if (lifecycle_next_check(m->lifecycle, c) <= now)
        lifecycle_check_window(m->lifecycle, c);
    if (lifecycle_next_order(m->lifecycle, c) <= now && !c->job) {
        lifecycle_settle(m->lifecycle, c);
        return c->job != NULL;
    }
    if (renewal > 0 && renewal <= now && !c->job && c->record->served == SOURCE_LOCAL)
        return manager_start_job(m, c, JOB_RENEW, &job) >= 0;
    if (uploads_changed || !has_right_chain(c, now))
        lifecycle_settle(m->lifecycle, c);
    return 0;
}

unsigned manager_renew_due(Manager *m)
{
    int64_t now = clock_now();
    Certificate *c, *next;
    bool uploads_changed;
    unsigned started = 0;

    manager_look_at_clock(m);
    if (m->doubts_clock)
        return 0;
    uploads_changed = manager_next_upload_change(m, m->uploads_seen) <= now;
    m->uploads_seen = now;
    started += renew_root(m, now);
    HASH_ITER (hh, m->certificates, c, next)
        if (c->published)
            started += renew_leaf(m, c, uploads_changed, now);
        else if (c->record->abandoned > 0 && c->record->abandoned + ABANDONED_SEC < now && !c->busy)
            (void)lifecycle_request(m->lifecycle, c, REQUEST_REMOVE, NULL, NULL, NULL);
    acme_source_look(lifecycle_acme(m->lifecycle));
    return started;
}
