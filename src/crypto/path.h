/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crypto/inspect.h"

/* The way from a certificate up to its root (RFC 5280 section 6, RFC 4158). */
typedef struct Path {
    /* The certificate first; without a self-signed root, unless that is the certificate. */
    STACK_OF(X509) * served;
    X509 *anchor; /* the self-signed root, which may be the certificate itself; NULL: it is not known */
    X509 *expired_root; /* what would be the anchor, had it not expired: clients may know another way */
    X509
        *pretender; /* when the issuer of the last is not known: who is called as that and did not sign it */
    bool completed; /* some are from elsewhere than the upload */
} Path;

/* Where to look. */
typedef struct PathSources {
    STACK_OF(X509) * uploaded; /* looked at first */
    STACK_OF(X509) * known;
    /* Certificates named by the hash of their subject (openssl-rehash(1)); NULL: none. */
    const char *directory;
} PathSources;

/* Goes as far as there are issuers. -ENOMEM; -E2BIG above LIMIT_CHAIN. */
int path_build(X509 *x, const PathSources *sources, int64_t now, Path *ret);
void path_done(Path *p);
#define _cleanup_path_ _cleanup_(path_done)
/* What X509_verify_cert() says when the anchor, or without one the last certificate, is what a client trusts: X509_V_OK
 * or X509_V_ERR_*, and at which certificate. purpose: X509_PURPOSE_*. */
int path_verify(const Path *p, int purpose, int64_t now, int *ret_depth);
/* Whether issuer signed x: the signature decides, as several certificates of one authority may have the same name. */
bool x509_issued(X509 *issuer, X509 *x);
bool x509_is_self_signed(X509 *x);
/* Returns true if both have the same name and key. */
bool x509_is_same_authority(X509 *a, X509 *b);
bool x509_list_contains(STACK_OF(X509) * l, X509 *x);
/* The addresses where x says its issuer can be had (RFC 5280 section 4.2.2.1); http and https. */
int x509_issuer_urls(X509 *x, char ***ret);
