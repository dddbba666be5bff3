/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "core/now.h"
#include "manager/manager-internal.h"
#include "manager/recipient.h"
#include "manager/reports.h"
#include "util/log.h"
#include "util/text.h"

/* Decides when certwright-deploy has to run, and for which modules.
 *
 *     chain or settings changed -> pending -> run of certwright-deploy -> report -> state of each certificate
 *
 * Changes are looked at a moment after the last one of a burst, so that a burst is one run. One run delivers all that is
 * pending for the modules that share a unit, so there is one run for each group of them; what changes meanwhile is
 * delivered by another one. A run that leaves no report is a failure, which the service keeps in memory only: after a
 * restart, the chain is simply pending. A run that did not end left the former files saved: after a start of the
 * service, which at boot is that of certwright-recover.timer, another one undoes it, whatever is due. */

#define CALM_USEC  (1 * USEC_PER_SEC) /* without a change */
#define BURST_USEC (5 * USEC_PER_SEC) /* after the first one, whether or not there are more */
#define RUNS_MAX   8                  /* at once */

typedef struct DeployRun DeployRun;

struct DeployRun {
    char *module; /* whose unit was started */
    int64_t started;
    bool over;
    Problem problem; /* of starting it, or how it ended */
    DeployRun *next;
};

struct Deployments {
    Manager *manager;
    const char *state;     /* directory of the store */
    const char *directory; /* of the reports */
    Recipient *recipients; /* modules with something to deliver */
    DeployRun *runs;
    unsigned n_runs;
    bool reading;      /* reports are being read */
    bool looks_at_all; /* the next look is also at chains that are written but not used */
    bool was_configured, stopped;
    sd_event_source *timer; /* of the next look */
    uint64_t changed;       /* CLOCK_MONOTONIC, of the first change since the last look; 0: none */
};

static bool can_start(const Deployments *d)
{
    return !d->stopped && d->manager->observer && d->manager->observer->deploy_due;
}

static void look_now(Deployments *d)
{
    if (d->stopped || !d->recipients)
        return;
    (void)timer_arm(d->timer, 0);
}

static void look_soon(Deployments *d)
{
    uint64_t now = loop_now(d->manager->event, CLOCK_MONOTONIC);

    if (d->stopped)
        return;
    if (d->changed == 0)
        d->changed = now;
    (void)timer_arm_at(d->timer, MIN(now + CALM_USEC, d->changed + BURST_USEC));
}

/* ---- jobs of Manager.Deploy */

static void end_job(Deployments *d, Recipient *c, const char *problem)
{
    Job *j = model_find_job(d->manager->model, c->job);
    _cleanup_problem_ Problem p = {};

    c->job = 0;
    c->wanted = WANTED_NOT;
    if (problem)
        (void)problem_set(&p, PROBLEM_DEPLOYMENT_FAILED, "%s", problem);
    if (j)
        model_end_job(d->manager->model, j, problem ? RESULT_FAILED : RESULT_DONE, &p);
}

/* ---- runs */

static DeployRun *run_free(DeployRun *r)
{
    free(r->module);
    problem_clear(&r->problem);
    free(r);
    return NULL;
}

static bool group_runs(const Deployments *d, size_t group)
{
    Recipient *c, *next;

    FOREACH_RECIPIENT(c, d->recipients, next)
    if (c->group == group && c->run)
        return true;
    return false;
}

static void ask_items(Deployments *d, Recipient *c)
{
    for (size_t i = 0; i < c->n_items; i++)
        recipient_ask(c, c->items + i, RECIPIENT_CONTENT(d->manager->model, c->items + i));
}

/* All modules of the group take part. */
static void join_run(Deployments *d, DeployRun *r, size_t group)
{
    Recipient *c, *next;

    FOREACH_RECIPIENT(c, d->recipients, next)
    {
        Job *j = c->group == group && c->wanted ? model_find_job(d->manager->model, c->job) : NULL;

        if (c->group != group)
            continue;
        c->run = r;
        c->wanted = WANTED_NOT;
        c->was_interrupted = false;
        ask_items(d, c);
        if (j)
            model_job_progress(d->manager->model, j, 0.5,
                               "writing files, reloading units, and checking what they present");
    }
}

