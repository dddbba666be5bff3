/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <uthash.h>

#include "core/limits.h"
#include "core/name.h"
#include "crypto/pair.h"
#include "store/files/files-internal.h"
#include "store/files/index.h"
#include "store/files/record-json.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/text.h"

/* Loads the store, and repairs it if a crash, or a person, left it inconsistent with the records. Intact
 * data is kept; damage is logged and left for the owner of the object to replace; data that was never in use
 * is removed. */

static void clean_object(int fd, const Record *rec)
{
    _cleanup_(closedirp) DIR *d = NULL;
    struct dirent *entry;
    uint64_t generation;

    if (fs_open_stream_at(fd, ".", &d) < 0)
        return;
    while ((entry = readdir(d))) {
        bool stale = streq(entry->d_name, RECORD_FILE_NEW) || streq(entry->d_name, CURRENT_LINK ".new");

        if (parse_uint64(entry->d_name, &generation) >= 0)
            stale = !record_keeps(rec, generation);
        if (stale)
            (void)fs_remove_tree_at(fd, entry->d_name);
    }
}

void object_tidy(Store *s, const Record *rec)
{
    _cleanup_close_ int fd = -EBADF;

    if (store_open_object(s, rec->kind, rec->name, &fd) >= 0)
        clean_object(fd, rec);
}

static uint64_t highest_generation(int fd)
{
    _cleanup_(closedirp) DIR *d = NULL;
    struct dirent *entry;
    uint64_t generation, highest = 0;

    (void)fs_open_stream_at(fd, ".", &d);
    while (d && (entry = readdir(d)))
        if (parse_uint64(entry->d_name, &generation) >= 0)
            highest = MAX(highest, generation);
    return highest;
}

