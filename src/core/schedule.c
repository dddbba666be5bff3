/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/schedule.h"

#define DAY 86400LL

static int64_t share_of_life(const Chain *chain, int64_t numerator, int64_t denominator)
{
    int64_t begin = chain_leaf(chain)->not_before, life = chain_leaf(chain)->not_after - begin;

    return begin + life / denominator * numerator;
}

int64_t schedule_leaf_renewal(const Chain *chain, Source source)
{
    return source == SOURCE_UPLOADED ? 0 : share_of_life(chain, 2, 3);
}

int64_t schedule_first_order(const Chain *chain, int64_t now)
{
    return now + MAX(chain_not_after(chain) - now, INT64_C(0)) / 3;
}

static const int64_t warning_days[] = { 30, 14, 7, 3, 1 };

static int64_t warning(const Chain *chain, size_t n)
{
    int64_t end = chain_not_after(chain), life = end - chain_leaf(chain)->not_before;

    return end - MIN(warning_days[n] * DAY, life / 3);
}

int64_t schedule_last_warning(const Chain *chain, int64_t now)
{
    int64_t last = 0;

    for (size_t i = 0; i < ELEMENTSOF(warning_days); i++)
        if (warning(chain, i) <= now)
            last = warning(chain, i);
    return last;
}

int64_t schedule_next_warning(const Chain *chain, int64_t now)
{
    for (size_t i = 0; i < ELEMENTSOF(warning_days); i++)
        if (warning(chain, i) > now)
            return warning(chain, i);
    return INT64_MAX;
}

int64_t schedule_first_warning(const Chain *chain)
{
    return warning(chain, 0);
}

int64_t schedule_retry(unsigned failures, uint32_t chance)
{
    static const int64_t delays[] = { 60, 600, 6000, DAY };
    int64_t delay = delays[MIN((size_t)(failures > 0 ? failures - 1 : 0), ELEMENTSOF(delays) - 1)];

    return delay - delay / 5 + (int64_t)((double)(2 * delay / 5) * chance / UINT32_MAX);
}

int64_t schedule_root_renewal(const Chain *chain)
{
    return share_of_life(chain, 4, 5);
}
