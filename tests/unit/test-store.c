/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/limits.h"
#include "store/files/files-internal.h"
#include "store/files/index.h"
#include "store/files/record-json.h"
#include "util/fs.h"
#include "util/text.h"

#define FINGERPRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A store that is open, and what it knew when it was loaded. */
typedef struct Shelf {
    Folder folder;
    Store *store;
    GHashTable *records; /* "kind/name" -> Record */
} Shelf;

static void free_record(gpointer rec)
{
    record_free(rec);
}

static char *key_of(RecordKind kind, const char *name)
{
    return g_strdup_printf("%d/%s", (int)kind, name);
}

static int on_record(Record *rec, void *userdata)
{
    Shelf *s = userdata;

    g_assert_true(g_hash_table_insert(s->records, key_of(rec->kind, rec->name), rec));
    return 0;
}

static int shelf_try(Shelf *s, Problem *problem)
{
    int r;

    s->records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_record);
    r = store_open(s->folder.path, &s->store, problem);
    return r < 0 ? r : store_load(s->store, on_record, s);
}

static void shelf_open(Shelf *s)
{
    _cleanup_problem_ Problem problem = {};
    int r = shelf_try(s, &problem);

    if (r < 0)
        g_error("the store does not open: %s", problem.text ? problem.text : strerror(-r));
}

static void shelf_close(Shelf *s)
{
    s->store = store_close(s->store);
    g_clear_pointer(&s->records, g_hash_table_unref);
}

static Shelf shelf_new(void)
{
    Shelf s = { .folder = folder_new() };

    shelf_open(&s);
    return s;
}

static void shelf_done(Shelf *s)
{
    shelf_close(s);
    folder_done(&s->folder);
}
#define _cleanup_shelf_ _cleanup_(shelf_done)

static void reopen(Shelf *s)
{
    shelf_close(s);
    shelf_open(s);
}

static Record *find(const Shelf *s, RecordKind kind, const char *name)
{
    g_autofree char *key = key_of(kind, name);

    return g_hash_table_lookup(s->records, key);
}

static Record *get(const Shelf *s, const char *name)
{
    Record *rec = find(s, RECORD_CERTIFICATE, name);

    if (!rec)
        g_error("the store does not know %s", name);
    return rec;
}

/* A change as the service makes it: a new local chain, served from then on. bundle NULL: the record
 * changes alone. */
static StoreChange *change_of(const Record *before, RecordKind kind, const char *name, Bundle *bundle,
                              Source source)
{
    Record *after = before ? record_copy(before) : record_new(kind, name);
    StoreChange *c = NULL;

    g_assert_nonnull(after);
    g_assert_cmpint(store_change_new(before, after, source, bundle, "issued", &c), ==, 0);
    record_serve(c->record, bundle ? source : c->record->served, before ? record_current(before) : 0);
    store_change_finish(c, before);
    return c;
}

static StoreChange *new_leaf(const Record *before, const char *name)
{
    return change_of(before, RECORD_CERTIFICATE, name, bundle_make(name, 1), SOURCE_LOCAL);
}

/* What is in the records of the shelf from now on, as the service does. */
static void apply(Shelf *s, StoreChange *c)
{
    g_autofree char *key = key_of(c->record->kind, c->record->name);

    if (c->removes)
        g_hash_table_remove(s->records, key);
    else if (c->result >= 0)
        g_hash_table_insert(s->records, TAKE_PTR(key), TAKE_PTR(c->record));
    store_change_free(c);
}

static int commit_one(Shelf *s, StoreChange *c)
{
    int r = store_stage(s->store, c);

    if (r >= 0)
        r = store_commit(s->store, &c, 1);
    g_assert_cmpint(c->result, ==, r);
    apply(s, c);
    store_applied(s->store);
    return r;
}

static void put(Shelf *s, const char *name)
{
    g_assert_cmpint(commit_one(s, new_leaf(find(s, RECORD_CERTIFICATE, name), name)), ==, 0);
}

static void write_index(Shelf *s)
{
    GList *l = g_hash_table_get_values(s->records), *item;
    const Record **records = g_new0(const Record *, g_list_length(l) + 1);
    StoreSnapshot *snapshot = NULL;
    size_t n = 0;

    for (item = l; item; item = item->next)
        records[n++] = item->data;
    g_assert_cmpint(store_snapshot(s->store, records, n, &snapshot), ==, 0);
    g_assert_cmpint(store_write_index(s->store, snapshot), ==, 0);
    store_snapshot_free(snapshot);
    g_free(records);
    g_list_free(l);
}

/* Records on disk, by link and by what was told, are the same and whole. */
static void assert_whole(const Shelf *s, const Record *rec)
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

static void assert_all_whole(const Shelf *s)
{
    GHashTableIter i;
    gpointer rec;

    g_hash_table_iter_init(&i, s->records);
    while (g_hash_table_iter_next(&i, NULL, &rec))
        assert_whole(s, rec);
}

/* Compares what two loads of the same folder found. */
static void assert_same_records(GHashTable *a, GHashTable *b)
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

static void reopen_and_compare(Shelf *s)
{
    g_autoptr(GHashTable) before = g_hash_table_ref(s->records);

    reopen(s);
    assert_same_records(before, s->records);
}

