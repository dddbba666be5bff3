/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/schedule.h"

static int64_t share_of_life(const Chain *chain, int64_t numerator, int64_t denominator)
{
    int64_t begin = chain_leaf(chain)->not_before, life = chain_leaf(chain)->not_after - begin;

    return begin + life / denominator * numerator;
}

int64_t schedule_leaf_renewal(const Chain *chain, Source source)
{
    return source == SOURCE_UPLOADED ? 0 : share_of_life(chain, 2, 3);
}

int64_t schedule_root_renewal(const Chain *chain)
{
    return share_of_life(chain, 4, 5);
}
