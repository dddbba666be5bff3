/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"

typedef enum ExportFormat {
    EXPORT_PEM,   /* the whole chain */
    EXPORT_DER,   /* the first certificate */
    EXPORT_PKCS7, /* the whole chain, DER (RFC 2315, degenerate) */
    _EXPORT_FORMAT_MAX,
    _EXPORT_FORMAT_INVALID = -22,
} ExportFormat;

ExportFormat export_format_from_string(const char *s);
/* Certificates in PEM, first the one that counts, to a format. */
int export_certificates(const char *pem, ExportFormat format, void **ret, size_t *ret_size);
