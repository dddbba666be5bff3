/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Preloaded into the daemon: a flush to disk does not return while the file $HOLD_DISK exists. So a test
 * has work under way for as long as it needs, whatever the machine's speed. */

static int flush(long call, int fd)
{
    const char *hold = getenv("HOLD_DISK");
    int saved = errno;

    while (hold && access(hold, F_OK) == 0)
        usleep(2000);
    errno = saved;
    return (int)syscall(call, fd);
}

int fsync(int fd)
{
    return flush(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return flush(SYS_fdatasync, fd);
}

int syncfs(int fd)
{
    return flush(SYS_syncfs, fd);
}
