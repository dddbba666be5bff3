/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "root-fixture.h"

#include "core/limits.h"
#include "deploy/source.h"

#define NAME   "www.example.com"
#define OBJECT "certificates/" NAME "/"

static void make_store(Folder *f)
{
    *f = folder_new();
    folder_write(f, OBJECT "1/fullchain.pem", "chain");
    folder_write(f, OBJECT "1/privkey.pem", "key");
    folder_write(f, "certificates/_.example.com/20/fullchain.pem", "of all");
    folder_write(f, "root/3/certificate.pem", "root");
    g_assert_cmpint(symlinkat("1", f->fd, OBJECT "current"), ==, 0);
    g_assert_cmpint(symlinkat("20", f->fd, "certificates/_.example.com/current"), ==, 0);
    g_assert_cmpint(symlinkat("3", f->fd, "root/current"), ==, 0);
}

static void relink(const Folder *f, const char *path, const char *target)
{
    g_assert_cmpint(unlinkat(f->fd, path, 0), ==, 0);
    g_assert_cmpint(symlinkat(target, f->fd, path), ==, 0);
}

static void test_read(void)
{
    _cleanup_folder_ Folder f = {};
    _cleanup_source_ SourceStore s = {};
    _cleanup_source_text_ SourceText chain = {}, key = {}, all = {}, root = {};

    make_store(&f);
    g_assert_cmpint(source_open(f.path, &s, NULL), ==, 0);
    g_assert_cmpint(source_read_certificate(&s, NAME, &chain, &key, NULL), ==, 0);
    g_assert_cmpmem(chain.data, chain.size, "chain", 5);
    g_assert_cmpmem(key.data, key.size, "key", 3);
    g_assert_cmpint(source_read_certificate(&s, "*.example.com", &all, NULL, NULL), ==, 0);
    g_assert_cmpmem(all.data, all.size, "of all", 6);
    g_assert_cmpint(source_read_root(&s, &root, NULL), ==, 0);
    g_assert_cmpmem(root.data, root.size, "root", 4);
}

static int read_record(const Folder *f, const char *name, const char *words)
{
    _cleanup_source_ SourceStore s = {};
    _cleanup_source_text_ SourceText record = {};
    _cleanup_problem_ Problem problem = {};
    int r;

    g_assert_cmpint(source_open(f->path, &s, NULL), ==, 0);
    r = source_read_record(&s, name, &record, &problem);
    if (r < 0)
        assert_says(&problem, words);
    else
        g_assert_cmpmem(record.data, record.size, words, strlen(words));
    return r;
}

static void test_record(void)
{
    _cleanup_folder_ Folder f = {};
    g_autofree char *large = g_strnfill(LIMIT_RECORD + 1, 'x');

    make_store(&f);
    g_assert_cmpint(read_record(&f, NAME, "there is none yet"), <, 0);
    folder_write(&f, OBJECT "record.json", "record");
    folder_write(&f, "certificates/_.example.com/record.json", "of all");
    g_assert_cmpint(read_record(&f, NAME, "record"), ==, 0);
    g_assert_cmpint(read_record(&f, "*.example.com", "of all"), ==, 0);
    g_assert_cmpint(read_record(&f, "a/b", "no name of a directory"), <, 0);
    g_assert_cmpint(read_record(&f, "other.example.com", "there is none yet"), <, 0);
    folder_write(&f, OBJECT "record.json", large);
    g_assert_cmpint(read_record(&f, NAME, "too large"), <, 0);
    relink(&f, OBJECT "record.json", "1/privkey.pem");
    g_assert_cmpint(read_record(&f, NAME, "symbolic link"), <, 0);
    g_assert_cmpint(unlinkat(f.fd, OBJECT "record.json", 0), ==, 0);
    g_assert_cmpint(mkfifoat(f.fd, OBJECT "record.json", 0600), ==, 0);
    g_assert_cmpint(read_record(&f, NAME, "regular file"), <, 0);
}

static void expect_refused(const Folder *f, const char *name, const char *words)
{
    _cleanup_source_ SourceStore s = {};
    _cleanup_source_text_ SourceText chain = {}, key = {};
    _cleanup_problem_ Problem problem = {};

    g_assert_cmpint(source_open(f->path, &s, NULL), ==, 0);
    g_assert_cmpint(source_read_certificate(&s, name, &chain, &key, &problem), <, 0);
    assert_says(&problem, words);
    g_assert_null(chain.data);
    g_assert_null(key.data);
}

