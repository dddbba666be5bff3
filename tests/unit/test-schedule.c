/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/schedule.h"
#include "util/text.h"

#define BEGIN 1800000000LL
#define Y9999 253402300799LL /* the last second of that year */

static char *names[] = { S("a.example"), NULL };

/* Lives of every kind. */
static const int64_t lives[] = { 6 * HOUR,  6 * DAY, 45 * DAY, 64 * DAY, 90 * DAY, 398 * DAY,    10 * YEAR,
                                 40 * YEAR, HOUR,    1,        0,        9 * DAY,  10 * DAY - 1, 10 * DAY };

static Chain *chain_with(const char *fingerprint, int64_t not_before, int64_t not_after)
{
    ChainEntry e = { "CN=subject", "CN=issuer", "0A", fingerprint, not_before, not_after };
    Chain *c = chain_new(&e, 1, (const char *const *)names, 1, KEY_TYPE_ECDSA_P256, false);

    g_assert_nonnull(c);
    return c;
}

static Chain *chain_number(unsigned n, int64_t not_before, int64_t not_after)
{
    g_autofree char *text = g_strdup_printf("%u", n);
    g_autofree char *fingerprint = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

    return chain_with(fingerprint, not_before, not_after);
}

/* ---- lives */

/* A leaf at 2/3, a root at 4/5, an upload never. */
static void test_shares(void)
{
    for (size_t i = 0; i < ELEMENTSOF(lives); i++) {
        _cleanup_chain_ Chain *c = chain_make(names, BEGIN, BEGIN + lives[i]);
        int64_t leaf = schedule_leaf_renewal(c, SOURCE_LOCAL), root = schedule_root_renewal(c);

        g_assert_cmpint(schedule_leaf_renewal(c, SOURCE_UPLOADED), ==, 0);
        g_assert_cmpint(leaf, >=, BEGIN);
        g_assert_cmpint(leaf, <=, BEGIN + lives[i]);
        g_assert_cmpint(labs(leaf - BEGIN - lives[i] * 2 / 3), <=, 3);
        g_assert_cmpint(labs(root - BEGIN - lives[i] * 4 / 5), <=, 5);
    }
}

/* One of an authority at 2/3, or a half when it is short; and earlier by up to 1/24 of its life. */
static void test_authority_shares(void)
{
    for (size_t i = 0; i < ELEMENTSOF(lives); i++) {
        int64_t life = lives[i], latest = life < 10 * DAY ? life / 2 : life * 2 / 3;
        int64_t first = INT64_MAX, last = INT64_MIN, sum = 0;

        for (unsigned n = 0; n < 1000; n++) {
            _cleanup_chain_ Chain *c = chain_number(n, BEGIN, BEGIN + life);
            int64_t due = schedule_leaf_renewal(c, SOURCE_ACME);

            g_assert_cmpint(due, ==, schedule_leaf_renewal(c, SOURCE_ACME));
            first = MIN(first, due);
            last = MAX(last, due);
            sum += due - BEGIN;
        }
        g_assert_cmpint(last - BEGIN, <=, latest + 3);
        g_assert_cmpint(first - BEGIN, >=, latest - life / 24 - 3);
        g_assert_cmpint(last - first, >=, life / 24 * 98 / 100);
        g_assert_cmpint(labs(sum / 1000 - (latest - life / 48)), <=, life / 24 / 20 + 3);
    }
}

