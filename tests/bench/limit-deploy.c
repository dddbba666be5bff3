/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limit-deploy STORE DIR: copies the chain and the key of each certificate of a store to a file DIR/NAME.pem, as HAProxy
 * takes them, and flushes once. Files are replaced by renaming, nothing is checked.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "program.h"

#define TEXT_SIZE 65536

static size_t read_text(int dir_fd, const char *name, const char *file, char text[static TEXT_SIZE])
{
    char path[1024];
    int fd;
    ssize_t n;

    snprintf(path, sizeof(path), "%s/current/%s", name, file);
    fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fatal("Cannot open %s: %s.", path, strerror(errno));
    n = read(fd, text, TEXT_SIZE);
    if (n <= 0)
        fatal("Cannot read %s.", path);
    close(fd);
    return (size_t)n;
}

static void copy(int from_fd, int to_fd, const char *name)
{
    static char chain[TEXT_SIZE], key[TEXT_SIZE];
    const struct iovec parts[] = {
        { chain, read_text(from_fd, name, "fullchain.pem", chain) },
        { key, read_text(from_fd, name, "privkey.pem", key) },
    };
    char aside[512], path[512];

    snprintf(path, sizeof(path), "%s.pem", name);
    snprintf(aside, sizeof(aside), ".%s.new", name);
    file_write(to_fd, aside, parts, 2, false);
    if (renameat(to_fd, aside, to_fd, path) < 0)
        fatal("Cannot replace %s: %s.", path, strerror(errno));
}

int main(int argc, char *argv[])
{
    struct dirent *entry;
    char path[4096];
    int to_fd;
    DIR *d;

    if (argc != 3)
        fatal("Usage: limit-deploy STORE DIR");
    snprintf(path, sizeof(path), "%s/certificates", argv[1]);
    d = opendir(path);
    if (!d)
        fatal("Cannot open %s: %s.", path, strerror(errno));
    to_fd = directory_open(argv[2]);
    while ((entry = readdir(d)))
        if (entry->d_name[0] != '.')
            copy(dirfd(d), to_fd, entry->d_name);
    if (syncfs(to_fd) < 0)
        fatal("Cannot flush %s: %s.", argv[2], strerror(errno));
    closedir(d);
    close(to_fd);
    return EXIT_SUCCESS;
}
