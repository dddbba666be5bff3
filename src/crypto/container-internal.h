/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crypto/collector.h"
#include "crypto/container.h"

/* Readers of one format each. They read the whole file, or return a negative errno with a problem. *ret_format: static text. */

/* container-pem.c: of text whose escapes are undone. Returns the number of blocks. */
int read_pem(Collector *c, const char *text, const char **ret_format);

/* container-kind.c: says what an upload is that is none of the formats, as in "It is %s.". */
const char *container_kind(const uint8_t *data, size_t size);

/* container-der.c: determines the type from the structure. */
int read_der(Collector *c, const uint8_t *der, size_t size, const char **ret_format);
bool der_is_pkcs7(const uint8_t *der, size_t size);
int read_pkcs7(Collector *c, const uint8_t *der, size_t size);
int read_encrypted_pkcs8(Collector *c, const uint8_t *der, size_t size);

/* container-pkcs12.c */
int read_pkcs12(Collector *c, const uint8_t *der, size_t size);
/* Checks the parameters of an encryption with a passphrase (RFC 8018, RFC 7292 appendix C). -E2BIG with a problem for more
 * iterations or memory than permitted. */
int encryption_check(const X509_ALGOR *algorithm, Problem *problem);
/* The same for the parameters of PBES2, and for a number of iterations. */
int encryption_check_pbes2(const X509_ALGOR *algorithm, Problem *problem);
int encryption_check_iterations(const ASN1_INTEGER *iterations, Problem *problem);
