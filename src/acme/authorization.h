/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "acme/client.h"
#include "core/solver.h"

/* The authorizations of an order (RFC 8555 section 7.1.4): for each name that is not proved yet, a solver is
 * chosen and provides the proof, then the authority is asked to validate it. */
typedef struct Authorizations Authorizations;

typedef struct OrderSolvers {
    Solver *const *list; /* in order of preference */
    size_t n;
    const char *preferred; /* the type that succeeded last; NULL */
    unsigned failed;       /* bits by index, tried last */
} OrderSolvers;

typedef struct AuthorizationsObserver {
    /* step is static. */
    void (*progress)(double progress, const char *step, void *userdata);
    /* The authority was asked to validate all names: from now on, the order shows when it is ready. */
    void (*validating)(void *userdata);
    /* Afterwards: the authority may have requested all proofs. May be called more than once. */
    void (*seen)(void *userdata);
    void (*failed)(const AcmeFailure *failure, void *userdata);
    /* The first error that the authority found with a name; PROBLEM_NONE: it reports none. Also called without
     * a request to explain, when the authority refuses a proof. */
    void (*explained)(Problem *problem, void *userdata);
} AuthorizationsObserver;

/* names: canonical names of the order. client, solvers, names and observer are borrowed. */
int authorizations_new(AcmeClient *client, const OrderSolvers *solvers, char *const *names,
                       char *const *urls, const AuthorizationsObserver *observer, void *userdata,
                       Authorizations **ret);
/* Fetches all authorizations and starts to prove those that are pending; or, to explain, only looks for
 * errors. */
int authorizations_fetch(Authorizations *s, bool explain);
/* Looks at some of the authorizations that the authority was asked to validate: an order may stay pending although one
 * of them is invalid. */
void authorizations_watch(Authorizations *s);
/* Sets the problem to the first error that the authority reports about a proof, as far as is known without asking. */
void authorizations_explain(Authorizations *s, Problem *problem);
/* The authority has validated all proofs, so that the account key may change again. */
void authorizations_settle(Authorizations *s);
/* Returns what a self-check found that only advises (SelfCheck=), for a name that is not known to be proved; NULL: nothing. */
const Problem *authorizations_finding(const Authorizations *s);
/* Returns true if a self-check had found no proof of the name that was refused (of any, if the authority does not say which), and
 * what it found. The name is one of those given to authorizations_new(). */
bool authorizations_were_foreseen(const Authorizations *s, SolverFinding *ret);
/* Returns the index of the solver that was used last; n: none. */
size_t authorizations_solver(const Authorizations *s);
/* Removes proofs. */
Authorizations *authorizations_free(Authorizations *s);
