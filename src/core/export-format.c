/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/export-format.h"

#include "util/text.h"

ExportFormat export_format_from_string(const char *s)
{
    static const char *const formats[_EXPORT_FORMAT_MAX] = {
        [EXPORT_PEM] = "pem",
        [EXPORT_DER] = "der",
        [EXPORT_PKCS7] = "pkcs7",
        [EXPORT_FINGERPRINT] = "fingerprint",
    };

    return (ExportFormat)TABLE_FROM_STRING(formats, s);
}

KeyFormat key_format_from_string(const char *s)
{
    static const char *const formats[_KEY_FORMAT_MAX] = {
        [KEY_FORMAT_PEM] = "pem",
        [KEY_FORMAT_PKCS12] = "pkcs12",
    };

    return (KeyFormat)TABLE_FROM_STRING(formats, s);
}