static mode_t mode_of(const Shelf *s, const char *path)
{
    struct stat st;

    g_assert_cmpint(fstatat(s->folder.fd, path, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
    return st.st_mode & 07777;
}

static void test_new(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    g_autofree char *version = folder_read(&s.folder, "version");

    g_assert_cmpstr(version, ==, "1\n");
    g_assert_true(folder_has(&s.folder, "journal"));
    g_assert_cmpuint(g_hash_table_size(s.records), ==, 0);
    reopen(&s);
    g_assert_cmpuint(g_hash_table_size(s.records), ==, 0);
}

/* All files of a generation, for nobody else to read, each with its parts. */
static void test_files(void)
{
    static const char *const files[] = { "fullchain.pem", "chain.pem", "certificate.pem", "privkey.pem",
                                         "combined.pem" };
    _cleanup_shelf_ Shelf s = shelf_new();
    Bundle *b = bundle_make("www.example.com", 1);
    g_autofree char *leaf = g_strdup(b->leaf), *key = g_strdup(b->key), *both = g_strconcat(leaf, key, NULL);
    const char *const texts[] = { leaf, "", leaf, key, both };

    g_assert_cmpint(commit_one(&s, change_of(NULL, RECORD_CERTIFICATE, "www.example.com", b, SOURCE_LOCAL)),
                    ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(files); i++) {
        g_autofree char *path = g_strconcat("certificates/www.example.com/1/", files[i], NULL);
        g_autofree char *text = folder_read(&s.folder, path);

        g_assert_cmpstr(text, ==, texts[i]);
        g_assert_cmpint(mode_of(&s, path), ==, 0600);
    }
    g_assert_cmpint(mode_of(&s, "certificates/www.example.com/1"), ==, 0700);
    g_assert_cmpint(mode_of(&s, "certificates/www.example.com"), ==, 0700);
    g_assert_cmpint(mode_of(&s, "certificates/www.example.com/record.json"), ==, 0600);
    g_assert_cmpint(mode_of(&s, "journal"), ==, 0600);
    assert_whole(&s, get(&s, "www.example.com"));
}

static void test_round_trip(void)
{
    static const char *const names[] = { "www.example.com", "*.example.com", "192.0.2.1", "2001:db8::1",
                                         "a" };
    _cleanup_shelf_ Shelf s = shelf_new();

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        put(&s, names[i]);
    g_assert_true(folder_has(&s.folder, "certificates/_.example.com/current"));
    reopen_and_compare(&s);
    assert_all_whole(&s);
    write_index(&s);
    g_assert_false(store_index_is_stale(s.store));
    reopen_and_compare(&s);
    g_assert_false(store_index_is_stale(s.store));
    assert_all_whole(&s);
}

/* How late an upload came is known again, with and without an index; when its record is lost, the time of its files tells. */
static void check_upload_number(Shelf *s)
{
    const Record *rec = find(s, RECORD_UPLOAD, FINGERPRINT);
    StoreChange *c = change_of(rec, RECORD_UPLOAD, FINGERPRINT, NULL, SOURCE_UPLOADED);

    g_assert_true(rec->uploaded == 0 && rec->uploaded_at > now_seconds() - HOUR);
    c->record->uploaded = 7;
    g_assert_cmpint(commit_one(s, c), ==, 0);
    reopen_and_compare(s); /* which compares it, too */
    write_index(s);
    reopen_and_compare(s);
    folder_write(&s->folder, "uploads/" FINGERPRINT "/record.json", "nothing");
    folder_remove(&s->folder, "index");
    reopen(s);
    rec = find(s, RECORD_UPLOAD, FINGERPRINT);
    g_assert_true(rec->uploaded == 0 && rec->uploaded_at > now_seconds() - HOUR);
}

static void test_root_and_uploads(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    Bundle *root = NULL;
    StoreChange *upload;

    authority_unref(authority_make(KEY_TYPE_ECDSA_P256, now_seconds(), &root));
    g_assert_cmpint(commit_one(&s, change_of(NULL, RECORD_ROOT, "root", root, SOURCE_LOCAL)), ==, 0);
    upload = change_of(NULL, RECORD_UPLOAD, FINGERPRINT, bundle_make("up.example.com", 0), SOURCE_UPLOADED);
    g_assert_cmpint(commit_one(&s, upload), ==, 0);
    put(&s, "www.example.com");
    g_assert_true(folder_has(&s.folder, "root/current/key.pem"));
    g_assert_true(folder_has(&s.folder, "root/current/cross.pem"));
    reopen_and_compare(&s);
    assert_all_whole(&s);
    write_index(&s);
    reopen_and_compare(&s);
    check_upload_number(&s);
}

/* Registrations, failures, times and sources survive, with and without an index. */
static void test_record_members(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    char *names[] = { S("imap.example.com"), S("192.0.2.1"), NULL };
    Problem problem = { PROBLEM_BUSY, S("told \"so\"\n\303\274") };
    StoreChange *c;

    put(&s, "mail.example.com");
    c = change_of(get(&s, "mail.example.com"), RECORD_CERTIFICATE, "mail.example.com", NULL, SOURCE_LOCAL);
    g_assert_cmpint(
        record_register(c->record, &(RegistrationWish){ "mail", names, KEY_TYPE_RSA_3072, -1, NULL }), ==,
        0);
    g_assert_cmpint(
        record_register(c->record, &(RegistrationWish){ "other", NULL, _KEY_TYPE_INVALID, -1, NULL }), ==,
        0);
    record_set_failure(c->record, &problem, 1234567890);
    c->record->abandoned = 1234567891;
    c->record->slots[SOURCE_LOCAL].withdrawn = true;
    g_assert_cmpint(commit_one(&s, c), ==, 0);
    reopen_and_compare(&s);
    write_index(&s);
    reopen_and_compare(&s);
    g_assert_cmpuint(get(&s, "mail.example.com")->n_registrations, ==, 2);
}

/* The two latest generations stay, the one before goes. */
static void test_generations(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();

    for (int i = 1; i <= 5; i++) {
        g_autofree char *here = g_strdup_printf("certificates/a.example/%d", i);
        g_autofree char *before = g_strdup_printf("certificates/a.example/%d", i - 1);
        g_autofree char *gone = g_strdup_printf("certificates/a.example/%d", i - 2);

        put(&s, "a.example");
        g_assert_true(folder_has(&s.folder, here));
        g_assert_cmpint(folder_has(&s.folder, before), ==, i > 1);
        g_assert_false(folder_has(&s.folder, gone));
        assert_whole(&s, get(&s, "a.example"));
    }
    reopen_and_compare(&s);
    g_assert_cmpuint(get(&s, "a.example")->former, ==, 4);
}

static void test_second_opener(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    _cleanup_problem_ Problem problem = {};
    Store *second = NULL;

    g_assert_cmpint(store_open(s.folder.path, &second, &problem), ==, -EWOULDBLOCK);
    g_assert_cmpint(problem.code, ==, PROBLEM_STORAGE_FAILED);
    g_assert_nonnull(strstr(problem.text, "in use"));
    g_assert_null(second);
}

/* Groups. */

static void commit_group(unsigned n)
{
    StoreChange **changes = g_new0(StoreChange *, n);
    _cleanup_shelf_ Shelf s = shelf_new();

    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < n; i++) {
            g_autofree char *name = g_strdup_printf("n%u.example", i);

            changes[i] = new_leaf(find(&s, RECORD_CERTIFICATE, name), name);
            g_assert_cmpint(store_stage(s.store, changes[i]), ==, 0);
        }
        g_assert_cmpint(store_commit(s.store, changes, n), ==, 0);
        for (unsigned i = 0; i < n; i++)
            apply(&s, changes[i]);
        store_applied(s.store);
    }
    g_assert_cmpuint(g_hash_table_size(s.records), ==, n);
    reopen_and_compare(&s);
    assert_all_whole(&s);
    g_free(changes);
}

