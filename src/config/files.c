/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "util/fs.h"
#include "util/text.h"

#define SUFFIX    ".conf"
#define LINKS_MAX 40 /* as path_resolution(7) */

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_config_file(const char *name)
{
    return name[0] != '.' && text_ends_with(name, SUFFIX);
}

/* The callback for directories that cannot be listed. */
typedef struct Report {
    ConfigUnreadable unreadable;
    void *userdata;
} Report;

/* A missing file or folder is no error, and neither is one in a missing folder. */
static void report(const Report *report, const char *path, int error)
{
    if (error != ENOENT && report->unreadable)
        report->unreadable(path, error, report->userdata);
}

static int list_folder(const char *path, const Report *to, char ***names)
{
    DIR *d = opendir(path);
    struct dirent *entry;
    int r = 0;

    if (!d) {
        report(to, path, errno);
        return 0;
    }
    while (r >= 0 && (entry = readdir(d)))
        if (is_config_file(entry->d_name) && !strv_contains(*names, entry->d_name))
            r = strv_extend(names, entry->d_name);
    closedir(d);
    return r;
}

static int list_names(char *const *directories, const char *folder, const Report *to, char ***ret)
{
    _cleanup_strv_ char **names = NULL;
    int r = 0;

    for (size_t i = 0; directories[i] && r >= 0; i++) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s", directories[i], folder) < 0)
            return -ENOMEM;
        r = list_folder(path, to, &names);
    }
    if (r < 0)
        return r;
    if (names)
        qsort(names, strv_length(names), sizeof(char *), compare);
    *ret = TAKE_PTR(names);
    return 0;
}

/* Adds the file of the most important directory that has it; a link counts, wherever it leads. */
static int add_winner(char *const *directories, const char *folder, const char *name, const Report *to,
                      char ***files)
{
    struct stat st;

    for (size_t i = strv_length(directories); i > 0; i--) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s%s%s", directories[i - 1], strempty(folder), folder ? "/" : "", name) < 0)
            return -ENOMEM;
        if (lstat(path, &st) >= 0)
            return strv_extend(files, path);
        report(to, path, errno);
    }
    return 0;
}

int config_files_of(char *const *directories, const char *path, ConfigUnreadable unreadable, void *userdata,
                    char ***ret)
{
    const Report to = { unreadable, userdata };
    _cleanup_strv_ char **files = NULL, **names = NULL;
    _cleanup_free_ char *main_file = NULL, *folder = NULL;
    int r;

    if (asprintf(&main_file, "%s" SUFFIX, path) < 0)
        return -ENOMEM;
    if (asprintf(&folder, "%s" SUFFIX ".d", path) < 0)
        return -ENOMEM;
    r = add_winner(directories, NULL, main_file, &to, &files);
    if (r >= 0)
        r = list_names(directories, folder, &to, &names);
    for (size_t i = 0; r >= 0 && names && names[i]; i++)
        r = add_winner(directories, folder, names[i], &to, &files);
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

int config_file_names(char *const *directories, const char *folder, ConfigUnreadable unreadable,
                      void *userdata, char ***ret)
{
    int r = list_names(directories, folder, &(Report){ unreadable, userdata }, ret);

    for (size_t i = 0; r >= 0 && *ret && (*ret)[i]; i++)
        (*ret)[i][strlen((*ret)[i]) - strlen(SUFFIX)] = 0;
    return r;
}

/* ---- why they cannot be read */

char *config_find_obstacle(const char *path, int error)
{
    _cleanup_free_ char *part = strdup(path);

    for (size_t n = 1; part && path[n] && (error == EACCES || error == ENOTDIR); n++) {
        if (path[n] != '/')
            continue;
        part[n] = 0;
        if (access(part, X_OK) < 0)
            return TAKE_PTR(part);
        part[n] = '/';
    }
    return TAKE_PTR(part);
}

static const char *explain_error(int error)
{
    switch (error) {
    case E2BIG:
        return "the file is too large";
    case EBADMSG:
        return "the file contains NUL bytes, so it is not a text file; save it as UTF-8";
    case EINVAL:
        return "this is not a regular file";
    case EISDIR:
        return "this is a folder, but should be a file";
    case ENOENT:
        return "this link leads to a file that does not exist";
    case ENOTDIR:
        return "this should be a folder, but is none";
    default:
        return strerror(error);
    }
}

char *config_explain_unreadable(const char *path, int error)
{
    bool folder;
    struct stat st;
    char *text;

    if (error != EACCES)
        return strdup(explain_error(error));
    if (stat(path, &st) < 0)
        return strdup(
            "this link leads to a file that the user certwright, whom the service runs as, is not permitted to "
            "read");
    folder = S_ISDIR(st.st_mode);
    if (asprintf(
            &text,
            "the user certwright, whom the service runs as, is not permitted to read this %s; use chmod o+%s %s, or "
            "chgrp certwright and chmod g+%s if others must not read it",
            folder ? "folder" : "file", folder ? "rx" : "r", QUOTE(path, 500), folder ? "rx" : "r") < 0)
        return NULL;
    return text;
}

/* ---- who could have written them */

/* A component of a path. */
typedef enum Place {
    PLACE_END,
    PLACE_WAY, /* leads there */
} Place;

static int refuse(Problem *problem, const char *path, const char *why)
{
    return problem_set(
        problem, PROBLEM_NOT_AUTHORIZED,
        "The configuration cannot be trusted: %s %s. Only root may be able to write what is run with its rights: use "
        "chown root:root and chmod go-w.",
        QUOTE(path, 500), why);
}

/* Nobody can replace what root has in a folder like /tmp, but everybody can add to it. */
static int check_owner(const char *path, const struct stat *st, Place place, Problem *problem)
{
    bool sticky = place == PLACE_WAY && S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);
    bool has_mode = S_ISREG(st->st_mode) || S_ISDIR(st->st_mode); /* nothing else is read */

    if (st->st_uid != 0)
        return refuse(problem, path, "does not belong to root");
    if (has_mode && (st->st_mode & 0022) && !sticky)
        return refuse(problem, path, "can be written by others");
    return 0;
}

