/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/submission.h"

#include <errno.h>

#include "cli/certificate.h"
#include "cli/secret.h"
#include "cli/terminal.h"
#include "cli/xalloc.h"

#define TRIES 3

void submission_done(Submission *u)
{
    free(u->name);
    content_free(u->bundle);
    content_free(u->key);
    passphrase_free(u->passphrase);
}

static bool is_stdin(const char *file)
{
    return file && streq(file, "-");
}

static Exit submission_check_stdin(Session *s, const Options *o, const char *file)
{
    int n = is_stdin(file) + is_stdin(o->key) + is_stdin(o->passphrase_file);

    s->input_taken = n > 0;
    return n > 1 ? fail(EXIT_USAGE, _("Only one of the files can be \"-\", standard input.")) : EXIT_DONE;
}

static Exit submission_read_files(Submission *u, const Options *o, const char *file)
{
    Exit e = content_read(file, &u->bundle);

    if (e == EXIT_DONE && o->key)
        e = content_read(o->key, &u->key);
    if (e == EXIT_DONE && o->passphrase_file)
        e = passphrase_read(o->passphrase_file, &u->passphrase);
    return e;
}

/* Its primary name, whichever name was given. */
static Exit submission_find(Submission *u, Session *s, const char *name)
{
    const char *path;
    Exit e = session_find_certificate(s, name, &path);

    if (e == EXIT_DONE)
        u->name = certificate_path_name(path);
    else if (access(name, F_OK) == 0)
        hint(
            _("%s is a file: the first of two arguments is the name of a certificate, and a private key in a file of its "
              "own is given with --key=FILE."),
            name);
    return e;
}

Exit submission_init(Submission *u, Session *s, const Options *o, char **arguments)
{
    const char *name = arguments[1] ? arguments[0] : NULL, *file = arguments[name != NULL];
    bool root = o->given & OPTION_ROOT;
    Exit e;

    *u = (Submission){
        .name = root ? xstrdup("root") : NULL,
        .fetch_issuers = o->given & OPTION_FETCH_ISSUERS,
        .may_ask = s->ask_password && !o->passphrase_file,
        .passphrase_file = o->passphrase_file,
    };
    if (root && name)
        return fail(EXIT_USAGE, _("Give either a NAME or --root."));
    e = submission_check_stdin(s, o, file);
    if (e == EXIT_DONE)
        e = submission_read_files(u, o, file);
    if (e == EXIT_DONE && name)
        e = submission_find(u, s, name);
    return e;
}

static int submission_append_key(const Submission *u, sd_bus_message *call)
{
    int r;

    if ((r = sd_bus_message_open_container(call, 'e', "sv")) < 0 ||
        (r = sd_bus_message_append(call, "s", "key")) < 0 ||
        (r = sd_bus_message_open_container(call, 'v', "ay")) < 0 ||
        (r = sd_bus_message_append_array(call, 'y', u->key->data, u->key->size)) < 0 ||
        (r = sd_bus_message_close_container(call)) < 0)
        return r;
    return sd_bus_message_close_container(call);
}

static int submission_append_options(const Submission *u, sd_bus_message *call)
{
    int r = sd_bus_message_open_container(call, 'a', "{sv}");

    if (r >= 0 && u->name)
        r = sd_bus_message_append(call, "{sv}", "name", "s", u->name);
    if (r >= 0 && u->key)
        r = submission_append_key(u, call);
    if (r >= 0 && u->passphrase)
        r = sd_bus_message_append(call, "{sv}", "passphrase", "s", u->passphrase->text);
    if (r >= 0 && u->fetch_issuers)
        r = sd_bus_message_append(call, "{sv}", "fetch-issuers", "b", true);
    return r < 0 ? r : sd_bus_message_close_container(call);
}

static Exit submission_new_call(const Submission *u, Session *s, const char *member, sd_bus_message **ret)
{
    Exit e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, member, ret);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = sd_bus_message_sensitive(*ret);
    if (r >= 0)
        r = sd_bus_message_append_array(*ret, 'y', u->bundle->data, u->bundle->size);
    if (r >= 0)
        r = submission_append_options(u, *ret);
    if (r == -EINVAL)
        return fail(EXIT_FAILED, _("The passphrase is not valid UTF-8, which the bus requires."));
    return message_check(r);
}

static void submission_advise_passphrase(const Submission *u)
{
    if (u->passphrase_file)
        hint(_("The passphrase was read from %s: correct it there."),
             secret_file_to_text(u->passphrase_file));
    else if (!u->passphrase)
        hint(
            u->may_ask
                ? _("There is no terminal to ask for the passphrase: write it to a file, and add "
                    "--passphrase-file=FILE.")
                : _("Run it on a terminal without --no-ask-password to be asked for the passphrase, or write "
                    "it to a file and add --passphrase-file=FILE."));
}

static Exit submission_fail(const Submission *u, const Session *s, const char *member, const char *purpose,
                            int r, const sd_bus_error *error)
{
    Exit e = session_fail_call(s, r, error, purpose);

    if (sd_bus_error_has_name(error, SERVICE ".Error.PassphraseRequired"))
        submission_advise_passphrase(u);
    else if (sd_bus_error_has_name(error, SERVICE ".Error.NetworkFailed") && u->fetch_issuers)
        hint(_("Try again later. An upload needs no network without --fetch-issuers, if the file has all "
               "certificates."));
    else if (sd_bus_error_has_name(error, SERVICE ".Error.InvalidBundle") && streq(member, "UploadData"))
        hint(_("\"certwright check\" examines a file and lists everything that is wrong with it."));
    return e;
}

/* *ret_again: another passphrase may work. */
static Exit submission_try(Submission *u, Session *s, const char *member, const char *purpose, bool may_ask,
                           bool *ret_again, sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_free_ char *text = NULL;
    Exit e = submission_new_call(u, s, member, &call);
    int r;

    *ret_again = false;
    if (e != EXIT_DONE)
        return e;
    r = session_call(s, call, &error, ret_reply);
    if (r >= 0)
        return EXIT_DONE;
    if (!may_ask || !sd_bus_error_has_name(&error, SERVICE ".Error.PassphraseRequired") ||
        !terminal_exists())
        return submission_fail(u, s, member, purpose, r, &error);
    text = message_to_text(strempty(error.message));
    hint("%s", text);
    *ret_again = true;
    return EXIT_DONE;
}

Exit submission_send(Submission *u, Session *s, const char *member, const char *purpose,
                     sd_bus_message **ret_reply)
{
    bool again = true;
    Exit e = EXIT_DONE;

    for (int asked = 0; e == EXIT_DONE; asked++) {
        e = submission_try(u, s, member, purpose, u->may_ask && asked < TRIES, &again, ret_reply);
        if (!again)
            break;
        u->passphrase = passphrase_free(u->passphrase);
        e = passphrase_ask(&u->passphrase);
    }
    return e;
}
