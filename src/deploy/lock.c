/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "deploy/walk.h"
#include "util/text.h"

#define DIRECTORY_MODE 0700

int locks_open(const char *path, Locks *ret, Problem *problem)
{
    static const FolderAccess access = { .mode = DIRECTORY_MODE };
    int fd = -EBADF, r = walk_open_directory(path, &access, &fd, problem);

    if (r >= 0)
        *ret = (Locks){ .dir_fd = fd };
    return r;
}

static int take(int dir_fd, const char *name)
{
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return -errno;
    do
        r = flock(fd, LOCK_EX) < 0 ? -errno : 0;
    while (r == -EINTR);
    return r < 0 ? r : TAKE_FD(fd);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int locks_take(Locks *l, char **names, Problem *problem)
{
    size_t n = strv_length(names);
    int *fds = reallocarray(l->fds, l->n + n + 1, sizeof(int));

    if (!fds)
        return problem_set_errno(problem, -ENOMEM, "taking locks");
    l->fds = fds;
    if (n > 0)
        qsort(names, n, sizeof(char *), compare);
    for (size_t i = 0; i < n; i++) {
        int fd;

        if (i > 0 && streq(names[i], names[i - 1]))
            continue;
        fd = take(l->dir_fd, names[i]);
        if (fd < 0)
            return problem_set(problem, PROBLEM_INTERNAL, "The lock \"%s\" cannot be taken: %s.",
                               QUOTE(names[i], 300), strerror(-fd));
        l->fds[l->n++] = fd;
    }
    return 0;
}

void locks_release(Locks *l)
{
    for (size_t i = 0; i < l->n; i++)
        close(l->fds[i]);
    free(l->fds);
    closep(&l->dir_fd);
    *l = (Locks){ .dir_fd = -EBADF };
}