static void test_group(gconstpointer data)
{
    commit_group(GPOINTER_TO_UINT(data));
}

/* One change of a group fails to be staged: the others are made, its own object stays as it was. */
static void test_group_with_failure(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    StoreChange *changes[3];

    put(&s, "b.example");
    for (size_t i = 0; i < 3; i++) {
        g_autofree char *name = g_strdup_printf("%c.example", (char)('a' + i));

        changes[i] = new_leaf(find(&s, RECORD_CERTIFICATE, name), name);
        g_assert_cmpint(store_stage(s.store, changes[i]), ==, 0);
    }
    folder_write(&s.folder, "certificates/b.example/2/privkey.pem", "not what was written");
    g_assert_cmpint(store_commit(s.store, changes, 3), ==, -EBADMSG);
    g_assert_cmpint(changes[0]->result, ==, 0);
    g_assert_cmpint(changes[1]->result, ==, -EBADMSG);
    g_assert_cmpint(changes[2]->result, ==, 0);
    for (size_t i = 0; i < 3; i++)
        apply(&s, changes[i]);
    store_applied(s.store);
    g_assert_false(folder_has(&s.folder, "certificates/b.example/2"));
    g_assert_cmpuint(record_current(get(&s, "b.example")), ==, 1);
    reopen_and_compare(&s);
    assert_all_whole(&s);
}

static void test_discard(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    StoreChange *fresh, *again;

    put(&s, "old.example");
    fresh = new_leaf(NULL, "new.example");
    again = new_leaf(get(&s, "old.example"), "old.example");
    g_assert_cmpint(store_stage(s.store, fresh), ==, 0);
    g_assert_cmpint(store_stage(s.store, again), ==, 0);
    g_assert_true(folder_has(&s.folder, "certificates/old.example/2"));
    store_discard(s.store, fresh);
    store_discard(s.store, again);
    g_assert_false(folder_has(&s.folder, "certificates/new.example"));
    g_assert_false(folder_has(&s.folder, "certificates/old.example/2"));
    g_assert_false(folder_has(&s.folder, "certificates/old.example/record.json.new"));
    store_change_free(fresh);
    store_change_free(again);
    reopen_and_compare(&s);
    assert_all_whole(&s);
}

static void test_removal(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    StoreChange *c = NULL;

    put(&s, "gone.example");
    put(&s, "stays.example");
    write_index(&s);
    g_assert_cmpint(store_change_new(get(&s, "gone.example"), NULL, _SOURCE_INVALID, NULL, "removed", &c),
                    ==, 0);
    g_assert_true(c->removes);
    g_assert_cmpint(commit_one(&s, c), ==, 0);
    g_assert_false(folder_has(&s.folder, "certificates/gone.example"));
    reopen_and_compare(&s);
    g_assert_cmpuint(g_hash_table_size(s.records), ==, 1);
    put(&s, "gone.example");
    g_assert_cmpuint(record_current(get(&s, "gone.example")), ==, 1);
    reopen_and_compare(&s);
    assert_all_whole(&s);
}

/* What a crash leaves between staging and commit is gone after the next start, and nothing else is. */
static void test_staged_and_lost(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    StoreChange *c;

    put(&s, "a.example");
    c = new_leaf(get(&s, "a.example"), "a.example");
    g_assert_cmpint(store_stage(s.store, c), ==, 0);
    store_change_free(c);
    reopen(&s);
    g_assert_cmpuint(record_current(get(&s, "a.example")), ==, 1);
    g_assert_false(folder_has(&s.folder, "certificates/a.example/2"));
    g_assert_false(folder_has(&s.folder, "certificates/a.example/record.json.new"));
    assert_all_whole(&s);
    put(&s, "a.example");
    assert_all_whole(&s);
}

