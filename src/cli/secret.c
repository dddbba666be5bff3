/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "cli/xalloc.h"

void *secret_new(size_t size)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    return xcheck(calloc(1, size));
}

void *secret_free(void *p, size_t size)
{
    if (p)
        explicit_bzero(p, size);
    free(p);
    return NULL;
}

const char *secret_file_to_text(const char *file)
{
    return streq(file, "-") ? _("standard input") : file;
}

static int secret_read_fd(int fd, char *data, size_t size, size_t *ret_size)
{
    size_t at = 0;

    while (at < size) {
        ssize_t n = read(fd, data + at, size - at);

        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return -errno;
        at += (size_t)MAX(n, 0);
    }
    *ret_size = at;
    return 0;
}

Exit secret_read(const char *file, char *data, size_t size, size_t *ret_size)
{
    bool from_stdin = streq(file, "-");
    _cleanup_close_ int opened = from_stdin ? -EBADF : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r;

    if (!from_stdin && opened < 0)
        return fail(EXIT_FAILED, _("Cannot open %s: %s"), file, strerror(errno));
    r = secret_read_fd(from_stdin ? STDIN_FILENO : opened, data, size, ret_size);
    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot read %s: %s"), secret_file_to_text(file), strerror(-r));
    return EXIT_DONE;
}
