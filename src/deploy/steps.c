/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/steps.h"

#include <errno.h>

#include "util/log.h"
#include "util/text.h"

void steps_clear(Steps *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->steps[i].unit);
        problem_clear(&s->steps[i].problem);
        problem_clear(&s->steps[i].down);
    }
    free(s->steps);
    strv_free(s->owed);
    problem_clear(&s->unreachable);
    unit_manager_free(s->manager);
    *s = (Steps){ 0 };
}

Step *steps_find(const Steps *s, const UnitStep *step)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->steps[i].action == step->action && streq(s->steps[i].unit, step->unit))
            return s->steps + i;
    return NULL;
}

static int add_step(Steps *s, const UnitStep *step, Problem *problem)
{
    Step *grown = reallocarray(s->steps, s->n + 1, sizeof(Step));
    _cleanup_free_ char *unit = strdup(step->unit);
    bool ran = false;
    int r;

    if (grown)
        s->steps = grown;
    if (!grown || !unit)
        return problem_set_errno(problem, -ENOMEM, "preparing the steps");
    r = unit_is_running(s->manager, unit, &ran, problem);
    if (r >= 0)
        grown[s->n++] = (Step){ .action = step->action,
                                .ran = ran || strv_contains(s->owed, step->unit),
                                .unit = TAKE_PTR(unit) };
    return r;
}

static int connect_once(Steps *s, Problem *problem)
{
    if (!s->manager && s->unreachable.code == PROBLEM_NONE)
        (void)unit_manager_connect(&s->manager, &s->unreachable);
    return s->manager ? 0 : problem_set(problem, s->unreachable.code, "%s", strempty(s->unreachable.text));
}

int steps_add(Steps *s, const DeploySettings *settings, Problem *problem)
{
    int r = settings->n_steps > 0 ? connect_once(s, problem) : 0;

    for (size_t i = 0; r >= 0 && i < settings->n_steps; i++)
        if (!steps_find(s, settings->steps + i))
            r = add_step(s, settings->steps + i, problem);
    return r;
}

bool steps_all_ran(const Steps *s, const DeploySettings *settings)
{
    for (size_t i = 0; i < settings->n_steps; i++)
        if (!steps_find(s, settings->steps + i)->ran)
            return false;
    return true;
}

static int start(Steps *s, const Step *step, Problem *problem)
{
    bool runs = false;
    int r = unit_is_running(s->manager, step->unit, &runs, problem);

    return r < 0 || runs ? r : unit_run(s->manager, step->unit, UNIT_START, problem);
}

/* One that is owed does not run, so it cannot be reloaded; when it starts, it uses the new files. */
static int run_step(Steps *s, Step *step)
{
    bool runs = true;
    int r = strv_contains(s->owed, step->unit)
                ? unit_is_running(s->manager, step->unit, &runs, &step->problem)
                : 0;

    return r < 0 ? r : unit_run(s->manager, step->unit, runs ? step->action : UNIT_START, &step->problem);
}

static void take(Steps *s, Step *step)
{
    if (step->state != STEP_WAITS)
        return;
    if (!step->ran && step->action != UNIT_START)
        step->state = STEP_SKIPPED;
    else
        step->state = run_step(s, step) < 0 ? STEP_FAILED : STEP_TAKEN;
}

void steps_take(Steps *s, const DeploySettings *settings)
{
    for (size_t i = 0; i < settings->n_steps; i++)
        take(s, steps_find(s, settings->steps + i));
}

StepState steps_outcome(const Steps *s, const DeploySettings *settings, const Step **ret)
{
    StepState worst = STEP_TAKEN;

    *ret = NULL;
    for (size_t i = 0; i < settings->n_steps; i++) {
        const Step *step = steps_find(s, settings->steps + i);

        if (step->state > worst) {
            worst = step->state;
            *ret = step;
        }
    }
    return worst;
}

/* A reload that fails is no failure if the unit runs, as it may use the former files still. */
static void reload(Steps *s, const Step *step)
{
    _cleanup_problem_ Problem problem = { 0 };
    bool runs = false;

    if (unit_is_running(s->manager, step->unit, &runs, &problem) >= 0 && runs)
        (void)unit_run(s->manager, step->unit, step->action, &problem);
    if (problem.text)
        log_warning("With the former files: %s", problem.text);
}

static void bring_back(Steps *s, Step *step, bool again)
{
    bool first = step->brought_back == 0;

    if (step->brought_back >= (again ? 2 : 1))
        return;
    step->brought_back++;
    if (step->action == UNIT_START) {
        if (first)
            (void)unit_run(s->manager, step->unit, UNIT_START, &step->down);
        return;
    }
    if (!step->ran)
        return;
    if (first)
        reload(s, step);
    problem_clear(&step->down);
    (void)start(s, step, &step->down);
}

int steps_bring_back(Steps *s, const DeploySettings *settings, bool again, Problem *problem)
{
    for (size_t i = 0; i < settings->n_steps; i++) {
        Step *step = steps_find(s, settings->steps + i);

        bring_back(s, step, again);
        if (step->down.code != PROBLEM_NONE)
            return problem_set(problem, step->down.code, "%s", strempty(step->down.text));
    }
    return 0;
}

char *steps_units(const DeploySettings *settings)
{
    _cleanup_strv_ char **units = NULL;

    for (size_t i = 0; i < settings->n_steps; i++)
        if (!strv_contains(units, settings->steps[i].unit) &&
            strv_extend(&units, settings->steps[i].unit) < 0)
            return NULL;
    return units ? strv_join(units, " ") : strdup("");
}
