/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/x509.h>

#include "core/chain.h"
#include "crypto/key.h"

/* Converts OpenSSL certificates to metadata and text. */

static inline void x509_stack_freep(STACK_OF(X509) * *l)
{
    sk_X509_pop_free(*l, X509_free);
}
#define _cleanup_x509_stack_ _cleanup_(x509_stack_freep)
DEFINE_CLEANUP(X509_STORE *, X509_STORE_free);
#define _cleanup_store_ _cleanup_(X509_STORE_freep)
DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free);
#define _cleanup_context_ _cleanup_(X509_STORE_CTX_freep)

/* RFC 4514. */
int x509_name_to_text(const X509_NAME *name, char **ret);
int x509_serial_to_text(const ASN1_INTEGER *serial, char **ret);
/* Lower-case hexadecimal SHA-256 of the DER. */
int x509_fingerprint(X509 *x, char ret[static 65]);
int64_t asn1_time_to_seconds(const ASN1_TIME *t);
/* Appends to *text, which may be NULL. */
int x509_append_pem(char **text, X509 *x);
/* Reads all certificates of a PEM text in order; -EBADMSG if there are none, or anything else. */
int x509_list_from_pem(const char *pem, STACK_OF(X509) * *ret);
/* Returns the first of them. */
int x509_from_pem(const char *pem, X509 **ret);
/* Returns the names of a server certificate: its DNS and IP subject alternative names, or its common name if
 * there is no DNS name (RFC 6125 section 6.4.4). Invalid names are dropped. */
int x509_names(X509 *x, char ***ret);
/* Leaf first. */
int chain_from_x509(STACK_OF(X509) * l, Chain **ret);
int chain_from_pem(const char *pem, Chain **ret);
