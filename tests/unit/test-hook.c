/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "dns/hook.h"

#define VALUE   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_-"
#define PATIENT 60
#define SHORT   1

/* A folder of hooks, which are this user's. */
typedef struct Scene {
    Folder folder;
    Problem problem;
} Scene;

static void scene_done(Scene *s)
{
    problem_clear(&s->problem);
    folder_done(&s->folder);
}
#define _cleanup_scene_ _cleanup_(scene_done)

static Scene scene_new(void)
{
    return (Scene){ .folder = folder_new() };
}

static void write_hook(const Scene *s, const char *name, const char *script)
{
    _cleanup_free_ char *path = folder_path(&s->folder, name);

    folder_write(&s->folder, name, script);
    g_assert_cmpint(chmod(path, 0755), ==, 0);
}

static int run_by(Scene *s, const char *name, bool remove, unsigned seconds, uid_t owner)
{
    const DnsRequest q = {
        .remove = remove, .fqdn = S("_acme-challenge.example.net"), .value = S(VALUE), .hook = S(name)
    };

    problem_clear(&s->problem);
    return hook_run(s->folder.path, owner, seconds, &q, &s->problem);
}

static int run(Scene *s, const char *name)
{
    return run_by(s, name, false, PATIENT, geteuid());
}

static void assert_fails(Scene *s, int r, const char *what)
{
    g_assert_cmpint(r, <, 0);
    g_assert_cmpint(s->problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    if (!strstr(s->problem.text, what))
        note_failure("\"%s\" is not in: %s", what, s->problem.text);
}

/* Arguments, environment, descriptors and place are those that the page of the manual tells. */
static void test_what_it_gets(void)
{
    _cleanup_scene_ Scene s = scene_new();
    _cleanup_free_ char *expected = NULL, *said = NULL, *script = NULL;

    script = g_strdup_printf(
        "#!/bin/sh\ncd %s\n{ echo \"$0 $*\"; cat; echo \"$OLDPWD\"; cat /proc/$$/environ | tr '\\0' '\\n';"
        " [ -e /proc/$$/fd/77 ] || echo closed; } >>said\n",
        s.folder.path);
    write_hook(&s, "hook", script);
    g_assert_cmpint(dup2(s.folder.fd, 77), ==, 77); /* without O_CLOEXEC */
    g_assert_cmpint(g_setenv("SECRET", "1", true), ==, true);
    g_assert_cmpint(run(&s, "hook"), ==, 0);
    g_assert_cmpint(s.problem.code, ==, PROBLEM_NONE);
    g_assert_cmpint(run_by(&s, "hook", true, PATIENT, geteuid()), ==, 0);
    close(77);
    said = folder_read(&s.folder, "said");
#define REST \
    "/\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C.UTF-8\nHOME=/\nclosed\n"
    expected = g_strdup_printf("%s/hook present _acme-challenge.example.net. " VALUE "\n" REST
                               "%s/hook cleanup _acme-challenge.example.net. " VALUE "\n" REST,
                               s.folder.path, s.folder.path);
    g_assert_cmpstr(said, ==, expected);
}

static void test_failure(void)
{
    _cleanup_scene_ Scene s = scene_new();

    write_hook(&s, "hook", "#!/bin/sh\necho out\nprintf 'line\\n\\n\\033[31mtwo\\t\\377\\n' >&2\nexit 3\n");
    assert_fails(&s, run(&s, "hook"), "hook exited with status 3: out line ?[31mtwo ?");
    assert_fails(&s, run(&s, "hook"), "\"present _acme-challenge.example.net.\"");
    g_assert_null(strchr(s.problem.text, '\n'));
    write_hook(&s, "quiet", "#!/bin/sh\nexit 1\n");
    assert_fails(&s, run(&s, "quiet"), "status 1, and wrote nothing");
    write_hook(&s, "signal", "#!/bin/sh\nkill -USR1 $$\n");
    assert_fails(&s, run(&s, "signal"), "was killed by signal 10");
}

static void test_much_output(void)
{
    _cleanup_scene_ Scene s = scene_new();

    write_hook(&s, "hook",
               "#!/bin/sh\nhead -c 5000000 /dev/zero | tr '\\0' 'x'\necho; echo the last words\nexit 1\n");
    assert_fails(&s, run(&s, "hook"), "the last words");
    g_assert_true(g_str_has_suffix(s.problem.text, "xxx the last words"));
    g_assert_cmpuint(strlen(s.problem.text), >, LIMIT_DNS_OUTPUT);
    g_assert_cmpuint(strlen(s.problem.text), <, LIMIT_PROBLEM_TEXT);
    write_hook(&s, "hook", "#!/bin/sh\nhead -c 5000000 /dev/zero\nexit 0\n");
    g_assert_cmpint(run(&s, "hook"), ==, 0);
}

static int64_t seconds_since(int64_t begin)
{
    return g_get_monotonic_time() / G_USEC_PER_SEC - begin;
}

static void test_late(void)
{
    _cleanup_scene_ Scene s = scene_new();
    int64_t begin = g_get_monotonic_time() / G_USEC_PER_SEC;

    write_hook(&s, "polite",
               "#!/bin/sh\ntrap 'echo asked to end; exit 0' TERM\necho begun\nsleep 600 & wait\n");
    assert_fails(&s, run_by(&s, "polite", false, SHORT, geteuid()),
                 "did not exit within 1 seconds and was terminated: begun asked to end");
    write_hook(&s, "deaf", "#!/bin/sh\ntrap '' TERM\necho deaf\nwhile :; do sleep 600; done\n");
    assert_fails(&s, run_by(&s, "deaf", false, SHORT, geteuid()), "was terminated: deaf");
    g_assert_cmpint(seconds_since(begin), <, 300);
}

/* Whether the process whose number is in the file runs. */
static bool runs(const Scene *s, const char *file)
{
    _cleanup_free_ char *number = folder_read(&s->folder, file), *path = NULL, *status = NULL;

    g_assert_nonnull(number);
    path = g_strdup_printf("/proc/%d/stat", atoi(number));
    if (!g_file_get_contents(path, &status, NULL, NULL))
        return false;
    return !strstr(status, ") Z ");
}

/* What was started in the background neither keeps the hook waiting nor lives on. */
static void test_left_behind(void)
{
    _cleanup_scene_ Scene s = scene_new();
    _cleanup_free_ char *script = g_strdup_printf(
        "#!/bin/sh\nsleep 600 &\necho $! >%s/child\n(trap '' TERM HUP; exec sleep 600) &\necho $! >%s/deaf\necho bye\n",
        s.folder.path, s.folder.path);
    int64_t begin = g_get_monotonic_time() / G_USEC_PER_SEC;

    write_hook(&s, "hook", script);
    g_assert_cmpint(run(&s, "hook"), ==, 0);
    g_assert_cmpint(seconds_since(begin), <, PATIENT);
    for (int i = 0; i < 500 && (runs(&s, "child") || runs(&s, "deaf")); i++)
        g_usleep(20000);
    g_assert_false(runs(&s, "child"));
    g_assert_false(runs(&s, "deaf"));
}

static void test_what_is_no_hook(void)
{
    _cleanup_scene_ Scene s = scene_new();
    _cleanup_free_ char *link = folder_path(&s.folder, "link"), *hook = folder_path(&s.folder, "hook"),
                        *directory = folder_path(&s.folder, "directory");

    write_hook(&s, "hook", "#!/bin/sh\n");
    g_assert_cmpint(run(&s, "hook"), ==, 0);
    g_assert_cmpint(symlink(hook, link), ==, 0);
    assert_fails(&s, run(&s, "link"), "it is a symbolic link");
    assert_fails(&s, run(&s, "other"), "there is no such file");
    g_assert_cmpint(mkdir(directory, 0755), ==, 0);
    assert_fails(&s, run(&s, "directory"), "not a regular file");
    g_assert_cmpint(chmod(hook, 0757), ==, 0);
    assert_fails(&s, run(&s, "hook"), "chmod go-w");
    g_assert_cmpint(chmod(hook, 0775), ==, 0);
    assert_fails(&s, run(&s, "hook"), "chmod go-w");
    g_assert_cmpint(chmod(hook, 0644), ==, 0);
    assert_fails(&s, run(&s, "hook"), "chmod a+x");
    g_assert_cmpint(chmod(hook, 0755), ==, 0);
    g_assert_cmpint(run(&s, "hook"), ==, 0);
    write_hook(&s, "hook", "echo no interpreter\n");
    assert_fails(&s, run(&s, "hook"), "#!/bin/sh");
    write_hook(&s, "hook", "#!/nowhere/sh\n");
    assert_fails(&s, run(&s, "hook"), "#!/bin/sh");
}

static void test_owner(void)
{
    _cleanup_scene_ Scene s = scene_new();
    _cleanup_free_ char *hook = folder_path(&s.folder, "hook");

    write_hook(&s, "hook", "#!/bin/sh\n");
    assert_fails(&s, run_by(&s, "hook", false, PATIENT, geteuid() + 1), "does not belong to root");
    if (geteuid() != 0) {
        g_test_skip("only root can give a file away");
        return;
    }
    g_assert_cmpint(chown(hook, 65534, 0), ==, 0);
    assert_fails(&s, run(&s, "hook"), "does not belong to root");
    g_assert_nonnull(strstr(s.problem.text, hook));
}

static void test_folder(void)
{
    _cleanup_scene_ Scene s = scene_new();
    const DnsRequest q = { .fqdn = S("a.example.net"), .value = S(VALUE), .hook = S("hook") };
    _cleanup_free_ char *link = folder_path(&s.folder, "link"), *none = folder_path(&s.folder, "none");

    write_hook(&s, "hook", "#!/bin/sh\n");
    g_assert_cmpint(symlink(s.folder.path, link), ==, 0);
    assert_fails(&s, hook_run(link, geteuid(), PATIENT, &q, &s.problem), "cannot be opened as a directory");
    problem_clear(&s.problem);
    assert_fails(&s, hook_run(none, geteuid(), PATIENT, &q, &s.problem), "cannot be opened as a directory");
    g_assert_cmpint(chmod(s.folder.path, 0775), ==, 0);
    assert_fails(&s, run(&s, "hook"), "No hook of the folder");
    g_assert_cmpint(chmod(s.folder.path, 01777), ==, 0);
    assert_fails(&s, run(&s, "hook"), "chmod go-w");
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/hook/what-it-gets", test_what_it_gets);
    g_test_add_func("/hook/failure", test_failure);
    g_test_add_func("/hook/much-output", test_much_output);
    g_test_add_func("/hook/late", test_late);
    g_test_add_func("/hook/left-behind", test_left_behind);
    g_test_add_func("/hook/what-is-no-hook", test_what_is_no_hook);
    g_test_add_func("/hook/owner", test_owner);
    g_test_add_func("/hook/folder", test_folder);
    return g_test_run();
}
