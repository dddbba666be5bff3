/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/choose.h"

/* When a chain is due to be renewed. Pure functions; times in seconds since 1970-01-01 UTC. */

/* At 2/3 of the life of what was issued; 0 (never) for what only an administrator can replace. */
int64_t schedule_leaf_renewal(const Chain *chain, Source source);
/* At 4/5 of the root's life. */
int64_t schedule_root_renewal(const Chain *chain);
