/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <uthash.h>

#include "core/limits.h"
#include "core/name.h"
#include "store/files/files-internal.h"
#include "store/files/index.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/text.h"

/* Loads all records: from the index, and from the files of objects that changed since, or of all (reload.c). */

/* All records by kind and name, while they are collected from index, journal and files. */
typedef struct Loaded {
    char *key;
    Record *record; /* NULL: removed */
    bool reloaded;
    UT_hash_handle hh;
} Loaded;

typedef struct Loading {
    Store *store;
    Loaded *table;
    size_t n_reloaded;
} Loading;

static void loading_done(Loading *l)
{
    Loaded *item, *next;

    HASH_ITER (hh, l->table, item, next) {
        HASH_DEL(l->table, item);
        record_free(item->record);
        free(item->key);
        free(item);
    }
}

static int loading_get(Loading *l, RecordKind kind, const char *name, Loaded **ret)
{
    _cleanup_free_ char *key = NULL;
    Loaded *item;

    if (asprintf(&key, "%d/%s", (int)kind, name) < 0)
        return -ENOMEM;
    HASH_FIND_STR(l->table, key, item);
    if (!item) {
        item = calloc(1, sizeof(Loaded));
        if (!item)
            return -ENOMEM;
        item->key = TAKE_PTR(key);
        HASH_ADD_KEYPTR(hh, l->table, item->key, strlen(item->key), item);
    }
    *ret = item;
    return 0;
}

static int on_indexed(Record *rec, void *userdata)
{
    Loaded *item;
    int r;

    r = loading_get(userdata, rec->kind, rec->name, &item);
    if (r < 0) {
        record_free(rec);
        return r;
    }
    record_free(item->record);
    item->record = rec;
    return 0;
}

static int on_object(RecordKind kind, const char *name, void *userdata)
{
    Loading *l = userdata;
    Record *rec = NULL;
    Loaded *item;
    int r;

    r = loading_get(l, kind, name, &item);
    if (r < 0 || item->reloaded)
        return r;
    r = store_reload(l->store, kind, name, item->record, &rec);
    if (r < 0 && r != -ENOENT)
        return r;
    record_free(item->record);
    item->record = rec;
    item->reloaded = true;
    l->n_reloaded++;
    return 0;
}

static int compare_times(const struct timespec *a, const struct timespec *b)
{
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return a->tv_nsec < b->tv_nsec ? -1 : a->tv_nsec > b->tv_nsec;
}

/* Returns 2 if the object, its record or its link is later than the index, although the journal does not name it: somebody else
 * put it there, perhaps from a backup. 1: it may be, as the clock of a file system is coarse; 0: it is earlier. */
static int is_restored(const Loading *l, const Record *rec, const struct timespec *indexed)
{
    static const char *const entries[] = { "", "/" RECORD_FILE, "/" CURRENT_LINK };
    _cleanup_free_ char *path = object_path(rec->kind, rec->name);
    struct stat st;
    int r = 0;

    if (!path)
        return -ENOMEM;
    for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
        _cleanup_free_ char *entry = NULL;

        if (asprintf(&entry, "%s%s", path, entries[i]) < 0)
            return -ENOMEM;
        if (fstatat(l->store->fd, entry, &st, AT_SYMLINK_NOFOLLOW) >= 0)
            r = MAX(r, compare_times(&st.st_ctim, indexed) + 1);
    }
    return r;
}

/* Returns 1 if there were any, so that a new index is wanted. */
static int reload_restored(Loading *l, const struct timespec *indexed)
{
    Loaded *item, *next;
    bool found = false;
    int r = 0;

    HASH_ITER (hh, l->table, item, next) {
        if (item->reloaded || !item->record)
            continue;
        r = is_restored(l, item->record, indexed);
        found |= r > 1;
        if (r > 0)
            r = on_object(item->record->kind, item->record->name, l);
        if (r < 0)
            return r;
    }
    return found;
}

