/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "config/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "util/text.h"

/* Which files, in which order. */

static void with_directories(const Folder *f, char *directories[static 4])
{
    static const char *const names[] = { "usr", "run", "etc" };

    for (size_t i = 0; i < 3; i++)
        directories[i] = folder_path(f, names[i]);
    directories[3] = NULL;
}

static void free_directories(char *directories[static 4])
{
    for (size_t i = 0; i < 3; i++)
        g_free(directories[i]);
}

static void test_precedence(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_strv_ char **files = NULL;
    char *directories[4];

    with_directories(&f, directories);
    folder_write(&f, "usr/a.conf", "");
    folder_write(&f, "run/a.conf", "");
    folder_write(&f, "usr/a.conf.d/2.conf", "");
    folder_write(&f, "etc/a.conf.d/1.conf", "");
    folder_write(&f, "usr/a.conf.d/1.conf", "");
    folder_write(&f, "usr/a.conf.d/README", "");
    g_assert_cmpint(config_files_of(directories, "a", NULL, NULL, &files), ==, 0);
    g_assert_cmpuint(strv_length(files), ==, 3);
    g_assert_true(g_str_has_suffix(files[0], "/run/a.conf"));
    g_assert_true(g_str_has_suffix(files[1], "/etc/a.conf.d/1.conf"));
    g_assert_true(g_str_has_suffix(files[2], "/usr/a.conf.d/2.conf"));
    free_directories(directories);
}

static void test_names(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_strv_ char **names = NULL, **none = NULL;
    char *directories[4];

    with_directories(&f, directories);
    folder_write(&f, "usr/m/b.conf", "");
    folder_write(&f, "etc/m/b.conf", "");
    folder_write(&f, "run/m/a.conf", "");
    folder_write(&f, "run/m/.c.conf", "");
    folder_write(&f, "run/m/d.conf~", "");
    folder_write(&f, "run/m/.conf", "");
    g_assert_cmpint(config_file_names(directories, "m", NULL, NULL, &names), ==, 0);
    g_assert_cmpuint(strv_length(names), ==, 2);
    g_assert_cmpstr(names[0], ==, "a");
    g_assert_cmpstr(names[1], ==, "b");
    g_assert_cmpint(config_file_names(directories, "nothing", NULL, NULL, &none), ==, 0);
    g_assert_null(none);
    free_directories(directories);
}

static void on_unreadable(const char *path, int error, void *userdata)
{
    g_string_append_printf(userdata, "%s %d\n", strrchr(path, '/') + 1, error);
}

/* A link counts wherever it leads, and a folder that is none is reported. */
static void test_unreadable(void)
{
    _cleanup_folder_ Folder f = folder_new();
    g_autoptr(GString) reported = g_string_new("");
    _cleanup_strv_ char **files = NULL;
    char *directories[4];

    with_directories(&f, directories);
    folder_write(&f, "usr/a.conf", "");
    folder_write(&f, "run/a.conf.d", "");
    folder_write(&f, "etc/x", "");
    g_assert_cmpint(symlinkat("nowhere", f.fd, "etc/a.conf"), ==, 0);
    g_assert_cmpint(config_files_of(directories, "a", on_unreadable, reported, &files), ==, 0);
    g_assert_cmpuint(strv_length(files), ==, 1);
    g_assert_true(g_str_has_suffix(files[0], "/etc/a.conf"));
    g_assert_cmpstr(reported->str, ==, "a.conf.d 20\n"); /* ENOTDIR */
    free_directories(directories);
}

static void test_obstacle(void)
{
    _cleanup_folder_ Folder f = folder_new();
    g_autofree char *file = folder_path(&f, "a/b/c"), *folder = folder_path(&f, "a");
    _cleanup_free_ char *found = NULL, *text = NULL;

    folder_write(&f, "a/b/c", "");
    g_assert_cmpint(fchmodat(f.fd, "a", 0600, 0), ==, 0);
    if (geteuid() != 0) {
        found = config_find_obstacle(file, EACCES);
        g_assert_cmpstr(found, ==, folder);
    }
    text = config_explain_unreadable(folder, EACCES);
    g_assert_nonnull(strstr(text, "user certwright"));
    g_assert_nonnull(strstr(text, "this folder; use chmod o+rx /"));
    free(text);
    text = config_explain_unreadable(file, EACCES);
    if (geteuid() == 0)
        g_assert_nonnull(strstr(text, "this file; use chmod o+r /"));
    g_assert_cmpint(fchmodat(f.fd, "a", 0700, 0), ==, 0);
}

/* ---- who could have written them */

#define NOBODY 65534

static void assert_roots(const Folder *f, const char *refused)
{
    _cleanup_problem_ Problem problem = {};
    char *directories[4];
    int r;

    with_directories(f, directories);
    r = config_files_are_roots(directories, &problem);
    if (!refused && r != 0)
        note_failure("refused: %s", strempty(problem.text));
    if (refused && (r != -EACCES || !strstr(problem.text, refused)))
        note_failure("%s: %d: %s", refused, r, strempty(problem.text));
    free_directories(directories);
}

