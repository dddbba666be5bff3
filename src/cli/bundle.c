/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

Content *content_free(Content *c)
{
    if (c)
        explicit_bzero(c, sizeof *c);
    free(c);
    return NULL;
}

static int content_read_from(Content *c, int fd)
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

static Exit content_check_size(const Content *c, const char *file)
{
    if (c->size > LIMIT_BUNDLE)
        return fail(EXIT_FAILED, _("%s: longer than %d KiB, which is the most an upload may have."), file,
                    LIMIT_BUNDLE / 1024);
    return c->size == 0 ? fail(EXIT_FAILED, _("%s: there is nothing in it."), file) : EXIT_DONE;
}

/* A core file would contain the key. */
static Content *content_new(void)
{
    Content *c = calloc(1, sizeof *c);

    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    if (!c)
        fail(EXIT_FAILED, "%s", strerror(ENOMEM));
    return c;
}

static Exit content_read_fd(const char *file, int fd, Content **ret)
{
    _cleanup_(content_freep) Content *c = content_new();
    Exit e;
    int r;

    if (!c)
        return EXIT_FAILED;
    r = content_read_from(c, fd);
    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot read %s: %s"), file, strerror(-r));
    e = content_check_size(c, file);
    if (e == EXIT_DONE)
        *ret = TAKE_PTR(c);
    return e;
}

Exit content_read(const char *file, Content **ret)
{
    _cleanup_close_ int fd = -EBADF;

    if (streq(file, "-")) {
        if (isatty(STDIN_FILENO))
            hint(_("Reading PEM text from the terminal; end it with Ctrl+D."));
        return content_read_fd(_("standard input"), STDIN_FILENO, ret);
    }
    fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail(EXIT_FAILED, _("Cannot open %s: %s"), file, strerror(errno));
    return content_read_fd(file, fd, ret);
}