static int64_t time_of_generation(int fd, const char *generation)
{
    struct stat st;

    return fstatat(fd, generation, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : (int64_t)st.st_mtim.tv_sec;
}

/* Without a record, "current" shows what is in use, which is kept if it is intact. Its source is unknown: a
 * chain that cannot be attributed is filed under ACME, where it is served until it expires. */
static int salvage(int fd, RecordKind kind, const char *name, Record **ret)
{
    _cleanup_record_ Record *rec = record_new(kind, name);
    _cleanup_bundle_ Bundle *found = NULL, *b = NULL;
    _cleanup_free_ char *current = NULL;
    Source source = kind == RECORD_ROOT     ? SOURCE_LOCAL
                    : kind == RECORD_UPLOAD ? SOURCE_UPLOADED
                                            : SOURCE_ACME;
    uint64_t generation;
    int r;

    if (!rec)
        return -ENOMEM;
    if (fs_read_link_at(fd, CURRENT_LINK, &current) < 0 || parse_uint64(current, &generation) < 0)
        return -ENOENT;
    if (generation_read(fd, kind, generation, &found) < 0)
        return -ENOENT;
    if (kind == RECORD_ROOT && found->anchor)
        source = SOURCE_UPLOADED; /* a root made by the machine has nothing above it */
    r = bundle_from_pem(found->leaf, found->issuers, found->key, &b);
    if (r < 0)
        return r == -ENOMEM ? r : -ENOENT;
    record_set_slot(rec, source, generation, b->chain, 0, 0);
    r = generation_read_digest(fd, kind, generation, rec->slots[source].stored.digest);
    if (r < 0)
        return r == -ENOMEM ? r : -ENOENT;
    rec->served = source;
    rec->uploaded_at = kind == RECORD_UPLOAD ? time_of_generation(fd, current) : 0;
    rec->stored.last_generation = highest_generation(fd);
    *ret = TAKE_PTR(rec);
    return 0;
}

static int read_record(int fd, RecordKind kind, const char *name, Record **ret)
{
    _cleanup_record_ Record *rec = NULL;
    _cleanup_free_ char *text = NULL;
    int r;

    r = fs_read_at(fd, RECORD_FILE, LIMIT_RECORD, &text, NULL);
    if (r >= 0)
        r = record_from_json(text, &rec);
    if (r >= 0 && (rec->kind != kind || !streq(rec->name, name)))
        r = -EBADMSG;
    if (r >= 0)
        *ret = TAKE_PTR(rec);
    return r;
}

/* The record is switched before the link, so a different link is one step behind. */
static void follow_record(int fd, const Record *rec)
{
    _cleanup_free_ char *current = NULL;
    char name[24];

    if (record_current(rec) == 0 || record_served(rec)->broken)
        return;
    generation_name(record_current(rec), name);
    if (fs_read_link_at(fd, CURRENT_LINK, &current) >= 0 && streq(current, name))
        return;
    if (fs_switch_link_at(fd, CURRENT_LINK, name) >= 0)
        (void)fsync(fd);
}

static bool has_link(int fd)
{
    _cleanup_free_ char *current = NULL;

    return fs_read_link_at(fd, CURRENT_LINK, &current) >= 0;
}

static int repair(Store *s, int fd, Record *rec)
{
    bool in_use = has_link(fd);
    int r;

    for (Source source = 0; source < _SOURCE_MAX; source++) {
        Slot *slot = rec->slots + source;

        if (!slot->chain)
            continue;
        r = generation_verify(fd, rec->kind, slot);
        if (r == -ENOMEM)
            return r;
        slot->broken = r < 0;
        if (slot->broken && in_use)
            log_warning("%s: generation %llu of %s \"%s\" is damaged, replacing.", s->path,
                        (unsigned long long)slot->stored.generation, record_kind_to_string(rec->kind),
                        rec->name);
        if (slot->broken && !in_use) {
            record_clear_slot(rec, source);
            if (rec->served == source)
                rec->served = _SOURCE_INVALID;
        }
    }
    rec->stored.last_generation = MAX(rec->stored.last_generation, highest_generation(fd));
    follow_record(fd, rec);
    clean_object(fd, rec);
    return 0;
}

/* -ENOENT: the object is gone. */
static int put_object_aside(Store *s, RecordKind kind, const char *name)
{
    _cleanup_free_ char *path = object_path(kind, name);
    int r = path ? fs_put_aside_at(s->fd, path) : -ENOMEM;

    return r < 0 ? r : -ENOENT;
}

int store_reload(Store *s, RecordKind kind, const char *name, Record **ret)
{
    _cleanup_record_ Record *rec = NULL;
    _cleanup_close_ int fd = -EBADF;
    int r;

    r = store_open_object(s, kind, name, &fd);
    if (r == -ENOTDIR || r == -ELOOP)
        return put_object_aside(s, kind, name);
    if (r < 0)
        return r;
    if ((r = put_aside_unless(fd, RECORD_FILE, S_IFREG)) < 0 ||
        (r = put_aside_unless(fd, CURRENT_LINK, S_IFLNK)) < 0)
        return r;
    r = read_record(fd, kind, name, &rec);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        bool in_use = has_link(fd);

        r = salvage(fd, kind, name, &rec);
        if (in_use || r >= 0)
            log_warning("%s: the record of %s \"%s\" is damaged%s", s->path, record_kind_to_string(kind),
                        name, r >= 0 ? ", recovered the served chain from its files." : ".");
        if (r < 0)
            return r;
    }
    r = repair(s, fd, rec);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(rec);
    return 0;
}

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
    r = store_reload(l->store, kind, name, &rec);
    if (r < 0 && r != -ENOENT)
        return r;
    record_free(item->record);
    item->record = rec;
    item->reloaded = true;
    l->n_reloaded++;
    return 0;
}

static int load_quickly(Loading *l)
{
    _cleanup_free_ char *data = NULL;
    JournalPosition position;
    size_t size;
    int r;

    r = fs_read_at(l->store->fd, INDEX_FILE, LIMIT_INDEX, &data, &size);
    if (r < 0)
        return r;
    r = index_decode(data, size, &position, on_indexed, l);
    if (r < 0)
        return r;
    r = journal_replay(l->store->journal, &position, on_object, l);
    if (r >= 0)
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
            log_warning("%s/%s/%s is not part of the store, ignoring.", l->store->path, object_parent(kind),
                        entry->d_name);
        else
            r = on_object(kind, name, l);
    }
    return r < 0 ? r : -errno;
}

static int load_slowly(Loading *l)
{
    int r;

    loading_done(l);
    r = on_object(RECORD_ROOT, "root", l);
    if (r >= 0)
        r = scan(l, RECORD_UPLOAD);
    return r < 0 ? r : scan(l, RECORD_CERTIFICATE);
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
            log_notice("%s: failed to read the index, rebuilding from the files: %s", s->path, strerror(-r));
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
