/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "store/files/files-internal.h"
#include "store/files/index.h"
#include "store/files/record-json.h"
#include "util/fs.h"
#include "util/text.h"

/* Index and journal. */

static void test_index_and_tail(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    StoreChange *c = NULL;

    shelf_put(&s, "a.example");
    shelf_put(&s, "b.example");
    shelf_put(&s, "c.example");
    shelf_write_index(&s);
    shelf_put(&s, "b.example");
    shelf_put(&s, "d.example");
    g_assert_cmpint(store_change_new(shelf_get(&s, "c.example"), NULL, _SOURCE_INVALID, NULL, "removed", &c),
                    ==, 0);
    g_assert_cmpint(shelf_commit(&s, c), ==, 0);
    g_assert_true(store_wants_checkpoint(s.store));
    shelf_reopen_and_compare(&s);
    g_assert_true(store_wants_checkpoint(s.store));
    g_assert_cmpuint(record_current(shelf_get(&s, "b.example")), ==, 2);
    shelf_assert_all_whole(&s);
}

/* A start with a good index reads no record. */
static void test_index_spares_reading(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();

    shelf_put(&s, "a.example");
    shelf_write_index(&s);
    folder_write(&s.folder, "certificates/a.example/record.json", "not read");
    shelf_reopen_and_compare(&s);
}

/* Whatever byte of the index is flipped, the records come from the files. */
static void test_index_flipped(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    g_autofree char *path = NULL, *index = NULL;
    gsize size;

    shelf_put(&s, "a.example");
    shelf_put(&s, "b.example");
    shelf_write_index(&s);
    path = folder_path(&s.folder, "index");
    g_assert_true(g_file_get_contents(path, &index, &size, NULL));
    for (gsize at = 0; at < size; at += 64) {
        index[at] ^= 0x40;
        folder_write_bytes(&s.folder, "index", index, size);
        shelf_reopen_and_compare(&s);
        g_assert_true(store_wants_checkpoint(s.store));
        index[at] ^= 0x40;
    }
    for (gsize n = 0; n < size; n += 64) {
        folder_write_bytes(&s.folder, "index", index, n);
        shelf_reopen_and_compare(&s);
        g_assert_true(store_wants_checkpoint(s.store));
    }
    folder_write_bytes(&s.folder, "index", index, size);
    shelf_reopen_and_compare(&s);
    g_assert_false(store_wants_checkpoint(s.store));
}

/* An index of another store's journal, and one that is ahead of the journal. */
static void test_index_of_another_journal(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();

    shelf_put(&s, "a.example");
    shelf_write_index(&s);
    folder_remove(&s.folder, "journal");
    shelf_put(&s, "a.example"); /* into the journal that is gone */
    shelf_reopen_and_compare(&s);
    g_assert_true(store_wants_checkpoint(s.store));
    shelf_assert_all_whole(&s);
}

static void test_journal_torn(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    g_autofree char *journal = NULL, *torn = NULL;

    shelf_put(&s, "a.example");
    shelf_write_index(&s);
    shelf_put(&s, "b.example");
    journal = folder_read(&s.folder, "journal");
    torn = g_strconcat(journal, "{\"time\":1,\"event\":\"iss", NULL);
    folder_write(&s.folder, "journal", torn);
    shelf_reopen_and_compare(&s);
    shelf_put(&s, "c.example");
    shelf_reopen_and_compare(&s);
    shelf_assert_all_whole(&s);
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
        shelf_put(&s, "a.example");
        shelf_write_index(&s);
        folder_write(&around, "outside/record.json", "{}");
        folder_write(&around, "outside/7/precious", "x");
        folder_write(&around, "state/outside/7/precious", "x");
        journal = folder_read(&s.folder, "journal");
        more = g_strconcat(journal, lines[i], NULL);
        folder_write(&s.folder, "journal", more);
        shelf_reopen_and_compare(&s);
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

        shelf_put(&s, name);
        shelf_put(&s, name);
        fingerprint = g_strdup(chain_leaf(record_served(shelf_get(&s, name))->chain)->fingerprint);
        folder_write(&s.folder, path, damaged[i]);
        shelf_reopen(&s);
        shelf_assert_whole(&s, shelf_get(&s, name));
        g_assert_cmpstr(chain_leaf(record_served(shelf_get(&s, name))->chain)->fingerprint, ==, fingerprint);
        g_assert_cmpuint(record_current(shelf_get(&s, name)), ==, 2);
        shelf_put(&s, name);
        g_assert_cmpuint(record_current(shelf_get(&s, name)), ==, 3);
        shelf_reopen_and_compare(&s);
        shelf_assert_whole(&s, shelf_get(&s, name));
    }
}

