/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/bundle.h"

#include "cli/secret.h"

Content *content_free(Content *c)
{
    return secret_free(c, sizeof *c);
}

Exit content_read(const char *file, Content **ret)
{
    _cleanup_(content_freep) Content *c = secret_new(sizeof *c);
    Exit e;

    if (streq(file, "-") && isatty(STDIN_FILENO))
        hint(_("Reading PEM text from the terminal; end it with Ctrl+D."));
    e = secret_read(file, c->data, sizeof c->data, &c->size);
    if (e != EXIT_DONE)
        return e;
    if (c->size > LIMIT_BUNDLE)
        return fail(EXIT_FAILED, _("%s: longer than %d KiB, the limit for uploads."),
                    secret_file_to_text(file), LIMIT_BUNDLE / 1024);
    if (c->size == 0)
        return fail(EXIT_FAILED, _("%s: the file is empty."), secret_file_to_text(file));
    *ret = TAKE_PTR(c);
    return EXIT_DONE;
}