static void start_run(Deployments *d, const Recipient *c)
{
    DeployRun *r = calloc(1, sizeof(DeployRun));

    if (!r || !(r->module = strdup(c->module))) {
        free(r);
        (void)log_oom();
        return;
    }
    r->started = clock_now();
    r->next = d->runs;
    d->runs = r;
    d->n_runs++;
    join_run(d, r, c->group);
    TELL(d->manager, deploy_due, r->module);
}

static bool is_due(const Deployments *d, const Recipient *c, int64_t now)
{
    return c->was_interrupted || c->wanted == WANTED_ALL ||
           (c->wanted && recipient_has_pending(c, d->manager->model)) || c->due <= now ||
           (d->looks_at_all && c->look_due <= now);
}

static void start_due(Deployments *d)
{
    int64_t now = clock_now();
    Recipient *c, *next;

    if (!can_start(d))
        return;
    FOREACH_RECIPIENT(c, d->recipients, next)
    if (d->n_runs < RUNS_MAX && is_due(d, c, now) && !group_runs(d, c->group))
        start_run(d, c);
    d->looks_at_all = false;
}

/* Why there is no report about something; newly allocated. */
static char *explain_run(const Recipient *c, const DeployRun *r)
{
    const Problem *p = r->problem.code != PROBLEM_NONE ? &r->problem : &c->problem;
    char *text;

    if (p->code != PROBLEM_NONE)
        return strdup(strempty(p->text));
    return asprintf(&text,
                    "certwright-deploy ended without a report about it; its journal shows why "
                    "(journalctl -u certwright-deploy@%s.service).",
                    r->module) < 0
               ? NULL
               : text;
}

static void judge_items(Deployments *d, Recipient *c, const DeployRun *r)
{
    _cleanup_free_ char *detail = explain_run(c, r);

    for (size_t k = 0; k < c->n_items; k++) {
        RecipientItem *i = c->items + k;
        const char *content = RECIPIENT_CONTENT(d->manager->model, i);

        if (isempty(i->asked))
            continue;
        if (recipient_was_tried(c, i, content, r->started))
            recipient_forget_failure(i);
        else if (recipient_note_failure(c, i, content, strempty(detail), clock_now()) < 0)
            (void)log_oom();
        memset(i->asked, 0, sizeof(i->asked));
    }
}

static void finish_recipient(Deployments *d, Recipient *c, const DeployRun *r)
{
    _cleanup_free_ char *failure = NULL;

    judge_items(d, c, r);
    c->run = NULL;
    recipient_look_at(c, d->manager->model, clock_now());
    if (c->job == 0 || c->wanted)
        return;
    failure = recipient_find_failure(c, d->manager->model);
    end_job(d, c, failure);
}

static bool has_stale(const Deployments *d, const DeployRun *r)
{
    Recipient *c, *next;

    FOREACH_RECIPIENT(c, d->recipients, next)
    if (c->run == r && c->is_stale)
        return true;
    return false;
}

/* Ends the runs that are over and whose reports were read. */
static void finish_runs(Deployments *d)
{
    DeployRun **at = &d->runs, *r;
    Recipient *c, *next;

    while ((r = *at)) {
        if (!r->over || has_stale(d, r)) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        d->n_runs--;
        FOREACH_RECIPIENT(c, d->recipients, next)
        if (c->run == r)
            finish_recipient(d, c, r);
        run_free(r);
    }
}

void manager_deployed(Manager *m, const char *module, const Problem *problem)
{
    Deployments *d = m->deployments;
    Recipient *c, *next;
    DeployRun *r = d->runs;

    while (r && (r->over || !streq(r->module, module)))
        r = r->next;
    if (!r)
        return;
    r->over = true;
    (void)problem_copy(problem, &r->problem);
    FOREACH_RECIPIENT(c, d->recipients, next)
    if (c->run == r)
        c->is_stale = true;
    if (!d->stopped)
        (void)timer_arm(d->timer, 0);
}

