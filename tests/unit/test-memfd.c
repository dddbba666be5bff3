/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "util/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char data[] = "one\0two"; /* seven bytes and the NUL that ends it */

static void assert_read(int fd, size_t max, const void *expected, size_t size)
{
    _cleanup_free_ char *got = NULL;
    size_t got_size = 0;

    g_assert_cmpint(memfd_read(fd, max, &got, &got_size), ==, 0);
    g_assert_cmpmem(got, got_size, expected, size);
    g_assert_cmpint(got[size], ==, 0);
}

static void test_sealed(void)
{
    _cleanup_close_ int fd = memfd_new("test", data, sizeof(data));

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, !=, 0);
    g_assert_cmpint(lseek(fd, 0, SEEK_CUR), ==, 0);
    g_assert_cmpint(fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL), ==,
                    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    g_assert_cmpint(write(fd, "x", 1), ==, -1);
    g_assert_cmpint(errno, ==, EPERM);
    g_assert_cmpint(ftruncate(fd, 1), ==, -1);
    g_assert_cmpint(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), ==, -1);
    assert_read(fd, 100, data, sizeof(data));
}

static void test_empty(void)
{
    _cleanup_close_ int fd = memfd_new("test", "", 0);

    assert_read(fd, 100, "", 0);
    assert_read(fd, 0, "", 0);
}

/* Nobody can run what was written. Linux before 6.3 has no seal against that. */
static void test_not_executable(void)
{
    _cleanup_close_ int fd = memfd_new_writable("test");
    struct stat st;

    g_assert_cmpint(fstat(fd, &st), ==, 0);
#ifdef F_SEAL_EXEC
    if (fcntl(fd, F_GET_SEALS) & F_SEAL_EXEC) {
        g_assert_cmpint(st.st_mode & 0111, ==, 0);
        g_assert_cmpint(fchmod(fd, 0700), ==, -1);
        return;
    }
#endif
    g_test_skip("this kernel has no files that cannot be made executable");
}

/* What somebody else writes, from its start on, wherever the one who wrote it stopped. */
static void test_writable(void)
{
    _cleanup_close_ int fd = memfd_new_writable("test");

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, !=, 0);
    assert_read(fd, 100, "", 0);
    g_assert_cmpint(write(fd, data, sizeof(data)), ==, sizeof(data));
    assert_read(fd, 100, data, sizeof(data));
    g_assert_cmpint(lseek(fd, 3, SEEK_SET), ==, 3);
    assert_read(fd, 100, data, sizeof(data));
    g_assert_cmpint(lseek(fd, 0, SEEK_CUR), ==, 3);
}

static void test_limit(void)
{
    _cleanup_close_ int fd = memfd_new("test", data, sizeof(data));
    char *got = NULL;
    size_t size = 0;

    assert_read(fd, sizeof(data), data, sizeof(data));
    g_assert_cmpint(memfd_read(fd, sizeof(data) - 1, &got, &size), ==, -EFBIG);
    g_assert_null(got);
    g_assert_cmpint(memfd_read(fd, 0, &got, &size), ==, -EFBIG);
    g_assert_null(got);
}

static void test_large(void)
{
    size_t size = 3 * 1024 * 1024 + 17;
    g_autofree char *large = g_malloc(size);
    _cleanup_close_ int fd = -1;

    for (size_t i = 0; i < size; i++)
        large[i] = (char)(i % 251);
    fd = memfd_new("test", large, size);
    assert_read(fd, size, large, size);
}

/* What cannot be read at an offset, or not at all. */
static void test_refused(void)
{
    int ends[2];
    char *got = NULL;
    size_t size = 0;

    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    g_assert_cmpint(memfd_read(ends[0], 100, &got, &size), ==, -ESPIPE);
    close(ends[0]);
    close(ends[1]);
    g_assert_cmpint(memfd_read(-1, 100, &got, &size), ==, -EBADF);
    g_assert_null(got);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/memfd/sealed", test_sealed);
    g_test_add_func("/memfd/empty", test_empty);
    g_test_add_func("/memfd/not-executable", test_not_executable);
    g_test_add_func("/memfd/writable", test_writable);
    g_test_add_func("/memfd/limit", test_limit);
    g_test_add_func("/memfd/large", test_large);
    g_test_add_func("/memfd/refused", test_refused);
    return g_test_run();
}
