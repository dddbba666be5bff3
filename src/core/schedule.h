/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/choose.h"

/* When a chain is due to be renewed. Pure functions; times in seconds since 1970-01-01 UTC. */

/* At 2/3 of the life of what was issued; 0 (never) for what only an administrator can replace. */
int64_t schedule_leaf_renewal(const Chain *chain, Source source);
/* The first moment at which a chain that has been issued now may be ordered again: when a third of what is left of its life
 * is over. That is before its renewal, unless it was old already when it was issued. */
int64_t schedule_first_order(const Chain *chain, int64_t now);
/* For chains that only an administrator can replace: when he is to be told that the end of the weakest part comes near.
 * That is 30, 14, 7, 3 and 1 days before; each at a third of the lifetime where that is shorter. The last such moment up to
 * now (0: there was none), the first after it (INT64_MAX: there is none), and the first of all. */
int64_t schedule_last_warning(const Chain *chain, int64_t now);
int64_t schedule_next_warning(const Chain *chain, int64_t now);
int64_t schedule_first_warning(const Chain *chain);
/* How many seconds after so many failures in a row the next attempt is made: 1, 10, 100 minutes, then once a day, with 20 %
 * of it added or taken away by chance (0 to UINT32_MAX). */
int64_t schedule_retry(unsigned failures, uint32_t chance);
/* At 4/5 of the root's life. */
int64_t schedule_root_renewal(const Chain *chain);
