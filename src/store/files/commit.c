/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/now.h"
#include "store/files/files-internal.h"
#include "store/files/record-json.h"
#include "util/fs.h"

#define SYNC_EACH_MAX 4 /* maximum size of a group whose files are flushed one by one */

static int enter_generation(StoreChange *c)
{
    Record *rec = c->record;
    uint64_t generation = ++rec->stored.last_generation;

    record_set_slot(rec, c->source, generation, c->bundle->chain, c->bundle->root, c->bundle->purposes);
    return generation_digest(rec->kind, c->bundle, rec->slots[c->source].stored.digest);
}

int store_change_new(const Record *before, Record *after, Source source, Bundle *bundle, const char *event,
                     StoreChange **ret)
{
    _cleanup_(store_change_freep) StoreChange *c = calloc(1, sizeof(StoreChange));
    int r = 0;

    if (!c) {
        record_free(after);
        bundle_free(bundle);
        return -ENOMEM;
    }
    *c = (StoreChange){ .record = after,
                        .bundle = bundle,
                        .source = source,
                        .served = before ? record_current(before) : 0,
                        .event = event,
                        .fresh = !before,
                        .removes = !after };
    if (c->removes)
        c->record = record_copy(before);
    if (!c->record)
        return -ENOMEM;
    if (bundle)
        r = enter_generation(c);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(c);
    return 0;
}

StoreChange *store_change_free(StoreChange *c)
{
    if (!c)
        return NULL;
    record_free(c->record);
    bundle_free(c->bundle);
    free(c);
    return NULL;
}

static bool switches(const StoreChange *c)
{
    return record_current(c->record) != c->served;
}

bool store_change_concerns_chain(const StoreChange *c)
{
    return c->bundle || switches(c);
}

static int write_generation(int fd, const StoreChange *c, const char *name)
{
    _cleanup_close_ int generation_fd = -EBADF;
    const GenerationFile *files;
    size_t n;
    int r;

    r = fs_remove_tree_at(fd, name); /* leftovers of a crash */
    if (r >= 0)
        r = fs_make_directory_at(fd, name);
    if (r >= 0)
        r = fs_open_directory_at(fd, name, &generation_fd);
    files = generation_files(c->record->kind, &n);
    for (size_t i = 0; i < n && r >= 0; i++) {
        _cleanup_erase_ char *text = NULL;

        if (!generation_file_exists(files + i, c->bundle))
            continue;
        r = generation_file_text(files + i, c->bundle, &text);
        if (r >= 0)
            r = fs_create_at(generation_fd, files[i].name, text, strlen(text), false);
    }
    return r;
}

static int write_record(int fd, const StoreChange *c)
{
    _cleanup_free_ char *former = NULL, *text = NULL;
    int r;

    if (!c->fresh)
        (void)fs_read_at(fd, RECORD_FILE, LIMIT_RECORD, &former, NULL);
    r = record_to_json(c->record, former, clock_now(), &text);
    if (r >= 0 && strlen(text) > LIMIT_RECORD)
        r = -E2BIG;
    if (r >= 0)
        r = fs_remove_file_at(fd, RECORD_FILE_NEW);
    return r < 0 ? r : fs_create_at(fd, RECORD_FILE_NEW, text, strlen(text), false);
}

static int stage(Store *s, StoreChange *c)
{
    _cleanup_free_ char *path = object_path(c->record->kind, c->record->name);
    _cleanup_close_ int fd = -EBADF;
    char name[24];
    int r;

    if (!path)
        return -ENOMEM;
    if (c->removes)
        return 0;
    r = fs_make_directory_at(s->fd, path);
    if (r >= 0)
        r = fs_open_directory_at(s->fd, path, &fd);
    if (r < 0)
        return r;
    if (c->bundle) {
        generation_name(c->record->slots[c->source].stored.generation, name);
        r = write_generation(fd, c, name);
    }
    return r < 0 ? r : write_record(fd, c);
}

