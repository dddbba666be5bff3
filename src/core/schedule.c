/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/schedule.h"

#include <inttypes.h>
#include <stdio.h>

#include "util/text.h"
#include "util/time.h"

#define SHORT_LIFE (10 * SEC_PER_DAY)
#define CHECK_MIN  60LL
#define CHECK_MAX  (10 * SEC_PER_HOUR)
#define CHECK      (6 * SEC_PER_HOUR) /* RFC 9773 section 4.3.2 */

static int64_t life_of(const Chain *chain, Source source)
{
    return source_chain_ends(source, chain) - chain_leaf(chain)->not_before;
}

static int64_t share_of_life(const Chain *chain, Source source, int64_t numerator, int64_t denominator)
{
    return chain_leaf(chain)->not_before + life_of(chain, source) / denominator * numerator;
}

/* A part of span that is specific to the certificate: its fingerprint is as good as random. which: the first
 * or second use. */
static int64_t own_part(const Chain *chain, unsigned which, int64_t span)
{
    const char *fingerprint = chain_leaf(chain)->fingerprint;
    uint32_t chance = 0;

    if (strlen(fingerprint) > 8UL * which)
        (void)sscanf(fingerprint + 8UL * which, "%8" SCNx32, &chance);
    return (int64_t)((double)span * chance / UINT32_MAX);
}

static int64_t latest_renewal(const Chain *chain)
{
    return life_of(chain, SOURCE_ACME) < SHORT_LIFE ? share_of_life(chain, SOURCE_ACME, 1, 2)
                                                    : share_of_life(chain, SOURCE_ACME, 2, 3);
}

int64_t schedule_leaf_renewal(const Chain *chain, Source source)
{
    if (source == SOURCE_UPLOADED)
        return 0;
    if (source == SOURCE_LOCAL)
        return share_of_life(chain, SOURCE_LOCAL, 2, 3);
    return latest_renewal(chain) - own_part(chain, 0, life_of(chain, SOURCE_ACME) / 24);
}

int64_t schedule_window_moment(const Chain *chain, const RenewalWindow *window)
{
    if (window->start >= window->end || window->end <= chain_leaf(chain)->not_before)
        return INT64_MAX;
    return window->start + own_part(chain, 1, window->end - window->start);
}

/* no_sooner: no renewal because of its age before. */
static int64_t renewal(const Chain *chain, const RenewalWindow *window, int64_t window_after,
                       int64_t no_sooner)
{
    int64_t wanted = schedule_window_moment(chain, window);

    if (wanted == INT64_MAX)
        return MAX(schedule_leaf_renewal(chain, SOURCE_ACME), no_sooner);
    return MIN(MAX(wanted, window_after), MAX(latest_renewal(chain), no_sooner));
}

int64_t schedule_renewal(const Chain *chain, const RenewalWindow *window, int64_t window_after)
{
    return renewal(chain, window, window_after, 0);
}

int64_t schedule_window_pause(const Chain *chain)
{
    return MIN(SEC_PER_DAY, life_of(chain, SOURCE_ACME) / 6);
}

int64_t schedule_window_check(int64_t retry_after)
{
    return retry_after == 0 ? CHECK : MAX(CHECK_MIN, MIN(retry_after, CHECK_MAX));
}

int64_t schedule_first_order(const Chain *chain, int64_t now)
{
    return now + MAX(chain_not_after(chain) - now, INT64_C(0)) / 3;
}

int64_t schedule_successor(const Chain *chain)
{
    int64_t end = chain_not_after(chain), life = end - chain_leaf(chain)->not_before;

    return end - MIN(life / 3, MAX(SEC_PER_DAY, life / 50));
}

int64_t schedule_order(const OrderState *s)
{
    int64_t due = s->chain ? renewal(s->chain, &s->window, s->window_after, s->failed ? 0 : s->after) : 0;

    return s->failed && !s->retry ? MAX(due, s->after) : due;
}

static const int64_t warning_days[] = { 30, 14, 7, 3, 1 };

static int64_t warning(const Chain *chain, Source source, size_t n)
{
    int64_t end = source_chain_ends(source, chain), life = end - chain_leaf(chain)->not_before;

    return end - MIN(warning_days[n] * SEC_PER_DAY, life / (source == SOURCE_UPLOADED ? 3 : 4));
}

int64_t schedule_last_warning(const Chain *chain, Source source, int64_t now)
{
    int64_t last = 0;

    for (size_t i = 0; i < ELEMENTSOF(warning_days); i++)
        if (warning(chain, source, i) <= now)
            last = warning(chain, source, i);
    return last;
}

int64_t schedule_next_warning(const Chain *chain, Source source, int64_t now)
{
    for (size_t i = 0; i < ELEMENTSOF(warning_days); i++)
        if (warning(chain, source, i) > now)
            return warning(chain, source, i);
    return INT64_MAX;
}

int64_t schedule_first_warning(const Chain *chain, Source source)
{
    return warning(chain, source, 0);
}

int64_t schedule_delay(unsigned failures)
{
    static const int64_t delays[] = { 60, 600, 6000, SEC_PER_DAY };

    return delays[MIN((size_t)(failures > 0 ? failures - 1 : 0), ELEMENTSOF(delays) - 1)];
}

int64_t schedule_retry(unsigned failures, uint32_t chance)
{
    int64_t delay = schedule_delay(failures);

    return delay - delay / 5 + (int64_t)((double)(2 * delay / 5) * chance / UINT32_MAX);
}

uint32_t schedule_chance(const char *name, unsigned failures)
{
    char text[16];
    uint32_t chance;

    hex_encode((const uint8_t[]){ (uint8_t)(failures >> 25), (uint8_t)(failures >> 17),
                                  (uint8_t)(failures >> 9), (uint8_t)(failures >> 1) },
               4, false, text);
    chance = (uint32_t)text_hash(text, text_hash(name, 0));
    return failures % 2 == 0 ? chance : UINT32_MAX - chance;
}

int64_t schedule_back_off(const char *name, unsigned failures)
{
    return schedule_retry(failures, schedule_chance(name, failures));
}

int64_t schedule_root_renewal(const Chain *chain)
{
    return share_of_life(chain, SOURCE_LOCAL, 4, 5);
}