/* The ends of what a fingerprint can be. */
static void test_ends(void)
{
    _cleanup_chain_ Chain *zeros = chain_with("0000000000000000", BEGIN, BEGIN + 90 * DAY);
    _cleanup_chain_ Chain *ones = chain_with("ffffffffffffffff", BEGIN, BEGIN + 90 * DAY);
    _cleanup_chain_ Chain *capitals = chain_with("FFFFFFFFFFFFFFFF", BEGIN, BEGIN + 90 * DAY);
    _cleanup_chain_ Chain *empty = chain_with("", BEGIN, BEGIN + 90 * DAY);
    const RenewalWindow window = { BEGIN + DAY, BEGIN + 3 * DAY };

    g_assert_cmpint(schedule_leaf_renewal(zeros, SOURCE_ACME), ==, BEGIN + 60 * DAY);
    g_assert_cmpint(schedule_leaf_renewal(ones, SOURCE_ACME), ==, BEGIN + 60 * DAY - 90 * HOUR);
    g_assert_cmpint(schedule_leaf_renewal(capitals, SOURCE_ACME), ==, BEGIN + 60 * DAY - 90 * HOUR);
    g_assert_cmpint(schedule_leaf_renewal(empty, SOURCE_ACME), ==, BEGIN + 60 * DAY);
    g_assert_cmpint(schedule_window_moment(zeros, &window), ==, BEGIN + DAY);
    g_assert_cmpint(schedule_window_moment(ones, &window), ==, BEGIN + 3 * DAY);
    g_assert_cmpint(schedule_window_moment(capitals, &window), ==, BEGIN + 3 * DAY);
    g_assert_cmpint(schedule_window_moment(empty, &window), ==, BEGIN + DAY);
}

/* The whole range of what a certificate can say. */
static void test_far(void)
{
    _cleanup_chain_ Chain *c = chain_make(names, -2208988800, Y9999); /* 1900 to 9999 */
    RenewalWindow window = { 0, Y9999 };

    for (Source s = SOURCE_ACME; s <= SOURCE_LOCAL; s++) {
        g_assert_cmpint(schedule_leaf_renewal(c, s), >, 0);
        g_assert_cmpint(schedule_leaf_renewal(c, s), <, schedule_root_renewal(c));
    }
    g_assert_cmpint(schedule_root_renewal(c), <, Y9999);
    g_assert_cmpint(schedule_window_moment(c, &window), >, 0);
    g_assert_cmpint(schedule_window_moment(c, &window), <, Y9999);
    g_assert_cmpint(schedule_window_pause(c), ==, DAY);
}

/* Never before a third of what is left; for what was fresh when it came, never after its renewal. */
static void test_first_order(void)
{
    _cleanup_chain_ Chain *c = chain_make(names, BEGIN, BEGIN + 90 * DAY);

    g_assert_cmpint(schedule_first_order(c, BEGIN), ==, BEGIN + 30 * DAY);
    g_assert_cmpint(schedule_first_order(c, BEGIN + 87 * DAY), ==, BEGIN + 88 * DAY);
    g_assert_cmpint(schedule_first_order(c, BEGIN + 91 * DAY), ==, BEGIN + 91 * DAY); /* the clock was set */
    for (size_t i = 0; i < ELEMENTSOF(lives); i++)
        for (unsigned n = 0; n < 100; n++) {
            _cleanup_chain_ Chain *fresh = chain_number(n, BEGIN - lives[i] / 100, BEGIN + lives[i]);

            g_assert_cmpint(schedule_first_order(fresh, BEGIN), <=,
                            schedule_leaf_renewal(fresh, SOURCE_ACME) + 3);
        }
}

/* ---- windows */

/* Windows that are none, or over before the certificate begins. */
static const RenewalWindow no_windows[] = {
    { 0, 0 },     { BEGIN + DAY, BEGIN + DAY }, { BEGIN + DAY, BEGIN + DAY - 1 },
    { Y9999, 0 }, { INT64_MAX, INT64_MIN },     { 0, 1 },
    { 0, BEGIN }, { BEGIN - DAY, BEGIN - 1 },
};

static const RenewalWindow windows[] = {
    { 0, BEGIN + 1 }, /* 1970 */
    { 0, Y9999 },
    { BEGIN, BEGIN + 1 },
    { BEGIN - DAY, BEGIN + DAY },
    { BEGIN + 58 * DAY, BEGIN + 60 * DAY },
    { BEGIN + 89 * DAY, BEGIN + 91 * DAY },
    { BEGIN + YEAR, BEGIN + 2 * YEAR },
    { Y9999 - 1, Y9999 },
};

