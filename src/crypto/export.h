/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/export-format.h"

/* Certificates in PEM, first the one that counts, to a format. */
int export_certificates(const char *pem, ExportFormat format, void **ret, size_t *ret_size);
/* Secrets, erased by who frees them. May take half a second with a passphrase. name: for people who see it in their
 * programs. */
int export_key(const Bundle *b, const char *name, KeyFormat format, const char *passphrase, void **ret,
               size_t *ret_size);
