/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "util/fs.h"
#include "util/text.h"

static void commit_group(unsigned n)
{
    StoreChange **changes = g_new0(StoreChange *, n);
    _cleanup_shelf_ Shelf s = shelf_new();

    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < n; i++) {
            g_autofree char *name = g_strdup_printf("n%u.example", i);

            changes[i] = change_of_leaf(shelf_find(&s, RECORD_CERTIFICATE, name), name);
            g_assert_cmpint(store_stage(s.store, changes[i]), ==, 0);
        }
        g_assert_cmpint(store_commit(s.store, changes, n), ==, 0);
        for (unsigned i = 0; i < n; i++)
            shelf_apply(&s, changes[i]);
        store_applied(s.store);
    }
    g_assert_cmpuint(g_hash_table_size(s.records), ==, n);
    shelf_reopen_and_compare(&s);
    shelf_assert_all_whole(&s);
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

    shelf_put(&s, "b.example");
    for (size_t i = 0; i < 3; i++) {
        g_autofree char *name = g_strdup_printf("%c.example", (char)('a' + i));

        changes[i] = change_of_leaf(shelf_find(&s, RECORD_CERTIFICATE, name), name);
        g_assert_cmpint(store_stage(s.store, changes[i]), ==, 0);
    }
    folder_write(&s.folder, "certificates/b.example/2/privkey.pem", "not what was written");
    g_assert_cmpint(store_commit(s.store, changes, 3), ==, -EBADMSG);
    g_assert_cmpint(changes[0]->result, ==, 0);
    g_assert_cmpint(changes[1]->result, ==, -EBADMSG);
    g_assert_cmpint(changes[2]->result, ==, 0);
    for (size_t i = 0; i < 3; i++)
        shelf_apply(&s, changes[i]);
    store_applied(s.store);
    g_assert_false(folder_has(&s.folder, "certificates/b.example/2"));
    g_assert_cmpuint(record_current(shelf_get(&s, "b.example")), ==, 1);
    shelf_reopen_and_compare(&s);
    shelf_assert_all_whole(&s);
}

static void test_discard(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    StoreChange *fresh, *again;

    shelf_put(&s, "old.example");
    fresh = change_of_leaf(NULL, "new.example");
    again = change_of_leaf(shelf_get(&s, "old.example"), "old.example");
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
    shelf_reopen_and_compare(&s);
    shelf_assert_all_whole(&s);
}

static void test_removal(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    StoreChange *c = NULL;

    shelf_put(&s, "gone.example");
    shelf_put(&s, "stays.example");
    shelf_write_index(&s);
    g_assert_cmpint(
        store_change_new(shelf_get(&s, "gone.example"), NULL, _SOURCE_INVALID, NULL, "removed", &c), ==, 0);
    g_assert_true(c->removes);
    g_assert_cmpint(shelf_commit(&s, c), ==, 0);
    g_assert_false(folder_has(&s.folder, "certificates/gone.example"));
    shelf_reopen_and_compare(&s);
    g_assert_cmpuint(g_hash_table_size(s.records), ==, 1);
    shelf_put(&s, "gone.example");
    g_assert_cmpuint(record_current(shelf_get(&s, "gone.example")), ==, 1);
    shelf_reopen_and_compare(&s);
    shelf_assert_all_whole(&s);
}

/* What a crash leaves between staging and commit is gone after the next start, and nothing else is. */
static void test_staged_and_lost(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    StoreChange *c;

    shelf_put(&s, "a.example");
    c = change_of_leaf(shelf_get(&s, "a.example"), "a.example");
    g_assert_cmpint(store_stage(s.store, c), ==, 0);
    store_change_free(c);
    shelf_reopen(&s);
    g_assert_cmpuint(record_current(shelf_get(&s, "a.example")), ==, 1);
    g_assert_false(folder_has(&s.folder, "certificates/a.example/2"));
    g_assert_false(folder_has(&s.folder, "certificates/a.example/record.json.new"));
    shelf_assert_all_whole(&s);
    shelf_put(&s, "a.example");
    shelf_assert_all_whole(&s);
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
    shelf_put(&s, "old.example");
    shelf_put(&s, "old.example");
    shelf_write_index(&s);
    for (size_t leave = 0; leave <= 20; leave++) { /* pages */
        g_autofree char *name = g_strdup_printf("n%zu.example", leave);
        const char *const names[] = { name, "old.example" };

        for (size_t i = 0; i < 2; i++) {
            const Record *before = shelf_find(&s, RECORD_CERTIFICATE, names[i]);
            uint64_t served = before ? record_current(before) : 0;
            int r;

            fill(&s, leave * 4096);
            r = shelf_commit(&s, change_of_leaf(before, names[i]));
            if (r < 0) {
                g_assert_cmpint(r, ==, -ENOSPC);
                n_failed++;
            } else
                n_made++;
            before = shelf_find(&s, RECORD_CERTIFICATE, names[i]);
            if (before)
                g_assert_cmpuint(record_current(before), ==, r < 0 ? served : record_current(before));
            shelf_assert_all_whole(&s);
            folder_remove(&s.folder, "ballast");
        }
    }
    g_assert_cmpuint(n_failed, >, 5);
    g_assert_cmpuint(n_made, >, 1);
    shelf_reopen_and_compare(&s);
    shelf_put(&s, "old.example");
    shelf_put(&s, "new.example");
    shelf_reopen_and_compare(&s);
    shelf_assert_all_whole(&s);
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

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_data_func("/commit/group/1", GUINT_TO_POINTER(1), test_group);
    g_test_add_data_func("/commit/group/8", GUINT_TO_POINTER(8), test_group);
    g_test_add_data_func("/commit/group/9", GUINT_TO_POINTER(9), test_group);
    g_test_add_data_func("/commit/group/1000", GUINT_TO_POINTER(1000), test_group);
    g_test_add_func("/commit/group/failure", test_group_with_failure);
    g_test_add_func("/commit/discard", test_discard);
    g_test_add_func("/commit/removal", test_removal);
    g_test_add_func("/commit/staged-and-lost", test_staged_and_lost);
    g_test_add_func("/commit/no-space", test_no_space);
    return g_test_run();
}