static void test_links(void)
{
    static const char *const targets[] = { "/", "..", ".", "../1", "1/.", "./1", "", "1/../1", "a b" };
    _cleanup_folder_ Folder f = {};

    make_store(&f);
    for (size_t i = 0; i < ELEMENTSOF(targets); i++)
        if (*targets[i]) {
            relink(&f, OBJECT "current", targets[i]);
            expect_refused(&f, NAME, "symbolic link");
        }
    relink(&f, OBJECT "current", "2");
    expect_refused(&f, NAME, "there is none yet");
    g_assert_cmpint(symlinkat("1", f.fd, OBJECT "2"), ==, 0);
    expect_refused(&f, NAME, "symbolic link");
    relink(&f, OBJECT "current", "1");
    relink(&f, OBJECT "1/privkey.pem", "fullchain.pem");
    expect_refused(&f, NAME, "symbolic link");
}

static void test_names(void)
{
    _cleanup_folder_ Folder f = {};
    g_autofree char *longest = g_strnfill(300, 'a');

    make_store(&f);
    expect_refused(&f, "../certificates/" NAME, "no name of a directory");
    expect_refused(&f, longest, "no name of a directory");
    expect_refused(&f, "other.example.com", "there is none yet");
}

static void test_files(void)
{
    _cleanup_folder_ Folder f = {};
    g_autofree char *chain = NULL;

    make_store(&f);
    g_assert_cmpint(linkat(f.fd, OBJECT "1/privkey.pem", f.fd, "second", 0), ==, 0);
    expect_refused(&f, NAME, "several links");
    g_assert_cmpint(unlinkat(f.fd, "second", 0), ==, 0);
    chain = folder_path(&f, OBJECT "1/fullchain.pem");
    g_assert_cmpint(truncate(chain, LIMIT_STORED_FILE + 1), ==, 0);
    expect_refused(&f, NAME, "too large");
    g_assert_cmpint(unlink(chain), ==, 0);
    g_assert_cmpint(mkfifo(chain, 0600), ==, 0);
    expect_refused(&f, NAME, "regular file");
    g_assert_cmpint(unlink(chain), ==, 0);
    g_assert_cmpint(mkdir(chain, 0700), ==, 0);
    expect_refused(&f, NAME, "regular file");
}

static void test_owner(void)
{
    _cleanup_folder_ Folder f = {};

    if (skip_without_root())
        return;
    make_store(&f);
    g_assert_cmpint(fchownat(f.fd, OBJECT "1/privkey.pem", 1234, 0, 0), ==, 0);
    expect_refused(&f, NAME, "another owner");
}

static void test_at_the_limit(void)
{
    _cleanup_folder_ Folder f = {};
    _cleanup_source_ SourceStore s = {};
    _cleanup_source_text_ SourceText chain = {};
    g_autofree char *path = NULL;

    make_store(&f);
    path = folder_path(&f, OBJECT "1/fullchain.pem");
    g_assert_cmpint(truncate(path, LIMIT_STORED_FILE), ==, 0);
    g_assert_cmpint(source_open(f.path, &s, NULL), ==, 0);
    g_assert_cmpint(source_read_certificate(&s, NAME, &chain, NULL, NULL), ==, 0);
    g_assert_cmpuint(chain.size, ==, LIMIT_STORED_FILE);
}

static void test_no_store(void)
{
    _cleanup_problem_ Problem problem = {};
    SourceStore s = { .fd = -EBADF };

    g_assert_cmpint(source_open("/nowhere-at-all", &s, &problem), <, 0);
    assert_says(&problem, "/nowhere-at-all");
    source_close(&s);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/source/record", test_record);
    g_test_add_func("/source/read", test_read);
    g_test_add_func("/source/links", test_links);
    g_test_add_func("/source/names", test_names);
    g_test_add_func("/source/files", test_files);
    g_test_add_func("/source/owner", test_owner);
    g_test_add_func("/source/at-the-limit", test_at_the_limit);
    g_test_add_func("/source/no-store", test_no_store);
    return g_test_run();
}
