/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "store/files/paths.h"

static void free_record(gpointer rec)
{
    record_free(rec);
}

char *shelf_key(RecordKind kind, const char *name)
{
    return g_strdup_printf("%d/%s", (int)kind, name);
}

static int on_record(Record *rec, void *userdata)
{
    Shelf *s = userdata;

    g_assert_true(g_hash_table_insert(s->records, shelf_key(rec->kind, rec->name), rec));
    return 0;
}

int shelf_try(Shelf *s, Problem *problem)
{
    int r;

    s->records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_record);
    r = store_open(s->folder.path, &s->store, problem);
    return r < 0 ? r : store_load(s->store, on_record, s);
}

void shelf_open(Shelf *s)
{
    _cleanup_problem_ Problem problem = {};
    int r = shelf_try(s, &problem);

    if (r < 0)
        g_error("the store does not open: %s", problem.text ? problem.text : strerror(-r));
}

void shelf_close(Shelf *s)
{
    s->store = store_close(s->store);
    g_clear_pointer(&s->records, g_hash_table_unref);
}

Shelf shelf_new(void)
{
    Shelf s = { .folder = folder_new() };

    shelf_open(&s);
    return s;
}

void shelf_done(Shelf *s)
{
    shelf_close(s);
    folder_done(&s->folder);
}

void shelf_reopen(Shelf *s)
{
    shelf_close(s);
    shelf_open(s);
}

Record *shelf_find(const Shelf *s, RecordKind kind, const char *name)
{
    g_autofree char *key = shelf_key(kind, name);

    return g_hash_table_lookup(s->records, key);
}

Record *shelf_get(const Shelf *s, const char *name)
{
    Record *rec = shelf_find(s, RECORD_CERTIFICATE, name);

    if (!rec)
        g_error("the store does not know %s", name);
    return rec;
}

StoreChange *change_of(const Record *before, RecordKind kind, const char *name, Bundle *bundle,
                       Source source)
{
    Record *after = before ? record_copy(before) : record_new(kind, name);
    StoreChange *c = NULL;

    g_assert_nonnull(after);
    g_assert_cmpint(store_change_new(before, after, source, bundle, "issued", &c), ==, 0);
    record_serve(c->record, bundle ? source : c->record->served, before);
    return c;
}

StoreChange *change_of_leaf(const Record *before, const char *name)
{
    return change_of(before, RECORD_CERTIFICATE, name, bundle_make(name, 1), SOURCE_LOCAL);
}

void shelf_apply(Shelf *s, StoreChange *c)
{
    g_autofree char *key = shelf_key(c->record->kind, c->record->name);

    if (c->removes)
        g_hash_table_remove(s->records, key);
    else if (c->result >= 0)
        g_hash_table_insert(s->records, TAKE_PTR(key), TAKE_PTR(c->record));
    store_change_free(c);
}

int shelf_commit(Shelf *s, StoreChange *c)
{
    int r = store_stage(s->store, c);

    if (r >= 0)
        r = store_commit(s->store, &c, 1);
    g_assert_cmpint(c->result, ==, r);
    shelf_apply(s, c);
    store_applied(s->store);
    return r;
}

void shelf_put(Shelf *s, const char *name)
{
    g_assert_cmpint(shelf_commit(s, change_of_leaf(shelf_find(s, RECORD_CERTIFICATE, name), name)), ==, 0);
}

void shelf_write_index(Shelf *s)
{
    GList *l = g_hash_table_get_values(s->records), *item;
    const Record **records = g_new0(const Record *, g_list_length(l) + 1);
    StoreCheckpoint *snapshot = NULL;
    size_t n = 0;

    for (item = l; item; item = item->next)
        records[n++] = item->data;
    g_assert_cmpint(store_checkpoint_new(s->store, records, n, &snapshot), ==, 0);
    g_assert_cmpint(store_checkpoint_write(s->store, snapshot), ==, 0);
    store_checkpoint_free(snapshot);
    g_free(records);
    g_list_free(l);
}

void shelf_assert_whole(const Shelf *s, const Record *rec)
{
    g_autofree char *directory = object_path(rec->kind, rec->name),
                    *link = g_strconcat(directory, "/current", NULL);
    g_autofree char *target = folder_link(&s->folder, link),
                    *number = g_strdup_printf("%" G_GUINT64_FORMAT, record_current(rec));
    Bundle *b = NULL;

    g_assert_cmpstr(target, ==, number);
    g_assert_true(pair_is_whole(&s->folder, link, rec->kind));
    g_assert_cmpint(store_verify(s->store, rec, rec->served), ==, 0);
    g_assert_cmpint(store_read(s->store, rec, rec->served, &b), ==, 0);
    bundle_free(b);
}

void shelf_assert_all_whole(const Shelf *s)
{
    GHashTableIter i;
    gpointer rec;

    g_hash_table_iter_init(&i, s->records);
    while (g_hash_table_iter_next(&i, NULL, &rec))
        shelf_assert_whole(s, rec);
}

void assert_same_records(GHashTable *a, GHashTable *b)
{
    GHashTableIter i;
    gpointer key, rec;

    g_assert_cmpuint(g_hash_table_size(a), ==, g_hash_table_size(b));
    g_hash_table_iter_init(&i, a);
    while (g_hash_table_iter_next(&i, &key, &rec)) {
        g_assert_true(g_hash_table_contains(b, key));
        assert_record_equal(rec, g_hash_table_lookup(b, key));
    }
}

void shelf_reopen_and_compare(Shelf *s)
{
    g_autoptr(GHashTable) before = g_hash_table_ref(s->records);

    shelf_reopen(s);
    assert_same_records(before, s->records);
}

mode_t shelf_mode_of(const Shelf *s, const char *path)
{
    struct stat st;

    g_assert_cmpint(fstatat(s->folder.fd, path, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
    return st.st_mode & 07777;
}
