/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/x509.h>

#include "core/record.h"

#define SKEW_SEC 3600 /* notBefore is this much in the past, for clients whose clocks are slow */

/* Adds extensions (RFC 5280 section 4.2) and other parts to a certificate under construction. Negative
 * errno; -EIO if OpenSSL fails. */

/* name and value: as in x509v3_config(5), "basicConstraints" and "critical,CA:TRUE". Not for untrusted text, which could
 * contain a comma. */
int x509_add_extension(X509 *x, const char *name, const char *value);
int x509_add_extended_key_usage(X509 *x, unsigned purposes);
/* key_id: subject key identifier of the issuer; for a root, its own. */
int x509_add_authority_key_id(X509 *x, const ASN1_OCTET_STRING *key_id);
int x509_add_alternative_names(X509 *x, char *const *names, bool critical);
int x509_add_constraints(X509 *x, char *const *constraints);
/* 128 random bits; ret gets them as upper-case hexadecimal. */
int x509_set_random_serial(X509 *x, char ret[static 33]);
int x509_set_validity(X509 *x, int64_t not_before, int64_t not_after);
int x509_add_name_entry(X509_NAME *name, int nid, const char *value);
/* Creates a certificate with a random serial number. */
int x509_begin(int64_t not_before, int64_t not_after, char serial[static 33], X509 **ret);
/* Sets the issuer and signs; the last step. */
int x509_sign_as(X509 *x, const X509_NAME *issuer, EVP_PKEY *key);
