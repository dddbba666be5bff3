/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "solvers/solver.h"

/* The common part of a challenge being answered: the task structs of all solvers begin with it. */
typedef struct Task {
    SolverTask base;
    SolverReady ready;
    void *userdata;
    char *name, *key_authorization; /* of the proof */
    Problem problem;                /* the result */
    sd_event_source *deferred;      /* reports it */
} Task;

/* Call task_done() also if it fails. */
int task_init(Task *t, Solver *s, const Proof *proof, SolverReady ready, void *userdata);
void task_done(Task *t);
/* Reports the result in the next turn of the loop, as ready() may not be called from within start(). */
void task_tell(Task *t);
