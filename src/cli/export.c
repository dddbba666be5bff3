/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>

#include "cli/verbs.h"
#include "util/fs.h"

static Exit export_write(const void *data, size_t size, const char *file)
{
    _cleanup_close_ int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
    int r = fd < 0 ? -errno : fs_write_all(fd, data, size);

    if (r >= 0 && close(TAKE_FD(fd)) < 0)
        r = -errno;
    return r < 0 ? fail(EXIT_FAILED, _("Cannot write %s: %s"), file, strerror(-r)) : EXIT_DONE;
}

/* PEM and fingerprints are printable; nothing else is written to a terminal. */
static Exit export_print(const char *data, size_t size, bool fingerprint)
{
    for (size_t i = 0; isatty(STDOUT_FILENO) && i < size; i++)
        if (data[i] != '\n' && (data[i] < ' ' || data[i] > '~'))
            return fail(EXIT_FAILED, _("Binary data is not written to a terminal: add --output=FILE."));
    fwrite(data, 1, size, stdout);
    if (fingerprint)
        putchar('\n');
    return EXIT_DONE;
}

static Exit export_call(Session *s, const char *path, const char *interface, const char *member,
                        const char *format, sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    Exit e = session_new_call(s, path, interface, member, &call);

    if (e == EXIT_DONE)
        e = message_check(sd_bus_message_append(call, "a{sv}", 1, "format", "s", format));
    return e == EXIT_DONE ? session_send(s, call, _("Cannot export"), ret_reply) : e;
}

static Exit export_run(Session *s, const Options *o, const char *path, const char *interface,
                       const char *member)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *format = o->format ? o->format : "pem";
    const void *data;
    size_t size;
    Exit e = export_call(s, path, interface, member, format, &reply);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = sd_bus_message_read_array(reply, 'y', &data, &size);
    if (r < 0)
        return session_fail_reply(r);
    if (o->output && !streq(o->output, "-"))
        return export_write(data, size, o->output);
    return export_print(data, size, streq(format, "fingerprint"));
}

Exit verb_export(Session *s, const Options *o, char **arguments)
{
    const char *path;
    Exit e = options_check_format(o, "pem|der|pkcs7");

    if (e == EXIT_DONE)
        e = session_find_target(s, o->given & OPTION_ROOT, arguments[0], &path);
    return e == EXIT_DONE ? export_run(s, o, path, CERTIFICATE_INTERFACE, "Export") : e;
}

Exit verb_export_root(Session *s, const Options *o, char **arguments)
{
    const char *path = MANAGER_PATH;
    Exit e = options_check_format(o, "pem|der|pkcs7|fingerprint");

    if (e == EXIT_DONE && arguments[0])
        e = session_find_certificate(s, arguments[0], &path);
    if (e == EXIT_NOT_FOUND)
        hint(_(
            "NAME is a certificate's, whose root is exported; without it, \"certwright export-root\" exports the "
            "local root."));
    if (e != EXIT_DONE)
        return e;
    return export_run(s, o, path, arguments[0] ? CERTIFICATE_INTERFACE : MANAGER_INTERFACE, "ExportRoot");
}
