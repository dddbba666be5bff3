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

static void on_exported(const void *data, size_t size, const Problem *problem, void *userdata)
{
    _cleanup_call_ Call *call = userdata;

    if (!call_failed(call, problem))
        (void)call_answer_with(call, append_bytes, &(Bytes){ data, size });
}

/* Calls wait for their turn before chains are read (shares.c), since readings are queued without regard to users. */
bool bus_export_waits(const Bus *b, sd_bus_message *m)
{
    return manager_exports_are_many(b->manager) &&
           (sd_bus_message_is_method_call(m, INTERFACE_CERTIFICATE, "Export") > 0 ||
            sd_bus_message_is_method_call(m, INTERFACE_CERTIFICATE, "ExportRoot") > 0 ||
            sd_bus_message_is_method_call(m, INTERFACE_CERTIFICATE, "OpenKey") > 0 ||
            sd_bus_message_is_method_call(m, INTERFACE_MANAGER, "ExportRoot") > 0);
}

int export_chain(sd_bus_message *m, Certificate *c, bool root, sd_bus_error *error)
{
    const char *text = "pem";
    const OptionRow rows[] = { { "format", "s", &text }, {} };
    _cleanup_call_ Call *call = NULL;
    ExportFormat format = EXPORT_PEM;
    int r;

    r = read_options(m, rows, error);
    if (r >= 0)
        r = check_format(text, root, error, &format);
    if (r >= 0)
        r = call_begin_for(m, c, &call);
    if (!call)
        return r;
    return call_park(&call,
                     manager_export(call->bus->manager, c, root, format, on_exported, call, &call->problem));
}
