/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "crypto/digest.h"
#include "store/files/files-internal.h"
#include "store/files/index.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/text.h"
#include "util/time.h"

#define STORE_VERSION  1
#define LOCK_WAIT_USEC (50 * USEC_PER_MSEC)
#define LOCK_TRIES     400 /* 20 s: calls are given up by most clients after 25 s */

/* Oldest first. There is only one format so far. */
static const StoreUpgrade *const upgrades = NULL;
static const size_t n_upgrades = 0;

/* Two daemons on the same store would undo each other's changes. Waits for one that is about to exit: a call
 * that arrived while it released its name has started this one. */
static int lock_folder(int fd)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) >= 0)
            return 0;
        if (errno != EWOULDBLOCK)
            return -errno;
        (void)usleep(LOCK_WAIT_USEC);
    }
    return -EWOULDBLOCK;
}

static int open_folder(const char *path, int *ret)
{
    _cleanup_close_ int fd = -EBADF;
    int r;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    r = fs_open_directory_at(AT_FDCWD, path, &fd);
    if (r < 0)
        return r;
    r = lock_folder(fd);
    if (r < 0)
        return r;
    *ret = TAKE_FD(fd);
    return 0;
}

const char *store_advice(int r)
{
    switch (r) {
    case -EROFS:
        return " Mount its file system writable.";
    case -ENOSPC:
    case -EDQUOT:
        return " Make room on its file system.";
    case -EACCES:
    case -EPERM:
        return " It has to belong to the user that the service runs as.";
    default:
        return "";
    }
}

