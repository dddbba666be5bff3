/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crypto/collector.h"
#include "crypto/container.h"

/* The formats, each of which knows those below it alone. All of one file is read: -EBADMSG or another negative errno with a
 * problem. */

/* container-pem.c, container-der.c: by what it looks like. *ret_format: static text. */
int read_pem(Collector *c, const char *text, size_t size, const char **ret_format);
int read_der(Collector *c, const uint8_t *der, size_t size, const char **ret_format);
bool der_is_pkcs7(const uint8_t *der, size_t size);
int read_pkcs7(Collector *c, const uint8_t *der, size_t size);
int read_encrypted_pkcs8(Collector *c, const uint8_t *der, size_t size);

/* container-pkcs12.c */
int read_pkcs12(Collector *c, const uint8_t *der, size_t size);
/* The passphrase-based encryption that an algorithm stands for (RFC 8018, RFC 7292 appendix C): -E2BIG with a problem when
 * it wants more iterations than are allowed. */
int encryption_check(const X509_ALGOR *algorithm, Problem *problem);