static void test_record_of_another(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    g_autofree char *text = NULL;

    shelf_put(&s, "a.example");
    shelf_put(&s, "b.example");
    text = folder_read(&s.folder, "certificates/a.example/record.json");
    folder_write(&s.folder, "certificates/b.example/record.json", text);
    shelf_reopen(&s);
    g_assert_cmpuint(g_hash_table_size(s.records), ==, 2);
    shelf_assert_all_whole(&s);
}

static void test_root_salvaged(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    Bundle *root = NULL;

    authority_unref(authority_make(KEY_TYPE_ECDSA_P256, now_seconds(), &root));
    g_assert_cmpint(shelf_commit(&s, change_of(NULL, RECORD_ROOT, "root", root, SOURCE_LOCAL)), ==, 0);
    folder_remove(&s.folder, "root/record.json");
    shelf_reopen(&s);
    g_assert_nonnull(shelf_find(&s, RECORD_ROOT, "root"));
    shelf_assert_whole(&s, shelf_find(&s, RECORD_ROOT, "root"));
}

static void test_link(void)
{
    static const char *const wrong[] = { NULL, "1", "7", "../elsewhere", "" };
    _cleanup_shelf_ Shelf s = shelf_new();

    shelf_put(&s, "a.example");
    shelf_put(&s, "a.example");
    for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
        folder_remove(&s.folder, "certificates/a.example/current");
        if (wrong[i] && *wrong[i])
            g_assert_cmpint(symlinkat(wrong[i], s.folder.fd, "certificates/a.example/current"), ==, 0);
        else if (wrong[i])
            folder_write(&s.folder, "certificates/a.example/current", "a file");
        shelf_reopen(&s);
        g_assert_cmpuint(record_current(shelf_get(&s, "a.example")), ==, 2);
        shelf_assert_whole(&s, shelf_get(&s, "a.example"));
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

        shelf_put(&s, "a.example");
        folder_write(&s.folder, path, "x");
        g_assert_cmpint(store_verify(s.store, shelf_get(&s, "a.example"), SOURCE_LOCAL), ==, -EBADMSG);
        shelf_reopen(&s);
        g_assert_true(shelf_get(&s, "a.example")->slots[SOURCE_LOCAL].broken);
        g_assert_true(folder_has(&s.folder, path));
        if (i < 4 && i != 0)
            g_assert_cmpint(store_read(s.store, shelf_get(&s, "a.example"), SOURCE_LOCAL, &b), ==, -EBADMSG);
        bundle_free(b);
        shelf_put(&s, "a.example");
        shelf_assert_whole(&s, shelf_get(&s, "a.example"));
        shelf_reopen_and_compare(&s);
    }
}

static void test_orphans(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();

    shelf_put(&s, "a.example");
    folder_write(&s.folder, "certificates/a.example/9/privkey.pem", "orphan");
    folder_write(&s.folder, "certificates/a.example/record.json.new", "orphan");
    folder_write(&s.folder, "certificates/.removed-b.example/1/privkey.pem", "orphan");
    g_assert_cmpint(symlinkat("9", s.folder.fd, "certificates/a.example/current.new"), ==, 0);
    shelf_reopen(&s);
    g_assert_false(folder_has(&s.folder, "certificates/a.example/9"));
    g_assert_false(folder_has(&s.folder, "certificates/a.example/record.json.new"));
    g_assert_false(folder_has(&s.folder, "certificates/a.example/current.new"));
    g_assert_false(folder_has(&s.folder, "certificates/.removed-b.example"));
    g_assert_cmpuint(g_hash_table_size(s.records), ==, 1);
    shelf_assert_all_whole(&s);
    shelf_put(&s, "a.example"); /* the number of the orphan is not given again */
    shelf_assert_all_whole(&s);
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

    shelf_put(&s, "a.example");
    shelf_put(&s, "a.example");
    for (size_t i = 0; i < ELEMENTSOF(foreign); i++)
        folder_write(&s.folder, foreign[i], "mine");
    shelf_reopen_and_compare(&s);
    for (size_t i = 0; i < ELEMENTSOF(foreign); i++) {
        g_autofree char *text = folder_read(&s.folder, foreign[i]);

        g_assert_cmpstr(text, ==, "mine");
    }
    shelf_assert_all_whole(&s);
}

