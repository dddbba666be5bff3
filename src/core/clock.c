/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/clock.h"

#include "util/time.h"

#define BACK_MAX  (5 * SEC_PER_MINUTE) /* a clock that is set right is set back by less */
#define FORTH_MAX (366 * SEC_PER_DAY)  /* a machine that was switched off that long is rare */
#define FORTH_FIRST_MAX \
    (10 * 366 * SEC_PER_DAY) /* after the build: nothing else is known on the first start */
#define DOUBT_MAX SEC_PER_DAY

ClockTrust clock_trust_begin(int64_t build, int64_t believed, int64_t boot)
{
    return (ClockTrust){ .build = build, .believed = believed, .at = boot, .doubted = boot };
}

static int64_t expected(const ClockTrust *t, int64_t boot)
{
    return MAX(t->believed, t->build) + MAX(boot - t->at, INT64_C(0));
}

static bool is_plausible(const ClockTrust *t, int64_t wall, int64_t boot)
{
    int64_t about = expected(t, boot);

    if (t->believed == 0)
        return wall >= t->build && wall - t->build <= FORTH_FIRST_MAX;
    /* the time powered off is unknown to another process: the latest trusted time is a lower bound */
    return wall >= (t->here ? about : t->believed) - BACK_MAX && wall - about <= FORTH_MAX;
}

bool clock_trust_look(ClockTrust *t, int64_t wall, int64_t boot, bool synchronized)
{
    bool believed = wall >= t->build && (is_plausible(t, wall, boot) || synchronized ||
                                         (t->doubted >= 0 && boot - t->doubted >= DOUBT_MAX));

    if (believed) {
        t->believed = wall;
        t->at = boot;
        t->here = true;
        t->doubted = -1;
    } else if (t->doubted < 0)
        t->doubted = boot;
    return believed;
}

int64_t clock_trust_now(const ClockTrust *t, int64_t wall, int64_t boot)
{
    return t->doubted < 0 ? wall : expected(t, boot);
}
