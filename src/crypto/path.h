/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "crypto/inspect.h"

/* The path from a certificate up to its root (RFC 5280 section 6, RFC 4158). */
typedef struct Path {
    /* The certificate first; without the self-signed root, unless that is the certificate. */
    STACK_OF(X509) * served;
    X509 *anchor;       /* the self-signed root, possibly the certificate itself; NULL: unknown */
    X509 *expired_root; /* expired anchor: clients may know another path */
    /* if the issuer of the last one is unknown: a certificate with its name that did not sign it */
    X509 *pretender;
    bool completed; /* some certificates are not from the upload */
} Path;

/* Where to look for issuers, and what for. */
typedef struct PathQuery {
    STACK_OF(X509) * uploaded; /* preferred */
    STACK_OF(X509) * known;
    /* Certificates named by subject hash (openssl-rehash(1)); NULL: none. */
    const char *directory;
    bool for_authority; /* the certificate is an authority: everything up to its root is needed */
    int64_t now;
} PathQuery;

/* Of all paths up from x, finds one that clients accept: now, if possible; else as soon as possible; up to a root that
 * is valid, if possible; and of these the one that lasts longest. If clients accept none of them, finds the one that
 * comes closest. -ENOMEM; -E2BIG if all have more than LIMIT_CHAIN certificates. */
int path_build(X509 *x, const PathQuery *query, Path *ret);
void path_done(Path *p);
#define _cleanup_path_ _cleanup_(path_done)
/* Returns the certificate at a depth: one that is served, then the root above them, then NULL. */
X509 *path_at(const Path *p, int depth);
/* Fills in the certificates. */
int path_to_bundle(const Path *p, Bundle *b);
/* Runs X509_verify_cert() with the anchor, or else the last certificate, as trust anchor. Returns X509_V_OK
 * or X509_V_ERR_*, and the depth of the failing certificate. purpose: X509_PURPOSE_*. */
int path_verify(const Path *p, int purpose, int64_t now, int *ret_depth);
/* The same in a fraction of the time, for a path of certificates that signed each other, regardless of faults of the
 * first. */
bool path_is_acceptable(const Path *p, bool for_authority, int64_t now);
/* Returns an authority that does not permit that many authorities below it, one of them the first (RFC 5280 section
 * 4.2.1.9). */
X509 *path_find_short(const Path *p);
/* Returns a certificate of the list that is neither an authority of the path or of another one up from its leaf, nor
 * another certificate for the key of the leaf. */
X509 *path_find_unrelated(const Path *p, STACK_OF(X509) * l);
/* Returns an authority that does not permit the names of the leaf. */
X509 *path_find_constraining(const Path *p);
/* Returns true if issuer is the one that x names, by subject and key identifier. */
bool x509_is_named_issuer(X509 *issuer, X509 *x);
/* Returns true if issuer signed x. Checks the signature, as several certificates of an authority may have
 * the same name. */
bool x509_issued(X509 *issuer, X509 *x);
bool x509_is_self_signed(X509 *x);
/* Returns true if both have the same name and key. */
bool x509_is_same_authority(X509 *a, X509 *b);
bool x509_list_contains(STACK_OF(X509) * l, X509 *x);
/* Returns the URLs of the issuer given in x (RFC 5280 section 4.2.2.1); http and https only. */
int x509_issuer_urls(X509 *x, char ***ret);
