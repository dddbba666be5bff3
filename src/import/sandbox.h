/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Restrictions that certwright-import imposes on itself before it reads its input. */

/* Limits time, memory and output; disables core files; exits with the parent. Negative errno. */
int sandbox_set_limits(void);
/* From here on, only memory, random numbers, writing to descriptor 1, and exiting are permitted. Any other
 * system call kills the process (seccomp(2)). */
int sandbox_enter(void);
