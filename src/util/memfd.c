/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "util/fs.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

int memfd_new_writable(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

int memfd_new(const char *name, const void *data, size_t size)
{
    _cleanup_close_ int fd = memfd_new_writable(name);
    int r;

    if (fd < 0)
        return fd;
    r = fs_write_all(fd, data, size);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int memfd_read(int fd, size_t max, char **ret, size_t *ret_size)
{
    char *data;
    size_t size;
    int r = fs_pread(fd, 0, max + 1, &data, &size);

    if (r < 0)
        return r;
    if (size > max) {
        explicit_bzero(data, size);
        free(data);
        return -EFBIG;
    }
    *ret = data;
    *ret_size = size;
    return 0;
}
