/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "root-fixture.h"

#include <grp.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "deploy/folder.h"

#define USER     4321
#define GROUP    8765
#define STRANGER 1234

/* True if a process of this user and group can read the file. */
static bool can_read(const Folder *f, const char *path, uid_t user, gid_t group)
{
    pid_t child = fork();
    int status = 0;

    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        if (setgroups(0, NULL) < 0 || setresgid(group, group, group) < 0 || setresuid(user, user, user) < 0)
            _exit(2);
        _exit(openat(f->fd, path, O_RDONLY | O_CLOEXEC) < 0);
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

static void make(const Folder *f, const char *name, FolderAccess access, int expected)
{
    g_autofree char *file = g_strconcat(name, "/file", NULL);
    int r = folder_make(f->fd, name, &access);

    g_assert_cmpint(r, ==, expected);
    g_assert_false(folder_has(f, ".certwright-deploy.new"));
    if (r < 0)
        return;
    folder_write(f, file, "content");
    g_assert_cmpint(fchmodat(f->fd, file, 0644, 0), ==, 0);
}

static struct stat look(const Folder *f, const char *name)
{
    struct stat st;

    g_assert_cmpint(fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_cmpint(st.st_uid, ==, 0);
    g_assert_cmpint(st.st_mode & (S_IWGRP | S_IWOTH), ==, 0); /* else the walk would refuse it */
    return st;
}

/* Files in it are for those it was made for, and for nobody else. */
static void test_access(void)
{
    static const struct {
        const char *name;
        FolderAccess access;
        bool user, group;
    } rows[] = {
        { "root", { .mode = 0700 }, false, false },
        { "group", { .mode = 0700, .group = GROUP }, false, true },
        { "user", { .mode = 0700, .user = USER }, true, false },
        { "both", { .mode = 0700, .user = USER, .group = GROUP }, true, true },
    };
    _cleanup_folder_ Folder f = { .fd = -EBADF };

    if (skip_without_root())
        return;
    f = folder_of_root();
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        g_autofree char *file = g_strconcat(rows[i].name, "/file", NULL);

        make(&f, rows[i].name, rows[i].access, 0);
        if (can_read(&f, file, USER, USER) != rows[i].user)
            note_failure("%s: user", rows[i].name);
        if (can_read(&f, file, STRANGER, GROUP) != rows[i].group)
            note_failure("%s: group", rows[i].name);
        g_assert_false(can_read(&f, file, STRANGER, STRANGER));
        g_assert_cmpint(look(&f, rows[i].name).st_gid, ==, rows[i].access.group);
    }
    make(&f, "open", (FolderAccess){ .mode = 0755 }, 0);
    g_assert_true(can_read(&f, "open/file", STRANGER, STRANGER));
    make(&f, "both", rows[1].access, -EEXIST);
    make(&f, "both", rows[0].access, -EEXIST);
}

/* What a killed run left is replaced, and a parent that gives others access to everything in it does not give it here. */
static void test_parent(void)
{
    static const struct {
        uint32_t version;
        struct {
            uint16_t tag, permissions;
            uint32_t id;
        } entries[5];
    } acl = { 2,
              { { 1, 7, UINT32_MAX },
                { 2, 7, STRANGER },
                { 4, 7, UINT32_MAX },
                { 16, 7, UINT32_MAX },
                { 32, 7, UINT32_MAX } } };
    const FolderAccess access = { .mode = 0700, .group = GROUP };
    _cleanup_folder_ Folder f = { .fd = -EBADF };

    if (skip_without_root())
        return;
    f = folder_of_root();
    folder_write(&f, ".certwright-deploy.new/left", "x");
    g_assert_cmpint(fchown(f.fd, 0, STRANGER), ==, 0);
    g_assert_cmpint(fchmod(f.fd, 02755), ==, 0);
    g_assert_cmpint(fsetxattr(f.fd, "system.posix_acl_default", &acl, sizeof(acl), 0), ==, 0);
    make(&f, "made", access, 0);
    g_assert_false(folder_has(&f, "made/left"));
    g_assert_cmpint(look(&f, "made").st_mode & 07777, ==, 0750);
    g_assert_cmpint(look(&f, "made").st_gid, ==, GROUP);
    g_assert_false(can_read(&f, "made/file", STRANGER, STRANGER));
    g_assert_true(can_read(&f, "made/file", STRANGER, GROUP));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/folder/access", test_access);
    g_test_add_func("/folder/parent", test_parent);
    return g_test_run();
}
