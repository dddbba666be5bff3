/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "config/files.h"

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
    g_assert_cmpint(config_files_of(directories, "a", &files), ==, 0);
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
    g_assert_cmpint(config_file_names(directories, "m", &names), ==, 0);
    g_assert_cmpuint(strv_length(names), ==, 2);
    g_assert_cmpstr(names[0], ==, "a");
    g_assert_cmpstr(names[1], ==, "b");
    g_assert_cmpint(config_file_names(directories, "nothing", &none), ==, 0);
    g_assert_null(none);
    free_directories(directories);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/files/precedence", test_precedence);
    g_test_add_func("/files/names", test_names);
    return g_test_run();
}
