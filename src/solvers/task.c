/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/task.h"

#include <errno.h>

#include "util/timer.h"

static int on_deferred(sd_event_source *s _unused_, void *userdata)
{
    Task *t = userdata;

    t->ready(&t->problem, t->userdata);
    return 0;
}

void task_tell(Task *t)
{
    (void)sd_event_source_set_enabled(t->deferred, SD_EVENT_ONESHOT);
}

int task_init(Task *t, Solver *s, const Proof *proof, SolverReady ready, void *userdata)
{
    t->base.solver = s;
    t->ready = ready;
    t->userdata = userdata;
    t->name = strdup(proof->name);
    t->key_authorization = strdup(proof->key_authorization);
    return t->name && t->key_authorization ? deferred_add(s->context->event, &t->deferred, on_deferred, t)
                                           : -ENOMEM;
}

void task_done(Task *t)
{
    sd_event_source_disable_unref(t->deferred);
    problem_clear(&t->problem);
    free(t->name);
    erase_and_free(t->key_authorization);
}