static int load_quickly(Loading *l)
{
    _cleanup_free_ char *data = NULL;
    JournalPosition position;
    struct stat st;
    size_t size;
    int r;

    r = fs_read_at(l->store->fd, INDEX_FILE, LIMIT_INDEX, &data, &size);
    if (r >= 0 && fstatat(l->store->fd, INDEX_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    if (r < 0)
        return r;
    r = index_decode(data, size, &position, on_indexed, l);
    if (r < 0)
        return r;
    r = journal_replay(l->store->journal, &position, on_object, l);
    if (r >= 0)
        r = reload_restored(l, &st.st_mtim);
    if (r == 0)
        l->store->indexed = position;
    return r;
}

static char *name_from_entry(RecordKind kind, const char *entry)
{
    if (kind == RECORD_UPLOAD)
        return text_is_hex(entry, 64) ? strdup(entry) : NULL;
    return name_from_directory(entry);
}

/* A folder that was staged but never committed has neither a record nor a link. */
static bool is_leftover(int dir_fd, const char *name)
{
    _cleanup_close_ int fd = -EBADF;
    struct stat st;

    if (fs_open_directory_at(dir_fd, name, &fd) < 0)
        return false;
    return fstatat(fd, RECORD_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
           fstatat(fd, CURRENT_LINK, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static int scan(Loading *l, RecordKind kind)
{
    _cleanup_(closedirp) DIR *d = NULL;
    struct dirent *entry;
    int r = fs_open_stream_at(l->store->fd, object_parent(kind), &d);

    while (r >= 0 && (errno = 0, entry = readdir(d))) {
        _cleanup_free_ char *name = NULL;

        if (entry->d_name[0] == '.' || text_ends_with(entry->d_name, ".damaged"))
            continue;
        name = name_from_entry(kind, entry->d_name);
        if (!name)
            log_fields(LOG_WARNING, MESSAGE_FAILURE, FIELDS({ "FILE", entry->d_name }),
                       "%s/%s/%s is not part of the store, ignoring.", l->store->path, object_parent(kind),
                       entry->d_name);
        else
            r = on_object(kind, name, l);
    }
    return r < 0 ? r : -errno;
}

/* Records of the index are not used, except to recover those that cannot be read. */
static int load_slowly(Loading *l)
{
    Loaded *item, *next;
    int r;

    r = on_object(RECORD_ROOT, "root", l);
    if (r >= 0)
        r = scan(l, RECORD_UPLOAD);
    if (r >= 0)
        r = scan(l, RECORD_CERTIFICATE);
    HASH_ITER (hh, l->table, item, next)
        if (!item->reloaded)
            item->record = record_free(item->record);
    return r;
}

static int hand_over(Loading *l, RecordKind kind, StoreVisit visit, void *userdata)
{
    Loaded *item, *next;
    int r;

    HASH_ITER (hh, l->table, item, next) {
        if (!item->record || item->record->kind != kind)
            continue;
        r = visit(TAKE_PTR(item->record), userdata);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Deletes removed objects, and uploads that were staged but never committed. */
static void sweep(Store *s, RecordKind kind)
{
    _cleanup_(closedirp) DIR *d = NULL;
    struct dirent *entry;

    (void)fs_open_stream_at(s->fd, object_parent(kind), &d);
    while (d && (entry = readdir(d))) {
        bool trash = strncmp(entry->d_name, TRASH_PREFIX, strlen(TRASH_PREFIX)) == 0;

        if (kind == RECORD_UPLOAD && text_is_hex(entry->d_name, 64))
            trash = is_leftover(dirfd(d), entry->d_name);
        if (trash)
            (void)fs_remove_tree_at(dirfd(d), entry->d_name);
    }
}

/* No change is in progress yet, so a long journal can be rotated; the next index refers to the new one. */
static int rotate_journal(Store *s)
{
    int r = journal_rotate(s->fd, &s->journal);

    if (r > 0)
        s->committed = s->applied = journal_end(s->journal);
    return r;
}

int store_load(Store *s, StoreVisit visit, void *userdata)
{
    _cleanup_(loading_done) Loading l = { .store = s };
    static const RecordKind order[] = { RECORD_ROOT, RECORD_UPLOAD, RECORD_CERTIFICATE };
    int r;

    r = load_quickly(&l);
    if (r < 0 && r != -ENOMEM) {
        if (r != -ENOENT)
            log_fields(LOG_NOTICE, MESSAGE_FAILURE, NULL,
                       "%s: failed to read the index, rebuilding from the files: %s", s->path, strerror(-r));
        r = load_slowly(&l);
    }
    /* A switch made just before a crash of this program may not be on disk yet, but everything reported from
     * now on must be. */
    if (r >= 0 && l.n_reloaded > 0 && syncfs(s->fd) < 0)
        r = -errno;
    sweep(s, RECORD_UPLOAD);
    sweep(s, RECORD_CERTIFICATE);
    if (r >= 0)
        r = rotate_journal(s);
    for (size_t i = 0; i < ELEMENTSOF(order) && r >= 0; i++)
        r = hand_over(&l, order[i], visit, userdata);
    return r;
}
