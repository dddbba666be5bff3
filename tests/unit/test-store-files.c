/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "store/files/files-internal.h"
#include "util/fs.h"
#include "util/text.h"

#define FINGERPRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_new(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    g_autofree char *version = folder_read(&s.folder, "version");

    g_assert_cmpstr(version, ==, "1\n");
    g_assert_true(folder_has(&s.folder, "journal"));
    g_assert_cmpuint(g_hash_table_size(s.records), ==, 0);
    shelf_reopen(&s);
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

    g_assert_cmpint(
        shelf_commit(&s, change_of(NULL, RECORD_CERTIFICATE, "www.example.com", b, SOURCE_LOCAL)), ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(files); i++) {
        g_autofree char *path = g_strconcat("certificates/www.example.com/1/", files[i], NULL);
        g_autofree char *text = folder_read(&s.folder, path);

        g_assert_cmpstr(text, ==, texts[i]);
        g_assert_cmpint(shelf_mode_of(&s, path), ==, 0600);
    }
    g_assert_cmpint(shelf_mode_of(&s, "certificates/www.example.com/1"), ==, 0700);
    g_assert_cmpint(shelf_mode_of(&s, "certificates/www.example.com"), ==, 0700);
    g_assert_cmpint(shelf_mode_of(&s, "certificates/www.example.com/record.json"), ==, 0600);
    g_assert_cmpint(shelf_mode_of(&s, "journal"), ==, 0600);
    shelf_assert_whole(&s, shelf_get(&s, "www.example.com"));
}

static void test_round_trip(void)
{
    static const char *const names[] = { "www.example.com", "*.example.com", "192.0.2.1", "2001:db8::1",
                                         "a" };
    _cleanup_shelf_ Shelf s = shelf_new();

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        shelf_put(&s, names[i]);
    g_assert_true(folder_has(&s.folder, "certificates/_.example.com/current"));
    shelf_reopen_and_compare(&s);
    shelf_assert_all_whole(&s);
    shelf_write_index(&s);
    g_assert_false(store_wants_checkpoint(s.store));
    shelf_reopen_and_compare(&s);
    g_assert_false(store_wants_checkpoint(s.store));
    shelf_assert_all_whole(&s);
}

/* How late an upload came is known again, with and without an index; when its record is lost, the time of its files tells. */
static void check_upload_number(Shelf *s)
{
    const Record *rec = shelf_find(s, RECORD_UPLOAD, FINGERPRINT);
    StoreChange *c = change_of(rec, RECORD_UPLOAD, FINGERPRINT, NULL, SOURCE_UPLOADED);

    g_assert_true(rec->uploaded == 0 && rec->uploaded_at > now_seconds() - HOUR);
    c->record->uploaded = 7;
    g_assert_cmpint(shelf_commit(s, c), ==, 0);
    shelf_reopen_and_compare(s); /* which compares it, too */
    shelf_write_index(s);
    shelf_reopen_and_compare(s);
    folder_write(&s->folder, "uploads/" FINGERPRINT "/record.json", "nothing");
    folder_remove(&s->folder, "index");
    shelf_reopen(s);
    rec = shelf_find(s, RECORD_UPLOAD, FINGERPRINT);
    g_assert_true(rec->uploaded == 0 && rec->uploaded_at > now_seconds() - HOUR);
}

static void test_root_and_uploads(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    Bundle *root = NULL;
    StoreChange *upload;

    authority_unref(authority_make(KEY_TYPE_ECDSA_P256, now_seconds(), &root));
    g_assert_cmpint(shelf_commit(&s, change_of(NULL, RECORD_ROOT, "root", root, SOURCE_LOCAL)), ==, 0);
    upload = change_of(NULL, RECORD_UPLOAD, FINGERPRINT, bundle_make("up.example.com", 0), SOURCE_UPLOADED);
    g_assert_cmpint(shelf_commit(&s, upload), ==, 0);
    shelf_put(&s, "www.example.com");
    g_assert_true(folder_has(&s.folder, "root/current/key.pem"));
    g_assert_true(folder_has(&s.folder, "root/current/cross.pem"));
    shelf_reopen_and_compare(&s);
    shelf_assert_all_whole(&s);
    shelf_write_index(&s);
    shelf_reopen_and_compare(&s);
    check_upload_number(&s);
}

/* Registrations, failures, times and sources survive, with and without an index. */
static void test_record_members(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    char *names[] = { S("imap.example.com"), S("192.0.2.1"), NULL };
    Problem problem = { PROBLEM_BUSY, S("told \"so\"\n\303\274") };
    StoreChange *c;

    shelf_put(&s, "mail.example.com");
    c = change_of(shelf_get(&s, "mail.example.com"), RECORD_CERTIFICATE, "mail.example.com", NULL,
                  SOURCE_LOCAL);
    g_assert_cmpint(
        record_register(c->record, &(RegistrationRequest){ "mail", names, KEY_TYPE_RSA_3072, -1, NULL }), ==,
        0);
    g_assert_cmpint(
        record_register(c->record, &(RegistrationRequest){ "other", NULL, _KEY_TYPE_INVALID, -1, NULL }), ==,
        0);
    record_set_failure(c->record, &problem, 1234567890);
    c->record->abandoned = 1234567891;
    c->record->slots[SOURCE_LOCAL].withdrawn = true;
    g_assert_cmpint(shelf_commit(&s, c), ==, 0);
    shelf_reopen_and_compare(&s);
    shelf_write_index(&s);
    shelf_reopen_and_compare(&s);
    g_assert_cmpuint(shelf_get(&s, "mail.example.com")->n_registrations, ==, 2);
}

