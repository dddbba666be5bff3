/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "dns/request.h"

/* A change by a program of the administrator, certwright-dns-hook(5). */

#define HOOK_FOLDER SYSCONFDIR "/certwright/dns-hooks"

/* Folder and hook must be owned, and only be writable, by owner. PROBLEM_CHALLENGE_FAILED if the change was
 * not made. */
int hook_run(const char *folder, uid_t owner, unsigned seconds, const DnsRequest *q, Problem *problem);
