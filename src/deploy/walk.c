/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "util/text.h"

#define LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */

/* The way so far: an open directory, its path for messages, and what is left to walk. */
typedef struct Walk {
    int fd;
    char at[PATH_MAX], left[PATH_MAX];
    unsigned links;
    const FolderAccess *make; /* of the last component; NULL: it must exist */
    Problem *problem;
} Walk;

static int refuse(Walk *w, const char *name, const char *why)
{
    return problem_set(w->problem, PROBLEM_INVALID_ARGUMENT, "\"%s%s%s\" %s", QUOTE(w->at, 1024),
                       streq(w->at, "/") || isempty(name) ? "" : "/", QUOTE(strempty(name), NAME_MAX), why);
}

/* If there is an ACL, the bits of the group are its mask, so they also tell of other users and groups. */
static bool is_roots(const struct stat *st)
{
    return st->st_uid == 0 && (S_ISLNK(st->st_mode) || !(st->st_mode & (S_IWGRP | S_IWOTH)));
}

static int fail(Walk *w, const char *name, int error)
{
    return problem_set(w->problem, PROBLEM_STORAGE_FAILED, "\"%s%s%s\" cannot be opened: %s.",
                       QUOTE(w->at, 1024), streq(w->at, "/") || isempty(name) ? "" : "/",
                       QUOTE(strempty(name), NAME_MAX), strerror(error));
}

static int set_text(Walk *w, char *text, const char *value)
{
    if (strlen(value) >= PATH_MAX)
        return refuse(w, NULL, "leads to a path that is too long.");
    strcpy(text, value);
    return 0;
}

static int check_directory(Walk *w, const char *name, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return fail(w, name, errno);
    if (!S_ISDIR(st.st_mode))
        return refuse(w, name, "is not a directory.");
    if (!is_roots(&st))
        return refuse(w, name,
                      "can be changed by other users than root; only root may own it and write to it.");
    return 0;
}

static int start_at_root(Walk *w)
{
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fail(w, NULL, errno);
    closep(&w->fd);
    w->fd = fd;
    strcpy(w->at, "/");
    return check_directory(w, NULL, fd);
}

/* Cuts the first component off what is left. Returns 0 at the end. */
static int next_component(Walk *w, char ret[static NAME_MAX + 1])
{
    char *start = w->left + strspn(w->left, "/");
    size_t length = strcspn(start, "/");

    if (length == 0)
        return 0;
    if (length > NAME_MAX)
        return refuse(w, NULL, "has a component with a name that is too long.");
    memcpy(ret, start, length);
    ret[length] = 0;
    memmove(w->left, start + length, strlen(start + length) + 1);
    return 1;
}

/* The target of the link replaces it in what is left. */
static int follow(Walk *w, const char *name, int fd, const struct stat *st)
{
    char target[PATH_MAX], left[2 * PATH_MAX];
    ssize_t n;
    int r;

    if (!is_roots(st))
        return refuse(w, name, "is a symbolic link of another user than root.");
    if (++w->links > LINKS_MAX)
        return refuse(w, name, "leads through too many symbolic links.");
    n = readlinkat(fd, "", target, sizeof(target) - 1);
    if (n < 0)
        return fail(w, name, errno);
    target[n] = 0;
    if (n == 0 || (size_t)n == sizeof(target) - 1)
        return refuse(w, name, "is a symbolic link that leads nowhere.");
    r = target[0] == '/' ? start_at_root(w) : 0;
    if (r < 0)
        return r;
    snprintf(left, sizeof(left), "%s/%s", target, w->left);
    return set_text(w, w->left, left);
}

static void note_place(Walk *w, const char *name)
{
    char *end = w->at + strlen(w->at);

    if (streq(name, "..")) {
        end = strrchr(w->at, '/');
        end[end == w->at] = 0;
    } else
        snprintf(end, sizeof(w->at) - (size_t)(end - w->at), "%s%s", streq(w->at, "/") ? "" : "/", name);
}

static bool is_last(const Walk *w)
{
    return w->left[strspn(w->left, "/")] == 0;
}

static int make_directory(Walk *w, const char *name)
{
    _cleanup_close_ int parent = openat(w->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return parent < 0 ? -errno : folder_make(parent, name, w->make);
}

static int open_component(Walk *w, const char *name)
{
    int fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), r;

    if (fd >= 0)
        return fd;
    if (errno != ENOENT)
        return fail(w, name, errno);
    if (!w->make || !is_last(w))
        return refuse(w, name, "does not exist; make it, owned by root and writable by root alone.");
    r = make_directory(w, name);
    if (r == -EOPNOTSUPP)
        return refuse(w, name,
                      "cannot be made for the user of Owner=, as its file system has no ACLs; make it.");
    if (r < 0 && r != -EEXIST)
        return fail(w, name, -r);
    fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? fail(w, name, errno) : fd;
}

static int enter(Walk *w, const char *name)
{
    _cleanup_close_ int fd = open_component(w, name);
    struct stat st;
    int r;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return fail(w, name, errno);
    if (S_ISLNK(st.st_mode))
        return follow(w, name, fd, &st);
    r = check_directory(w, name, fd);
    if (r < 0)
        return r;
    close(w->fd);
    w->fd = TAKE_FD(fd);
    note_place(w, name);
    return 0;
}

static int walk(Walk *w)
{
    char name[NAME_MAX + 1];
    int r;

    while ((r = next_component(w, name)) > 0)
        if (!streq(name, ".") && (r = enter(w, name)) < 0)
            return r;
    return r;
}

int walk_open_directory(const char *path, const FolderAccess *make, int *ret, Problem *problem)
{
    Walk w = { .fd = -EBADF, .make = make, .problem = problem };
    int fd = -EBADF, r;

    r = set_text(&w, w.left, path);
    if (r >= 0)
        r = start_at_root(&w);
    if (r >= 0)
        r = walk(&w);
    if (r >= 0 && (fd = openat(w.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        r = fail(&w, NULL, errno);
    closep(&w.fd);
    if (r < 0)
        return r;
    *ret = fd;
    return 0;
}
