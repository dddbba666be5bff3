/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "deploy/former.h"
#include "deploy/run-internal.h"
#include "util/log.h"
#include "util/text.h"

/* A run that was interrupted left its saved set. Which files it had switched, and whether the service used them, is
 * unknown, so all former files are put back, and the units are made to use them: from there, the delivery is tried
 * again. All steps can be repeated, if this is interrupted, too. */

/* A folder that is gone, or that others can change now, is not written to. */
static int open_target(Run *run, const SavedFile *f, Target *ret, Problem *problem)
{
    _cleanup_problem_ Problem inner = { 0 };
    int r = target_open(&run->folders, f->path, NULL, ret, &inner);

    if (r < 0 && inner.code != PROBLEM_INVALID_ARGUMENT)
        return problem_set(problem, inner.code, "%s", strempty(inner.text));
    if (r < 0)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(f->certificate),
                   "The former file \"%s\" of %s is not put back: %s", f->path, f->certificate,
                   strempty(inner.text));
    return 0;
}

int run_open_interrupted(Run *run, Problem *problem)
{
    int r = 0;

    FOREACH_MODULE (m, run) {
        m->targets = calloc(m->interrupted.n + 1, sizeof(Target));
        if (!m->targets)
            return problem_set_errno(problem, -ENOMEM, "putting former files back");
        for (size_t i = 0; r >= 0 && i < m->interrupted.n; i++)
            r = open_target(run, m->interrupted.files + i, m->targets + i, problem);
    }
    return r;
}

/* The saved files of one certificate. They go back all or not at all: with some of them, a chain could get the key of
 * another one. */
typedef struct FormerFiles {
    const SavedFile *files;
    Target *targets;
    Image *there; /* what the targets are now */
    size_t n;
} FormerFiles;

static FormerVerdict judge(const Run *run, const FormerFiles *f)
{
    const Image *images[_DEPLOY_FILE_MAX] = { NULL };

    for (size_t i = 0; i < f->n; i++)
        images[f->files[i].kind] = &f->files[i].image;
    return former_judge(images, &run->store, f->files->certificate, run->now, NULL);
}

/* Anything but a file or a link was put there by somebody else since. Returns 0 if one of them cannot go back, else 1. */
static int capture_all(FormerFiles *f, Problem *problem)
{
    int r = 0;

    for (size_t i = 0; i < f->n; i++) {
        _cleanup_problem_ Problem inner = { 0 };

        if (!f->targets[i].folder)
            return 0;
        r = target_capture(f->targets + i, f->there + i, &inner);
        if (r < 0 && inner.code != PROBLEM_INVALID_ARGUMENT)
            return problem_set(problem, inner.code, "%s", strempty(inner.text));
        if (r < 0) {
            log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(f->files->certificate),
                       "The former file of %s is not put back: %s", f->files->certificate,
                       strempty(inner.text));
            return 0;
        }
    }
    return 1;
}

static int stage(Target *t, const Image *there, const Image *former, Problem *problem)
{
    _cleanup_problem_ Problem ignored = { 0 };

    if (!image_equal(there, former))
        return target_stage(t, former, true, problem);
    (void)target_prepare(t, &ignored); /* removes what was staged, if it can be */
    return 0;
}

static int restore(const FormerFiles *f, Problem *problem)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < f->n; i++)
        r = stage(f->targets + i, f->there + i, &f->files[i].image, problem);
    for (size_t i = 0; r >= 0 && i < f->n; i++)
        r = target_switch(f->targets + i, problem);
    for (size_t i = 0; r >= 0 && i < f->n; i++)
        r = target_flush(f->targets + i, problem);
    return r;
}

/* True if a new chain is there with the former key, or the other way round. */
static bool is_mixed(const FormerFiles *f, int64_t now)
{
    const Image *images[_DEPLOY_FILE_MAX] = { NULL };
    _cleanup_problem_ Problem problem = { 0 };
    Former found = { 0 };

    for (size_t i = 0; i < f->n; i++)
        images[f->files[i].kind] = f->there + i;
    if (former_examine(images, now, &found, &problem) < 0)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(f->files->certificate),
                   "Failed to examine the files of %s, ignoring: %s", f->files->certificate,
                   strempty(problem.text));
    return found.mismatched;
}

