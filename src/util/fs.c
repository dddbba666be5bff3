/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

static int regular_file_check(int fd, size_t limit, size_t *ret_size)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if ((uint64_t)st.st_size > limit)
        return -E2BIG;
    *ret_size = (size_t)st.st_size;
    return 0;
}

int fs_pread(int fd, uint64_t offset, size_t max, char **ret, size_t *ret_size)
{
    char *data = malloc(max + 1);
    size_t size = 0;
    ssize_t n = 1;
    int r;

    if (!data)
        return -ENOMEM;
    while (size < max && n != 0) {
        n = pread(fd, data + size, max - size, (off_t)(offset + size));
        if (n < 0 && errno != EINTR) {
            r = -errno;
            explicit_bzero(data, size);
            free(data);
            return r;
        }
        size += (size_t)MAX(n, (ssize_t)0);
    }
    data[size] = 0;
    *ret = data;
    *ret_size = size;
    return 0;
}

int fs_read_fd(int fd, size_t limit, char **ret, size_t *ret_size)
{
    size_t size = 0;
    int r = regular_file_check(fd, limit, &size);

    return r < 0 ? r : fs_pread(fd, 0, size, ret, ret_size ? ret_size : &size);
}

int fs_read_at(int dir_fd, const char *path, size_t limit, char **ret, size_t *ret_size)
{
    _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    return fd < 0 ? -errno : fs_read_fd(fd, limit, ret, ret_size);
}

int fs_write_all(int fd, const void *data, size_t size)
{
    const char *at = data;
    ssize_t n;

    while (size > 0) {
        n = write(fd, at, size);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

int fs_create_at(int dir_fd, const char *path, const void *data, size_t size, bool sync)
{
    _cleanup_close_ int fd =
        openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r;

    if (fd < 0)
        return -errno;
    r = fs_write_all(fd, data, size);
    if (r >= 0 && sync)
        r = fs_sync(fd);
    if (r < 0)
        return r;
    return close(TAKE_FD(fd)) < 0 ? -errno : 0;
}

int fs_replace_at(int dir_fd, const char *path, const void *data, size_t size, bool sync)
{
    _cleanup_free_ char *aside = NULL;
    int r;

    if (asprintf(&aside, "%s.new", path) < 0)
        return -ENOMEM;
    r = fs_remove_file_at(dir_fd, aside);
    if (r >= 0)
        r = fs_create_at(dir_fd, aside, data, size, sync);
    if (r < 0)
        return r;
    return renameat(dir_fd, aside, dir_fd, path) < 0 ? -errno : 0;
}

int fs_remove_file_at(int dir_fd, const char *path)
{
    return unlinkat(dir_fd, path, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int fs_sync(int fd)
{
    return fsync(fd) < 0 ? -errno : 0;
}

int fs_open_directory_at(int dir_fd, const char *path, int *ret)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return -errno;
    *ret = fd;
    return 0;
}

int fs_open_stream_at(int dir_fd, const char *path, DIR **ret)
{
    _cleanup_close_ int fd = -EBADF;
    int r = fs_open_directory_at(dir_fd, path, &fd);

    if (r < 0)
        return r;
    *ret = fdopendir(fd);
    if (!*ret)
        return -errno;
    TAKE_FD(fd);
    return 0;
}

int fs_make_directory_at(int dir_fd, const char *path)
{
    return mkdirat(dir_fd, path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int fs_fsync_directory_at(int dir_fd, const char *path)
{
    _cleanup_close_ int fd = -EBADF;
    int r;

    r = fs_open_directory_at(dir_fd, path, &fd);
    return r < 0 ? r : fs_sync(fd);
}

int fs_read_link_at(int dir_fd, const char *path, char **ret)
{
    char target[PATH_MAX];
    ssize_t n;

    n = readlinkat(dir_fd, path, target, sizeof(target));
    if (n < 0)
        return -errno;
    if ((size_t)n >= sizeof(target))
        return -ENAMETOOLONG;
    *ret = strndup(target, (size_t)n);
    return *ret ? 0 : -ENOMEM;
}

int fs_switch_link_at(int dir_fd, const char *path, const char *target)
{
    _cleanup_free_ char *aside = NULL;
    int r;

    if (asprintf(&aside, "%s.new", path) < 0)
        return -ENOMEM;
    r = fs_remove_file_at(dir_fd, aside);
    if (r < 0)
        return r;
    if (symlinkat(target, dir_fd, aside) < 0)
        return -errno;
    return renameat(dir_fd, aside, dir_fd, path) < 0 ? -errno : 0;
}

int fs_put_aside_at(int dir_fd, const char *path)
{
    _cleanup_free_ char *aside = NULL;
    int r;

    if (asprintf(&aside, "%s.damaged", path) < 0)
        return -ENOMEM;
    r = fs_remove_tree_at(dir_fd, aside);
    if (r < 0)
        return r;
    return renameat(dir_fd, path, dir_fd, aside) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_children(DIR *d)
{
    struct dirent *entry;
    int r;

    while ((errno = 0, entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        r = fs_remove_tree_at(dirfd(d), entry->d_name);
        if (r < 0)
            return r;
    }
    return -errno;
}

int fs_remove_tree_at(int dir_fd, const char *path)
{
    _cleanup_(closedirp) DIR *d = NULL;
    int r;

    if (unlinkat(dir_fd, path, 0) >= 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -errno;
    r = fs_open_stream_at(dir_fd, path, &d);
    if (r >= 0)
        r = remove_children(d);
    if (r < 0)
        return r;
    return unlinkat(dir_fd, path, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}
