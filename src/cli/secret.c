/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/secret.h"

#include <errno.h>
#include <sys/resource.h>

void *secret_new(size_t size)
{
    void *p = calloc(1, size);

    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    if (!p)
        fail(EXIT_FAILED, "%s", strerror(ENOMEM));
    return p;
}

void *secret_free(void *p, size_t size)
{
    if (p)
        explicit_bzero(p, size);
    free(p);
    return NULL;
}

int secret_read(int fd, char *data, size_t size, size_t *ret_size)
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