static void test_windows(void)
{
    for (unsigned n = 0; n < 50; n++) {
        _cleanup_chain_ Chain *c = chain_number(n, BEGIN, BEGIN + 90 * DAY);

        for (size_t i = 0; i < ELEMENTSOF(no_windows); i++)
            g_assert_cmpint(schedule_window_moment(c, no_windows + i), ==, INT64_MAX);
        for (size_t i = 0; i < ELEMENTSOF(windows); i++) {
            int64_t moment = schedule_window_moment(c, windows + i);

            g_assert_cmpint(moment, >=, windows[i].start);
            g_assert_cmpint(moment, <=, windows[i].end);
            g_assert_cmpint(moment, ==, schedule_window_moment(c, windows + i));
        }
    }
}

/* Evenly: of 1000 each twentieth of the window has about 50; it is not the chance that moves the renewal. */
static void test_spread(void)
{
    const RenewalWindow window = { BEGIN + 60 * DAY, BEGIN + 62 * DAY };
    unsigned n_in[20] = {}, n_both[2][2] = {};

    for (unsigned n = 0; n < 1000; n++) {
        _cleanup_chain_ Chain *c = chain_number(n, BEGIN, BEGIN + 90 * DAY);
        int64_t moment = schedule_window_moment(c, &window) - window.start;
        int64_t renewal = BEGIN + 60 * DAY - schedule_leaf_renewal(c, SOURCE_ACME);

        n_in[MIN(moment / (2 * DAY / 20), INT64_C(19))]++;
        n_both[moment < DAY][renewal < 45 * HOUR]++;
    }
    for (size_t i = 0; i < ELEMENTSOF(n_in); i++) {
        g_assert_cmpuint(n_in[i], >=, 25);
        g_assert_cmpuint(n_in[i], <=, 80);
    }
    for (size_t i = 0; i < 4; i++)
        g_assert_cmpuint(n_both[i / 2][i % 2], >=, 200);
}

static void test_pause(void)
{
    for (size_t i = 0; i < ELEMENTSOF(lives); i++) {
        _cleanup_chain_ Chain *c = chain_make(names, BEGIN, BEGIN + lives[i]);

        g_assert_cmpint(schedule_window_pause(c), ==, lives[i] >= 6 * DAY ? DAY : lives[i] / 6);
    }
}

static void test_check(void)
{
    static const struct {
        int64_t retry_after, check;
    } checks[] = {
        { 0, 6 * HOUR },
        { 1, 60 },
        { 59, 60 },
        { 60, 60 },
        { 61, 61 },
        { 6 * HOUR, 6 * HOUR },
        { 10 * HOUR, 10 * HOUR },
        { 10 * HOUR + 1, 10 * HOUR },
        { YEAR, 10 * HOUR },
        { INT64_MAX, 10 * HOUR },
        { -1, 60 },
        { INT64_MIN, 60 },
    };

    for (size_t i = 0; i < ELEMENTSOF(checks); i++)
        g_assert_cmpint(schedule_window_check(checks[i].retry_after), ==, checks[i].check);
}

/* ---- orders */

#define RENEWAL (BEGIN + 60 * DAY) /* of the chain below */
#define FIRST   (BEGIN + 30 * DAY) /* before which it is not ordered again */
#define RETRY   (BEGIN + 70 * DAY)
#define EARLY \
    { \
        BEGIN + 20 * DAY, BEGIN + 21 * DAY \
    } /* a window before, */
#define LATE \
    { \
        BEGIN + 80 * DAY, BEGIN + 81 * DAY \
    } /* and after the renewal */
#define OVER \
    { \
        0, 1 \
    }

