/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/imported.h"
#include "core/problem.h"

/* Parses uploads in any format: PEM (RFC 7468) in any order, with other text between and any line endings;
 * DER or BASE64 of a certificate or key (RFC 5280, 5958, 8017 appendix A.1.2, 5915); PKCS#12 (RFC 7292);
 * PKCS#7 (RFC 2315). Meant for an unprivileged process: key types are checked before keys are decoded, but
 * OpenSSL's parsers see every byte. */
typedef struct ContainerInput {
    const void *data;
    size_t size;
} ContainerInput;

/* Call this first, while files can still be opened: loads OpenSSL modules, and keeps OpenSSL from reading
 * its configuration. */
void container_init(void);
/* key: a separate file with the key, data NULL: none. passphrase NULL: none given. */
int container_read(const ContainerInput *bundle, const ContainerInput *key, const char *passphrase,
                   Imported **ret, Problem *problem);
