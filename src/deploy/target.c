/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "deploy/walk.h"
#include "util/fs.h"
#include "util/text.h"

#define STAGE ".certwright-deploy"

static int fail(const char *path, int r, const char *what, Problem *problem)
{
    return r < 0 ? problem_set(problem, PROBLEM_STORAGE_FAILED, "\"%s\" %s: %s.", QUOTE(path, 1024), what,
                               strerror(-r))
                 : 0;
}

/* ---- folders */

void target_folders_tidy(TargetFolders *f)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->folders[i]->stage >= 0)
            (void)fs_remove_tree_at(f->folders[i]->fd, STAGE);
        closep(&f->folders[i]->stage);
        f->folders[i]->stage = -EBADF;
    }
}

void target_folders_close(TargetFolders *f)
{
    target_folders_tidy(f);
    for (size_t i = 0; i < f->n; i++) {
        closep(&f->folders[i]->fd);
        free(f->folders[i]->path);
        free(f->folders[i]);
    }
    free(f->folders);
    *f = (TargetFolders){ 0 };
}

void target_folders_clean(TargetFolders *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->folders[i]->stage < 0)
            (void)fs_remove_tree_at(f->folders[i]->fd, STAGE);
}

static TargetFolder *find_path(const TargetFolders *f, const char *path)
{
    for (size_t i = 0; i < f->n; i++)
        if (streq(f->folders[i]->path, path))
            return f->folders[i];
    return NULL;
}

static TargetFolder *find_inode(const TargetFolders *f, const struct stat *st)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->folders[i]->device == st->st_dev && f->folders[i]->inode == st->st_ino)
            return f->folders[i];
    return NULL;
}

static int add_folder(TargetFolders *f, const char *path, int *fd, const struct stat *st, TargetFolder **ret)
{
    TargetFolder **folders = reallocarray(f->folders, f->n + 1, sizeof(TargetFolder *));
    TargetFolder *folder = calloc(1, sizeof(TargetFolder));
    char *copy = strdup(path);

    if (folders)
        f->folders = folders;
    if (!folders || !folder || !copy) {
        free(folder);
        free(copy);
        return -ENOMEM;
    }
    *folder = (TargetFolder){
        .path = copy, .fd = TAKE_FD(*fd), .stage = -EBADF, .device = st->st_dev, .inode = st->st_ino
    };
    f->folders[f->n++] = *ret = folder;
    return 0;
}

static int open_folder(TargetFolders *f, const char *path, const FolderAccess *make, TargetFolder **ret,
                       Problem *problem)
{
    _cleanup_close_ int fd = -EBADF;
    struct stat st;
    int r;

    *ret = find_path(f, path);
    if (*ret)
        return 0;
    r = walk_open_directory(path, make, &fd, problem);
    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return fail(path, -errno, "cannot be examined", problem);
    *ret = find_inode(f, &st);
    return *ret ? 0 : fail(path, add_folder(f, path, &fd, &st, ret), "cannot be opened", problem);
}

static int prepare(TargetFolder *f)
{
    int r = f->stage < 0 ? fs_remove_tree_at(f->fd, STAGE) : 0;

    if (r < 0 || f->stage >= 0)
        return r;
    r = fs_make_directory_at(f->fd, STAGE);
    return r < 0 ? r : fs_open_directory_at(f->fd, STAGE, &f->stage);
}

static bool flushes_with_another(const TargetFolders *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (f->folders[i]->device == f->folders[n]->device)
            return true;
    return false;
}

int target_folders_flush_staged(TargetFolders *f, Problem *problem)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < f->n; i++)
        if (!flushes_with_another(f, i) && syncfs(f->folders[i]->fd) < 0)
            r = fail(f->folders[i]->path, -errno, "cannot be flushed", problem);
    return r;
}

/* ---- targets */

int target_open(TargetFolders *f, const char *path, const FolderAccess *make, Target *ret, Problem *problem)
{
    _cleanup_free_ char *folder = NULL;
    _cleanup_target_ Target t = { 0 };
    const char *end = strrchr(path, '/');
    int r;

    if (path[0] != '/' || !end[1] || streq(end, "/.") || streq(end, "/..") || strstr(path, "/" STAGE) ||
        !text_is_utf8(path))
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT, "\"%s\" is not an absolute path of a file.",
                           QUOTE(path, 1024));
    t.path = strdup(path);
    folder = strndup(path, end == path ? 1 : (size_t)(end - path));
    if (!t.path || !folder)
        return fail(path, -ENOMEM, "cannot be opened", problem);
    r = open_folder(f, folder, make, &t.folder, problem);
    if (r < 0)
        return r;
    t.name = t.path + (end + 1 - path);
    *ret = t;
    t = (Target){ 0 };
    return 0;
}

void target_close(Target *t)
{
    target_unstage(t);
    free(t->path);
    *t = (Target){ 0 };
}

bool target_equal(const Target *a, const Target *b)
{
    return a->folder && a->folder == b->folder && streq(a->name, b->name);
}

bool target_exists(const Target *t)
{
    struct stat st;

    return fstatat(t->folder->fd, t->name, &st, AT_SYMLINK_NOFOLLOW) >= 0 || errno != ENOENT;
}

int target_capture(const Target *t, Image *ret, Problem *problem)
{
    return image_capture(t->folder->fd, t->name, t->path, ret, problem);
}

int target_prepare(Target *t, Problem *problem)
{
    return fail(t->folder->path, prepare(t->folder), "cannot be written to", problem);
}

int target_stage(Target *t, const Image *next, bool flush, Problem *problem)
{
    int r = target_prepare(t, problem);

    if (r < 0)
        return r;
    target_unstage(t);
    r = fs_remove_file_at(t->folder->stage, t->name);
    t->removes = next->kind == IMAGE_ABSENT;
    if (r >= 0 && !t->removes)
        r = image_create(t->folder->stage, t->name, next, flush);
    t->staged = r >= 0;
    return fail(t->path, r, "cannot be written", problem);
}

void target_unstage(Target *t)
{
    if (t->staged && !t->removes)
        (void)unlinkat(t->folder->stage, t->name, 0);
    t->staged = false;
}

static int replace(const Target *t)
{
    if (t->removes)
        return fs_remove_file_at(t->folder->fd, t->name);
    return renameat(t->folder->stage, t->name, t->folder->fd, t->name) < 0 ? -errno : 0;
}

int target_switch(Target *t, Problem *problem)
{
    int r = 0;

    if (!t->staged)
        return 0;
    r = fail(t->path, replace(t), "cannot be replaced", problem);
    if (r < 0)
        return r;
    t->staged = false;
    t->folder->unflushed = true;
    return 0;
}

int target_flush(Target *t, Problem *problem)
{
    int r = t->folder->unflushed ? fs_sync(t->folder->fd) : 0;

    if (r >= 0)
        t->folder->unflushed = false;
    return fail(t->folder->path, r, "cannot be flushed", problem);
}
