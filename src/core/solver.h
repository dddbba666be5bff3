/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* Ways to prove that a name is this machine's (RFC 8555 section 8), as an order sees them. A task is one challenge being
 * answered: the proof is put in its place, with SelfCheck= it is looked for there as from outside, then ready tells that the
 * authority may look; and the proof stays until the task is freed. */

/* What is to be proved. */
typedef struct Proof {
    const char *name; /* canonical, without "*." */
    bool wildcard;
    const char *token;             /* [A-Za-z0-9_-]{22,128} */
    const char *key_authorization; /* RFC 8555 section 8.1 */
    const char *thumbprint;        /* of the account's key */
} Proof;

/* problem->code is PROBLEM_NONE when the authority may look. Called at most once, never from within _start. */
typedef void (*SolverReady)(const Problem *problem, void *userdata);
/* Somebody has looked at the proof, perhaps the authority. From within, nothing may be asked of the solver. */
typedef void (*SolverSeen)(void *userdata);

typedef struct Solver Solver;
typedef struct SolverTask SolverTask;

typedef struct SolverOps {
    const char *type; /* RFC 8555 section 9.7.8 */
    /* Whether it is set up and can prove the name; if not, why is set to say what is missing. */
    bool (*suits)(Solver *s, const char *name, bool wildcard, Problem *why);
    int (*start)(Solver *s, const Proof *proof, SolverReady ready, void *userdata, SolverTask **ret,
                 Problem *problem);
    /* Takes the proof away, in the background if it takes long; ready is not called any more. */
    SolverTask *(*end)(SolverTask *t);
    /* Whether something of a task that has ended is still to be done; NULL: never. */
    bool (*is_busy)(const Solver *s);
    Solver *(*free)(Solver *s);
} SolverOps;

/* Each solver's and each task's struct begins with these. */
struct Solver {
    const SolverOps *ops;
    const struct SolverContext *context; /* of those in solvers/; borrowed */
};
struct SolverTask {
    Solver *solver;
    SolverSeen seen; /* set by whoever started it, for the same userdata; NULL. Not every solver can tell. */
};

/* Whether one of them can prove the name, which may begin with "*."; if not, why says what is missing for each. */
bool solvers_suit(Solver *const *solvers, size_t n_solvers, const char *name, Problem *why);
/* One more sentence of such a text, which gets its full stop; *reasons is newly allocated, NULL when memory is short. */
int solver_add_reason(char **reasons, const char *reason);

static inline Solver *solver_free(Solver *s)
{
    return s ? s->ops->free(s) : NULL;
}
DEFINE_CLEANUP(Solver *, solver_free);
static inline bool solver_is_busy(const Solver *s)
{
    return s && s->ops->is_busy && s->ops->is_busy(s);
}
static inline SolverTask *solver_task_end(SolverTask *t)
{
    return t ? t->solver->ops->end(t) : NULL;
}