/* Replaces the link at the end of the first n bytes of *path by its target. */
static int follow(char **path, size_t n)
{
    _cleanup_free_ char *link = strndup(*path, n), *target = NULL;
    char *joined, *slash;
    int r;

    if (!link)
        return -ENOMEM;
    r = fs_read_link_at(AT_FDCWD, link, &target);
    if (r < 0)
        return r;
    slash = strrchr(link, '/');
    (slash ? slash + 1 : link)[0] = 0;
    if (asprintf(&joined, "%s%s%s", *target == '/' ? "" : link, target, *path + n) < 0)
        return -ENOMEM;
    free(*path);
    *path = joined;
    return 0;
}

static int on_absent(const char *path, int error, bool shared, Problem *problem)
{
    if (error != ENOENT)
        return problem_set(problem, PROBLEM_STORAGE_FAILED, "The configuration cannot be examined: %s: %s.",
                           QUOTE(path, 500), strerror(error));
    return shared ? refuse(problem, path, "does not exist, and others could create it") : 0;
}

/* Walks from the root, so that links are judged in the folders that they are in. Returns 0 also if there is nothing. */
static int check_path(const char *text, Problem *problem)
{
    _cleanup_free_ char *path = strdup(text);
    bool shared = false; /* others can create entries here */
    unsigned links = 0;
    size_t n = 0;
    int r = path ? 0 : -ENOMEM;

    while (r >= 0 && path[n]) {
        _cleanup_free_ char *part = NULL;
        struct stat st;

        n += strspn(path + n, "/");
        n += strcspn(path + n, "/");
        part = strndup(path, n);
        if (!part)
            return -ENOMEM;
        if (lstat(part, &st) < 0)
            return on_absent(part, errno, shared, problem);
        r = check_owner(part, &st, path[n + strspn(path + n, "/")] ? PLACE_WAY : PLACE_END, problem);
        shared = S_ISDIR(st.st_mode) && (st.st_mode & 0022);
        if (r < 0 || !S_ISLNK(st.st_mode))
            continue;
        r = ++links > LINKS_MAX ? -ELOOP : follow(&path, n);
        n = 0;
    }
    return r;
}

static int check_entry(const char *folder, const char *name, Problem *problem)
{
    _cleanup_free_ char *path = NULL;
    struct stat st;

    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return -ENOMEM;
    if (lstat(path, &st) >= 0 && S_ISREG(st.st_mode))
        return check_owner(path, &st, PLACE_END, problem);
    return check_path(path, problem);
}

/* Checks a folder and the files in it that are read. */
static int check_folder(const char *directory, const char *name, const char *suffix, Problem *problem)
{
    _cleanup_strv_ char **names = NULL;
    _cleanup_free_ char *path = NULL;
    int r;

    if (asprintf(&path, "%s%s%s", directory, name, suffix) < 0)
        return -ENOMEM;
    r = check_path(path, problem);
    if (r >= 0)
        r = list_folder(path, &(Report){}, &names);
    for (size_t i = 0; r >= 0 && names && names[i]; i++)
        r = check_entry(path, names[i], problem);
    return r;
}

int config_files_are_roots(char *const *directories, Problem *problem)
{
    _cleanup_strv_ char **modules = NULL;
    int r = config_file_names(directories, MODULES_FOLDER, NULL, NULL, &modules);

    for (size_t i = 0; directories[i] && r >= 0; i++) {
        r = check_folder(directories[i], "", "", problem);
        if (r >= 0)
            r = check_folder(directories[i], "/certwright", SUFFIX ".d", problem);
        if (r >= 0)
            r = check_folder(directories[i], "/" MODULES_FOLDER, "", problem);
        for (size_t k = 0; r >= 0 && modules && modules[k]; k++) {
            _cleanup_free_ char *name = NULL;

            if (asprintf(&name, "/" MODULES_FOLDER "/%s", modules[k]) < 0)
                return -ENOMEM;
            r = check_folder(directories[i], name, SUFFIX ".d", problem);
        }
    }
    return problem_set_errno(problem, r, "Examining the configuration");
}
