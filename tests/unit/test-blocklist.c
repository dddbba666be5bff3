/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/blocklist.h"
#include "util/text.h"

#define NOW INT64_C(1800000000)

static BlockedLeaf leaf(unsigned i, BlockReason reason, int64_t not_after)
{
    BlockedLeaf l = { .reason = reason, .not_after = not_after };

    (void)snprintf(l.fingerprint, sizeof(l.fingerprint), "%064x", i);
    return l;
}

static int add(Blocklist *l, unsigned i, BlockReason reason, int64_t not_after)
{
    BlockedLeaf added = leaf(i, reason, not_after);

    return blocklist_add(l, &added, NOW);
}

static bool has(const Blocklist *l, unsigned i)
{
    BlockedLeaf wanted = leaf(i, BLOCK_REVOKED, 0);

    return blocklist_find(l, wanted.fingerprint) != NULL;
}

static void test_reasons(void)
{
    _cleanup_blocklist_ Blocklist l = {}, copy = {};
    BlockedLeaf one = leaf(1, BLOCK_REVOKED, NOW), two = leaf(2, BLOCK_REVOKED, NOW);

    for (BlockReason r = 0; r < _BLOCK_REASON_MAX; r++)
        g_assert_cmpint(block_reason_from_string(block_reason_to_string(r)), ==, r);
    g_assert_cmpint(block_reason_from_string("lost"), <, 0);
    g_assert_cmpint(add(&l, 1, BLOCK_WITHDRAWN, NOW + DAY), ==, 1);
    g_assert_cmpint(add(&l, 1, BLOCK_WITHDRAWN, NOW + DAY), ==, 0);
    g_assert_cmpint(add(&l, 1, BLOCK_REVOKED, NOW + DAY), ==, 1);
    g_assert_cmpint(add(&l, 1, BLOCK_WITHDRAWN, NOW + DAY), ==, 0);
    g_assert_cmpuint(l.n, ==, 1);
    g_assert_cmpint(l.leaves[0].reason, ==, BLOCK_REVOKED);
    g_assert_cmpint(add(&l, 2, BLOCK_WITHDRAWN, NOW + DAY), ==, 1);
    g_assert_cmpint(blocklist_copy(&l, &copy), ==, 0);
    g_assert_false(blocklist_pardon(&l, one.fingerprint));
    g_assert_true(blocklist_pardon(&l, two.fingerprint));
    g_assert_false(blocklist_pardon(&l, two.fingerprint));
    g_assert_true(has(&l, 1) && !has(&l, 2));
    g_assert_true(has(&copy, 1) && has(&copy, 2));
}

/* The newest stay, and those that have expired make room first. */
static void test_limit(void)
{
    _cleanup_blocklist_ Blocklist l = {};

    g_assert_cmpint(add(&l, 0, BLOCK_REVOKED, NOW - 1), ==, 0);
    for (unsigned i = 0; i < LIMIT_BLOCKED; i++)
        g_assert_cmpint(add(&l, i, BLOCK_REVOKED, NOW + i), ==, 1);
    g_assert_cmpuint(l.n, ==, LIMIT_BLOCKED);
    g_assert_true(has(&l, 0));
    g_assert_cmpint(add(&l, 100, BLOCK_WITHDRAWN, NOW + DAY), ==, 1);
    g_assert_cmpuint(l.n, ==, LIMIT_BLOCKED);
    g_assert_true(!has(&l, 0) && has(&l, 1) && has(&l, 100));
    {
        BlockedLeaf later = leaf(101, BLOCK_REVOKED, NOW + DAY);

        g_assert_cmpint(blocklist_add(&l, &later, NOW + 4), ==, 1);
    }
    g_assert_cmpuint(l.n, ==, LIMIT_BLOCKED - 3 + 1);
    g_assert_true(!has(&l, 3) && has(&l, 4) && has(&l, 100) && has(&l, 101));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/blocklist/reasons", test_reasons);
    g_test_add_func("/blocklist/limit", test_limit);
    return g_test_run();
}
