/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "util/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int read_of(const Folder *f, const char *path, size_t limit, char **ret)
{
    size_t size = 0;
    int r = fs_read_at(f->fd, path, limit, ret, &size);

    if (r >= 0)
        g_assert_cmpuint(size, ==, strlen(*ret));
    return r;
}

static void test_read(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_free_ char *text = NULL, *empty = NULL, *linked = NULL;
    char *untouched = NULL;

    folder_write(&f, "file", "12345");
    folder_write(&f, "empty", "");
    g_assert_cmpint(symlinkat("file", f.fd, "link"), ==, 0);
    g_assert_cmpint(read_of(&f, "file", 5, &text), ==, 0);
    g_assert_cmpstr(text, ==, "12345");
    g_assert_cmpint(read_of(&f, "file", 4, &untouched), ==, -E2BIG);
    g_assert_cmpint(read_of(&f, "empty", 0, &empty), ==, 0);
    g_assert_cmpstr(empty, ==, "");
    g_assert_cmpint(read_of(&f, "link", 5, &linked), ==, 0);
    g_assert_cmpint(read_of(&f, "nothing", 5, &untouched), ==, -ENOENT);
    g_assert_cmpint(read_of(&f, ".", 5, &untouched), ==, -EISDIR);
    g_assert_null(untouched);
}

/* What is no file is refused at once, and nobody waits at a FIFO. */
static void test_other_kinds(void)
{
    _cleanup_folder_ Folder f = folder_new();
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char *untouched = NULL;

    g_assert_cmpint(mkfifoat(f.fd, "fifo", 0600), ==, 0);
    g_snprintf(a.sun_path, sizeof(a.sun_path), "%s/socket", f.path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, sizeof(a)), ==, 0);
    g_assert_cmpint(read_of(&f, "fifo", 100, &untouched), ==, -EINVAL);
    g_assert_cmpint(read_of(&f, "socket", 100, &untouched), <, 0);
    g_assert_cmpint(fs_read_at(AT_FDCWD, "/dev/null", 100, &untouched, NULL), ==, -EINVAL);
    g_assert_cmpint(fs_read_at(AT_FDCWD, "/dev/zero", 100, &untouched, NULL), ==, -EINVAL);
    g_assert_null(untouched);
    close(fd);
}

static void test_create(void)
{
    _cleanup_folder_ Folder f = folder_new();
    mode_t before = umask(0);
    struct stat st;

    g_assert_cmpint(fs_create_at(f.fd, "file", "abc", 3, true), ==, 0);
    umask(before);
    g_assert_cmpint(fstatat(f.fd, "file", &st, 0), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0600);
    g_assert_cmpint(fs_create_at(f.fd, "file", "xyz", 3, false), ==, -EEXIST);
    g_assert_cmpint(symlinkat("elsewhere", f.fd, "link"), ==, 0);
    g_assert_cmpint(fs_create_at(f.fd, "link", "xyz", 3, false), ==, -EEXIST);
    g_assert_false(folder_has(&f, "elsewhere"));
    g_autofree char *text = folder_read(&f, "file");
    g_assert_cmpstr(text, ==, "abc");
    g_assert_cmpint(fs_create_at(f.fd, "no/file", "x", 1, false), ==, -ENOENT);
}

static void test_create_full(void)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    g_assert_cmpint(fs_write_all(fd, "x", 1), ==, -ENOSPC);
    close(fd);
}

static void test_directories(void)
{
    _cleanup_folder_ Folder f = folder_new();
    struct stat st;
    int fd = -1;

    g_assert_cmpint(fs_make_directory_at(f.fd, "d"), ==, 0);
    g_assert_cmpint(fs_make_directory_at(f.fd, "d"), ==, 0);
    g_assert_cmpint(fstatat(f.fd, "d", &st, 0), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0700);
    g_assert_cmpint(fs_open_directory_at(f.fd, "d", &fd), ==, 0);
    close(fd);
    g_assert_cmpint(fs_fsync_directory_at(f.fd, "d"), ==, 0);
    folder_write(&f, "file", "x");
    g_assert_cmpint(symlinkat("d", f.fd, "link"), ==, 0);
    fd = -1;
    g_assert_cmpint(fs_open_directory_at(f.fd, "file", &fd), ==, -ENOTDIR);
    g_assert_cmpint(fs_open_directory_at(f.fd, "link", &fd), <, 0);
    g_assert_cmpint(fs_open_directory_at(f.fd, "nothing", &fd), ==, -ENOENT);
    g_assert_cmpint(fd, ==, -1);
}

static void test_links(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_free_ char *one = NULL, *two = NULL;
    char *untouched = NULL;

    g_assert_cmpint(fs_switch_link_at(f.fd, "current", "1"), ==, 0);
    g_assert_cmpint(fs_read_link_at(f.fd, "current", &one), ==, 0);
    g_assert_cmpstr(one, ==, "1");
    g_assert_cmpint(symlinkat("left", f.fd, "current.new"), ==, 0);
    g_assert_cmpint(fs_switch_link_at(f.fd, "current", "2"), ==, 0);
    g_assert_cmpint(fs_read_link_at(f.fd, "current", &two), ==, 0);
    g_assert_cmpstr(two, ==, "2");
    g_assert_false(folder_has(&f, "current.new"));
    folder_write(&f, "file", "x");
    g_assert_cmpint(fs_read_link_at(f.fd, "file", &untouched), ==, -EINVAL);
    g_assert_cmpint(fs_read_link_at(f.fd, "nothing", &untouched), ==, -ENOENT);
    g_assert_null(untouched);
}

