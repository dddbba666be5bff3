/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/clock.h"

#define MINUTE 60LL
#define BUILD  1767225600LL /* 2026-01-01 */
#define LAST   (BUILD + 100 * DAY)
#define Y2038  2147483647LL /* 2038-01-19 */

/* The first look of a run: what was recorded, what the clock shows, and whether that is believed; and with
 * what keeps it in step. */
static const struct {
    const char *what;
    int64_t recorded, wall;
    bool believed, synchronized;
} first_looks[] = {
    { "nothing recorded, 1970-01-02", 0, DAY, false, false },
    { "nothing recorded, 1970-01-01", 0, 0, false, false },
    { "nothing recorded, before 1970", 0, -DAY, false, false },
    { "nothing recorded, a second before the build", 0, BUILD - 1, false, false },
    { "nothing recorded, a day before the build", 0, BUILD - DAY, false, false },
    { "nothing recorded, the build", 0, BUILD, true, true },
    { "nothing recorded, a year after the build", 0, BUILD + YEAR, true, true },
    { "nothing recorded, 10 years after the build", 0, BUILD + 10 * YEAR, true, true },
    { "nothing recorded, 11 years after the build", 0, BUILD + 11 * YEAR, false, true },
    { "nothing recorded, 2038-01-19", 0, Y2038, false, true },
    { "nothing recorded, 9999", 0, 253402300799, false, true },
    { "1970-01-02", LAST, DAY, false, false },
    { "a day before the build", LAST, BUILD - DAY, false, false },
    { "the build", LAST, BUILD, false, true },
    { "a year less", LAST + YEAR, LAST, false, true },
    { "a day less", LAST, LAST - DAY, false, true },
    { "an hour less", LAST, LAST - HOUR, false, true },
    { "five minutes and a second less", LAST, LAST - 5 * MINUTE - 1, false, true },
    { "five minutes less", LAST, LAST - 5 * MINUTE, true, true },
    { "the same", LAST, LAST, true, true },
    { "switched off for three months", LAST, LAST + 90 * DAY, true, true },
    { "switched off for a year", LAST, LAST + YEAR, true, true },
    { "switched off for 367 days", LAST, LAST + 367 * DAY, false, true },
    { "10 years more", LAST, LAST + 10 * YEAR, false, true },
    { "2038-01-19", LAST, Y2038, false, true },
    { "recorded before the build, and now between", BUILD - YEAR, BUILD - DAY, false, false },
    { "recorded before the build, and now the build", BUILD - YEAR, BUILD, true, true },
    { "recorded long before the build", 1, BUILD + YEAR, true, true },
    { "recorded in 2038", Y2038, LAST, false, true },
};

static void test_first(void)
{
    for (size_t i = 0; i < ELEMENTSOF(first_looks); i++)
        for (unsigned synchronized = 0; synchronized < 2; synchronized++) {
            ClockTrust t = clock_trust_begin(BUILD, first_looks[i].recorded, 5000);
            int64_t wall = first_looks[i].wall;
            bool wanted = synchronized ? first_looks[i].synchronized : first_looks[i].believed;

            if (clock_trust_look(&t, wall, 5030, synchronized) != wanted)
                note_failure("%s: %s", first_looks[i].what, wanted ? "doubted" : "believed");
            g_assert_cmpint(clock_trust_now(&t, wall, 5040), ==,
                            wanted ? wall : MAX(first_looks[i].recorded, BUILD) + 40);
        }
}

/* A later look of the same run, when so much has passed and the clock differs by so much from that. */
static const struct {
    const char *what;
    int64_t passed, jump;
    bool believed;
} later_looks[] = {
    { "nothing", 0, 0, true },
    { "an hour later", HOUR, 0, true },
    { "a minute back", HOUR, -MINUTE, true },
    { "five minutes back", HOUR, -5 * MINUTE, true },
    { "five minutes and a second back", HOUR, -5 * MINUTE - 1, false },
    { "an hour back", MINUTE, -HOUR, false },
    { "an hour back in three hours", 3 * HOUR, -HOUR, false },
    { "a day back", HOUR, -DAY, false },
    { "it stood still for ten minutes", 10 * MINUTE, -10 * MINUTE, false },
    { "a year back", HOUR, -YEAR, false },
    { "1970-01-02", HOUR, DAY - LAST - HOUR, false },
    { "an hour forth", HOUR, HOUR, true },
    { "a year forth", 40 * DAY, YEAR, true },
    { "a year and two days forth", 40 * DAY, YEAR + 2 * DAY, false },
    { "10 years forth", HOUR, 10 * YEAR, false },
    { "2038-01-19", HOUR, Y2038 - LAST - HOUR, false },
};

