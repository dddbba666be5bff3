/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"

typedef enum ExportFormat {
    EXPORT_PEM,         /* the whole chain */
    EXPORT_DER,         /* the first certificate */
    EXPORT_PKCS7,       /* the whole chain, DER (RFC 2315, degenerate) */
    EXPORT_FINGERPRINT, /* SHA-256 of the first certificate, lower-case hexadecimal */
    _EXPORT_FORMAT_MAX,
    _EXPORT_FORMAT_INVALID = -22,
} ExportFormat;

ExportFormat export_format_from_string(const char *s);
/* Converts PEM certificates, the relevant one first, to a format. */
int export_certificates(const char *pem, ExportFormat format, void **ret, size_t *ret_size);

/* Formats of a private key with its chain and, if known, the root: secrets, to be erased by the caller. */
typedef enum KeyFormat {
    /* key, then chain; the key is encrypted if there is a passphrase (RFC 5958, PBES2, AES-256) */
    KEY_FORMAT_PEM,
    KEY_FORMAT_PKCS12, /* RFC 7292, PBES2, AES-256; needs a passphrase */
    _KEY_FORMAT_MAX,
    _KEY_FORMAT_INVALID = -22,
} KeyFormat;

KeyFormat key_format_from_string(const char *s);
/* May take half a second with a passphrase. name: friendly name, shown by other programs. */
int export_key(const Bundle *b, const char *name, KeyFormat format, const char *passphrase, void **ret,
               size_t *ret_size);
