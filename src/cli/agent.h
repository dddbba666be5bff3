/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "cli/output.h"

/* polkit asks for a password through an agent of the session. A bare terminal has none, so the command
 * starts pkttyagent(1) for itself and stops it at the end. */

/* Returns 0 if it cannot be started: polkit then decides without asking. */
pid_t agent_start(void);
void agent_stop(pid_t pid);
/* Returns true if the program could not be run. */
bool agent_is_missing(pid_t pid);
