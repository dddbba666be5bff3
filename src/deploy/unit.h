/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/deployment.h"
#include "core/problem.h"

/* Units of the service manager (org.freedesktop.systemd1(5)), by synchronous calls: for certwright-deploy. */
typedef struct UnitManager UnitManager;

/* The problem says if no service manager answers. */
int unit_manager_connect(UnitManager **ret, Problem *problem);
UnitManager *unit_manager_free(UnitManager *m);
DEFINE_CLEANUP(UnitManager *, unit_manager_free);

/* LIMIT_UNIT_TIME by default. */
void unit_manager_set_timeout(UnitManager *m, uint64_t usec);

/* *ret is true if the unit runs, or is on its way: active, reloading or activating. A unit that is not installed is not. */
int unit_is_running(UnitManager *m, const char *unit, bool *ret, Problem *problem);
/* Enqueues a job and waits for its result, at most for the timeout. The problem says how the job ended. A success
 * proves nothing about what the unit serves. */
int unit_run(UnitManager *m, const char *unit, UnitAction action, Problem *problem);
