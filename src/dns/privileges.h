/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* For good: nothing that is run can gain rights, no capabilities, no core file; and root becomes the user certwright-dns, or
 * nobody where there is none, without further groups. Negative errno. */
int privileges_drop(void);