/* ---- the look at everything */

static void on_report(const char *module, Report *report, const Problem *problem, void *userdata)
{
    Deployments *d = userdata;
    Recipient *c;

    HASH_FIND_STR(d->recipients, module, c);
    if (!c)
        return;
    report_clear(&c->report);
    c->report = *report;
    *report = (Report){};
    problem_clear(&c->problem);
    (void)problem_copy(problem, &c->problem);
    if (problem->code != PROBLEM_NONE)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, FIELDS({ "MODULE", module }), "Module %s: %s", module,
                   problem->text);
    c->is_stale = false;
    c->is_dirty = true;
}

static void on_reports_read(void *userdata)
{
    Deployments *d = userdata;

    d->reading = false;
    look_now(d);
}

static int list_stale(const Deployments *d, char ***ret)
{
    Recipient *c, *next;
    int r = 0;

    FOREACH_RECIPIENT(c, d->recipients, next)
    if (c->is_stale && r >= 0)
        r = strv_extend(ret, c->module);
    return r;
}

/* Returns true if there is nothing to be read. */
static bool read_stale(Deployments *d)
{
    _cleanup_strv_ char **modules = NULL;
    int r = list_stale(d, &modules);

    if (r >= 0 && modules)
        r = reports_read(d->manager->lifecycle, d->directory, modules, on_report, on_reports_read, d);
    if (r < 0)
        (void)log_warning_errno(r, "Failed to read the reports of certwright-deploy, retrying");
    d->reading = modules && r >= 0;
    if (r < 0)
        look_soon(d);
    return !modules;
}

/* Without anything to be delivered, a job is over, unless there will be a chain in a moment. */
static void finish_idle_jobs(Deployments *d)
{
    Recipient *c, *next;

    FOREACH_RECIPIENT(c, d->recipients, next)
    {
        _cleanup_free_ char *failure = NULL;

        if (c->wanted != WANTED_PENDING || c->run || recipient_has_pending(c, d->manager->model))
            continue;
        if (recipient_lacks_chain(c, d->manager->model) && lifecycle_busy(d->manager->lifecycle) > 0) {
            look_soon(d);
            continue;
        }
        failure = recipient_find_failure(c, d->manager->model);
        end_job(d, c, failure);
    }
}

static int on_look(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Deployments *d = userdata;
    int64_t now = clock_now();
    Recipient *c, *next;

    d->changed = 0;
    if (d->reading || !read_stale(d))
        return 0;
    finish_runs(d);
    FOREACH_RECIPIENT(c, d->recipients, next)
    if (c->is_dirty || d->looks_at_all)
        recipient_look_at(c, d->manager->model, now);
    finish_idle_jobs(d);
    start_due(d);
    agenda_note_deployments(d->manager->agenda);
    return 0;
}

static void note_item(Deployments *d, Recipient *c, RecipientItem *i)
{
    c->is_dirty = true;
    recipient_show(c, i, d->manager->model);
}

/* Notes modules with RootFile=, even if their chains stay the same. */
static bool note_root(Deployments *d)
{
    bool found = false;
    Recipient *c, *next;

    FOREACH_RECIPIENT(c, d->recipients, next)
    for (size_t i = 0; i < c->n_items; i++)
        if (c->items[i].scope.root) {
            note_item(d, c, c->items + i);
            found = true;
        }
    return found;
}

/* Only the run waits for the end of a burst: a chain that no service has yet is pending from the moment on that clients
 * see it. */