/* LIMIT_JOURNAL: a start puts a journal of that size away, and loses nothing. */
static void test_long_journal(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    g_autoptr(GString) journal = NULL;
    g_autofree char *text = NULL;

    shelf_put(&s, "a.example");
    shelf_write_index(&s);
    shelf_put(&s, "b.example");
    text = folder_read(&s.folder, "journal");
    journal = g_string_new(text);
    while (journal->len < LIMIT_JOURNAL)
        g_string_append(
            journal, "{\"time\":1,\"event\":\"issued\",\"kind\":\"certificate\",\"name\":\"a.example\"}\n");
    folder_write(&s.folder, "journal", journal->str);
    shelf_reopen_and_compare(&s);
    g_assert_true(folder_has(&s.folder, "journal.1"));
    shelf_put(&s, "c.example");
    shelf_reopen_and_compare(&s);
    shelf_write_index(&s);
    shelf_reopen_and_compare(&s);
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
    shelf_put(&s, "a.example");
    c = change_of(shelf_get(&s, "a.example"), RECORD_CERTIFICATE, "a.example", NULL, SOURCE_LOCAL);
    for (int i = 0; i < LIMIT_REGISTRATIONS; i++) {
        g_autofree char *module = g_strdup_printf("module%d", i);

        g_assert_cmpint(
            record_register(c->record, &(RegistrationRequest){ module, names, _KEY_TYPE_INVALID, -1, NULL }),
            ==, 0);
    }
    g_assert_cmpint(shelf_commit(&s, c), ==, 0);
    shelf_reopen_and_compare(&s);
    g_assert_cmpuint(shelf_get(&s, "a.example")->n_registrations, ==, LIMIT_REGISTRATIONS);
    for (int i = 0; i < LIMIT_NAMES - 1; i++)
        g_free(names[i]);
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
    g_assert_cmpint(shelf_commit(&s, change_of(NULL, RECORD_ROOT, "root", root, SOURCE_LOCAL)), ==, 0);
    g_assert_cmpint(shelf_commit(&s, change_of(NULL, RECORD_UPLOAD, fingerprint,
                                               bundle_make("up.example.com", 0), SOURCE_UPLOADED)),
                    ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(sample_names); i++)
        shelf_put(&s, sample_names[i]);
    shelf_put(&s, "a.example");
    shelf_write_index(&s);
    shelf_put(&s, "c.example");
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
    int r = shelf_commit(s, change_of_leaf(shelf_find(s, RECORD_CERTIFICATE, name), name));

    if (r >= 0)
        return r;
    r = store_reload(s->store, RECORD_CERTIFICATE, name, shelf_find(s, RECORD_CERTIFICATE, name), &rec);
    if (r >= 0)
        g_hash_table_insert(s->records, shelf_key(RECORD_CERTIFICATE, name), rec);
    else {
        g_autofree char *key = shelf_key(RECORD_CERTIFICATE, name);

        g_hash_table_remove(s->records, key);
    }
    return shelf_commit(s, change_of_leaf(shelf_find(s, RECORD_CERTIFICATE, name), name));
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
        if (!strstr(what, "/version") ||
            !strstr(problem.text, "newer program")) /* it became a higher number */
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
            shelf_assert_whole(s, shelf_get(s, sample_names[i]));
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

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/load/index/tail", test_index_and_tail);
    g_test_add_func("/load/index/spares-reading", test_index_spares_reading);
    g_test_add_func("/load/index/flipped", test_index_flipped);
    g_test_add_func("/load/index/another-journal", test_index_of_another_journal);
    g_test_add_func("/load/journal/torn", test_journal_torn);
    g_test_add_func("/load/journal/names", test_journal_names);
    g_test_add_func("/load/journal/long", test_long_journal);
    g_test_add_func("/load/record/damaged", test_record_damaged);
    g_test_add_func("/load/record/of-another", test_record_of_another);
    g_test_add_func("/load/record/largest", test_largest_record);
    g_test_add_func("/load/root-salvaged", test_root_salvaged);
    g_test_add_func("/load/link", test_link);
    g_test_add_func("/load/generation-damaged", test_generation_damaged);
    g_test_add_func("/load/orphans", test_orphans);
    g_test_add_func("/load/foreign-files", test_foreign_files);
    g_test_add_func("/load/mutated", test_mutated);
    return g_test_run();
}
