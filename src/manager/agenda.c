/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "manager/manager-internal.h"

/* Starts what is due, and wakes up when something is due next. */

/* Outlooks are computed in slices of a few milliseconds, with pauses. */
#define OUTLOOK_SLICE      200
#define OUTLOOK_USEC       (10 * USEC_PER_MSEC)
#define OUTLOOK_PAUSE_USEC (50 * USEC_PER_MSEC)
#define WAKE_MAX_SEC       3600
#define CHECK_WAIT_SEC     60
#define SOON_SEC           (15 * 60)
#define TIMER_SEC          (2 * 3600)     /* certwright-renew.timer wakes the service more often */
#define ABANDONED_SEC      (30 * 86400LL) /* how long files of an unused certificate are kept */

struct Agenda {
    Manager *manager;
    sd_event_source *wake_timer; /* when something is due */
    int64_t wake_at;             /* that moment, seconds; 0: not armed yet */
    int64_t next_wake;           /* the property NextWake; 0: nothing is due */
    bool wake_is_stale;
    int64_t uploads_seen; /* when all certificates took their best upload */
    sd_event_source *outlook_timer;
    char *outlook_next; /* name of the next certificate; NULL: the first */
    bool outlook_again; /* something changed since the first one was computed */
};

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
    int64_t wake = certificate_next_renewal(m->model->root);

    FOREACH_CERTIFICATE (m->model, c, next) {
        int64_t renewal = c->published ? manager_next_renewal(m, c) : 0;

        if (renewal > 0 && (wake == 0 || renewal < wake))
            wake = renewal;
    }
    return wake;
}

int64_t manager_next_wake(Manager *m)
{
    Agenda *a = m->agenda;

    if (a->wake_is_stale)
        a->next_wake = find_next_wake(m);
    a->wake_is_stale = false;
    return a->next_wake;
}

/* Queries are up to a minute late, so that many certificates do not wake the service all the time. */
static int64_t next_check_of(Manager *m, const Certificate *c, int64_t now)
{
    int64_t check = MIN(lifecycle_next_check(m->lifecycle, c), lifecycle_next_recheck(m->lifecycle, c));

    return check == INT64_MAX ? check : MAX(check, now + CHECK_WAIT_SEC);
}

static int64_t next_change_of(Manager *m, const Certificate *c, int64_t now)
{
    int64_t order = INT64_MAX, check = INT64_MAX;

    if (!certificate_is_root(c)) {
        order = lifecycle_next_order(m->lifecycle, c);
        check = next_check_of(m, c, now);
    }
    return MIN(MIN(certificate_next_change(c, now), certificate_next_warning(c, now)),
               MIN(order > now ? order : INT64_MAX, check));
}

static int64_t next_change(Manager *m, int64_t now)
{
    int64_t next = MIN(MIN(now + WAKE_MAX_SEC, deployments_next(m->deployments)),
                       orders_next_look(lifecycle_orders(m->lifecycle)));
    Certificate *c, *following;

    next = MIN(next, model_next_upload_change(m->model, now));
    m->agenda->wake_is_stale = true;
    if (manager_next_wake(m) > now)
        next = MIN(next, m->agenda->next_wake);
    FOREACH_CERTIFICATE (m->model, c, following)
        if (c->published)
            next = MIN(next, next_change_of(m, c, now));
    next = MIN(next, next_change_of(m, m->model->root, now));
    return MAX(now + 1, next);
}

static void arm_wake_at(Agenda *a, int64_t when, int64_t now)
{
    a->wake_at = when;
    (void)timer_arm(a->wake_timer, (uint64_t)(when - now) * USEC_PER_SEC);
}

void agenda_arm(Agenda *a)
{
    int64_t now = clock_now();

    agenda_note_outlook(a);
    arm_wake_at(a, next_change(a->manager, now), now);
}

static void wake_no_later(Agenda *a, int64_t when, int64_t now)
{
    when = MAX(now + 1, when);
    if (when < a->wake_at)
        arm_wake_at(a, when, now);
}

void agenda_note_change(Agenda *a, const Certificate *c)
{
    int64_t now = clock_now();

    a->wake_is_stale = true;
    agenda_note_outlook(a);
    wake_no_later(a, next_change_of(a->manager, c, now), now);
}

