/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/export-format.h"

/* Converts certificates in PEM, leaf or root first. */
int export_certificates(const char *pem, ExportFormat format, void **ret, size_t *ret_size);
/* Exports the key with its chain: a secret, erased by the caller. Takes up to half a second with a passphrase. name: the
 * friendly name in PKCS#12. */
int export_key(const Bundle *b, const char *name, KeyFormat format, const char *passphrase, void **ret,
               size_t *ret_size);
