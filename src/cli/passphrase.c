/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/passphrase.h"

#include <errno.h>

#include "cli/secret.h"
#include "cli/terminal.h"
#include "util/encoding.h"

#define TRIES 3

Passphrase *passphrase_free(Passphrase *p)
{
    return secret_free(p, sizeof *p);
}

static Exit passphrase_fail_long(const char *where)
{
    return fail(EXIT_FAILED, _("%s: longer than %d bytes, the limit for passphrases."), where,
                LIMIT_PASSPHRASE);
}

static Exit passphrase_read_file(const char *file, Passphrase **ret)
{
    _cleanup_(passphrase_freep) Passphrase *p = secret_new(sizeof *p);
    Exit e = secret_read(file, p->text, sizeof p->text - 1, &p->length);

    if (e != EXIT_DONE)
        return e;
    if (passphrase_from_file(p->text, &p->length, LIMIT_PASSPHRASE) < 0)
        return passphrase_fail_long(secret_file_to_text(file));
    if (strlen(p->text) != p->length)
        return fail(EXIT_FAILED, _("%s: a passphrase cannot contain zero bytes."),
                    secret_file_to_text(file));
    *ret = TAKE_PTR(p);
    return EXIT_DONE;
}

Exit passphrase_read(const char *file, Passphrase **ret)
{
    if (streq(file, "-") && isatty(STDIN_FILENO))
        return passphrase_ask(ret);
    return passphrase_read_file(file, ret);
}

static Exit passphrase_ask_for(const char *prompt, Passphrase **ret)
{
    _cleanup_(passphrase_freep) Passphrase *p = secret_new(sizeof *p);
    int r;

    fflush(stdout);
    r = terminal_ask(prompt, p->text, sizeof p->text, &p->length);
    if (r == -ECANCELED)
        return fail(EXIT_FAILED, _("No passphrase was given."));
    if (r == -EMSGSIZE || (r == 0 && p->length > LIMIT_PASSPHRASE))
        return passphrase_fail_long(_("the terminal"));
    if (r < 0) {
        fail(EXIT_FAILED, _("Cannot ask for the passphrase on the terminal: %s"), strerror(-r));
        hint(_("Write it to a file, and add --passphrase-file=FILE."));
        return EXIT_FAILED;
    }
    p->text[p->length] = '\0';
    *ret = TAKE_PTR(p);
    return EXIT_DONE;
}

Exit passphrase_ask(Passphrase **ret)
{
    return passphrase_ask_for(_("Passphrase: "), ret);
}

Exit passphrase_ask_new(Passphrase **ret)
{
    for (int i = 0; i < TRIES; i++) {
        _cleanup_(passphrase_freep) Passphrase *p = NULL, *again = NULL;
        Exit e = passphrase_ask_for(_("New passphrase: "), &p);

        if (e == EXIT_DONE && p->length == 0) {
            hint(_("The passphrase must not be empty."));
            continue;
        }
        if (e == EXIT_DONE)
            e = passphrase_ask_for(_("Once more: "), &again);
        if (e != EXIT_DONE)
            return e;
        if (streq(p->text, again->text)) {
            *ret = TAKE_PTR(p);
            return EXIT_DONE;
        }
        hint(_("The passphrases do not match."));
    }
    return fail(EXIT_FAILED, _("No passphrase was given."));
}