void agenda_note_deployments(Agenda *a)
{
    int64_t next = deployments_next(a->manager->deployments);

    if (next < INT64_MAX)
        wake_no_later(a, next, clock_now());
}

void agenda_note_uploads(Agenda *a)
{
    int64_t now = clock_now();

    wake_no_later(a, model_next_upload_change(a->manager->model, now), now);
}

/* ---- the outlook */

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

/* Changes of a busy certificate are signalled when it is settled. */
static void look_at_outlook(Manager *m, Certificate *c)
{
    Outlook o;

    if (!c->published || !c->client.known || c->work.busy)
        return;
    o = manager_outlook(m, c);
    if (c->client.read > 0 || !outlook_equal(&o, &c->client.known->outlook))
        MODEL_NOTIFY(m->model, certificate_changed, c, CHANGED_OUTLOOK);
}

/* Continues where the last slice ended. Returns the first certificate of the next slice; NULL: none. */
static Certificate *look_at_some(Agenda *a)
{
    const Model *model = a->manager->model;
    Certificate *c = a->outlook_next ? model_find_any(model, a->outlook_next) : NULL;

    if (!c)
        c = model->certificates;
    for (int n = 0; c && n < OUTLOOK_SLICE; n++, c = c->hh.next)
        look_at_outlook(a->manager, c);
    return c;
}

static int on_outlook_timer(sd_event_source *s, uint64_t usec _unused_, void *userdata)
{
    Agenda *a = userdata;
    Manager *m = a->manager;
    Certificate *next = look_at_some(a);

    free(a->outlook_next);
    a->outlook_next = next ? strdup(certificate_name(next)) : NULL;
    if (a->outlook_next)
        return timer_arm(s, OUTLOOK_PAUSE_USEC);
    look_at_outlook(m, m->model->root);
    a->wake_is_stale = true;
    MODEL_NOTIFY(m->model, counts_changed);
    if (a->outlook_again)
        (void)timer_arm(s, OUTLOOK_PAUSE_USEC);
    a->outlook_again = false;
    return 0;
}

void agenda_note_outlook(Agenda *a)
{
    a->outlook_again = a->outlook_next != NULL;
    if (!timer_is_armed(a->outlook_timer))
        (void)timer_arm(a->outlook_timer, OUTLOOK_USEC);
}

static void on_job_changed(Job *j _unused_, void *userdata)
{
    agenda_note_outlook(userdata);
}

/* The outlook includes the job. */
static const ModelWatcher watcher = { .job_added = on_job_changed, .job_removed = on_job_changed };

/* Returns true if another chain will be served soon, by time alone. */
static bool changes_soon(Manager *m, const Certificate *c, int64_t now)
{
    int64_t next = certificate_next_change(c, now);

    return next <= now + TIMER_SEC && certificate_choose(c, next).source != c->record->served;
}

bool manager_awaits_change(Manager *m)
{
    int64_t now = clock_now(), next = model_next_upload_change(m->model, now);
    Certificate *c, *following;

    FOREACH_CERTIFICATE (m->model, c, following)
        if (c->published && (changes_soon(m, c, now) ||
                             (next <= now + TIMER_SEC && model_takes_other_upload(m->model, c, next))))
            return true;
    return false;
}

/* Returns true if the served chain is still the best one, and no warning is due. */
static bool has_right_chain(const Certificate *c, int64_t now)
{
    Choice choice = certificate_choose(c, now);

    return choice.source == c->record->served && choice.source >= 0 &&
           choice.verdicts[choice.source] == VERDICT_USABLE && certificate_warning_due(c, now) == 0;
}

static unsigned renew_root(Manager *m, int64_t now)
{
    Certificate *root = m->model->root;
    int64_t renewal = certificate_next_renewal(root);

    if (renewal > 0 && renewal <= now && !root->job)
        return lifecycle_start_job(m->lifecycle, root, JOB_ROOT, NULL, NULL) >= 0;
    lifecycle_settle(m->lifecycle, root);
    return 0;
}

