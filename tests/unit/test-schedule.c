/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/schedule.h"

static char *names[] = { S("a.example"), NULL };

/* Lifetimes of every kind: a leaf at 2/3, a root at 4/5, an upload never. */
static void test_shares(void)
{
    static const int64_t lives[] = { 6 * DAY,   45 * DAY,  64 * DAY, 90 * DAY, 398 * DAY,
                                     10 * YEAR, 40 * YEAR, HOUR,     1,        0 };

    for (size_t i = 0; i < ELEMENTSOF(lives); i++) {
        _cleanup_chain_ Chain *c = chain_make(names, 1000000, 1000000 + lives[i]);
        int64_t leaf = schedule_leaf_renewal(c, SOURCE_LOCAL), root = schedule_root_renewal(c);

        g_assert_cmpint(schedule_leaf_renewal(c, SOURCE_UPLOADED), ==, 0);
        g_assert_cmpint(schedule_leaf_renewal(c, SOURCE_ACME), ==, leaf);
        g_assert_cmpint(leaf, >=, 1000000);
        g_assert_cmpint(leaf, <=, 1000000 + lives[i]);
        g_assert_cmpint(labs(leaf - 1000000 - lives[i] * 2 / 3), <=, 3);
        g_assert_cmpint(labs(root - 1000000 - lives[i] * 4 / 5), <=, 5);
    }
}

/* The whole range of what a certificate can say. */
static void test_far(void)
{
    _cleanup_chain_ Chain *c = chain_make(names, -2208988800, 253402300799); /* 1900 to 9999 */

    g_assert_cmpint(schedule_leaf_renewal(c, SOURCE_LOCAL), >, 0);
    g_assert_cmpint(schedule_leaf_renewal(c, SOURCE_LOCAL), <, schedule_root_renewal(c));
    g_assert_cmpint(schedule_root_renewal(c), <, 253402300799);
}

/* Never before a third of what is left; for what was fresh when it came, never after its renewal. */
static void test_first_order(void)
{
    _cleanup_chain_ Chain *c = chain_make(names, 1000000, 1000000 + 90 * DAY);

    g_assert_cmpint(schedule_first_order(c, 1000000), ==, 1000000 + 30 * DAY);
    g_assert_cmpint(schedule_first_order(c, 1000000 + HOUR), <=, schedule_leaf_renewal(c, SOURCE_ACME));
    g_assert_cmpint(schedule_first_order(c, 1000000 + 87 * DAY), ==, 1000000 + 88 * DAY);
    g_assert_cmpint(schedule_first_order(c, 1000000 + 91 * DAY), ==,
                    1000000 + 91 * DAY); /* the clock was set */
}

static void test_retry(void)
{
    static const int64_t delays[] = { 60, 60, 600, 6000, DAY, DAY, DAY };

    for (unsigned i = 0; i < ELEMENTSOF(delays); i++) {
        g_assert_cmpint(schedule_retry(i, 0), ==, delays[i] * 4 / 5);
        g_assert_cmpint(schedule_retry(i, UINT32_MAX), ==, delays[i] * 6 / 5);
        g_assert_cmpint(labs(schedule_retry(i, UINT32_MAX / 2) - delays[i]), <=, 1);
    }
    g_assert_cmpint(schedule_retry(UINT_MAX, UINT32_MAX), ==, DAY * 6 / 5);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/schedule/shares", test_shares);
    g_test_add_func("/schedule/far", test_far);
    g_test_add_func("/schedule/first-order", test_first_order);
    g_test_add_func("/schedule/retry", test_retry);
    return g_test_run();
}
