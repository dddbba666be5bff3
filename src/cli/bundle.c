/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/bundle.h"

#include <errno.h>
#include <fcntl.h>

#include "cli/secret.h"

Content *content_free(Content *c)
{
    return secret_free(c, sizeof *c);
}

static Exit content_check_size(const Content *c, const char *file)
{
    if (c->size > LIMIT_BUNDLE)
        return fail(EXIT_FAILED, _("%s: longer than %d KiB, which is the most an upload may have."), file,
                    LIMIT_BUNDLE / 1024);
    return c->size == 0 ? fail(EXIT_FAILED, _("%s: there is nothing in it."), file) : EXIT_DONE;
}

static Exit content_read_fd(const char *file, int fd, Content **ret)
{
    _cleanup_(content_freep) Content *c = secret_new(sizeof *c);
    Exit e;
    int r;

    if (!c)
        return EXIT_FAILED;
    r = secret_read(fd, c->data, sizeof c->data, &c->size);
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