static void make_configuration(const Folder *f)
{
    g_autofree char *mask = folder_path(f, "run/modules.d/c.conf");

    folder_write(f, "etc/certwright.conf", "");
    folder_write(f, "usr/certwright.conf.d/1.conf", "");
    folder_write(f, "usr/modules.d/a.conf", "");
    folder_write(f, "etc/modules.d/a.conf.d/b.conf", "");
    folder_write(f, "etc/modules.d/a.conf.d/README", "");
    folder_write(f, "run/modules.d/x", "");
    g_assert_cmpint(symlink("/dev/null", mask), ==, 0);
}

static void change(const Folder *f, const char *path, uid_t owner, mode_t mode)
{
    g_assert_cmpint(fchownat(f->fd, path, owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW), ==, 0);
    if (mode)
        g_assert_cmpint(fchmodat(f->fd, path, mode, 0), ==, 0);
}

static void test_roots(void)
{
    static const struct {
        const char *path;
        mode_t mode;
    } entries[] = {
        { "etc", 0755 },
        { "etc/certwright.conf", 0644 },
        { "usr/certwright.conf.d", 0755 },
        { "usr/certwright.conf.d/1.conf", 0644 },
        { "usr/modules.d", 0755 },
        { "usr/modules.d/a.conf", 0640 },
        { "etc/modules.d/a.conf.d", 0755 },
        { "etc/modules.d/a.conf.d/b.conf", 0600 },
    };
    _cleanup_folder_ Folder f = folder_new();

    make_configuration(&f);
    assert_roots(&f, NULL);
    for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
        change(&f, entries[i].path, NOBODY, 0);
        assert_roots(&f, entries[i].path);
        change(&f, entries[i].path, 0, entries[i].mode | 0020);
        assert_roots(&f, entries[i].path);
        change(&f, entries[i].path, 0, entries[i].mode | 01002);
        assert_roots(&f, entries[i].path);
        change(&f, entries[i].path, 0, entries[i].mode);
        assert_roots(&f, NULL);
    }
    change(&f, "etc/modules.d/a.conf.d/README", NOBODY, 0666);
    assert_roots(&f, NULL);
}

static void put_link(const Folder *f, const char *target, const char *path)
{
    (void)unlinkat(f->fd, path, 0);
    g_assert_cmpint(symlinkat(target, f->fd, path), ==, 0);
}

/* Links are followed, and judged in all folders that they lead through. */
static void test_links_of_root(void)
{
    _cleanup_folder_ Folder f = folder_new();
    g_autofree char *absolute = folder_path(&f, "good/file");

    make_configuration(&f);
    folder_write(&f, "good/file", "");
    folder_write(&f, "bad/file", "");
    change(&f, "bad", NOBODY, 0755);
    put_link(&f, "../../good/../good/file", "usr/modules.d/b.conf");
    assert_roots(&f, NULL);
    put_link(&f, absolute, "usr/modules.d/b.conf");
    assert_roots(&f, NULL);
    put_link(&f, "/nonexistent/file", "usr/modules.d/b.conf");
    assert_roots(&f, NULL);
    change(&f, "good", 0, 01777);
    assert_roots(&f, NULL);
    put_link(&f, "../../good/file", "usr/modules.d/b.conf");
    assert_roots(&f, NULL);
    put_link(&f, "../../good/none", "usr/modules.d/b.conf");
    assert_roots(&f, "/good/none does not exist");
    change(&f, "good", 0, 0755);
    assert_roots(&f, NULL);
    change(&f, "usr/modules.d/b.conf", NOBODY, 0);
    assert_roots(&f, "usr/modules.d/b.conf");
    put_link(&f, "../../bad/file", "usr/modules.d/b.conf");
    assert_roots(&f, "/bad");
    put_link(&f, "../bad/way", "good/way");
    put_link(&f, "../good/file", "bad/way");
    put_link(&f, "../../good/way", "usr/modules.d/b.conf");
    assert_roots(&f, "/bad");
    put_link(&f, "b.conf", "usr/modules.d/b.conf");
    {
        _cleanup_problem_ Problem problem = {};
        char *directories[4];

        with_directories(&f, directories);
        g_assert_cmpint(config_files_are_roots(directories, &problem), ==, -ELOOP);
        g_assert_nonnull(problem.text);
        free_directories(directories);
    }
}

static void test_no_files(void)
{
    _cleanup_folder_ Folder f = folder_new();

    assert_roots(&f, NULL);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/files/precedence", test_precedence);
    g_test_add_func("/files/names", test_names);
    g_test_add_func("/files/unreadable", test_unreadable);
    g_test_add_func("/files/obstacle", test_obstacle);
    if (geteuid() == 0) {
        g_test_add_func("/files/no-files", test_no_files);
        g_test_add_func("/files/roots", test_roots);
        g_test_add_func("/files/links-of-root", test_links_of_root);
    }
    return g_test_run();
}
