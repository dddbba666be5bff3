/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "bus/internal.h"
#include "core/now.h"
#include "util/log.h"
#include "util/timer.h"

/* Changes are signalled from a deferred event source: however often a certificate changed in one turn of the
 * event loop, it is signalled once; after a burst, signals are spread over many turns, with calls served
 * between. Progress and number of jobs change all the time if there are many: they are then signalled at
 * intervals. */

#define TOLD_PER_TURN 64
#define WHILE_USEC    (100 * USEC_PER_MSEC)
#define MANY_JOBS     4
#define UNSENT_MAX    512 /* unsent messages above which changes wait */

struct Change {
    Certificate *certificate;
    unsigned what;
    bool added; /* the object is new */
    bool chain_changed;
    char previous[65];
    char *warning; /* reason of an expiry warning */
    int64_t not_after;
    UT_hash_handle hh;
};

static int tell_chain(Bus *b, const Change *change, const char *path)
{
    const Certificate *c = change->certificate;
    const char *source = source_to_string(c->record->served), *fingerprint = served_leaf(c)->fingerprint;
    int r;

    if (!certificate_chain(c))
        return 0;
    r = sd_bus_emit_signal(b->bus, path, INTERFACE_CERTIFICATE, "ChainChanged", "ssss", source, fingerprint,
                           change->previous, certificate_reason(c));
    if (r < 0)
        return r;
    return sd_bus_emit_signal(b->bus, BUS_PATH, INTERFACE_MANAGER, "ChainChanged", "osss", path,
                              certificate_name(c), source, fingerprint);
}

static int tell_placements(Bus *b, Certificate *c, const char *path)
{
    int r = 0;

    for (size_t i = 0; i < c->placements.n && r >= 0; i++) {
        Placement *d = c->placements.list + i;

        if (d->changed)
            r = sd_bus_emit_signal(b->bus, path, INTERFACE_CERTIFICATE, "DeploymentChanged", "sss",
                                   d->module, deployment_state_to_string(d->state), valid_text(d->detail));
        d->changed = false;
    }
    return r;
}

static void forget_change(Bus *b, Change *change)
{
    change->certificate->client.pending = false;
    HASH_DEL(b->changes.certificates, change);
    free(change->warning);
    free(change);
}

static int tell_properties(Bus *b, const Change *change, const char *path)
{
    const char *names[CERTIFICATE_PROPERTIES_MAX];

    known_values_update(b, change->certificate, change->what, names);
    if (change->added)
        return sd_bus_emit_object_added(b->bus, path);
    return names[0] ? sd_bus_emit_properties_changed_strv(b->bus, path, INTERFACE_CERTIFICATE,
                                                          (char **)(uintptr_t)names)
                    : 0;
}

static void tell(Bus *b, Change *change)
{
    _cleanup_free_ char *path = certificate_path(change->certificate);
    int r = path ? tell_properties(b, change, path) : -ENOMEM;

    if (r >= 0 && change->chain_changed)
        r = tell_chain(b, change, path);
    if (r >= 0)
        r = tell_placements(b, change->certificate, path);
    if (r >= 0 && change->warning) {
        r = sd_bus_emit_signal(b->bus, BUS_PATH, INTERFACE_MANAGER, "ExpiryWarning", "osxs", path,
                               certificate_name(change->certificate), change->not_after,
                               valid_text(change->warning));
        bus_start_warning_unit(b, certificate_name(change->certificate));
    }
    if (r < 0)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(certificate_name(change->certificate)),
                   "Failed to send signals for %s, ignoring: %s", certificate_name(change->certificate),
                   strerror(-r));
    forget_change(b, change);
}

/* ---- the manager */

static const char *const manager_properties[] = {
    "Certificates", "JobsRunning", "RootFingerprint", "NextWake",
    "AcmeEnabled",  "Authorities", "ClockTrusted",
};

static uint64_t hash_authorities(const Settings *s)
{
    uint64_t h = 0;

    for (size_t i = 0; i < s->n_authorities; i++)
        if (s->authorities[i].enabled)
            h = text_hash(s->authorities[i].name, h + 1);
    return h;
}

static Counts counts_of(const Bus *b)
{
    Counts c = {
        .certificates = b->model->n_published,
        .jobs = HASH_COUNT(b->model->jobs),
        .wake = manager_next_wake(b->manager),
        .trusts_clock = !manager_clock_is_doubted(b->manager),
        .acme = manager_acme_is_on(b->manager),
        .authorities = hash_authorities(manager_settings(b->manager)),
    };

    strncpy(c.root, strempty(served_leaf(b->model->root)->fingerprint), sizeof(c.root) - 1);
    return c;
}