/* Index and journal. */

static void test_index_and_tail(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    StoreChange *c = NULL;

    put(&s, "a.example");
    put(&s, "b.example");
    put(&s, "c.example");
    write_index(&s);
    put(&s, "b.example");
    put(&s, "d.example");
    g_assert_cmpint(store_change_new(get(&s, "c.example"), NULL, _SOURCE_INVALID, NULL, "removed", &c), ==,
                    0);
    g_assert_cmpint(commit_one(&s, c), ==, 0);
    g_assert_true(store_index_is_stale(s.store));
    reopen_and_compare(&s);
    g_assert_true(store_index_is_stale(s.store));
    g_assert_cmpuint(record_current(get(&s, "b.example")), ==, 2);
    assert_all_whole(&s);
}

/* A start with a good index reads no record. */
static void test_index_spares_reading(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();

    put(&s, "a.example");
    write_index(&s);
    folder_write(&s.folder, "certificates/a.example/record.json", "not read");
    reopen_and_compare(&s);
}

/* Whatever byte of the index is flipped, the records come from the files. */
static void test_index_flipped(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    g_autofree char *path = NULL, *index = NULL;
    gsize size;

    put(&s, "a.example");
    put(&s, "b.example");
    write_index(&s);
    path = folder_path(&s.folder, "index");
    g_assert_true(g_file_get_contents(path, &index, &size, NULL));
    for (gsize at = 0; at < size; at += 64) {
        index[at] ^= 0x40;
        folder_write_bytes(&s.folder, "index", index, size);
        reopen_and_compare(&s);
        g_assert_true(store_index_is_stale(s.store));
        index[at] ^= 0x40;
    }
    for (gsize n = 0; n < size; n += 64) {
        folder_write_bytes(&s.folder, "index", index, n);
        reopen_and_compare(&s);
        g_assert_true(store_index_is_stale(s.store));
    }
    folder_write_bytes(&s.folder, "index", index, size);
    reopen_and_compare(&s);
    g_assert_false(store_index_is_stale(s.store));
}

/* An index of another store's journal, and one that is ahead of the journal. */
static void test_index_of_another_journal(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();

    put(&s, "a.example");
    write_index(&s);
    folder_remove(&s.folder, "journal");
    put(&s, "a.example"); /* into the journal that is gone */
    reopen_and_compare(&s);
    g_assert_true(store_index_is_stale(s.store));
    assert_all_whole(&s);
}

static void test_journal_torn(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    g_autofree char *journal = NULL, *torn = NULL;

    put(&s, "a.example");
    write_index(&s);
    put(&s, "b.example");
    journal = folder_read(&s.folder, "journal");
    torn = g_strconcat(journal, "{\"time\":1,\"event\":\"iss", NULL);
    folder_write(&s.folder, "journal", torn);
    reopen_and_compare(&s);
    put(&s, "c.example");
    reopen_and_compare(&s);
    assert_all_whole(&s);
}

/* Whatever stands in the journal behind the index, nothing outside of the store is touched. */
static void test_journal_names(void)
{
    static const char *const lines[] = {
        "{\"kind\":\"certificate\",\"name\":\"../../outside\"}\n",
        "{\"kind\":\"certificate\",\"name\":\"../outside\"}\n",
        "{\"kind\":\"upload\",\"name\":\"../outside\"}\n",
        "{\"kind\":\"root\",\"name\":\"outside\"}\n",
        "{\"kind\":\"root\",\"name\":\"../outside\"}\n",
        "{\"kind\":\"certificate\",\"name\":\"/etc\"}\n",
        "{\"kind\":\"certificate\",\"name\":\"\"}\n",
        "{\"kind\":\"certificate\",\"name\":\".\"}\n",
        "garbage\n",
        "{\"kind\":\"nothing\",\"name\":\"a\"}\n",
        "{}\n",
        "{\"kind\":\"certificate\",\"name\":7}\n",
    };

    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        _cleanup_folder_ Folder around = folder_new();
        Shelf s = { .folder = { .path = folder_path(&around, "state"), .fd = -EBADF } };
        g_autofree char *journal = NULL, *more = NULL;

        g_assert_cmpint(mkdirat(around.fd, "state", 0700), ==, 0);
        s.folder.fd = openat(around.fd, "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        shelf_open(&s);
        put(&s, "a.example");
        write_index(&s);
        folder_write(&around, "outside/record.json", "{}");
        folder_write(&around, "outside/7/precious", "x");
        folder_write(&around, "state/outside/7/precious", "x");
        journal = folder_read(&s.folder, "journal");
        more = g_strconcat(journal, lines[i], NULL);
        folder_write(&s.folder, "journal", more);
        reopen_and_compare(&s);
        if (!folder_has(&around, "outside/7/precious") || !folder_has(&around, "state/outside/7/precious"))
            note_failure("%s", lines[i]);
        shelf_close(&s);
        close(s.folder.fd);
        g_free(s.folder.path);
    }
}

/* Repairs at the start. */

