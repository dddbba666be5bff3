/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/x509v3.h>

#include "util/macro.h"

/* Restrictions by authorities: of the names of a leaf, and of the use of its key. */

/* Returns true if name constraints (RFC 5280 section 4.2.1.10) permit the names of a leaf. Unlike for OpenSSL, a wildcard is not
 * permitted if one of the names that it covers is excluded. */
bool constraints_permit(NAME_CONSTRAINTS *constraints, X509 *leaf);
/* The same for the constraints of an authority. */
bool x509_permits_names(X509 *authority, X509 *leaf);
/* Returns why TLS clients reject x as the certificate of a server, as the end of a sentence; NULL: they do not. */
const char *x509_server_flaw(X509 *x);