static void test_later(void)
{
    for (size_t i = 0; i < ELEMENTSOF(later_looks); i++) {
        ClockTrust t = clock_trust_begin(BUILD, LAST - DAY, 10), same;
        int64_t passed = later_looks[i].passed, wall = LAST + passed + later_looks[i].jump;

        g_assert_true(clock_trust_look(&t, LAST, 20, false));
        same = t;
        if (clock_trust_look(&t, wall, 20 + passed, false) != later_looks[i].believed)
            note_failure("%s: %s", later_looks[i].what, later_looks[i].believed ? "doubted" : "believed");
        g_assert_cmpint(clock_trust_now(&t, wall, 20 + passed), ==,
                        later_looks[i].believed ? wall : LAST + passed);
        g_assert_cmpint(clock_trust_look(&same, wall, 20 + passed, true), ==, wall >= BUILD);
    }
}

/* What stays the same for a whole day is believed; what is before the build never is. */
static void test_day_of_doubt(void)
{
    static const struct {
        int64_t recorded, wall;
        bool ends;
    } doubts[] = {
        { LAST, Y2038, true }, { LAST, LAST - 50 * DAY, true },
        { 0, Y2038, true },    { LAST, DAY, false },
        { 0, DAY, false },     { LAST, BUILD - 2 * DAY, false },
        { Y2038, LAST, true }, { LAST, LAST + 10 * YEAR, true },
    };

    for (size_t i = 0; i < ELEMENTSOF(doubts); i++) {
        ClockTrust t = clock_trust_begin(BUILD, doubts[i].recorded, 10);

        for (int64_t passed = 0; passed < DAY; passed += MINUTE)
            g_assert_false(clock_trust_look(&t, doubts[i].wall + passed, 10 + passed, false));
        g_assert_cmpint(clock_trust_look(&t, doubts[i].wall + DAY, 10 + DAY, false), ==, doubts[i].ends);
        g_assert_cmpint(clock_trust_look(&t, doubts[i].wall + DAY + 1, 11 + DAY, false), ==, doubts[i].ends);
    }
}

/* Doubt that was over begins anew, with a day of its own. */
static void test_doubt_again(void)
{
    ClockTrust t = clock_trust_begin(BUILD, LAST, 0);

    g_assert_false(clock_trust_look(&t, Y2038, 0, false));
    g_assert_true(clock_trust_look(&t, LAST + 20 * HOUR, 20 * HOUR, false));
    g_assert_false(clock_trust_look(&t, Y2038, 21 * HOUR, false));
    g_assert_false(clock_trust_look(&t, Y2038 + 23 * HOUR, 44 * HOUR, false));
    g_assert_cmpint(clock_trust_now(&t, Y2038 + 23 * HOUR, 44 * HOUR), ==, LAST + 44 * HOUR);
    g_assert_true(clock_trust_look(&t, LAST + 44 * HOUR, 44 * HOUR, false)); /* it was set right */
}

/* While the clock is doubted, the present goes on as the boot time does. It goes back by no more than a
 * clock that is set right. */
static void test_now(void)
{
    for (unsigned run = 0; run < 200; run++) {
        ClockTrust t = clock_trust_begin(BUILD, run % 4 == 0 ? 0 : LAST, 100);
        int64_t boot = 100, wall = LAST, last = 0, last_boot = boot;
        bool doubted = true;

        for (unsigned i = 0; i < 500; i++) {
            int64_t passed = g_test_rand_int_range(0, 10 * MINUTE), now;

            boot += passed;
            wall += passed;
            if (g_test_rand_int_range(0, 10) == 0)
                wall = g_test_rand_int_range(0, INT32_MAX);
            else if (g_test_rand_int_range(0, 10) == 0)
                wall = LAST + boot + g_test_rand_int_range(-10 * MINUTE, 10 * MINUTE);
            if (clock_trust_look(&t, wall, boot, false)) {
                doubted = false;
                last = wall;
                last_boot = boot;
                continue;
            }
            now = clock_trust_now(&t, wall, boot);
            g_assert_cmpint(now, >=, BUILD);
            if (doubted && last > 0)
                g_assert_cmpint(now, ==, last + boot - last_boot);
            g_assert_cmpint(now, >=, last - 5 * MINUTE);
            g_assert_cmpint(clock_trust_now(&t, wall, boot + DAY), ==, now + DAY);
            doubted = true;
            last = now;
            last_boot = boot;
        }
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/clock/first", test_first);
    g_test_add_func("/clock/later", test_later);
    g_test_add_func("/clock/day-of-doubt", test_day_of_doubt);
    g_test_add_func("/clock/doubt-again", test_doubt_again);
    g_test_add_func("/clock/now", test_now);
    return g_test_run();
}
