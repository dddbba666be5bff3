/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/x509.h>

#include "core/chain.h"
#include "crypto/key.h"

/* From OpenSSL's certificates to what is worth knowing of them, and to text. */

static inline void x509_stack_freep(STACK_OF(X509) * *l)
{
    sk_X509_pop_free(*l, X509_free);
}
#define _cleanup_x509_stack_ _cleanup_(x509_stack_freep)

/* RFC 4514. */
int x509_name_to_text(const X509_NAME *name, char **ret);
int x509_serial_to_text(const ASN1_INTEGER *serial, char **ret);
/* Lower-case hexadecimal SHA-256 of the DER. */
int x509_fingerprint(X509 *x, char ret[static 65]);
int64_t asn1_time_to_seconds(const ASN1_TIME *t);
int x509_to_pem(X509 *x, char **ret);
/* Behind what is in *text, which may be NULL. */
int x509_append_pem(char **text, X509 *x);
/* All certificates in PEM text, in its order; -EBADMSG when there is none or something else. */
int x509_list_from_pem(const char *pem, STACK_OF(X509) * *ret);
/* The names that a server certificate is for: its DNS and IP subject alternative names, or its common name
 * when it has no DNS one (RFC 6125 section 6.4.4). What is no valid name is left out. */
int x509_names(X509 *x, char ***ret);
/* Leaf first. */
int chain_from_x509(STACK_OF(X509) * l, Chain **ret);
int chain_from_pem(const char *pem, Chain **ret);
