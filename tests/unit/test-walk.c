/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "root-fixture.h"

#include <limits.h>

#include "deploy/walk.h"

static int walk(const Folder *f, const char *path, mode_t make, Problem *problem)
{
    g_autofree char *whole = folder_path(f, path);
    _cleanup_close_ int fd = -EBADF;
    const FolderAccess access = { .mode = make };
    int r = walk_open_directory(whole, make ? &access : NULL, &fd, problem);

    g_assert_true((fd >= 0) == (r >= 0));
    return r;
}

static void expect_refused(const Folder *f, const char *path, const char *words)
{
    _cleanup_problem_ Problem problem = {};

    g_assert_cmpint(walk(f, path, 0, &problem), <, 0);
    assert_says(&problem, words);
}

static void expect_open(const Folder *f, const char *path, mode_t make)
{
    _cleanup_problem_ Problem problem = {};

    if (walk(f, path, make, &problem) < 0)
        note_failure("%s: %s", path, problem.text);
}

static void own(const Folder *f, const char *path, uid_t owner, gid_t group, mode_t mode)
{
    g_assert_cmpint(fchownat(f->fd, path, owner, group, AT_SYMLINK_NOFOLLOW), ==, 0);
    if (mode)
        g_assert_cmpint(fchmodat(f->fd, path, mode, 0), ==, 0);
}

static void link_to(const Folder *f, const char *path, const char *target)
{
    g_assert_cmpint(symlinkat(target, f->fd, path), ==, 0);
}

static void test_way(void)
{
    _cleanup_folder_ Folder f = { .fd = -EBADF };

    if (skip_without_root())
        return;
    f = folder_of_root();
    folder_write(&f, "a/b/file", "");
    folder_write(&f, "foreign/inside/file", "");
    folder_write(&f, "open/inside/file", "");
    folder_write(&f, "group/inside/file", "");
    folder_write(&f, "root-group/inside/file", "");
    own(&f, "foreign", 1000, 0, 0);
    own(&f, "open", 0, 0, 01777);
    own(&f, "group", 0, 1000, 0775);
    own(&f, "root-group", 0, 0, 0775); /* or an ACL that lets another user write */
    link_to(&f, "link", "a/./b");
    link_to(&f, "a/round", "../a/b/../../link");
    link_to(&f, "loop", "loop");
    link_to(&f, "into-open", "open/inside");
    link_to(&f, "absolute", "/");
    link_to(&f, "of-another", "a");
    own(&f, "of-another", 1000, 1000, 0);

    expect_open(&f, "a/b", 0);
    expect_open(&f, "a//b/", 0);
    expect_open(&f, "link", 0);
    expect_open(&f, "a/round", 0);
    expect_open(&f, "absolute", 0);
    expect_refused(&f, "a/missing", "a/missing\" does not exist");
    expect_refused(&f, "a/b/file", "is not a directory");
    expect_refused(&f, "a/b/file/more", "is not a directory");
    expect_refused(&f, "loop", "too many symbolic links");
    expect_refused(&f, "foreign", "foreign\" can be changed by other users than root");
    expect_refused(&f, "foreign/inside", "foreign\" can be changed by other users than root");
    expect_refused(&f, "open/inside", "open\" can be changed by other users than root");
    expect_refused(&f, "into-open", "open\" can be changed by other users than root");
    expect_refused(&f, "group/inside", "group\" can be changed by other users than root");
    expect_refused(&f, "root-group/inside", "root-group\" can be changed by other users than root");
    expect_refused(&f, "of-another", "of-another\" is a symbolic link of another user");
}

static void test_made(void)
{
    _cleanup_folder_ Folder f = { .fd = -EBADF };
    _cleanup_problem_ Problem problem = {};
    struct stat st;

    if (skip_without_root())
        return;
    f = folder_of_root();
    expect_open(&f, "secret/", 0700);
    g_assert_cmpint(fstatat(f.fd, "secret", &st, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_cmpuint(st.st_mode, ==, S_IFDIR | 0700);
    expect_open(&f, "secret", 0755);
    g_assert_cmpint(fstatat(f.fd, "secret", &st, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_cmpuint(st.st_mode, ==, S_IFDIR | 0700);
    g_assert_cmpint(walk(&f, "not/both", 0755, &problem), <, 0);
    assert_says(&problem, "not\" does not exist");
    g_assert_false(folder_has(&f, "not"));
}

static void test_made_for_others(void)
{
    _cleanup_folder_ Folder f = { .fd = -EBADF };
    _cleanup_problem_ Problem problem = {};

    if (skip_without_root())
        return;
    f = folder_of_root();
    folder_write(&f, "foreign/file", "");
    own(&f, "foreign", 1000, 0, 0);
    g_assert_cmpint(walk(&f, "foreign/new", 0755, &problem), <, 0);
    assert_says(&problem, "can be changed by other users");
    g_assert_false(folder_has(&f, "foreign/new"));
}

static void test_long(void)
{
    _cleanup_folder_ Folder f = { .fd = -EBADF };
    g_autofree char *name = g_strnfill(NAME_MAX + 1, 'a'), *path = g_strnfill(PATH_MAX + 1, '/');
    _cleanup_problem_ Problem problem = {};
    int fd = -EBADF;

    if (skip_without_root())
        return;
    f = folder_of_root();
    expect_refused(&f, name, "too long");
    g_assert_cmpint(walk_open_directory(path, NULL, &fd, &problem), <, 0);
    assert_says(&problem, "too long");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/walk/way", test_way);
    g_test_add_func("/walk/made", test_made);
    g_test_add_func("/walk/made-for-others", test_made_for_others);
    g_test_add_func("/walk/long", test_long);
    return g_test_run();
}
