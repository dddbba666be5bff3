/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"

void file_write(int dir_fd, const char *name, const struct iovec *parts, int n_parts, bool durable)
{
    size_t size = 0;
    int fd;

    for (int i = 0; i < n_parts; i++)
        size += parts[i].iov_len;
    fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        fatal("Cannot create %s: %s.", name, strerror(errno));
    if (size > 0 && writev(fd, parts, n_parts) != (ssize_t)size)
        fatal("Cannot write %s: %s.", name, strerror(errno));
    if (durable && fsync(fd) < 0)
        fatal("Cannot flush %s: %s.", name, strerror(errno));
    close(fd);
}

int directory_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        fatal("Cannot open the directory %s: %s.", path, strerror(errno));
    return fd;
}

int directory_make(int parent_fd, const char *name)
{
    int fd;

    if (mkdirat(parent_fd, name, 0700) < 0)
        fatal("Cannot make the directory %s: %s.", name, strerror(errno));
    fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        fatal("Cannot open the directory %s: %s.", name, strerror(errno));
    return fd;
}

void directory_flush(int fd)
{
    if (fsync(fd) < 0)
        fatal("Cannot flush a directory: %s.", strerror(errno));
}
