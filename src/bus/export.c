/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/internal.h"

/* Export and ExportRoot. */

static int check_format(const char *text, bool fingerprint, sd_bus_error *error, ExportFormat *ret)
{
    ExportFormat format = export_format_from_string(text);

    if (format < 0 || (format == EXPORT_FINGERPRINT && !fingerprint))
        return error_set(error, PROBLEM_INVALID_ARGUMENT, "The option \"format\" is one of %s, not \"%s\".",
                         fingerprint ? "pem, der, pkcs7 and fingerprint" : "pem, der and pkcs7",
                         QUOTE(text, 16));
    *ret = format;
    return 0;
}

static int append_bytes(sd_bus_message *reply, const void *userdata)
{
    const Bytes *bytes = userdata;

    return sd_bus_message_append_array(reply, 'y', bytes->data, bytes->size);
}

int export_chain(sd_bus_message *m, Certificate *c, bool root, sd_bus_error *error)
{
    const char *text = "pem";
    const OptionRow rows[] = { { "format", "s", &text }, {} };
    _cleanup_free_ void *data = NULL;
    _cleanup_call_ Call *call = NULL;
    ExportFormat format = EXPORT_PEM;
    size_t size;
    int r;

    r = read_options(m, rows, error);
    if (r >= 0)
        r = check_format(text, root, error, &format);
    if (r >= 0)
        r = call_begin_for(m, c, &call);
    if (!call)
        return r;
    if (manager_export(call->bus->manager, c, root, format, &data, &size, &call->problem) < 0)
        return 1;
    return call_answer_with(call, append_bytes, &(Bytes){ data, size });
}
