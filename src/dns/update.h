/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dns/request.h"

/* A change at a name server that takes updates (RFC 2136), by the program of somebody who wrote a name server. */

extern const char *const update_programs[]; /* nsupdate(1), knsupdate(1); ends with NULL */

/* By the first of the programs that is there. PROBLEM_CHALLENGE_FAILED when the change was not made. */
int update_run(const char *const *programs, unsigned seconds, const DnsRequest *q, Problem *problem);
/* Commands for either program, with the secret. Newly allocated, NULL when memory is short. */
char *update_script(const DnsRequest *q);