static void test_record_damaged(void)
{
    static const char *const damaged[] = { "", "{", "[]", "{\"format\":1}", "\377\376", "{\"format\":2}" };
    _cleanup_shelf_ Shelf s = shelf_new();

    for (size_t i = 0; i < ELEMENTSOF(damaged); i++) {
        g_autofree char *name = g_strdup_printf("n%zu.example", i),
                        *path = g_strdup_printf("certificates/%s/record.json", name);
        g_autofree char *fingerprint = NULL;

        put(&s, name);
        put(&s, name);
        fingerprint = g_strdup(chain_leaf(record_served(get(&s, name))->chain)->fingerprint);
        folder_write(&s.folder, path, damaged[i]);
        reopen(&s);
        assert_whole(&s, get(&s, name));
        g_assert_cmpstr(chain_leaf(record_served(get(&s, name))->chain)->fingerprint, ==, fingerprint);
        g_assert_cmpuint(record_current(get(&s, name)), ==, 2);
        put(&s, name);
        g_assert_cmpuint(record_current(get(&s, name)), ==, 3);
        reopen_and_compare(&s);
        assert_whole(&s, get(&s, name));
    }
}

static void test_record_of_another(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    g_autofree char *text = NULL;

    put(&s, "a.example");
    put(&s, "b.example");
    text = folder_read(&s.folder, "certificates/a.example/record.json");
    folder_write(&s.folder, "certificates/b.example/record.json", text);
    reopen(&s);
    g_assert_cmpuint(g_hash_table_size(s.records), ==, 2);
    assert_all_whole(&s);
}

static void test_root_salvaged(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    Bundle *root = NULL;

    authority_unref(authority_make(KEY_TYPE_ECDSA_P256, now_seconds(), &root));
    g_assert_cmpint(commit_one(&s, change_of(NULL, RECORD_ROOT, "root", root, SOURCE_LOCAL)), ==, 0);
    folder_remove(&s.folder, "root/record.json");
    reopen(&s);
    g_assert_nonnull(find(&s, RECORD_ROOT, "root"));
    assert_whole(&s, find(&s, RECORD_ROOT, "root"));
}

static void test_link(void)
{
    static const char *const wrong[] = { NULL, "1", "7", "../elsewhere", "" };
    _cleanup_shelf_ Shelf s = shelf_new();

    put(&s, "a.example");
    put(&s, "a.example");
    for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
        folder_remove(&s.folder, "certificates/a.example/current");
        if (wrong[i] && *wrong[i])
            g_assert_cmpint(symlinkat(wrong[i], s.folder.fd, "certificates/a.example/current"), ==, 0);
        else if (wrong[i])
            folder_write(&s.folder, "certificates/a.example/current", "a file");
        reopen(&s);
        g_assert_cmpuint(record_current(get(&s, "a.example")), ==, 2);
        assert_whole(&s, get(&s, "a.example"));
    }
}

/* Files that are damaged are told as broken, and what is asked to serve them says so. */
static void test_generation_damaged(void)
{
    static const char *const files[] = { "fullchain.pem", "chain.pem", "certificate.pem", "privkey.pem",
                                         "combined.pem" };

    for (size_t i = 0; i < ELEMENTSOF(files); i++) {
        _cleanup_shelf_ Shelf s = shelf_new();
        g_autofree char *path = g_strconcat("certificates/a.example/1/", files[i], NULL);
        Bundle *b = NULL;

        put(&s, "a.example");
        folder_write(&s.folder, path, "x");
        g_assert_cmpint(store_verify(s.store, get(&s, "a.example"), SOURCE_LOCAL), ==, -EBADMSG);
        reopen(&s);
        g_assert_true(get(&s, "a.example")->slots[SOURCE_LOCAL].broken);
        g_assert_true(folder_has(&s.folder, path));
        if (i < 4 && i != 0)
            g_assert_cmpint(store_read(s.store, get(&s, "a.example"), SOURCE_LOCAL, &b), ==, -EBADMSG);
        bundle_free(b);
        put(&s, "a.example");
        assert_whole(&s, get(&s, "a.example"));
        reopen_and_compare(&s);
    }
}

static void test_orphans(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();

    put(&s, "a.example");
    folder_write(&s.folder, "certificates/a.example/9/privkey.pem", "orphan");
    folder_write(&s.folder, "certificates/a.example/record.json.new", "orphan");
    folder_write(&s.folder, "certificates/.removed-b.example/1/privkey.pem", "orphan");
    g_assert_cmpint(symlinkat("9", s.folder.fd, "certificates/a.example/current.new"), ==, 0);
    reopen(&s);
    g_assert_false(folder_has(&s.folder, "certificates/a.example/9"));
    g_assert_false(folder_has(&s.folder, "certificates/a.example/record.json.new"));
    g_assert_false(folder_has(&s.folder, "certificates/a.example/current.new"));
    g_assert_false(folder_has(&s.folder, "certificates/.removed-b.example"));
    g_assert_cmpuint(g_hash_table_size(s.records), ==, 1);
    assert_all_whole(&s);
    put(&s, "a.example"); /* the number of the orphan is not given again */
    assert_all_whole(&s);
}

static void test_foreign_files(void)
{
    static const char *const foreign[] = {
        "README",
        "certificates/README",
        "certificates/NOT-canonical/1/privkey.pem",
        "certificates/_underscore.example/x",
        "uploads/notes",
        "uploads/0123abcd/1/x",
        "certificates/a.example/notes.txt",
        "certificates/a.example/backup/privkey.pem",
        "root/notes",
        "certificates/.hidden/1/x",
        "lost+found/1",
        "certificates/a.example/1/notes",
        "certificates/*.example.com/1/privkey.pem",
    };
    _cleanup_shelf_ Shelf s = shelf_new();

    put(&s, "a.example");
    put(&s, "a.example");
    for (size_t i = 0; i < ELEMENTSOF(foreign); i++)
        folder_write(&s.folder, foreign[i], "mine");
    reopen_and_compare(&s);
    for (size_t i = 0; i < ELEMENTSOF(foreign); i++) {
        g_autofree char *text = folder_read(&s.folder, foreign[i]);

        g_assert_cmpstr(text, ==, "mine");
    }
    assert_all_whole(&s);
}