void deployments_note_change(Deployments *d, const Certificate *c)
{
    bool found = certificate_is_root(c) && note_root(d);

    for (char **module = c->wish.modules; module && *module; module++) {
        Recipient *recipient;
        RecipientItem *i;

        HASH_FIND_STR(d->recipients, *module, recipient);
        i = recipient ? recipient_find(recipient, certificate_name(c)) : NULL;
        if (!i)
            continue;
        note_item(d, recipient, i);
        found = true;
    }
    if (found)
        look_soon(d);
}

void deployments_look_again(Deployments *d, bool reread)
{
    Recipient *c, *next;

    FOREACH_RECIPIENT(c, d->recipients, next)
    if (reread)
        c->is_stale = true;
    d->looks_at_all = d->recipients != NULL;
    look_now(d);
}

int64_t deployments_next(const Deployments *d)
{
    int64_t due = INT64_MAX;
    Recipient *c, *next;

    if (can_start(d))
        FOREACH_RECIPIENT(c, d->recipients, next)
    if (!c->run)
        due = MIN(due, c->was_interrupted ? 0 : c->due);
    return due;
}

int64_t deployments_next_try(const Deployments *d, const Certificate *c, const char *module)
{
    const RecipientItem *i;
    Recipient *recipient;

    HASH_FIND_STR(d->recipients, module, recipient);
    i = recipient ? recipient_find(recipient, certificate_name(c)) : NULL;
    return i && !i->flaw && certificate_chain(c)
               ? deployment_due(recipient_deployment(recipient, i), RECIPIENT_CONTENT(d->manager->model, i),
                                i->settings)
               : INT64_MAX;
}

bool deployments_are_busy(const Deployments *d)
{
    return can_start(d) && d->recipients && (d->runs || d->reading || timer_is_armed(d->timer));
}

int manager_deploy(Manager *m, const char *module, bool again, uint64_t *ret_id, Problem *problem)
{
    Deployments *d = m->deployments;
    Recipient *c;
    Job *j;
    int r = manager_check_module(module, problem);

    if (r < 0)
        return r;
    HASH_FIND_STR(d->recipients, module, c);
    if (!c)
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "There is nothing to deliver for a module %s: it has no file in modules.d with a "
            "[Certificate] and a [Deploy] section, and a registration over the bus is not enough; "
            "see certwright.conf(5).",
            module);
    if (c->job)
        return problem_set(problem, PROBLEM_BUSY,
                           "Job %llu already delivers the chains of module %s; wait until it has finished.",
                           (unsigned long long)c->job, module);
    r = model_add_module_job(m->model, module, JOB_DEPLOY, &j);
    if (r == -E2BIG)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED,
                           "There are already %d jobs; wait until some have finished.", LIMIT_JOBS);
    if (r < 0)
        return problem_set_errno(problem, r, "Starting the job");
    *ret_id = c->job = j->id;
    c->wanted = again ? WANTED_ALL : WANTED_PENDING;
    c->is_stale = true;
    look_now(d);
    return 0;
}

static int add_argument(char ***l, const char *option, const char *value)
{
    _cleanup_free_ char *text = NULL;

    return asprintf(&text, "--%s=%s", option, value) < 0 ? -ENOMEM : strv_extend(l, text);
}

int manager_deploy_arguments(const Manager *m, const char *module, char ***ret)
{
    char *const *directory = configuration_directories(m->configuration);
    _cleanup_strv_ char **l = NULL;
    int r = strv_extend(&l, "certwright-deploy");

    for (; *directory && r >= 0; directory++)
        r = add_argument(&l, "config", *directory);
    if (r >= 0)
        r = add_argument(&l, "state", m->deployments->state);
    if (r >= 0)
        r = add_argument(&l, "deploy-state", m->deployments->directory);
    if (r >= 0)
        r = strv_extend(&l, module);
    if (r >= 0)
        *ret = TAKE_PTR(l);
    return r;
}

/* ---- the configuration */

