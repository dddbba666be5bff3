/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "config/config.h"
#include "core/problem.h"
#include "net/http.h"
#include "net/resolver.h"

/* Solvers prove control of a name (RFC 8555 section 8), one file for each type. A task responds to one
 * challenge: it puts the proof in place, checks it from outside if SelfCheck= is set, and calls ready() when
 * the authority may validate. The proof stays until the task is freed. */

/* A proof to provide. */
typedef struct Proof {
    const char *name; /* canonical, without "*." */
    bool wildcard;
    const char *token;             /* [A-Za-z0-9_-]{22,128} */
    const char *key_authorization; /* RFC 8555 section 8.1 */
    const char *thumbprint;        /* of the account key */
} Proof;

/* problem->code is PROBLEM_NONE if the authority may validate. Called at most once, never from within
 * start(). */
typedef void (*SolverReady)(const Problem *problem, void *userdata);
/* Somebody has requested the proof, perhaps the authority. Must not call the solver. */
typedef void (*SolverSeen)(void *userdata);

typedef struct Solver Solver;
typedef struct SolverTask SolverTask;

typedef struct SolverOps {
    const char *type; /* RFC 8555 section 9.7.8 */
    /* Returns true if the solver is set up and can prove the name; if not, why says what is missing. */
    bool (*suits)(Solver *s, const char *name, bool wildcard, Problem *why);
    int (*start)(Solver *s, const Proof *proof, SolverReady ready, void *userdata, SolverTask **ret,
                 Problem *problem);
    /* Removes the proof, in the background if that takes long; ready() is not called any more. */
    SolverTask *(*end)(SolverTask *t);
    /* Returns true if work of a task that has ended is still pending; NULL: never. */
    bool (*is_busy)(const Solver *s);
    Solver *(*free)(Solver *s);
} SolverOps;

/* Used by solvers; borrowed. Whoever replaces the settings keeps the old ones until all solvers have the new
 * ones; solvers copy what they need later. */
typedef struct SolverContext {
    sd_event *event;
    Http *http;
    Dns *dns;
    const AcmeSettings *settings;
} SolverContext;

/* Every struct of a solver or task begins with these. */
struct Solver {
    const SolverOps *ops;
    SolverContext context;
};
struct SolverTask {
    Solver *solver;
    /* set by the caller of start(), with the same userdata; NULL. Not all solvers call it. */
    SolverSeen seen;
};

int solver_http_new(const SolverContext *context, Solver **ret);
int solver_tls_new(const SolverContext *context, Solver **ret);
int solver_dns_new(const SolverContext *context, Solver **ret);

/* Returns true if one of the solvers can prove the name, which may begin with "*."; if not, why says what
 * each of them lacks. */
bool solvers_suit(Solver *const *solvers, size_t n_solvers, const char *name, Problem *why);
/* Appends a sentence to such a text, adding a full stop; *reasons is NULL on OOM. */
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
