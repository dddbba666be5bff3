/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/limits.h"
#include "deploy/blocked.h"
#include "util/text.h"

/* This program is the child that reads the record. */

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

#define LEAF(fingerprint, reason) \
    "{\"fingerprint\":\"" fingerprint "\",\"reason\":\"" reason "\",\"not-after\":4102444800}"
#define RECORD "{\"format\":1,\"more\":[1,2],\"blocked\":[" LEAF(A, "revoked") "," LEAF(B, "withdrawn") "]}"

static int find(const char *text, size_t size, const char *fingerprint, BlockReason *ret)
{
    _cleanup_problem_ Problem problem = {};
    int r = blocked_find(text, size, fingerprint, ret, &problem);

    g_test_message("%d %s", r, strempty(problem.text));
    g_assert_true((r < 0) == (problem.code != PROBLEM_NONE));
    return r;
}

static void test_reasons(void)
{
    BlockReason reason = _BLOCK_REASON_INVALID;

    g_assert_cmpint(find(RECORD, strlen(RECORD), A, &reason), ==, 1);
    g_assert_cmpint(reason, ==, BLOCK_REVOKED);
    g_assert_cmpint(find(RECORD, strlen(RECORD), B, &reason), ==, 1);
    g_assert_cmpint(reason, ==, BLOCK_WITHDRAWN);
    g_assert_cmpint(find(RECORD, strlen(RECORD), C, &reason), ==, 0);
    g_assert_cmpint(find("{\"format\":1}", 12, A, &reason), ==, 0);
    g_assert_cmpint(reason, ==, BLOCK_WITHDRAWN);
}

/* Nothing that the store contains is more than a failure. */
static void test_damaged(void)
{
    g_autofree char *large = g_malloc(LIMIT_RECORD + 1), *numbers = g_malloc(LIMIT_RECORD);
    BlockReason reason = _BLOCK_REASON_INVALID;

    memset(large, '[', LIMIT_RECORD + 1);
    for (size_t i = 0; i < LIMIT_RECORD; i++)
        numbers[i] = i == 0 ? '[' : i % 2 ? '1' : ',';
    g_assert_cmpint(find("", 0, A, &reason), <, 0);
    g_assert_cmpint(find("\0\0\0", 3, A, &reason), <, 0);
    g_assert_cmpint(find(RECORD, strlen(RECORD) - 1, A, &reason), <, 0);
    g_assert_cmpint(find(large, LIMIT_RECORD + 1, A, &reason), <, 0);
    g_assert_cmpint(find(large, LIMIT_RECORD, A, &reason), <, 0);
    g_assert_cmpint(find(numbers, LIMIT_RECORD, A, &reason), <, 0);
    g_assert_cmpint(reason, ==, _BLOCK_REASON_INVALID);
}

int main(int argc, char *argv[])
{
    if (argc > 1 && streq(argv[1], "--blocked"))
        blocked_child(argc, argv);
    fixture_init(&argc, &argv);
    g_test_add_func("/blocked/reasons", test_reasons);
    g_test_add_func("/blocked/damaged", test_damaged);
    return g_test_run();
}