/* A certificate that a module delivers no more. */
static void drop_placements(Deployments *d)
{
    Certificate *certificate, *following;

    FOREACH_CERTIFICATE (d->manager->model, certificate, following)
        for (size_t i = certificate->placements.n; i > 0; i--) {
            const char *module = certificate->placements.list[i - 1].module;
            Recipient *c;

            HASH_FIND_STR(d->recipients, module, c);
            if (!c || !recipient_find(c, certificate_name(certificate)))
                model_remove_placement(d->manager->model, certificate, module);
        }
}

static int make_recipients(Deployments *d, const Config *config, Recipient **ret)
{
    int r = 0;

    for (size_t i = 0; i < config->n_modules && r >= 0; i++) {
        Recipient *c = recipient_new(config->modules + i, &r), *former;

        if (!c)
            continue;
        HASH_FIND_STR(d->recipients, c->module, former);
        if (former)
            recipient_inherit(c, former);
        HASH_ADD_KEYPTR(hh, *ret, c->module, strlen(c->module), c);
    }
    return r;
}

/* Deliveries with former settings are shown as pending before the configuration counts as reloaded. Reports of new modules
 * are read first. */
static void show_known(Deployments *d, Recipient *former)
{
    Recipient *c, *next, *known;

    FOREACH_RECIPIENT(c, d->recipients, next)
    {
        HASH_FIND_STR(former, c->module, known);
        for (size_t i = 0; known && i < c->n_items; i++)
            if (recipient_find(known, c->items[i].name))
                recipient_show(c, c->items + i, d->manager->model);
    }
}

/* Before the event loop runs, so that the first client sees all. */
static void read_first(Deployments *d)
{
    _cleanup_strv_ char **modules = NULL;
    Recipient *c, *next;
    int r = list_stale(d, &modules);

    if (r >= 0 && modules)
        r = reports_read_now(d->directory, modules, on_report, d);
    if (r < 0)
        (void)log_oom();
    FOREACH_RECIPIENT(c, d->recipients, next)
    {
        c->was_interrupted = c->report.is_open;
        recipient_look_at(c, d->manager->model, clock_now());
    }
}

static void free_recipients(Recipient *table)
{
    Recipient *c, *next;

    FOREACH_RECIPIENT(c, table, next)
    {
        HASH_DEL(table, c);
        recipient_free(c);
    }
}

void deployments_configure(Deployments *d, const Config *config)
{
    Recipient *former = d->recipients, *fresh = NULL, *c, *next;

    if (make_recipients(d, config, &fresh) < 0 || recipients_group(fresh) < 0)
        (void)log_oom();
    d->recipients = fresh;
    FOREACH_RECIPIENT(c, former, next)
    {
        Recipient *successor;

        HASH_FIND_STR(fresh, c->module, successor);
        if (c->job && !successor)
            end_job(d, c, "The module was removed from the configuration, so nothing is delivered to it.");
    }
    if (former) {
        drop_placements(d);
        show_known(d, former);
    }
    free_recipients(former);
    if (d->recipients && !d->was_configured)
        read_first(d);
    d->was_configured = true;
    if (d->recipients)
        look_soon(d);
}

int deployments_new(Manager *m, const ManagerOptions *options, Deployments **ret)
{
    _cleanup_(deployments_freep) Deployments *d = calloc(1, sizeof(Deployments));
    int r;

    if (!d)
        return -ENOMEM;
    *d =
        (Deployments){ .manager = m,
                       .state = options->state,
                       .directory = options->deploy_state ? options->deploy_state : DEPLOY_STATE_DIRECTORY };
    r = timer_add(m->event, &d->timer, CLOCK_MONOTONIC, 1, on_look, d);
    if (r >= 0)
        *ret = TAKE_PTR(d);
    return r;
}

void deployments_stop(Deployments *d)
{
    d->stopped = true;
    d->timer = sd_event_source_disable_unref(d->timer);
}

Deployments *deployments_free(Deployments *d)
{
    DeployRun *r;

    if (!d)
        return NULL;
    deployments_stop(d);
    while ((r = d->runs)) {
        d->runs = r->next;
        run_free(r);
    }
    free_recipients(d->recipients);
    free(d);
    return NULL;
}