int put_aside(const Store *s, int dir_fd, const char *entry, const char *path, const char *meaning)
{
    struct stat st;
    int r;

    if (fstatat(dir_fd, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    r = fs_put_aside_at(dir_fd, entry);
    if (r >= 0)
        log_fields(LOG_WARNING, MESSAGE_STORE_DAMAGED, FIELDS({ "FILE", path }),
                   "%s/%s is damaged and was renamed to %s.damaged: %s.", s->path, path, path, meaning);
    return r;
}

int put_aside_unless(const Store *s, int dir_fd, const char *entry, const char *path, mode_t type,
                     const char *meaning)
{
    struct stat st;

    if (fstatat(dir_fd, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    return (st.st_mode & S_IFMT) == type ? 0 : put_aside(s, dir_fd, entry, path, meaning);
}

static int prepare_folder(Store *s)
{
    static const char *const meanings[_RECORD_KIND_MAX] = {
        [RECORD_CERTIFICATE] =
            "all certificates get new chains, and applications have to register theirs again",
        [RECORD_UPLOAD] = "all chains have to be uploaded again",
    };
    int r = 0;

    for (RecordKind kind = 0; kind < _RECORD_KIND_MAX && r >= 0; kind++) {
        const char *path = object_parent(kind);

        if (kind == RECORD_ROOT)
            continue;
        r = put_aside_unless(s, s->fd, path, path, S_IFDIR, meanings[kind]);
        if (r >= 0)
            r = fs_make_directory_at(s->fd, path);
    }
    if (r >= 0)
        r = put_aside_unless(s, s->fd, INDEX_FILE, INDEX_FILE, S_IFREG,
                             "it is made again from the other files");
    return r < 0 ? r : fs_sync(s->fd);
}

static int open_journal(Store *s)
{
    int r = journal_open(s->fd, &s->journal);

    if (r > 0)
        log_fields(LOG_WARNING, MESSAGE_STORE_DAMAGED, FIELDS({ "FILE", JOURNAL_FILE }),
                   "%s/" JOURNAL_FILE " is damaged and was renamed to " JOURNAL_FILE
                   ".damaged: all records are read from their own files.",
                   s->path);
    return r;
}

static int open_parts(Store *s, Problem *problem)
{
    int r;

    r = open_folder(s->path, &s->fd);
    if (r >= 0)
        r = version_check(s, STORE_VERSION, upgrades, n_upgrades, problem);
    if (r >= 0)
        r = prepare_folder(s);
    return r < 0 ? r : open_journal(s);
}

int store_open(const char *path, Store **ret, Problem *problem)
{
    _cleanup_(store_closep) Store *s = calloc(1, sizeof(Store));
    int r;

    if (!s)
        return -ENOMEM;
    s->fd = -EBADF;
    s->path = strdup(path);
    if (!s->path)
        return -ENOMEM;
    r = open_parts(s, problem);
    if (r == -EWOULDBLOCK)
        problem_set(problem, PROBLEM_STORAGE_FAILED, "The store %s is in use by another process.", path);
    else if (r < 0)
        problem_set(problem, PROBLEM_STORAGE_FAILED, "The store %s cannot be used: %s.%s", path,
                    strerror(-r), store_advice(r));
    if (r < 0)
        return r;
    s->committed = s->applied = journal_end(s->journal);
    *ret = TAKE_PTR(s);
    return 0;
}

Store *store_close(Store *s)
{
    if (!s)
        return NULL;
    journal_close(s->journal);
    if (s->fd >= 0)
        close(s->fd);
    free(s->path);
    free(s);
    return NULL;
}

int store_open_object(Store *s, RecordKind kind, const char *name, int *ret_fd)
{
    _cleanup_free_ char *path = object_path(kind, name);

    return path ? fs_open_directory_at(s->fd, path, ret_fd) : -ENOMEM;
}

int generation_read_digest(int dir_fd, RecordKind kind, uint64_t generation, uint8_t ret[static 32])
{
    _cleanup_close_ int fd = -EBADF;
    char name[24], *texts[GENERATION_FILES_MAX] = {}, *all = NULL;
    size_t n, sizes[GENERATION_FILES_MAX] = {}, size = 0, at = 0;
    const GenerationFile *files = generation_files(kind, &n);
    int r;

    generation_name(generation, name);
    r = fs_open_directory_at(dir_fd, name, &fd);
    for (size_t i = 0; i < n && r >= 0; i++) {
        r = fs_read_at(fd, files[i].name, LIMIT_STORED_FILE, texts + i, sizes + i);
        if (r == -ENOENT && files[i].optional)
            r = 0;
        else
            size += sizes[i] + 1;
    }
    if (r >= 0)
        all = malloc(size);
    for (size_t i = 0; i < n && all; i++) {
        if (!texts[i])
            continue;
        memcpy(all + at, texts[i], sizes[i] + 1);
        at += sizes[i] + 1;
    }
    if (r >= 0)
        r = all ? digest_sha256(all, size, ret) : -ENOMEM;
    if (all)
        explicit_bzero(all, size);
    free(all);
    for (size_t i = 0; i < n; i++)
        erase_and_free(texts[i]);
    return r;
}

int generation_verify(int dir_fd, RecordKind kind, const Slot *slot)
{
    uint8_t digest[DIGEST_SIZE];
    int r;

    r = generation_read_digest(dir_fd, kind, slot->stored.generation, digest);
    if (r == -ENOMEM)
        return r;
    return r < 0 || memcmp(digest, slot->stored.digest, sizeof(digest)) != 0 ? -EBADMSG : 0;
}

int store_verify(Store *s, const Record *rec, Source source)
{
    _cleanup_free_ char *current = NULL;
    _cleanup_close_ int fd = -EBADF;
    char name[24];
    int r;

    r = store_open_object(s, rec->kind, rec->name, &fd);
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    if (source == rec->served) {
        generation_name(record_current(rec), name);
        r = fs_read_link_at(fd, CURRENT_LINK, &current);
        if (r < 0 || !streq(current, name))
            return r == -ENOMEM ? r : -EBADMSG;
    }
    r = generation_verify(fd, rec->kind, rec->slots + source);
    if (r >= 0)
        r = generation_bears_out(fd, rec->kind, rec->slots + source);
    if (r >= 0)
        r = object_verify_record(fd, rec->kind, rec->name);
    if (r >= 0)
        object_tidy(s, rec);
    return r;
}

int generation_read(int dir_fd, RecordKind kind, uint64_t generation, Bundle **ret)
{
    _cleanup_bundle_ Bundle *b = calloc(1, sizeof(Bundle));
    _cleanup_close_ int fd = -EBADF;
    size_t n;
    const GenerationFile *files = generation_files(kind, &n);
    char name[24];
    int r;

    if (!b)
        return -ENOMEM;
    generation_name(generation, name);
    r = fs_open_directory_at(dir_fd, name, &fd);
    for (size_t i = 0; i < n && r >= 0; i++) {
        if (files[i].parts[1]) /* its parts have files of their own */
            continue;
        r = fs_read_at(fd, files[i].name, LIMIT_STORED_FILE, bundle_part(b, files[i].parts[0]), NULL);
        if (r == -ENOENT && files[i].optional)
            r = 0;
    }
    if (r >= 0 && !b->issuers && !(b->issuers = strdup("")))
        r = -ENOMEM;
    if (r >= 0)
        *ret = TAKE_PTR(b);
    return r;
}

int store_read(Store *s, const Record *rec, Source source, Bundle **ret)
{
    _cleanup_bundle_ Bundle *b = NULL;
    const Slot *slot = rec->slots + source;
    _cleanup_close_ int object = -EBADF;
    uint8_t digest[DIGEST_SIZE];
    int r;

    if ((r = store_open_object(s, rec->kind, rec->name, &object)) < 0 ||
        (r = generation_read(object, rec->kind, slot->stored.generation, &b)) < 0 ||
        (r = generation_digest(rec->kind, b, digest)) < 0)
        return r;
    if (memcmp(digest, slot->stored.digest, sizeof(digest)) != 0)
        return -EBADMSG;
    b->chain = chain_ref(slot->chain);
    b->root = slot->root;
    b->purposes = slot->purposes;
    *ret = TAKE_PTR(b);
    return 0;
}

struct StoreCheckpoint {
    void *data;
    size_t size;
    JournalPosition position;
};

int store_checkpoint_new(Store *s, const Record *const *records, size_t n, StoreCheckpoint **ret)
{
    StoreCheckpoint *snapshot = calloc(1, sizeof(StoreCheckpoint));
    int r;

    if (!snapshot)
        return -ENOMEM;
    snapshot->position = s->applied;
    r = index_encode(&s->applied, records, n, &snapshot->data, &snapshot->size);
    if (r < 0) {
        free(snapshot);
        return r;
    }
    s->indexed = s->applied;
    *ret = snapshot;
    return 0;
}

int store_checkpoint_write(Store *s, StoreCheckpoint *snapshot)
{
    int r = fs_replace_at(s->fd, INDEX_FILE, snapshot->data, snapshot->size, true);

    return r < 0 ? r : fs_sync(s->fd);
}

StoreCheckpoint *store_checkpoint_free(StoreCheckpoint *snapshot)
{
    if (snapshot)
        free(snapshot->data);
    free(snapshot);
    return NULL;
}

static bool same_position(const JournalPosition *a, const JournalPosition *b)
{
    return streq(a->id, b->id) && a->offset == b->offset;
}

bool store_wants_checkpoint(const Store *s)
{
    return !same_position(&s->applied, &s->indexed);
}

void store_applied(Store *s)
{
    s->applied = s->committed;
}