static const struct {
    bool chain;
    RenewalWindow window;
    int64_t window_after, after;
    bool failed, retry;
    int64_t due;
} orders[] = {
    /* none yet: at once, unless it failed */
    { false, { 0 }, 0, 0, false, false, 0 },
    { false, { 0 }, 0, RETRY, false, false, 0 },
    { false, { 0 }, 0, RETRY, true, false, RETRY },
    { false, { 0 }, 0, RETRY, true, true, 0 },
    { false, { 0 }, 0, 0, true, false, 0 },
    { false, EARLY, 0, RETRY, true, false, RETRY },
    /* by its life alone */
    { true, { 0 }, 0, 0, false, false, RENEWAL },
    { true, { 0 }, 0, FIRST, false, false, RENEWAL },
    { true, { 0 }, 0, RETRY, false, false, RETRY },
    { true, { 0 }, 0, FIRST, true, false, RENEWAL },
    { true, { 0 }, 0, RETRY, true, false, RETRY },
    { true, { 0 }, 0, RETRY, true, true, RENEWAL },
    { true, OVER, 0, RETRY, false, false, RETRY },
    { true, { 0 }, RETRY, 0, false, false, RENEWAL },
    /* a window that is later changes nothing */
    { true, LATE, 0, 0, false, false, RENEWAL },
    { true, LATE, 0, RETRY, true, false, RETRY },
    { true, LATE, 0, RETRY, true, true, RENEWAL },
    /* one that is earlier: whatever was left of its life when it came, but not before a retry, */
    { true, EARLY, 0, 0, false, false, BEGIN + 20 * DAY },
    { true, EARLY, 0, FIRST, false, false, BEGIN + 20 * DAY },
    { true, EARLY, 0, RETRY, false, false, BEGIN + 20 * DAY },
    { true, EARLY, 0, RETRY, true, false, RETRY },
    { true, EARLY, 0, RETRY, true, true, BEGIN + 20 * DAY },
    { true, EARLY, 0, BEGIN, true, false, BEGIN + 20 * DAY },
    /* nor while the last such renewal is fresh */
    { true, EARLY, BEGIN + 25 * DAY, 0, false, false, BEGIN + 25 * DAY },
    { true, EARLY, BEGIN + 25 * DAY, BEGIN + 22 * DAY, true, false, BEGIN + 25 * DAY },
    { true, EARLY, RETRY, 0, false, false, RENEWAL },
    { true, EARLY, RETRY, RETRY, false, false, RETRY },
    { true, EARLY, BEGIN, 0, false, false, BEGIN + 20 * DAY },
};

static void test_orders(void)
{
    /* no part is taken away, nor added */
    _cleanup_chain_ Chain *c = chain_with("0000000000000000", BEGIN, BEGIN + 90 * DAY);

    for (size_t i = 0; i < ELEMENTSOF(orders); i++) {
        OrderState s = { orders[i].chain ? c : NULL, orders[i].window,
                         orders[i].window_after,     orders[i].after,
                         orders[i].failed,           orders[i].retry };

        if (schedule_order(&s) != orders[i].due)
            note_failure("row %zu: %.2f days", i, (double)(schedule_order(&s) - BEGIN) / (double)DAY);
    }
}

/* Whatever an authority suggests, nothing is ordered later than its life tells for it, nor what failed before it may be,
 * nor twice within the pause. */
