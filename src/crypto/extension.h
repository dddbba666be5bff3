/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/x509.h>

#include "core/record.h"

/* Adds extensions (RFC 5280 section 4.2) and other parts to a certificate under construction. Negative
 * errno; -EIO if OpenSSL fails. */

/* path_length: of an authority; negative: unlimited. */
int x509_add_basic_constraints(X509 *x, bool ca, int path_length);
int x509_add_key_usage(X509 *x, unsigned bits); /* KU_* of OpenSSL; critical */
int x509_add_extended_key_usage(X509 *x, unsigned purposes);
/* SHA-1 of the public key bits (section 4.2.1.2, method 1): an identifier, not for security. */
int x509_add_subject_key_id(X509 *x);
/* key_id: subject key identifier of the issuer; for a root, its own. */
int x509_add_authority_key_id(X509 *x, const ASN1_OCTET_STRING *key_id);
int x509_add_alternative_names(X509 *x, char *const *names, bool critical);
int x509_add_constraints(X509 *x, char *const *constraints);
/* 128 random bits; ret gets them as upper-case hexadecimal. */
int x509_set_random_serial(X509 *x, char ret[static 33]);
int x509_set_validity(X509 *x, int64_t not_before, int64_t not_after);