/* The folder's version. */

static unsigned n_first, n_second;
static int step_result;

static int upgrade_first(int dir_fd _unused_)
{
    n_first++;
    return 0;
}

static int upgrade_second(int dir_fd)
{
    n_second++;
    return step_result < 0 ? step_result : fs_create_at(dir_fd, "upgraded", "x", 1, true);
}

static void test_upgrade(void)
{
    static const StoreUpgrade steps[] = { { 1, upgrade_first }, { 2, upgrade_second } };
    _cleanup_folder_ Folder f = folder_new();
    g_autofree char *version = NULL;

    /* a new folder is of the newest version: nothing to do */
    g_assert_cmpint(store_upgrade(f.fd, 3, steps, 2), ==, 0);
    g_assert_cmpuint(n_first + n_second, ==, 0);
    /* a step that fails is tried again, those before it are not */
    folder_write(&f, "version", "1\n");
    step_result = -ENOSPC;
    g_assert_cmpint(store_upgrade(f.fd, 3, steps, 2), ==, -ENOSPC);
    version = folder_read(&f, "version");
    g_assert_cmpstr(version, ==, "2\n");
    step_result = 0;
    g_assert_cmpint(store_upgrade(f.fd, 3, steps, 2), ==, 0);
    g_assert_cmpuint(n_first, ==, 1);
    g_assert_cmpuint(n_second, ==, 2);
    g_assert_true(folder_has(&f, "upgraded"));
    g_free(version);
    version = folder_read(&f, "version");
    g_assert_cmpstr(version, ==, "3\n");
    g_assert_cmpint(store_upgrade(f.fd, 3, steps, 2), ==, 0);
    g_assert_cmpuint(n_second, ==, 2);
    /* newer, and older than any step */
    g_assert_cmpint(store_upgrade(f.fd, 2, steps, 1), ==, -EPROTONOSUPPORT);
    folder_write(&f, "version", "0\n");
    g_assert_cmpint(store_upgrade(f.fd, 3, steps, 2), ==, -EPROTONOSUPPORT);
}

static void test_newer(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    _cleanup_problem_ Problem problem = {};

    put(&s, "a.example");
    shelf_close(&s);
    folder_write(&s.folder, "version", "2\n");
    g_assert_cmpint(shelf_try(&s, &problem), ==, -EPROTONOSUPPORT);
    g_assert_nonnull(strstr(problem.text, "newer"));
    g_assert_true(folder_has(&s.folder, "certificates/a.example/1/privkey.pem"));
    shelf_close(&s);
    folder_write(&s.folder, "version", "1\n");
    shelf_open(&s);
    assert_all_whole(&s);
}

/* A file system without room. */

static void fill(const Shelf *s, size_t leave)
{
    g_autofree char *path = folder_path(&s->folder, "ballast");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    char block[4096] = {};
    struct stat st;

    while (write(fd, block, sizeof(block)) > 0)
        ;
    g_assert_cmpint(errno, ==, ENOSPC);
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmpint(ftruncate(fd, MAX(0, st.st_size - (off_t)leave)), ==, 0);
    close(fd);
}

static void use_full_file_system(const char *path)
{
    Shelf s = { .folder = { .path = g_strdup(path), .fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) } };
    unsigned n_failed = 0, n_made = 0;

    shelf_open(&s);
    put(&s, "old.example");
    put(&s, "old.example");
    write_index(&s);
    for (size_t leave = 0; leave <= 20; leave++) { /* pages */
        g_autofree char *name = g_strdup_printf("n%zu.example", leave);
        const char *const names[] = { name, "old.example" };

        for (size_t i = 0; i < 2; i++) {
            const Record *before = find(&s, RECORD_CERTIFICATE, names[i]);
            uint64_t served = before ? record_current(before) : 0;
            int r;

            fill(&s, leave * 4096);
            r = commit_one(&s, new_leaf(before, names[i]));
            if (r < 0) {
                g_assert_cmpint(r, ==, -ENOSPC);
                n_failed++;
            } else
                n_made++;
            before = find(&s, RECORD_CERTIFICATE, names[i]);
            if (before)
                g_assert_cmpuint(record_current(before), ==, r < 0 ? served : record_current(before));
            assert_all_whole(&s);
            folder_remove(&s.folder, "ballast");
        }
    }
    g_assert_cmpuint(n_failed, >, 5);
    g_assert_cmpuint(n_made, >, 1);
    reopen_and_compare(&s);
    put(&s, "old.example");
    put(&s, "new.example");
    reopen_and_compare(&s);
    assert_all_whole(&s);
    shelf_close(&s);
    close(s.folder.fd);
    g_free(s.folder.path);
}

static void test_no_space(void)
{
    _cleanup_folder_ Folder f = folder_new();
    int r = mount("certwright-test", f.path, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0700");

    if (r < 0) {
        g_test_skip(geteuid() > 0 ? "only root can mount a small tmpfs"
                                  : "a small tmpfs cannot be mounted here");
        return;
    }
    use_full_file_system(f.path);
    g_assert_cmpint(umount2(f.path, MNT_DETACH), ==, 0);
}

/* Damage of every kind, at random but always the same. */

static void collect(GPtrArray *paths, const char *directory)
{
    g_autoptr(GDir) d = g_dir_open(directory, 0, NULL);
    const char *name;

    while (d && (name = g_dir_read_name(d))) {
        char *path = g_build_filename(directory, name, NULL);

        g_ptr_array_add(paths, path);
        if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK) && g_file_test(path, G_FILE_TEST_IS_DIR))
            collect(paths, path);
    }
}