static void test_earlier(void)
{
    static const int64_t moments[] = { 0,     BEGIN,    BEGIN + DAY, BEGIN + 40 * DAY, BEGIN + 89 * DAY,
                                       Y9999, INT64_MAX };

    for (unsigned n = 0; n < 5000; n++) {
        int64_t life = lives[n % ELEMENTSOF(lives)], range = life + DAY;
        _cleanup_chain_ Chain *c = chain_number(n, BEGIN, BEGIN + life);
        OrderState with = {
            .chain = n % 7 ? c : NULL,
            .window = { BEGIN + (int64_t)g_test_rand_double_range(-DAY, (double)range),
                        BEGIN + (int64_t)g_test_rand_double_range(-DAY, (double)range) },
            .window_after = moments[g_test_rand_int_range(0, ELEMENTSOF(moments))],
            .after = moments[g_test_rand_int_range(0, ELEMENTSOF(moments))],
            .failed = g_test_rand_bit(),
            .retry = g_test_rand_bit(),
        };
        OrderState without = with;
        int64_t due = schedule_order(&with), otherwise;

        without.window = (RenewalWindow){ 0 };
        otherwise = schedule_order(&without);
        if (otherwise < Y9999) /* it is by chance up to that much earlier */
            g_assert_cmpint(due, <=, otherwise + (life + 23) / 24 + 3);
        if (due < otherwise) {
            g_assert_cmpint(due, >=, with.window_after);
            g_assert_cmpint(due, >=, with.window.start);
        }
        if (with.failed && !with.retry)
            g_assert_cmpint(due, >=, with.after);
    }
}

/* ---- warnings */

/* Days before the end; a share of the life where that is shorter. */
static void test_warnings(void)
{
    static const int64_t days[] = { 30, 14, 7, 3, 1 };

    for (Source s = SOURCE_UPLOADED; s < _SOURCE_MAX; s++)
        for (size_t i = 0; i < ELEMENTSOF(lives); i++) {
            int64_t end = BEGIN + lives[i], share = lives[i] / (s == SOURCE_UPLOADED ? 3 : 4), last = 0;
            _cleanup_chain_ Chain *c = chain_make(names, BEGIN, end);

            g_assert_cmpint(schedule_first_warning(c, s), ==, end - MIN(30 * DAY, share));
            g_assert_cmpint(schedule_last_warning(c, s, schedule_first_warning(c, s) - 1), ==, 0);
            for (size_t k = 0; k < ELEMENTSOF(days); k++) {
                int64_t when = end - MIN(days[k] * DAY, share);

                g_assert_cmpint(schedule_last_warning(c, s, when), ==, when);
                g_assert_cmpint(schedule_last_warning(c, s, when - 1), ==, when == last ? 0 : last);
                g_assert_cmpint(schedule_next_warning(c, s, when - 1), ==, when);
                if (when == last)
                    continue;
                if (last > 0)
                    g_assert_cmpint(schedule_next_warning(c, s, last), ==, when);
                last = when;
            }
            g_assert_cmpint(schedule_next_warning(c, s, last), ==, INT64_MAX);
            g_assert_cmpint(schedule_last_warning(c, s, Y9999), ==, last);
        }
}

/* What renews itself does so before it is warned of, with time left for a retry. */
static void test_warned_after_renewal(void)
{
    for (size_t i = 0; i < ELEMENTSOF(lives); i++)
        for (unsigned n = 0; n < 100; n++) {
            _cleanup_chain_ Chain *c = chain_number(n, BEGIN, BEGIN + lives[i]);

            for (Source s = SOURCE_ACME; s <= SOURCE_LOCAL; s++)
                g_assert_cmpint(schedule_leaf_renewal(c, s) + lives[i] / 13, <=,
                                schedule_first_warning(c, s) + 3);
        }
}

/* It is the weakest part that is warned of. */
static void test_weakest(void)
{
    ChainEntry entries[] = {
        { "CN=leaf", "CN=intermediate", "0A", "00", BEGIN, BEGIN + 90 * DAY },
        { "CN=intermediate", "CN=root", "0B", "01", BEGIN - YEAR, BEGIN + 60 * DAY },
    };
    _cleanup_chain_ Chain *c =
        chain_new(entries, 2, (const char *const *)names, 1, KEY_TYPE_ECDSA_P256, false);

    g_assert_cmpint(schedule_first_warning(c, SOURCE_UPLOADED), ==, BEGIN + 40 * DAY);
    g_assert_cmpint(schedule_first_warning(c, SOURCE_ACME), ==, BEGIN + 45 * DAY);
    g_assert_cmpint(schedule_next_warning(c, SOURCE_ACME, BEGIN + 45 * DAY), ==, BEGIN + 46 * DAY);
    g_assert_cmpint(schedule_last_warning(c, SOURCE_ACME, BEGIN + 60 * DAY), ==, BEGIN + 59 * DAY);
}

