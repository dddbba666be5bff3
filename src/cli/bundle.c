/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "util/memfd.h"

/* What was read and may be a private key: erased when it is freed. */
typedef struct Content {
    char data[LIMIT_BUNDLE + 1]; /* one byte more than is allowed */
    size_t size;
} Content;

static Content *content_free(Content *c)
{
    if (c)
        explicit_bzero(c, sizeof *c);
    free(c);
    return NULL;
}
DEFINE_CLEANUP(Content *, content_free);

static int content_read(Content *c, int fd)
{
    while (c->size < sizeof c->data) {
        ssize_t n = read(fd, c->data + c->size, sizeof c->data - c->size);

        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return -errno;
        c->size += (size_t)MAX(n, 0);
    }
    return 0;
}

static Exit bundle_check_size(const char *file, size_t size)
{
    if (size > LIMIT_BUNDLE)
        return fail(EXIT_FAILED, _("%s: longer than %d KiB, which is the most an upload may have."), file,
                    LIMIT_BUNDLE / 1024);
    return size == 0 ? fail(EXIT_FAILED, _("%s: there is nothing in it."), file) : EXIT_DONE;
}

static Exit bundle_copy(const char *file, int fd, int *ret_fd)
{
    _cleanup_(content_freep) Content *c = calloc(1, sizeof *c);
    int r = c ? content_read(c, fd) : -ENOMEM;
    Exit e;

    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot read %s: %s"), file, strerror(-r));
    e = bundle_check_size(file, c->size);
    if (e != EXIT_DONE)
        return e;
    r = memfd_new("certwright-upload", c->data, c->size);
    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot make a file in memory: %s"), strerror(-r));
    *ret_fd = r;
    return EXIT_DONE;
}

static Exit bundle_copy_stdin(int *ret_fd)
{
    if (isatty(STDIN_FILENO))
        hint(_("Reading PEM text from the terminal; end it with Ctrl+D."));
    return bundle_copy(_("standard input"), STDIN_FILENO, ret_fd);
}

Exit bundle_open(const char *file, int *ret_fd)
{
    _cleanup_close_ int fd = -EBADF;
    struct stat st;
    Exit e;

    if (streq(file, "-"))
        return bundle_copy_stdin(ret_fd);
    fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(EXIT_FAILED, _("Cannot open %s: %s"), file, strerror(errno));
    /* files of proc(5) and sysfs(5) do not know their size */
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return bundle_copy(file, fd, ret_fd);
    e = bundle_check_size(file, (size_t)st.st_size);
    if (e == EXIT_DONE)
        *ret_fd = TAKE_FD(fd);
    return e;
}
