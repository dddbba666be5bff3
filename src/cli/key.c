/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cli/passphrase.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "util/fs.h"

/* The target of a key: a new file, or one that replaces another when it is complete. */
typedef struct KeyFile {
    const char *path;
    bool force;
    char *made; /* to be removed again; NULL once complete */
    int fd;
} KeyFile;

static void key_file_done(KeyFile *f)
{
    closep(&f->fd);
    if (f->made)
        unlink(f->made);
    free(f->made);
}

static bool key_file_is_stdout(const KeyFile *f)
{
    return streq(f->path, "-");
}

/* Called before a password is asked for. */
static Exit key_file_check(const KeyFile *f)
{
    struct stat st;

    if (key_file_is_stdout(f))
        return isatty(STDOUT_FILENO)
                   ? fail(EXIT_USAGE, _("Keys are not written to a terminal: add --output=FILE."))
                   : EXIT_DONE;
    if (lstat(f->path, &st) < 0)
        return errno == ENOENT ? EXIT_DONE
                               : fail(EXIT_FAILED, _("Cannot write %s: %s"), f->path, strerror(errno));
    if (!f->force)
        return fail(EXIT_FAILED, _("%s already exists: choose another name, or add --force to replace it."),
                    f->path);
    return S_ISREG(st.st_mode)
               ? EXIT_DONE
               : fail(EXIT_FAILED, _("%s is not a regular file, not replacing it."), f->path);
}

/* Created with its final mode, so that nobody else can ever read it. */
static int key_file_open(KeyFile *f)
{
    int r = f->force ? asprintf(&f->made, "%s.XXXXXX", f->path) : asprintf(&f->made, "%s", f->path);

    if (r < 0) {
        f->made = NULL;
        return -ENOMEM;
    }
    f->fd = f->force ? mkostemp(f->made, O_CLOEXEC)
                     : open(f->made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
    if (f->fd >= 0)
        return 0;
    r = -errno;
    free(TAKE_PTR(f->made));
    return r;
}

/* Positive if there was data. */
static int key_copy(int from, int to)
{
    char buffer[4096];
    off_t at = 0;
    ssize_t n;
    int r = 0;

    while (r >= 0 && (n = pread(from, buffer, sizeof buffer, at)) != 0) {
        if (n > 0)
            r = fs_write_all(to, buffer, (size_t)n);
        else if (errno != EINTR)
            r = -errno;
        at += MAX(n, 0);
    }
    explicit_bzero(buffer, sizeof buffer);
    return r < 0 ? r : at > 0;
}

static int key_file_finish(KeyFile *f)
{
    if (fsync(f->fd) < 0 || close(TAKE_FD(f->fd)) < 0)
        return -errno;
    if (f->force && rename(f->made, f->path) < 0)
        return -errno;
    free(TAKE_PTR(f->made));
    return 0;
}

static Exit key_write(KeyFile *f, int key_fd)
{
    int r;

    if (key_file_is_stdout(f)) {
        r = key_copy(key_fd, STDOUT_FILENO);
        return r < 0 ? fail(EXIT_FAILED, _("Cannot write the output: %s"), strerror(-r)) : EXIT_DONE;
    }
    r = key_file_open(f);
    if (r >= 0)
        r = key_copy(key_fd, f->fd);
    if (r == 0)
        return session_fail_reply(-EBADMSG);
    if (r >= 0)
        r = key_file_finish(f);
    return r < 0 ? fail(EXIT_FAILED, _("Cannot write %s: %s"), f->path, strerror(-r)) : EXIT_DONE;
}

static Exit key_call(Session *s, const char *path, const char *format, const Passphrase *passphrase,
                     sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    Exit e = session_new_call(s, path, CERTIFICATE_INTERFACE, "OpenKey", &call);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = sd_bus_message_sensitive(call);
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'a', "{sv}");
    if (r >= 0)
        r = sd_bus_message_append(call, "{sv}", "format", "s", format);
    if (r >= 0 && passphrase)
        r = sd_bus_message_append(call, "{sv}", "passphrase", "s", passphrase->text);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r == -EINVAL)
        return fail(EXIT_FAILED, _("The passphrase is not valid UTF-8, which the bus requires."));
    e = message_check(r);
    return e == EXIT_DONE ? session_send(s, call, _("Cannot open the key"), ret_reply) : e;
}

/* An empty one would leave the key unencrypted, which is not what a user who names a file wants. */
static Exit key_read_passphrase(const char *file, Passphrase **ret)
{
    _cleanup_(passphrase_freep) Passphrase *p = NULL;
    Exit e = passphrase_read(file, &p);

    if (e == EXIT_DONE && p->length == 0)
        return fail(EXIT_FAILED, _("The passphrase must not be empty."));
    *ret = TAKE_PTR(p);
    return e;
}

static Exit key_get_passphrase(const Session *s, const Options *o, bool required, Passphrase **ret)
{
    if (o->passphrase_file)
        return key_read_passphrase(o->passphrase_file, ret);
    if (!required)
        return EXIT_DONE;
    if (s->ask_password && terminal_exists())
        return passphrase_ask_new(ret);
    return fail(EXIT_USAGE, _("A PKCS#12 file needs a passphrase: add --passphrase-file=FILE."));
}

Exit verb_export_key(Session *s, const Options *o, char **arguments)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_(passphrase_freep) Passphrase *passphrase = NULL;
    _cleanup_(key_file_done)
        KeyFile file = { .path = o->output, .force = o->given & OPTION_FORCE, .fd = -EBADF };
    const char *path, *format = o->format ? o->format : "pem";
    int key_fd, r;
    Exit e = options_check_format(o, "pem|pkcs12");

    if (e != EXIT_DONE)
        return e;
    if (!o->output)
        return fail(EXIT_USAGE, _("Keys are written to a file: add --output=FILE."));
    s->input_taken = o->passphrase_file && streq(o->passphrase_file, "-");
    e = key_file_check(&file);
    if (e == EXIT_DONE)
        e = session_find_target(s, o->given & OPTION_ROOT, arguments[0], &path);
    if (e == EXIT_DONE)
        e = key_get_passphrase(s, o, streq(format, "pkcs12"), &passphrase);
    if (e == EXIT_DONE)
        e = key_call(s, path, format, passphrase, &reply);
    if (e != EXIT_DONE)
        return e;
    r = sd_bus_message_read(reply, "h", &key_fd);
    if (r < 0)
        return session_fail_reply(r);
    e = key_write(&file, key_fd);
    if (e == EXIT_DONE && !s->json && !key_file_is_stdout(&file))
        print_line(stdout, _("%s: wrote the key and its chain, readable only by the owner."), file.path);
    return e;
}