/* Returns a set of indexes of manager_properties. */
static unsigned compare_counts(const Counts *a, const Counts *b)
{
    const bool differs[ELEMENTSOF(manager_properties)] = {
        a->certificates != b->certificates,
        a->jobs != b->jobs,
        !streq(a->root, b->root),
        a->wake != b->wake,
        a->acme != b->acme,
        a->authorities != b->authorities,
        a->trusts_clock != b->trusts_clock,
    };
    unsigned set = 0;

    for (size_t i = 0; i < ELEMENTSOF(differs); i++)
        set |= (unsigned)differs[i] << i;
    return set;
}

/* A client may read them before their change is signalled. */
Counts bus_read_counts(Bus *b)
{
    Counts now = counts_of(b);

    b->changes.read |= compare_counts(&now, &b->changes.told);
    return now;
}

static void tell_manager(Bus *b)
{
    const char *names[ELEMENTSOF(manager_properties) + 2];
    Counts now = counts_of(b);
    unsigned set = b->changes.read | compare_counts(&now, &b->changes.told);
    size_t n = 0;

    for (size_t i = 0; i < ELEMENTSOF(manager_properties); i++)
        if (set & (1U << i))
            names[n++] = manager_properties[i];
    if (b->changes.errors)
        names[n++] = "ConfigurationErrors";
    names[n] = NULL;
    b->changes.told = now;
    b->changes.read = 0;
    b->changes.manager = b->changes.errors = false;
    if (n > 0)
        (void)sd_bus_emit_properties_changed_strv(b->bus, BUS_PATH, INTERFACE_MANAGER,
                                                  (char **)(uintptr_t)names);
}

/* ---- jobs */

/* Lists the properties that clients do not know, or that they may know from a time between two signals. */
static void update_job(Job *j, const char *ret[static 5])
{
    JobClient *c = &j->client;
    bool failed = j->problem.code != PROBLEM_NONE;
    size_t n = 0;

    if (c->read || j->state != c->state)
        ret[n++] = "State";
    if (c->read || j->progress < c->progress || j->progress > c->progress)
        ret[n++] = "Progress";
    if (c->read || !streq(j->step, strempty(c->step)))
        ret[n++] = "Step";
    if (failed != c->failed)
        ret[n++] = "Error";
    ret[n] = NULL;
    *c = (JobClient){ .state = j->state, .progress = j->progress, .step = j->step, .failed = failed };
}

static void tell_job(Bus *b, Job *j, const char *path)
{
    const char *names[5];

    update_job(j, names);
    if (names[0])
        (void)sd_bus_emit_properties_changed_strv(b->bus, path, INTERFACE_JOB, (char **)(uintptr_t)names);
}

static void tell_jobs(Bus *b)
{
    Job *j, *next;

    b->changes.jobs = false;
    HASH_ITER (hh, b->model->jobs, j, next) {
        _cleanup_free_ char *path = j->client.changed ? job_path(j->id) : NULL;

        if (path)
            tell_job(b, j, path);
    }
}

/* A finished job whose object is gone. */
struct EndedJob {
    STAILQ_ENTRY(EndedJob) entry;
    char *path, *certificate, *name;
    JobKind kind;
    JobState result;
    Problem problem;
};

static EndedJob *ended_job_free(EndedJob *e)
{
    free(e->path);
    free(e->certificate);
    free(e->name);
    problem_clear(&e->problem);
    free(e);
    return NULL;
}

static EndedJob *ended_job_new(const Job *j)
{
    EndedJob *e = calloc(1, sizeof(EndedJob));

    if (!e)
        return NULL;
    e->path = job_path(j->id);
    e->certificate = job_certificate_path(j);
    e->name = strdup(job_name(j));
    e->kind = j->kind;
    e->result = j->state;
    if (!e->path || !e->certificate || !e->name || problem_copy(&j->problem, &e->problem) < 0)
        return ended_job_free(e);
    return e;
}

