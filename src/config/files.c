/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "util/text.h"

#define SUFFIX ".conf"

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_config_file(const char *name)
{
    return name[0] != '.' && text_ends_with(name, SUFFIX);
}

static int list_folder(const char *path, char ***names)
{
    DIR *d = opendir(path);
    struct dirent *entry;
    int r = 0;

    if (!d)
        return 0; /* a missing directory has no files; other errors show when files are read */
    while (r >= 0 && (entry = readdir(d)))
        if (is_config_file(entry->d_name) && !strv_contains(*names, entry->d_name))
            r = strv_extend(names, entry->d_name);
    closedir(d);
    return r;
}

static int list_names(char *const *directories, const char *folder, char ***ret)
{
    _cleanup_strv_ char **names = NULL;
    int r = 0;

    for (size_t i = 0; directories[i] && r >= 0; i++) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s", directories[i], folder) < 0)
            return -ENOMEM;
        r = list_folder(path, &names);
    }
    if (r < 0)
        return r;
    if (names)
        qsort(names, strv_length(names), sizeof(char *), compare);
    *ret = TAKE_PTR(names);
    return 0;
}

/* Adds the file of the most important directory that has it. */
static int add_winner(char *const *directories, const char *folder, const char *name, char ***files)
{
    for (size_t i = strv_length(directories); i > 0; i--) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s%s%s", directories[i - 1], strempty(folder), folder ? "/" : "", name) < 0)
            return -ENOMEM;
        if (access(path, F_OK) >= 0)
            return strv_extend(files, path);
    }
    return 0;
}

int config_files_of(char *const *directories, const char *path, char ***ret)
{
    _cleanup_strv_ char **files = NULL, **names = NULL;
    _cleanup_free_ char *main_file = NULL, *folder = NULL;
    int r;

    if (asprintf(&main_file, "%s" SUFFIX, path) < 0)
        return -ENOMEM;
    if (asprintf(&folder, "%s" SUFFIX ".d", path) < 0)
        return -ENOMEM;
    r = add_winner(directories, NULL, main_file, &files);
    if (r >= 0)
        r = list_names(directories, folder, &names);
    for (size_t i = 0; r >= 0 && names && names[i]; i++)
        r = add_winner(directories, folder, names[i], &files);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(files);
    return 0;
}

static int64_t changed_of(const char *path)
{
    struct stat st;

    return path && stat(path, &st) >= 0 ? (int64_t)st.st_ctim.tv_sec : 0;
}

int64_t config_files_changed(char *const *directories, const char *path, char *const *files)
{
    int64_t changed = 0;

    for (size_t i = 0; files && files[i]; i++)
        changed = MAX(changed, changed_of(files[i]));
    for (size_t i = 0; directories[i]; i++) {
        _cleanup_free_ char *folder = NULL;

        if (asprintf(&folder, "%s/%s" SUFFIX ".d", directories[i], path) < 0)
            folder = NULL;
        changed = MAX(changed, MAX(changed_of(directories[i]), changed_of(folder)));
    }
    return changed;
}

int config_file_names(char *const *directories, const char *folder, char ***ret)
{
    int r = list_names(directories, folder, ret);

    for (size_t i = 0; r >= 0 && *ret && (*ret)[i]; i++)
        (*ret)[i][strlen((*ret)[i]) - strlen(SUFFIX)] = 0;
    return r;
}
