/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shelf.h"

#include <errno.h>
#include <sys/stat.h>

#include "store/files/files-internal.h"
#include "util/fs.h"

/* The version of the store's folder. */

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
    g_assert_cmpint(store_upgrade(f.fd, 3, steps, 2), ==, -EBADMSG);
}

static void test_newer(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    _cleanup_problem_ Problem problem = {};

    shelf_put(&s, "a.example");
    shelf_close(&s);
    folder_write(&s.folder, "version", "2\n");
    g_assert_cmpint(shelf_try(&s, &problem), ==, -EPROTONOSUPPORT);
    g_assert_nonnull(strstr(problem.text, "newer"));
    g_assert_nonnull(strstr(problem.text, "its file version"));
    g_assert_true(folder_has(&s.folder, "certificates/a.example/1/privkey.pem"));
    shelf_close(&s);
    folder_write(&s.folder, "version", "1\n");
    shelf_open(&s);
    shelf_assert_all_whole(&s);
}

/* ---- damage */

static void put_text(const Folder *f, const char *text)
{
    folder_write(f, "version", text);
}

static void put_folder(const Folder *f, const char *text _unused_)
{
    folder_write(f, "version/x", "");
}

static void put_fifo(const Folder *f, const char *text _unused_)
{
    g_assert_cmpint(mkfifoat(f->fd, "version", 0600), ==, 0);
}

static void put_link(const Folder *f, const char *target)
{
    g_assert_cmpint(symlinkat(target, f->fd, "version"), ==, 0);
}

static const struct {
    void (*put)(const Folder *f, const char *text);
    const char *text;
} damages[] = {
    { put_text, "" },        { put_text, "\n" },
    { put_text, "0\n" },     { put_text, "one\n" },
    { put_text, "-1\n" },    { put_text, "\xff" },
    { put_text, "1 \n" },    { put_text, "1111111111111111111x1111111111\n" },
    { put_folder, NULL },    { put_fifo, NULL },
    { put_link, "journal" }, { put_link, "nowhere" },
};

/* Whatever it became, it is put aside, and the store is what it was; with the journal, or else a record, to tell. */
static void test_damaged(void)
{
    static const char *const kept[] = { NULL, "journal", "certificates/a.example/record.json" };

    for (size_t i = 0; i < ELEMENTSOF(damages); i++)
        for (size_t k = 0; k < ELEMENTSOF(kept); k++) {
            _cleanup_shelf_ Shelf s = shelf_new();
            g_autofree char *version = NULL;

            shelf_put(&s, "a.example");
            shelf_close(&s);
            folder_remove(&s.folder, "version");
            if (kept[k])
                folder_write(&s.folder, kept[k], "damaged");
            damages[i].put(&s.folder, damages[i].text);
            shelf_open(&s);
            shelf_assert_whole(&s, shelf_get(&s, "a.example"));
            version = folder_read(&s.folder, "version");
            g_assert_cmpstr(version, ==, "1\n");
            g_assert_true(folder_has(&s.folder, "version.damaged") || damages[i].put == put_link);
            shelf_reopen_and_compare(&s);
        }
}

/* A higher number is never touched, however high; nor is a store that nothing tells about. */
static void test_refused(void)
{
    static const char *const texts[] = { "2\n", "11\n", "99999999999999999999999999\n" };
    _cleanup_shelf_ Shelf s = shelf_new();
    _cleanup_problem_ Problem unknown = {};
    g_autofree char *kept = NULL;

    shelf_put(&s, "a.example");
    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_problem_ Problem problem = {};
        g_autofree char *text = NULL;

        shelf_close(&s);
        folder_write(&s.folder, "version", texts[i]);
        g_assert_cmpint(shelf_try(&s, &problem), ==, -EPROTONOSUPPORT);
        text = folder_read(&s.folder, "version");
        g_assert_cmpstr(text, ==, texts[i]);
    }
    shelf_close(&s);
    folder_write(&s.folder, "version", "x");
    folder_write(&s.folder, "journal", "of another kind");
    folder_write(&s.folder, "certificates/a.example/record.json", "{\"format\":7}");
    g_assert_cmpint(shelf_try(&s, &unknown), <, 0);
    g_assert_cmpint(unknown.code, ==, PROBLEM_STORAGE_FAILED);
    g_assert_nonnull(strstr(unknown.text, "/version is damaged"));
    kept = folder_read(&s.folder, "journal");
    g_assert_cmpstr(kept, ==, "of another kind");
    shelf_close(&s);
    folder_write(&s.folder, "version", "1\n"); /* as the error says */
    shelf_open(&s);
    shelf_assert_all_whole(&s);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/version/upgrade", test_upgrade);
    g_test_add_func("/version/newer", test_newer);
    g_test_add_func("/version/damaged", test_damaged);
    g_test_add_func("/version/refused", test_refused);
    return g_test_run();
}
