/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dns/request.h"

/* A change at a name server that accepts updates (RFC 2136), by a program of a name server project. */

extern const char *const update_programs[]; /* nsupdate(1), knsupdate(1); ends with NULL */

/* Runs the first existing program. PROBLEM_CHALLENGE_FAILED if the change was not made. */
int update_run(const char *const *programs, unsigned seconds, const DnsRequest *q, Problem *problem);
/* Returns the commands for either program, including the secret. NULL on OOM. */
char *update_script(const DnsRequest *q);
