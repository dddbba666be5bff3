/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "deploy/report.h"
#include "lifecycle/lifecycle.h"

/* Reads the reports of certwright-deploy: small files of root's, in a worker, since their disk may be slow. */

/* Called for each module. May take the report; an empty one if there is none. A problem: it cannot be read. */
typedef void (*ReportRead)(const char *module, Report *report, const Problem *problem, void *userdata);

/* At once, before the event loop runs. */
int reports_read_now(const char *directory, char *const *modules, ReportRead read, void *userdata);
/* In a worker. The directory is borrowed; read is called for each module from the event loop, and then done. */
int reports_read(Lifecycle *l, const char *directory, char *const *modules, ReportRead read,
                 void (*done)(void *userdata), void *userdata);
