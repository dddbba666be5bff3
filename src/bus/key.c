/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "bus/internal.h"
#include "core/limits.h"
#include "util/memfd.h"
#include "util/text.h"

/* OpenKey, the only method that hands out a private key: in a sealed memfd, never in a message. */

typedef struct KeyArguments {
    KeyFormat format;
    const char *passphrase; /* borrowed from the message */
} KeyArguments;

static int read_arguments(sd_bus_message *m, KeyArguments *a, sd_bus_error *error)
{
    const char *format = "pem";
    const OptionRow rows[] = { { "format", "s", &format }, { "passphrase", "s", &a->passphrase }, {} };
    int r;

    r = read_options(m, rows, error);
    if (r < 0)
        return r;
    a->format = key_format_from_string(format);
    if (a->format < 0)
        return error_set(error, PROBLEM_INVALID_ARGUMENT,
                         "The option \"format\" is one of pem and pkcs12, not \"%s\".", QUOTE(format, 16));
    if (a->passphrase && strlen(a->passphrase) > LIMIT_PASSPHRASE)
        return error_set(error, PROBLEM_LIMITS_EXCEEDED, "The passphrase is longer than %d bytes.",
                         LIMIT_PASSPHRASE);
    if (a->format == KEY_FORMAT_PKCS12 && isempty(a->passphrase))
        return error_set(
            error, PROBLEM_PASSPHRASE_REQUIRED,
            "A PKCS#12 file is protected by a passphrase; give one in the option \"passphrase\".");
    if (a->passphrase && !*a->passphrase)
        return error_set(error, PROBLEM_INVALID_ARGUMENT,
                         "The passphrase is empty; leave the option out, or give one.");
    return 0;
}

static void on_opened(int fd, const Problem *problem, void *userdata)
{
    _cleanup_call_ Call *call = userdata;

    if (!call_failed(call, problem))
        (void)call_answer(call, "h", fd);
}

int method_open_key(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    _cleanup_call_ Call *call = NULL;
    KeyArguments a = {};
    int r;

    r = read_arguments(m, &a, error);
    if (r >= 0)
        r = call_begin_for(m, userdata, &call);
    if (!call)
        return r;
    return call_park(&call, manager_open_key(call->bus->manager, userdata, a.format, a.passphrase, on_opened,
                                             call, &call->problem));
}
