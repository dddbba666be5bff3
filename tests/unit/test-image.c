/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "root-fixture.h"

#include <sys/xattr.h>

#include "core/limits.h"
#include "util/text.h"

static void capture(const Folder *f, const char *name, Image *ret)
{
    _cleanup_problem_ Problem problem = {};

    if (image_capture(f->fd, name, name, ret, &problem) < 0)
        note_failure("%s: %s", name, problem.text);
}

/* Captured and created again, a file is the same. */
static void check_again(const Folder *f, const char *name)
{
    _cleanup_image_ Image first = {}, second = {}, copy = {};

    capture(f, name, &first);
    g_assert_cmpint(image_copy(&first, &copy), ==, 0);
    g_assert_true(image_equal(&first, &copy));
    g_assert_cmpint(image_create(f->fd, "again", &copy, true), ==, 0);
    g_assert_cmpint(image_create(f->fd, "again", &copy, true), ==, -EEXIST);
    capture(f, "again", &second);
    g_assert_true(image_equal(&first, &second));
    g_assert_cmpint(unlinkat(f->fd, "again", 0), ==, 0);
}

static void test_again(void)
{
    _cleanup_folder_ Folder f = { .fd = -EBADF };

    if (skip_without_root())
        return;
    f = folder_of_root();
    folder_write(&f, "file", "text");
    folder_write_bytes(&f, "bytes", "a\0b", 3);
    folder_write(&f, "empty", "");
    g_assert_cmpint(symlinkat("nowhere/at all", f.fd, "link"), ==, 0);
    g_assert_cmpint(fchownat(f.fd, "file", 1000, 1001, 0), ==, 0);
    g_assert_cmpint(fchmodat(f.fd, "file", 0604, 0), ==, 0);
    g_assert_cmpint(fchownat(f.fd, "link", 1002, 1003, AT_SYMLINK_NOFOLLOW), ==, 0);
    check_again(&f, "file");
    check_again(&f, "bytes");
    check_again(&f, "empty");
    check_again(&f, "link");
}

static void test_absent(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_image_ Image image = {};

    capture(&f, "nothing", &image);
    g_assert_cmpint(image.kind, ==, IMAGE_ABSENT);
    g_assert_null(image.data);
}

/* As acl(5) encodes "u::rw,u:1234:r,g::-,m::r,o::-". */
static const uint8_t acl[] = { 2, 0,    0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  4,
                               0, 0xd2, 4,   0,   0,   4,   0,  0, 0,   255, 255, 255, 255, 16, 0,
                               4, 0,    255, 255, 255, 255, 32, 0, 0,   0,   255, 255, 255, 255 };

static void test_acl(void)
{
    _cleanup_folder_ Folder f = { .fd = -EBADF };
    _cleanup_image_ Image image = {};
    g_autofree char *path = NULL;

    if (skip_without_root())
        return;
    f = folder_of_root();
    folder_write(&f, "file", "text");
    path = folder_path(&f, "file");
    if (setxattr(path, "system.posix_acl_access", acl, sizeof(acl), 0) < 0) {
        g_assert_cmpint(errno, ==, EOPNOTSUPP);
        g_test_skip("no ACLs on this file system");
        return;
    }
    capture(&f, "file", &image);
    g_assert_nonnull(image.acl);
    check_again(&f, "file");
}

static void expect_refused(const Folder *f, const char *name, const char *words)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_image_ Image image = {};

    g_assert_cmpint(image_capture(f->fd, name, "/path/of/it", &image, &problem), <, 0);
    assert_says(&problem, words);
    assert_says(&problem, "/path/of/it");
}

static void test_other_kinds(void)
{
    _cleanup_folder_ Folder f = folder_new();
    g_autofree char *large = folder_path(&f, "large");
    _cleanup_image_ Image image = {};

    folder_write(&f, "folder/file", "");
    folder_write(&f, "large", "");
    g_assert_cmpint(mkfifoat(f.fd, "fifo", 0600), ==, 0);
    expect_refused(&f, "folder", "neither a regular file nor a symbolic link");
    expect_refused(&f, "fifo", "neither a regular file nor a symbolic link");
    g_assert_cmpint(truncate(large, LIMIT_DEPLOYED_FILE + 1), ==, 0);
    expect_refused(&f, "large", "is larger than");
    g_assert_cmpint(truncate(large, LIMIT_DEPLOYED_FILE), ==, 0);
    capture(&f, "large", &image);
    g_assert_cmpuint(image.size, ==, LIMIT_DEPLOYED_FILE);
}

static void test_equal(void)
{
    const Image a = { .kind = IMAGE_FILE, .owner = 1, .group = 2, .mode = 0600, .data = S("x"), .size = 1 };
    Image others[] = { a, a, a, a, a, a, a };

    g_assert_true(image_equal(&a, &others[0]));
    others[0].kind = IMAGE_LINK;
    others[1].owner = 3;
    others[2].group = 3;
    others[3].mode = 0640;
    others[4].data = S("y");
    others[5].label = S("label");
    others[6].acl = S("02");
    for (size_t i = 0; i < ELEMENTSOF(others); i++)
        if (image_equal(&a, &others[i]))
            note_failure("%zu", i);
}

static void test_words(void)
{
    for (ImageKind k = 0; k < _IMAGE_KIND_MAX; k++)
        g_assert_cmpint(image_kind_from_string(image_kind_to_string(k)), ==, k);
    g_assert_cmpint(image_kind_from_string("folder"), <, 0);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/image/again", test_again);
    g_test_add_func("/image/absent", test_absent);
    g_test_add_func("/image/acl", test_acl);
    g_test_add_func("/image/other-kinds", test_other_kinds);
    g_test_add_func("/image/equal", test_equal);
    g_test_add_func("/image/words", test_words);
    return g_test_run();
}
