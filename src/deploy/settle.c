/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "deploy/run-internal.h"
#include "util/log.h"
#include "util/text.h"
#include "util/time.h"

/* From switched files to the outcome of each consumer. Those that fail keep their
 * stage and have a problem, until they are rolled back together. */

#define PROBE_AGAIN   1000 /* milliseconds for each probe after the time for all is over */
#define PROBE_NO_MORE 200  /* the same after many have failed */
#define MANY_FAILURES 5

static bool has_failed(const Consumer *c)
{
    return c->stage == CONSUMER_SWITCHED && c->problem.code != PROBLEM_NONE;
}

static bool is_in_use(const Consumer *c)
{
    return c->stage == CONSUMER_SWITCHED && c->problem.code == PROBLEM_NONE;
}

static void settle(Consumer *c, DeploymentState outcome)
{
    _cleanup_problem_ Problem problem = { 0 };

    problem_move(&c->problem, &problem);
    if (outcome == DEPLOYMENT_VERIFIED || outcome == DEPLOYMENT_WRITTEN)
        c->unrestored = false;
    consumer_settle(c, outcome, &problem);
}

/* Appends a sentence to the problem. */
static void add_sentence(Consumer *c, const char *sentence)
{
    _cleanup_problem_ Problem former = { 0 };

    problem_move(&c->problem, &former);
    (void)problem_set(&c->problem, former.code == PROBLEM_NONE ? PROBLEM_INTERNAL : former.code, "%s%s%s",
                      strempty(former.text), former.text ? " " : "", sentence);
}

/* ---- probes */

static int probe_all(const Run *run, const Consumer *c, const Presented *expected, int64_t timeout,
                     Problem *problem)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < c->settings.n_probes; i++)
        r = prober_verify(run->prober, c->settings.probes + i, c->claim->name, expected, timeout, problem);
    return r;
}

/* All consumers share the time that each has, so a service that is gone does not take it for every certificate. */
static int64_t time_left(const Consumer *c, int64_t start, unsigned failures)
{
    int64_t left = start + c->settings.probe_timeout * MSEC_PER_SEC - monotonic_msec();

    return MAX(left, (int64_t)(failures < MANY_FAILURES ? PROBE_AGAIN : PROBE_NO_MORE));
}

/* ---- steps */

/* The unit may have been started, or have noticed its files by itself, since they were written. */
static void find_verified(Run *run)
{
    unsigned failures = 0;

    FOREACH_CONSUMER (c, run) {
        _cleanup_problem_ Problem problem = { 0 };

        if (!is_in_use(c) || !consumer_is_unchanged(c) || c->settings.n_probes == 0 ||
            !steps_all_ran(&run->steps, &c->settings) || failures >= MANY_FAILURES)
            continue;
        if (probe_all(run, c, &c->next, PROBE_AGAIN, &problem) >= 0)
            settle(c, DEPLOYMENT_VERIFIED);
        else
            failures++;
    }
}

static void conclude_steps(Run *run, Consumer *c)
{
    const Step *step;

    switch (steps_outcome(&run->steps, &c->settings, &step)) {
    case STEP_FAILED:
        (void)problem_copy(&step->problem, &c->problem);
        break;
    case STEP_SKIPPED:
        (void)problem_set(&c->problem, PROBLEM_INTERNAL,
                          "%s does not run; it uses the new files when it is started.", step->unit);
        settle(c, DEPLOYMENT_WRITTEN);
        break;
    default:
        break;
    }
}

void run_take_steps(Run *run)
{
    find_verified(run);
    FOREACH_CONSUMER (c, run)
        if (is_in_use(c))
            steps_take(&run->steps, &c->settings);
    FOREACH_CONSUMER (c, run)
        if (is_in_use(c))
            conclude_steps(run, c);
}

void run_verify(Run *run)
{
    int64_t start = monotonic_msec();
    unsigned failures = 0;

    FOREACH_CONSUMER (c, run) {
        if (!is_in_use(c))
            continue;
        if (c->settings.n_probes == 0)
            settle(c, DEPLOYMENT_WRITTEN);
        else if (probe_all(run, c, &c->next, time_left(c, start, failures), &c->problem) < 0)
            failures++;
        else
            settle(c, DEPLOYMENT_VERIFIED);
    }
}

