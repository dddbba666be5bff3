/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "import/import.h"

#include <sys/stat.h>

#include "core/limits.h"
#include "util/memfd.h"

/* Who may have how many uploads read, and in which order. The program that reads them is one that notes that it was started and
 * waits until it may end. */

#define ALICE 1001
#define BOB   1002
#define CAROL 1003

typedef struct Scene {
    Folder folder;
    sd_event *event;
    Importer *importer;
    size_t n_answered, n_cancelled;
    size_t n_expected; /* starts that are waited for */
} Scene;

static void scene_init(Scene *s)
{
    g_autofree char *program = NULL, *text = NULL;

    *s = (Scene){ .folder = folder_new() };
    program = folder_path(&s->folder, "program");
    text = g_strdup_printf("#!/bin/sh\ncd %s\nname=$(cat)\necho \"$name\" >>started\n"
                           "while [ ! -e \"end-$name\" ]; do sleep 0.01; done\nexit 1\n",
                           s->folder.path);
    folder_write(&s->folder, "program", text);
    g_assert_cmpint(chmod(program, 0700), ==, 0);
    g_assert_cmpint(sd_event_new(&s->event), ==, 0);
    g_assert_cmpint(importer_new(s->event, program, &s->importer), ==, 0);
}

static void scene_done(Scene *s)
{
    importer_free(s->importer);
    sd_event_unref(s->event);
    folder_done(&s->folder);
}
#define _cleanup_scene_ _cleanup_(scene_done)

static void on_done(Imported *imported, const Problem *problem, void *userdata)
{
    Scene *s = userdata;

    g_assert_null(imported);
    s->n_answered++;
    s->n_cancelled += problem->code == PROBLEM_CANCELLED;
}

/* PROBLEM_NONE: it waits or runs. */
static ProblemCode begin(Scene *s, uid_t owner, const char *name)
{
    _cleanup_problem_ Problem problem = {};
    ImportInput input = { .bundle_fd = memfd_new("upload", name, strlen(name)),
                          .key_fd = -EBADF,
                          .passphrase_fd = -EBADF,
                          .owner = owner };
    int r = importer_start(s->importer, &input, on_done, s, &problem);

    close(input.bundle_fd);
    g_assert_true((r < 0) == (problem.code != PROBLEM_NONE));
    return problem.code;
}

/* Of one user: PREFIX0 and so on. */
static void begin_many(Scene *s, uid_t owner, const char *prefix, int n)
{
    for (int i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("%s%d", prefix, i);

        g_assert_cmpint(begin(s, owner, name), ==, PROBLEM_NONE);
    }
}

static void end(Scene *s, const char *name)
{
    g_autofree char *file = g_strdup_printf("end-%s", name);

    folder_write(&s->folder, file, "");
}

static char *started(const Scene *s)
{
    char *text = folder_read(&s->folder, "started");

    return text ? g_strdelimit(text, "\n", ' ') : g_strdup("");
}

static bool has_started(void *userdata)
{
    const Scene *s = userdata;
    g_autofree char *text = started(s);
    size_t n = 0;

    for (const char *c = text; *c; c++)
        n += *c == ' ';
    return n >= s->n_expected;
}

/* Those that come last among n. */
static void expect_started(Scene *s, size_t n, const char *last)
{
    g_autofree char *text = NULL;

    s->n_expected = n;
    loop_until(s->event, has_started, s);
    text = started(s);
    if (!g_str_has_suffix(text, last))
        note_failure("started: %s, instead of what ends with %s", text, last);
}

/* A moment later there are no more. */
static void expect_no_more(Scene *s, size_t n)
{
    loop_for(s->event, 200000);
    s->n_expected = n + 1;
    g_assert_false(has_started(s));
}

/* One user's uploads leave a process for those of another. */
static void test_room_for_others(void)
{
    _cleanup_scene_ Scene s = {};

    scene_init(&s);
    begin_many(&s, ALICE, "a", 10);
    expect_started(&s, LIMIT_IMPORTS - 1, " ");
    expect_no_more(&s, LIMIT_IMPORTS - 1);
    begin_many(&s, BOB, "b", 2);
    expect_started(&s, LIMIT_IMPORTS, "b0 ");
    expect_no_more(&s, LIMIT_IMPORTS);
    g_assert_cmpuint(importer_pending(s.importer), ==, 12);
    g_assert_cmpuint(s.n_answered, ==, 0);
}