static int compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *mutate(const char *path, GRand *random)
{
    struct stat st;
    int fd, what = g_rand_int_range(random, 0, 6);
    char byte;

    g_assert_cmpint(lstat(path, &st), ==, 0);
    if (what < 3 && S_ISREG(st.st_mode) && st.st_size > 0) {
        off_t at = g_rand_int_range(random, 0, (gint32)st.st_size);

        fd = open(path, O_RDWR | O_CLOEXEC);
        if (what == 0)
            g_assert_cmpint(ftruncate(fd, at), ==, 0);
        else {
            g_assert_cmpint(pread(fd, &byte, 1, at), ==, 1);
            byte = (char)(byte ^ (1 << g_rand_int_range(random, 0, 8)));
            g_assert_cmpint(pwrite(fd, &byte, 1, at), ==, 1);
        }
        close(fd);
        return what == 0 ? "truncated" : "flipped";
    }
    g_assert_cmpint(fs_remove_tree_at(AT_FDCWD, path), ==, 0);
    if (what == 4)
        g_assert_cmpint(mkdir(path, 0700), ==, 0);
    else if (what == 5) {
        g_assert_cmpint(symlink("/nowhere", path), ==, 0);
        return "made a link to nowhere";
    }
    return what == 4 ? "replaced by a directory" : "deleted";
}

static const char *const sample_names[] = { "a.example", "*.b.example", "192.0.2.1", "c.example" };

static void make_sample(const char *path)
{
    static const char *const fingerprint =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    Shelf s = { .folder = { .path = g_strdup(path), .fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) } };
    Bundle *root = NULL;

    shelf_open(&s);
    authority_unref(authority_make(KEY_TYPE_ECDSA_P256, now_seconds(), &root));
    g_assert_cmpint(commit_one(&s, change_of(NULL, RECORD_ROOT, "root", root, SOURCE_LOCAL)), ==, 0);
    g_assert_cmpint(commit_one(&s, change_of(NULL, RECORD_UPLOAD, fingerprint,
                                             bundle_make("up.example.com", 0), SOURCE_UPLOADED)),
                    ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(sample_names); i++)
        put(&s, sample_names[i]);
    put(&s, "a.example");
    write_index(&s);
    put(&s, "c.example");
    shelf_close(&s);
    close(s.folder.fd);
    g_free(s.folder.path);
}

static void copy_sample(const char *from, const char *to)
{
    char *argv[] = {
        S("cp"), S("--archive"), S("--no-target-directory"), (char *)(uintptr_t)from, (char *)(uintptr_t)to,
        NULL
    };

    g_assert_cmpint(run_program(argv, NULL), ==, 0);
}

/* Each object's pair that "current" names and that is whole, before the start. */
static unsigned whole_pairs(const Folder *f, bool whole[static ELEMENTSOF(sample_names) + 1])
{
    unsigned n = 0;

    for (size_t i = 0; i < ELEMENTSOF(sample_names); i++) {
        g_autofree char *directory = object_path(RECORD_CERTIFICATE, sample_names[i]),
                        *path = g_strconcat(directory, "/current", NULL);

        whole[i] = pair_is_whole(f, path, RECORD_CERTIFICATE);
        n += whole[i];
    }
    whole[ELEMENTSOF(sample_names)] = pair_is_whole(f, "root/current", RECORD_ROOT);
    return n + whole[ELEMENTSOF(sample_names)];
}

/* A change that fails makes the service look at the files; then it must succeed. */
static int issue_again(Shelf *s, const char *name)
{
    Record *rec = NULL;
    int r = commit_one(s, new_leaf(find(s, RECORD_CERTIFICATE, name), name));

    if (r >= 0)
        return r;
    r = store_reload(s->store, RECORD_CERTIFICATE, name, &rec);
    if (r >= 0)
        g_hash_table_insert(s->records, key_of(RECORD_CERTIFICATE, name), rec);
    else {
        g_autofree char *key = key_of(RECORD_CERTIFICATE, name);

        g_hash_table_remove(s->records, key);
    }
    return commit_one(s, new_leaf(find(s, RECORD_CERTIFICATE, name), name));
}

/* Starts, deletes no whole pair, and works: everything can be issued again. */
static void check_mutated(Shelf *s, const char *what)
{
    bool before[ELEMENTSOF(sample_names) + 1], after[ELEMENTSOF(sample_names) + 1];
    _cleanup_problem_ Problem problem = {};
    int r;

    whole_pairs(&s->folder, before);
    r = shelf_try(s, &problem);
    if (r < 0) {
        if (!strstr(what, "/version")) /* which version it is nobody can know then */
            note_failure("%s: does not start: %s", what, problem.text ? problem.text : strerror(-r));
        g_assert_true(problem.text || r < 0);
    }
    whole_pairs(&s->folder, after);
    for (size_t i = 0; i < ELEMENTSOF(before); i++)
        if (before[i] && !after[i])
            note_failure("%s: the pair of %s is gone", what,
                         i < ELEMENTSOF(sample_names) ? sample_names[i] : "root");
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(sample_names); i++) {
        int k = issue_again(s, sample_names[i]);

        if (k < 0)
            note_failure("%s: %s cannot be issued: %s", what, sample_names[i], strerror(-k));
        else
            assert_whole(s, get(s, sample_names[i]));
    }
}

