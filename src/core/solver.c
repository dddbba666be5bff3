/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/solver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/name.h"
#include "util/text.h"

int solver_add_reason(char **reasons, const char *reason)
{
    _cleanup_free_ char *before = *reasons;

    if (asprintf(reasons, "%s%s%s%s", strempty(before), before ? " " : "", reason, text_full_stop(reason)) <
        0) {
        *reasons = NULL;
        return -ENOMEM;
    }
    return 0;
}

bool solvers_suit(Solver *const *solvers, size_t n_solvers, const char *name, Problem *why)
{
    _cleanup_free_ char *reasons = NULL;

    for (size_t i = 0; i < n_solvers; i++) {
        _cleanup_problem_ Problem one = {};

        if (solvers[i]->ops->suits(solvers[i], name_base(name), name_is_wildcard(name), &one))
            return true;
        (void)solver_add_reason(&reasons, strempty(one.text));
    }
    problem_set(why, PROBLEM_CHALLENGE_FAILED, "There is no way to prove %s. %s", name, strempty(reasons));
    return false;
}
