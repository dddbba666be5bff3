/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/problem.h"

/* Failed orders in the journal. One cause, such as an outage of an authority, makes many orders fail: it is logged with the
 * first of them, and the others follow as lists of names, seconds later. Each line has the fields of all its certificates. */

typedef struct FailureLog FailureLog;

int failure_log_new(sd_event *event, FailureLog **ret);
/* Logs what is collected. */
FailureLog *failure_log_free(FailureLog *f);

/* retry: seconds until the next attempt. */
void failure_log_add(FailureLog *f, const char *name, const Problem *problem, int64_t retry);
