/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/problem.h"

/* Certificate signing requests, and the chains that authorities return. Any thread. */

/* Creates a certificate signing request (RFC 2986) for canonical names, with addresses as iPAddress (RFC
 * 8738) and without a common name, signed by the key (PEM, PKCS#8). Returns base64url of its DER. */
int request_make(char *const *names, const char *key, char **ret);
/* Generates a private key, PEM: a secret. */
int request_make_key(KeyType type, char **ret);

/* Parses and checks the chain of an authority (RFC 8555 section 9.1) like an upload: at most LIMIT_CHAIN certificates
 * in any order, of which those are served that path_build() chooses; the key belongs to the leaf; the leaf covers all
 * names and is fit for a server; key types are accepted; it is valid at now or soon. PROBLEM_INVALID_BUNDLE and the
 * like; whose: start of the sentence. */
int request_accept(const char *whose, const char *pem, const char *key, char *const *names, int64_t now,
                   Bundle **ret, Problem *problem);
/* Returns true if the chain ends in, or its last certificate is signed by, an authority with this common
 * name. */
int bundle_has_issuer(const Bundle *b, const char *common_name, bool *ret);
/* Returns the certificate identifier (RFC 9773 section 4.1): base64url of the authority key identifier, ".",
 * base64url of the serial number. -ENODATA if there is no such identifier. */
int certificate_identifier(const char *pem, char **ret);
/* Returns base64url of the DER of the first certificate. */
int certificate_to_base64url(const char *pem, char **ret);
