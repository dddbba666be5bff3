/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "root-fixture.h"

#include "deploy/target.h"

#define STAGE ".certwright-deploy"

static void open_target(TargetFolders *folders, const Folder *f, const char *name, Target *ret)
{
    _cleanup_problem_ Problem problem = {};
    g_autofree char *path = folder_path(f, name);

    if (target_open(folders, path, NULL, ret, &problem) < 0)
        g_error("%s", problem.text);
}

static void replace(Target *t, const Image *next)
{
    g_assert_cmpint(target_stage(t, next, true, NULL), ==, 0);
    g_assert_cmpint(target_switch(t, NULL), ==, 0);
    g_assert_true(t->folder->unflushed);
    g_assert_cmpint(target_flush(t, NULL), ==, 0);
    g_assert_false(t->folder->unflushed);
}

/* Owner, mode and kind come back, whatever was there. */
static void test_back(void)
{
    static const char *const names[] = { "file", "link", "absent" };
    _cleanup_folder_ Folder f = { .fd = -EBADF };
    _cleanup_target_folders_ TargetFolders folders = {};
    _cleanup_image_ Image next = image_of("new", 0640);

    if (skip_without_root())
        return;
    f = folder_of_root();
    folder_write(&f, "file", "former");
    g_assert_cmpint(fchownat(f.fd, "file", 1000, 1001, 0), ==, 0);
    g_assert_cmpint(fchmodat(f.fd, "file", 0604, 0), ==, 0);
    g_assert_cmpint(symlinkat("elsewhere/file", f.fd, "link"), ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        _cleanup_target_ Target t = {};
        _cleanup_image_ Image former = {}, now = {}, then = {};

        open_target(&folders, &f, names[i], &t);
        g_assert_cmpint(target_capture(&t, &former, NULL), ==, 0);
        replace(&t, &next);
        g_assert_cmpint(target_capture(&t, &now, NULL), ==, 0);
        g_assert_true(image_equal(&now, &next));
        replace(&t, &former);
        g_assert_cmpint(target_capture(&t, &then, NULL), ==, 0);
        g_assert_true(image_equal(&then, &former));
    }
    g_assert_cmpuint(folders.n, ==, 1);
    target_folders_close(&folders);
    g_assert_false(folder_has(&f, STAGE));
    g_assert_false(folder_has(&f, "elsewhere"));
}

static void assert_content(const Folder *f, const char *path, const char *wanted)
{
    g_autofree char *content = folder_read(f, path);

    g_assert_cmpstr(content, ==, wanted);
}

/* A staged file is not in the folder, and is removed if it is not switched. */
static void test_staged(void)
{
    _cleanup_folder_ Folder f = { .fd = -EBADF };
    _cleanup_target_folders_ TargetFolders folders = {};
    _cleanup_image_ Image next = image_of("new", 0600);
    Target t = {};

    if (skip_without_root())
        return;
    f = folder_of_root();
    folder_write(&f, "file", "former");
    folder_write(&f, STAGE "/file", "of a crash");
    folder_write(&f, STAGE "/another", "of a crash");
    open_target(&folders, &f, "file", &t);
    g_assert_cmpint(target_stage(&t, &next, false, NULL), ==, 0);
    g_assert_cmpint(target_folders_flush_staged(&folders, NULL), ==, 0);
    assert_content(&f, "file", "former");
    assert_content(&f, STAGE "/file", "new");
    g_assert_false(folder_has(&f, STAGE "/another"));
    target_unstage(&t);
    g_assert_false(folder_has(&f, STAGE "/file"));
    g_assert_cmpint(target_switch(&t, NULL), ==, 0);
    assert_content(&f, "file", "former");
    target_close(&t);
    target_folders_close(&folders);
    g_assert_false(folder_has(&f, STAGE));
}

/* A folder is opened once, and a file is one, whatever their paths. */
static void test_one_folder(void)
{
    _cleanup_folder_ Folder f = { .fd = -EBADF };
    _cleanup_target_folders_ TargetFolders folders = {};
    _cleanup_target_ Target a = {}, b = {}, c = {};

    if (skip_without_root())
        return;
    f = folder_of_root();
    folder_write(&f, "real/file", "");
    g_assert_cmpint(symlinkat("real", f.fd, "link"), ==, 0);
    open_target(&folders, &f, "real/file", &a);
    open_target(&folders, &f, "link/file", &b);
    open_target(&folders, &f, "link/other", &c);
    g_assert_cmpuint(folders.n, ==, 1);
    g_assert_true(target_equal(&a, &b));
    g_assert_false(target_equal(&a, &c));
    g_assert_false(target_equal(&(Target){}, &(Target){}));
}

static void expect_refused(const char *path, const char *words)
{
    _cleanup_target_folders_ TargetFolders folders = {};
    _cleanup_problem_ Problem problem = {};
    _cleanup_target_ Target t = {};

    g_assert_cmpint(target_open(&folders, path, NULL, &t, &problem), <, 0);
    assert_says(&problem, words);
}

static void test_refused(void)
{
    expect_refused("relative", "not an absolute path");
    expect_refused("/run/", "not an absolute path of a file");
    expect_refused("/run/..", "not an absolute path of a file");
    expect_refused("/run/.", "not an absolute path of a file");
    expect_refused("/run/" STAGE, "not an absolute path of a file");
    expect_refused("/run/\377", "not an absolute path of a file");
    expect_refused("/nowhere-at-all/file", "does not exist");
}

/* A folder in the place of a file stays. */
static void test_in_the_way(void)
{
    _cleanup_folder_ Folder f = { .fd = -EBADF };
    _cleanup_target_folders_ TargetFolders folders = {};
    _cleanup_image_ Image next = image_of("new", 0600);
    _cleanup_problem_ Problem problem = {};
    _cleanup_target_ Target t = {};

    if (skip_without_root())
        return;
    f = folder_of_root();
    folder_write(&f, "file/inside", "");
    open_target(&folders, &f, "file", &t);
    g_assert_cmpint(target_stage(&t, &next, true, NULL), ==, 0);
    g_assert_cmpint(target_switch(&t, &problem), <, 0);
    assert_says(&problem, "cannot be replaced");
    g_assert_true(folder_has(&f, "file/inside"));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/target/back", test_back);
    g_test_add_func("/target/staged", test_staged);
    g_test_add_func("/target/one-folder", test_one_folder);
    g_test_add_func("/target/refused", test_refused);
    g_test_add_func("/target/in-the-way", test_in_the_way);
    return g_test_run();
}