/* ---- going back */

static void put_back(Run *run, Consumer *c)
{
    _cleanup_problem_ Problem problem = { 0 };
    FormerVerdict verdict;

    if (consumer_is_unchanged(c))
        return;
    verdict = consumer_judge_former(c, &run->store, run->now);
    if (verdict != FORMER_USABLE) {
        char sentence[128];

        snprintf(sentence, sizeof(sentence), "The former chain %s, so the new files stay.",
                 former_verdict_explain(verdict));
        c->unrestored = false;
        add_sentence(c, sentence);
        settle(c, DEPLOYMENT_FAILED);
    } else if (consumer_put_back(c, &problem) < 0) {
        add_sentence(c, strempty(problem.text));
        settle(c, DEPLOYMENT_FAILED);
    }
}

/* A service that exits after a bad reload may do so only after it was told of the former files. */
static int check_former(Run *run, Consumer *c, int64_t timeout, Problem *problem)
{
    _cleanup_problem_ Problem first = { 0 };
    int r;

    if (c->previous.n == 0 || c->settings.n_probes == 0)
        return 0;
    if (probe_all(run, c, &c->previous, timeout, &first) >= 0)
        return 0;
    r = steps_bring_back(&run->steps, &c->settings, true, problem);
    return r < 0 ? r : probe_all(run, c, &c->previous, timeout, problem);
}

static void conclude(Run *run, Consumer *c, int64_t timeout)
{
    _cleanup_problem_ Problem problem = { 0 };
    int r = steps_bring_back(&run->steps, &c->settings, false, &problem);

    c->unrestored = c->unrestored || r < 0;
    if (c->stage == CONSUMER_SETTLED) { /* its former files are not there */
        if (r < 0)
            add_sentence(c, strempty(problem.text));
        return;
    }
    if (r >= 0 && !consumer_is_unchanged(c))
        r = check_former(run, c, timeout, &problem);
    if (r < 0)
        add_sentence(c, strempty(problem.text));
    else if (!consumer_is_unchanged(c))
        add_sentence(c, "The former files are in use again.");
    settle(c, r < 0 || consumer_is_unchanged(c) ? DEPLOYMENT_FAILED : DEPLOYMENT_ROLLED_BACK);
}

void run_roll_back(Run *run)
{
    _cleanup_free_ bool *failed = calloc(run->n_consumers + 1, sizeof(bool));
    unsigned failures = 0;
    int64_t start;

    if (!failed) {
        (void)log_oom(); /* the saved set stays for the next run */
        return;
    }
    FOREACH_CONSUMER (c, run)
        if (has_failed(c)) {
            failed[c - run->consumers] = true;
            put_back(run, c);
        }
    start = monotonic_msec();
    FOREACH_CONSUMER (c, run)
        if (failed[c - run->consumers]) {
            conclude(run, c, time_left(c, start, failures));
            failures += c->outcome == DEPLOYMENT_FAILED;
        }
}

static bool needs_saved(const Run *run, const ModuleState *m)
{
    FOREACH_CONSUMER (c, run)
        if (c->module == m->module && c->unrestored)
            return true;
    return false;
}

void run_erase_saved(Run *run)
{
    FOREACH_MODULE (m, run) {
        _cleanup_problem_ Problem problem = { 0 };

        if (!m->saved)
            continue;
        if (needs_saved(run, m))
            log_fields(LOG_WARNING, MESSAGE_FAILURE, FIELDS({ "MODULE", m->module->name }),
                       "The former files of module %s are kept, and are put back by the next delivery.",
                       m->module->name);
        else if (saved_erase(m->dir_fd, &problem) < 0)
            log_fields(LOG_ERR, MESSAGE_FAILURE, FIELDS({ "MODULE", m->module->name }), "%s: %s",
                       m->module->name, strempty(problem.text));
    }
}
