/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/x509v3.h>

#include "core/limits.h"
#include "crypto/authority.h"
#include "crypto/inspect.h"

/* Shared by authority.c (what an authority is, and what it signs) and root.c (how one comes to be) alone. */

#define SKEW_SEC 3600 /* clients whose clock is behind: notBefore lies this far back */

struct Authority {
    unsigned n_refs;
    uint64_t generation;
    EVP_PKEY *key;
    X509 *certificate;
    EVP_MD_CTX *signer; /* ready to sign with the key, to be copied */
    char *issuer;       /* its subject as text */
    int64_t not_after;  /* of itself and all above it */
    long room; /* how many authorities may stand below it (RFC 5280 section 4.2.1.9), LONG_MAX: any */
    const ASN1_OCTET_STRING *key_id; /* in the certificate; NULL: it has none */
    X509 *anchor;                    /* that it stands below; NULL: it is a root itself */
    STACK_OF(X509) * upper;          /* of an intermediate one: itself and what leads up to the root */
    STACK_OF(X509) * bridges;        /* cross-certificates and what leads up from them, newest first */
    char *issuers_pem;               /* what every chain has behind its leaf: upper, then bridges */
    Chain *issuers_chain;            /* the same; NULL: there are none */
    NAME_CONSTRAINTS *constraints[LIMIT_CHAIN + 1]; /* of itself and of all above it */
    unsigned n_constraints;
};

X509 *x509_new_v3(void);
int x509_add_name_entry(X509_NAME *name, int nid, const char *value);
int x509_sign_with(X509 *x, EVP_PKEY *key);
