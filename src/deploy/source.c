/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "core/limits.h"
#include "util/fs.h"
#include "util/text.h"

/* Names of the store (DESIGN section 5). */
#define CERTIFICATES "certificates"
#define ROOT         "root"
#define CURRENT      "current"
#define CHAIN_FILE   "fullchain.pem"
#define KEY_FILE     "privkey.pem"
#define ROOT_FILE    "certificate.pem"
#define RECORD_FILE  "record.json"

/* A generation may be removed while it is read, if the chain is replaced twice meanwhile. */
#define TRIES 5

#define PATH_SIZE (sizeof(CERTIFICATES "/") + NAME_MAX)

static int fail(int r, const char *what, const char *why, Problem *problem)
{
    return problem_set(problem, r == -ENOENT ? PROBLEM_NO_SUCH_CERTIFICATE : PROBLEM_STORAGE_FAILED,
                       "The store of Certwright has no usable %s: %s.", QUOTE(what, 2 * NAME_MAX), why);
}

int source_open(const char *path, SourceStore *ret, Problem *problem)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        int r = -errno;

        closep(&fd);
        return problem_set(problem, PROBLEM_STORAGE_FAILED, "The store \"%s\" cannot be opened: %s.",
                           QUOTE(path, 1024), strerror(-r));
    }
    *ret = (SourceStore){ .fd = fd, .owner = st.st_uid };
    return 0;
}

void source_close(SourceStore *s)
{
    closep(&s->fd);
    s->fd = -EBADF;
}

void source_text_clear(SourceText *t)
{
    if (t->data)
        explicit_bzero(t->data, t->size);
    free(t->data);
    *t = (SourceText){ 0 };
}

/* A mount of the store's owner could keep a reader waiting for ever, hence RESOLVE_NO_XDEV. */
static int open_beneath(int dir_fd, const char *path, int flags)
{
    const struct open_how how = {
        .flags = (uint64_t)flags | O_RDONLY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    int fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

    return fd < 0 ? -errno : fd;
}

/* Opens the directory that "current" names. */
static int open_current(int dir_fd)
{
    _cleanup_free_ char *generation = NULL;
    int r = fs_read_link_at(dir_fd, CURRENT, &generation);

    if (r < 0)
        return r;
    if (!text_consists_of(generation, TEXT_ALNUM "-_", 1, NAME_MAX))
        return -ELOOP;
    return open_beneath(dir_fd, generation, O_DIRECTORY);
}

static int open_object(const SourceStore *s, const char *path)
{
    _cleanup_close_ int fd = open_beneath(s->fd, path, O_DIRECTORY);

    return fd < 0 ? fd : open_current(fd);
}

/* With O_NONBLOCK, neither a FIFO nor a lease (fcntl(2)) delays this. */
static int read_text(const SourceStore *s, int dir_fd, const char *name, size_t max, SourceText *ret)
{
    _cleanup_close_ int fd = open_beneath(dir_fd, name, O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_uid != s->owner || st.st_nlink != 1)
        return st.st_nlink == 0 ? -ENOENT : -EPERM;
    source_text_clear(ret);
    return fs_read_fd(fd, max, &ret->data, &ret->size);
}

static const char *explain(int r)
{
    switch (r) {
    case -ENOENT:
        return "there is none yet";
    case -ELOOP:
        return "a symbolic link was found where none belongs, or one that leads elsewhere";
    case -EXDEV:
        return "another file system or directory was found in its path";
    case -EPERM:
        return "a file has another owner than the store, or several links";
    case -EINVAL:
        return "something else than a regular file was found";
    case -E2BIG:
        return "a file is too large";
    default:
        return strerror(-r);
    }
}

static int read_pair(const SourceStore *s, const char *path, SourceText *chain, SourceText *key)
{
    _cleanup_close_ int fd = open_object(s, path);
    int r = fd < 0 ? fd : read_text(s, fd, CHAIN_FILE, LIMIT_STORED_FILE, chain);

    return r >= 0 && key ? read_text(s, fd, KEY_FILE, LIMIT_STORED_FILE, key) : r;
}

static int make_path(const char *name, char ret[static PATH_SIZE], Problem *problem)
{
    if (strchr(name, '/') || (size_t)snprintf(ret, PATH_SIZE, CERTIFICATES "/%s", name) >= PATH_SIZE)
        return fail(-EINVAL, "certificate", "its name is no name of a directory", problem);
    if (name[0] == '*')
        ret[strlen(CERTIFICATES "/")] = '_';
    return 0;
}

int source_read_certificate(const SourceStore *s, const char *name, SourceText *ret_chain,
                            SourceText *ret_key, Problem *problem)
{
    _cleanup_source_text_ SourceText chain = { 0 }, key = { 0 };
    char path[PATH_SIZE];
    int r = make_path(name, path, problem);

    if (r < 0)
        return r;
    r = -ENOENT;
    for (int tries = 0; r == -ENOENT && tries < TRIES; tries++)
        r = read_pair(s, path, &chain, ret_key ? &key : NULL);
    if (r < 0)
        return fail(r, "chain", explain(r), problem);
    *ret_chain = chain;
    chain = (SourceText){ 0 };
    if (ret_key) {
        *ret_key = key;
        key = (SourceText){ 0 };
    }
    return 0;
}

/* The record is replaced by a rename, so that there always is one. */
int source_read_record(const SourceStore *s, const char *name, SourceText *ret, Problem *problem)
{
    _cleanup_source_text_ SourceText record = { 0 };
    _cleanup_close_ int fd = -EBADF;
    char path[PATH_SIZE];
    int r = make_path(name, path, problem);

    if (r < 0)
        return r;
    fd = open_beneath(s->fd, path, O_DIRECTORY);
    r = fd < 0 ? fd : -ENOENT;
    for (int tries = 0; fd >= 0 && r == -ENOENT && tries < TRIES; tries++)
        r = read_text(s, fd, RECORD_FILE, LIMIT_RECORD, &record);
    if (r < 0)
        return fail(r, "record", explain(r), problem);
    *ret = record;
    record = (SourceText){ 0 };
    return 0;
}

int source_read_root(const SourceStore *s, SourceText *ret, Problem *problem)
{
    _cleanup_source_text_ SourceText root = { 0 };
    int r = -ENOENT;

    for (int tries = 0; r == -ENOENT && tries < TRIES; tries++) {
        _cleanup_close_ int fd = open_object(s, ROOT);

        r = fd < 0 ? fd : read_text(s, fd, ROOT_FILE, LIMIT_STORED_FILE, &root);
    }
    if (r < 0)
        return fail(r, "local root", explain(r), problem);
    *ret = root;
    root = (SourceText){ 0 };
    return 0;
}
