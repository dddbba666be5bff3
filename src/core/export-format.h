/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Formats of exported certificates and keys. */

typedef enum ExportFormat {
    EXPORT_PEM,         /* the whole chain */
    EXPORT_DER,         /* the first certificate */
    EXPORT_PKCS7,       /* the whole chain, DER (RFC 2315, degenerate) */
    EXPORT_FINGERPRINT, /* SHA-256 of the first certificate, lower-case hexadecimal */
    _EXPORT_FORMAT_MAX,
    _EXPORT_FORMAT_INVALID = -22,
} ExportFormat;

ExportFormat export_format_from_string(const char *s);

/* A private key with its chain and, where it is known, the root. */
typedef enum KeyFormat {
    KEY_FORMAT_PEM, /* key, then chain; the key is encrypted when there is a passphrase (RFC 5958, PBES2, AES-256) */
    KEY_FORMAT_PKCS12, /* RFC 7292, PBES2, AES-256; needs a passphrase */
    _KEY_FORMAT_MAX,
    _KEY_FORMAT_INVALID = -22,
} KeyFormat;

KeyFormat key_format_from_string(const char *s);
