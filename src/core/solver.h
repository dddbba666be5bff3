/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* The interface of solvers, which prove control of a name (RFC 8555 section 8). A task answers one challenge: it
 * provides the proof, checks with SelfCheck= that it is visible, and calls ready when the authority may
 * validate it. The proof stays until the task is freed. */

/* The proof of one challenge. */
typedef struct Proof {
    const char *name; /* canonical, without "*." */
    bool wildcard;
    const char *token;             /* [A-Za-z0-9_-]{22,128} */
    const char *key_authorization; /* RFC 8555 section 8.1 */
    const char *thumbprint;        /* of the account's key */
} Proof;

/* What a self-check found of a name, to be compared with what it finds later. */
typedef struct SolverFinding {
    const char *name;   /* NULL: there is no finding */
    const char *solver; /* type */
    uint64_t what;      /* equal for the same finding with another token; FINDING_NONE, FINDING_UNKNOWN */
} SolverFinding;

#define FINDING_NONE    0 /* the proof was found, or the finding cannot be compared */
#define FINDING_UNKNOWN 1 /* no name server answered, so nothing is known */

/* problem->code is PROBLEM_NONE if the authority may validate. Called at most once, and never from within start. */
typedef void (*SolverReady)(const Problem *problem, void *userdata);
/* Called when somebody, perhaps the authority, has requested the proof. Must not call the solver. */
typedef void (*SolverSeen)(void *userdata);

typedef struct Solver Solver;
typedef struct SolverTask SolverTask;

typedef struct SolverOps {
    const char *type; /* RFC 8555 section 9.7.8 */
    bool
        checks_alone; /* a task may be started for its self-check alone: that changes nothing outside this machine */
    /* Returns true if it is configured and can prove the name; else sets why to what is missing. */
    bool (*suits)(Solver *s, const char *name, bool wildcard, Problem *why);
    int (*start)(Solver *s, const Proof *proof, SolverReady ready, void *userdata, SolverTask **ret,
                 Problem *problem);
    /* Removes the proof, in the background if that takes long; ready is not called any more. */
    SolverTask *(*end)(SolverTask *t);
    /* Returns true while work of ended tasks is pending; NULL: never. */
    bool (*is_busy)(const Solver *s);
    Solver *(*free)(Solver *s);
} SolverOps;

/* The structs of all solvers and tasks begin with these. */
struct Solver {
    const SolverOps *ops;
    const struct SolverContext *context; /* shared by all in solvers/; borrowed */
};
struct SolverTask {
    Solver *solver;
    bool advises;   /* of ready: the problem is only what the self-check found, the authority may see more */
    uint64_t found; /* of ready: SolverFinding.what */
    SolverSeen
        seen; /* set by the caller of start, for the same userdata; NULL: none. Not all solvers call it. */
};

/* Returns true if one of them can prove the name, which may begin with "*."; else why says what is missing for each. */
bool solvers_suit(Solver *const *solvers, size_t n_solvers, const char *name, Problem *why);
/* Appends a sentence to such a text, with a full stop. *reasons is reallocated; NULL on OOM. */
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
