/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/bundle.h"

#include <errno.h>
#include <fcntl.h>

Bundle *bundle_free(Bundle *b)
{
    if (b)
        explicit_bzero(b, sizeof *b);
    free(b);
    return NULL;
}

static int bundle_read_from(Bundle *b, int fd)
{
    while (b->length <= LIMIT_BUNDLE) {
        ssize_t n = read(fd, b->text + b->length, LIMIT_BUNDLE + 1 - b->length);

        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return -errno;
        b->length += (size_t)MAX(n, 0);
    }
    b->text[b->length] = '\0';
    return 0;
}

static Exit bundle_check(const Bundle *b, const char *file)
{
    if (b->length > LIMIT_BUNDLE)
        return fail(EXIT_FAILED, _("%s: longer than %d KiB, which is the most an upload may have."), file,
                    LIMIT_BUNDLE / 1024);
    if (strlen(b->text) == b->length && strstr(b->text, "-----BEGIN "))
        return EXIT_DONE;
    fail(EXIT_FAILED, _("%s: not PEM text (there is no \"-----BEGIN\" in it, or there are zero bytes)."),
         file);
    hint(_("DER and PKCS#12 files can be converted: openssl x509 -inform DER, openssl pkcs12 -nodes"));
    return EXIT_FAILED;
}

Exit bundle_read(const char *file, Bundle **ret)
{
    _cleanup_(bundle_freep) Bundle *b = calloc(1, sizeof *b);
    _cleanup_close_ int opened = -EBADF;
    bool from_stdin = streq(file, "-");
    int r;
    Exit e;

    if (!b)
        return fail(EXIT_FAILED, "%s", strerror(ENOMEM));
    if (!from_stdin) {
        opened = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (opened < 0)
            return fail(EXIT_FAILED, _("Cannot open %s: %s"), file, strerror(errno));
    } else if (isatty(STDIN_FILENO))
        hint(_("Reading PEM text from the terminal; end it with Ctrl+D."));
    r = bundle_read_from(b, from_stdin ? STDIN_FILENO : opened);
    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot read %s: %s"), file, strerror(-r));
    e = bundle_check(b, from_stdin ? _("standard input") : file);
    if (e == EXIT_DONE)
        *ret = TAKE_PTR(b);
    return e;
}
