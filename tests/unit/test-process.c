/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "dns/process.h"

#define PATIENT 60

/* Runs a script. ret_text gets a description of its end, in which the program is "sh"; NULL: none. */
static ProcessEnd run(const char *script, const char *input, unsigned seconds, char **ret_text)
{
    const char *const arguments[] = { "sh", "-c", script, "script", "an argument", NULL };
    const ProcessCall call = {
        .path = "/bin/sh", .arguments = arguments, .input = input, .seconds = seconds
    };
    ProcessEnd end = {};

    g_assert_cmpint(process_run(&call, &end), ==, 0);
    if (ret_text)
        *ret_text = process_describe(&call, &end);
    return end;
}

static void test_ends(void)
{
    static const struct {
        const char *script, *text;
        int status, signal;
    } cases[] = {
        { "exit 0", "sh exited with status 0, and wrote nothing", 0, 0 },
        { "exit 255", "sh exited with status 255, and wrote nothing", 255, 0 },
        { "echo \"$1\"; exit 3", "sh exited with status 3: an argument", 3, 0 },
        { "kill -USR1 $$", "sh was killed by signal 10, and wrote nothing", -1, SIGUSR1 },
        { "echo dead; kill -KILL $$", "sh was killed by signal 9: dead", -1, SIGKILL },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_free_ char *text = NULL;
        ProcessEnd end = run(cases[i].script, NULL, PATIENT, &text);

        g_assert_cmpstr(text, ==, cases[i].text);
        g_assert_cmpint(end.status, ==, cases[i].status);
        g_assert_cmpint(end.signal, ==, cases[i].signal);
        g_assert_false(end.late);
    }
}

/* One line of plain text, whatever was written, and to which of both. */
static void test_output(void)
{
    static const struct {
        const char *script, *output;
    } cases[] = {
        { ":", "" },
        { "echo one; echo two >&2; echo three", "one two three" },
        { "printf '\\n\\n one\\r\\n\\ttwo  three \\n\\n'", "one two three" },
        { "printf 'a\\000b\\033[1mc\\377d'", "a?b?[1mc?d" },
        { "printf '\\303\\274 \\342\\200\\256'", "ü ?" }, /* the second one turns the direction of writing */
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        ProcessEnd end = run(cases[i].script, NULL, PATIENT, NULL);

        g_assert_cmpstr(end.output, ==, cases[i].output);
    }
}

/* Of much output the end is kept, from the beginning of a character on. */
static void test_much_output(void)
{
    ProcessEnd end = run("head -c 300000 /dev/zero | tr '\\0' x; echo; echo the end", NULL, PATIENT, NULL);

    g_assert_true(g_str_has_suffix(end.output, "xxx the end"));
    g_assert_cmpuint(strlen(end.output), ==, LIMIT_DNS_OUTPUT - 1); /* without the last line break */
    end = run("for i in $(seq 1000); do printf '\\342\\202\\254'; done; printf .", NULL, PATIENT, NULL);
    g_assert_true(g_str_has_prefix(end.output, "€€"));
    g_assert_true(g_str_has_suffix(end.output, "€."));
    g_assert_cmpuint(strlen(end.output), >, LIMIT_DNS_OUTPUT - 4);
}

static void test_input(void)
{
    ProcessEnd end = run("cat", "the input", PATIENT, NULL);

    g_assert_cmpstr(end.output, ==, "the input");
    end = run("cat", NULL, PATIENT, NULL); /* /dev/null */
    g_assert_cmpstr(end.output, ==, "");
    g_assert_cmpint(end.status, ==, 0);
}

/* Nothing of this process but the standard descriptors. */
static void test_environment(void)
{
    _cleanup_folder_ Folder f = folder_new();
    ProcessEnd end;

    g_assert_true(g_setenv("SECRET", "1", true));
    g_assert_cmpint(dup2(f.fd, 77), ==, 77); /* without O_CLOEXEC */
    end = run("pwd; tr '\\0' ' ' </proc/$$/environ; [ -e /proc/$$/fd/77 ] || echo closed", NULL, PATIENT,
              NULL);
    close(77);
    g_assert_cmpstr(
        end.output, ==,
        "/ PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/ closed");
}

/* It may put things right when it is asked to end, and is killed if it does not. */
static void test_late(void)
{
    _cleanup_free_ char *asked = NULL, *killed = NULL;
    ProcessEnd end = run("trap 'echo asked; exit 7' TERM; echo begun; while :; do sleep 600 & wait; done",
                         NULL, 1, &asked);

    g_assert_true(end.late);
    g_assert_cmpint(end.status, ==, 7);
    g_assert_cmpstr(asked, ==, "sh did not exit within 1 seconds and was terminated: begun asked");
    end = run("trap '' TERM; while :; do sleep 600; done", NULL, 1, &killed);
    g_assert_true(end.late);
    g_assert_cmpint(end.signal, ==, SIGKILL);
    g_assert_cmpstr(killed, ==, "sh did not exit within 1 seconds and was terminated, and wrote nothing");
}

/* What it leaves behind neither keeps it from ending nor outlives it. */
static void test_group(void)
{
    g_autofree char *path = NULL, *status = NULL;
    ProcessEnd end = run("(trap '' TERM HUP; exec sleep 600) & echo $!", NULL, PATIENT, NULL);

    g_assert_cmpint(end.status, ==, 0);
    g_assert_cmpint(atoi(end.output), >, 1);
    path = g_strdup_printf("/proc/%d/stat", atoi(end.output));
    for (int i = 0; i < 500; i++) { /* whoever reaps it may take a moment */
        g_clear_pointer(&status, g_free);
        if (!g_file_get_contents(path, &status, NULL, NULL) || strstr(status, ") Z "))
            return;
        g_usleep(20000);
    }
    g_error("%s", status);
}

static void test_not_started(void)
{
    const char *const arguments[] = { "program", NULL };
    const ProcessCall call = { .path = "/nowhere/program", .arguments = arguments, .seconds = PATIENT };
    ProcessEnd end = { .status = 1 };

    g_assert_cmpint(process_run(&call, &end), ==, -ENOENT);
    g_assert_cmpint(end.status, ==, 1);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/process/ends", test_ends);
    g_test_add_func("/process/output", test_output);
    g_test_add_func("/process/much-output", test_much_output);
    g_test_add_func("/process/input", test_input);
    g_test_add_func("/process/environment", test_environment);
    g_test_add_func("/process/late", test_late);
    g_test_add_func("/process/group", test_group);
    g_test_add_func("/process/not-started", test_not_started);
    return g_test_run();
}
