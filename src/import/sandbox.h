/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* What certwright-import does to itself before it looks at what it was given. */

/* Bounds on time, memory and what may be written; no core file; ends with its parent. Negative errno. */
int sandbox_set_limits(void);
/* From here on: memory, random numbers, writing to descriptor 1, and the end. Any other system call ends the process
 * (seccomp(2)). */
int sandbox_enter(void);