/* Returns true for errors caused by an entry of the wrong type, which store_reload() puts aside. */
static bool is_in_the_way(int r)
{
    return r == -EISDIR || r == -ENOTDIR || r == -ELOOP || r == -EEXIST || r == -ENOENT;
}

int store_stage(Store *s, StoreChange *c)
{
    c->result = stage(s, c);
    c->doubtful = is_in_the_way(c->result);
    if (c->result < 0)
        store_discard(s, c);
    return c->result;
}

void store_discard(Store *s, StoreChange *c)
{
    _cleanup_free_ char *path = object_path(c->record->kind, c->record->name);
    _cleanup_close_ int fd = -EBADF;
    char name[24];

    if (c->removes || !path)
        return;
    if (fs_open_directory_at(s->fd, path, &fd) < 0)
        return;
    (void)unlinkat(fd, RECORD_FILE_NEW, 0);
    if (c->bundle) {
        generation_name(c->record->slots[c->source].stored.generation, name);
        (void)fs_remove_tree_at(fd, name);
    }
    if (c->fresh)
        (void)unlinkat(s->fd, path, AT_REMOVEDIR); /* if it is empty */
}

/* Flushing. A small group is flushed file by file, so that it does not wait for data that others wrote to
 * the file system; a large one with syncfs(), which costs the same for ten thousand files as for one. */

static int sync_file_at(int dir_fd, const char *path)
{
    _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? -errno : fs_sync(fd);
}

static int sync_generation(int fd, RecordKind kind, const Bundle *b, uint64_t generation)
{
    _cleanup_close_ int generation_fd = -EBADF;
    const GenerationFile *files;
    char name[24];
    size_t n;
    int r;

    generation_name(generation, name);
    r = fs_open_directory_at(fd, name, &generation_fd);
    files = generation_files(kind, &n);
    for (size_t i = 0; i < n && r >= 0; i++)
        r = generation_file_exists(files + i, b) ? sync_file_at(generation_fd, files[i].name) : 0;
    return r < 0 ? r : fs_sync(generation_fd);
}

static int sync_staged(Store *s, const StoreChange *c)
{
    _cleanup_close_ int fd = -EBADF;
    int r;

    if (c->removes)
        return 0;
    r = store_open_object(s, c->record->kind, c->record->name, &fd);
    if (r >= 0 && c->bundle)
        r = sync_generation(fd, c->record->kind, c->bundle, c->record->slots[c->source].stored.generation);
    if (r >= 0)
        r = sync_file_at(fd, RECORD_FILE_NEW);
    if (r >= 0)
        r = fs_sync(fd);
    return r < 0 || !c->fresh ? r : fs_fsync_directory_at(s->fd, object_parent(c->record->kind));
}

static int sync_switched(Store *s, const StoreChange *c)
{
    _cleanup_close_ int fd = -EBADF;
    int r;

    if (c->removes)
        return fs_fsync_directory_at(s->fd, object_parent(c->record->kind));
    r = store_open_object(s, c->record->kind, c->record->name, &fd);
    return r < 0 ? r : fs_sync(fd);
}

static int sync_group(Store *s, StoreChange *const *changes, size_t n,
                      int (*sync_one)(Store *, const StoreChange *))
{
    if (n > SYNC_EACH_MAX)
        return syncfs(s->fd) < 0 ? -errno : 0;
    for (size_t i = 0; i < n; i++)
        if (changes[i]->result >= 0) {
            int r = sync_one(s, changes[i]);

            if (r < 0)
                return r;
        }
    return 0;
}

static int write_journal(Store *s, StoreChange *const *changes, size_t n)
{
    _cleanup_free_ char *lines = NULL;
    int64_t now = clock_now();
    size_t size = 0;
    FILE *f = open_memstream(&lines, &size);
    int r = 0;

    if (!f)
        return -errno;
    for (size_t i = 0; i < n && r >= 0; i++) {
        _cleanup_free_ char *line = NULL;

        if (changes[i]->result < 0)
            continue;
        r = journal_line_from_change(changes[i]->record, changes[i]->event,
                                     changes[i]->bundle ? changes[i]->source : changes[i]->record->served,
                                     now, &line);
        if (r >= 0)
            fputs(line, f);
    }
    if (fclose(f) != 0 && r >= 0)
        r = -errno;
    return r < 0 ? r : journal_append(s->journal, lines, size);
}

