/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/solver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"

int solver_add_reason(char **reasons, const char *reason)
{
    _cleanup_free_ char *before = *reasons;
    size_t size = strlen(reason);
    bool ends = size > 0 && reason[size - 1] == '.';

    if (asprintf(reasons, "%s%s%s%s", strempty(before), before ? " " : "", reason, ends ? "" : ".") < 0) {
        *reasons = NULL;
        return -ENOMEM;
    }
    return 0;
}

bool solvers_suit(Solver *const *solvers, size_t n_solvers, const char *name, Problem *why)
{
    bool wildcard = strncmp(name, "*.", 2) == 0;
    _cleanup_free_ char *reasons = NULL;

    for (size_t i = 0; i < n_solvers; i++) {
        _cleanup_problem_ Problem one = {};

        if (solvers[i]->ops->suits(solvers[i], name + (wildcard ? 2 : 0), wildcard, &one))
            return true;
        (void)solver_add_reason(&reasons, strempty(one.text));
    }
    problem_set(why, PROBLEM_CHALLENGE_FAILED, "There is no way to prove %s. %s", name, strempty(reasons));
    return false;
}
