/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "config/files.h"
#include "core/now.h"
#include "deploy/group.h"
#include "deploy/run-internal.h"
#include "util/log.h"
#include "util/text.h"

#define LOCK_NAME_MAX 240 /* of units; longer ones do without the rest */
#define INTERRUPTED   "The delivery was interrupted; the next one begins with the former files."

/* ---- preparing */

static void on_complaint(const char *file, unsigned line, const char *key, const char *text,
                         void *userdata _unused_)
{
    char number[16] = "";

    if (line > 0) /* else about the file as a whole */
        snprintf(number, sizeof(number), ":%u", line);
    log_fields(LOG_WARNING, MESSAGE_CONFIG_ERROR,
               FIELDS({ "FILE", file }, { "LINE", number }, { "KEY", key }), "%s%s: %s%s%s", file, number,
               strempty(key), key ? ": " : "", text);
}

/* Others must not be able to choose the paths. */
static int load_config(Run *run, Problem *problem)
{
    int r = config_files_are_roots(run->options->config, problem);

    if (r >= 0)
        r = config_load(run->options->config, NULL, on_complaint, NULL, &run->config);
    return problem_set_errno(problem, r, "reading the configuration");
}

/* With half of its settings, a module could get a key that others can read. */
static int check_readable(const Module *const *modules, size_t n, Problem *problem)
{
    for (size_t i = 0; i < n; i++)
        if (modules[i]->unreadable)
            return problem_set(
                problem, PROBLEM_STORAGE_FAILED,
                "The configuration of module %s cannot be read completely; see the messages before.",
                modules[i]->name);
    return 0;
}

static int find_group(const Run *run, const char *name, const Module ***ret, size_t *ret_n, Problem *problem)
{
    int r = deploy_group_of(run->config, name, ret, ret_n);

    if (r < 0)
        return problem_set_errno(problem, r, "reading the configuration");
    return *ret_n > 0 ? check_readable(*ret, *ret_n, problem)
                      : problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                                    "There is no module \"%s\" in the configuration.",
                                    QUOTE(name, LIMIT_MODULE_NAME));
}

static int lock_modules(Run *run, const Module *const *modules, size_t n, Problem *problem)
{
    _cleanup_strv_ char **names = NULL;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < n; i++) {
        char name[sizeof("module-") + LIMIT_MODULE_NAME];

        snprintf(name, sizeof(name), "module-%s", modules[i]->name);
        r = strv_extend(&names, name);
    }
    return r < 0 ? problem_set_errno(problem, r, "taking locks") : locks_take(&run->locks, names, problem);
}

static int add_consumers(Run *run, const Module *m)
{
    Consumer *grown = reallocarray(run->consumers, run->n_consumers + m->n_claims + 1, sizeof(Consumer));
    int r = 0;

    if (!grown)
        return -ENOMEM;
    run->consumers = grown;
    for (size_t i = 0; r >= 0 && i < m->n_claims; i++) {
        r = consumer_init(grown + run->n_consumers, m, m->claims + i);
        run->n_consumers += r > 0;
    }
    return r;
}

static void fail(Consumer *c, Problem *problem)
{
    consumer_settle(c, DEPLOYMENT_FAILED, problem);
}

static void open_targets(Run *run)
{
    FOREACH_CONSUMER (c, run) {
        _cleanup_problem_ Problem problem = { 0 };

        if (c->stage == CONSUMER_FOUND && consumer_open(c, &run->folders, &problem) < 0)
            fail(c, &problem);
    }
}

/* Folders are made one at a time (folder.h). Nothing else is waited for meanwhile, so the order of locks does not matter. */
static int open_targets_alone(Run *run, Problem *problem)
{
    _cleanup_locks_ Locks making = { .dir_fd = -EBADF };
    _cleanup_strv_ char **names = NULL;
    int r = problem_set_errno(problem, strv_extend(&names, "making-folders"), "taking locks");

    if (r >= 0)
        r = locks_open(run->options->runtime, &making, problem);
    if (r >= 0)
        r = locks_take(&making, names, problem);
    if (r >= 0)
        open_targets(run);
    return r;
}

static int unit_lock(const char *unit, char ***names)
{
    char name[LOCK_NAME_MAX];

    snprintf(name, sizeof(name), "unit-%s", unit);
    return strv_extend(names, name);
}

