/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/deploy.h"
#include "deploy/unit.h"

/* The steps of units in one run: each is taken once, for all certificates that need it. */

typedef enum StepState {
    STEP_WAITS,
    STEP_TAKEN,
    STEP_SKIPPED, /* the unit did not run before the run */
    STEP_FAILED,
} StepState;

typedef struct Step {
    UnitAction action;
    char *unit;
    bool ran; /* the unit, before the run, or it is owed */
    StepState state;
    Problem problem;       /* of STEP_FAILED */
    unsigned brought_back; /* number of times */
    Problem down;          /* why the unit could not be brought back */
} Step;

typedef struct Steps {
    UnitManager *manager; /* NULL: not connected yet */
    char **owed; /* units that ran before an earlier run, which could not bring them back; a string list */
    Problem unreachable; /* why it could not be connected to; not tried again */
    Step *steps;
    size_t n;
} Steps;

void steps_clear(Steps *s);
#define _cleanup_steps_ _cleanup_(steps_clear)
/* Adds those of the settings that are new. Connects to the service manager if there are any, and sees whether the
 * units run. If this fails, nothing was done. */
int steps_add(Steps *s, const DeploySettings *settings, Problem *problem);
/* NULL: none. */
Step *steps_find(const Steps *s, const UnitStep *step);

/* True if all units of the settings ran before the run. */
bool steps_all_ran(const Steps *s, const DeploySettings *settings);
/* Takes the steps of the settings that still wait, in order. Continues after one that fails. */
void steps_take(Steps *s, const DeploySettings *settings);
/* The worst state among the steps of the settings. *ret: that step, unless all were taken. */
StepState steps_outcome(const Steps *s, const DeploySettings *settings, const Step **ret);
/* After the former files were put back: takes the steps of units that ran before the run once more, and starts those
 * that do not run any more. again: also those that were brought back already, if they do not run. Fails if a unit
 * does not run then. */
int steps_bring_back(Steps *s, const DeploySettings *settings, bool again, Problem *problem);
/* The names of the units, with spaces, for a log. NULL on OOM. */
char *steps_units(const DeploySettings *settings);