static int switch_link(int fd, const StoreChange *c)
{
    char name[24];

    if (record_current(c->record) == 0)
        return fs_remove_file_at(fd, CURRENT_LINK);
    generation_name(record_current(c->record), name);
    if (c->fresh && symlinkat(name, fd, CURRENT_LINK) >= 0)
        return 0;
    return fs_switch_link_at(fd, CURRENT_LINK, name);
}

static char *trash_path(const Record *rec)
{
    _cleanup_free_ char *path = object_path(rec->kind, rec->name);
    char *trash;

    if (!path ||
        asprintf(&trash, "%s/" TRASH_PREFIX "%s", object_parent(rec->kind), strrchr(path, '/') + 1) < 0)
        return NULL;
    return trash;
}

static int move_to_trash(Store *s, const Record *rec)
{
    _cleanup_free_ char *path = object_path(rec->kind, rec->name), *trash = trash_path(rec);

    if (!path || !trash)
        return -ENOMEM;
    (void)fs_remove_tree_at(s->fd, trash);
    return renameat(s->fd, path, s->fd, trash) < 0 && errno != ENOENT ? -errno : 0;
}

static int switch_one(Store *s, const StoreChange *c)
{
    _cleanup_close_ int fd = -EBADF;
    int r;

    if (c->removes)
        return move_to_trash(s, c->record);
    r = store_open_object(s, c->record->kind, c->record->name, &fd);
    if (r < 0)
        return r;
    if (renameat(fd, RECORD_FILE_NEW, fd, RECORD_FILE) < 0)
        return -errno;
    return switches(c) ? switch_link(fd, c) : 0;
}

static int read_back(Store *s, const StoreChange *c)
{
    _cleanup_close_ int fd = -EBADF;
    int r;

    if (!c->bundle)
        return 0;
    r = store_open_object(s, c->record->kind, c->record->name, &fd);
    return r < 0 ? r : generation_verify(fd, c->record->kind, c->record->slots + c->source);
}

static void remove_obsolete(Store *s, const StoreChange *c)
{
    _cleanup_free_ char *trash = c->removes ? trash_path(c->record) : NULL;

    if (trash)
        (void)fs_remove_tree_at(s->fd, trash);
    else if (!c->removes && !c->fresh)
        object_tidy(s, c->record);
}

static int fail_all(Store *s, StoreChange *const *changes, size_t n, int r)
{
    for (size_t i = 0; i < n; i++)
        if (changes[i]->result >= 0) {
            store_discard(s, changes[i]);
            changes[i]->result = r;
        }
    return r;
}

int store_commit(Store *s, StoreChange *const *changes, size_t n)
{
    int r, worst = 0;

    for (size_t i = 0; i < n; i++)
        changes[i]->doubtful = true;
    r = write_journal(s, changes, n);
    if (r >= 0 && n <= SYNC_EACH_MAX)
        r = journal_sync(s->journal);
    if (r >= 0)
        r = sync_group(s, changes, n, sync_staged);
    if (r < 0)
        return fail_all(s, changes, n, r);
    for (size_t i = 0; i < n; i++) {
        StoreChange *c = changes[i];

        if (c->result >= 0) {
            c->result = read_back(s, c);
            if (c->result < 0)
                store_discard(s, c);
        }
        if (c->result >= 0)
            c->result = switch_one(s, c);
    }
    r = sync_group(s, changes, n, sync_switched);
    for (size_t i = 0; i < n; i++) {
        if (r < 0 && changes[i]->result >= 0)
            changes[i]->result = r;
        if (changes[i]->result >= 0)
            remove_obsolete(s, changes[i]);
        worst = MIN(worst, changes[i]->result);
    }
    s->committed = journal_end(s->journal);
    return worst;
}