/* What waits is taken from each in turn, however many others have. */
static void test_turns(void)
{
    static const struct {
        const char *ends, *starts;
    } steps[] = { { "a0", "a3 " }, { "a1", "b1 " }, { "a2", "c0 " }, { "b0", "a4 " }, { "a3", "b2 " },
                  { "b1", "c1 " }, { "c0", "a5 " }, { "a4", "a6 " }, { "b2", "a7 " } };
    _cleanup_scene_ Scene s = {};

    scene_init(&s);
    begin_many(&s, ALICE, "a", 12);
    begin_many(&s, BOB, "b", 3);
    begin_many(&s, CAROL, "c", 2);
    expect_started(&s, LIMIT_IMPORTS, " ");
    for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
        end(&s, steps[i].ends);
        expect_started(&s, LIMIT_IMPORTS + 1 + i, steps[i].starts);
    }
    end(&s, "c1"); /* which leaves three of one user */
    expect_no_more(&s, LIMIT_IMPORTS + ELEMENTSOF(steps));
}

/* LIMIT_IMPORTS_PER_UID and LIMIT_IMPORTS_WAITING. */
static void test_limits(void)
{
    _cleanup_scene_ Scene s = {};
    uid_t user = ALICE;

    scene_init(&s);
    begin_many(&s, user, "a", LIMIT_IMPORTS - 1 + LIMIT_IMPORTS_PER_UID);
    g_assert_cmpint(begin(&s, user, "more"), ==, PROBLEM_LIMITS_EXCEEDED);
    begin_many(&s, ++user, "b", 1 + LIMIT_IMPORTS_PER_UID);
    g_assert_cmpint(begin(&s, user, "more"), ==, PROBLEM_LIMITS_EXCEEDED);
    for (int n = 2 * LIMIT_IMPORTS_PER_UID; n < LIMIT_IMPORTS_WAITING; n++)
        g_assert_cmpint(begin(&s, CAROL + (uid_t)n, "c"), ==, PROBLEM_NONE);
    g_assert_cmpint(begin(&s, 0, "more"), ==, PROBLEM_BUSY);
    g_assert_cmpuint(importer_pending(s.importer), ==, LIMIT_IMPORTS + LIMIT_IMPORTS_WAITING);
}

/* Whoever was told no is served as soon as something of his is answered. */
static void test_after_limit(void)
{
    _cleanup_scene_ Scene s = {};

    scene_init(&s);
    begin_many(&s, ALICE, "a", LIMIT_IMPORTS - 1 + LIMIT_IMPORTS_PER_UID);
    expect_started(&s, LIMIT_IMPORTS - 1, " ");
    end(&s, "a0");
    expect_started(&s, LIMIT_IMPORTS, "a3 ");
    g_assert_cmpuint(s.n_answered, ==, 1);
    g_assert_cmpint(begin(&s, ALICE, "more"), ==, PROBLEM_NONE);
    g_assert_cmpint(begin(&s, ALICE, "too-many"), ==, PROBLEM_LIMITS_EXCEEDED);
}

/* What waits and what runs is answered when the service stops. */
static void test_stop(void)
{
    _cleanup_scene_ Scene s = {};

    scene_init(&s);
    begin_many(&s, ALICE, "a", 6);
    begin_many(&s, BOB, "b", 6);
    expect_started(&s, LIMIT_IMPORTS, " ");
    importer_free(TAKE_PTR(s.importer));
    g_assert_cmpuint(s.n_answered, ==, 12);
    g_assert_cmpuint(s.n_cancelled, ==, 12);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/import/room-for-others", test_room_for_others);
    g_test_add_func("/import/turns", test_turns);
    g_test_add_func("/import/limits", test_limits);
    g_test_add_func("/import/after-limit", test_after_limit);
    g_test_add_func("/import/stop", test_stop);
    return g_test_run();
}