/* The interfaces are listed, as there is no object any more that sd-bus could query. */
static void tell_ended_job(Bus *b, EndedJob *e)
{
    const char *result = job_state_to_string(e->result);
    int r;

    r = sd_bus_emit_signal(b->bus, BUS_PATH, INTERFACE_MANAGER, "JobFinished", "ososs(ss)", e->path,
                           job_kind_to_string(e->kind), e->certificate, e->name, result,
                           problem_name(&e->problem), valid_text(e->problem.text));
    if (r >= 0)
        r = sd_bus_emit_signal(b->bus, BUS_PATH, INTERFACE_MANAGER, "JobRemoved", "os", e->path, result);
    if (r >= 0)
        r = sd_bus_emit_interfaces_removed(b->bus, e->path, INTERFACE_JOB, "org.freedesktop.DBus.Peer",
                                           "org.freedesktop.DBus.Introspectable",
                                           "org.freedesktop.DBus.Properties", NULL);
    if (r < 0)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(e->name),
                   "Failed to signal the end of job %s, ignoring: %s", e->path, strerror(-r));
    ended_job_free(e);
}

static void tell_late_jobs(Bus *b)
{
    EndedJob *e;

    while ((e = STAILQ_FIRST(&b->changes.late_jobs))) {
        STAILQ_REMOVE_HEAD(&b->changes.late_jobs, entry);
        tell_ended_job(b, e);
    }
}

/* Returns true if progress may be signalled now; otherwise it is deferred. */
static bool progress_is_due(Bus *b)
{
    uint64_t now = loop_now(b->event, CLOCK_MONOTONIC);

    if (!b->changes.jobs && !b->changes.manager)
        return false;
    if (HASH_COUNT(b->model->jobs) < MANY_JOBS || now >= b->changes.progress_told + WHILE_USEC) {
        b->changes.progress_told = now;
        return true;
    }
    (void)timer_arm_at(b->changes.progress_timer, b->changes.progress_told + WHILE_USEC);
    return false;
}

/* Checks again later. */
static bool wait_for_bus(Bus *b)
{
    if (bus_unwritten(b->bus) <= UNSENT_MAX)
        return false;
    (void)timer_arm(b->changes.progress_timer, WHILE_USEC / 10);
    return true;
}

static int on_changes(sd_event_source *s, void *userdata)
{
    Bus *b = userdata;
    Change *change, *next;
    bool progress;
    int n = 0;

    if (!b->connection.owns_name && b->connection.was_ready) {
        bus_changes_drop(b);
        return 0;
    }
    if (wait_for_bus(b))
        return 0;
    progress = progress_is_due(b);
    if (progress)
        tell_jobs(b);
    HASH_ITER (hh, b->changes.certificates, change, next) {
        if (n++ >= TOLD_PER_TURN)
            return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        tell(b, change);
    }
    if (progress && b->changes.manager)
        tell_manager(b);
    tell_late_jobs(b);
    return 0;
}

static int on_progress_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Bus *b = userdata;

    return sd_event_source_set_enabled(b->changes.source, SD_EVENT_ONESHOT);
}

static void wake(Bus *b)
{
    (void)sd_event_source_set_enabled(b->changes.source, SD_EVENT_ONESHOT);
}

static Change *get_change(Bus *b, Certificate *c)
{
    Change *change;

    HASH_FIND_PTR(b->changes.certificates, &c, change);
    if (!change) {
        change = calloc(1, sizeof(Change));
        if (!change) {
            (void)log_oom();
            return NULL;
        }
        change->certificate = c;
        c->client.pending = true;
        HASH_ADD_PTR(b->changes.certificates, certificate, change);
    }
    wake(b);
    return change;
}

bool bus_has_changes(const Bus *b)
{
    return b->changes.certificates || b->changes.jobs || b->changes.manager ||
           !STAILQ_EMPTY(&b->changes.late_jobs);
}

static void on_certificate_added(Certificate *c, void *userdata)
{
    Change *change = get_change(userdata, c);

    if (change)
        change->added = true;
}

/* Immediately: the properties of the object are read while the signal is created. */
static void on_certificate_removed(Certificate *c, void *userdata)
{
    _cleanup_free_ char *path = certificate_path(c);
    Bus *b = userdata;
    Change *change;
    bool unknown = false;

    HASH_FIND_PTR(b->changes.certificates, &c, change);
    if (change) {
        unknown = change->added;
        forget_change(b, change);
    }
    if (path && !unknown)
        (void)sd_bus_emit_object_removed(b->bus, path);
}

static void on_certificate_changed(Certificate *c, unsigned what, void *userdata)
{
    Change *change = get_change(userdata, c);

    if (change)
        change->what |= what;
}

static void on_placement_changed(Certificate *c, Placement *d, void *userdata)
{
    d->changed = get_change(userdata, c) != NULL;
}

static void on_chain_changed(Certificate *c, const char *previous, void *userdata)
{
    Change *change = get_change(userdata, c);

    if (!change || change->chain_changed)
        return;
    change->chain_changed = true;
    strncpy(change->previous, previous, sizeof(change->previous) - 1);
}

