/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/bus-internal.h"

/* Common parts of the methods that return certificates. */

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

int export_begin(sd_bus_message *m, const char *name, bool fingerprint, sd_bus_error *error, Call **ret,
                 ExportFormat *ret_format)
{
    const char *text = "pem";
    const OptionRow rows[] = { { "format", 's', &text }, {} };
    int r;

    r = read_options(m, rows, error);
    if (r >= 0)
        r = check_format(text, fingerprint, error, ret_format);
    return r < 0 ? r : call_begin(m, name, NULL, error, ret);
}

int export_answer(Call *call, const char *pem, ExportFormat format)
{
    _cleanup_free_ void *data = NULL;
    size_t size;

    if (export_certificates(pem, format, &data, &size) < 0) {
        (void)problem_set(&call->problem, PROBLEM_INTERNAL, "The certificate could not be encoded.");
        return 1;
    }
    return call_answer_bytes(call, data, size);
}

int export_root(sd_bus_message *m, Certificate *c, sd_bus_error *error)
{
    _cleanup_free_ char *pem = NULL;
    _cleanup_call_ Call *call = NULL;
    ExportFormat format;
    int r;

    r = export_begin(m, certificate_name(c), true, error, &call, &format);
    if (r <= 0)
        return r < 0 ? r : 1;
    if (manager_read_root(call->bus->manager, c, &pem, &call->problem) < 0)
        return 1;
    return export_answer(call, pem, format);
}