/* The two latest generations stay, the one before goes. */
static void test_generations(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();

    for (int i = 1; i <= 5; i++) {
        g_autofree char *here = g_strdup_printf("certificates/a.example/%d", i);
        g_autofree char *before = g_strdup_printf("certificates/a.example/%d", i - 1);
        g_autofree char *gone = g_strdup_printf("certificates/a.example/%d", i - 2);

        shelf_put(&s, "a.example");
        g_assert_true(folder_has(&s.folder, here));
        g_assert_cmpint(folder_has(&s.folder, before), ==, i > 1);
        g_assert_false(folder_has(&s.folder, gone));
        shelf_assert_whole(&s, shelf_get(&s, "a.example"));
    }
    shelf_reopen_and_compare(&s);
    g_assert_cmpuint(shelf_get(&s, "a.example")->stored.former, ==, 4);
}

/* What a crash left beside an object is removed once it was found intact, and not before. */
static void test_verify_tidies(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    const Record *rec;

    shelf_put(&s, "a.example");
    rec = shelf_get(&s, "a.example");
    for (int damaged = 0; damaged < 2; damaged++) {
        g_assert_cmpint(fs_make_directory_at(s.folder.fd, "certificates/a.example/9"), ==, 0);
        folder_write(&s.folder, "certificates/a.example/record.json.new", "{");
        if (damaged)
            folder_write(&s.folder, "certificates/a.example/1/combined.pem", "x");
        g_assert_cmpint(store_verify(s.store, rec, rec->served), ==, damaged ? -EBADMSG : 0);
        g_assert_cmpint(folder_has(&s.folder, "certificates/a.example/9"), ==, damaged);
        g_assert_cmpint(folder_has(&s.folder, "certificates/a.example/record.json.new"), ==, damaged);
        g_assert_true(folder_has(&s.folder, "certificates/a.example/1"));
    }
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

/* ---- a read-only file system */

/* Returns false if nothing can be mounted here. */
static bool mount_read_only(const Folder *f, bool read_only)
{
    return mount(NULL, f->path, NULL, MS_REMOUNT | MS_BIND | (read_only ? MS_RDONLY : 0), NULL) >= 0;
}

static bool mount_on_itself(const Folder *f)
{
    return unshare(CLONE_NEWNS) >= 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) >= 0 &&
           mount(f->path, f->path, NULL, MS_BIND, NULL) >= 0;
}

/* Everything can be read; what has to write fails with the reason, until the file system is writable. */
static void test_read_only(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();

    shelf_put(&s, "a.example");
    shelf_write_index(&s);
    shelf_close(&s);
    if (!mount_on_itself(&s.folder) || !mount_read_only(&s.folder, true)) {
        g_test_skip("nothing can be mounted here");
        shelf_open(&s);
        return;
    }
    for (int round = 0; round < 2; round++) {
        shelf_open(&s);
        shelf_assert_whole(&s, shelf_get(&s, "a.example"));
        g_assert_cmpint(shelf_commit(&s, change_of_leaf(shelf_get(&s, "a.example"), "a.example")), ==,
                        -EROFS);
        g_assert_true(mount_read_only(&s.folder, false));
        if (round == 1)
            shelf_put(&s, "a.example"); /* in the same run */
        shelf_close(&s);
        if (round == 0)
            folder_remove(&s.folder, "index");
        g_assert_true(mount_read_only(&s.folder, true));
    }
    g_assert_true(mount_read_only(&s.folder, false));
    shelf_open(&s);
    g_assert_cmpuint(record_current(shelf_get(&s, "a.example")), ==, 2);
    shelf_close(&s);
    g_assert_cmpint(umount2(s.folder.path, MNT_DETACH), ==, 0);
    shelf_open(&s);
}

/* A new store cannot be made there: the reason names the place and what to do. */
static void test_new_read_only(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_problem_ Problem problem = {};
    Store *s = NULL;

    if (!mount_on_itself(&f) || !mount_read_only(&f, true)) {
        g_test_skip("nothing can be mounted here");
        return;
    }
    g_assert_cmpint(store_open(f.path, &s, &problem), ==, -EROFS);
    g_assert_cmpint(problem.code, ==, PROBLEM_STORAGE_FAILED);
    g_assert_nonnull(strstr(problem.text, f.path));
    g_assert_nonnull(strstr(problem.text, "Read-only file system. Mount its file system writable."));
    g_assert_cmpint(umount2(f.path, MNT_DETACH), ==, 0);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/store-files/new", test_new);
    g_test_add_func("/store-files/files", test_files);
    g_test_add_func("/store-files/round-trip", test_round_trip);
    g_test_add_func("/store-files/root-and-uploads", test_root_and_uploads);
    g_test_add_func("/store-files/record-members", test_record_members);
    g_test_add_func("/store-files/generations", test_generations);
    g_test_add_func("/store-files/verify-tidies", test_verify_tidies);
    g_test_add_func("/store-files/second-opener", test_second_opener);
    if (geteuid() == 0) {
        g_test_add_func("/store-files/read-only", test_read_only);
        g_test_add_func("/store-files/new-read-only", test_new_read_only);
    }
    return g_test_run();
}
