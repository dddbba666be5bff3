/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/x509v3.h>

#include "core/limits.h"
#include "crypto/authority.h"
#include "crypto/inspect.h"

/* Shared only by authority.c (signing) and root.c (creating an authority). */

struct Authority {
    unsigned n_refs;
    uint64_t generation;
    EVP_PKEY *key;
    X509 *certificate;
    EVP_MD_CTX *signer; /* signing context for the key, to be copied */
    char *issuer;       /* subject as text */
    int64_t not_after;  /* of itself and all authorities above it */
    /* path length: authorities permitted below it (RFC 5280 section 4.2.1.9); LONG_MAX: unlimited */
    long room;
    const ASN1_OCTET_STRING *key_id; /* in the certificate; NULL: none */
    X509 *anchor;                    /* root above it; NULL: it is a root itself */
    /* of an intermediate authority: itself and the chain above it without the root */
    STACK_OF(X509) * upper;
    STACK_OF(X509) * bridges; /* cross-certificates and the chains above them, newest first */
    char *issuers_pem;        /* added to every chain after the leaf: upper, then bridges */
    Chain *issuers_chain;     /* the same; NULL: none */
    NAME_CONSTRAINTS *constraints[LIMIT_CHAIN + 1]; /* of itself and all authorities above it */
    unsigned n_constraints;
};