static void test_remove_tree(void)
{
    _cleanup_folder_ Folder f = folder_new();

    folder_write(&f, "tree/a/b/c/file", "x");
    folder_write(&f, "tree/file", "x");
    folder_write(&f, "outside/precious", "x");
    g_assert_cmpint(symlinkat("../outside", f.fd, "tree/link"), ==, 0);
    g_assert_cmpint(symlinkat("../../outside/precious", f.fd, "tree/a/link"), ==, 0);
    g_assert_cmpint(mkfifoat(f.fd, "tree/fifo", 0600), ==, 0);
    g_assert_cmpint(symlinkat("outside", f.fd, "link"), ==, 0);
    g_assert_cmpint(fs_remove_tree_at(f.fd, "tree"), ==, 0);
    g_assert_false(folder_has(&f, "tree"));
    g_assert_cmpint(fs_remove_tree_at(f.fd, "link"), ==, 0);
    g_assert_cmpint(fs_remove_tree_at(f.fd, "nothing"), ==, 0);
    g_assert_true(folder_has(&f, "outside/precious"));
}

/* From any offset, no more than there is, whatever the position of the descriptor. */
static void test_pread(void)
{
    static const struct {
        uint64_t offset;
        size_t max, expected;
    } rows[] = { { 0, 6, 6 }, { 0, 100, 6 }, { 2, 3, 3 }, { 2, 100, 4 },
                 { 6, 1, 0 }, { 100, 1, 0 }, { 0, 0, 0 } };
    static const char data[] = "ab\0def";
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_close_ int fd = -EBADF;
    char *none = NULL;
    size_t size = 0;

    g_assert_cmpint(fs_create_at(f.fd, "file", data, 6, false), ==, 0);
    fd = openat(f.fd, "file", O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(lseek(fd, 3, SEEK_SET), ==, 3);
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_free_ char *text = NULL;

        g_assert_cmpint(fs_pread(fd, rows[i].offset, rows[i].max, &text, &size), ==, 0);
        g_assert_cmpmem(text, size, data + MIN(rows[i].offset, (uint64_t)6), rows[i].expected);
        g_assert_cmpint(text[size], ==, 0);
    }
    g_assert_cmpint(fs_pread(f.fd, 0, 6, &none, &size), ==, -EISDIR);
    g_assert_null(none);
}

static void test_stream(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_(closedirp) DIR *d = NULL;
    DIR *none = NULL;

    folder_write(&f, "file", "");
    g_assert_cmpint(symlinkat(".", f.fd, "link"), ==, 0);
    g_assert_cmpint(fs_open_stream_at(f.fd, ".", &d), ==, 0);
    g_assert_nonnull(readdir(d));
    g_assert_cmpint(fs_open_stream_at(f.fd, "file", &none), ==, -ENOTDIR);
    g_assert_cmpint(fs_open_stream_at(f.fd, "link", &none), <, 0);
    g_assert_cmpint(fs_open_stream_at(f.fd, "nothing", &none), ==, -ENOENT);
    g_assert_null(none);
}

/* A whole file takes the place of another; what an earlier attempt left aside is no hindrance. */
static void test_replace(void)
{
    _cleanup_folder_ Folder f = folder_new();
    g_autofree char *first = NULL, *second = NULL;

    for (int sync = 0; sync < 2; sync++) {
        folder_write(&f, "file.new", "left by a crash");
        g_assert_cmpint(fs_replace_at(f.fd, "file", sync ? "b" : "abc", sync ? 1 : 3, sync), ==, 0);
        g_assert_false(folder_has(&f, "file.new"));
        *(sync ? &second : &first) = folder_read(&f, "file");
    }
    g_assert_cmpstr(first, ==, "abc");
    g_assert_cmpstr(second, ==, "b");
    g_assert_cmpint(fs_replace_at(f.fd, "nothing/file", "abc", 3, true), ==, -ENOENT);
}

static void test_remove_file(void)
{
    _cleanup_folder_ Folder f = folder_new();

    folder_write(&f, "file", "abc");
    g_assert_cmpint(fs_remove_file_at(f.fd, "file"), ==, 0);
    g_assert_false(folder_has(&f, "file"));
    g_assert_cmpint(fs_remove_file_at(f.fd, "file"), ==, 0);
    g_assert_cmpint(fs_make_directory_at(f.fd, "directory"), ==, 0);
    g_assert_cmpint(fs_remove_file_at(f.fd, "directory"), ==, -EISDIR);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/fs/read", test_read);
    g_test_add_func("/fs/other-kinds", test_other_kinds);
    g_test_add_func("/fs/create", test_create);
    g_test_add_func("/fs/create-full", test_create_full);
    g_test_add_func("/fs/directories", test_directories);
    g_test_add_func("/fs/links", test_links);
    g_test_add_func("/fs/remove-tree", test_remove_tree);
    g_test_add_func("/fs/pread", test_pread);
    g_test_add_func("/fs/stream", test_stream);
    g_test_add_func("/fs/replace", test_replace);
    g_test_add_func("/fs/remove-file", test_remove_file);
    return g_test_run();
}
