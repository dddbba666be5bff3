/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* One run of certwright-deploy. */

typedef struct RunOptions {
    char *const *config;      /* directories, the most important last; a string list */
    const char *store;        /* of the service */
    const char *deploy_state; /* reports and saved files */
    const char *runtime;      /* locks */
} RunOptions;

/* Delivers everything that is pending of a module, and of those that share a unit with it. Logs what it does. Returns
 * 0 if all of it was delivered, or nothing was pending; a negative errno if something failed or was rolled back. */
int run_module(const RunOptions *options, const char *module);