/* Folders are locked by what they are, since several paths may lead there. */
static int folder_lock(const TargetFolder *f, char ***names)
{
    char name[64];

    snprintf(name, sizeof(name), "folder-%ju-%ju", (uintmax_t)f->device, (uintmax_t)f->inode);
    return strv_extend(names, name);
}

static int lock_others(Run *run, Problem *problem)
{
    _cleanup_strv_ char **names = NULL;
    int r = 0;

    FOREACH_MODULE (m, run)
        for (size_t i = 0; i < m->module->n_deploys; i++)
            for (size_t j = 0; r >= 0 && j < m->module->deploys[i].n_steps; j++)
                r = unit_lock(m->module->deploys[i].steps[j].unit, &names);
    for (size_t i = 0; r >= 0 && i < run->folders.n; i++)
        r = folder_lock(run->folders.folders[i], &names);
    return r < 0 ? problem_set_errno(problem, r, "taking locks") : locks_take(&run->locks, names, problem);
}

static bool needs_root(const Run *run)
{
    FOREACH_CONSUMER (c, run)
        if (c->settings.files[DEPLOY_ROOT])
            return true;
    return false;
}

/* The root is delivered as it is, so it has to be a certificate at least. */
static void read_root(Run *run)
{
    _cleanup_problem_ Problem problem = { 0 };
    _cleanup_source_text_ SourceText root = { 0 };
    Examination e = { 0 };
    int r = needs_root(run) ? source_read_root(&run->store, &root, &problem) : -ENOENT;

    if (r >= 0)
        r = examine(&(ExamineInput){ .chain = root.data, .chain_size = root.size, .now = run->now }, &e,
                    &problem);
    if (r >= 0 && e.verdict == EXAMINED_USABLE && e.n == 1) {
        run->root.text = root;
        root = (SourceText){ 0 };
        hex_encode(e.digests[0], DIGEST_SIZE, false, run->root.fingerprint);
    } else if (needs_root(run))
        log_warning("The local root cannot be used: %s",
                    r < 0 ? strempty(problem.text) : examined_verdict_explain((ExaminedVerdict)e.verdict));
}

static int open_all(Run *run, const Module *const *modules, size_t n, Problem *problem)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < n; i++)
        r = add_consumers(run, modules[i]);
    if (r < 0)
        return problem_set_errno(problem, r, "reading the configuration");
    r = run_open_interrupted(run, problem);
    if (r < 0)
        return r;
    r = open_targets_alone(run, problem);
    if (r < 0)
        return r;
    r = problem_set_errno(problem, consumers_refuse_twins(run->consumers, run->n_consumers),
                          "comparing targets");
    if (r >= 0)
        r = lock_others(run, problem);
    if (r >= 0)
        target_folders_clean(&run->folders);
    return r;
}

static int prepare(Run *run, const char *module, Problem *problem)
{
    _cleanup_problem_ Problem closed = { 0 };
    _cleanup_free_ const Module **modules = NULL;
    size_t n = 0;
    int r = load_config(run, problem), store;

    if (r >= 0)
        r = find_group(run, module, &modules, &n, problem);
    if (r >= 0)
        r = locks_open(run->options->runtime, &run->locks, problem);
    if (r >= 0)
        r = lock_modules(run, modules, n, problem);
    run->now = clock_now(); /* another run may have had the locks for a while */
    if (r >= 0)
        r = run_open_states(run, modules, n, problem);
    if (r >= 0)
        r = open_all(run, modules, n, problem);
    store =
        source_open(run->options->store, &run->store, &closed); /* former files come back without it, too */
    if (r >= 0)
        r = run_recover(run, problem);
    return r < 0 || store >= 0 ? r : problem_set(problem, closed.code, "%s", strempty(closed.text));
}

/* Lets those fail that have no outcome and are at least at this stage. */
static void fail_from(Run *run, ConsumerStage stage, const Problem *why)
{
    FOREACH_CONSUMER (c, run)
        if (c->stage >= stage && c->stage != CONSUMER_SETTLED)
            consumer_fail(c, why);
}

/* ---- what is pending */

static void read_chains(Run *run)
{
    FOREACH_CONSUMER (c, run) {
        _cleanup_problem_ Problem problem = { 0 };

        if (c->stage == CONSUMER_FOUND && consumer_read(c, &run->store, &problem) < 0)
            fail(c, &problem);
    }
}

