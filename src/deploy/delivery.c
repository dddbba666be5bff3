/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "deploy/run-internal.h"
#include "util/log.h"
#include "util/text.h"

/* So many files are flushed one by one; more of them with their file system. */
#define FLUSHED_ALONE 8

static bool is_changed(const Consumer *c)
{
    return c->stage == CONSUMER_READY && !consumer_is_unchanged(c);
}

/* ---- saved sets */

static int add_files(SavedSet *s, const Consumer *c)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < c->n_files; i++) {
        const ConsumerFile *f = c->files + i;

        r = saved_add(s, c->claim->name, f->kind, f->target.path, &f->former);
    }
    return r;
}

static int add_units(SavedSet *s, const Steps *steps)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < steps->n; i++)
        if (steps->steps[i].ran && !strv_contains(s->units, steps->steps[i].unit))
            r = strv_extend(&s->units, steps->steps[i].unit);
    return r;
}

/* Also without files: the units that ran are known then. */
static bool is_needed(const Run *run, const ModuleState *m)
{
    FOREACH_CONSUMER (c, run)
        if (c->module == m->module && c->stage == CONSUMER_READY &&
            (is_changed(c) || c->settings.n_steps > 0))
            return true;
    return false;
}

static int save(Run *run, ModuleState *m, Problem *problem)
{
    _cleanup_saved_ SavedSet s = { 0 };
    int r = add_units(&s, &run->steps);

    FOREACH_CONSUMER (c, run)
        if (r >= 0 && c->module == m->module && is_changed(c))
            r = add_files(&s, c);
    if (r < 0)
        return problem_set_errno(problem, r, "saving the former files");
    if (!is_needed(run, m))
        return 0;
    r = m->saved ? saved_erase(m->dir_fd, problem) : 0; /* its files are back */
    if (r >= 0)
        r = saved_write(m->dir_fd, &s, problem);
    m->saved = r >= 0;
    return r;
}

static void fail_module(Run *run, const ModuleState *m, const Problem *why)
{
    FOREACH_CONSUMER (c, run)
        if (c->module == m->module && c->stage == CONSUMER_READY)
            consumer_fail(c, why);
}

void run_save(Run *run)
{
    FOREACH_MODULE (m, run) {
        _cleanup_problem_ Problem problem = { 0 };

        if (save(run, m, &problem) < 0)
            fail_module(run, m, &problem);
    }
}

/* ---- new files */

static size_t count_files(const Run *run)
{
    size_t n = 0;

    FOREACH_CONSUMER (c, run)
        n += is_changed(c) ? c->n_files : 0;
    return n;
}

static void stage_all(Run *run, bool flush)
{
    FOREACH_CONSUMER (c, run) {
        _cleanup_problem_ Problem problem = { 0 };

        if (!is_changed(c))
            continue;
        if (consumer_stage(c, flush, &problem) < 0)
            consumer_settle(c, DEPLOYMENT_FAILED, &problem);
        else
            c->stage = CONSUMER_STAGED;
    }
}

static void flush_all(Run *run)
{
    _cleanup_problem_ Problem problem = { 0 };

    if (target_folders_flush_staged(&run->folders, &problem) >= 0)
        return;
    FOREACH_CONSUMER (c, run)
        if (c->stage == CONSUMER_STAGED) {
            consumer_unstage(c);
            consumer_fail(c, &problem);
        }
}

/* The service was not told anything yet. */
static void fall_back(Consumer *c, Problem *problem)
{
    _cleanup_problem_ Problem inner = { 0 };

    if (consumer_put_back(c, &inner) < 0)
        log_fields(LOG_ERR, MESSAGE_FAILURE,
                   FIELDS({ "NAME", c->claim->name }, { "MODULE", c->module->name }), "%s: %s",
                   c->claim->name, strempty(inner.text));
    consumer_settle(c, DEPLOYMENT_FAILED, problem);
}

static void switch_all(Run *run)
{
    FOREACH_CONSUMER (c, run) {
        _cleanup_problem_ Problem problem = { 0 };

        if (c->stage != CONSUMER_STAGED)
            continue;
        if (consumer_switch(c, &problem) < 0)
            fall_back(c, &problem);
        else
            c->stage = CONSUMER_SWITCHED;
    }
}

static void flush_folders(Run *run)
{
    FOREACH_CONSUMER (c, run) {
        _cleanup_problem_ Problem problem = { 0 };

        if (c->stage == CONSUMER_SWITCHED && consumer_flush(c, &problem) < 0)
            fall_back(c, &problem);
    }
}

void run_replace(Run *run)
{
    bool alone = count_files(run) <= FLUSHED_ALONE;

    stage_all(run, alone);
    if (!alone)
        flush_all(run);
    switch_all(run);
    flush_folders(run);
    FOREACH_CONSUMER (c, run)
        if (c->stage == CONSUMER_READY) /* its files are there already */
            c->stage = CONSUMER_SWITCHED;
}