/* The last delivery of the certificate no longer counts. */
static void let_be_pending(ModuleState *m, const char *name)
{
    Deployment *d = report_find(&m->report, name);

    if (!d)
        return;
    d->state = DEPLOYMENT_PENDING;
    m->changed = true;
}

/* A chain that has expired, was revoked or was withdrawn is not put back, unless its key would stay with another one: a
 * mixed pair is worse. Most services do not even start with it, and the next delivery would take it for the former set; with
 * the former pair they run until the new one is delivered, which follows at once. */
static int restore_captured(Run *run, const FormerFiles *f, Problem *problem)
{
    FormerVerdict verdict = judge(run, f);

    if (verdict == FORMER_USABLE || is_mixed(f, run->now))
        return restore(f, problem);
    log_fields(LOG_NOTICE, MESSAGE_FAILURE, ABOUT(f->files->certificate),
               "The former chain of %s %s, so it is not put back.", f->files->certificate,
               former_verdict_explain(verdict));
    return 0;
}

static int restore_certificate(Run *run, const SavedFile *files, Target *targets, size_t n, Problem *problem)
{
    FormerFiles f = { .files = files, .targets = targets, .there = calloc(n, sizeof(Image)), .n = n };
    int r;

    if (!f.there)
        return problem_set_errno(problem, -ENOMEM, "putting former files back");
    r = capture_all(&f, problem);
    if (r == 0)
        log_fields(
            LOG_WARNING, MESSAGE_FAILURE, ABOUT(files->certificate),
            "So none of the former files of %s is put back: some without the others may not fit together.",
            files->certificate);
    if (r > 0)
        r = restore_captured(run, &f, problem);
    for (size_t i = 0; i < n; i++)
        image_clear(f.there + i);
    free(f.there);
    return r;
}

static int restore_set(Run *run, ModuleState *m, Problem *problem)
{
    const SavedSet *s = &m->interrupted;
    int r = 0;

    for (size_t i = 0, next; r >= 0 && i < s->n; i = next) {
        for (next = i + 1; next < s->n && streq(s->files[next].certificate, s->files[i].certificate);)
            next++;
        let_be_pending(m, s->files[i].certificate);
        r = restore_certificate(run, s->files + i, m->targets + i, next - i, problem);
    }
    return r;
}

/* The units that the interrupted run found running, not those that run now. If one cannot be brought back with the
 * former files, it may be with the new ones, so the delivery goes on, and owes it. */
static int bring_back(const Run *run, const ModuleState *m, Problem *problem)
{
    _cleanup_steps_ Steps steps = { 0 };
    int r = 0;

    if (!m->interrupted.units)
        return 0;
    FOREACH_CONSUMER (c, run) {
        if (r >= 0)
            r = steps_add(&steps, &c->settings, problem);
        for (size_t i = 0; i < steps.n; i++)
            steps.steps[i].ran = strv_contains(m->interrupted.units, steps.steps[i].unit);
        if (r >= 0)
            r = steps_bring_back(&steps, &c->settings, false, problem);
    }
    return r;
}

static int owe_units(Run *run, const ModuleState *m, const Problem *why)
{
    int r = 0;

    log_fields(LOG_WARNING, MESSAGE_FAILURE, FIELDS({ "MODULE", m->module->name }),
               "With the former files of module %s: %s", m->module->name, strempty(why->text));
    for (size_t i = 0; r >= 0 && m->interrupted.units[i]; i++)
        if (!strv_contains(run->steps.owed, m->interrupted.units[i]))
            r = strv_extend(&run->steps.owed, m->interrupted.units[i]);
    return r;
}

static int recover(Run *run, ModuleState *m, Problem *problem)
{
    _cleanup_problem_ Problem down = { 0 };
    int r;

    log_fields(LOG_NOTICE, MESSAGE_FAILURE, FIELDS({ "MODULE", m->module->name }),
               "The last delivery to module %s did not end, so the former files are put back.",
               m->module->name);
    r = restore_set(run, m, problem);
    if (r >= 0)
        r = run_write_report(run, m, problem);
    if (r < 0)
        return r;
    if (bring_back(run, m, &down) < 0)
        return problem_set_errno(problem, owe_units(run, m, &down), "putting former files back");
    m->saved = false;
    return saved_erase(m->dir_fd, problem);
}

int run_recover(Run *run, Problem *problem)
{
    int r = 0;

    FOREACH_MODULE (m, run)
        if (r >= 0 && m->saved)
            r = recover(run, m, problem);
    return r;
}