static void take(Run *run, Consumer *c, const Examination *e)
{
    const ModuleState *m = run_find_module(run, c->module);
    _cleanup_problem_ Problem problem = { 0 };

    if (consumer_take(c, e, &run->root, &problem) < 0)
        fail(c, &problem);
    else if (deployment_is_pending(report_find(&m->report, c->claim->name), c->content, c->digest) ||
             consumer_lacks_file(c))
        c->stage = CONSUMER_READY;
}

/* One that the child cannot cope with does not keep the others from being delivered. */
static void examine_alone(Run *run, Consumer *c)
{
    _cleanup_problem_ Problem problem = { 0 };
    ExamineInput input = consumer_input(c, run->now);
    Examination e = { 0 };

    if (examine(&input, &e, &problem) < 0)
        fail(c, &problem);
    else
        take(run, c, &e);
}

static void examine_chains(Run *run)
{
    _cleanup_free_ ExamineInput *inputs = calloc(run->n_consumers + 1, sizeof(ExamineInput));
    _cleanup_free_ Examination *found = calloc(run->n_consumers + 1, sizeof(Examination));
    _cleanup_problem_ Problem problem = { 0 };
    size_t n = 0;
    bool together = inputs && found;

    FOREACH_CONSUMER (c, run)
        if (together && c->stage == CONSUMER_FOUND)
            inputs[n++] = consumer_input(c, run->now);
    together = together && examine_all(inputs, n, found, &problem) >= 0;
    n = 0;
    FOREACH_CONSUMER (c, run) {
        if (c->stage != CONSUMER_FOUND)
            continue;
        if (together)
            take(run, c, found + n++);
        else
            examine_alone(run, c);
    }
}

/* Everything that can fail before something is written does so here. */
static size_t capture(Run *run)
{
    size_t n = 0;

    FOREACH_CONSUMER (c, run) {
        _cleanup_problem_ Problem problem = { 0 };

        if (c->stage != CONSUMER_READY)
            continue;
        if (consumer_capture(c, &problem) < 0 || steps_add(&run->steps, &c->settings, &problem) < 0)
            fail(c, &problem);
        else
            n++;
    }
    return n;
}

/* ---- reports */

static bool is_failure(const Consumer *c)
{
    return c->outcome == DEPLOYMENT_FAILED || c->outcome == DEPLOYMENT_ROLLED_BACK;
}

static void count_failure(Run *run, const Consumer *c)
{
    Deployment *d = report_find(&run_find_module(run, c->module)->report, c->claim->name);

    if (d && d->failures < UINT32_MAX)
        d->failures++;
}

/* Removes certificates that the module no longer has, or no longer deploys. */
static void forget_former(ModuleState *m)
{
    for (size_t i = m->report.n; i > 0; i--) {
        const char *name = m->report.deployments[i - 1].name;
        const Claim *claim = module_find_claim(m->module, name);

        if (claim && (m->module->deploy || claim->deploy))
            continue;
        report_remove(&m->report, name);
        m->changed = true;
    }
}

static int write_reports(Run *run)
{
    int r = 0;

    FOREACH_MODULE (m, run) {
        _cleanup_problem_ Problem problem = { 0 };

        if (m->dir_fd < 0)
            continue;
        forget_former(m);
        if (m->changed && run_write_report(run, m, &problem) < 0) {
            log_fields(LOG_ERR, MESSAGE_FAILURE, FIELDS({ "MODULE", m->module->name }), "%s: %s",
                       m->module->name, strempty(problem.text));
            r = -EIO;
        }
    }
    return r;
}

/* Counts the try beforehand, so that a run that is killed each time is not repeated at once each time. Without a report,
 * nothing is delivered. */
static int note_beginning(Run *run, bool *ret_begun)
{
    _cleanup_problem_ Problem problem = { 0 };
    int r = 0;

    FOREACH_CONSUMER (c, run)
        if (r >= 0 && c->stage == CONSUMER_READY) {
            r = run_note(run, c, DEPLOYMENT_PENDING, INTERRUPTED);
            count_failure(run, c);
            ret_begun[c - run->consumers] = true;
        }
    if (r >= 0)
        r = write_reports(run);
    if (r < 0) {
        (void)problem_set(&problem, PROBLEM_STORAGE_FAILED, "The report of the delivery cannot be written.");
        fail_from(run, CONSUMER_READY, &problem);
    }
    return r;
}

