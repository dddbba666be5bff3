/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files.h"

#include <errno.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void file_write(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;

    if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE, 0644, &error))
        g_error("%s", error->message);
}

void file_replace(const char *path, const char *text)
{
    g_autofree char *directory = g_path_get_dirname(path), *name = g_path_get_basename(path),
                    *aside = g_strdup_printf("%s/.%s.new", directory, name);

    file_write(aside, text);
    g_assert_cmpint(rename(aside, path), ==, 0);
}

char *file_read(const char *path)
{
    char *text;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

void file_copy(const char *from, const char *to, int mode)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *data = NULL;
    gsize size;

    if (!g_file_get_contents(from, &data, &size, &error) ||
        !g_file_set_contents_full(to, data, (gssize)size, G_FILE_SET_CONTENTS_NONE, mode, &error))
        g_error("%s", error->message);
    g_assert_cmpint(chmod(to, (mode_t)mode), ==, 0);
}

void directory_make(const char *path, int mode)
{
    g_assert_cmpint(g_mkdir_with_parents(path, mode), ==, 0);
    g_assert_cmpint(chmod(path, (mode_t)mode), ==, 0);
}

static int remove_one(const char *path, const struct stat *st G_GNUC_UNUSED, int type G_GNUC_UNUSED,
                      struct FTW *ftw G_GNUC_UNUSED)
{
    (void)remove(path);
    return 0;
}

void directory_remove(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Paths of all entries, sorted. */
static GPtrArray *list(const char *path)
{
    g_autoptr(GPtrArray) l = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    GDir *dir;

    g_ptr_array_add(l, g_strdup(path));
    for (guint i = 0; i < l->len; i++) {
        g_autofree char *parent = g_strdup(g_ptr_array_index(l, i));

        if (g_file_test(parent, G_FILE_TEST_IS_SYMLINK) || !(dir = g_dir_open(parent, 0, NULL)))
            continue;
        while ((name = g_dir_read_name(dir)))
            g_ptr_array_add(l, g_build_filename(parent, name, NULL));
        g_dir_close(dir);
    }
    qsort(l->pdata, l->len, sizeof(void *), compare);
    return g_steal_pointer(&l);
}

static void describe(GString *text, const char *path)
{
    g_autofree char *data = NULL, *digest = NULL, *target = g_file_read_link(path, NULL);
    struct stat st;
    gsize size = 0;

    if (lstat(path, &st) < 0)
        return;
    if (S_ISREG(st.st_mode) && g_file_get_contents(path, &data, &size, NULL))
        digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)data, size);
    g_string_append_printf(text, "%s %o %zu %s %s\n", path, (unsigned)st.st_mode, (size_t)size,
                           digest ? digest : "-", target ? target : "-");
}

char *directory_digest(const char *path)
{
    g_autoptr(GPtrArray) paths = list(path);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < paths->len; i++) {
        const char *p = g_ptr_array_index(paths, i);

        if (!g_str_has_prefix(p + strlen(path), "/index"))
            describe(text, p);
    }
    return g_string_free(text, FALSE);
}

char *directory_collect(const char *path, const char *name)
{
    g_autoptr(GPtrArray) paths = list(path);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < paths->len; i++) {
        g_autofree char *base = g_path_get_basename(g_ptr_array_index(paths, i)), *content = NULL;

        if (strcmp(base, name) == 0 && (content = file_read(g_ptr_array_index(paths, i))))
            g_string_append(text, content);
    }
    return g_string_free(text, FALSE);
}
