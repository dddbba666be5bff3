/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/problem.h"

#include <errno.h>

static void test_first_stays(void)
{
    _cleanup_problem_ Problem p = {};

    g_assert_cmpint(problem_set(&p, PROBLEM_INVALID_NAME, "first %d", 1), ==, -EINVAL);
    g_assert_cmpint(problem_set(&p, PROBLEM_BUSY, "second"), ==, -EBUSY);
    g_assert_cmpint(problem_set_errno(&p, -ENOSPC, "Third"), ==, -ENOSPC);
    g_assert_cmpint(p.code, ==, PROBLEM_INVALID_NAME);
    g_assert_cmpstr(p.text, ==, "first 1");
    g_assert_cmpint(problem_set(NULL, PROBLEM_BUSY, "nobody asks"), ==, -EBUSY);
}

/* Every code has a negative errno and a name of its own, that the interface knows. */
static void test_codes(void)
{
    for (ProblemCode c = PROBLEM_NONE + 1; c < _PROBLEM_MAX; c++) {
        _cleanup_problem_ Problem p = {};

        g_assert_cmpint(problem_set(&p, c, "x"), <, 0);
        g_assert_cmpint(p.code, ==, c);
        g_assert_cmpuint(
            strspn(problem_code_to_string(c), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"), ==,
            strlen(problem_code_to_string(c)));
        g_assert_cmpint(problem_code_from_string(problem_code_to_string(c)), ==, c);
        for (ProblemCode d = PROBLEM_NONE; d < c; d++)
            g_assert_cmpstr(problem_code_to_string(c), !=, problem_code_to_string(d));
    }
    g_assert_cmpint(problem_code_from_string("of a later version"), ==, PROBLEM_INTERNAL);
}

static void test_errno(void)
{
    static const struct {
        int error;
        ProblemCode code;
    } rows[] = { { ENOSPC, PROBLEM_STORAGE_FAILED }, { EDQUOT, PROBLEM_STORAGE_FAILED },
                 { EROFS, PROBLEM_STORAGE_FAILED },  { EACCES, PROBLEM_STORAGE_FAILED },
                 { EIO, PROBLEM_STORAGE_FAILED },    { EMFILE, PROBLEM_STORAGE_FAILED },
                 { EISDIR, PROBLEM_STORAGE_FAILED }, { ECANCELED, PROBLEM_CANCELLED },
                 { EPROTO, PROBLEM_INTERNAL } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_problem_ Problem p = {};

        g_assert_cmpint(problem_set_errno(&p, -rows[i].error, "Writing"), ==, -rows[i].error);
        g_assert_cmpint(p.code, ==, rows[i].code);
        g_assert_true(g_str_has_prefix(p.text, "Writing "));
    }
}

static void test_no_error_is_none(void)
{
    _cleanup_problem_ Problem p = {};

    g_assert_cmpint(problem_set_errno(&p, 0, "Nothing"), ==, 0);
    g_assert_cmpint(problem_set_errno(&p, 1, "Nothing"), ==, 1);
    g_assert_cmpint(p.code, ==, PROBLEM_NONE);
    g_assert_null(p.text);
}

static void test_copy_and_move(void)
{
    _cleanup_problem_ Problem a = {}, b = {}, c = {};

    problem_set(&a, PROBLEM_BUSY, "busy");
    problem_set(&b, PROBLEM_EXPIRED, "goes");
    g_assert_cmpint(problem_copy(&a, &b), ==, 0);
    g_assert_cmpstr(b.text, ==, "busy");
    g_assert_true(a.text != b.text);
    problem_move(&a, &c);
    g_assert_cmpint(a.code, ==, PROBLEM_NONE);
    g_assert_cmpstr(c.text, ==, "busy");
    problem_move(&c, &c);
    g_assert_cmpstr(c.text, ==, "busy");
    problem_clear(&c);
    problem_clear(&c);
    g_assert_cmpint(problem_copy(&c, &b), ==, 0);
    g_assert_cmpint(b.code, ==, PROBLEM_NONE);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/problem/first-stays", test_first_stays);
    g_test_add_func("/problem/codes", test_codes);
    g_test_add_func("/problem/errno", test_errno);
    g_test_add_func("/problem/no-error-is-none", test_no_error_is_none);
    g_test_add_func("/problem/copy-and-move", test_copy_and_move);
    return g_test_run();
}
