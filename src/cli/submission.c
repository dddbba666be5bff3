/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/submission.h"

#include <errno.h>

#include "cli/bundle.h"

#define TRIES 3

void submission_done(Submission *u)
{
    sd_bus_message_unref(u->found);
    closep(&u->bundle_fd);
    closep(&u->key_fd);
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

static Exit submission_open_files(Submission *u, const Options *o, const char *file)
{
    Exit e = bundle_open(file, &u->bundle_fd);

    if (e == EXIT_DONE && o->key)
        e = bundle_open(o->key, &u->key_fd);
    if (e == EXIT_DONE && o->passphrase_file)
        e = passphrase_read(o->passphrase_file, &u->passphrase);
    return e;
}

Exit submission_init(Submission *u, Session *s, const Options *o, char **arguments, int n)
{
    const char *name = n == 2 ? arguments[0] : NULL, *file = arguments[n - 1];
    bool root = o->given & OPTION_ROOT;
    Exit e;

    *u = (Submission){
        .root = root,
        .path = root ? ROOT_PATH : NULL,
        .bundle_fd = -EBADF,
        .key_fd = -EBADF,
        .fetch_issuers = o->given & OPTION_FETCH_ISSUERS,
        .may_ask = s->ask_password && !o->passphrase_file,
    };
    if (root && name)
        return fail(EXIT_USAGE, _("Give either a NAME or --root."));
    e = submission_check_stdin(s, o, file);
    if (e == EXIT_DONE)
        e = submission_open_files(u, o, file);
    if (e == EXIT_DONE && name)
        e = session_find_certificate(s, name, &u->path, &u->found);
    return e;
}

static int submission_append_options(const Submission *u, const SubmissionCall *c, sd_bus_message *call)
{
    int r = sd_bus_message_open_container(call, 'a', "{sv}");

    if (r >= 0 && c->name)
        r = sd_bus_message_append(call, "{sv}", "name", "s", c->name);
    if (r >= 0 && u->key_fd >= 0)
        r = sd_bus_message_append(call, "{sv}", "key", "h", u->key_fd);
    if (r >= 0 && u->passphrase)
        r = sd_bus_message_append(call, "{sv}", "passphrase", "s", u->passphrase->text);
    if (r >= 0 && u->fetch_issuers)
        r = sd_bus_message_append(call, "{sv}", "fetch-issuers", "b", true);
    return r < 0 ? r : sd_bus_message_close_container(call);
}

static Exit submission_new_call(const Submission *u, Session *s, const SubmissionCall *c,
                                sd_bus_message **ret)
{
    Exit e = session_new_call(s, c->path, c->interface, c->member, ret);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = sd_bus_message_sensitive(*ret);
    if (r >= 0)
        r = sd_bus_message_append(*ret, "h", u->bundle_fd);
    if (r >= 0)
        r = submission_append_options(u, c, *ret);
    if (r == -EINVAL)
        return fail(EXIT_FAILED, _("The passphrase is not valid UTF-8, which the bus requires."));
    return r < 0 ? session_fail(r, NULL, _("Cannot make a message for the bus")) : EXIT_DONE;
}

/* *ret_again: another passphrase may do. */
static Exit submission_try(Submission *u, Session *s, const SubmissionCall *c, bool may_ask, bool *ret_again,
                           sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    Exit e = submission_new_call(u, s, c, &call);
    int r;

    *ret_again = false;
    if (e != EXIT_DONE)
        return e;
    r = session_call(s, call, &error, ret_reply);
    if (r >= 0)
        return EXIT_DONE;
    if (!may_ask || !sd_bus_error_has_name(&error, SERVICE ".Error.PassphraseRequired") ||
        !passphrase_can_ask())
        return session_fail(r, &error, c->purpose);
    hint("%s", error.message);
    *ret_again = true;
    return EXIT_DONE;
}

Exit submission_send(Submission *u, Session *s, const SubmissionCall *c, sd_bus_message **ret_reply)
{
    bool again = true;
    Exit e = EXIT_DONE;

    for (int asked = 0; e == EXIT_DONE; asked++) {
        e = submission_try(u, s, c, u->may_ask && asked < TRIES, &again, ret_reply);
        if (!again)
            break;
        u->passphrase = passphrase_free(u->passphrase);
        e = passphrase_ask(&u->passphrase);
    }
    return e;
}
