/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "root-fixture.h"

#include "deploy/saved.h"
#include "util/text.h"

static SavedSet make_set(void)
{
    SavedSet s = {};
    Image file = { .kind = IMAGE_FILE,
                   .owner = 1000,
                   .group = 1001,
                   .mode = 0640,
                   .label = S("label"),
                   .acl = S("0200"),
                   .data = S("a\0b"),
                   .size = 3 };
    Image link = { .kind = IMAGE_LINK, .owner = 5, .data = S("../elsewhere"), .size = 12 };
    Image empty = { .kind = IMAGE_FILE, .mode = 0600, .data = S("") };

    g_assert_cmpint(saved_add(&s, "a.example.com", DEPLOY_KEY, "/etc/a.key", &file), ==, 0);
    g_assert_cmpint(saved_add(&s, "a.example.com", DEPLOY_FULL_CHAIN, "/etc/\"ä\".pem", &link), ==, 0);
    g_assert_cmpint(saved_add(&s, "*.example.com", DEPLOY_COMBINED, "/etc/absent", &(Image){}), ==, 0);
    g_assert_cmpint(saved_add(&s, "*.example.com", DEPLOY_CHAIN, "/etc/empty", &empty), ==, 0);
    g_assert_cmpint(strv_extend(&s.units, "nginx.service"), ==, 0);
    return s;
}

static void assert_set_equal(const SavedSet *a, const SavedSet *b)
{
    g_assert_cmpuint(a->n, ==, b->n);
    g_assert_true(strv_equal(a->units, b->units));
    for (size_t i = 0; i < a->n; i++) {
        g_assert_cmpstr(a->files[i].certificate, ==, b->files[i].certificate);
        g_assert_cmpstr(a->files[i].path, ==, b->files[i].path);
        g_assert_cmpint(a->files[i].kind, ==, b->files[i].kind);
        g_assert_true(image_equal(&a->files[i].image, &b->files[i].image));
    }
}

static void test_back(void)
{
    _cleanup_saved_ SavedSet s = make_set(), back = {}, none = {};
    _cleanup_folder_ Folder f = folder_new();
    struct stat st;

    g_assert_cmpint(saved_read(f.fd, &none, NULL), ==, -ENOENT);
    g_assert_cmpint(saved_write(f.fd, &s, NULL), ==, 0);
    g_assert_cmpint(saved_read(f.fd, &back, NULL), ==, 0);
    assert_set_equal(&s, &back);
    g_assert_cmpint(fstatat(f.fd, "saved", &st, 0), ==, 0);
    g_assert_cmpuint(st.st_mode, ==, S_IFDIR | 0700);
    g_assert_cmpint(saved_erase(f.fd, NULL), ==, 0);
    g_assert_cmpint(saved_read(f.fd, &none, NULL), ==, -ENOENT);
    g_assert_cmpint(saved_erase(f.fd, NULL), ==, 0);
}

static void test_units_alone(void)
{
    _cleanup_saved_ SavedSet s = {}, back = {};
    _cleanup_folder_ Folder f = folder_new();

    g_assert_cmpint(strv_extend(&s.units, "nginx.service"), ==, 0);
    g_assert_cmpint(saved_write(f.fd, &s, NULL), ==, 0);
    g_assert_cmpint(saved_read(f.fd, &back, NULL), ==, 0);
    assert_set_equal(&s, &back);
}

/* An earlier set is the one to go back to. */
static void test_earlier(void)
{
    _cleanup_saved_ SavedSet s = make_set(), other = {}, back = {};
    _cleanup_folder_ Folder f = folder_new();

    g_assert_cmpint(saved_write(f.fd, &s, NULL), ==, 0);
    g_assert_cmpint(saved_write(f.fd, &other, NULL), ==, -EEXIST);
    g_assert_cmpint(saved_read(f.fd, &back, NULL), ==, 0);
    assert_set_equal(&s, &back);
}

static void test_leftovers(void)
{
    _cleanup_saved_ SavedSet s = make_set(), none = {};
    _cleanup_folder_ Folder f = folder_new();

    folder_write(&f, "saved.new/content", "of a crash");
    folder_write(&f, "saved.old/content", "of a crash");
    g_assert_cmpint(saved_read(f.fd, &none, NULL), ==, -ENOENT);
    g_assert_cmpint(saved_write(f.fd, &s, NULL), ==, 0);
    g_assert_cmpint(saved_erase(f.fd, NULL), ==, 0);
    g_assert_false(folder_has(&f, "saved"));
    g_assert_false(folder_has(&f, "saved.new"));
    g_assert_false(folder_has(&f, "saved.old"));
}

static void expect_damaged(const Folder *f, const char *what)
{
    _cleanup_saved_ SavedSet back = {};
    _cleanup_problem_ Problem problem = {};

    if (saved_read(f->fd, &back, &problem) != -EBADMSG)
        note_failure("%s: read", what);
    if (!problem.text || strstr(problem.text, "BEGIN") || back.n > 0)
        note_failure("%s: %s", what, strempty(problem.text));
}

#define ENTRY(contains, kind, mode, size) \
    "{\"format\":1,\"units\":[],\"files\":[{\"certificate\":\"a\",\"contains\":\"" contains \
    "\",\"path\":\"/a\"," \
    "\"kind\":\"" kind "\",\"owner\":0,\"group\":0,\"mode\":" mode ",\"size\":" size "}]}"

static void test_damaged(void)
{
    static const char *const manifests[] = {
        "",
        "{}",
        "[]",
        "{\"format\":1}",
        "{\"format\":2,\"units\":[],\"files\":[]}",
        "{\"format\":1,\"units\":[],\"files\":[1]}",
        ENTRY("KeyFile", "folder", "0", "4"),
        ENTRY("Key", "file", "0", "4"),
        ENTRY("KeyFile", "file", "65536", "4"),
        ENTRY("KeyFile", "file", "-1", "4"),
        ENTRY("KeyFile", "file", "0", "5"),
        ENTRY("KeyFile", "file", "0", "3"),
        ENTRY("KeyFile", "file", "0", "1e9"),
    };
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_saved_ SavedSet back = {};

    folder_write(&f, "saved/content", "text");
    expect_damaged(&f, "no manifest");
    for (size_t i = 0; i < ELEMENTSOF(manifests); i++) {
        folder_write(&f, "saved/manifest.json", manifests[i]);
        expect_damaged(&f, manifests[i]);
    }
    folder_write(&f, "saved/manifest.json", ENTRY("KeyFile", "file", "0", "4"));
    g_assert_cmpint(saved_read(f.fd, &back, NULL), ==, 0);
    g_assert_cmpint(saved_put_aside(f.fd, NULL), ==, 0);
    g_assert_false(folder_has(&f, "saved"));
    g_assert_true(folder_has(&f, "saved.damaged/content"));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/saved/back", test_back);
    g_test_add_func("/saved/units-alone", test_units_alone);
    g_test_add_func("/saved/earlier", test_earlier);
    g_test_add_func("/saved/leftovers", test_leftovers);
    g_test_add_func("/saved/damaged", test_damaged);
    return g_test_run();
}
