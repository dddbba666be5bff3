/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "util/log.h"

#include <errno.h>

/* To stderr as lines of text, those up to the level, without the fields. */
static void test_text(void)
{
    if (g_test_subprocess()) {
        log_open();
        log_set_max_level(LOG_NOTICE);
        log_notice("seen %d", 1);
        log_info("not seen");
        log_fields(LOG_WARNING, MESSAGE_STARTED,
                   (const LogField[]){ { "NAME", "field" }, { "OTHER", NULL }, {} }, "seen %s", "too");
        g_assert_cmpint(log_error_errno(-ENOSPC, "Doing %s", "it"), ==, -ENOSPC);
        return;
    }
    g_setenv("JOURNAL_STREAM", "1:2", TRUE); /* of somebody else */
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("*seen 1\nseen too\nDoing it: No space left on device\n*");
    g_test_trap_assert_stderr_unmatched("*not seen*");
    g_test_trap_assert_stderr_unmatched("*field*");
}

/* What others wrote makes no line and moves no cursor. */
static void test_plain(void)
{
    if (g_test_subprocess()) {
        log_open();
        log_set_max_level(LOG_NOTICE);
        log_notice("of \"%s\"", "a\nforged line\033[2Jb caf\351 B\303\274cher \342\200\256");
        return;
    }
    g_setenv("JOURNAL_STREAM", "1:2", TRUE);
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("*of \"a?forged line?[2Jb caf? B\303\274cher ?\"\n*");
    g_test_trap_assert_stderr_unmatched("*\nforged*");
    g_test_trap_assert_stderr_unmatched("*\033*");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/log/text", test_text);
    g_test_add_func("/log/plain", test_plain);
    return g_test_run();
}