/* ---- retries */

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

/* The same for the same, another for another; two make up for each other. */
static void test_chance(void)
{
    unsigned n_high = 0, n_high_next = 0;

    for (unsigned n = 0; n < 1000; n++) {
        g_autofree char *name = g_strdup_printf("n%u.example", n);
        uint32_t chance = schedule_chance(name, 4);

        g_assert_cmpuint(chance, ==, schedule_chance(name, 4));
        g_assert_cmpint(schedule_back_off(name, 4), ==, schedule_retry(4, chance));
        g_assert_cmpuint(chance, ==, UINT32_MAX - schedule_chance(name, 5));
        g_assert_cmpuint(chance, !=, schedule_chance(name, 6));
        g_assert_cmpuint(schedule_chance(name, 511), ==, UINT32_MAX - schedule_chance(name, 510));
        g_assert_cmpuint(schedule_chance(name, UINT_MAX), ==,
                         UINT32_MAX - schedule_chance(name, UINT_MAX - 1));
        n_high += chance > UINT32_MAX / 2;
        n_high_next += (chance > UINT32_MAX / 2) == (schedule_chance(name, 6) > UINT32_MAX / 2);
    }
    g_assert_cmpuint(n_high, >, 400);
    g_assert_cmpuint(n_high, <, 600);
    g_assert_cmpuint(n_high_next, >, 400);
    g_assert_cmpuint(n_high_next, <, 600);
}

/* The end of an upload: an order for what follows has its time, and somebody was warned before that. */
static void test_successor(void)
{
    static const struct {
        int64_t life, before;
    } cases[] = { { 10 * YEAR, 73 * DAY },
                  { 398 * DAY, 398 * DAY / 50 },
                  { 90 * DAY, 90 * DAY / 50 },
                  { 50 * DAY, DAY },
                  { 6 * DAY, DAY },
                  { 3 * DAY, DAY },
                  { DAY, 8 * HOUR },
                  { HOUR, 1200 } };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_chain_ Chain *c = chain_make(names, BEGIN, BEGIN + cases[i].life);
        int64_t due = schedule_successor(c);

        g_assert_cmpint(due, ==, BEGIN + cases[i].life - cases[i].before);
        if (cases[i].life < 5 * YEAR)
            g_assert_cmpint(schedule_first_warning(c, SOURCE_UPLOADED), <=, due);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/schedule/shares", test_shares);
    g_test_add_func("/schedule/authority-shares", test_authority_shares);
    g_test_add_func("/schedule/ends", test_ends);
    g_test_add_func("/schedule/far", test_far);
    g_test_add_func("/schedule/first-order", test_first_order);
    g_test_add_func("/schedule/windows", test_windows);
    g_test_add_func("/schedule/spread", test_spread);
    g_test_add_func("/schedule/pause", test_pause);
    g_test_add_func("/schedule/check", test_check);
    g_test_add_func("/schedule/orders", test_orders);
    g_test_add_func("/schedule/earlier", test_earlier);
    g_test_add_func("/schedule/warnings", test_warnings);
    g_test_add_func("/schedule/warned-after-renewal", test_warned_after_renewal);
    g_test_add_func("/schedule/weakest", test_weakest);
    g_test_add_func("/schedule/successor", test_successor);
    g_test_add_func("/schedule/retry", test_retry);
    g_test_add_func("/schedule/chance", test_chance);
    return g_test_run();
}