static void on_expiry_warning(Certificate *c, int64_t not_after, const char *reason, void *userdata)
{
    Change *change = get_change(userdata, c);

    if (!change)
        return;
    free(change->warning);
    change->warning = strdup(reason);
    change->not_after = not_after;
}

static void on_counts_changed(void *userdata)
{
    Bus *b = userdata;

    b->changes.manager = true;
    wake(b);
}

static void on_configured(bool errors, void *userdata)
{
    Bus *b = userdata;

    bus_rearm_idle(b);
    b->changes.errors |= errors;
    if (b->connection.owns_name)
        tell_manager(b); /* before the reply to Reload() */
    else
        on_counts_changed(b);
}

static void on_clock_doubted(void *userdata)
{
    bus_ask_clock(userdata);
}

static void on_deploy_due(const char *module, void *userdata)
{
    bus_deploy(userdata, module);
}

static void on_job_added(Job *j, void *userdata)
{
    _cleanup_free_ char *path = job_path(j->id), *certificate = job_certificate_path(j);
    const char *names[5];
    Bus *b = userdata;

    if (!path || !certificate)
        return;
    update_job(j, names);
    (void)sd_bus_emit_object_added(b->bus, path);
    (void)sd_bus_emit_signal(b->bus, BUS_PATH, INTERFACE_MANAGER, "JobNew", "o", path);
    (void)sd_bus_emit_signal(b->bus, BUS_PATH, INTERFACE_MANAGER, "JobStarted", "osos", path,
                             job_kind_to_string(j->kind), certificate, job_name(j));
}

static void on_job_changed(Job *j, void *userdata)
{
    Bus *b = userdata;

    j->client.changed = b->changes.jobs = true;
    wake(b);
}

/* Clients that wait for the job see its results first: the signals are for the job, then the certificate,
 * then the end of the job. A new root or a delivery changes many certificates, and the end of its job is signalled after all
 * of them. */
static void on_job_removed(Job *j, void *userdata)
{
    EndedJob *ended = ended_job_new(j);
    Bus *b = userdata;
    Change *change;

    if (!ended) {
        (void)log_oom();
        return;
    }
    tell_job(b, j, ended->path);
    if (j->kind == JOB_ROOT || j->kind == JOB_DEPLOY) {
        STAILQ_INSERT_TAIL(&b->changes.late_jobs, ended, entry);
        wake(b);
        return;
    }
    HASH_FIND_PTR(b->changes.certificates, &j->certificate, change);
    if (change)
        tell(b, change);
    tell_ended_job(b, ended);
}

const ModelWatcher bus_watcher = {
    .certificate_added = on_certificate_added,
    .certificate_removed = on_certificate_removed,
    .certificate_changed = on_certificate_changed,
    .placement_changed = on_placement_changed,
    .job_added = on_job_added,
    .job_changed = on_job_changed,
    .job_removed = on_job_removed,
    .counts_changed = on_counts_changed,
};

const ManagerObserver bus_observer = {
    .chain_changed = on_chain_changed,
    .expiry_warning = on_expiry_warning,
    .authorities_changed = on_counts_changed,
    .configured = on_configured,
    .clock_doubted = on_clock_doubted,
    .deploy_due = on_deploy_due,
};

int bus_changes_init(Bus *b)
{
    int r;

    STAILQ_INIT(&b->changes.late_jobs);
    b->changes.told = counts_of(b);
    r = deferred_add(b->event, &b->changes.source, on_changes, b);
    if (r >= 0)
        r = sd_event_source_set_priority(b->changes.source, BUS_PRIORITY);
    return r < 0 ? r
                 : timer_add(b->event, &b->changes.progress_timer, CLOCK_MONOTONIC, 1, on_progress_timer, b);
}

void bus_changes_drop(Bus *b)
{
    Change *change, *next;
    EndedJob *e;

    HASH_ITER (hh, b->changes.certificates, change, next)
        forget_change(b, change);
    while ((e = STAILQ_FIRST(&b->changes.late_jobs))) {
        STAILQ_REMOVE_HEAD(&b->changes.late_jobs, entry);
        ended_job_free(e);
    }
    b->changes.jobs = b->changes.manager = false;
}

/* Signals the jobs that have ended; everything else is listed again after the next start. */
void bus_changes_done(Bus *b)
{
    if (b->connection.owns_name)
        tell_late_jobs(b);
    bus_changes_drop(b);
    sd_event_source_disable_unref(b->changes.source);
    sd_event_source_disable_unref(b->changes.progress_timer);
}