static void test_mutated(void)
{
    const Sample of = sample_of(1000);
    g_autoptr(GRand) random = g_rand_new_with_seed(of.seed);
    _cleanup_folder_ Folder around = folder_new();
    g_autofree char *sample = folder_path(&around, "sample");

    g_assert_cmpint(mkdir(sample, 0700), ==, 0);
    make_sample(sample);
    for (int i = 0; i < of.n; i++) {
        g_autofree char *name = g_strdup_printf("state%d", i), *path = folder_path(&around, name);
        g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GString) what = g_string_new(NULL);
        Shelf s = { .folder = { .path = path } };

        copy_sample(sample, path);
        for (int k = i % 3; k >= 0; k--) {
            const char *victim;

            g_ptr_array_set_size(paths, 0);
            collect(paths, path);
            g_ptr_array_sort(paths, compare_paths);
            victim = paths->pdata[g_rand_int_range(random, 0, (gint32)paths->len)];
            g_string_append_printf(what, "%s ", victim + strlen(path));
            g_string_append_printf(what, "%s; ", mutate(victim, random));
        }
        s.folder.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        check_mutated(&s, what->str);
        shelf_close(&s);
        close(s.folder.fd);
        g_assert_cmpint(fs_remove_tree_at(AT_FDCWD, path), ==, 0);
    }
}

/* LIMIT_JOURNAL: a start puts a journal of that size away, and loses nothing. */
static void test_long_journal(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    g_autoptr(GString) journal = NULL;
    g_autofree char *text = NULL;

    put(&s, "a.example");
    write_index(&s);
    put(&s, "b.example");
    text = folder_read(&s.folder, "journal");
    journal = g_string_new(text);
    while (journal->len < LIMIT_JOURNAL)
        g_string_append(
            journal, "{\"time\":1,\"event\":\"issued\",\"kind\":\"certificate\",\"name\":\"a.example\"}\n");
    folder_write(&s.folder, "journal", journal->str);
    reopen_and_compare(&s);
    g_assert_true(folder_has(&s.folder, "journal.1"));
    put(&s, "c.example");
    reopen_and_compare(&s);
    write_index(&s);
    reopen_and_compare(&s);
}

/* A record of the most that the limits allow is written and read again. */
static void test_largest_record(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    char *names[LIMIT_NAMES] = {};
    StoreChange *c;

    for (int i = 0; i < LIMIT_NAMES - 1; i++) {
        g_autofree char *label = g_strnfill(63, 'a');

        names[i] = g_strdup_printf("%061d.%s.%s.%s", i, label, label, label);
    }
    put(&s, "a.example");
    c = change_of(get(&s, "a.example"), RECORD_CERTIFICATE, "a.example", NULL, SOURCE_LOCAL);
    for (int i = 0; i < LIMIT_REGISTRATIONS; i++) {
        g_autofree char *module = g_strdup_printf("module%d", i);

        g_assert_cmpint(
            record_register(c->record, &(RegistrationWish){ module, names, _KEY_TYPE_INVALID, -1, NULL }),
            ==, 0);
    }
    g_assert_cmpint(commit_one(&s, c), ==, 0);
    reopen_and_compare(&s);
    g_assert_cmpuint(get(&s, "a.example")->n_registrations, ==, LIMIT_REGISTRATIONS);
    for (int i = 0; i < LIMIT_NAMES - 1; i++)
        g_free(names[i]);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/store/new", test_new);
    g_test_add_func("/store/files", test_files);
    g_test_add_func("/store/round-trip", test_round_trip);
    g_test_add_func("/store/root-and-uploads", test_root_and_uploads);
    g_test_add_func("/store/record-members", test_record_members);
    g_test_add_func("/store/generations", test_generations);
    g_test_add_func("/store/second-opener", test_second_opener);
    g_test_add_data_func("/store/group/1", GUINT_TO_POINTER(1), test_group);
    g_test_add_data_func("/store/group/8", GUINT_TO_POINTER(8), test_group);
    g_test_add_data_func("/store/group/9", GUINT_TO_POINTER(9), test_group);
    g_test_add_data_func("/store/group/1000", GUINT_TO_POINTER(1000), test_group);
    g_test_add_func("/store/group/failure", test_group_with_failure);
    g_test_add_func("/store/discard", test_discard);
    g_test_add_func("/store/removal", test_removal);
    g_test_add_func("/store/staged-and-lost", test_staged_and_lost);
    g_test_add_func("/store/index/tail", test_index_and_tail);
    g_test_add_func("/store/index/spares-reading", test_index_spares_reading);
    g_test_add_func("/store/index/flipped", test_index_flipped);
    g_test_add_func("/store/index/another-journal", test_index_of_another_journal);
    g_test_add_func("/store/journal/torn", test_journal_torn);
    g_test_add_func("/store/journal/names", test_journal_names);
    g_test_add_func("/store/journal/long", test_long_journal);
    g_test_add_func("/store/record/damaged", test_record_damaged);
    g_test_add_func("/store/record/of-another", test_record_of_another);
    g_test_add_func("/store/record/largest", test_largest_record);
    g_test_add_func("/store/root-salvaged", test_root_salvaged);
    g_test_add_func("/store/link", test_link);
    g_test_add_func("/store/generation-damaged", test_generation_damaged);
    g_test_add_func("/store/orphans", test_orphans);
    g_test_add_func("/store/foreign-files", test_foreign_files);
    g_test_add_func("/store/upgrade", test_upgrade);
    g_test_add_func("/store/newer", test_newer);
    g_test_add_func("/store/no-space", test_no_space);
    g_test_add_func("/store/mutated", test_mutated);
    return g_test_run();
}