static unsigned renew_leaf(Manager *m, Certificate *c, bool uploads_changed, int64_t now)
{
    int64_t renewal = certificate_next_renewal(c);

    if (lifecycle_next_check(m->lifecycle, c) <= now)
        lifecycle_check_window(m->lifecycle, c);
    if (lifecycle_next_order(m->lifecycle, c) <= now && !c->job) {
        lifecycle_settle(m->lifecycle, c);
        return c->job != NULL;
    }
    if (lifecycle_next_recheck(m->lifecycle, c) <= now)
        lifecycle_recheck(m->lifecycle, c);
    if (renewal > 0 && renewal <= now && !c->job && c->record->served == SOURCE_LOCAL)
        return lifecycle_start_job(m->lifecycle, c, JOB_RENEW, NULL, NULL) >= 0;
    if (uploads_changed || !has_right_chain(c, now))
        lifecycle_settle(m->lifecycle, c);
    return 0;
}

static unsigned renew_due(Manager *m)
{
    int64_t now = clock_now();
    Certificate *c, *next;
    bool uploads_changed;
    unsigned started = 0;

    manager_look_at_clock(m);
    if (manager_clock_is_doubted(m))
        return 0;
    uploads_changed = model_next_upload_change(m->model, m->agenda->uploads_seen) <= now;
    m->agenda->uploads_seen = now;
    started += renew_root(m, now);
    FOREACH_CERTIFICATE (m->model, c, next)
        if (c->published)
            started += renew_leaf(m, c, uploads_changed, now);
        else if (c->record->abandoned > 0 && c->record->abandoned + ABANDONED_SEC < now && !c->work.busy)
            (void)lifecycle_request(m->lifecycle, c, REQUEST_REMOVE, NULL, NULL, NULL);
    orders_look(lifecycle_orders(m->lifecycle));
    return started;
}

static int on_wake(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Agenda *a = userdata;

    deployments_look_again(a->manager->deployments, false);
    (void)renew_due(a->manager);
    agenda_arm(a);
    return 0;
}

unsigned manager_renew_due(Manager *m)
{
    deployments_look_again(m->deployments, true);
    return renew_due(m);
}

/* Not worth exiting when something is due within minutes. */
static bool is_due_soon(Manager *m)
{
    int64_t now = clock_now(), next = manager_next_wake(m);

    return (next > now && next - now <= SOON_SEC) || deployments_next(m->deployments) <= now + SOON_SEC;
}

static bool awaits_recheck(const Manager *m)
{
    Certificate *c, *next;

    FOREACH_CERTIFICATE (m->model, c, next)
        if (c->published && lifecycle_awaits_recheck(m->lifecycle, c))
            return true;
    return false;
}

bool manager_is_idle(Manager *m)
{
    if (lifecycle_busy(m->lifecycle) > 0 || examiner_pending(m->examiner) > 0 || reader_is_busy(m->reader) ||
        m->model->jobs || deployments_are_busy(m->deployments) ||
        configuration_is_changing(m->configuration))
        return false;
    return upkeep_is_done(m->upkeep) && !manager_clock_is_doubted(m) && !network_watch_awaits(m->network) &&
           !is_due_soon(m) && !awaits_recheck(m);
}

int agenda_new(Manager *m, Agenda **ret)
{
    _cleanup_(agenda_freep) Agenda *a = calloc(1, sizeof(Agenda));
    int r;

    if (!a)
        return -ENOMEM;
    *a = (Agenda){ .manager = m, .uploads_seen = clock_now() };
    if ((r = timer_add(m->event, &a->wake_timer, CLOCK_MONOTONIC, 0, on_wake, a)) < 0 ||
        (r = timer_add(m->event, &a->outlook_timer, CLOCK_MONOTONIC, 0, on_outlook_timer, a)) < 0 ||
        (r = model_watch(m->model, &watcher, a)) < 0)
        return r;
    *ret = TAKE_PTR(a);
    return 0;
}

Agenda *agenda_free(Agenda *a)
{
    if (!a)
        return NULL;
    model_unwatch(a->manager->model, a);
    sd_event_source_disable_unref(a->wake_timer);
    sd_event_source_disable_unref(a->outlook_timer);
    free(a->outlook_next);
    free(a);
    return NULL;
}
