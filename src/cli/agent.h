/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "cli/output.h"

/* polkit asks for a password through an agent of the session. On a bare terminal there is none, so the
 * command brings pkttyagent(1), for itself alone, until it ends. */

/* Returns 0 without one when it cannot be started: polkit then decides without asking. */
pid_t agent_start(void);
void agent_stop(pid_t pid);