static void log_outcome(const Consumer *c)
{
    _cleanup_free_ char *units = steps_units(&c->settings);
    const LogField fields[] = { { "NAME", c->claim->name },
                                { "MODULE", c->module->name },
                                { "UNIT", units },
                                { "DETAIL", c->problem.text },
                                {} };
    const char *name = c->claim->name, *module = c->module->name, *detail = strempty(c->problem.text);

    if (c->outcome == DEPLOYMENT_FAILED)
        log_fields(LOG_ERR, MESSAGE_DEPLOYMENT_FAILED, fields, "%s was not delivered to %s: %s", name,
                   module, detail);
    else if (c->outcome == DEPLOYMENT_ROLLED_BACK)
        log_fields(LOG_ERR, MESSAGE_ROLLED_BACK, fields, "%s was rolled back in %s: %s", name, module,
                   detail);
    else
        log_fields(LOG_INFO, MESSAGE_DEPLOYED, fields, "%s was delivered to %s (%s)%s%s", name, module,
                   deployment_state_to_string(c->outcome), *detail ? ": " : "", detail);
}

/* Returns how many failed. */
static int note_outcome(Run *run, const Consumer *c, bool begun)
{
    int r = run_note(run, c, c->outcome, c->problem.text);
    Deployment *d = report_find(&run_find_module(run, c->module)->report, c->claim->name);

    if (r < 0)
        return log_oom();
    if (!is_failure(c))
        d->failures = 0;
    else if (!begun)
        count_failure(run, c);
    log_outcome(c);
    return is_failure(c) ? -EIO : 0;
}

/* ---- the run */

static int finish(Run *run, const bool *begun)
{
    int r = 0, k;

    FOREACH_CONSUMER (c, run)
        if (c->stage == CONSUMER_SETTLED) {
            k = note_outcome(run, c, begun && begun[c - run->consumers]);
            r = k < 0 ? k : r;
        }
    k = write_reports(run);
    return r < 0 ? r : k;
}

static void replace_and_verify(Run *run)
{
    run_save(run);
    run_replace(run);
    run_take_steps(run);
    run_verify(run);
    run_roll_back(run);
    target_folders_tidy(&run->folders);
    run_erase_saved(run);
}

static bool owes_units(const Run *run)
{
    return run->steps.owed != NULL;
}

static bool any_settled(const Run *run)
{
    FOREACH_CONSUMER (c, run)
        if (c->stage == CONSUMER_SETTLED)
            return true;
    return false;
}

static int deliver(Run *run, const char *module)
{
    _cleanup_free_ bool *begun = calloc(run->n_consumers + 1, sizeof(bool));

    if (!begun || prober_new(&run->prober) < 0)
        return log_oom();
    read_root(run);
    read_chains(run);
    examine_chains(run);
    if (capture(run) > 0) {
        if (note_beginning(run, begun) >= 0)
            replace_and_verify(run);
    } else if (!any_settled(run) && !owes_units(run))
        log_info("Nothing is pending for module %s.", module);
    return finish(run, begun);
}

static void run_done(Run *run)
{
    for (size_t i = 0; i < run->n_consumers; i++)
        consumer_done(run->consumers + i);
    free(run->consumers);
    run_close_states(run);
    target_folders_close(&run->folders);
    steps_clear(&run->steps);
    prober_free(run->prober);
    source_text_clear(&run->root.text);
    source_close(&run->store);
    config_free(run->config);
    locks_release(&run->locks);
}

int run_module(const RunOptions *options, const char *module)
{
    _cleanup_(run_done)
        Run run = { .options = options, .locks.dir_fd = -EBADF, .store.fd = -EBADF, .now = clock_now() };
    _cleanup_problem_ Problem problem = { 0 };
    int r = prepare(&run, module, &problem);

    if (r >= 0)
        return deliver(&run, module);
    log_fields(LOG_ERR, MESSAGE_FAILURE, FIELDS({ "MODULE", module }),
               "Nothing was delivered to module %s: %s", QUOTE(module, LIMIT_MODULE_NAME),
               strempty(problem.text));
    fail_from(&run, CONSUMER_FOUND, &problem);
    (void)finish(&run, NULL);
    return r;
}
